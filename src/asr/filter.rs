//! Throws out what Whisper makes up: pure, called on every hypothesis.
//!
//! Trained on subtitles, Whisper answers noise with a subtitle's usual ending, loops on short windows and describes sounds in
//! brackets. Each rule here asks for evidence besides the words: somebody who clearly says "thank you" is heard.

use std::{borrow::Cow, time::Duration};

use unicode_script::{Script, UnicodeScript};

use crate::language::Language;

/// What is known about a text besides its words.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The language it is said to be in.
    pub language: Language,
    /// The model's probability that nobody spoke, 0..=1.
    pub no_speech: f32,
    /// Geometric mean of the tokens' probabilities, 0..=1.
    pub probability: f32,
    /// How long the loud part of the clip is.
    pub speech: Duration,
    /// The general prompt that stood before the clip: noise makes Whisper recite it.
    pub prompted: Option<&'static str>,
    /// The text goes on after words of the same clip that were believed: it may be a full stop only, or "thank you" at the end.
    pub continues: bool,
}

/// With a probability of silence above this...
const NO_SPEECH: f32 = 0.3;
/// ...words below this mean probability are noise. Measured with the base model: clear speech 0.6 to 0.99 with a silence below
/// 0.23, crowds, trains and shops 0.20 to 0.45 with a silence of 0.18 to 0.86. (OpenAI's pair is 0.6 and 0.37.)
pub(super) const UNSURE: f32 = 0.5;
/// Below this the words are guesses whatever the rest says.
pub(super) const GUESSING: f32 = 0.33;
/// A stock phrase needs a mean probability of at least this...
const STOCK_SURE: f32 = 0.8;
/// ...and at most this probability of silence...
const STOCK_NO_SPEECH: f32 = 0.3;
/// ...and so much sound for each character (nobody says more than 16 letters or 8 syllables a second).
const SOUND_PER_LETTER: Duration = Duration::from_millis(60);

/// What subtitles end with, normalised (lower case, letters and digits only). Matched as the whole output.
const STOCK_PHRASES: &[&str] = &[
    "you",
    "thankyou",
    "thankyouverymuch",
    "thanks",
    "thanksforwatching",
    "thankyouforwatching",
    "thankssomuchforwatching",
    "thanksforlistening",
    "pleasesubscribe",
    "pleaselikeandsubscribe",
    "seeyounexttime",
    "seeyouinthenextvideo",
    "bye",
    "byebye",
    "theend",
    "谢谢",
    "谢谢大家",
    "谢谢观看",
    "感谢观看",
    "感谢收看",
    "感谢您的观看",
    "谢谢大家观看",
    "我们下期再见",
    "请订阅",
    "订阅",
    "字幕",
    "明镜",
    "完",
    "ご視聴ありがとうございました",
    "ご清聴ありがとうございました",
    "ありがとうございました",
    "시청해주셔서감사합니다",
    "구독과좋아요부탁드립니다",
    "продолжениеследует",
    "спасибозапросмотр",
    "подписывайтесьнаканал",
    "graciasporverelvideo",
    "graciasporver",
    "graciasporvernos",
    "suscríbetealcanal",
    "mercidavoirregardécettevidéo",
    "mercidavoirregardé",
    "obrigadoporassistir",
    "vielendankfürszuschauen",
    "bisbaldundtschüss",
    "grazieperlavisione",
    "grazieperaverguardatoilvideo",
    "شكراللمشاهدة",
    "اشتركوافيالقناة",
    "izlediğiniziçinteşekkürler",
];

/// Credits that no conversation holds: enough anywhere in an output, normalised, when the evidence is weak.
const CREDITS: &[&str] = &[
    "字幕由",
    "字幕志愿者",
    "字幕制作",
    "字幕提供",
    "请不吝点赞",
    "点赞订阅转发",
    "打赏支持",
    "明镜与点点",
    "mingpao",
    "amaraorg",
    "subtitlesby",
    "captionsby",
    "transcriptionby",
    "soustitresréaliséspar",
    "soustitragest",
    "untertitelungdeszdf",
    "untertitelderamara",
    "субтитрысделал",
    "редакторсубтитров",
    "subtítulosrealizadospor",
    "subtítulosporlacomunidad",
    "legendaspelacomunidad",
    "sottotitolicreati",
    "sottotitoliacuradi",
    "チャンネル登録",
];

/// `text` without what was made up; empty when all of it was.
pub fn clean(text: &str, evidence: &Evidence) -> String {
    let text = collapse_repeats(&without_annotations(text));
    let text = text.trim();
    let said = normalised(text);
    let believed = (evidence.continues || !said.is_empty())
        && evidence.probability >= GUESSING
        && !(evidence.no_speech > NO_SPEECH && evidence.probability < UNSURE)
        && is_plausible_script(text, evidence.language)
        && !(is_recited(&said, evidence) && evidence.probability < UNSURE)
        && !(!evidence.continues && is_stock(&said) && is_weak(&said, evidence));
    if believed { text.to_owned() } else { String::new() }
}

