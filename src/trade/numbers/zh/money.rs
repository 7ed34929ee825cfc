//! Chinese money: 三块八, 一块六毛五美元, 四美元二十美分, 五毛, ¥3.80, 人民币三百五.
//!
//! Rules: after 块 or 元 a digit is tenths (三块八 is 3.8) and two are hundredths (三块八五), unless a counting word follows them
//! (十块三个 is ten yuan for three). 块 and 毛 are yuan unless a currency's name ends the amount. 块 before a thing (一块布) is a piece.

use rust_decimal::Decimal;

use super::{
    Reader, counter_at,
    numeral::{Numeral, digit, numeral},
};
use crate::trade::{
    amount::{Kind, Unit, Value},
    money::Currency,
    numbers::{Draft, scan::Scan},
};

/// Things that are counted in 块, and what 一块 does together.
const PIECES: [&str; 36] = [
    "布", "肥皂", "香皂", "手表", "表", "电池", "玻璃", "板", "砖", "石", "蛋糕", "地", "屏", "面料", "木", "瓷砖", "毛巾",
    "手帕", "牌", "硬盘", "主板", "去", "走", "吃", "来看", "发货", "发走", "发", "买", "寄", "出货", "送", "拼", "儿", "橡皮",
    "糖",
];

/// True when a 块 that ends at `end` is no money.
pub(super) fn is_piece(scan: &Scan, end: usize) -> bool {
    PIECES.iter().any(|p| scan.rest(end).starts_with(p))
}

fn tenth(n: u32) -> Decimal {
    Decimal::new(i64::from(n), 1)
}

/// A single digit of speech at `i` that no counting word or place claims.
fn loose_digit(scan: &Scan, i: usize) -> Option<u32> {
    let d = digit(scan.get(i)?).filter(|_| scan.get(i) != Some('两'))?;
    let next = scan.get(i + 1);
    let claimed = counter_at(scan, i + 1).is_some() || next.is_some_and(|c| "十百千万亿块元折成点分".contains(c));
    (!claimed).then_some(d)
}

/// True when no digit goes on at `i`; the one of 七块二五一套 is what is paid for.
fn digits_end_at(scan: &Scan, i: usize) -> bool {
    match scan.get(i) {
        Some('一') => counter_at(scan, i + 1).is_some(),
        other => other.and_then(digit).is_none(),
    }
}

/// One or two digits of speech at `i` that stand for tenths and hundredths.
pub(super) fn decimals(scan: &Scan, i: usize) -> Option<(Decimal, usize)> {
    let d = scan.get(i).and_then(digit).filter(|d| *d > 0 && scan.get(i) != Some('两'))?;
    match loose_digit(scan, i + 1) {
        Some(second) if digits_end_at(scan, i + 2) => Some((tenth(d) + Decimal::new(second.into(), 2), i + 2)),
        _ => loose_digit(scan, i).filter(|_| digits_end_at(scan, i + 1)).map(|d| (tenth(d), i + 1)),
    }
}

/// What follows 块 or 元: what it adds, and where it ends.
fn tail(scan: &Scan, i: usize) -> Option<(Decimal, usize)> {
    if scan.get(i) == Some('半') && counter_at(scan, i + 1).is_none() {
        return Some((tenth(5), i + 1));
    }
    let (start, after_zero) = match scan.get(i) {
        Some('零') => (i + 1, true),
        _ => (i, false),
    };
    if scan.is_digit(start) {
        return written_tail(scan, start);
    }
    // 八毛五分, 八毛五, 零五分
    if let Some(d) = scan.get(start).and_then(digit) {
        if scan.get(start + 1).is_some_and(|c| matches!(c, '毛' | '角')) && is_dime(scan, start + 1) {
            let (cents, end) = cents(scan, start + 2);
            return Some((tenth(d) + cents, end));
        }
        if scan.get(start + 1) == Some('分') && !scan.get(start + 2).is_some_and(|c| "钟之开".contains(c)) {
            return Some((Decimal::new(d.into(), 2), start + 2));
        }
    }
    // 二十分, 五十: hundredths in words, as foreign prices are said.
    if let Some(n) = numeral(scan, start).filter(|n| !n.single && n.digits.is_none() && n.exact && n.low < Decimal::ONE_HUNDRED) {
        let end = scan.eat_any(n.end, &["美分", "欧分", "便士", "分"]);
        let free = counter_at(scan, n.end).is_none() && !scan.get(n.end).is_some_and(|c| "块元毛折到至之多".contains(c));
        if (end.is_some() || free) && n.low.scale() == 0 {
            return Some((n.low / Decimal::ONE_HUNDRED, end.unwrap_or(n.end)));
        }
        return None;
    }
    let d = scan.get(start).and_then(digit).filter(|_| scan.get(start) != Some('两'))?;
    if after_zero {
        return loose_digit(scan, start).map(|d| (Decimal::new(d.into(), 2), start + 1));
    }
    if let Some(second) = scan.get(start + 1).and_then(digit).filter(|_| scan.get(start + 1) != Some('两')) {
        let ends = digits_end_at(scan, start + 2);
        if ends && loose_digit(scan, start + 1).is_some() {
            return Some((tenth(d) + Decimal::new(second.into(), 2), start + 2));
        }
        // 二十八块五一个, 三块八两箱
        let own = counter_at(scan, start + 2).is_some() || scan.get(start + 2).is_some_and(|c| "块".contains(c));
        return own.then_some((tenth(d), start + 1));
    }
    if let Some('两') = scan.get(start + 1) {
        return Some((tenth(d), start + 1));
    }
    loose_digit(scan, start).map(|d| (tenth(d), start + 1))
}

