//! English numerals, ordinals and months as words. Tables and look-ups only; called by the English reader.

use super::super::words::Word;

/// What a lower-case word is worth.
pub(super) fn number(word: &str) -> Option<Word> {
    let value = match word {
        "zero" | "nought" => Word::Ones(0),
        "one" => Word::Ones(1),
        "two" => Word::Ones(2),
        "three" => Word::Ones(3),
        "four" => Word::Ones(4),
        "five" => Word::Ones(5),
        "six" => Word::Ones(6),
        "seven" => Word::Ones(7),
        "eight" => Word::Ones(8),
        "nine" => Word::Ones(9),
        "ten" => Word::Teens(10),
        "eleven" => Word::Teens(11),
        "twelve" => Word::Teens(12),
        "thirteen" => Word::Teens(13),
        "fourteen" => Word::Teens(14),
        "fifteen" => Word::Teens(15),
        "sixteen" => Word::Teens(16),
        "seventeen" => Word::Teens(17),
        "eighteen" => Word::Teens(18),
        "nineteen" => Word::Teens(19),
        "twenty" => Word::Tens(20),
        "thirty" => Word::Tens(30),
        "forty" | "fourty" => Word::Tens(40),
        "fifty" => Word::Tens(50),
        "sixty" => Word::Tens(60),
        "seventy" => Word::Tens(70),
        "eighty" => Word::Tens(80),
        "ninety" => Word::Tens(90),
        "hundred" => Word::Hundred,
        "thousand" | "k" | "grand" => Word::Scale(3),
        "million" | "mil" | "mio" => Word::Scale(6),
        "billion" | "bn" => Word::Scale(9),
        "trillion" => Word::Scale(12),
        _ => return None,
    };
    Some(value)
}

/// The ordinals that are one word: first to nineteenth, and the tens.
pub(super) fn ordinal(word: &str) -> Option<u32> {
    const WORDS: [&str; 19] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
    ];
    const TENS: [&str; 8] =
        ["twentieth", "thirtieth", "fortieth", "fiftieth", "sixtieth", "seventieth", "eightieth", "ninetieth"];
    let index = |table: &[&str]| table.iter().position(|w| *w == word).and_then(|i| u32::try_from(i).ok());
    index(&WORDS).map(|i| i + 1).or_else(|| index(&TENS).map(|i| (i + 2) * 10))
}

/// What a part of one is divided by: thirds, quarters; `many` tells whether the word is a plural.
pub(super) fn denominator(word: &str) -> Option<(u32, bool)> {
    match word {
        "half" => return Some((2, false)),
        "halves" => return Some((2, true)),
        "quarter" => return Some((4, false)),
        "quarters" => return Some((4, true)),
        "second" | "seconds" | "first" => return None,
        _ => {}
    }
    ordinal(word).map(|n| (n, false)).or_else(|| word.strip_suffix('s').and_then(ordinal).map(|n| (n, true)))
}

/// 1 to 12 for a month. Short forms and words that mean other things too count only with a capital letter.
pub(super) fn month(word: &str, capital: bool) -> Option<u8> {
    const FULL: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const SHORT: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let index = |table: &[&str]| table.iter().position(|w| *w == word).and_then(|i| u8::try_from(i + 1).ok());
    let full = index(&FULL).filter(|_| capital || !matches!(word, "march" | "may" | "august"));
    full.or_else(|| index(&SHORT).filter(|_| capital)).or_else(|| (word == "sept" && capital).then_some(9))
}
