//! Cardinals in words, for languages that build them as English does: groups of ones, tens and hundreds, then a scale.
//!
//! [`cardinal`] reads `twelve thousand five hundred and six`, `twelve hundred`, `2.5 million`, `two and a half thousand`, `doscientos
//! cincuenta mil`. A [`Lexicon`] gives a language's words. What the number counts is for the readers.

use rust_decimal::Decimal;

use super::{literal::literal, scan::Scan};
use crate::trade::locale::Separators;

/// What a word is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// 0 to 9.
    Ones(u32),
    /// 10 to 19, or any other number below 100 that takes no ones.
    Teens(u32),
    /// 20 to 90.
    Tens(u32),
    /// 100 to 900 in one word.
    Hundreds(u32),
    /// Multiplies what stands before it.
    Hundred,
    /// A power of ten from 3 on (万: 4).
    Scale(u32),
}

/// A language's numerals.
pub(super) struct Lexicon {
    /// What a lower-case word is worth.
    pub(super) word: fn(&str) -> Option<Word>,
    /// Words between the parts.
    pub(super) and: &'static [&'static str],
    /// Words before the fraction.
    pub(super) point: &'static [&'static str],
    /// Words for "and a half".
    pub(super) half: &'static [&'static str],
    pub(super) separators: Separators,
    /// French: soixante-dix is 70, quatre-vingt-dix 90.
    pub(super) vigesimal: bool,
}

/// A number that was read.
#[derive(Debug, Clone)]
pub(super) struct Cardinal {
    pub(super) end: usize,
    pub(super) value: Decimal,
    /// Said in words from the beginning.
    pub(super) spoken: bool,
    /// The power of ten of a last hundred or scale word.
    pub(super) scale: Option<u32>,
    /// Below 100 in words, without a fraction: part of a run such as "three eighty".
    pub(super) simple: Option<u32>,
    /// A word for one digit.
    pub(super) ones: bool,
    /// Written digits without separators.
    pub(super) digits: Option<String>,
}

fn pow10(power: u32) -> Option<Decimal> {
    10_i64.checked_pow(power).map(Decimal::from)
}

/// The index of the next word: behind spaces, or behind a hyphen.
pub(super) fn gap(scan: &Scan, i: usize) -> usize {
    if scan.get(i) == Some('-') { i + 1 } else { scan.skip_spaces(i) }
}

#[derive(Debug, Clone)]
enum Item {
    Word(Word),
    Literal(Decimal, Option<String>),
}

fn item(scan: &Scan, i: usize, lexicon: &Lexicon) -> Option<(Item, usize)> {
    if scan.is_digit(i) {
        let found = literal(scan, i, lexicon.separators)?;
        return Some((Item::Literal(found.value, found.bare.then_some(found.whole)), found.end));
    }
    let (word, end) = scan.word(i)?;
    (lexicon.word)(&word).map(|w| (Item::Word(w), end))
}

/// The number that begins at `i`.
pub(super) fn cardinal(scan: &Scan, i: usize, lexicon: &Lexicon) -> Option<Cardinal> {
    let (mut total, mut group) = (Decimal::ZERO, Decimal::ZERO);
    // What may still be added to the group must be below `room`.
    let (mut room, mut last_scale, mut hundred) = (1000_u32, u32::MAX, false);
    let (mut scale, mut end, mut words, mut ones, mut simple_ok) = (None, i, 0, false, true);
    let (mut spoken, mut digits) = (true, None);
    let mut at = i;
    loop {
        let next = if words == 0 { Some(at) } else { next_part(scan, end, lexicon) };
        let Some(start) = next else { break };
        let Some((item, item_end)) = item(scan, start, lexicon) else { break };
        let first = words == 0;
        match item {
            Item::Literal(value, text) => {
                // 3 thousand 500
                let fits = first
                    || (group.is_zero()
                        && pow10(last_scale).is_some_and(|s| value < s)
                        && value >= Decimal::ONE_HUNDRED
                        && scan.get(end) == Some(' '));
                if !fits || (!first && text.is_none()) {
                    break;
                }
                (group, room, simple_ok) = (value, 1, false);
                if first {
                    (spoken, digits) = (false, text);
                } else {
                    digits = None;
                }
            }
            Item::Word(Word::Ones(0)) if !first => break,
            Item::Word(Word::Tens(20)) if lexicon.vigesimal && room == 1 && group % Decimal::TEN == Decimal::from(4) => {
                group += Decimal::from(76);
                room = 10;
            }
            Item::Word(Word::Teens(n)) if lexicon.vigesimal && room == 10 => {
                group += Decimal::from(n);
                room = 1;
            }
            Item::Word(word @ (Word::Ones(n) | Word::Teens(n) | Word::Tens(n) | Word::Hundreds(n))) => {
                let (needs, leaves) = match word {
                    Word::Ones(_) => (10, 1),
                    Word::Teens(_) => (100, 1),
                    Word::Tens(_) => (100, 10),
                    _ => (1000, 100),
                };
                if room < needs || (!first && claimed(scan, item_end, lexicon, hundred, last_scale)) {
                    break;
                }
                if first {
                    ones = matches!(word, Word::Ones(_));
                }
                if matches!(word, Word::Hundreds(_)) {
                    (simple_ok, hundred) = (false, true);
                }
                group += Decimal::from(n);
                (room, scale) = (leaves, None);
                if !first {
                    ones = false;
                }
            }
            Item::Word(Word::Hundred) => {
                if group.is_zero() || group >= Decimal::ONE_HUNDRED || group.scale() > 0 && words > 1 || first {
                    break;
                }
                let Some(value) = group.checked_mul(Decimal::ONE_HUNDRED) else { break };
                (group, room, scale, simple_ok, ones, hundred) = (value, 100, Some(2), false, false, true);
                digits = None;
            }
            Item::Word(Word::Scale(power)) => {
                if group.is_zero() || power >= last_scale {
                    break;
                }
                let Some(value) = pow10(power).and_then(|s| group.checked_mul(s)).and_then(|v| total.checked_add(v)) else {
                    break;
                };
                (total, group, room, last_scale, scale, simple_ok, ones) =
                    (value, Decimal::ZERO, 1000, power, Some(power), false, false);
                (digits, hundred) = (None, false);
            }
        }
        words += 1;
        end = item_end;
        at = end;
        if words > 24 {
            break;
        }
        if let Some((value, fraction_end)) = fraction(scan, end, lexicon, group) {
            let zero_scale = spoken || digits.is_some();
            if zero_scale {
                (group, end, room, simple_ok, ones, scale) = (value, fraction_end, 1, false, false, None);
                digits = None;
                at = end;
            }
        }
        if let Some(half_end) = half(scan, end, lexicon) {
            let unit = if group.is_zero() { pow10(last_scale).unwrap_or(Decimal::ONE) } else { Decimal::ONE };
            group += unit / Decimal::TWO;
            (end, room, simple_ok, ones, scale) = (half_end, 1, false, false, None);
            digits = None;
        }
    }
    let value = total.checked_add(group)?;
    let simple = (simple_ok && value < Decimal::ONE_HUNDRED).then(|| u32::try_from(value).ok()).flatten();
    (words > 0).then_some(Cardinal { end, value, spoken, scale, simple, ones, digits })
}

