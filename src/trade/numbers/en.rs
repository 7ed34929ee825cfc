//! Reads the amounts of an English sentence.
//!
//! Walks it word by word. Where a number begins, [`runs`] looks for several numbers in a row ("three eighty", "four nine one five"),
//! [`money`] for currencies before and after, [`calendar`] for dates and times; the rest is read here. Called by [`super::read`].

mod calendar;
mod money;
mod runs;
mod words;

use std::sync::LazyLock;

use rust_decimal::Decimal;

use super::{
    Draft,
    literal::{DateOrder, written},
    scan::Scan,
    words::{Cardinal, Lexicon, cardinal, gap},
};
use crate::{
    language::Language,
    trade::{
        amount::{Amount, Context, Kind, Unit, Value},
        locale::separators,
        money::Currency,
        units::{Dimension, Measure},
    },
};

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon {
    word: words::number,
    and: &["and"],
    point: &["point"],
    half: &["and a half", "and one half"],
    separators: separators(Language::EN),
    vigesimal: false,
});

/// All amounts of `text`, in order.
pub(super) fn read(text: &str, context: &Context) -> Vec<Amount> {
    let scan = Scan::new(text);
    let mut reader = Reader { scan: &scan, context: *context };
    let mut found = Vec::new();
    let mut i = 0;
    while i < scan.len() {
        match reader.at(i) {
            Some(draft) if draft.span.end > i => {
                i = draft.span.end;
                let amount = reader.with_about(draft).finish(&scan);
                reader.context.note(std::slice::from_ref(&amount));
                found.push(amount);
            }
            _ => i = reader.past(i),
        }
    }
    found
}

/// What names a place in a row when it stands before the number.
const LABELS: [&str; 24] = [
    "booth", "stand", "stall", "room", "number", "no", "no.", "hall", "district", "floor", "gate", "building", "block", "street",
    "line", "page", "item", "order", "model", "level", "section", "zone", "row", "unit",
];
/// What names it when it stands behind.
const PLACES: [&str; 6] = ["floor", "district", "hall", "row", "gate", "street"];

struct Reader<'s> {
    scan: &'s Scan,
    context: Context,
}