/// 3块8, 3块85, 28元50.
fn written_tail(scan: &Scan, i: usize) -> Option<(Decimal, usize)> {
    let n = numeral(scan, i).filter(|n| n.written && n.scale.is_none() && n.low.scale() == 0)?;
    let digits = n.digits.clone()?;
    if let Some(end) = scan.eat_any(n.end, &["美分", "欧分", "便士", "分"]).filter(|end| scan.get(*end) != Some('钟')) {
        return (n.low < Decimal::ONE_HUNDRED).then(|| (n.low / Decimal::ONE_HUNDRED, end));
    }
    if digits.len() == 1 && scan.get(n.end).is_some_and(|c| matches!(c, '毛' | '角')) && is_dime(scan, n.end) {
        let (cents, end) = cents(scan, n.end + 1);
        return Some((n.low / Decimal::TEN + cents, end));
    }
    let claimed = counter_at(scan, n.end).is_some()
        || scan.get(n.end).is_some_and(|c| "块元折成%点".contains(c) || c.is_ascii_alphabetic());
    match digits.len() {
        1 if !claimed => Some((n.low / Decimal::TEN, n.end)),
        2 if !claimed => Some((n.low / Decimal::ONE_HUNDRED, n.end)),
        _ => None,
    }
}

/// After 毛: 五, 五分.
fn cents(scan: &Scan, i: usize) -> (Decimal, usize) {
    let single = |d: u32| Decimal::new(d.into(), 2);
    if let Some(d) = scan.get(i).and_then(|c| digit(c).or(c.to_digit(10))) {
        if scan.get(i + 1) == Some('分') && scan.get(i + 2) != Some('钟') {
            return (single(d), i + 2);
        }
        let written = scan.is_digit(i) && !scan.is_digit(i + 1) && counter_at(scan, i + 1).is_none();
        // 五毛一个: the one is what is paid for.
        if (written || loose_digit(scan, i).is_some()) && !scan.get(i + 1).is_some_and(|c| digit(c).is_some() && d != 0) {
            return (single(d), i + 1);
        }
        if let Some(next) = scan.get(i + 1).filter(|c| digit(*c).is_some())
            && next == '一'
            && counter_at(scan, i + 2).is_some()
            && !scan.is_digit(i)
        {
            return (single(d), i + 1);
        }
    }
    (Decimal::ZERO, i)
}

/// 毛 as money, not 毛巾, 毛重; 角, not 角落.
fn is_dime(scan: &Scan, i: usize) -> bool {
    !scan.get(i + 1).is_some_and(|c| "巾重衣绒利料坯毯线笔呢刺病孔形度落钢架洲铁带裤板柱星".contains(c))
}

/// What stands behind the digits: its currency, the factor of its unit, whether smaller money may follow, and where it ends.
fn money_word(scan: &Scan, i: usize) -> Option<(Currency, Decimal, bool, usize)> {
    let at = scan.skip_spaces(i);
    let c = scan.get(at)?;
    if matches!(c, '毛' | '角') {
        let end = scan.eat(at + 1, "钱").unwrap_or(at + 1);
        return is_dime(scan, at).then_some((Currency::CNY, Decimal::new(1, 1), true, end));
    }
    if let Some(end) = scan.eat(at, "美分") {
        return Some((Currency::USD, Decimal::new(1, 2), false, end));
    }
    if let Some(end) = scan.eat(at, "欧分") {
        return Some((Currency::EUR, Decimal::new(1, 2), false, end));
    }
    if let Some(end) = scan.eat(at, "分钱") {
        return Some((Currency::CNY, Decimal::new(1, 2), false, end));
    }
    if let Some((currency, bytes)) =
        Currency::chinese_at(scan.rest(at)).or_else(|| Currency::sign_at(scan.rest(at)).filter(|_| c != '¥'))
    {
        let end = scan.after_bytes(at, bytes);
        let more = !scan.slice(at..end).ends_with('钱');
        return Some((currency, Decimal::ONE, more, end));
    }
    if c.is_ascii_alphabetic() {
        let (word, _) = scan.word(at)?;
        let ascii = word.chars().take_while(char::is_ascii_alphabetic).count();
        let currency = Currency::from_code(word.get(..ascii)?).or_else(|| Currency::word(word.get(..ascii)?))?;
        return Some((currency, Decimal::ONE, false, at + ascii));
    }
    None
}