/// Where the next part of the number begins: after a gap, and after "and" when there is one.
fn next_part(scan: &Scan, end: usize, lexicon: &Lexicon) -> Option<usize> {
    let at = gap(scan, end);
    if at == end && !scan.get(end).is_some_and(char::is_alphabetic) {
        return None;
    }
    match scan.word(at) {
        Some((word, word_end)) if lexicon.and.contains(&word.as_str()) => {
            let at = gap(scan, word_end);
            // "and 500" is the next amount.
            (!scan.is_digit(at)).then_some(at)
        }
        _ => Some(at),
    }
}

/// `hundred`: the group has its hundreds already. True when the word that ends at `end` belongs to another number, because a multiplier follows that does not fit any more:
/// "two hundred | five hundred".
fn claimed(scan: &Scan, end: usize, lexicon: &Lexicon, hundred: bool, last_scale: u32) -> bool {
    let mut at = gap(scan, end);
    for _ in 0..3 {
        match item(scan, at, lexicon) {
            Some((Item::Word(Word::Hundred), _)) => return hundred,
            Some((Item::Word(Word::Scale(power)), _)) => return power >= last_scale,
            Some((Item::Word(Word::Ones(_) | Word::Tens(_)), next)) => at = gap(scan, next),
            _ => return false,
        }
    }
    false
}

/// "point five", "point two five", "point twenty-five".
fn fraction(scan: &Scan, end: usize, lexicon: &Lexicon, group: Decimal) -> Option<(Decimal, usize)> {
    let (word, word_end) = scan.word(scan.skip_spaces(end))?;
    if !lexicon.point.contains(&word.as_str()) || group.scale() > 0 {
        return None;
    }
    let (text, end) = fraction_digits(scan, word_end, lexicon)?;
    Decimal::from_str_exact(&format!("{group}.{text}")).ok().map(|v| (v, end))
}

/// The digits after "point".
pub(super) fn fraction_digits(scan: &Scan, i: usize, lexicon: &Lexicon) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut end = i;
    while text.len() < 8 {
        let at = scan.skip_spaces(end);
        let next = match scan.word(at) {
            Some((word, word_end)) if text.is_empty() || scan.get(end) != Some('-') => match (lexicon.word)(&word) {
                Some(Word::Ones(d)) => (d.to_string(), word_end),
                Some(Word::Teens(n)) if text.is_empty() => (n.to_string(), word_end),
                Some(Word::Tens(n)) if text.is_empty() => {
                    let ones = scan.word(gap(scan, word_end)).and_then(|(w, e)| match (lexicon.word)(&w) {
                        Some(Word::Ones(d)) if d > 0 => Some((d, e)),
                        _ => None,
                    });
                    ones.map_or((n.to_string(), word_end), |(d, e)| ((n + d).to_string(), e))
                }
                None if word == "oh" || word == "o" => ("0".to_owned(), word_end),
                _ => break,
            },
            None if text.is_empty() && scan.is_digit(at) => {
                let found = literal(scan, at, lexicon.separators).filter(|l| l.bare && l.whole.len() <= 6)?;
                return Some((found.whole, found.end));
            }
            _ => break,
        };
        let whole = next.0.len() > 1;
        text.push_str(&next.0);
        end = next.1;
        if whole {
            break;
        }
    }
    (!text.is_empty()).then_some((text, end))
}

/// "and a half".
fn half(scan: &Scan, end: usize, lexicon: &Lexicon) -> Option<usize> {
    let at = gap(scan, end);
    let at = if at == end { return None } else { at };
    let end = lexicon.half.iter().find_map(|words| {
        let lower = scan.slice(at..(at + words.chars().count()).min(scan.len())).to_lowercase();
        (lower == **words).then(|| at + words.chars().count())
    })?;
    (!scan.get(end).is_some_and(char::is_alphanumeric)).then_some(end)
}
