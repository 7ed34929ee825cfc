//! English shares of a whole: percentages, discounts ("20 % off", "cheaper by"), fractions ("two thirds", "three and a quarter").
//!
//! Called by the English reader for a number that was read, before it looks for units.

use rust_decimal::Decimal;

use super::{Reader, words};
use crate::trade::{
    amount::{Kind, Value},
    numbers::{
        Draft,
        words::{Cardinal, gap},
    },
};

impl Reader<'_> {
    /// 30 %, thirty percent off, 3 per thousand.
    pub(super) fn percent(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let end = self.percent_sign(n.end)?;
        Some(self.reduced(Draft::new(Kind::Percent, Value::One(n.value.checked_mul(end.1)?), i..end.0)))
    }

    pub(super) fn percent_sign(&self, i: usize) -> Option<(usize, Decimal)> {
        let scan = self.scan;
        let at = scan.skip_spaces(i);
        match scan.get(at)? {
            '%' => return Some((at + 1, Decimal::ONE)),
            '‰' => return Some((at + 1, Decimal::new(1, 1))),
            _ => {}
        }
        let (word, end) = self.next_word(i)?;
        match word.as_str() {
            "percent" | "pct" => Some((end, Decimal::ONE)),
            "permille" => Some((end, Decimal::new(1, 1))),
            "per" => {
                let (what, end) = self.next_word(end)?;
                match what.as_str() {
                    "cent" => Some((end, Decimal::ONE)),
                    "mille" | "thousand" => Some((end, Decimal::new(1, 1))),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn reduced(&self, mut draft: Draft) -> Draft {
        let head = self.scan.head(draft.span.start).to_lowercase();
        let head = head.trim_end();
        let behind = self.next_word(draft.span.end);
        let off = matches!(
            behind.as_ref().map(|b| b.0.as_str()),
            Some("off" | "discount" | "discounts" | "cheaper" | "less" | "reduction" | "lower")
        );
        let before =
            ["discount of", "discount is", "reduction of", "cheaper by", "reduce it by", "reduce the price by", "lower by"]
                .iter()
                .any(|w| head.ends_with(w));
        if (off || before) && matches!(draft.value, Value::One(_)) {
            draft.kind = Kind::Discount;
            if let Some((_, end)) = behind.filter(|b| b.0 == "off") {
                draft.span.end = end;
            }
            draft.number = draft.span.clone();
        }
        draft
    }

    /// two thirds, 1/3, three and three quarters, 2 1/2.
    pub(super) fn fraction(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        if scan.get(n.end) == Some('/') && n.digits.is_some() {
            let below = self.cardinal(n.end + 1).filter(|b| b.digits.is_some() && scan.get(b.end) != Some('/'))?;
            let ok = n.value < below.value && below.value <= Decimal::ONE_HUNDRED && n.value > Decimal::ZERO;
            return ok
                .then(|| n.value.checked_div(below.value))
                .flatten()
                .and_then(|v| self.measured(i, below.end, Kind::Fraction, v));
        }
        let (word, end) = self.next_word(n.end)?;
        if let Some((below, many)) = words::denominator(&word)
            && n.spoken
            && (many || n.value == Decimal::ONE)
            && n.simple.is_some_and(|v| v < 20 && v > 0)
        {
            let value = n.value.checked_div(Decimal::from(below))?;
            return Some(Draft::new(Kind::Fraction, Value::One(value), i..end));
        }
        if word == "and" {
            let above = self.cardinal(gap(scan, end)).filter(|a| a.simple.is_some_and(|v| v < 10 && v > 0))?;
            let (below, end) = self.next_word(above.end)?;
            let (below, many) = words::denominator(&below)?;
            let value = n.value.checked_add(above.value.checked_div(Decimal::from(below))?)?;
            return (many || above.value == Decimal::ONE).then(|| self.measured(i, end, Kind::Number, value)).flatten();
        }
        None
    }
}
