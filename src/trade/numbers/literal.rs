//! Digits as they are written: literals with separators, and what is written alike in every language.
//!
//! [`literal`] reads one number; [`written`] phones, dates, clock times and models (A4, SUS304). Readers call these before they look
//! for words. A separator counts only where it stands as its language puts it: `1.234` is 1234 in German, `1.23` is 1.23 there too.

use rust_decimal::Decimal;

use super::scan::Scan;
use crate::trade::{
    amount::{Kind, Value},
    locale::Separators,
    money::Currency,
};

/// A number in digits.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    pub(super) end: usize,
    pub(super) value: Decimal,
    /// Digits before the fraction, without separators: leading zeros are kept.
    pub(super) whole: String,
    /// No separator of either kind.
    pub(super) bare: bool,
}

/// Digits in a row; longer ones are codes, and a decimal holds 28.
const MAX_DIGITS: usize = 18;

fn digits_end(scan: &Scan, mut i: usize) -> usize {
    while scan.is_digit(i) {
        i += 1;
    }
    i
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}')
}

/// The number whose first digit is at `i`.
pub(super) fn literal(scan: &Scan, i: usize, separators: Separators) -> Option<Literal> {
    let first_end = digits_end(scan, i);
    let mut end = first_end;
    let mut whole = scan.slice(i..first_end).to_owned();
    if whole.is_empty() || whole.len() > MAX_DIGITS {
        return None;
    }
    let group = |c: char| {
        c == separators.group || (is_space(separators.group) && is_space(c)) || c == '\'' || (c == '\u{202f}' || c == '\u{a0}')
    };
    if first_end - i <= 3 && !whole.starts_with('0') {
        // Groups of three to the end; Indian ones are of two, the last of three.
        let mut at = end;
        let mut grouped = whole.clone();
        while scan.get(at).is_some_and(group) {
            let next = digits_end(scan, at + 1);
            let last = next - at - 1;
            if !(last == 3 || (last == 2 && separators.indian)) {
                break;
            }
            grouped.push_str(scan.slice(at + 1..next));
            at = next;
            if last == 3 && grouped.len() <= MAX_DIGITS {
                end = at;
                whole.clone_from(&grouped);
            }
        }
    }
    let grouped = end > first_end;
    let mut text = whole.clone();
    let point =
        scan.get(end).filter(|c| *c == separators.decimal || (*c == '.' && !grouped) || (*c == '.' && separators.group != '.'));
    let mut fraction_end = end;
    if point.is_some() {
        fraction_end = digits_end(scan, end + 1);
        let count = fraction_end - end - 1;
        // "1.2.3" and sentence ends are no fractions.
        let chained = scan.get(fraction_end) == Some('.') && scan.is_digit(fraction_end + 1);
        if count == 0 || count > 8 || chained {
            fraction_end = end;
        } else {
            text.push('.');
            text.push_str(scan.slice(end + 1..fraction_end));
        }
    }
    let bare = fraction_end == end && !grouped;
    let value = Decimal::from_str_exact(&text).ok()?;
    Some(Literal { end: fraction_end, value, whole, bare })
}

/// Something written that needs no words: what it is and where it ends.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) kind: Kind,
    pub(super) value: Value,
    pub(super) end: usize,
}

/// Whether `10/12/2025` begins with the month: so in American English only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateOrder {
    DayFirst,
    MonthFirst,
}

/// A phone number, date, clock time or model at `i`.
pub(super) fn written(scan: &Scan, i: usize, order: DateOrder) -> Option<Written> {
    let c = scan.get(i)?;
    if scan.before(i).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    if c.is_ascii_alphabetic() {
        return model(scan, i);
    }
    if c == '+' || c.is_ascii_digit() || (c == '(' && scan.is_digit(i + 1)) {
        let written = date(scan, i, order).or_else(|| clock(scan, i)).or_else(|| phone(scan, i));
        return written.or_else(|| long_code(scan, i));
    }
    None
}

