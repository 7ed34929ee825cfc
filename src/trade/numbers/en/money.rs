//! English money: $3.80, RMB 35, 3.80 dollars, three dollars eighty, four dollars and twenty cents, fifty cents, twenty-six yuan eighty.
//!
//! Rules: two digits behind a currency's name are hundredths unless they count something ("twenty yuan fifty pieces"). Cents are
//! hundredths of the conversation's last currency, of the dollar when there is none. "Pounds" are money only where the last
//! currency is the pound, or "sterling" follows; else a weight.

use rust_decimal::Decimal;

use super::Reader;
use crate::trade::{
    amount::{Kind, Unit, Value},
    money::Currency,
    numbers::{Draft, words::gap},
};

/// The currency named behind `i`, how much of it one is, and where the name ends.
fn name(reader: &Reader<'_>, i: usize) -> Option<(Currency, Decimal, usize)> {
    let scan = reader.scan;
    let at = gap(scan, i);
    if let Some((currency, bytes)) = Currency::sign_at(scan.rest(at)).or_else(|| Currency::chinese_at(scan.rest(at))) {
        let end = scan.after_bytes(at, bytes);
        // "5 $3": the sign belongs to what follows it.
        return (at == i || !scan.is_digit(end)).then_some((currency, Decimal::ONE, end)).filter(|_| !scan.is_digit(end));
    }
    if scan.get(at) == Some('¢') {
        return Some((reader.currency().unwrap_or(Currency::USD), Decimal::new(1, 2), at + 1));
    }
    let (word, end) = scan.word(at)?;
    let second = reader.next_word(end).unwrap_or_default();
    let third = || reader.next_word(second.1).unwrap_or_default();
    let dollars = |w: &str| matches!(w, "dollar" | "dollars");
    match (word.as_str(), second.0.as_str()) {
        ("us" | "american", w) if dollars(w) => Some((Currency::USD, Decimal::ONE, second.1)),
        ("hong", "kong") if dollars(&third().0) => Some((Currency::from_code("HKD")?, Decimal::ONE, third().1)),
        ("australian", w) if dollars(w) => Some((Currency::from_code("AUD")?, Decimal::ONE, second.1)),
        ("canadian", w) if dollars(w) => Some((Currency::from_code("CAD")?, Decimal::ONE, second.1)),
        ("singapore", w) if dollars(w) => Some((Currency::from_code("SGD")?, Decimal::ONE, second.1)),
        ("chinese", "yuan") => Some((Currency::CNY, Decimal::ONE, second.1)),
        ("pound" | "pounds", "sterling") => Some((Currency::GBP, Decimal::ONE, second.1)),
        ("pound" | "pounds", _) if reader.currency() == Some(Currency::GBP) => Some((Currency::GBP, Decimal::ONE, end)),
        ("cent" | "cents", _) => Some((reader.currency().unwrap_or(Currency::USD), Decimal::new(1, 2), end)),
        ("pence" | "penny", _) => Some((Currency::GBP, Decimal::new(1, 2), end)),
        ("mao" | "jiao", _) => Some((Currency::CNY, Decimal::new(1, 1), end)),
        ("fen", _) => Some((Currency::CNY, Decimal::new(1, 2), end)),
        ("yuan" | "kuai", "rmb") => Some((Currency::CNY, Decimal::ONE, second.1)),
        // A real price is no Brazilian one, and "try" no lira: codes that are words count only in capitals.
        _ => {
            let upper = scan.slice(at..end).chars().all(|c| c.is_ascii_uppercase());
            let code = Currency::from_code(&word).filter(|c| upper || *c == Currency::CNY || word == "usd" || word == "eur");
            Currency::word(&word).or(code).map(|c| (c, Decimal::ONE, end))
        }
    }
}

/// "26, yuan 80": recognisers set a comma where the speaker takes a breath. Only with hundredths behind the name, which otherwise begins
/// an amount of its own.
fn apart(reader: &Reader<'_>, end: usize) -> Option<(Currency, Decimal, usize)> {
    let at = reader.scan.eat(end, ", ")?;
    reader.scan.word(at)?;
    name(reader, at).filter(|(_, factor, name_end)| *factor == Decimal::ONE && tail(reader, *name_end).is_some())
}

