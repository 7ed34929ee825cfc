//! Reads the amounts of a sentence: which numbers it holds, what each counts, where it stands, and how sure it is.
//!
//! One reader per way of speaking: [`zh`], [`en`], and [`other`] for the digits and common number words of all other languages;
//! [`scan`] gives them uniform characters, [`literal`] what is written alike everywhere. Never fails and never panics: what is not
//! understood is no amount. Called by [`super::rewrite`] and [`mod@super::compare`], and by whoever shows amounts.

mod en;
mod literal;
mod other;
mod scan;
mod sides;
mod words;
mod zh;

use std::ops::Range;

pub(in crate::trade) use self::other::knows_months;

use self::scan::Scan;
use super::amount::{Amount, Context, Kind, Unit, Value};
use crate::language::Language;

/// All amounts of `text`, in order; their spans do not overlap.
///
/// `context` is what the conversation said before; within the text each currency counts for what follows it.
pub fn read(text: &str, language: Language, context: &Context) -> Vec<Amount> {
    match language {
        Language::ZH => zh::read(text, context),
        Language::EN => en::read(text, context),
        _ => other::read(text, language, context),
    }
}

/// An amount in character indexes, as readers build it.
#[derive(Debug, Clone)]
struct Draft {
    kind: Kind,
    value: Value,
    unit: Option<Unit>,
    span: Range<usize>,
    number: Range<usize>,
    exact: bool,
    implied: bool,
    optional: bool,
}

impl Draft {
    /// An exact amount without a unit that covers `span`.
    fn new(kind: Kind, value: Value, span: Range<usize>) -> Self {
        Self { kind, value, unit: None, number: span.clone(), span, exact: true, implied: false, optional: false }
    }

    fn finish(self, scan: &Scan) -> Amount {
        Amount {
            kind: self.kind,
            value: self.value,
            unit: self.unit,
            span: scan.bytes(self.span),
            number: scan.bytes(self.number),
            exact: self.exact,
            implied: self.implied,
            optional: self.optional,
        }
    }
}

#[cfg(test)]
mod tests;
