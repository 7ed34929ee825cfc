//! How sure the recogniser was of the numbers that it heard right, and of those that it heard wrong (pure): what a limit for doubts is
//! chosen from. Called by `tongchuan eval --doubts`.

use std::fmt::Write as _;

use super::numbers::{parts, same};
use crate::{
    language::Language,
    trade::{Amount, doubt::Heard, write},
};

/// A number that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Sure {
    /// As it was heard.
    pub value: String,
    /// See [`Heard::sure`].
    pub sure: f32,
    /// Somebody said it.
    pub right: bool,
}

/// Compares what was heard with what was `said`, each number once.
pub fn judged(said: &[Amount], heard: &[Heard]) -> Vec<Sure> {
    let mut left: Vec<String> = said.iter().flat_map(parts).collect();
    let judge = |heard: &Heard| {
        let mut rest = left.clone();
        let right = parts(&heard.amount).all(|part| {
            let place = rest.iter().position(|said| same(said, &part));
            place.map(|place| rest.swap_remove(place)).is_some()
        });
        if right {
            left = rest;
        }
        Sure { value: write::plain(&heard.amount.value), sure: heard.sure, right }
    };
    heard.iter().map(judge).collect()
}

/// For each limit how many numbers of either kind would be marked.
pub fn table(language: Language, sure: &[Sure]) -> String {
    let count = |right: bool, limit: f32| sure.iter().filter(|s| s.right == right && s.sure < limit).count();
    let all = |right: bool| sure.iter().filter(|s| s.right == right).count();
    let mut out = format!("{language}: of {} right and {} wrong numbers are marked", all(true), all(false));
    for limit in (1..=9_u8).map(|n| f32::from(n) / 10.0) {
        let _ = write!(out, "\nlimit {limit:.1}: {} right, {} wrong", count(true, limit), count(false, limit));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trade::{Context, doubt, read};

    #[test]
    fn each_number_that_was_said_is_heard_right_once() {
        let context = Context::default();
        let said = read("要六百个，九块二一个。", Language::ZH, &context);
        let tokens = [("要六百个，", 0.9), ("九", 0.4), ("块一，", 0.8), ("六百个", 0.7)];
        let heard = doubt::heard("要六百个，九块一，六百个", Language::ZH, &context, tokens);
        let judged = judged(&said, &heard);
        let found: Vec<_> = judged.iter().map(|s| (s.value.as_str(), s.right)).collect();
        assert_eq!(found, [("600", true), ("9.1", false), ("600", false)]);
        let table = table(Language::ZH, &judged);
        assert!(table.contains("of 1 right and 2 wrong") && table.contains("limit 0.5: 0 right, 1 wrong"), "{table}");
        assert!(table.contains("limit 0.8: 0 right, 2 wrong"), "{table}");
    }
}
