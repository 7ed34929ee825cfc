//! Chinese numerals: digits to the words a speaker says. Pure; called by the Chinese rules.

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// Digit by digit, as phone numbers, codes and years are read: `2024` is 二零二四. Characters that are no digits are skipped.
pub(crate) fn digits(text: &str) -> String {
    text.chars().filter_map(|c| c.to_digit(10)).filter_map(|d| DIGITS.get(d as usize)).collect()
}

/// An amount: sign, thousands separators and decimals allowed (`-1,234.50`). Longer than 16 digits is read digit by digit.
pub(crate) fn number(text: &str) -> String {
    let (sign, text) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { "负" } else { "正" }, rest),
        None => ("", text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let fraction = digits(fraction);
    let mut out = sign.to_owned();
    match whole.parse::<u64>() {
        Ok(n) if whole.len() <= 16 => out.push_str(&integer(n)),
        _ if whole.is_empty() => out.push('零'),
        _ => out.push_str(&digits(&whole)),
    }
    if !fraction.is_empty() {
        out.push('点');
        out.push_str(&fraction);
    }
    out
}

/// 两 instead of 二 where an amount of exactly two is counted (两个, 两万); every other number is left as it is.
pub(crate) fn counted(number: String) -> String {
    if number == "二" { "两".to_owned() } else { number }
}

/// A cardinal: grouped by 万 and 亿, 零 for skipped places, 两 before 千, 万, 亿 and a leading 百, 十 for a leading 一十.
pub(crate) fn integer(n: u64) -> String {
    if n == 0 {
        return "零".to_owned();
    }
    const GROUPS: [(u64, &str); 4] = [(1_0000_0000_0000, "万亿"), (1_0000_0000, "亿"), (1_0000, "万"), (1, "")];
    let mut out = String::new();
    let mut rest = n;
    let mut skipped = false;
    for (size, name) in GROUPS {
        let group = rest / size;
        rest %= size;
        if group == 0 {
            skipped = !out.is_empty();
            continue;
        }
        if !out.is_empty() && (skipped || group < 1000) {
            out.push('零');
        }
        skipped = false;
        if group == 2 && !name.is_empty() {
            out.push('两');
        } else {
            push_group(&mut out, group);
        }
        out.push_str(name);
    }
    match out.strip_prefix("一十") {
        Some(rest) => format!("十{rest}"),
        None => out,
    }
}

/// 1..=9999 (the first group of a very large number may be larger and then nests).
fn push_group(out: &mut String, group: u64) {
    if group > 9999 {
        out.push_str(&integer(group));
        return;
    }
    let at_head = out.is_empty();
    let mut rest = group;
    let mut started = false;
    let mut gap = false;
    for (size, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = rest / size;
        rest %= size;
        if digit == 0 {
            gap = started;
            continue;
        }
        if gap {
            out.push('零');
            gap = false;
        }
        let two_is_liang = digit == 2 && (size == 1000 || (size == 100 && !started && at_head));
        out.push(if two_is_liang { '两' } else { DIGITS.get(digit as usize).copied().unwrap_or('零') });
        out.push_str(name);
        started = true;
    }
}
