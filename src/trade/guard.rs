//! Keeps the amounts of one segment through its translation: what to ask, what may be said already, what was wrong, what to say then.
//!
//! A [`Guard`] reads the source once. The translator is asked for [`Guard::asked`], where spoken numbers are digits, and may write only
//! [`Guard::numerals`]. While it writes, [`Release`] lets a clause go as soon as its amounts are known to be right; segments without amounts
//! are never held. [`Guard::check`] reads the whole; [`Guard::fill`] and [`Guard::replace`] mend what the translator did not. Pure: no
//! model, no clock. Called by `pipeline::amounts`.

use super::{
    amount::{Amount, Context, Unit},
    compare::{Comparison, compare},
    numbers, numerals, rewrite, write,
};
use crate::language::Language;

/// One segment's amounts. See the module.
#[derive(Debug, Clone)]
pub struct Guard {
    from: Language,
    to: Language,
    /// What was known before the segment, for reading and comparing the translation.
    context: Context,
    amounts: Vec<Amount>,
    asked: String,
    numerals: Vec<String>,
}

/// What became of the amounts in a translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Amounts of the translation.
    pub target: Vec<Amount>,
    /// How they compare with the source's.
    pub comparison: Comparison,
}

impl Verdict {
    /// True when the translation says the same amounts and no others.
    pub fn is_right(&self) -> bool {
        self.comparison.is_faithful()
    }

    /// How much is wrong: less is better.
    pub fn faults(&self) -> usize {
        let Comparison { changed, missing, added, .. } = &self.comparison;
        changed.len() + missing.len() + added.len()
    }
}

impl Guard {
    /// Reads `text`, which is to be translated `from` one language `to` another; `context` is what the conversation said before.
    pub fn new(text: &str, from: Language, to: Language, context: &Context) -> Self {
        let amounts = numbers::read(text, from, context);
        let asked = rewrite::digits(text, from, &amounts);
        let numerals = numerals::numerals(text, &amounts, to);
        Self { from, to, context: *context, amounts, asked, numerals }
    }

    /// The segment with its spoken numbers in digits: what the translator is asked.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The numerals that the translation may have; see [`mod@super::numerals`].
    pub fn numerals(&self) -> &[String] {
        &self.numerals
    }

    /// What was said, in order; spans are those of the segment.
    pub fn amounts(&self) -> &[Amount] {
        &self.amounts
    }

    /// True when an amount could get lost.
    pub fn is_needed(&self) -> bool {
        self.amounts.iter().any(|a| !a.optional)
    }

    /// Reads and compares a translation.
    pub fn check(&self, target: &str) -> Verdict {
        let mut known = self.context;
        known.note(&self.amounts);
        let target = numbers::read(target, self.to, &known);
        let comparison = compare(&self.amounts, &target, &self.context, self.to);
        Verdict { target, comparison }
    }

    /// Each amount as it is asked for and as it is to be written: to show the translator that got it wrong.
    pub fn wording(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for amount in self.amounts.iter().filter(|a| !a.optional) {
            let pair = (write::caption(amount, self.from), write::caption(amount, self.to));
            if !pairs.contains(&pair) && pair.0 != pair.1 {
                pairs.push(pair);
            }
        }
        pairs
    }

    /// `target` with its wrong amounts replaced by the right ones, if it then says exactly what was said.
    pub fn fill(&self, target: &str) -> Option<String> {
        let Verdict { target: found, comparison } = self.check(target);
        rewrite::fill(target, self.to, &self.amounts, &found, &comparison, &self.context)
    }

    /// `target` with no wrong amount left in it, at whatever price for its grammar: wrong ones replaced, what nobody said taken out,
    /// what is missing added at the end. The first `kept` bytes were said already and stay.
    pub fn replace(&self, target: &str, kept: usize) -> String {
        let Verdict { target: found, comparison } = self.check(target);
        let after = |amount: &&Amount| amount.span.start >= kept;
        let wrong = comparison.changed.iter().filter_map(|(s, t)| Some((self.amounts.get(*s)?, found.get(*t)?)));
        let mut edits: Vec<_> = wrong
            .filter(|(_, wrong)| after(wrong))
            .map(|(wanted, wrong)| (wrong.span.clone(), write::caption(wanted, self.to)))
            .collect();
        let added = comparison.added.iter().filter_map(|t| found.get(*t)).filter(after);
        edits.extend(added.map(|amount| (amount.number.clone(), "…".to_owned())));
        edits.sort_by_key(|(span, _)| span.start);
        let (mut out, mut at) = (String::with_capacity(target.len()), 0);
        for (span, new) in edits {
            out.push_str(target.get(at..span.start).unwrap_or(""));
            out.push_str(&new);
            at = span.end.max(at);
        }
        out.push_str(target.get(at..).unwrap_or(""));
        let missing: Vec<String> = comparison
            .missing
            .iter()
            .filter_map(|s| self.amounts.get(*s))
            .map(|amount| write::caption(amount, self.to))
            .collect();
        if missing.is_empty() {
            return out;
        }
        let wide = self.to.is_unspaced();
        let list = missing.join(if wide { "，" } else { "; " });
        let text = out.trim_end().trim_end_matches(['.', '。']).to_owned();
        if wide { format!("{text}：{list}。") } else { format!("{text}: {list}.") }
    }