/// Letters glued to digits, a hyphen between them allowed: A4, SUS304, M8, X-200B. Codes of currencies are none.
fn model(scan: &Scan, i: usize) -> Option<Written> {
    let mut letters = i;
    while scan.get(letters).is_some_and(|c| c.is_ascii_alphabetic()) {
        letters += 1;
    }
    let name = scan.slice(i..letters);
    let upper = name.chars().all(|c| c.is_ascii_uppercase());
    let digits = if scan.get(letters) == Some('-') && upper { letters + 1 } else { letters };
    if !scan.is_digit(digits)
        || letters - i > 6
        || Currency::from_code(name).is_some()
        || matches!(name, "x" | "X" | "No" | "no" | "US")
    {
        return None;
    }
    // "RM25" is money, "by60" is a slip.
    if Currency::sign_at(scan.rest(i)).is_some() || (!upper && letters - i > 2) {
        return None;
    }
    let mut end = digits;
    while scan
        .get(end)
        .is_some_and(|c| c.is_ascii_alphanumeric() || (c == '-' && scan.get(end + 1).is_some_and(|n| n.is_ascii_alphanumeric())))
    {
        end += 1;
    }
    let text = scan.slice(i..end).to_ascii_uppercase();
    Some(Written { kind: Kind::Code, value: Value::Digits(text), end })
}

fn small(text: &str) -> Option<u8> {
    (text.len() <= 2).then(|| text.parse().ok()).flatten()
}

/// Checks the parts of a date.
pub(super) fn date_value(year: Option<u16>, month: Option<u8>, day: Option<u8>) -> Option<Value> {
    let ok = month.is_none_or(|m| (1..=12).contains(&m)) && day.is_none_or(|d| (1..=31).contains(&d));
    (ok && (year.is_some() || month.is_some() || day.is_some())).then_some(Value::Date { year, month, day })
}

fn date(scan: &Scan, i: usize, order: DateOrder) -> Option<Written> {
    let a = digits_end(scan, i);
    let sign = scan.get(a).filter(|c| matches!(c, '-' | '/' | '.'))?;
    let b = digits_end(scan, a + 1);
    if scan.get(b) != Some(sign) {
        return None;
    }
    let c = digits_end(scan, b + 1);
    let (first, second, third) = (scan.slice(i..a), scan.slice(a + 1..b), scan.slice(b + 1..c));
    let (year, month, day) = if first.len() == 4 {
        (first, small(second)?, small(third)?)
    } else {
        let (x, y) = (small(first)?, small(second)?);
        let month_first = (order == DateOrder::MonthFirst && sign == '/' && x <= 12) || y > 12;
        if month_first { (third, x, y) } else { (third, y, x) }
    };
    if year.len() != 4 {
        return None;
    }
    let value = date_value(year.parse().ok(), Some(month), Some(day))?;
    Some(Written { kind: Kind::Date, value, end: c })
}

fn clock(scan: &Scan, i: usize) -> Option<Written> {
    let a = digits_end(scan, i);
    if scan.get(a) != Some(':') {
        return None;
    }
    let b = digits_end(scan, a + 1);
    let (hour, minute) = (small(scan.slice(i..a))?, small(scan.slice(a + 1..b))?);
    if b - a != 3 || hour > 24 || minute > 59 {
        return None;
    }
    let two_digits = a - i == 2 && scan.slice(i..a).starts_with('0');
    Some(Written { kind: Kind::Time, value: Value::Time { hour, minute, sure: hour > 12 || hour == 0 || two_digits }, end: b })
}

