//! What a room knows about words, between its recogniser and its translators: the trade's terms as they should be heard and said.
//!
//! The decisions are the glossary's and [`doubt`]'s; here they meet the jobs. A [`super::speaker`] asks with [`vocabulary`] and lets
//! [`put_right`] read what was heard. `offline` does the same.

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

/// `hypothesis` with its misheard terms put right, and the amounts that are in it then.
pub fn put_right(mut hypothesis: Hypothesis, talk: &Conversation) -> (Hypothesis, Vec<doubt::Heard>) {
    if hypothesis.text.is_blank() {
        return (hypothesis, Vec::new());
    }
    let language = hypothesis.language;
    let text = talk.glossary().repair(hypothesis.text.expose(), language);
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
        let (hypothesis, amounts) = put_right(hypothesis, &talk);
        assert_eq!(hypothesis.text.expose(), "蓝湾的要三百个，八块");
        assert_eq!(doubtful(&amounts), [Stretch { from: 4, to: 7 }], "of two amounts the one");
        let (nothing, amounts) = put_right(heard(Language::ZH, &[]), &talk);
        assert!(nothing.text.is_blank() && amounts.is_empty());
    }

    #[test]
    fn the_recogniser_is_told_what_it_cannot_know() {
        let talk = Conversation::new(Arc::new(Glossary::parse("zh,en\n蓝湾,Lanwan\n").unwrap()));
        assert_eq!(vocabulary(&talk, Spoken::Fixed(Language::ZH)), Some("蓝湾".into()));
        assert_eq!(vocabulary(&talk, Spoken::Auto), None, "nobody knows which word it will be");
        assert_eq!(vocabulary(&Conversation::default(), Spoken::Fixed(Language::ZH)), None);
    }
}