/// What smaller money behind a currency's name adds, and where it ends: "eighty", "and twenty cents", "20".
fn tail(reader: &Reader<'_>, i: usize) -> Option<(Decimal, usize)> {
    let scan = reader.scan;
    let mut at = gap(scan, i);
    if at == i {
        return None;
    }
    let mut and = false;
    if let Some((_, end)) = scan.word(at).filter(|(w, _)| w == "and") {
        (at, and) = (gap(scan, end), true);
    }
    let zero = scan.word(at).filter(|(w, _)| w == "oh" || w == "zero").map(|(_, end)| gap(scan, end));
    let n = reader.cardinal(zero.unwrap_or(at))?;
    if n.value.scale() > 0 || n.value >= Decimal::ONE_HUNDRED || n.value.is_zero() || n.scale.is_some() {
        return None;
    }
    if let Some((word, end)) = reader.next_word(n.end) {
        let part = match word.as_str() {
            "cents" | "cent" | "pence" | "penny" | "fen" => Some(Decimal::new(1, 2)),
            "mao" | "jiao" => Some(Decimal::new(1, 1)),
            _ => None,
        };
        if let Some(part) = part {
            return n.value.checked_mul(part).map(|v| (v, end));
        }
    }
    let two_digits = n.value >= Decimal::TEN || zero.is_some();
    let own = reader.unit(n.end).is_some() || reader.percent_sign(n.end).is_some() || name(reader, n.end).is_some();
    let range = reader.next_word(n.end).is_some_and(|(w, _)| matches!(w.as_str(), "to" | "by" | "or" | "x"));
    // "100 yuan 50 of them", "ten dollars and twenty": hundredths follow directly.
    let glued = matches!(scan.get(n.end), Some('-' | '/' | ':'));
    (two_digits && !own && !range && !glued && !and && zero.is_none_or(|_| n.value < Decimal::TEN))
        .then(|| (n.value / Decimal::ONE_HUNDRED, n.end))
}

/// Money whose number ends at `end`.
pub(super) fn after(reader: &Reader<'_>, i: usize, end: usize, low: Decimal, high: Decimal) -> Option<Draft> {
    let (currency, factor, mut name_end) = name(reader, end).or_else(|| apart(reader, end))?;
    let (mut low, mut high) = (low.checked_mul(factor)?, high.checked_mul(factor)?);
    if factor == Decimal::ONE
        && low == high
        && low.scale() == 0
        && let Some((add, tail_end)) = tail(reader, name_end)
    {
        (low, high, name_end) = (low.checked_add(add)?, high.checked_add(add)?, tail_end);
    }
    let value = if low == high { Value::One(low) } else { Value::Range(low, high) };
    let mut draft = Draft::new(Kind::Money, value, i..name_end);
    draft.unit = Some(Unit::Money(currency));
    Some(draft)
}

/// Money whose currency stands before the number.
pub(super) fn before(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let scan = reader.scan;
    let sign = Currency::sign_at(scan.rest(i)).map(|(c, bytes)| (c, scan.after_bytes(i, bytes)));
    let code = || {
        let (word, end) = scan.word(i)?;
        let upper = scan.slice(i..end).chars().all(|c| c.is_ascii_uppercase());
        Currency::from_code(&word).filter(|_| upper || word == "rmb" || word == "usd").map(|c| (c, end))
    };
    let (currency, end) = sign.or_else(code)?;
    // A name such as RM must not be the beginning of a word.
    if scan.get(end).is_some_and(char::is_alphabetic) {
        return None;
    }
    let at = scan.skip_spaces(end);
    let n = reader.cardinal(at)?;
    let (low, mut high, mut end) = (n.value, n.value, n.end);
    if matches!(scan.get(end), Some('M' | 'm')) && !scan.get(end + 1).is_some_and(char::is_alphanumeric) {
        let value = low.checked_mul(Decimal::from(1_000_000))?;
        let mut draft = Draft::new(Kind::Money, Value::One(value), i..end + 1);
        draft.unit = Some(Unit::Money(currency));
        return Some(draft);
    }
    let to = scan.eat_any(scan.skip_spaces(end), &["-", "–", "—", "~"]).or_else(|| {
        let (word, end) = reader.next_word(end)?;
        matches!(word.as_str(), "to").then_some(end)
    });
    if let Some(to) = to {
        let to = scan.skip_spaces(to);
        let to =
            Currency::sign_at(scan.rest(to)).filter(|(c, _)| *c == currency).map_or(to, |(_, bytes)| scan.after_bytes(to, bytes));
        if let Some(more) = reader.cardinal(to).filter(|m| m.value > low && reader.unit(m.end).is_none()) {
            (high, end) = (more.value, more.end);
        }
    }
    // US$5 dollars, RMB 35 yuan: said twice.
    if let Some((_, _, name_end)) = name(reader, end).filter(|(c, f, _)| *c == currency && *f == Decimal::ONE) {
        end = name_end;
    }
    let value = if low == high { Value::One(low) } else { Value::Range(low, high) };
    let mut draft = Draft::new(Kind::Money, value, i..end);
    draft.unit = Some(Unit::Money(currency));
    Some(draft)
}