    /// True when `beginning`, which ends with a clause that begins at `last`, can be said whatever the rest will be: its amounts are the
    /// first ones of the source, and nothing of the source can have been passed over.
    pub fn may_say(&self, beginning: &str, last: usize) -> bool {
        let Verdict { target, comparison } = self.check(beginning);
        let says_one =
            || comparison.matched.iter().any(|(_, t)| target.get(*t).is_some_and(|a| a.span.start >= last && !a.optional));
        begins_with(&comparison) && (comparison.missing.is_empty() || says_one())
    }

    /// How much of `beginning`, behind which more will be said, has no amounts but the first ones of the source.
    pub fn right(&self, beginning: &str) -> usize {
        let target = self.check(beginning).target;
        let is_wrong = |amount: &&Amount| {
            let until = beginning.get(..amount.span.end).unwrap_or_default();
            !begins_with(&self.check(until).comparison)
        };
        target.iter().find(is_wrong).map_or(beginning.len(), |amount| amount.span.start)
    }
}

/// True when nothing was changed or brought in. Amounts may change their order in another language: then all of them are waited for.
fn begins_with(comparison: &Comparison) -> bool {
    let Comparison { matched, changed, missing, added } = comparison;
    let first_missing = missing.iter().min();
    changed.is_empty() && added.is_empty() && matched.iter().all(|(s, _)| first_missing.is_none_or(|missing| s < missing))
}

/// Lets clauses of a growing translation go, in order, as soon as they are known to be right.
#[derive(Debug)]
pub struct Release<'g> {
    guard: &'g Guard,
    /// Everything that came.
    text: String,
    held: Vec<String>,
}

impl<'g> Release<'g> {
    /// For a translation of which `said` is out already: empty when it is to begin.
    pub fn new(guard: &'g Guard, said: &str) -> Self {
        Self { guard, text: said.to_owned(), held: Vec::new() }
    }

    /// Takes the next clause; gives those that may be said now.
    pub fn push(&mut self, clause: String) -> Vec<String> {
        let last = self.text.len();
        self.text.push_str(&clause);
        self.held.push(clause);
        if self.guard.may_say(&self.text, last) { std::mem::take(&mut self.held) } else { Vec::new() }
    }
}

