//! Writes an amount in the words that a voice says, in Chinese and English: 三块八, "three yuan eighty", 百分之三十, 下午两点半.
//!
//! The other languages' voice reads digits itself, so [`spoken`] has nothing for them; they get [`super::write::caption`]. Shares its
//! cardinals with the synthesiser's text normalisation.

use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    amount::{Amount, Kind, Unit, Value},
    locale,
    money::Currency,
    write,
};
use crate::{
    language::Language,
    tts::normalize::{en_number, zh_number},
};

/// `amount` in words; `None` where the voice reads digits itself.
pub fn spoken(amount: &Amount, language: Language) -> Option<String> {
    match language {
        Language::ZH => Some(chinese(amount)),
        Language::EN => Some(english(amount)),
        _ => None,
    }
}

/// Whole units and hundredths of a price that has no finer parts.
fn split(value: Decimal) -> Option<(u64, u64)> {
    let hundredths = value.checked_mul(Decimal::ONE_HUNDRED)?.normalize();
    let all = hundredths.to_u64().filter(|_| hundredths.scale() == 0)?;
    Some((all / 100, all % 100))
}

fn zh_value(value: Decimal) -> String {
    zh_number::number(&locale::plain(value))
}

/// Before something that is counted: 两个, not 二个.
fn zh_counted(value: Decimal) -> String {
    zh_number::counted(zh_value(value))
}

fn chinese(amount: &Amount) -> String {
    let unit = match amount.unit {
        Some(Unit::Measure(measure)) => measure.chinese(),
        Some(Unit::Money(currency)) => currency.chinese(),
        None => "",
    };
    match (&amount.value, amount.kind) {
        (Value::One(v), Kind::Money) if amount.currency() == Some(Currency::CNY) => yuan(*v),
        (Value::One(v), Kind::Percent) => format!("百分之{}", zh_value(*v)),
        (Value::One(v), Kind::Discount) => {
            let paid = (Decimal::ONE_HUNDRED - v).normalize();
            let digits = locale::plain(paid).trim_end_matches('0').replace('.', "");
            let two_digits = paid.scale() == 0 && paid > Decimal::ZERO && paid < Decimal::ONE_HUNDRED && paid >= Decimal::TEN;
            if two_digits { format!("{}折", zh_number::digits(&digits)) } else { format!("优惠百分之{}", zh_value(*v)) }
        }
        (Value::One(v), Kind::Ordinal) => format!("第{}", zh_value(*v)),
        (Value::One(v), Kind::Number | Kind::Fraction | Kind::Size) if unit.is_empty() => zh_value(v.round_dp(4)),
        (Value::One(v), _) => format!("{}{unit}", zh_counted(*v)),
        (Value::Range(low, high), Kind::Percent) => format!("百分之{}到{}", zh_value(*low), zh_value(*high)),
        (Value::Range(low, high), _) => format!("{}到{}{unit}", zh_value(*low), zh_counted(*high)),
        (Value::Sides(sides), _) => format!("{}{unit}", sides.iter().map(|v| zh_value(*v)).collect::<Vec<_>>().join("乘")),
        (Value::Digits(digits), _) => {
            let plus = if digits.starts_with('+') { "加" } else { "" };
            if digits.chars().any(char::is_alphabetic) { digits.clone() } else { format!("{plus}{}", zh_number::digits(digits)) }
        }
        (Value::Date { year, month, day }, _) => {
            let mut out = year.map(|y| format!("{}年", zh_number::digits(&y.to_string()))).unwrap_or_default();
            out.extend(month.map(|m| format!("{}月", zh_number::integer(m.into()))));
            out.extend(day.map(|d| format!("{}号", zh_number::integer(d.into()))));
            out
        }
        (Value::Time { hour, minute, sure }, _) => {
            let part = match hour {
                _ if !sure => "",
                0..=5 => "凌晨",
                6..=11 => "上午",
                12 => "中午",
                13..=17 => "下午",
                _ => "晚上",
            };
            let hour = if *sure && *hour > 12 { hour - 12 } else { *hour };
            let hour = zh_number::counted(zh_number::integer(hour.into()));
            let minute = match minute {
                0 => String::new(),
                30 => "半".to_owned(),
                1..=9 => format!("零{}分", zh_number::integer((*minute).into())),
                _ => format!("{}分", zh_number::integer((*minute).into())),
            };
            format!("{part}{hour}点{minute}")
        }
    }
}

