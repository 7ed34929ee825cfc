//! Tells whether a translation kept every amount of its source.
//!
//! Ranges and sizes are taken apart, units converted (一打 is 12, 2 kg are 2000 g), and the parts compared as multisets, the same kind
//! of amount first. What a language may leave out (the one of 一个) is ignored where it has no partner. Pure; called with what
//! [`super::numbers`] read on both sides.

use rust_decimal::Decimal;

use super::{
    amount::{Amount, Context, Kind, Value},
    money::Currency,
    numbers,
    units::{Dimension, Measure},
};
use crate::language::Language;

/// What became of the amounts. The numbers are indexes into the source's and the target's amounts, whose spans tell the places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Source and target, equal; one of the source may stand opposite two of the target (a range in two parts).
    pub matched: Vec<(usize, usize)>,
    /// Source and the amount of the target that seems to be meant for it and is different.
    pub changed: Vec<(usize, usize)>,
    /// Of the source, without anything in the target.
    pub missing: Vec<usize>,
    /// Of the target, without anything in the source.
    pub added: Vec<usize>,
}

impl Comparison {
    /// True when nothing was changed, lost or brought in.
    pub fn is_faithful(&self) -> bool {
        self.changed.is_empty() && self.missing.is_empty() && self.added.is_empty()
    }
}

/// A sentence and its translation, read and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Amounts of the source.
    pub source: Vec<Amount>,
    /// Amounts of the translation.
    pub target: Vec<Amount>,
    /// What became of them.
    pub comparison: Comparison,
}

/// Reads and compares `source` (in `from`) and its translation `target` (in `to`); `context` is that of the source.
pub fn check(source: &str, from: Language, target: &str, to: Language, context: &Context) -> Check {
    let source = numbers::read(source, from, context);
    // The target is read knowing what the source said.
    let mut known = *context;
    known.note(&source);
    let target = numbers::read(target, to, &known);
    let comparison = compare(&source, &target, context, to);
    Check { source, target, comparison }
}

/// One comparable part of an amount.
#[derive(Debug, Clone)]
enum Part {
    Plain(Decimal, Option<Measure>),
    Money(Decimal, Option<Currency>, bool),
    Percent(Decimal),
    Discount(Decimal),
    Date(Option<u16>, Option<u8>, Option<u8>),
    Time(u8, u8, bool),
    Digits(String),
}

struct Item {
    part: Part,
    amount: usize,
    optional: bool,
    partner: Option<usize>,
}

fn items(amounts: &[Amount]) -> Vec<Item> {
    let mut out = Vec::new();
    for (index, amount) in amounts.iter().enumerate() {
        let one = |v: Decimal| match amount.kind {
            Kind::Money => Part::Money(v, amount.currency(), amount.implied),
            Kind::Percent => Part::Percent(v),
            Kind::Discount => Part::Discount(v),
            _ => Part::Plain(v, amount.measure()),
        };
        let parts = match &amount.value {
            Value::One(v) => vec![one(*v)],
            Value::Range(low, high) => vec![one(*low), one(*high)],
            Value::Sides(sides) => sides.iter().map(|v| one(*v)).collect(),
            Value::Digits(digits) => vec![Part::Digits(digits.trim_start_matches('+').replace('-', ""))],
            Value::Date { year, month, day } => vec![Part::Date(*year, *month, *day)],
            Value::Time { hour, minute, sure } => vec![Part::Time(*hour, *minute, *sure)],
        };
        out.extend(parts.into_iter().map(|part| Item { part, amount: index, optional: amount.optional, partner: None }));
    }
    out
}

/// Rules that both sides of a comparison share.
struct Rules {
    /// What an unspoken currency is.
    context: Option<Currency>,
    /// The target's months can be read.
    months: bool,
}

impl Rules {
    /// Equal and of the same kind.
    fn same(&self, a: &Part, b: &Part) -> bool {
        match (a, b) {
            (Part::Plain(x, m), Part::Plain(y, n)) => plain_equal(*x, *m, *y, *n),
            (Part::Money(x, c, c_implied), Part::Money(y, d, d_implied)) => {
                let said = |c: &Option<Currency>, implied: bool| c.filter(|_| !implied);
                let currencies = match (said(c, *c_implied), said(d, *d_implied)) {
                    (Some(c), Some(d)) => c == d,
                    // One side left it out: then it is the conversation's.
                    (Some(one), None) | (None, Some(one)) => self.context == Some(one),
                    (None, None) => true,
                };
                x == y && currencies
            }
            (Part::Percent(x), Part::Percent(y)) | (Part::Discount(x), Part::Discount(y)) => x == y,
            (Part::Date(y1, m1, d1), Part::Date(y2, m2, d2)) => {
                let agree = |a: &Option<u8>, b: &Option<u8>| a.is_none() || b.is_none() || a == b;
                let years = y1.is_none() || y2.is_none() || y1 == y2;
                let kept = (m1.is_none() || m2.is_some() || !self.months) && (d1.is_none() || d2.is_some());
                years && agree(m1, m2) && agree(d1, d2) && kept
            }
            (Part::Time(h1, m1, s1), Part::Time(h2, m2, s2)) => {
                m1 == m2 && if *s1 && *s2 { h1 % 24 == h2 % 24 } else { h1 % 12 == h2 % 12 }
            }
            (Part::Digits(x), Part::Digits(y)) => x == y,
            _ => false,
        }
    }

    /// Equal, though said as another kind of amount.
    fn alike(&self, a: &Part, b: &Part) -> bool {
        self.alike_one_way(a, b) || self.alike_one_way(b, a)
    }