/// Money whose numeral is `n`.
pub(super) fn after(reader: &Reader<'_>, i: usize, n: &Numeral) -> Option<Draft> {
    let scan = reader.scan;
    let (mut currency, factor, more, mut end) = money_word(scan, n.end)?;
    let (mut low, mut high) = (n.low.checked_mul(factor)?, n.high.checked_mul(factor)?);
    let word = scan.slice(scan.skip_spaces(n.end)..end);
    if word == "块" && is_piece(scan, end) {
        return None;
    }
    let is_dime = factor < Decimal::ONE;
    let mut exact = true;
    if more && is_dime {
        let (cents, cents_end) = if scan.slice(n.end..end).ends_with('钱') { (Decimal::ZERO, end) } else { cents(scan, end) };
        if low == high {
            (low, high, end) = (low + cents, high + cents, cents_end);
        }
    } else if more
        && low == high
        && low.scale() == 0
        && let Some((add, tail_end)) = tail(scan, end)
    {
        (low, high, end) = (low.checked_add(add)?, high.checked_add(add)?, tail_end);
    } else if more && scan.get(end) == Some('多') && scan.get(end + 1) != Some('少') {
        (exact, end) = (false, end + 1);
    }
    // 一块六毛五美元, 三块钱人民币
    let at = scan.skip_spaces(end);
    if currency == Currency::CNY
        && let Some((named, bytes)) = Currency::chinese_at(scan.rest(at))
        && (named != Currency::CNY || !scan.rest(at).starts_with('块'))
    {
        (currency, end) = (named, scan.after_bytes(at, bytes));
    } else if currency == Currency::CNY
        && let Some(after) = scan.eat(end, "钱")
    {
        end = after;
    }
    let value = if low == high { Value::One(low) } else { Value::Range(low, high) };
    let mut draft = Draft::new(Kind::Money, value, i..end);
    draft.unit = Some(Unit::Money(currency));
    draft.exact = exact;
    Some(draft)
}

/// Money whose currency stands before the digits: ¥3.80, US$5, RMB 35, 人民币三百五, 美金三块五.
pub(super) fn before(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let scan = reader.scan;
    if scan.before(i).is_some_and(|c| c.is_ascii_alphanumeric() || digit(c).is_some()) {
        return None;
    }
    let sign = Currency::sign_at(scan.rest(i));
    let word = || Currency::chinese_at(scan.rest(i)).filter(|_| !scan.rest(i).starts_with(['元', '块']));
    let code = || {
        let (word, _) = scan.word(i)?;
        let letters: String = word.chars().take_while(char::is_ascii_alphabetic).collect();
        Currency::from_code(&letters).map(|c| (c, letters.len()))
    };
    let (currency, bytes) = sign.or_else(word).or_else(code)?;
    let at = scan.skip_spaces(scan.after_bytes(i, bytes));
    let n = numeral(scan, at)?;
    let (mut low, mut high, mut end, mut exact) = (n.low, n.high, n.end, n.exact);
    if let Some(to) = scan.eat_any(end, &["到", "至", "-", "~", "～", "–"]).and_then(|to| {
        let to = Currency::sign_at(scan.rest(to)).map_or(to, |(_, bytes)| scan.after_bytes(to, bytes));
        numeral(scan, to)
    }) && to.low > low
        && low == high
    {
        (high, end) = (to.high, to.end);
    }
    // Whatever follows in yuan words is in this currency: 美金三块五.
    if let Some(draft) =
        after(reader, at, &n).filter(|d| d.unit == Some(Unit::Money(Currency::CNY)) || d.unit == Some(Unit::Money(currency)))
        && let Value::One(value) = draft.value
    {
        (low, high, end, exact) = (value, value, draft.span.end, draft.exact);
    } else if high == low
        && (counter_at(scan, n.end).is_some() || n.digits.as_ref().is_some_and(|d| d.len() > 9))
        && sign.is_none()
        && !n.written
    {
        return None;
    }
    let value = if low == high { Value::One(low) } else { Value::Range(low, high) };
    let mut draft = Draft::new(Kind::Money, value, i..end);
    draft.unit = Some(Unit::Money(currency));
    draft.exact = exact;
    Some(draft)
}
