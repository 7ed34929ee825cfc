//! Reads the amounts of an English sentence.
//!
//! Walks it word by word. Where a number begins, [`runs`] looks for several numbers in a row ("three eighty", "four nine one five"),
//! [`money`] for currencies before and after, [`calendar`] for dates and times; the rest is read here. Called by [`super::read`].

mod calendar;
mod idioms;
mod money;
mod runs;
mod shares;
mod words;

use std::sync::LazyLock;

use rust_decimal::Decimal;

use super::{
    Draft,
    literal::{DateOrder, written},
    scan::Scan,
    sides::sides,
    words::{Cardinal, Lexicon, cardinal, gap},
};
use crate::{
    language::Language,
    trade::{
        amount::{Amount, Context, Kind, Unit, Value},
        locale::separators,
        money::Currency,
        units::Measure,
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

    fn is_unit_next(&self, end: usize) -> bool {
        self.unit(end).is_some()
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

    /// 60 by 40 by 35 centimetres, 60x40x35.
    fn sides(&self, i: usize, n: &Cardinal) -> Option<Draft> {
        let scan = self.scan;
        let joint = |at| {
            scan.eat_any(at, &["×", "*"]).or_else(|| {
                let (word, word_end) = scan.word(at)?;
                matches!(word.as_str(), "by" | "x" | "times").then_some(word_end)
            })
        };
        let number = |at| self.cardinal(at).map(|n| (n.value, n.end));
        sides(scan, i, (n.value, n.end), joint, number, |at| self.unit(at))
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