/// Says what a unit is, for programs: an ISO 4217 code, or a measure's symbol.
pub fn unit_code(unit: Unit) -> &'static str {
    match unit {
        Unit::Money(currency) => currency.code(),
        Unit::Measure(measure) => measure.symbol(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard(text: &str) -> Guard {
        Guard::new(text, Language::ZH, Language::EN, &Context::default())
    }

    fn released(guard: &Guard, clauses: &[&str]) -> Vec<usize> {
        released_after("", guard, clauses)
    }

    fn released_after(said: &str, guard: &Guard, clauses: &[&str]) -> Vec<usize> {
        let mut release = Release::new(guard, said);
        clauses.iter().map(|clause| release.push((*clause).to_owned()).len()).collect()
    }

    #[test]
    fn clauses_without_amounts_go_at_once_and_others_when_they_are_right() {
        let plain = guard("您好，随便看看。");
        assert_eq!(released(&plain, &["Hello, ", "have a look."]), [1, 1]);
        let two = guard("要五百个的话，四块七一个，不能再少了。");
        assert_eq!(released(&two, &["For 500 pieces, ", "it is 4.70 yuan each, ", "not less."]), [1, 1, 1]);
        assert_eq!(released(&two, &["Well, ", "for 500 pieces, ", "I think, ", "4.70 yuan."]), [0, 2, 0, 2]);
        assert_eq!(released(&two, &["It is 4.70 yuan each ", "for 500 pieces, ", "not less."]), [0, 2, 1], "another order");
        assert_eq!(released(&two, &["For 50 pieces, ", "it is 4.70 yuan each."]), [0, 0], "nothing after a wrong one");
        assert_eq!(released(&plain, &["Hello, ", "it is 5 yuan, ", "have a look."]), [1, 0, 0], "nobody said five");
    }

    #[test]
    fn what_was_said_before_counts() {
        let two = guard("要五百个的话，四块七一个，不能再少了。");
        assert_eq!(released_after("For 500 pieces, ", &two, &["it is 4.70 yuan each, ", "not less."]), [1, 1]);
        assert_eq!(released_after("For 500 pieces, ", &two, &["500 pieces, ", "at 4.70 yuan."]), [0, 0], "said once");
        assert_eq!(released_after("For 50 pieces, ", &two, &["it is 4.70 yuan each."]), [0], "wrong already");
    }

    #[test]
    fn a_beginning_ends_before_an_amount_that_is_not_the_next_one() {
        let two = guard("要五百个的话，四块七一个，不能再少了。");
        let right = |text: &str| text[..two.right(text)].to_owned();
        assert_eq!(right("For 500 pieces it is 4.70 yuan"), "For 500 pieces it is 4.70 yuan");
        assert_eq!(right("For 500 pieces it is 4.80 yuan"), "For 500 pieces it is ");
        assert_eq!(right("It is 4.70 yuan each for 500"), "It is ", "another order");
        assert_eq!(right("Each one is 4.70 yuan"), "Each ", "that one is said last");
        assert_eq!(right("For a while 500 pieces and 500 more"), "For a while 500 pieces and ");
        assert_eq!(guard("您好，随便看看。").right("Hello, 5 yuan"), "Hello, ".len());
    }

    #[test]
    fn what_cannot_be_mended_is_still_not_wrong() {
        let guard = guard("要五百个，四块七一个。");
        assert_eq!(guard.replace("I want 50 pieces at 4.70 yuan.", 0), "I want 500 pieces at 4.70 yuan.");
        assert_eq!(guard.replace("I want them.", 0), "I want them: 500 pieces; 4.70 yuan.");
        assert_eq!(guard.replace("I want 500 pieces at 4.70 yuan for 9 days.", 0), "I want 500 pieces at 4.70 yuan for … days.");
    }

    #[test]
    fn the_translator_is_shown_what_it_got_wrong() {
        let guard = guard("要五百个，四块七一个。");
        assert_eq!(guard.asked(), "要500个，4.7元一个。");
        assert_eq!(guard.wording(), [("500个".to_owned(), "500 pieces".to_owned()), ("4.7元".into(), "4.70 yuan".into())]);
        assert!(guard.is_needed() && !super::Guard::new("一个", Language::ZH, Language::EN, &Context::default()).is_needed());
    }

    proptest! {
        #[test]
        fn what_is_replaced_has_no_wrong_amount(pieces in 1_u32..100_000, cents in 1_u32..100_000, target in "(I want|for|each|[0-9]{1,5}|pieces|yuan|4\\.70| |, ){0,12}") {
            let text = format!("要{pieces}个，{}.{:02}元一个。", cents / 100, cents % 100);
            let guard = Guard::new(&text, Language::ZH, Language::EN, &Context::default());
            let mended = guard.replace(&target, 0);
            let verdict = guard.check(&mended);
            prop_assert!(verdict.comparison.missing.is_empty() && verdict.comparison.changed.is_empty(), "{mended}: {verdict:?}");
        }

        #[test]
        fn never_panics(text in "(\\PC|[一-十百千万点块毛折]|[0-9.,]){0,24}", target in "(\\PC|[0-9.,]){0,24}", kept in 0_usize..24) {
            for (from, to) in [(Language::ZH, Language::EN), (Language::EN, Language::ZH), (Language::EN, "fr".parse().unwrap())] {
                let guard = Guard::new(&text, from, to, &Context::default());
                let _ = (guard.fill(&target), guard.replace(&target, kept), guard.wording(), guard.numerals().len());
                prop_assert!(target.is_char_boundary(guard.right(&target)));
                let mut release = Release::new(&guard, "");
                for clause in target.split_inclusive(',') {
                    release.push(clause.to_owned());
                }
            }
        }
    }
}