    fn alike_one_way(&self, a: &Part, b: &Part) -> bool {
        match (a, b) {
            // A price without its currency is kept when the conversation knows which it is.
            (Part::Money(x, currency, implied), Part::Plain(y, measure)) => {
                x == y && (*implied || measure.is_none() && (currency.is_none() || *currency == self.context))
            }
            // A discount in other words: 20 % off, or 80 % of the price.
            (Part::Discount(off), Part::Percent(p)) => off == p || Decimal::ONE_HUNDRED.checked_sub(*off) == Some(*p),
            (Part::Percent(p), Part::Plain(x, None)) => x.checked_mul(Decimal::ONE_HUNDRED) == Some(*p) && *x < Decimal::ONE,
            (Part::Time(hour, 0, _), Part::Plain(x, None)) => {
                Decimal::from(*hour) == *x || (*hour > 12 && Decimal::from(hour - 12) == *x)
            }
            (Part::Date(None, None, Some(day)), Part::Plain(x, None)) => Decimal::from(*day) == *x,
            (Part::Date(None, Some(_), Some(day)), Part::Plain(x, None)) => !self.months && Decimal::from(*day) == *x,
            (Part::Date(Some(year), None, None), Part::Plain(x, None)) => Decimal::from(*year) == *x,
            (Part::Digits(digits), Part::Plain(x, None)) => {
                !digits.starts_with('0') && Decimal::from_str_exact(digits).ok() == Some(*x)
            }
            _ => false,
        }
    }

    /// Could be meant for each other: what a wrong amount is paired with.
    fn related(a: &Part, b: &Part) -> bool {
        let group = |p: &Part| match p {
            Part::Plain(..) | Part::Money(..) => 0,
            Part::Percent(_) | Part::Discount(_) => 1,
            Part::Date(..) => 2,
            Part::Time(..) => 3,
            Part::Digits(_) => 4,
        };
        group(a) == group(b) || matches!((a, b), (Part::Plain(_, None), _) | (_, Part::Plain(_, None)))
    }
}

fn plain_equal(x: Decimal, m: Option<Measure>, y: Decimal, n: Option<Measure>) -> bool {
    let base = |v: Decimal, m: Measure| v.checked_mul(m.per_base());
    match (m, n) {
        (Some(m), Some(n)) if m.dimension() == n.dimension() => base(x, m) == base(y, n),
        (Some(_), Some(_)) => false,
        // Dozens are pieces, also where no piece is named.
        (Some(m), None) => x == y && !is_pack(m) || is_pack(m) && base(x, m) == Some(y),
        (None, Some(n)) => x == y && !is_pack(n) || is_pack(n) && base(y, n) == Some(x),
        (None, None) => x == y,
    }
}

fn is_pack(measure: Measure) -> bool {
    measure.dimension() == Dimension::Count && measure.per_base() != Decimal::ONE
}

/// Compares the amounts of a source with those of its translation into `to`; `context` is what was known before the source.
pub fn compare(source: &[Amount], target: &[Amount], context: &Context, to: Language) -> Comparison {
    let mut known = *context;
    // The first price of a conversation sets its currency.
    if known.currency.is_none() {
        known.note(source);
    }
    let rules = Rules { context: known.currency, months: numbers::knows_months(to) };
    let (mut left, mut right) = (items(source), items(target));
    let mut pair_up = |test: &dyn Fn(&Part, &Part) -> bool, optional: bool| {
        for (i, item) in left.iter_mut().enumerate().filter(|(_, item)| item.partner.is_none() && (optional || !item.optional)) {
            let found = right
                .iter_mut()
                .enumerate()
                .find(|(_, other)| other.partner.is_none() && (optional || !other.optional) && test(&item.part, &other.part));
            if let Some((j, other)) = found {
                (item.partner, other.partner) = (Some(j), Some(i));
            }
        }
    };
    // An optional one may be what an exact one is paired with ("both" for 两个), but only after the exact ones chose.
    for optional in [false, true] {
        pair_up(&|a, b| rules.same(a, b), optional);
        pair_up(&|a, b| rules.alike(a, b), optional);
    }
    let mut result = Comparison::default();
    for item in &left {
        if let Some(other) = item.partner.and_then(|j| right.get(j)) {
            let pair = (item.amount, other.amount);
            if !result.matched.contains(&pair) {
                result.matched.push(pair);
            }
        }
    }
    // What is left over, amount by amount; a range with one wrong end is changed as a whole.
    let open = |items: &[Item]| {
        let mut amounts: Vec<usize> = items.iter().filter(|i| i.partner.is_none() && !i.optional).map(|i| i.amount).collect();
        amounts.dedup();
        amounts
    };
    let (open_left, mut open_right) = (open(&left), open(&right));
    let first =
        |items: &[Item], amount: usize| items.iter().find(|i| i.amount == amount && i.partner.is_none()).map(|i| i.part.clone());
    for amount in open_left {
        let Some(part) = first(&left, amount) else { continue };
        // The half of it that found its partner tells which amount the rest was meant for.
        let sibling = result.matched.iter().find(|(s, t)| *s == amount && open_right.contains(t)).map(|(_, t)| *t);
        let found =
            sibling.or_else(|| open_right.iter().copied().find(|t| first(&right, *t).is_some_and(|p| Rules::related(&part, &p))));
        match found {
            Some(t) => {
                open_right.retain(|other| *other != t);
                result.changed.push((amount, t));
            }
            None => result.missing.push(amount),
        }
    }
    result.added = open_right;
    let wrong: Vec<usize> = result.changed.iter().map(|c| c.0).chain(result.missing.iter().copied()).collect();
    result.matched.retain(|(s, _)| !wrong.contains(s));
    result
}

#[cfg(test)]
mod tests;
