//! English amounts that begin with a word other than a numeral: a dozen, half a million, a hundred and fifty, both, twice, this one.
//!
//! Called by the English reader at every word before it looks for numerals.

use rust_decimal::Decimal;

use super::{LEXICON, Reader, calendar, money, runs, words};
use crate::trade::{
    amount::{Kind, Unit, Value},
    numbers::{
        Draft,
        words::{Cardinal, Word, fraction_digits, gap},
    },
    units::Measure,
};

impl Reader<'_> {
    /// Words that are an amount without a numeral: half a dozen, a dozen, both, twice.
    pub(super) fn word(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let (word, end) = scan.word(i)?;
        let next = self.next_word(end);
        let next_is = |w: &str| next.as_ref().is_some_and(|(n, _)| n == w);
        let optional = |value: i64, end: usize| {
            let mut draft = Draft::new(Kind::Number, Value::One(Decimal::from(value)), i..end);
            draft.optional = true;
            Some(draft)
        };
        match word.as_str() {
            "both" | "double" => optional(2, end).filter(|_| word == "both" || self.cardinal(gap(scan, end)).is_none()),
            "twice" => optional(2, end),
            "once" | "single" => optional(1, end),
            "half" => self.half(i, end),
            "a" | "an" => {
                let (unit, unit_end) = next?;
                match unit.as_str() {
                    "hundred" | "thousand" | "million" | "billion" => {
                        let n = self.after_a(end)?;
                        self.follow(i, n)
                    }
                    "dozen" => self.dozen(i, i..end, Decimal::ONE, unit_end),
                    "half" => {
                        let (of, of_end) = self.next_word(unit_end)?;
                        if of == "dozen" {
                            self.dozen(i, i..unit_end, Decimal::new(5, 1), of_end)
                        } else {
                            self.measured(i, unit_end, Kind::Fraction, Decimal::new(5, 1))
                        }
                    }
                    "couple" => {
                        let (of, of_end) = self.next_word(unit_end)?;
                        let end = if of == "of" { of_end } else { unit_end };
                        let mut draft = self.measured(i, end, Kind::Number, Decimal::TWO)?;
                        (draft.exact, draft.optional) = (false, true);
                        Some(draft)
                    }
                    "third" | "quarter" | "fifth" | "tenth" => {
                        let (below, _) = words::denominator(&unit)?;
                        if unit == "quarter"
                            && let Some(draft) = calendar::quarter(self, i, unit_end)
                        {
                            return Some(draft);
                        }
                        let of = self.next_word(unit_end).is_some_and(|(w, _)| w == "of" || w == "off");
                        of.then(|| Draft::new(Kind::Fraction, Value::One(Decimal::ONE / Decimal::from(below)), i..unit_end))
                    }
                    // a dollar twenty; an hour and a half
                    _ => money::after(self, i, end, Decimal::ONE, Decimal::ONE).or_else(|| {
                        let (measure, unit_end) = self.unit(end)?;
                        let half = self.scan.eat(unit_end, " and a half")?;
                        let mut draft = Draft::new(Kind::Quantity, Value::One(Decimal::new(15, 1)), i..half);
                        draft.unit = Some(Unit::Measure(measure));
                        Some(draft)
                    }),
                }
            }
            "quarter" => calendar::quarter(self, i, end),
            "plus" => {
                let at = gap(scan, end);
                let mut draft = runs::phone(self, at, true).or_else(|| runs::written_phone(self, at))?;
                draft.span.start = i;
                draft.number = draft.span.clone();
                Some(draft)
            }
            "point" if !next_is("of") => {
                let (text, end) = fraction_digits(scan, end, &LEXICON)?;
                let value = Decimal::from_str_exact(&format!("0.{text}")).ok()?;
                self.measured(i, end, Kind::Number, value)
            }
            "one" if self.is_pronoun(i, end) => {
                let mut draft = Draft::new(Kind::Number, Value::One(Decimal::ONE), i..end);
                draft.optional = true;
                Some(draft)
            }
            _ => None,
        }
    }

    /// this one, the black one, one of them, one by one.
    pub(super) fn is_pronoun(&self, i: usize, end: usize) -> bool {
        let before = self.word_before(i);
        let next = self.next_word(end).map(|(w, _)| w).unwrap_or_default();
        let directly = self.scan.get(end).is_some_and(|c| c == ' ');
        matches!(
            before.as_str(),
            "this"
                | "that"
                | "which"
                | "the"
                | "each"
                | "every"
                | "no"
                | "any"
                | "another"
                | "other"
                | "last"
                | "next"
                | "white"
                | "black"
                | "red"
        ) && self.cardinal(i).is_some_and(|n| n.end == end)
            && !self.is_unit_next(end)
            || directly && matches!(next.as_str(), "of" | "by" | "more" | "another")
    }

    /// a hundred and fifty: reads on from "hundred" as if "one" stood before it.
    pub(super) fn after_a(&self, end: usize) -> Option<Cardinal> {
        let scan = self.scan;
        let at = gap(scan, end);
        let (word, word_end) = scan.word(at)?;
        let (size, power) = match word.as_str() {
            "hundred" => (Decimal::ONE_HUNDRED, 2),
            "thousand" => (Decimal::ONE_THOUSAND, 3),
            "million" => (Decimal::from(1_000_000), 6),
            _ => (Decimal::from(1_000_000_000), 9),
        };
        let base =
            Cardinal { end: word_end, value: size, spoken: true, scale: Some(power), simple: None, ones: false, digits: None };
        let mut at = gap(scan, word_end);
        if let Some((more, more_end)) = scan.word(at) {
            if more == "and" {
                at = gap(scan, more_end);
                if scan.slice(at..(at + 6).min(scan.len())) == "a half" {
                    return Some(Cardinal { end: at + 6, value: size + size / Decimal::TWO, scale: None, ..base });
                }
            } else if size == Decimal::ONE_HUNDRED && matches!(words::number(&more), Some(Word::Scale(_))) {
                let scaled = self.scaled(size, at)?;
                return Some(Cardinal { end: scaled.1, value: scaled.0, scale: Some(scaled.2), ..base });
            }
        }
        match self.cardinal(at).filter(|n| n.spoken && n.value < size && n.scale.is_none_or(|s| s < power)) {
            Some(rest) if rest.value > Decimal::ZERO => {
                // a hundred and fifty thousand
                Some(Cardinal { end: rest.end, value: size + rest.value, scale: rest.scale, ..base })
            }
            _ if size == Decimal::ONE_HUNDRED => {
                match self.cardinal(at).filter(|n| n.spoken && n.scale.is_some_and(|s| s >= 3)) {
                    Some(rest) => {
                        let unit = Decimal::from(10_i64.checked_pow(rest.scale?)?);
                        let part = rest.value.checked_div(unit).filter(|p| *p < size)?;
                        Some(Cardinal { end: rest.end, value: (size + part).checked_mul(unit)?, scale: rest.scale, ..base })
                    }
                    None => Some(base),
                }
            }
            _ => Some(base),
        }
    }

    pub(super) fn scaled(&self, size: Decimal, at: usize) -> Option<(Decimal, usize, u32)> {
        let (word, end) = self.scan.word(at)?;
        let Some(Word::Scale(power)) = words::number(&word) else { return None };
        Some((size.checked_mul(Decimal::from(10_i64.checked_pow(power)?))?, end, power))
    }

    /// half past two, half a dozen, half price, half an hour, half of it.
    pub(super) fn half(&self, i: usize, end: usize) -> Option<Draft> {
        if let Some(draft) = calendar::half_past(self, i, end) {
            return Some(draft);
        }
        let (next, next_end) = self.next_word(end)?;
        let value = Decimal::new(5, 1);
        match next.as_str() {
            "price" | "off" => Some(Draft::new(Kind::Discount, Value::One(Decimal::from(50)), i..next_end)),
            "a" | "an" => {
                let (what, what_end) = self.next_word(next_end)?;
                match what.as_str() {
                    "dozen" => self.dozen(i, i..next_end, value, what_end),
                    "million" | "thousand" | "billion" => {
                        let (value, end, power) = self.scaled(value, gap(self.scan, next_end))?;
                        let n =
                            Cardinal { end, value, spoken: true, scale: Some(power), simple: None, ones: false, digits: None };
                        self.follow(i, n)
                    }
                    _ => self.measured(i, next_end, Kind::Fraction, value),
                }
            }
            _ => self.measured(i, end, Kind::Fraction, value),
        }
    }

    pub(super) fn dozen(&self, start: usize, number: std::ops::Range<usize>, value: Decimal, end: usize) -> Option<Draft> {
        let mut draft = Draft::new(Kind::Quantity, Value::One(value), start..end);
        draft.unit = Measure::from_symbol("dozen").map(Unit::Measure);
        draft.number = number;
        Some(draft)
    }
}
