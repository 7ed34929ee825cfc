//! Several English numbers in a row: prices ("three eighty", "one ninety-nine"), phones and codes ("plus four nine one five one").
//!
//! Rules for two numbers below a hundred, the second of two digits: behind a label (booth, room) they are a code; before am and pm, or
//! behind "at" while nobody has named a currency, a time; a counting word makes them hundreds (one fifty pieces); a year behind "in";
//! everything else is a price: 3.80 in the conversation's last currency. Three and more single digits are a code or a phone.

use rust_decimal::Decimal;

use super::{LABELS, Reader, calendar, words};
use crate::trade::{
    amount::{Kind, Unit, Value},
    numbers::{
        Draft,
        literal::date_value,
        words::{Word, gap},
    },
};

struct Element {
    value: u32,
    ones: bool,
    end: usize,
}

/// The numbers below a hundred, in words, from `i` on; `commas` may stand between them.
fn elements(reader: &Reader<'_>, i: usize, commas: bool) -> Vec<Element> {
    let scan = reader.scan;
    let mut found: Vec<Element> = Vec::new();
    let mut at = i;
    while found.len() < 32 {
        let Some((word, word_end)) = scan.word(at) else { break };
        let repeat = match word.as_str() {
            "double" => 2,
            "triple" => 3,
            _ => 1,
        };
        let start = if repeat > 1 { gap(scan, word_end) } else { at };
        if matches!(word.as_str(), "oh" | "o") && !found.is_empty() {
            found.push(Element { value: 0, ones: true, end: word_end });
        } else {
            let Some(n) = reader.cardinal(start).filter(|n| n.spoken) else { break };
            let Some(value) = n.simple else { break };
            if repeat > 1 && !n.ones {
                break;
            }
            found.extend((0..repeat).map(|_| Element { value, ones: n.ones, end: n.end }));
        }
        let Some(end) = found.last().map(|e| e.end) else { break };
        at = gap(scan, end);
        if commas && scan.get(at) == Some(',') {
            at = scan.skip_spaces(at + 1);
        }
    }
    found
}

fn text(elements: &[Element]) -> String {
    elements.iter().map(|e| e.value.to_string()).collect()
}

/// A telephone number in words at `i`.
pub(super) fn phone(reader: &Reader<'_>, i: usize, plus: bool) -> Option<Draft> {
    let found = elements(reader, i, true);
    let digits = text(&found);
    // "plus five, two cartons": a phone is long.
    if !(7..=20).contains(&digits.len()) || found.iter().filter(|e| e.ones).count() * 2 < found.len() {
        return None;
    }
    let digits = if plus { format!("+{digits}") } else { digits };
    Some(Draft::new(Kind::Phone, Value::Digits(digits), i..found.last()?.end))
}

/// A telephone number in groups of digits at `i`, behind "plus": recognisers set commas where the speaker takes a breath.
pub(super) fn written_phone(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let scan = reader.scan;
    let (mut digits, mut at) = (String::new(), i);
    loop {
        let end = (at..scan.len()).take_while(|k| scan.is_digit(*k)).last()? + 1;
        digits.push_str(scan.slice(at..end));
        let next = scan.eat_any(end, &[", ", "-", " "]).filter(|next| scan.is_digit(*next));
        match next {
            Some(next) => at = next,
            // With its country's code a number has 9 digits or more; E.164 has at most 15.
            None if (9..=15).contains(&digits.len()) => {
                return Some(Draft::new(Kind::Phone, Value::Digits(format!("+{digits}")), i..end));
            }
            None => return None,
        }
    }
}

/// What two or more numbers in a row are.
pub(super) fn read(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let found = elements(reader, i, false);
    if found.is_empty() {
        return None;
    }
    let before = reader.word_before(i);
    // "C two oh five": a letter makes it a code too.
    let letter = before.len() == 1 && before != "i" && before != "a";
    let label = letter || LABELS.contains(&before.as_str());
    let cue = matches!(before.as_str(), "is" | "number" | "phone" | "whatsapp" | "mobile" | "call" | "code" | "on" | "at");
    if let Some(draft) =
        phone(reader, i, false).filter(|d| cue && found.len() > 2 || matches!(&d.value, Value::Digits(t) if t.len() >= 9))
    {
        return Some(draft);
    }
    let digits_only = found.iter().all(|e| e.ones);
    let end = found.last()?.end;
    let price_shape = || match found.as_slice() {
        [a, b] if !b.ones && a.value > 0 => Some((a.value, b.value)),
        // three oh five
        [a, zero, b] if zero.value == 0 && b.ones && zero.ones && a.value > 0 => Some((a.value, b.value)),
        _ => None,
    };
    if label && found.len() >= 2 || digits_only && found.len() >= 3 && !(reader.currency().is_some() && price_shape().is_some()) {
        return Some(Draft::new(Kind::Code, Value::Digits(text(&found)), i..end));
    }
    let (whole, hundredths) = price_shape()?;
    let scan = reader.scan;
    let number = Decimal::from(whole * 100 + hundredths);
    // two forty-foot containers, five fifty-gram bags: two amounts
    if scan.get(end) == Some('-') && reader.unit(end).is_some() {
        return None;
    }
    let next = reader.next_word(end).map(|(w, _)| w).unwrap_or_default();
    // two fifty thousand: the second number goes on
    if matches!(words::number(&next), Some(Word::Hundred | Word::Scale(_))) {
        return None;
    }
    let clock = whole <= 24 && hundredths < 60;
    if clock {
        let draft = Draft::new(Kind::Time, time(whole, hundredths)?, i..end);
        let with_half = calendar::with_half_day(reader, draft.clone());
        if with_half.span != draft.span {
            return Some(with_half);
        }
        if matches!(before.as_str(), "at" | "until" | "till" | "by") && reader.currency().is_none() && !reader.is_each(end) {
            return Some(draft);
        }
    }
    if reader.percent_sign(end).is_some() {
        return None;
    }
    let month = calendar::is_month_word(&before);
    if (whole == 19 || whole == 20) && (month || matches!(before.as_str(), "in" | "since" | "year")) {
        let value = date_value(u16::try_from(whole * 100 + hundredths).ok(), None, None)?;
        return Some(Draft::new(Kind::Date, value, i..end));
    }
    if let Some((measure, unit_end)) = reader.unit(end).filter(|(m, _)| m.symbol() != "lb") {
        let mut draft = Draft::new(Kind::Quantity, Value::One(number), i..unit_end);
        (draft.unit, draft.number) = (Some(Unit::Measure(measure)), i..end);
        return Some(draft);
    }
    let price = number / Decimal::ONE_HUNDRED;
    if let Some(draft) = super::money::after(reader, i, end, price, price) {
        return Some(draft);
    }
    let mut draft = Draft::new(Kind::Money, Value::One(price), i..end);
    draft.unit = reader.currency().map(Unit::Money);
    draft.implied = true;
    Some(draft)
}

fn time(hour: u32, minute: u32) -> Option<Value> {
    Some(Value::Time { hour: u8::try_from(hour).ok()?, minute: u8::try_from(minute).ok()?, sure: hour > 12 })
}