impl Reader<'_> {
    fn at(&self, i: usize) -> Option<Draft> {
        let scan = self.scan;
        let c = scan.get(i)?;
        if scan.before(i).is_some_and(|b| b.is_alphanumeric() || (b == '.' && scan.is_digit(i) && i > 1 && scan.is_digit(i - 2)))
        {
            return None;
        }
        if let Some(found) = written(scan, i, DateOrder::MonthFirst) {
            let draft = Draft::new(found.kind, found.value, i..found.end);
            return Some(calendar::with_half_day(self, draft));
        }
        if let Some(draft) = money::before(self, i) {
            return Some(draft);
        }
        if c == '½' || c == '¼' || c == '¾' {
            let value = Decimal::new(
                if c == '½' {
                    50
                } else if c == '¼' {
                    25
                } else {
                    75
                },
                2,
            );
            return self.measured(i, i + 1, Kind::Fraction, value);
        }
        if c.is_alphabetic() {
            if let Some(draft) = self.word(i) {
                return Some(draft);
            }
        } else if !(c.is_ascii_digit() || matches!(c, '.' | '+') && scan.is_digit(i + 1)) {
            return None;
        }
        if let Some(draft) = calendar::date(self, i)
            .or_else(|| self.ordinal(i))
            .or_else(|| calendar::time(self, i))
            .or_else(|| runs::read(self, i))
        {
            return Some(draft);
        }
        let start = if c == '.' || c == '+' { i + 1 } else { i };
        let mut n = self.cardinal(start)?;
        if c == '.' {
            let digits = n.digits.clone()?;
            n.value = Decimal::from_str_exact(&format!("0.{digits}")).ok()?;
            n.digits = None;
        }
        self.follow(i, n)
    }

    /// Where to look next when nothing was read at `i`.
    fn past(&self, i: usize) -> usize {
        let mut end = i;
        while self
            .scan
            .get(end)
            .is_some_and(|c| c.is_alphanumeric() || (c == '\'' && self.scan.get(end + 1).is_some_and(char::is_alphabetic)))
        {
            end += 1;
        }
        end.max(i + 1)
    }

    fn cardinal(&self, i: usize) -> Option<Cardinal> {
        cardinal(self.scan, i, &LEXICON)
    }

    /// The word behind the spaces (or the hyphen) at `i`.
    fn next_word(&self, i: usize) -> Option<(String, usize)> {
        self.scan.word(gap(self.scan, i))
    }

    /// The lower-case word that ends before `i`, spaces and a hyphen skipped.
    fn word_before(&self, i: usize) -> String {
        let head = self.scan.head(i).trim_end_matches([' ', '-', '\u{a0}', '#']);
        let start = head
            .rfind(|c: char| !(c.is_alphabetic() || c == '\'' || c == '.'))
            .map_or(0, |at| at + head[at..].chars().next().map_or(1, char::len_utf8));
        head.get(start..).unwrap_or("").to_lowercase()
    }

    /// Words that are an amount without a numeral: half a dozen, a dozen, both, twice.
    fn word(&self, i: usize) -> Option<Draft> {
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
                let mut draft = runs::phone(self, gap(scan, end), true)?;
                draft.span.start = i;
                draft.number = draft.span.clone();
                Some(draft)
            }
            "point" if !next_is("of") => {
                let (text, end) = super::words::fraction_digits(scan, end, &LEXICON)?;
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
    fn is_pronoun(&self, i: usize, end: usize) -> bool {
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

    fn is_unit_next(&self, end: usize) -> bool {
        self.unit(end).is_some()
    }

    /// a hundred and fifty: reads on from "hundred" as if "one" stood before it.
    fn after_a(&self, end: usize) -> Option<Cardinal> {
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
            } else if size == Decimal::ONE_HUNDRED && matches!(words::number(&more), Some(super::words::Word::Scale(_))) {
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

    fn scaled(&self, size: Decimal, at: usize) -> Option<(Decimal, usize, u32)> {
        let (word, end) = self.scan.word(at)?;
        let Some(super::words::Word::Scale(power)) = words::number(&word) else { return None };
        Some((size.checked_mul(Decimal::from(10_i64.checked_pow(power)?))?, end, power))
    }

    /// half past two, half a dozen, half price, half an hour, half of it.
    fn half(&self, i: usize, end: usize) -> Option<Draft> {
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

    fn dozen(&self, start: usize, number: std::ops::Range<usize>, value: Decimal, end: usize) -> Option<Draft> {
        let mut draft = Draft::new(Kind::Quantity, Value::One(value), start..end);
        draft.unit = Measure::from_symbol("dozen").map(Unit::Measure);
        draft.number = number;
        Some(draft)
    }

    /// A number with the unit behind it, if there is one.
    fn measured(&self, i: usize, end: usize, kind: Kind, value: Decimal) -> Option<Draft> {
        if let Some(draft) = money::after(self, i, end, value, value) {
            return Some(draft);
        }
        let mut draft = Draft::new(kind, Value::One(value), i..end);
        if let Some((measure, unit_end)) = self.unit(end) {
            (draft.kind, draft.unit, draft.span.end) = (Kind::Quantity, Some(Unit::Measure(measure)), unit_end);
        }
        Some(draft)
    }

    /// third floor, the second, 21st.
    fn ordinal(&self, i: usize) -> Option<Draft> {
        let (value, end) = self.ordinal_value(i)?;
        let written = self.scan.is_digit(i);
        let word = self.scan.slice(i..end).to_lowercase();
        let next = self.next_word(end).map(|(w, _)| w).unwrap_or_default();
        if word == "second"
            && !(self.word_before(i) == "the"
                || matches!(next.as_str(), "floor" | "one" | "order" | "batch" | "time" | "sample" | "payment" | "hand"))
        {
            return None;
        }
        if !written
            && matches!(word.as_str(), "third" | "quarter" | "fifth" | "tenth")
            && next == "of"
            && calendar::month_at(self, gap(self.scan, end) + 2).is_none()
            && self.word_before(i) != "the"
        {
            return None;
        }
        let mut draft = Draft::new(Kind::Ordinal, Value::One(Decimal::from(value)), i..end);
        draft.optional = value == 1 && next != "floor";
        Some(draft)
    }

    fn ordinal_value(&self, i: usize) -> Option<(u32, usize)> {
        let scan = self.scan;
        if scan.is_digit(i) {
            let digits_end = (i..scan.len()).take_while(|k| scan.is_digit(*k)).last()? + 1;
            let (suffix, end) = scan.word(digits_end)?;
            let value: u32 = scan.slice(i..digits_end).parse().ok()?;
            return matches!(suffix.as_str(), "st" | "nd" | "rd" | "th").then_some((value, end));
        }
        let (word, end) = scan.word(i)?;
        if let Some(value) = words::ordinal(&word) {
            return Some((value, end));
        }
        match words::number(&word)? {
            super::words::Word::Tens(tens) => {
                let (next, end) = self.next_word(end)?;
                words::ordinal(&next).filter(|n| *n < 10).map(|n| (tens + n, end))
            }
            _ => None,
        }
    }

    /// What a number is by what follows it.
    fn follow(&self, i: usize, n: Cardinal) -> Option<Draft> {
        self.percent(i, &n)
            .or_else(|| self.fraction(i, &n))
            .or_else(|| self.sides(i, &n))
            .or_else(|| self.range(i, &n))
            .or_else(|| calendar::hour(self, i, &n))
            .or_else(|| self.counted(i, n.end, n.value, n.value, &n))
    }

    /// 30 %, thirty percent off, 3 per thousand.
    fn percent(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let end = self.percent_sign(n.end)?;
        Some(self.reduced(Draft::new(Kind::Percent, Value::One(n.value.checked_mul(end.1)?), i..end.0)))
    }

    fn percent_sign(&self, i: usize) -> Option<(usize, Decimal)> {
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

    fn reduced(&self, mut draft: Draft) -> Draft {
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
    fn fraction(&self, i: usize, n: &Cardinal) -> Option<Draft> {
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

    /// 60 by 40 by 35 centimetres, 60x40x35.
    fn sides(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        let mut sides = vec![n.value];
        let (mut end, mut unit) = self.side_unit(n.end);
        let mut number_end = n.end;
        loop {
            let at = scan.skip_spaces(end);
            let joint = scan.eat_any(at, &["×", "*"]).or_else(|| {
                let (word, word_end) = scan.word(at)?;
                matches!(word.as_str(), "by" | "x" | "times").then_some(word_end)
            });
            let Some(next) = joint.and_then(|at| self.cardinal(scan.skip_spaces(at))) else { break };
            sides.push(next.value);
            number_end = next.end;
            let (next_end, next_unit) = self.side_unit(next.end);
            (end, unit) = (next_end, next_unit.or(unit));
            if sides.len() > 6 {
                break;
            }
        }
        if sides.len() < 2 {
            return None;
        }
        let mut draft = Draft::new(Kind::Size, Value::Sides(sides), i..end);
        draft.number = i..if unit.is_some() { number_end } else { end };
        draft.unit = unit.map(Unit::Measure);
        Some(draft)
    }

    fn side_unit(&self, end: usize) -> (usize, Option<Measure>) {
        match self.unit(end) {
            Some((measure, unit_end)) if measure.dimension() == Dimension::Length => (unit_end, Some(measure)),
            _ => (end, None),
        }
    }

    /// 15 to 18 days, between three and five, two or three.
    fn range(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        let between = self.word_before(i) == "between";
        let at = scan.skip_spaces(n.end);
        let (to, exact) = match scan.eat_any(at, &["-", "–", "—", "~", "～"]) {
            Some(to) if n.digits.is_some() || !n.spoken => (to, true),
            Some(_) => return None,
            None => {
                let (word, end) = scan.word(at)?;
                match word.as_str() {
                    "to" | "through" | "till" => (end, true),
                    "and" if between => (end, true),
                    "or" => (end, false),
                    _ => return None,
                }
            }
        };
        let high = self.cardinal(scan.skip_spaces(to)).filter(|h| h.value > Decimal::ZERO)?;
        let mut low = n.value;
        if let (None, Some(power)) = (n.scale, high.scale) {
            let unit = Decimal::from(10_i64.checked_pow(power)?);
            if low < high.value.checked_div(unit)? {
                low = low.checked_mul(unit)?;
            }
        }
        if low >= high.value
            || calendar::hour(self, to, &high).is_some()
            || (n.value == Decimal::ONE && !exact && n.spoken && high.value > Decimal::TEN)
        {
            return None;
        }
        if let Some((end, factor)) = self.percent_sign(high.end) {
            let value = Value::Range(low.checked_mul(factor)?, high.value.checked_mul(factor)?);
            return Some(Draft::new(Kind::Percent, value, i..end));
        }
        let mut draft = self.counted(i, high.end, low, high.value, &high)?;
        draft.exact &= exact;
        Some(draft)
    }

    /// A unit behind `i`: pieces, cubic metres, working days, kg.
    fn unit(&self, i: usize) -> Option<(Measure, usize)> {
        let scan = self.scan;
        let at = gap(scan, i);
        if let Some(c) = scan.get(at).filter(|c| matches!(c, '°' | '℃' | '㎡' | '″' | '′')) {
            let end = scan.eat_any(at, &["°C", "°c"]).unwrap_or(at + 1);
            return Measure::word(&c.to_string()).map(|m| (m, end));
        }
        let (word, mut end) = scan.word(at)?;
        if let Some((second, second_end)) = self.next_word(end) {
            let two = format!("{word} {second}");
            if let Some(measure) = Measure::word(&two) {
                return Some((measure, second_end));
            }
            if matches!(word.as_str(), "working" | "business" | "calendar")
                && let Some(measure) = Measure::word(&second)
            {
                return Some((measure, second_end));
            }
        }
        // m2, cm³
        let mut word = word;
        if let Some(power) = scan.get(end).filter(|c| matches!(c, '2' | '3' | '²' | '³')) {
            word.push(power);
            end += 1;
        }
        let measure = Measure::word(&word)?;
        // One letter is a unit only behind digits, "pound" is decided by the money reader first.
        let lone = word.chars().count() == 1 && !scan.before(i.max(1)).is_some_and(|c| c.is_ascii_digit());
        let behind_digit = i > 0 && scan.is_digit(i - 1);
        (!lone || behind_digit).then_some((measure, end))
    }

    /// Money, a quantity, a place in a row, or a bare number.
    fn counted(&self, i: usize, end: usize, low: Decimal, high: Decimal, n: &Cardinal) -> Option<Draft> {
        let value = if low == high { Value::One(low) } else { Value::Range(low, high) };
        if let Some(draft) = money::after(self, i, end, low, high) {
            return Some(draft);
        }
        if let Some((measure, unit_end)) = self.unit(end) {
            let mut draft = Draft::new(Kind::Quantity, value, i..unit_end);
            draft.number = i..end;
            draft.unit = Some(Unit::Measure(measure));
            draft.optional =
                low == high && low == Decimal::ONE && (measure.is_count() && measure.symbol() != "dozen" || n.spoken);
            return Some(draft);
        }
        let before = self.word_before(i);
        let label = LABELS.contains(&before.as_str()) || self.scan.before(i) == Some('#');
        let behind = self.next_word(end).map(|(w, _)| w).unwrap_or_default();
        if low == high && (label || PLACES.contains(&behind.as_str())) {
            let code = n.digits.as_ref().filter(|d| label && d.len() > 2);
            let (kind, value) = code.map_or((Kind::Ordinal, value), |d| (Kind::Code, Value::Digits(d.clone())));
            return Some(Draft::new(kind, value, i..end));
        }
        let mut draft = Draft::new(Kind::Number, value, i..end);
        draft.optional = low == high && low == Decimal::ONE && n.spoken;
        if n.spoken && low.is_zero() {
            return None;
        }
        let each = self.is_each(end);
        let priced = matches!(before.as_str(), "price" | "for" | "at") && low.scale() > 0;
        if let Some(currency) =
            self.context.currency.filter(|_| !draft.optional && (each || priced || (low.scale() == 2 && !n.spoken)))
        {
            (draft.kind, draft.unit, draft.implied) = (Kind::Money, Some(Unit::Money(currency)), true);
        }
        Some(draft)
    }

    /// "each", "apiece", "a piece", "per pair" behind an amount.
    fn is_each(&self, end: usize) -> bool {
        match self.next_word(end).as_ref().map(|(w, e)| (w.as_str(), *e)) {
            Some(("each" | "apiece", _)) => true,
            Some(("per" | "a" | "an", end)) => {
                // "24 per carton" tells how many there are, "2.80 per pair" a price.
                self.next_word(end)
                    .and_then(|(w, _)| Measure::word(&w))
                    .is_some_and(|m| matches!(m.symbol(), "pcs" | "pair" | "set" | "dozen" | "kg" | "m"))
            }
            _ => false,
        }
    }

    /// Marks an amount that the words around it call approximate.
    fn with_about(&self, mut draft: Draft) -> Draft {
        let before = self.word_before(draft.span.start);
        let about = matches!(
            before.as_str(),
            "about" | "around" | "approximately" | "roughly" | "nearly" | "almost" | "approx." | "approx" | "circa" | "some"
        );
        let tail = self.scan.rest(draft.span.end);
        let so = tail.starts_with(" or so") || tail.starts_with("-ish") || tail.starts_with("ish");
        draft.exact &= !(about || so);
        draft
    }

    /// The currency that an unspoken one is.
    fn currency(&self) -> Option<Currency> {
        self.context.currency
    }
}