/// `+49 151 2345678`, `0579-85231234`, `138 1234 5678`, `555-123-4567`.
fn phone(scan: &Scan, i: usize) -> Option<Written> {
    let plus = scan.get(i) == Some('+');
    let mut digits = String::new();
    let mut groups = vec![0_usize];
    let mut at = if plus { i + 1 } else { i };
    let mut end = at;
    let mut hyphen = false;
    while let Some(c) = scan.get(at) {
        if c.is_ascii_digit() {
            digits.push(c);
            if let Some(last) = groups.last_mut() {
                *last += 1;
            }
            end = at + 1;
        } else if matches!(c, ' ' | '-' | '(' | ')') && at > i && digits.len() < 16 {
            let next = scan.get(at + 1);
            if !next.is_some_and(|n| n.is_ascii_digit() || matches!(n, ' ' | '(' | ')')) {
                break;
            }
            hyphen |= c == '-';
            if groups.last() != Some(&0) {
                groups.push(0);
            }
        } else {
            break;
        }
        at += 1;
    }
    groups.retain(|g| *g > 0);
    let mobile = groups.len() == 1 && digits.len() == 11 && digits.starts_with('1') && !digits.starts_with("10");
    let grouped = match groups.as_slice() {
        // Thousands are groups of three behind one to three digits: no phone unless hyphens or a leading zero say so.
        [first, middle, last] => {
            (3..=4).contains(first) && (3..=4).contains(middle) && (*last == 4 || *last == 5) && (hyphen || *first == 3)
        }
        [first, second] => hyphen && digits.starts_with('0') && (3..=4).contains(first) && (7..=8).contains(second),
        _ => false,
    };
    let international = plus && (7..=15).contains(&digits.len());
    if !(mobile || grouped || international) {
        return None;
    }
    let text = if plus { format!("+{digits}") } else { digits };
    Some(Written { kind: Kind::Phone, value: Value::Digits(text), end })
}

/// Too long or zero-led to be an amount: 6901234567892, 0012.
fn long_code(scan: &Scan, i: usize) -> Option<Written> {
    let end = digits_end(scan, i);
    let digits = scan.slice(i..end);
    let decimal = scan.get(end).is_some_and(|c| matches!(c, '.' | ',')) && scan.is_digit(end + 1);
    let code = digits.len() >= 11 || (digits.len() > 1 && digits.starts_with('0') && !decimal);
    (code && digits.len() <= 40).then(|| Written { kind: Kind::Code, value: Value::Digits(digits.to_owned()), end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trade::locale::separators;

    fn read(tag: &str, text: &str) -> Option<(String, usize)> {
        literal(&Scan::new(text), 0, separators(tag.parse().unwrap())).map(|l| (l.value.to_string(), l.end))
    }

    #[test]
    fn separators_count_where_their_language_puts_them() {
        let value = |tag, text| read(tag, text).map(|r| r.0);
        assert_eq!(value("en", "1,234.56"), Some("1234.56".into()));
        assert_eq!(value("de", "1.234,56"), Some("1234.56".into()));
        assert_eq!(value("de", "1.23"), Some("1.23".into()));
        assert_eq!(value("fr", "12 345,5"), Some("12345.5".into()));
        assert_eq!(value("ru", "1\u{a0}500"), Some("1500".into()));
        assert_eq!(value("hi", "12,34,567"), Some("1234567".into()));
        assert_eq!(value("hi", "१२,०००"), Some("12000".into()));
        assert_eq!(value("en", "12,50"), Some("12".into()));
        assert_eq!(value("en", "5."), Some("5".into()));
        assert_eq!(value("en", "1234567890123456789"), None);
    }

    fn what(text: &str) -> Option<(Kind, Value)> {
        written(&Scan::new(text), 0, DateOrder::MonthFirst).map(|w| (w.kind, w.value))
    }

    #[test]
    fn phones_dates_times_and_models_are_told_apart() {
        let digits = |kind, text: &str| Some((kind, Value::Digits(text.to_owned())));
        assert_eq!(what("+33 6 12 34 56 78 ok"), digits(Kind::Phone, "+33612345678"));
        assert_eq!(what("0571-87654321"), digits(Kind::Phone, "057187654321"));
        assert_eq!(what("13912345678"), digits(Kind::Phone, "13912345678"));
        assert_eq!(what("6901234567892"), digits(Kind::Code, "6901234567892"));
        assert_eq!(what("SUS316"), digits(Kind::Code, "SUS316"));
        assert_eq!(what("RMB35"), None);
        assert_eq!(what("12 000 000"), None);
        assert_eq!(what("2025-06-18"), Some((Kind::Date, Value::Date { year: Some(2025), month: Some(6), day: Some(18) })));
        assert_eq!(what("25/6/2025"), Some((Kind::Date, Value::Date { year: Some(2025), month: Some(6), day: Some(25) })));
        assert_eq!(what("9:45"), Some((Kind::Time, Value::Time { hour: 9, minute: 45, sure: false })));
        assert_eq!(what("9:75"), None);
    }
}
