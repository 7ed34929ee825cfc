//! English numerals: digits to the words a speaker says. Pure; called by the English rules.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Digit by digit: phone numbers, codes.
pub(crate) fn digits(text: &str) -> String {
    text.chars().filter_map(|c| c.to_digit(10)).filter_map(|d| SMALL.get(d as usize).copied()).collect::<Vec<_>>().join(" ")
}

/// A cardinal without "and", American style: `1234` is one thousand two hundred thirty-four.
pub(crate) fn integer(n: u64) -> String {
    let word = |table: &[&'static str], n: u64| usize::try_from(n).ok().and_then(|i| table.get(i).copied()).unwrap_or("");
    match n {
        0..=19 => word(&SMALL, n).to_owned(),
        20..=99 => match n % 10 {
            0 => word(&TENS, n / 10).to_owned(),
            ones => format!("{}-{}", word(&TENS, n / 10), word(&SMALL, ones)),
        },
        100..=999 => compound(n, 100, "hundred"),
        1_000..=999_999 => compound(n, 1_000, "thousand"),
        1_000_000..=999_999_999 => compound(n, 1_000_000, "million"),
        1_000_000_000..=999_999_999_999 => compound(n, 1_000_000_000, "billion"),
        _ => compound(n, 1_000_000_000_000, "trillion"),
    }
}

fn compound(n: u64, size: u64, name: &str) -> String {
    match n % size {
        0 => format!("{} {name}", integer(n / size)),
        rest => format!("{} {name} {}", integer(n / size), integer(rest)),
    }
}

/// An amount: sign, thousands separators and decimals allowed. Longer than 15 digits is read digit by digit.
pub(crate) fn number(text: &str) -> String {
    let (sign, text) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { "minus " } else { "plus " }, rest),
        None => ("", text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let whole = match whole.parse::<u64>() {
        Ok(n) if whole.len() <= 15 => integer(n),
        _ if whole.is_empty() => "zero".to_owned(),
        _ => digits(&whole),
    };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole} point {}", digits(fraction)) }
}

/// An ordinal: `21` is twenty-first.
pub(crate) fn ordinal(n: u64) -> String {
    let cardinal = integer(n);
    let cut = cardinal.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = cardinal.split_at(cut);
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", tens.trim_end_matches('y')),
        other => format!("{other}th"),
    };
    format!("{head}{last}")
}

/// A year, in pairs: `1998` is nineteen ninety-eight, `2005` two thousand five, `2024` twenty twenty-four.
pub(crate) fn year(n: u64) -> String {
    let (century, rest) = (n / 100, n % 100);
    match (century, rest) {
        (20, 0..=9) | (10, 0..=9) => integer(n),
        (_, 0) => format!("{} hundred", integer(century)),
        (_, 1..=9) => format!("{} oh {}", integer(century), integer(rest)),
        _ => format!("{} {}", integer(century), integer(rest)),
    }
}

/// The plural of the last word: `ninety` is nineties.
pub(crate) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with(['x', 's']) => format!("{words}es"),
        None => format!("{words}s"),
    }
}
