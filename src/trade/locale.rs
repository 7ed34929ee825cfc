//! How a language writes digits: separators, grouping, native digits, plural classes; CLDR's data through ICU4X.
//!
//! ICU4X gives formats, not their separators, so those are taken once per language from two numbers that it formats: readers and
//! writers then use the same table. Latin digits are written in every language, because both people look at the same amount.

use std::sync::LazyLock;

use icu_decimal::{DecimalFormatter, input::Decimal as IcuDecimal, options::DecimalFormatterOptions};
use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use rust_decimal::Decimal;

use crate::language::Language;

/// Separators of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separators {
    /// Before the fraction.
    pub decimal: char,
    /// Between groups of digits.
    pub group: char,
    /// Groups of two after the first three (12,34,567).
    pub indian: bool,
    /// Four digits are grouped too: 1,234 (English) or 1234 (Spanish).
    pub groups_four: bool,
}

const ENGLISH: Separators = Separators { decimal: '.', group: ',', indian: false, groups_four: true };

static TABLE: LazyLock<Vec<Separators>> = LazyLock::new(|| Language::all().map(|l| probe(l).unwrap_or(ENGLISH)).collect());

/// The separators of `language`.
pub fn separators(language: Language) -> Separators {
    Language::all().position(|l| l == language).and_then(|i| TABLE.get(i).copied()).unwrap_or(ENGLISH)
}

fn probe(language: Language) -> Option<Separators> {
    let locale: Locale = format!("{}-u-nu-latn", language.tag()).parse().ok()?;
    let formatter = DecimalFormatter::try_new(locale.into(), DecimalFormatterOptions::default()).ok()?;
    let mut long = IcuDecimal::from(12_345_675_u64);
    long.multiply_pow10(-1);
    let long = formatter.format(&long).to_string();
    let four = formatter.format(&IcuDecimal::from(1234_u64)).to_string();
    let sign =
        |text: &str, before: &str| -> Option<char> { text.split_once(before)?.1.chars().next().filter(|c| !c.is_ascii_digit()) };
    let decimal = long.chars().rev().find(|c| !c.is_ascii_digit())?;
    Some(Separators {
        decimal,
        group: long.chars().find(|c| !c.is_ascii_digit() && *c != decimal).unwrap_or(','),
        indian: sign(&long, "12").is_some(),
        groups_four: sign(&four, "1").is_some(),
    })
}

/// Writes `value` with the separators of `language`; `decimals` keeps at least so many places.
pub fn format(value: Decimal, language: Language, decimals: usize) -> String {
    let separators = separators(language);
    let plain = plain(value);
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut out = sign.to_owned();
    let grouped = whole.len() > 4 || (whole.len() == 4 && separators.groups_four);
    for (i, digit) in whole.chars().enumerate() {
        let left = whole.len() - i;
        let edge = left == 3 || (left > 3 && if separators.indian { (left - 3) % 2 == 0 } else { left % 3 == 0 });
        if grouped && i > 0 && edge {
            out.push(separators.group);
        }
        out.push(digit);
    }
    if !fraction.is_empty() || decimals > 0 {
        out.push(separators.decimal);
        out.push_str(fraction);
        out.extend(std::iter::repeat_n('0', decimals.saturating_sub(fraction.len())));
    }
    out
}

/// Digits with a point, without separators or trailing zeros: what programs and models read.
pub fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

/// CLDR's plural class of `value` in `language`.
pub fn plural(value: Decimal, language: Language) -> PluralCategory {
    let category = || -> Option<PluralCategory> {
        let locale: Locale = language.tag().parse().ok()?;
        let rules = PluralRules::try_new_cardinal(locale.into()).ok()?;
        let digits: IcuDecimal = plain(value).parse().ok()?;
        Some(rules.category_for(&digits))
    };
    category().unwrap_or(PluralCategory::Other)
}

/// A decimal digit of any script that a listed language uses, as 0 to 9.
pub fn digit(c: char) -> Option<u32> {
    // Where each script's zero is: Unicode keeps ten digits in a row.
    const ZEROS: [char; 16] = ['0', '０', '٠', '۰', '०', '০', '੦', '૦', '௦', '౦', '೦', '൦', '๐', '໐', '၀', '០'];
    ZEROS.iter().find_map(|zero| (u32::from(c)).checked_sub(u32::from(*zero)).filter(|d| *d < 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_those_of_cldr() {
        let written = |tag: &str, value: Decimal| format(value, tag.parse().unwrap(), 2);
        let value = Decimal::new(123_456_750, 2);
        assert_eq!(written("en", value), "1,234,567.50");
        assert_eq!(written("de", value), "1.234.567,50");
        assert_eq!(written("hi", value), "12,34,567.50");
        assert_eq!(written("fr", value), "1\u{202f}234\u{202f}567,50");
        assert_eq!(written("ru", value), "1\u{a0}234\u{a0}567,50");
        assert_eq!(format(Decimal::from(1234), "es".parse().unwrap(), 0), "1234");
        assert_eq!(format(Decimal::from(12_345), "es".parse().unwrap(), 0), "12.345");
        assert_eq!(format(Decimal::from(-1234), Language::EN, 0), "-1,234");
    }

    #[test]
    fn plural_classes_are_those_of_cldr() {
        let class = |tag: &str, value| plural(value, tag.parse().unwrap());
        assert_eq!(class("en", Decimal::ONE), PluralCategory::One);
        assert_eq!(class("en", Decimal::new(15, 1)), PluralCategory::Other);
        assert_eq!(class("ru", Decimal::from(3)), PluralCategory::Few);
        assert_eq!(class("ru", Decimal::from(5)), PluralCategory::Many);
        assert_eq!(class("zh", Decimal::ONE), PluralCategory::Other);
    }
}
