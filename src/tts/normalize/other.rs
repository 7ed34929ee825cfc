//! Languages whose digits espeak-ng reads itself: only what it reads badly is put into words (money before or after the amount,
//! percentages, the units of trade). A language without a row here gets its digits and signs unchanged.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::group;
use crate::language::Language;

/// Words of one language: dollars, yuan, euros, pounds, percent, kilograms, centimetres, metres, grams.
struct Words {
    tag: &'static str,
    money: [&'static str; 4],
    percent: &'static str,
    units: [&'static str; 4],
}

const UNITS: [&str; 4] = ["kg", "cm", "m", "g"];

const WORDS: [Words; 6] = [
    Words {
        tag: "es",
        money: ["dólares", "yuanes", "euros", "libras"],
        percent: "por ciento",
        units: ["kilogramos", "centímetros", "metros", "gramos"],
    },
    Words {
        tag: "fr",
        money: ["dollars", "yuans", "euros", "livres"],
        percent: "pour cent",
        units: ["kilogrammes", "centimètres", "mètres", "grammes"],
    },
    Words {
        tag: "it",
        money: ["dollari", "yuan", "euro", "sterline"],
        percent: "per cento",
        units: ["chilogrammi", "centimetri", "metri", "grammi"],
    },
    Words {
        tag: "pt",
        money: ["dólares", "yuans", "euros", "libras"],
        percent: "por cento",
        units: ["quilogramas", "centímetros", "metros", "gramas"],
    },
    Words {
        tag: "hi", money: ["डॉलर", "युआन", "यूरो", "पाउंड"], percent: "प्रतिशत", units: ["किलोग्राम", "सेंटीमीटर", "मीटर", "ग्राम"]
    },
    Words {
        tag: "ru",
        money: ["долларов", "юаней", "евро", "фунтов"],
        percent: "процентов",
        units: ["килограмм", "сантиметров", "метров", "грамм"],
    },
];

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|e| panic!("bad pattern {pattern}: {e}"))
}

static SIGN_FIRST: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(US\$|USD|RMB|CNY|EUR|GBP|[$¥€£])\s*([0-9][0-9.,]*[0-9]|[0-9])"));
static SIGN_LAST: LazyLock<Regex> = LazyLock::new(|| compiled(r"([0-9])\s*(?:(USD|RMB|CNY|EUR|GBP)(?-u:\b)|(US\$|[$¥€£]))"));
static PERCENT: LazyLock<Regex> = LazyLock::new(|| compiled(r"([0-9])\s*%"));
static UNIT: LazyLock<Regex> = LazyLock::new(|| compiled(r"([0-9])\s*(kg|cm|m|g)(?-u:\b)"));

pub(super) fn normalize(language: Language, text: &str) -> String {
    let Some(words) = WORDS.iter().find(|w| w.tag == language.tag()) else { return text.to_owned() };
    let money = |sign: &str| {
        let [dollars, yuan, euros, pounds] = words.money;
        match sign {
            "¥" | "RMB" | "CNY" => yuan,
            "€" | "EUR" => euros,
            "£" | "GBP" => pounds,
            _ => dollars,
        }
    };
    let text = SIGN_FIRST.replace_all(text, |m: &Captures<'_>| format!("{} {}", group(m, 2), money(group(m, 1))));
    let text = SIGN_LAST.replace_all(&text, |m: &Captures<'_>| {
        format!("{} {}", group(m, 1), money(if group(m, 2).is_empty() { group(m, 3) } else { group(m, 2) }))
    });
    let text = PERCENT.replace_all(&text, |m: &Captures<'_>| format!("{} {}", group(m, 1), words.percent));
    let text = UNIT.replace_all(&text, |m: &Captures<'_>| {
        let unit = UNITS.iter().zip(words.units).find(|(written, _)| **written == group(m, 2)).map_or("", |(_, word)| word);
        format!("{} {unit}", group(m, 1))
    });
    text.into_owned()
}
