//! What a room knows about words, between its recogniser and its translators: the trade's terms as they should be heard and said.
//!
//! The decisions are the glossary's and [`doubt`]'s; here they meet the jobs. A [`super::speaker`] asks with [`vocabulary`] and lets
//! [`put_right`] read what was heard; a [`super::lane`] asks for [`worded`] text. `offline` does the same.

use super::{conversation::Conversation, event::Stretch};
use crate::{
    asr::Hypothesis,
    language::{Language, Spoken},
    privacy::Redacted,
    trade::{Glossary, doubt},
};

/// Loads what the first repair would load.
pub fn warm_up() {
    for language in [Language::ZH, Language::EN] {
        Glossary::starter().repair("500个 500 pieces", language);
    }
}

/// Characters of the room's own terms that the recogniser is told. Every token of a prompt is decoded before the first word of the
/// clip.
const VOCABULARY: usize = 100;

/// The room's own terms, for a recogniser that knows in which language they will be said.
pub fn vocabulary(talk: &Conversation, spoken: Spoken) -> Option<Redacted> {
    let words = talk.own_glossary().vocabulary(spoken.fixed()?, VOCABULARY)?;
    Some(words.into())
}

/// `asked`, a segment, with the trade's expressions as its translation is to call them: a small model copies what is already in the
/// language that it writes, and that costs nothing. (The same as examples before the segment are 20 to 30 tokens more to read
/// each. In brackets behind the word it was copied less often.)
pub fn worded(asked: &str, from: Language, to: Language, talk: &Conversation) -> String {
    // Where words take endings a word as the glossary has it is wrong more often than not.
    let plain = |language: Language| language == Language::ZH || language == Language::EN;
    let glossary = if plain(to) { talk.glossary() } else { talk.own_glossary() };
    let (mut out, mut at) = (String::with_capacity(asked.len()), 0);
    for term in glossary.wanted(asked, from, to).into_iter().filter(|term| term.asked) {
        out.push_str(asked.get(at..term.place.start).unwrap_or(""));
        at = term.place.end;
        let gap = |beside: Option<char>| if from.is_unspaced() && beside.is_some_and(char::is_alphanumeric) { " " } else { "" };
        let (before, behind) = (gap(out.chars().next_back()), gap(asked.get(at..).and_then(|rest| rest.chars().next())));
        out.push_str(before);
        out.push_str(&term.target);
        out.push_str(behind);
    }
    out.push_str(asked.get(at..).unwrap_or(""));
    out
}

/// `hypothesis` with its misheard terms put right, and the amounts that are in it then. `before` is what the speaker said just before:
/// it may speak for a term, and is not changed any more.
pub fn put_right(mut hypothesis: Hypothesis, before: &str, talk: &Conversation) -> (Hypothesis, Vec<doubt::Heard>) {
    if hypothesis.text.is_blank() {
        return (hypothesis, Vec::new());
    }
    let language = hypothesis.language;
    let (heard, glossary) = (hypothesis.text.expose(), talk.glossary());
    let whole = glossary.repair(&format!("{before}{heard}"), language);
    let text = whole.strip_prefix(before).map_or_else(|| glossary.repair(heard, language), str::to_owned);
    let tokens = hypothesis.tokens.iter().map(|token| (token.text.expose(), token.probability));
    let amounts = doubt::heard(&text, language, &talk.context(), tokens);
    hypothesis.text = text.into();
    (hypothesis, amounts)
}

/// Where those amounts stand that were not heard well.
pub fn doubtful(amounts: &[doubt::Heard]) -> Vec<Stretch> {
    let doubtful = amounts.iter().filter(|heard| heard.is_doubtful());
    doubtful.map(|heard| Stretch { from: heard.place.start, to: heard.place.end }).collect()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::asr::AsrToken;

    fn heard(language: Language, tokens: &[(&str, f32)]) -> Hypothesis {
        let tokens: Vec<AsrToken> = tokens
            .iter()
            .map(|(text, probability)| AsrToken {
                text: (*text).into(),
                from: Duration::ZERO,
                to: Duration::ZERO,
                probability: *probability,
            })
            .collect();
        let text: String = tokens.iter().map(|token| token.text.expose()).collect();
        Hypothesis { text: text.trim().into(), language, tokens, no_speech: 0.0 }
    }

    #[test]
    fn a_misheard_term_is_put_right_and_a_number_that_was_not_heard_well_is_marked() {
        let talk = Conversation::new(Arc::new(Glossary::parse("zh,en,sounds_like\n蓝湾,Lanwan,兰弯\n").unwrap()));
        let hypothesis = heard(Language::ZH, &[("兰弯", 0.3), ("的要", 0.9), ("三", 0.2), ("百个", 0.9), ("，八块", 0.9)]);
        let (hypothesis, amounts) = put_right(hypothesis, "", &talk);
        assert_eq!(hypothesis.text.expose(), "蓝湾的要三百个，八块");
        assert_eq!(doubtful(&amounts), [Stretch { from: 4, to: 7 }], "of two amounts the one");
        let (nothing, amounts) = put_right(heard(Language::ZH, &[]), "我要", &talk);
        assert!(nothing.text.is_blank() && amounts.is_empty());
    }

    #[test]
    fn what_was_said_before_speaks_for_a_term_and_stays() {
        let talk = Conversation::new(Arc::new(Glossary::parse("zh,en,near\n蓝绸,blue silk,布料\n").unwrap()));
        let right = |before: &str, text: &str| put_right(heard(Language::ZH, &[(text, 0.9)]), before, &talk).0.text.into_inner();
        assert_eq!(right("", "蓝愁多少钱"), "蓝愁多少钱");
        assert_eq!(right("这种布料是", "蓝愁多少钱"), "蓝绸多少钱");
        assert_eq!(right("布料蓝愁", "布料是蓝愁吗"), "布料是蓝绸吗");
    }

    #[test]
    fn expressions_are_asked_for_as_they_are_to_be_called() {
        let own = Glossary::parse("zh,en,es\n蓝湾,Lanwan,Bahía Azul\n").unwrap();
        let talk = Conversation::new(Arc::new(own));
        let (zh, en, es) = (Language::ZH, Language::EN, "es".parse().unwrap());
        assert_eq!(worded("蓝湾的装箱单呢？", zh, en, &talk), "Lanwan 的 packing list 呢？");
        assert_eq!(
            worded("Is the packing list in order?", en, zh, &talk),
            "Is the 装箱单 in order?",
            "order is an everyday word"
        );
        assert_eq!(worded("蓝湾的装箱单呢？", zh, es, &talk), "Bahía Azul 的装箱单呢？", "its own terms only");
        assert_eq!(worded("随便看看。", zh, en, &talk), "随便看看。");
    }

    #[test]
    fn the_recogniser_is_told_what_it_cannot_know() {
        let talk = Conversation::new(Arc::new(Glossary::parse("zh,en\n蓝湾,Lanwan\n").unwrap()));
        assert_eq!(vocabulary(&talk, Spoken::Fixed(Language::ZH)), Some("蓝湾".into()));
        assert_eq!(vocabulary(&talk, Spoken::Auto), None, "nobody knows which word it will be");
        assert_eq!(vocabulary(&Conversation::default(), Spoken::Fixed(Language::ZH)), None);
    }
}
