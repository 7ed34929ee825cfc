//! Writes an amount in digits: [`caption`] for people, in their language's format, and [`plain`] for programs.
//!
//! Separators and plural classes come from CLDR ([`super::locale`]). Chinese and English have names for every unit and currency;
//! other languages get symbols and ISO codes, which are read everywhere and never wrong.

use icu_plurals::PluralCategory;
use rust_decimal::Decimal;

use super::{
    amount::{Amount, Kind, Unit, Value},
    locale,
    money::Currency,
    units::{Dimension, Measure},
};
use crate::language::Language;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// `amount` in digits for a caption in `language`.
pub fn caption(amount: &Amount, language: Language) -> String {
    let number = |v: Decimal| locale::format(v, language, 0);
    let digits = match &amount.value {
        Value::Digits(digits) => return digits.clone(),
        Value::Date { year, month, day } => return date(*year, *month, *day, language),
        Value::Time { hour, minute, .. } => return format!("{hour}:{minute:02}"),
        Value::One(v) => match amount.kind {
            Kind::Discount => return discount(*v, language),
            Kind::Money => money_digits(*v, language),
            Kind::Ordinal if language == Language::EN => return ordinal(*v),
            Kind::Ordinal if language == Language::ZH => return format!("第{}", number(*v)),
            _ => number(v.round_dp(8)),
        },
        Value::Range(low, high) => {
            let join = match language {
                Language::ZH => "到",
                Language::EN => " to ",
                _ => "–",
            };
            let one = |v: Decimal| if amount.kind == Kind::Money { money_digits(v, language) } else { number(v) };
            format!("{}{join}{}", one(*low), one(*high))
        }
        Value::Sides(sides) => sides.iter().map(|v| number(*v)).collect::<Vec<_>>().join("×"),
    };
    if amount.kind == Kind::Percent {
        return format!("{digits}%");
    }
    match amount.unit {
        None => digits,
        Some(Unit::Money(currency)) => money(&digits, currency, last_value(&amount.value), language),
        Some(Unit::Measure(measure)) => measured(&digits, measure, last_value(&amount.value), language),
    }
}

/// The value alone, in digits with a point: `3.8`, `15-18`, `60×40×35`, `2025-03-05`, `14:30`.
pub fn plain(value: &Value) -> String {
    match value {
        Value::One(v) => locale::plain(*v),
        Value::Range(low, high) => format!("{}-{}", locale::plain(*low), locale::plain(*high)),
        Value::Sides(sides) => sides.iter().map(|v| locale::plain(*v)).collect::<Vec<_>>().join("×"),
        Value::Digits(digits) => digits.clone(),
        Value::Date { year, month, day } => {
            let year = year.map(|y| y.to_string());
            let two = |n: &Option<u8>| n.map(|n| format!("{n:02}"));
            [year, two(month), two(day)].into_iter().flatten().collect::<Vec<_>>().join("-")
        }
        Value::Time { hour, minute, .. } => format!("{hour}:{minute:02}"),
    }
}

fn last_value(value: &Value) -> Decimal {
    match value {
        Value::One(v) | Value::Range(_, v) => *v,
        _ => Decimal::TWO,
    }
}

/// Prices have no or two decimals, except in Chinese, where 3.8元 is usual.
fn money_digits(value: Decimal, language: Language) -> String {
    let value = value.normalize();
    let decimals = if value.scale() == 0 || language == Language::ZH { 0 } else { 2 };
    locale::format(value, language, decimals)
}

fn is_one(value: Decimal, language: Language) -> bool {
    locale::plural(value, language) == PluralCategory::One
}

fn money(digits: &str, currency: Currency, value: Decimal, language: Language) -> String {
    match language {
        Language::ZH => format!("{digits}{}", currency.chinese()),
        Language::EN => {
            let (one, many) = currency.english();
            let name = if is_one(value, language) { one } else { many };
            if currency == Currency::USD { format!("{digits} US {name}") } else { format!("{digits} {name}") }
        }
        _ => format!("{digits} {}", currency.code()),
    }
}

fn measured(digits: &str, measure: Measure, value: Decimal, language: Language) -> String {
    match language {
        Language::ZH => format!("{digits}{}", measure.chinese()),
        Language::EN => {
            let (one, many) = measure.english();
            format!("{digits} {}", if is_one(value, language) { one } else { many })
        }
        // Symbols are international; names of things are the language's own.
        _ if matches!(measure.dimension(), Dimension::Count | Dimension::Duration | Dimension::Months | Dimension::Times) => {
            digits.to_owned()
        }
        _ => format!("{digits} {}", measure.symbol()),
    }
}

fn discount(off: Decimal, language: Language) -> String {
    match language {
        Language::ZH => {
            let paid = Decimal::ONE_HUNDRED - off;
            let tenths = paid / Decimal::TEN;
            // 8折, 8.5折; finer ones are not said that way, and 10折 is none.
            if tenths > Decimal::ZERO && tenths < Decimal::TEN && tenths.normalize().scale() <= 1 {
                format!("{}折", locale::plain(tenths))
            } else {
                format!("优惠{}%", locale::plain(off))
            }
        }
        Language::EN => format!("{}% off", locale::format(off, language, 0)),
        _ => format!("-{}%", locale::format(off, language, 0)),
    }
}

/// `21st`; a value that is no whole number stays a number.
fn ordinal(value: Decimal) -> String {
    let text = locale::plain(value);
    if value.normalize().scale() > 0 {
        return text;
    }
    let suffix = match (text.ends_with("11") || text.ends_with("12") || text.ends_with("13"), text.chars().last()) {
        (false, Some('1')) => "st",
        (false, Some('2')) => "nd",
        (false, Some('3')) => "rd",
        _ => "th",
    };
    format!("{text}{suffix}")
}

fn date(year: Option<u16>, month: Option<u8>, day: Option<u8>, language: Language) -> String {
    let join = |parts: [Option<String>; 3], with: &str| parts.into_iter().flatten().collect::<Vec<_>>().join(with);
    match language {
        Language::ZH => {
            join([year.map(|y| format!("{y}年")), month.map(|m| format!("{m}月")), day.map(|d| format!("{d}日"))], "")
        }
        Language::EN => {
            let name = month.and_then(|m| MONTHS.get(usize::from(m).checked_sub(1)?)).map(|m| (*m).to_owned());
            let day = day.map(|d| if month.is_some() { d.to_string() } else { format!("the {}", ordinal(d.into())) });
            let front = join([name, day, None], " ");
            match year {
                Some(year) if front.is_empty() => year.to_string(),
                Some(year) => format!("{front}, {year}"),
                None => front,
            }
        }
        _ => match (year, month, day) {
            (None, None, Some(day)) => day.to_string(),
            (year, None, _) => year.map(|y| y.to_string()).unwrap_or_default(),
            (year, month, day) => {
                let two = |n: u8| format!("{n:02}");
                join([day.map(two), month.map(two), year.map(|y| y.to_string())], ".")
            }
        },
    }
}
