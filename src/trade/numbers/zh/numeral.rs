//! Chinese numerals: from 三 to 一千二百五十六万, with what speech makes of them: 一万两千五, 十五六, 两三百, 一点二万, 3万5, 二十多, 一五三八.
//!
//! Reads the number alone; what it counts is for [`super`]. The rules of speech:
//! - a last digit without its place belongs to the next lower one: 三百五 is 350, 一万两千五 12500; 零 stops that: 三百零五;
//! - two neighbouring digits (and 三五) are a range: 十五六, 七八百; other digits in a row are a string: 一五三八;
//! - tens and hundreds of 千, as overseas Chinese count: 十五千, 两百零八千. 五十千克 is 50 kg.

use rust_decimal::Decimal;

use super::counter_at;
use crate::language::Language;
use crate::trade::{
    locale::separators,
    numbers::{literal::literal, scan::Scan},
};

/// A numeral.
#[derive(Debug, Clone)]
pub(super) struct Numeral {
    pub(super) end: usize,
    pub(super) low: Decimal,
    /// Differs from `low` in a range.
    pub(super) high: Decimal,
    /// The digits one by one, when they were said or written so.
    pub(super) digits: Option<String>,
    pub(super) exact: bool,
    /// Written with digits, at least at its beginning.
    pub(super) written: bool,
    /// One digit's worth: 三, 两, 3.
    pub(super) single: bool,
    /// The power of ten of a last 百, 千, 万, 亿: shared by both ends of 三到五百.
    pub(super) scale: Option<u32>,
}

impl Numeral {
    /// The value, unless it is a range.
    pub(super) fn one(&self) -> Option<Decimal> {
        (self.low == self.high).then_some(self.low)
    }
}

#[derive(Debug, Clone)]
enum Part {
    Zero,
    Digit(u32),
    /// Written digits, and whether it is a single digit.
    Literal(Decimal, bool),
    /// A power of ten.
    Place(u32),
}

/// 0 to 9; 两 counts, 幺 only inside strings of digits.
pub(super) fn digit(c: char) -> Option<u32> {
    let value = match c {
        '零' => 0,
        '一' | '幺' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    };
    Some(value)
}

fn place(c: char) -> Option<u32> {
    match c {
        '十' => Some(1),
        '百' => Some(2),
        '千' => Some(3),
        '万' => Some(4),
        '亿' => Some(8),
        _ => None,
    }
}

/// More than anybody says in one number.
const MAX_PARTS: usize = 32;

fn pow10(power: u32) -> Decimal {
    10_i64.checked_pow(power).map_or(Decimal::MAX, Decimal::from)
}

fn parts(scan: &Scan, mut i: usize) -> Vec<(Part, usize)> {
    let mut out: Vec<(Part, usize)> = Vec::new();
    while out.len() < MAX_PARTS {
        let Some(c) = scan.get(i) else { break };
        if c.is_ascii_digit() {
            // Digits begin a numeral or follow a place (1万2千): after a digit they are the next number.
            if !matches!(out.last(), None | Some((Part::Place(_), _))) {
                break;
            }
            let Some(found) = literal(scan, i, separators(Language::ZH)) else { break };
            i = found.end;
            out.push((Part::Literal(found.value, found.bare && found.whole.len() == 1), i));
            continue;
        }
        let part = match (digit(c), place(c)) {
            (Some(0), _) => Part::Zero,
            (Some(d), _) => Part::Digit(d),
            (None, Some(p)) => Part::Place(p),
            (None, None) => break,
        };
        i += 1;
        out.push((part, i));
    }
    out
}

/// The numeral that begins at `i`.
pub(super) fn numeral(scan: &Scan, i: usize) -> Option<Numeral> {
    whole(scan, i).map(|found| vague(scan, fraction(scan, found)))
}

/// The same up to a 点, which may tell the time.
pub(super) fn whole(scan: &Scan, i: usize) -> Option<Numeral> {
    let parts = parts(scan, i);
    match parts.first()?.0 {
        Part::Place(1) | Part::Literal(..) => structured(scan, &parts),
        Part::Place(_) => None,
        Part::Zero | Part::Digit(_) => string(scan, i, &parts).or_else(|| structured(scan, &parts)),
    }
}

