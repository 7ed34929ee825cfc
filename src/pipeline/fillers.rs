//! Leaves out the sounds of somebody who is thinking (pure): an interpreter does not interpret them, and saying them takes time.
//!
//! Only sounds that mean nothing anywhere; who says nothing else is heard saying it, because a lone 嗯 is a yes. The caption of the
//! speaker's words keeps them. Used by [`super::amounts::job`], so by everything that is translated.

use crate::language::Language;

/// What is no word, in lower case.
fn sounds(language: Language) -> &'static [&'static str] {
    match language.tag() {
        "zh" => &["嗯", "呃", "唔"],
        "en" => &["um", "umm", "uh", "uhm", "uhh", "erm", "hmm"],
        "de" => &["äh", "ähm", "hm"],
        "fr" => &["euh", "heu"],
        "ru" => &["э", "ээ", "эм"],
        "ja" => &["えーと", "えっと", "あのー"],
        _ => &[],
    }
}

/// `text` without them; as it is, if nothing else is in it.
pub fn without(text: &str, language: Language) -> String {
    let sounds = sounds(language);
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let begins = kept.chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let sound = sounds.iter().filter(|_| begins).find_map(|sound| after(rest, sound));
        match sound {
            // What it was set off with goes with it: the mark before it does for both.
            Some(after) => rest = after.trim_start_matches(|c: char| is_mark(c) || c.is_whitespace()),
            None => {
                kept.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or("");
            }
        }
    }
    if kept.chars().any(char::is_alphanumeric) { kept.trim().to_owned() } else { text.to_owned() }
}

/// What follows `sound` at the beginning of `text`, if it stands there by itself.
fn after<'t>(text: &'t str, sound: &str) -> Option<&'t str> {
    let begin: String = text.chars().take(sound.chars().count()).collect();
    let rest = text.get(begin.len()..).filter(|_| begin.to_lowercase() == sound)?;
    let alone = rest.chars().next().is_none_or(|c| is_mark(c) || c.is_whitespace());
    // "Uh huh" is a yes.
    let yes = rest.trim_start().to_lowercase().starts_with("huh");
    (alone && !yes).then_some(rest)
}

fn is_mark(c: char) -> bool {
    matches!(c, ',' | '，' | '、' | '…' | '.' | '。' | '—' | '–')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sounds_go_and_words_stay() {
        let en = |text| without(text, Language::EN);
        assert_eq!(en("Um, could we, uh, see the umbrella?"), "could we, see the umbrella?");
        assert_eq!(en("The umbrella, hmm... is wet"), "The umbrella, is wet");
        assert_eq!(en("The summit of Umm Qasr"), "The summit of Qasr");
        assert_eq!(en("Uh huh, we do."), "Uh huh, we do.");
        assert_eq!(en("Hmm."), "Hmm.");
        let zh = |text| without(text, Language::ZH);
        assert_eq!(zh("嗯，这把伞呢，呃，有点湿。"), "这把伞呢，有点湿。");
        assert_eq!(zh("嗯。"), "嗯。");
        assert_eq!(zh("他嗯了一声"), "他嗯了一声");
    }

    proptest! {
        #[test]
        fn other_words_are_kept(text in "(um|uh|嗯|呃|[a-c一-十0-9]{1,3}|[ ,.，。…]){0,30}") {
            for language in [Language::ZH, Language::EN] {
                let kept = without(&text, language);
                let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
                prop_assert_eq!(digits(&kept), digits(&text));
                let again = without(&kept, language);
                prop_assert_eq!(again, kept);
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,30}") {
            for tag in ["zh", "en", "de", "ru", "ja", "ar"] {
                let _ = without(&text, tag.parse().unwrap());
            }
        }
    }
}