/// 三块八, 三块八毛五, 五毛, 三块零五分; as people say prices.
fn yuan(value: Decimal) -> String {
    let Some((whole, hundredths)) = split(value) else { return format!("{}元", zh_counted(value)) };
    let (dimes, cents) = (hundredths / 10, hundredths % 10);
    let digit = |n: u64| zh_number::integer(n);
    let blocks = format!("{}块", zh_number::counted(zh_number::integer(whole)));
    match (whole, dimes, cents) {
        (_, 0, 0) => format!("{blocks}钱"),
        (0, 0, c) => format!("{}分钱", zh_number::counted(digit(c))),
        (0, d, 0) => format!("{}毛", zh_number::counted(digit(d))),
        (0, d, c) => format!("{}毛{}分", zh_number::counted(digit(d)), digit(c)),
        (_, d, 0) => format!("{blocks}{}", digit(d)),
        (_, 0, c) => format!("{blocks}零{}分", digit(c)),
        (_, d, c) => format!("{blocks}{}毛{}", zh_number::counted(digit(d)), digit(c)),
    }
}

fn en_value(value: Decimal) -> String {
    en_number::number(&locale::plain(value))
}

fn english(amount: &Amount) -> String {
    let name = |value: Decimal| -> String {
        let (one, many) = match amount.unit {
            Some(Unit::Measure(measure)) => measure.english(),
            Some(Unit::Money(currency)) => currency.english(),
            None => return String::new(),
        };
        format!(" {}", if value == Decimal::ONE { one } else { many })
    };
    match (&amount.value, amount.kind) {
        (Value::One(v), Kind::Money) => match (split(*v), amount.currency()) {
            (Some((0, cents)), Some(currency)) if cents > 0 && currency.cents().is_some() => {
                let (one, many) = currency.cents().map_or(("cent", "cents"), |(_, one, many)| (one, many));
                format!("{} {}", en_number::integer(cents), if cents == 1 { one } else { many })
            }
            (Some((whole, cents)), Some(currency)) if cents >= 10 && whole > 0 => {
                let (one, many) = currency.english();
                format!("{} {} {}", en_number::integer(whole), if whole == 1 { one } else { many }, en_number::integer(cents))
            }
            _ => format!("{}{}", en_value(*v), name(*v)),
        },
        (Value::One(v), Kind::Percent) => format!("{} percent", en_value(*v)),
        (Value::One(v), Kind::Discount) => format!("{} percent off", en_value(*v)),
        (Value::One(v), Kind::Ordinal) => {
            v.to_u64().filter(|_| v.normalize().scale() == 0).map_or_else(|| en_value(*v), en_number::ordinal)
        }
        (Value::One(v), _) => format!("{}{}", en_value(v.round_dp(4)), name(*v)),
        (Value::Range(low, high), Kind::Percent) => format!("{} to {} percent", en_value(*low), en_value(*high)),
        (Value::Range(low, high), _) => format!("{} to {}{}", en_value(*low), en_value(*high), name(*high)),
        (Value::Sides(sides), _) => {
            format!("{}{}", sides.iter().map(|v| en_value(*v)).collect::<Vec<_>>().join(" by "), name(Decimal::TWO))
        }
        (Value::Digits(digits), _) => {
            let plus = if digits.starts_with('+') { "plus " } else { "" };
            if digits.chars().any(char::is_alphabetic) { digits.clone() } else { format!("{plus}{}", en_number::digits(digits)) }
        }
        (Value::Date { day, .. }, _) => {
            // The caption's words, with the day as an ordinal.
            let caption = write::caption(amount, Language::EN);
            match day {
                Some(day) => caption.replacen(&day.to_string(), &en_number::ordinal((*day).into()), 1),
                None => caption,
            }
        }
        (Value::Time { hour, minute, sure }, _) => {
            let half = match hour {
                _ if !sure => "",
                0..=11 => " a.m.",
                _ => " p.m.",
            };
            let hour = if *sure && *hour > 12 { hour - 12 } else { *hour };
            let minute = match minute {
                0 if half.is_empty() => " o'clock".to_owned(),
                0 => String::new(),
                1..=9 => format!(" oh {}", en_number::integer((*minute).into())),
                _ => format!(" {}", en_number::integer((*minute).into())),
            };
            format!("{}{minute}{half}", en_number::integer(hour.into()))
        }
    }
}
