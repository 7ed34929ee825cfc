//! Which digit may come next in an answer that may contain certain numerals only (pure text).
//!
//! The decoder asks before every token. A numeral that was begun must be ended: after "26" of "26.80" only the point may follow.
//! Knows no amounts and no model; `trade::numerals` says which numerals a text may have.

use crate::trade::locale;

/// The numerals that an answer may contain.
#[derive(Clone)]
pub struct Numerals(Vec<String>);

impl std::fmt::Debug for Numerals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // They are what somebody said.
        write!(f, "Numerals({})", self.0.len())
    }
}

/// What may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Anything that is no digit, or one of these digits.
    Free(Vec<char>),
    /// One of these characters alone: the numeral is not complete.
    Must(Vec<char>),
}

/// Part of a numeral, between digits.
fn is_inner(c: char) -> bool {
    matches!(c, '.' | ',' | ':')
}

impl Numerals {
    /// Of digits, each with `.`, `,` or `:` only between them.
    pub fn new<'a>(forms: impl IntoIterator<Item = &'a str>) -> Self {
        Self(forms.into_iter().map(str::to_owned).collect())
    }

    /// What may follow `text`.
    pub fn after(&self, text: &str) -> Next {
        let begin = text
            .rfind(|c: char| !c.is_ascii_digit() && !is_inner(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let run = text[begin..].trim_start_matches(is_inner);
        // A mark after a whole numeral is punctuation, unless a form goes on with it; a digit right behind it would make another number.
        let whole = run.strip_suffix(is_inner).unwrap_or(run);
        let complete = run.is_empty() || self.0.iter().any(|form| form == whole);
        let mut next: Vec<char> = self.0.iter().filter_map(|form| form.strip_prefix(run)?.chars().next()).collect();
        next.sort_unstable();
        next.dedup();
        if !complete && !next.is_empty() {
            return Next::Must(next);
        }
        // A run that is no beginning of a form can only have been given: nothing to hold on to.
        next.retain(char::is_ascii_digit);
        Next::Free(next)
    }

    /// Whether `more` may follow `text`.
    pub fn allow(&self, text: &str, more: &str) -> bool {
        let mut text = text.to_owned();
        more.chars().all(|c| {
            let allowed = match self.after(&text) {
                Next::Must(chars) => chars.contains(&c),
                Next::Free(digits) => locale::digit(c).is_none() || digits.contains(&c),
            };
            text.push(c);
            allowed
        })
    }
}

/// True when a token may concern a numeral: it has digits, or is a mark that stands in one.
pub fn concerns(token: &str) -> bool {
    token.chars().any(|c| locale::digit(c).is_some()) || matches!(token, "." | "," | ":")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_are_those_of_the_forms() {
        let numerals = Numerals::new(["15,000", "15000", "4.70", "4.7", "3"]);
        assert_eq!(numerals.after("I want "), Next::Free(vec!['1', '3', '4']));
        assert_eq!(numerals.after("I want 1"), Next::Must(vec!['5']));
        assert_eq!(numerals.after("I want 15"), Next::Must(vec![',', '0']));
        assert_eq!(numerals.after("I want 15,00"), Next::Must(vec!['0']));
        assert_eq!(numerals.after("I want 15,000"), Next::Free(vec![]));
        assert_eq!(numerals.after("4"), Next::Must(vec!['.']));
        assert_eq!(numerals.after("4.7"), Next::Free(vec!['0']));
        assert_eq!(numerals.after("It is 3."), Next::Free(vec![]), "a sentence may end after a numeral, and 3.4 is none");
        assert_eq!(numerals.after("It is 3. "), Next::Free(vec!['1', '3', '4']));
        assert_eq!(numerals.after("，3，"), Next::Free(vec!['1', '3', '4']));
        assert_eq!(Numerals::new([]).after("about "), Next::Free(vec![]));
    }

    #[test]
    fn texts_of_several_characters_are_followed() {
        let numerals = Numerals::new(["12", "3.5"]);
        assert!(numerals.allow("about ", "12 "));
        assert!(numerals.allow("about 3", ".5"));
        assert!(!numerals.allow("about 3", " "));
        assert!(!numerals.allow("about ", "１２"), "all digits are Latin ones");
        assert!(concerns(" 1") && concerns(",") && !concerns(", and"));
    }

    proptest! {
        #[test]
        fn every_walk_ends_in_a_form(forms in prop::collection::vec("[1-9][0-9]{0,3}([.,][0-9]{1,3})?", 1..5), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..12)) {
            let numerals = Numerals::new(forms.iter().map(String::as_str));
            let mut text = "at ".to_owned();
            for pick in picks {
                match numerals.after(&text) {
                    Next::Free(digits) => match digits.get(pick.index(digits.len() + 1)) {
                        Some(digit) => text.push(*digit),
                        None => text.push(' '),
                    },
                    Next::Must(chars) => text.push(chars[pick.index(chars.len())]),
                }
            }
            while let Next::Must(chars) = numerals.after(&text) {
                text.push(chars[0]);
            }
            for word in text.split(' ').skip(1).filter(|w| !w.is_empty()) {
                prop_assert!(forms.iter().any(|f| f == word), "{word} of {text}");
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,20}", forms in prop::collection::vec("[0-9.,:]{0,6}", 0..4)) {
            let _ = Numerals::new(forms.iter().map(String::as_str)).after(&text);
        }
    }
}
