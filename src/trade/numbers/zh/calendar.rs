//! Chinese dates and times of day: 十二月十号, 二零二五年三月, 下午两点半, 差一刻九点, 三点二十.
//!
//! 点 is a time when 半, 钟, 整, 一刻, 分 or a number with 十 follows it, or a part of the day stands before it; else 三点五 is 3.5.
//! A part of the day in front belongs to the time and makes it certain.

use super::{
    Reader,
    numeral::{Numeral, digit, numeral, whole},
};
use crate::trade::{
    amount::{Kind, Value},
    numbers::{Draft, literal::date_value, scan::Scan},
};

/// Parts of the day, and whether hours from 1 to 11 are after noon.
const DAY_PARTS: [(&str, bool); 16] = [
    ("上午", false),
    ("早上", false),
    ("早晨", false),
    ("清晨", false),
    ("凌晨", false),
    ("今早", false),
    ("明早", false),
    ("中午", true),
    ("下午", true),
    ("午后", true),
    ("傍晚", true),
    ("晚上", true),
    ("今晚", true),
    ("明晚", true),
    ("夜里", true),
    ("晚", true),
];

/// The part of the day that ends at `i`: its length in characters and whether it is after noon.
pub(super) fn day_part_before(scan: &Scan, i: usize) -> Option<(usize, bool)> {
    let head = scan.head(i);
    let (name, late) = DAY_PARTS.iter().find(|(name, _)| head.ends_with(name))?;
    Some((name.chars().count(), *late))
}

fn small(n: &Numeral) -> Option<u8> {
    n.one().filter(|v| v.scale() == 0).and_then(|v| u8::try_from(v).ok())
}

/// Puts a part of the day in front into the amount.
pub(super) fn in_day_part(reader: &Reader<'_>, mut draft: Draft, hour: u8, minute: u8, sure: bool) -> Draft {
    let (mut hour, mut sure) = (hour, sure || hour > 12);
    if let Some((length, late)) = day_part_before(reader.scan, draft.span.start) {
        if late && (1..12).contains(&hour) {
            hour += 12;
        }
        sure = true;
        draft.number = draft.span.clone();
        draft.span.start -= length;
    }
    draft.value = Value::Time { hour, minute, sure };
    draft
}

/// A time of day whose hour begins at `i`.
pub(super) fn time(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let scan = reader.scan;
    let n = whole(scan, i)?;
    let hour = small(&n).filter(|h| *h <= 24)?;
    let at = scan.eat(n.end, "点").or_else(|| scan.eat(n.end, "时"))?;
    let is_dot = scan.get(n.end) == Some('点');
    let certain = day_part_before(scan, i).is_some() || less(scan, i).is_some();
    let (minute, end) = if let Some(end) = scan.eat_any(at, &["钟", "整"]) {
        (0, end)
    } else if let Some(end) = scan.eat(at, "半") {
        (30, end)
    } else if let Some(end) = scan.eat(at, "一刻") {
        (15, end)
    } else if let Some(end) = scan.eat(at, "三刻") {
        (45, end)
    } else if let Some(minute) =
        numeral(scan, if scan.get(at) == Some('零') { at + 1 } else { at }).filter(|m| small(m).is_some_and(|v| v < 60))
    {
        let end = scan.eat(minute.end, "分").filter(|_| !scan.rest(minute.end).starts_with("分之"));
        let with_ten = scan.slice(at..minute.end).contains('十');
        let zero = scan.get(at) == Some('零') && minute.single;
        // 十二点五公斤 and 三点五 are decimals; so is 三点一五.
        if end.is_none() && !(with_ten && is_dot) && !(certain && (zero || minute.written && !minute.single)) {
            return None;
        }
        (small(&minute)?, end.unwrap_or(minute.end))
    } else if is_dot
        && (certain
            || !scan.get(at).is_some_and(|c| "要意建问原不好注儿心五".contains(c) || digit(c).is_some() || c.is_ascii_digit()))
    {
        // 九点开门; but 三点要求 are points.
        (0, at)
    } else {
        return None;
    };
    // 差一刻九点, 差五分三点: before the hour.
    let (start, hour, minute) = match less(scan, i) {
        Some((start, less)) if minute == 0 => (start, (hour + 23) % 24, 60 - less),
        _ => (i, hour, minute),
    };
    let draft = Draft::new(Kind::Time, Value::Time { hour, minute, sure: false }, start..end);
    Some(in_day_part(reader, draft, hour, minute, false))
}

/// 差一刻, 差五分, 差十分钟 before `i`: where it begins and how many minutes it takes off.
fn less(scan: &Scan, i: usize) -> Option<(usize, u8)> {
    let head = scan.head(i);
    let at = head.rfind('差')?;
    let start = head.get(..at)?.chars().count();
    if i - start > 6 {
        return None;
    }
    if scan.slice(start..i) == "差一刻" {
        return Some((start, 15));
    }
    let n = numeral(scan, start + 1)?;
    (scan.eat_any(n.end, &["分钟", "分"]) == Some(i))
        .then(|| small(&n))
        .flatten()
        .filter(|m| (1..60).contains(m))
        .map(|m| (start, m))
}

/// A date that begins with `n`.
pub(super) fn date(reader: &Reader<'_>, i: usize, n: &Numeral) -> Option<Draft> {
    let scan = reader.scan;
    let mut at = n.end;
    let mut year = None;
    let next = scan.get(at)?;
    let mut current = n.clone();
    if next == '年' {
        let digits = n.digits.as_ref().filter(|d| d.len() == 4 || (d.len() == 2 && scan.get(i).and_then(digit).is_some()))?;
        let text = if digits.len() == 2 { format!("20{digits}") } else { digits.clone() };
        let value = text.parse::<u16>().ok().filter(|y| (1900..=2100).contains(y))?;
        // 25年 alone may be a duration.
        let month = numeral(scan, at + 1).filter(|m| scan.get(m.end) == Some('月'));
        if digits.len() == 2 && month.is_none() && n.written {
            return None;
        }
        year = Some(value);
        at += 1;
        match month {
            Some(month) => current = month,
            None => return Some(Draft::new(Kind::Date, date_value(year, None, None)?, i..at)),
        }
    }
    if scan.get(current.end) == Some('月') {
        let month = small(&current).filter(|m| (1..=12).contains(m))?;
        let mut end = current.end + 1;
        let mut day = None;
        if let Some(found) = numeral(scan, end)
            && let Some(value) = small(&found).filter(|d| (1..=31).contains(d))
            && let Some(day_end) = scan.eat_any(found.end, &["号", "日"])
        {
            (day, end) = (Some(value), day_end);
        } else if let Some(after) = scan.eat(end, "份") {
            end = after;
        }
        return Some(Draft::new(Kind::Date, date_value(year, Some(month), day)?, i..end));
    }
    // 十号 alone: the day, unless it is a place (五号馆) or a size.
    if let Some(end) = scan.eat_any(n.end, &["号", "日"]).filter(|_| year.is_none())
        && !scan.get(end).is_some_and(|c| "楼馆门厅码店机位线厂色款柜本元".contains(c))
        && n.digits.as_ref().is_none_or(|d| n.written && d.len() <= 2)
        && !["楼", "区", "街", "摊位", "店", "柜", "型", "展位", "编", "第"].iter().any(|w| scan.head(i).ends_with(w))
    {
        let day = small(n).filter(|d| (1..=31).contains(d))?;
        return Some(Draft::new(Kind::Date, date_value(None, None, Some(day))?, i..end));
    }
    None
}