/// Digits one by one; none when places follow at once.
fn string(scan: &Scan, i: usize, parts: &[(Part, usize)]) -> Option<Numeral> {
    let mut count = parts.iter().take_while(|(p, _)| matches!(p, Part::Zero | Part::Digit(_))).count();
    if matches!(parts.get(count), Some((Part::Place(_), _))) {
        // 三百, 七八百, 二三十: the digits before a place belong to it.
        count = count.saturating_sub(2);
        if count < 3 {
            return None;
        }
    }
    let (last, end) = parts.get(count.checked_sub(1)?)?;
    let mut end = *end;
    if (2..=4).contains(&count) && matches!(last, Part::Digit(1)) && counter_at(scan, end).is_some() {
        // 二十八块五一个: "one piece" is its own amount.
        count -= 1;
        end = parts.get(count - 1)?.1;
    }
    let text: String = parts[..count]
        .iter()
        .filter_map(|(p, _)| match p {
            Part::Zero => Some('0'),
            Part::Digit(d) => char::from_digit(*d, 10),
            _ => None,
        })
        .collect();
    let two = scan.slice(i..end).contains('两');
    let value = Decimal::from_str_exact(&text).unwrap_or_default();
    let base =
        Numeral { end, low: value, high: value, digits: None, exact: true, written: false, single: count == 1, scale: None };
    if count == 1 {
        return Some(base);
    }
    if let Some((low, high)) = neighbours(&parts[..count]) {
        return Some(Numeral { low, high, exact: false, ..base });
    }
    if two {
        // 五两个: 两 is no digit of a string; read up to it.
        let at = scan.slice(i..end).chars().position(|c| c == '两').unwrap_or(0);
        let at = if at == 0 { 1 } else { at };
        return string(scan, i, &parts[..at]);
    }
    Some(Numeral { digits: Some(text), ..base })
}

/// 五六, 三五: two digits that mean "from, to".
fn neighbours(parts: &[(Part, usize)]) -> Option<(Decimal, Decimal)> {
    match parts {
        [(Part::Digit(a), _), (Part::Digit(b), _)] if *b == a + 1 || (*a, *b) == (3, 5) => Some(((*a).into(), (*b).into())),
        _ => None,
    }
}

/// Digits with places.
fn structured(scan: &Scan, parts: &[(Part, usize)]) -> Option<Numeral> {
    let written = matches!(parts.first(), Some((Part::Literal(..), _)));
    let zero = Decimal::ZERO;
    let (mut total, mut section) = ((zero, zero), (zero, zero));
    // The place of the last digit in this section (4 before any), and the last 万 or 亿.
    let (mut last, mut big) = (4_u32, None::<u32>);
    let (mut after_zero, mut exact, mut end, mut any, mut tail) = (false, true, None, false, false);
    let mut scale = None;
    let mut idx = 0;
    let part = |i: usize| parts.get(i).map(|p| &p.0);
    while let Some((current, current_end)) = parts.get(idx) {
        match current {
            Part::Zero => {
                if !matches!(part(idx + 1), Some(Part::Digit(_))) || !any {
                    break;
                }
                after_zero = true;
                idx += 1;
                continue;
            }
            Part::Place(1) if last > 1 => {
                section.0 += Decimal::TEN;
                section.1 += Decimal::TEN;
                (last, scale) = (1, None);
            }
            Part::Place(p @ (4 | 8)) => {
                let combined = (total.0 + section.0, total.1 + section.1);
                let power = pow10(*p);
                if section.0.is_zero() && !(big == Some(4) && *p == 8) {
                    break;
                }
                if *p == 8 {
                    total = (combined.0.checked_mul(power)?, combined.1.checked_mul(power)?);
                } else {
                    total = (total.0 + section.0.checked_mul(power)?, total.1 + section.1.checked_mul(power)?);
                }
                section = (zero, zero);
                (last, big, after_zero, scale, tail) = (4, Some(*p), false, Some(*p), false);
            }
            Part::Place(3) if big.is_none() && last < 3 && any && is_place(scan, *current_end) => {
                section = (section.0.checked_mul(pow10(3))?, section.1.checked_mul(pow10(3))?);
                (last, after_zero, scale) = (3, false, Some(3));
            }
            Part::Place(_) => break,
            _ if tail || last == 0 => break,
            Part::Digit(_) | Part::Literal(..) => {
                let (low, mut high) = match current {
                    Part::Digit(d) => (Decimal::from(*d), Decimal::from(*d)),
                    Part::Literal(v, _) => (*v, *v),
                    _ => break,
                };
                let mut used = 1;
                if let Some((_, b)) = parts.get(idx..idx + 2).and_then(neighbours)
                    && !matches!(part(idx + 2), Some(Part::Digit(_) | Part::Zero))
                {
                    (high, used) = (b, 2);
                }
                let next = parts.get(idx + used).filter(|(next, end)| !matches!(next, Part::Place(3)) || is_place(scan, *end));
                // The 千 counts all that was said, not the digit alone.
                let of_all = big.is_none() && (last == 1 || last == 2 && after_zero);
                match next.map(|(next, _)| next) {
                    Some(Part::Place(p)) if *p < 4 && !(of_all && *p == 3) => {
                        if *p >= last {
                            break;
                        }
                        section.0 += low.checked_mul(pow10(*p))?;
                        section.1 += high.checked_mul(pow10(*p))?;
                        (last, after_zero, scale) = (*p, false, (*p > 1).then_some(*p));
                        used += 1;
                    }
                    Some(Part::Place(p)) if big.is_some_and(|b| b <= *p) => break,
                    next => {
                        let before_big = matches!(next, Some(Part::Place(_)));
                        let is_single = matches!(current, Part::Digit(_) | Part::Literal(_, true));
                        // Which place a last digit has.
                        let place = if !is_single || after_zero || last == 1 || !any || before_big && section.0.is_zero() {
                            0
                        } else if last < 4 {
                            last - 1
                        } else {
                            big.map_or(0, |b| b - 1)
                        };
                        // 一万五一个: the "one" of what is counted is no tail; 一百一个 neither.
                        let one = matches!(current, Part::Digit(1)) && used == 1 && place > 0;
                        let own = one && parts.get(idx).is_some_and(|p| counter_at(scan, p.1).is_some());
                        if own || (last == 1 && low >= Decimal::TEN) || (!is_single && last < 4 && low >= pow10(last)) {
                            break;
                        }
                        section.0 += low.checked_mul(pow10(place))?;
                        section.1 += high.checked_mul(pow10(place))?;
                        (last, tail, scale) = (0, !before_big, None);
                    }
                }
                exact &= used == 1 || low == high;
                any = true;
                end = parts.get(idx + used - 1).map(|p| p.1);
                idx += used;
                continue;
            }
        }
        any = true;
        end = Some(*current_end);
        idx += 1;
    }
    let (low, high) = (total.0.checked_add(section.0)?, total.1.checked_add(section.1)?);
    let end = end?;
    let single = parts.first().is_some_and(|p| p.1 == end);
    let digits = match (parts.first(), single) {
        (Some((Part::Literal(..), first_end)), true) => {
            let text = scan.slice(first_end.saturating_sub(digit_count(scan, *first_end))..*first_end);
            Some(text.to_owned())
        }
        _ => None,
    };
    Some(Numeral { end, low, high: high.max(low), digits, exact, written, single: single && low < Decimal::TEN, scale })
}

