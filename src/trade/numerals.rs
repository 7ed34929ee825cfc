//! Which numerals a translation may contain: those of its source's amounts, as its language writes them.
//!
//! The translator's decoder is given them and can then write no other digits: a small model that would make 10,500 of 15,000 cannot.
//! What it does with words ("fifteen") is left to the comparison afterwards. Pure; called by [`super::guard`].

use rust_decimal::Decimal;

use super::{
    amount::{Amount, Kind, Value},
    locale,
};
use crate::language::Language;

/// The numerals for a translation of `text`, whose amounts are `amounts`, into `to`: digits with that language's separators and `:`.
///
/// Digits of the source that belong to no amount (model names) are among them.
pub fn numerals(text: &str, amounts: &[Amount], to: Language) -> Vec<String> {
    let mut out = Vec::new();
    for amount in amounts {
        of_amount(amount, to, &mut out);
    }
    let mut at = 0;
    for amount in amounts {
        runs(text.get(at..amount.span.start).unwrap_or(""), &mut out);
        at = amount.span.end;
    }
    runs(text.get(at..).unwrap_or(""), &mut out);
    out.sort_unstable();
    out.dedup();
    out
}

/// Digits in `text`, run by run.
fn runs(text: &str, out: &mut Vec<String>) {
    out.extend(text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).map(str::to_owned));
}

fn of_amount(amount: &Amount, to: Language, out: &mut Vec<String>) {
    let mut number = |v: Decimal| {
        out.extend([0, 2].into_iter().flat_map(|decimals| written(v, to, decimals)));
        // 24 for two dozen.
        if let Some(pieces) = amount.measure().filter(|m| m.is_count()).and_then(|m| v.checked_mul(m.per_base())) {
            out.extend(written(pieces, to, 0));
        }
    };
    match &amount.value {
        Value::One(v) => {
            number(*v);
            match amount.kind {
                Kind::Discount => {
                    let paid = Decimal::ONE_HUNDRED - v;
                    number(paid);
                    // 8折, 8.5折
                    number(paid / Decimal::TEN);
                }
                Kind::Percent if *v < Decimal::ONE => number(v * Decimal::TEN),
                Kind::Fraction => fraction(*v, &mut number),
                _ => {}
            }
        }
        Value::Range(low, high) => [low, high].into_iter().for_each(|v| number(*v)),
        Value::Sides(sides) => sides.iter().for_each(|v| number(*v)),
        Value::Digits(digits) => runs(digits, out),
        Value::Date { year, month, day } => {
            out.extend(year.map(|y| y.to_string()));
            out.extend([month, day].into_iter().flatten().map(u8::to_string));
        }
        Value::Time { hour, minute, sure } => {
            let other = if *hour > 12 { hour - 12 } else { (hour + 12) % 24 };
            for hour in std::iter::once(*hour).chain(Some(other).filter(|_| *hour > 12 || *sure)) {
                out.extend([format!("{hour}:{minute:02}"), hour.to_string()]);
            }
            out.extend((*minute > 0).then(|| minute.to_string()));
        }
    }
}

/// With and without groups of thousands; with `decimals` places where it has fewer and is no whole number.
fn written(value: Decimal, to: Language, decimals: usize) -> [String; 2] {
    let whole = value.normalize().scale() == 0;
    let grouped = locale::format(value, to, if whole { 0 } else { decimals });
    let group = locale::separators(to).group;
    let plain = grouped.replace(group, "");
    // Models write no narrow spaces: without groups then.
    let grouped = if group.is_ascii_punctuation() { grouped } else { plain.clone() };
    [grouped, plain]
}

fn fraction(value: Decimal, number: &mut impl FnMut(Decimal)) {
    for below in 2..=10_u32 {
        let above = (value * Decimal::from(below)).round_dp(10);
        if above.normalize().scale() == 0 {
            number(above);
            number(Decimal::from(below));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trade::{Context, read};

    fn found(text: &str, from: Language, to: &str) -> Vec<String> {
        let to = to.parse().unwrap();
        numerals(text, &read(text, from, &Context::default()), to)
    }

    #[test]
    fn amounts_are_written_as_the_target_writes_them() {
        assert_eq!(found("一万五千件，四块七", Language::ZH, "en"), ["15,000", "15000", "4.7", "4.70"]);
        assert_eq!(found("一万五千件，四块七", Language::ZH, "de"), ["15.000", "15000", "4,7", "4,70"]);
        assert_eq!(found("三打", Language::ZH, "en"), ["3", "36"]);
        assert_eq!(found("打八折", Language::ZH, "en"), ["20", "8", "80"]);
        assert_eq!(found("下午四点半", Language::ZH, "en"), ["16", "16:30", "30", "4", "4:30"]);
        assert_eq!(found("the XT20 for 9 euros", Language::EN, "zh"), ["20", "9"]);
        assert_eq!(found("on the eighth of March", Language::EN, "zh"), ["3", "8"]);
        assert!(found("你们有现货吗", Language::ZH, "en").is_empty());
    }
}
