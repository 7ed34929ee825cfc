//! Decides whether an answer may be shown and spoken as the translation. Pure text against text.
//!
//! A small model sometimes answers the speaker, explains itself, repeats the source, falls into a loop or another language. None
//! of that may reach a listener as the speaker's words. Called by `decoder_lm` after every try.

use std::sync::LazyLock;

use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use unicode_script::{Script, UnicodeScript};

use crate::{language::Language, mt::MtJob};

/// Why an answer is no translation. Carries no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing but white space.
    #[error("the answer was empty")]
    Empty,
    /// It contains a marker of the prompt format.
    #[error("the answer contained control tokens")]
    ControlTokens,
    /// It talks to the speaker or about the translation.
    #[error("the model answered instead of translating")]
    Answered,
    /// It adds a note in brackets or in further paragraphs.
    #[error("the model added an explanation")]
    Explained,
    /// It is the source again.
    #[error("the model repeated the source")]
    Echo,
    /// It is in a script that the target language is not written in.
    #[error("the answer was in another script than the target language")]
    WrongScript,
    /// It is far longer than the source can be.
    #[error("the answer was far too long")]
    TooLong,
    /// It is far shorter than the source: something is missing.
    #[error("the answer was far too short")]
    TooShort,
    /// It says the same again and again.
    #[error("the model fell into a loop")]
    Loop,
}

/// True when there is something to translate: digits and signs alone are the same in every language.
pub fn needs_translation(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// True when a text in `to` may contain `part`: letters of the language's own scripts, Latin ones (names), and no others.
pub fn may_write(to: Language, part: &str) -> bool {
    let foreign = |script| !matches!(script, Script::Latin | Script::Common | Script::Inherited | Script::Unknown);
    part.chars().filter(|c| c.is_alphabetic()).all(|c| to.info().scripts.contains(&c.script()) || !foreign(c.script()))
}

/// The translation in `answer` with harmless wrapping removed, or why there is none.
///
/// # Errors
/// The first [`Rejection`] that applies.
pub fn accept(job: &MtJob, answer: &str) -> Result<String, Rejection> {
    let source = job.text.expose().trim();
    if ["<|", "|>", "im_start", "im_end"].iter().any(|mark| answer.contains(mark) && !source.contains(mark)) {
        return Err(Rejection::ControlTokens);
    }
    let text = unwrap(source, answer.trim());
    if text.is_empty() {
        return Err(Rejection::Empty);
    }
    if talks_about_itself(source, text) || declines(job.from, source, text) {
        return Err(Rejection::Answered);
    }
    if explains(source, text) {
        return Err(Rejection::Explained);
    }
    if loops(text) && !loops(source) {
        return Err(Rejection::Loop);
    }
    if echoes(source, text) {
        return Err(Rejection::Echo);
    }
    check_script(job.to, source, text)?;
    check_length(source, text)?;
    // Line ends inside one utterance are layout: nobody speaks them.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(if job.to == Language::ZH { simplified(&text) } else { text })
}

/// True when an answer that is still being generated is acceptable so far, and would be taken as it is: nothing to unwrap, nothing
/// to convert. How short it is says nothing yet.
pub fn acceptable_so_far(job: &MtJob, answer: &str) -> bool {
    let source = job.text.expose().trim();
    let text = answer.trim_start();
    let letters = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wrapped = text.starts_with(['"', '“', '「', '『', '«', '‘', '<']) || text.contains(['\n', '\u{fffd}']);
    // As much of a label as is there.
    let lower = text.to_lowercase();
    let labelled = |label: &str| label.starts_with(&lower) || is_labelled(source, text, label);
    !wrapped
        && !LABELS.iter().any(|label| labelled(label))
        && !text.contains("<|")
        && !talks_about_itself(source, text)
        && !declines(job.from, source, text)
        && !explains(source, text)
        && !loops(text)
        && !letters(source).starts_with(&letters(text))
        && check_script(job.to, source, text).is_ok()
        && !matches!(check_length(source, text), Err(Rejection::TooLong))
        && (job.to != Language::ZH || simplified(text) == text)
}

/// What a model writes before a translation.
const LABELS: [&str; 8] = ["translation:", "english:", "chinese:", "simplified chinese:", "译文：", "翻译：", "译文:", "翻译:"];

/// True when `text` begins with `label`, and `source` does not.
fn is_labelled(source: &str, text: &str, label: &str) -> bool {
    let begins = |text: &str| text.get(..label.len()).is_some_and(|start| start.to_lowercase() == label);
    begins(text) && !begins(source)
}

/// Quotation marks around the whole and a label before it, when the source has neither.
fn unwrap<'a>(source: &str, answer: &'a str) -> &'a str {
    const QUOTES: [(char, char); 6] = [('"', '"'), ('“', '”'), ('「', '」'), ('『', '』'), ('«', '»'), ('‘', '’')];
    let mut text = answer;
    for label in LABELS {
        if is_labelled(source, text, label) {
            text = text.get(label.len()..).unwrap_or("").trim_start();
        }
    }
    for (open, close) in QUOTES {
        if let Some(inner) = text.strip_prefix(open).and_then(|t| t.strip_suffix(close)) {
            let source_is_quoted = QUOTES.iter().any(|(o, c)| source.starts_with(*o) && source.ends_with(*c));
            // `“a” and “b”` is not wrapped: its first mark closes before the end.
            if !source_is_quoted && !inner.contains([open, close]) {
                text = inner.trim();
            }
        }
    }
    text
}