/// Letters that nobody says twice by chance: four or five words.
const AGAIN: usize = 20;
/// The same where a character is a syllable or more.
const AGAIN_UNSPACED: usize = 8;

/// True when `heard`, which should go on behind `committed`, says a stretch of it again: Whisper lost its place and began anew.
pub(super) fn says_again(committed: &str, heard: &str, language: Language) -> bool {
    let (committed, heard) = (normalised(committed), normalised(heard));
    let least = if language.is_unspaced() { AGAIN_UNSPACED } else { AGAIN };
    let bounds: Vec<usize> = heard.char_indices().map(|(at, _)| at).chain([heard.len()]).collect();
    let runs = bounds.iter().zip(bounds.iter().skip(least));
    runs.filter_map(|(from, to)| heard.get(*from..*to)).any(|run| committed.contains(run))
}

/// True for a piece of the prompt. Those are the words people say here, so little doubt is not enough.
fn is_recited(said: &str, evidence: &Evidence) -> bool {
    evidence.prompted.is_some_and(|prompt| normalised(prompt).contains(said))
}

fn is_stock(said: &str) -> bool {
    // Japanese is in the lists as it is written, Chinese in simplified characters.
    [said, &*super::chinese::simplified(said)]
        .into_iter()
        .any(|said| STOCK_PHRASES.contains(&said) || CREDITS.iter().any(|credit| said.contains(credit)))
}

/// True when the sound does not bear out `said`.
fn is_weak(said: &str, evidence: &Evidence) -> bool {
    let letters = u32::try_from(said.chars().count()).unwrap_or(u32::MAX);
    evidence.probability < STOCK_SURE
        || evidence.no_speech > STOCK_NO_SPEECH
        || evidence.speech < SOUND_PER_LETTER.saturating_mul(letters)
}

/// Letters and digits only, in lower case.
fn normalised(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether `text` can be in `language` at all: foreign names and "OK" are Latin everywhere, any other script must be one of the
/// language's own for at least half of the letters.
fn is_plausible_script(text: &str, language: Language) -> bool {
    let scripts = language.info().scripts;
    let (mut own, mut foreign) = (0_usize, 0_usize);
    for script in text.chars().filter(|c| c.is_alphabetic()).map(|c| c.script()) {
        if scripts.contains(&script) {
            own += 1;
        } else if !matches!(script, Script::Latin | Script::Common | Script::Inherited) {
            foreign += 1;
        }
    }
    foreign <= own
}

/// Removes "[Music]", "(laughs)", "【掌声】", "*sighs*" and notes. Brackets with digits stay: those may be a price.
fn without_annotations(text: &str) -> Cow<'_, str> {
    const PAIRS: &[(char, char)] = &[('[', ']'), ('(', ')'), ('（', '）'), ('【', '】'), ('*', '*'), ('〔', '〕')];
    let mut text = Cow::Borrowed(text);
    for (open, close) in PAIRS {
        let mut from = 0;
        while let Some(start) = text[from..].find(*open).map(|at| from + at) {
            let inside = start + open.len_utf8();
            let Some(end) = text[inside..].find(*close).map(|at| inside + at) else { break };
            if text[inside..end].chars().any(char::is_numeric) {
                from = end + close.len_utf8();
            } else {
                text = Cow::Owned(format!("{}{}", &text[..start], &text[end + close.len_utf8()..]));
                from = start;
            }
        }
    }
    if text.contains(['♪', '♫', '♬']) { Cow::Owned(text.replace(['♪', '♫', '♬'], "")) } else { text }
}

/// Longest repeated unit that is looked for, in characters: a short sentence.
const LONGEST_UNIT: usize = 40;

/// Keeps one of a stretch of characters that repeats: six of a single one, or four of a longer one. Numbers are left alone.
fn collapse_repeats(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        let rest = &chars[at..];
        let found = (1..=LONGEST_UNIT.min(rest.len() / 4)).find_map(|unit| {
            let times = 1 + rest.chunks_exact(unit).skip(1).take_while(|chunk| *chunk == &rest[..unit]).count();
            let says_something = rest[..unit].iter().any(|c| c.is_alphabetic());
            (says_something && times >= if unit == 1 { 6 } else { 4 }).then_some((unit, times))
        });
        match found {
            Some((unit, times)) => {
                kept.extend(&rest[..unit]);
                at += unit * times;
                // A loop that was cut off ends with the beginning of one more turn.
                let turn = &rest[..unit];
                at += chars[at..].iter().zip(turn).take_while(|(a, b)| a == b).count()
                    * usize::from(is_cut_turn(&chars[at..], turn));
            }
            None => {
                kept.push(*c);
                at += 1;
            }
        }
    }
    kept
}

/// True when `rest` is the whole remaining text and only the beginning of `turn`.
fn is_cut_turn(rest: &[char], turn: &[char]) -> bool {
    turn.starts_with(rest)
}

#[cfg(test)]
mod tests;