/// True when the 千 before `end` is a place and does not begin a unit: 千克, 千米, 千瓦, but not 千克拉.
fn is_place(scan: &Scan, end: usize) -> bool {
    !scan.get(end).is_some_and(|c| "克米瓦".contains(c)) || scan.get(end + 1) == Some('拉')
}

/// How many written digits end at `end`.
fn digit_count(scan: &Scan, end: usize) -> usize {
    (0..end).rev().take_while(|i| scan.is_digit(*i)).count()
}

/// 十二点五, 一点二万. A 点 that tells the time is left to the caller, which looks first.
fn fraction(scan: &Scan, mut found: Numeral) -> Numeral {
    if scan.get(found.end) != Some('点') || found.one().is_none() || (found.written && found.low.scale() > 0) {
        return found;
    }
    let mut text = String::new();
    let mut at = found.end + 1;
    while let Some(d) = scan.get(at).and_then(|c| if c == '两' { None } else { digit(c).or(c.to_digit(10)) }) {
        // 三点五一个, 三点五三百: the next amount begins.
        let next_is_place = scan.get(at + 1).and_then(place).is_some_and(|p| !text.is_empty() || p < 4);
        if (!text.is_empty() && (d == 1 && counter_at(scan, at + 1).is_some_and(|(m, _)| m.is_count())))
            || (next_is_place && !text.is_empty()) && scan.get(at + 1).and_then(place).is_some_and(|p| p < 4)
        {
            break;
        }
        text.extend(char::from_digit(d, 10));
        at += 1;
        if text.len() > 8 {
            return found;
        }
    }
    if text.is_empty() || scan.get(at) == Some('十') {
        return found;
    }
    let Ok(value) = Decimal::from_str_exact(&format!("{}.{text}", found.low.trunc())) else { return found };
    let (mut power, mut scale) = (0, None);
    while let Some(p) = scan.get(at).and_then(place).filter(|p| *p > 1) {
        (power, scale) = (power + p, Some(p));
        at += 1;
        if power > 12 {
            return found;
        }
    }
    let Some(value) = value.checked_mul(pow10(power)) else { return found };
    found = Numeral { end: at, low: value, high: value, digits: None, single: false, scale, ..found };
    found
}

/// 二十多, 两百来, 三十几, 一百余: about, and 几 counts up to the next ten.
fn vague(scan: &Scan, mut found: Numeral) -> Numeral {
    let Some(c) = scan.get(found.end) else { return found };
    let round = found.low >= Decimal::TEN && (found.low % Decimal::TEN).is_zero() && found.one().is_some();
    let next = scan.get(found.end + 1);
    let taken = match c {
        '多' => round && !next.is_some_and(|n| "少谢久".contains(n)),
        '余' => round && !next.is_some_and(|n| "下款额数".contains(n)),
        '来' => round && (counter_at(scan, found.end + 1).is_some() || next.is_some_and(|n| "块元万天斤".contains(n))),
        '几' => round && (found.low % Decimal::ONE_HUNDRED) > Decimal::ZERO,
        _ => false,
    };
    if !taken {
        return found;
    }
    found.end += 1;
    found.exact = false;
    found.digits = None;
    if c == '几' {
        (found.low, found.high) = (found.low + Decimal::ONE, found.high + Decimal::from(9));
    }
    while let Some(p) = scan.get(found.end).and_then(place).filter(|p| *p >= 4) {
        let (Some(low), Some(high)) = (found.low.checked_mul(pow10(p)), found.high.checked_mul(pow10(p))) else { break };
        (found.low, found.high, found.end, found.scale) = (low, high, found.end + 1, Some(p));
        if found.high > pow10(14) {
            break;
        }
    }
    found
}