/// Phrases of an assistant, each with what must be in the source for it to be a translation after all.
fn talks_about_itself(source: &str, text: &str) -> bool {
    const PHRASES: &[&str] = &[
        "as an ai",
        "language model",
        "ai assistant",
        "i'm just an ai",
        "here is the translat",
        "here's the translat",
        "the translation is",
        "translation of the",
        "translates to",
        "translated as",
        "how can i assist",
        "i can't assist",
        "i cannot assist",
        "作为一个人工智能",
        "作为ai",
        "作为一个ai",
        "语言模型",
        "人工智能助手",
        "以下是翻译",
        "翻译如下",
        "翻译成",
        "这句话的意思是",
        "翻译结果",
        "como modelo de lenguaje",
        "como una ia",
        "aquí está la traducción",
        "la traducción es",
        "как языковая модель",
        "вот перевод",
        "en tant qu'ia",
    ];
    // Said by the speaker, these topics make the phrases innocent.
    const TOPICS: &[&str] = &[
        "translat",
        "assist",
        " ai",
        "language model",
        "翻译",
        "人工智能",
        "语言模型",
        "助手",
        "意思",
        "tradu",
        "перев",
        "帮",
        "help",
        "인공지능",
        "번역",
    ];
    let (source, text) = (format!(" {}", source.to_lowercase()), text.to_lowercase().replace('’', "'"));
    PHRASES.iter().any(|p| text.contains(p)) && !TOPICS.iter().any(|t| source.contains(t))
}

/// An assistant's apology for not doing what it was asked, where the speaker neither apologises nor denies anything. It comes of words
/// that make no sense, misheard ones or half a sentence. Where it is not known how `from` says such things nothing is taken for one.
fn declines(from: Language, source: &str, text: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "i'm sorry, but i",
        "i am sorry, but i",
        "i'm sorry, i ",
        "sorry, but i ",
        "sorry, i ",
        "对不起，我",
        "对不起，但",
        "抱歉，我",
        "抱歉，但",
        "很抱歉，",
        "lo siento, pero",
        "lo siento, no",
    ];
    const INNOCENT: &[(&str, &[&str])] = &[
        ("zh", &["不", "没", "无", "别", "非", "难", "憾", "歉", "对不起"]),
        ("en", &["no", "n't", "never", "unable", "sorry", "apolog", "afraid", "unfortunate", "excuse", "pardon", "regret"]),
        ("es", &["no", "sin", "nunca", "nada", "siento", "perd", "disculp", "lament"]),
    ];
    let Some((_, innocent)) = INNOCENT.iter().find(|(tag, _)| *tag == from.tag()) else { return false };
    let (source, text) = (source.to_lowercase(), text.to_lowercase().replace('’', "'"));
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) && !innocent.iter().any(|word| source.contains(word))
}

/// Brackets, or a second paragraph, that the source has not.
fn explains(source: &str, text: &str) -> bool {
    const BRACKETS: [char; 6] = ['(', '（', '[', '【', '{', '`'];
    let bracketed = text.contains(BRACKETS) && !source.contains(BRACKETS);
    let paragraphs = |s: &str| s.lines().filter(|line| !line.trim().is_empty()).count();
    bracketed || paragraphs(text) > paragraphs(source).max(1)
}

/// Same words in the same order, and enough of them that it is no name (`Coca-Cola`), loan word (`hotel`) or `OK`.
fn echoes(source: &str, text: &str) -> bool {
    let letters = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let words = units(source).into_iter().filter(|u| u.chars().any(char::is_alphabetic)).count();
    words >= 4 && letters(source) == letters(text)
}

/// Words, or characters in scripts that are written without spaces; signs are dropped.
fn units(text: &str) -> Vec<String> {
    let mut units = vec![String::new()];
    for c in text.chars() {
        if is_dense(c) {
            units.extend([c.to_string(), String::new()]);
        } else if c.is_alphanumeric() {
            if let Some(last) = units.last_mut() {
                last.extend(c.to_lowercase());
            }
        } else if !matches!(c, '\'' | '’') && !is_mark(c) {
            units.push(String::new());
        }
    }
    units.retain(|u| !u.is_empty());
    units
}

/// Vowel signs and accents of their own belong to the word they stand in.
fn is_mark(c: char) -> bool {
    c.script() == Script::Inherited || unicode_normalization::char::is_combining_mark(c)
}

/// A character that says about as much as a short syllable.
fn is_dense(c: char) -> bool {
    matches!(c.script(), Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul)
}

/// One to eight units, four times in a row or more, and at least six units in all.
fn loops(text: &str) -> bool {
    let units = units(text);
    (1..=8).any(|period| {
        let mut run = 0;
        (period..units.len()).any(|i| {
            run = if units[i] == units[i - period] { run + 1 } else { 0 };
            // `run` counts the units that repeat what stood `period` before: the first round is not in it.
            run + period >= (4 * period).max(6)
        })
    })
}

/// Letters must be of the target's scripts. Latin words may stand in any text when they are names: the source has them too, or
/// they are few.
fn check_script(to: Language, source: &str, text: &str) -> Result<(), Rejection> {
    let scripts = to.info().scripts;
    let (mut own, mut foreign) = (0usize, 0usize);
    let lower = source.to_lowercase();
    for unit in units(text) {
        let Some(letter) = unit.chars().find(|c| c.is_alphabetic()) else { continue };
        let script = letter.script();
        if scripts.contains(&script) {
            own += 1;
        } else if script == Script::Latin {
            // Model numbers (`XT20`), sizes (`XL`) and names that the speaker said are no foreign words.
            let copied = lower.contains(&unit) || unit.chars().any(|c| c.is_ascii_digit()) || unit.len() <= 2;
            foreign += usize::from(!copied);
        } else if !matches!(script, Script::Common | Script::Inherited) {
            return Err(Rejection::WrongScript);
        }
    }
    // A dense script has a few units per word, the others one: the same share of foreign words either way is generous enough.
    if foreign * 2 > own || (own == 0 && !lower.chars().all(|c| !c.is_alphabetic() || c.script() == Script::Latin)) {
        return Err(Rejection::WrongScript);
    }
    Ok(())
}

/// Lengths in letters, where a dense character counts as much as three.
fn check_length(source: &str, text: &str) -> Result<(), Rejection> {
    let length = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).map(|c| if is_dense(c) { 3 } else { 1 }).sum::<usize>();
    let (source, text) = (length(source), length(text));
    // Interpretations of real speech stay within 0.4 and 2.5; the constants are for the shortest utterances.
    if text > 24 + 4 * source {
        return Err(Rejection::TooLong);
    }
    if text * 4 + 8 < source {
        return Err(Rejection::TooShort);
    }
    Ok(())
}

/// Traditional characters as simplified ones.
fn simplified(text: &str) -> String {
    static T2S: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::T2s).ok());
    T2S.as_ref().map_or_else(|| text.to_owned(), |t2s| t2s.convert(text))
}
