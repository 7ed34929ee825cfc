//! English: which digits are an amount, a year, a time, a phone number or a price, and how each is read.
//!
//! The rules run in order over the whole text; each writes its matches without digits, so a later rule never sees them again. The
//! last rule reads whatever is left digit by digit, which is why no ASCII digit survives.

use std::sync::LazyLock;

use super::{
    Rule,
    en_number::{digits, integer, number, ordinal, plural, year},
    group,
};

/// An unsigned amount: `38`, `1,234.5`, `.5`.
const AMOUNT: &str = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)";
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// Money: sign or code, one, many, and the hundredth part where people say it (`$3.50` is three dollars and fifty cents).
struct Currency(&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

const CENT: Option<(&str, &str)> = Some(("cent", "cents"));
const MONEY: [Currency; 20] = [
    Currency("US$", "dollar", "dollars", CENT),
    Currency("HK$", "Hong Kong dollar", "Hong Kong dollars", None),
    Currency("A$", "Australian dollar", "Australian dollars", None),
    Currency("RMB", "yuan", "yuan", None),
    Currency("CNY", "yuan", "yuan", None),
    Currency("USD", "dollar", "dollars", CENT),
    Currency("EUR", "euro", "euros", CENT),
    Currency("GBP", "pound", "pounds", Some(("penny", "pence"))),
    Currency("HKD", "Hong Kong dollar", "Hong Kong dollars", None),
    Currency("JPY", "yen", "yen", None),
    Currency("RUB", "ruble", "rubles", None),
    Currency("INR", "rupee", "rupees", None),
    Currency("KRW", "won", "won", None),
    Currency("¥", "yuan", "yuan", None),
    Currency("$", "dollar", "dollars", CENT),
    Currency("€", "euro", "euros", CENT),
    Currency("£", "pound", "pounds", Some(("penny", "pence"))),
    Currency("₽", "ruble", "rubles", None),
    Currency("₹", "rupee", "rupees", None),
    Currency("₩", "won", "won", None),
];

/// Units: as written, one, many. Case matters where two units differ only by it.
const UNITS: [(&str, &str, &str); 50] = [
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("km²", "square kilometer", "square kilometers"),
    ("cm²", "square centimeter", "square centimeters"),
    ("mm²", "square millimeter", "square millimeters"),
    ("m²", "square meter", "square meters"),
    ("㎡", "square meter", "square meters"),
    ("sqm", "square meter", "square meters"),
    ("m2", "square meter", "square meters"),
    ("cm³", "cubic centimeter", "cubic centimeters"),
    ("m³", "cubic meter", "cubic meters"),
    ("m3", "cubic meter", "cubic meters"),
    ("cbm", "cubic meter", "cubic meters"),
    ("CBM", "cubic meter", "cubic meters"),
    ("kgs", "kilogram", "kilograms"),
    ("kg", "kilogram", "kilograms"),
    ("KG", "kilogram", "kilograms"),
    ("Kg", "kilogram", "kilograms"),
    ("㎏", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("g", "gram", "grams"),
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("m", "meter", "meters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("L", "liter", "liters"),
    ("l", "liter", "liters"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("℃", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("℉", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
    ("kW", "kilowatt", "kilowatts"),
    ("W", "watt", "watts"),
    ("V", "volt", "volts"),
    ("mA", "milliamp", "milliamps"),
    ("GHz", "gigahertz", "gigahertz"),
    ("MHz", "megahertz", "megahertz"),
    ("Hz", "hertz", "hertz"),
    ("TB", "terabyte", "terabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("MB", "megabyte", "megabytes"),
    ("pcs", "piece", "pieces"),
    ("oz", "ounce", "ounces"),
    ("lbs", "pound", "pounds"),
    ("lb", "pound", "pounds"),
];

/// Abbreviations that carry a dot, or are never spelled out.
const ABBREVIATIONS: [(&str, &str); 19] = [
    ("Mr.", "Mister"),
    ("Mrs.", "Missus"),
    ("Ms.", "Miz"),
    ("Dr.", "Doctor"),
    ("Prof.", "Professor"),
    ("St.", "Saint"),
    ("Ltd.", "Limited"),
    ("Co.", "Company"),
    ("Inc.", "Incorporated"),
    ("Corp.", "Corporation"),
    ("approx.", "approximately"),
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "et cetera."),
    ("vs.", "versus"),
    ("pcs", "pieces"),
    ("qty", "quantity"),
    ("w/o", "without"),
    ("dept.", "department"),
];

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(rules);

pub(super) fn normalize(text: &str) -> String {
    RULES.iter().fold(text.to_owned(), |text, rule| rule.apply(text))
}

fn alternatives<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(regex::escape).collect::<Vec<_>>().join("|")
}

fn currency(sign: &str) -> Option<&'static Currency> {
    MONEY.iter().find(|c| c.0.eq_ignore_ascii_case(sign))
}

fn is_one(amount: &str) -> bool {
    amount == "1"
}

/// One amount or a range, then its unit in the right number.
fn counted(low: &str, high: &str, one: &str, many: &str) -> String {
    let last = if high.is_empty() { low } else { high };
    let unit = if is_one(last) { one } else { many };
    if high.is_empty() { format!("{} {unit}", number(low)) } else { format!("{} to {} {unit}", number(low), number(high)) }
}

/// `$3.50`, with cents where the currency has them and two decimals are written.
fn price(sign: &str, low: &str, high: &str, scale: &str) -> Option<String> {
    let Currency(_, one, many, hundredth) = currency(sign)?;
    if !scale.is_empty() {
        let scale = match scale.to_ascii_lowercase().as_str() {
            "k" => "thousand".to_owned(),
            "m" | "mn" => "million".to_owned(),
            "bn" | "b" => "billion".to_owned(),
            other => other.to_owned(),
        };
        let range = if high.is_empty() { number(low) } else { format!("{} to {}", number(low), number(high)) };
        return Some(format!("{range} {scale} {many}"));
    }
    if let (Some((cent, cents)), "", Some((whole, fraction))) = (hundredth, high, low.split_once('.'))
        && fraction.len() == 2
    {
        let part = fraction.parse::<u64>().ok()?;
        let small = format!("{} {}", integer(part), if part == 1 { cent } else { cents });
        return Some(match (whole.trim_start_matches('-'), part) {
            (_, 0) => counted(whole, "", one, many),
            ("" | "0", _) => small,
            _ => format!("{} and {small}", counted(whole, "", one, many)),
        });
    }
    Some(counted(low, high, one, many))
}

fn clock(hour: &str, minute: &str) -> Option<String> {
    let (h, m): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    if h > 24 || m > 59 {
        return None;
    }
    Some(match m {
        0 if (1..=12).contains(&h) => format!("{} o'clock", integer(h)),
        0 => format!("{} hundred", integer(h)),
        1..=9 => format!("{} oh {}", integer(h), integer(m)),
        _ => format!("{} {}", integer(h), integer(m)),
    })
}

fn date(y: &str, month: &str, day: &str) -> Option<String> {
    let (m, d): (usize, u64) = (month.parse().ok()?, day.parse().ok()?);
    let name = MONTHS.get(m.checked_sub(1)?)?;
    (1..=31).contains(&d).then(|| y.parse().ok().map(|y| format!("{name} {}, {}", ordinal(d), year(y))))?
}

fn rules() -> Vec<Rule> {
    let all = || MONEY.iter().map(|c| c.0);
    let is_code = |s: &&str| s.chars().all(|c| c.is_ascii_uppercase());
    let money = alternatives(all());
    let codes = alternatives(all().filter(|s| is_code(s)));
    let signs = alternatives(all().filter(|s| !is_code(s)));
    let units = alternatives(UNITS.iter().map(|u| u.0));
    let abbreviations = alternatives(ABBREVIATIONS.iter().map(|a| a.0));
    let months = MONTHS.join("|");
    let a = AMOUNT;
    let to = r"\s*(?:[-~–—]|\bto\b)\s*";
    vec![
        Rule::new(&format!(r"(?i)(^|[^A-Za-z.])({abbreviations})($|[^A-Za-z])"), |m| {
            let words = ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(group(m, 2)))?.1;
            // "Sold by the company etc." ends a sentence; "etc.," does not.
            let words = if group(m, 3).starts_with([',', ';']) { words.trim_end_matches('.') } else { words };
            Some(format!("{}{words}{}", group(m, 1), group(m, 3)))
        }),
        Rule::new(r"\b(?i:no)\.\s*(\d)", |m| Some(format!("number {}", group(m, 1)))),
        Rule::new(r"#\s*(\d)", |m| Some(format!("number {}", group(m, 1)))),
        // "Per" something, before the unit loses its letters.
        Rule::new(&format!(r"/\s*({units})\b"), |m| Some(format!(" per {}", UNITS.iter().find(|u| u.0 == group(m, 1))?.1))),
        Rule::new(
            r"/\s*(pc|piece|unit|box|carton|set|pair|dozen|day|week|month|year|hour|person|roll|bag|ton|meter|kilogram)\b",
            |m| Some(format!(" per {}", if group(m, 1) == "pc" { "piece" } else { group(m, 1) })),
        ),
        // Dates and years.
        Rule::new(r"\b(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})\b", |m| {
            (group(m, 2) == group(m, 4)).then(|| date(group(m, 1), group(m, 3), group(m, 5)))?
        }),
        Rule::new(&format!(r"\b({months})\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:(,?)\s+(\d{{4}}))?\b"), |m| {
            let day = ordinal(group(m, 2).parse().ok()?);
            let tail = group(m, 4).parse().ok().map_or(String::new(), |y| format!("{} {}", group(m, 3), year(y)));
            Some(format!("{} {day}{tail}", group(m, 1)))
        }),
        Rule::new(&format!(r"\b(?:(?i:the)\s+)?(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+({months})(?:\s+(\d{{4}}))?\b"), |m| {
            let tail = group(m, 3).parse().ok().map_or(String::new(), |y| format!(" {}", year(y)));
            Some(format!("the {} of {}{tail}", ordinal(group(m, 1).parse().ok()?), group(m, 2)))
        }),
        Rule::new(
            &format!(
                r"\b((?i:in|since|by|from|until|till|year|of|during|before|after|early|late|mid|to|and)|{months})\s+((?:1[1-9]|20)\d{{2}})\b($|[^\d,.%°]|[,.](?:$|\D))"
            ),
            |m| {
                let after = group(m, 3);
                Some(format!("{} {}{after}", group(m, 1), year(group(m, 2).parse().ok()?)))
            },
        ),
        Rule::new(r"\b((?:1[1-9]|20)\d0)'?s\b", |m| Some(plural(&year(group(m, 1).parse().ok()?)))),
        // Clock times.
        Rule::new(r"\b(\d{1,2}):(\d{2})(?::\d{2})?\s*(?:([ap])\.?m\b\.?)?", |m| {
            let time = clock(group(m, 1), group(m, 2))?;
            Some(match group(m, 3) {
                "" => time,
                half => format!("{} {half}.m.", time.trim_end_matches(" o'clock")),
            })
        }),
        Rule::new(r"(?i)\b(\d{1,2})\s*([ap])\.?m\b\.?", |m| {
            Some(format!("{} {}.m.", integer(group(m, 1).parse().ok()?), group(m, 2).to_lowercase()))
        }),
        // Phone numbers; then anything too long or zero-led to be an amount.
        Rule::new(r"\+(\d{1,3})[ -]?((?:\d[ -]?){7,12}\d)\b", |m| {
            Some(format!("plus {}, {}", digits(group(m, 1)), digits(group(m, 2))))
        }),
        Rule::new(r"\b(\d{3,4})[- ](\d{3,4})[- ](\d{3,4})\b", |m| {
            Some(format!("{}, {}, {}", digits(group(m, 1)), digits(group(m, 2)), digits(group(m, 3))))
        }),
        Rule::new(r"\b(0\d{2,3}|\d{3})-(\d{4,8})\b", |m| Some(format!("{}, {}", digits(group(m, 1)), digits(group(m, 2))))),
        Rule::new(r"\d+(?:\.\d+){2,}", |m| Some(group(m, 0).split('.').map(digits).collect::<Vec<_>>().join(" point "))),
        Rule::new(r"\d{11,}", |m| Some(digits(group(m, 0)))),
        Rule::new(r"([^\d.,]|^)(0\d+)", |m| Some(format!("{}{}", group(m, 1), digits(group(m, 2))))),
        // Ordinals.
        Rule::new(r"\b(\d{1,3}(?:,\d{3})+|\d{1,15})(?i:st|nd|rd|th)\b", |m| {
            Some(ordinal(group(m, 1).replace(',', "").parse().ok()?))
        }),
        // Money: sign before or after, with a multiplier in between.
        Rule::new(
            &format!(
                r"(?i)(?:{money})\s*(-?{a})(?:{to}(?:{money})?\s*({a}))?(?:\s*(thousand|million|billion|trillion|k|mn|m|bn|b)\b)?"
            ),
            |m| {
                let sign: String =
                    group(m, 0).chars().take_while(|c| !c.is_ascii_digit() && !matches!(c, '.' | '-' | ' ')).collect();
                price(&sign, group(m, 1), group(m, 2), group(m, 3))
            },
        ),
        Rule::new(
            &format!(r"(-?{a})(?:{to}({a}))?\s*(thousand|million|billion|trillion|k)?\s*(?:(?i:({codes})\b)|({signs}))"),
            |m| price(if group(m, 4).is_empty() { group(m, 5) } else { group(m, 4) }, group(m, 1), group(m, 2), group(m, 3)),
        ),
        // Percentages, fractions, sizes.
        Rule::new(&format!(r"([-+]?{a})%?{to}({a})\s*%"), |m| {
            Some(format!("{} to {} percent", number(group(m, 1)), number(group(m, 2))))
        }),
        Rule::new(&format!(r"([-+]?{a})\s*%"), |m| Some(format!("{} percent", number(group(m, 1))))),
        Rule::new(&format!(r"({a})\s*‰"), |m| Some(format!("{} per thousand", number(group(m, 1))))),
        Rule::new(r"(\d*)\s*([½¼¾])", |m| {
            let part = match group(m, 2) {
                "½" => "half",
                "¼" => "quarter",
                _ => "three quarters",
            };
            Some(match (group(m, 1), part) {
                ("", "half") => "one half".to_owned(),
                ("", "quarter") => "one quarter".to_owned(),
                ("", part) => part.to_owned(),
                (whole, "three quarters") => format!("{} and three quarters", number(whole)),
                (whole, part) => format!("{} and a {part}", number(whole)),
            })
        }),
        Rule::new(r"\b([1-9]\d?)/([1-9]\d{0,2})\b", |m| {
            let (above, below): (u64, u64) = (group(m, 1).parse().ok()?, group(m, 2).parse().ok()?);
            let name = match below {
                1 => return None,
                2 => "half".to_owned(),
                4 => "quarter".to_owned(),
                n => ordinal(n),
            };
            let name = match (above, below) {
                (1, _) => name,
                (_, 2) => "halves".to_owned(),
                _ => format!("{name}s"),
            };
            Some(if above < below {
                format!("{} {name}", integer(above))
            } else {
                format!("{} slash {}", integer(above), integer(below))
            })
        }),
        Rule::new(r"(\d)\s*[×x*X]\s*([\d.])", |m| Some(format!("{} by {}", group(m, 1), group(m, 2)))),
        Rule::new(r"(\d)\s*[×x*X]\s*([\d.])", |m| Some(format!("{} by {}", group(m, 1), group(m, 2)))),
        // Codes: letters glued to three digits or more are a model or an order number.
        Rule::new(r"([A-Za-z])-?(\d{3,})\b", |m| Some(format!("{} {}", group(m, 1), digits(group(m, 2))))),
        // Amounts with a unit, ranges, signs, plain amounts.
        Rule::new(&format!(r"([-+]?{a})(?:{to}({a}))?\s*({units})([^A-Za-z\d]|$)"), |m| {
            let (_, one, many) = UNITS.iter().find(|u| u.0 == group(m, 3))?;
            Some(format!("{}{}", counted(group(m, 1), group(m, 2), one, many), group(m, 4)))
        }),
        Rule::new(&format!(r"(\d)(?:\s*[~–—]\s*|-)({a})"), |m| Some(format!("{} to {}", group(m, 1), group(m, 2)))),
        Rule::new(&format!(r"(^|[\s(,:])([-+])({a})"), |m| {
            Some(format!("{}{}", group(m, 1), number(&format!("{}{}", group(m, 2), group(m, 3)))))
        }),
        Rule::new(&format!(r"([A-Za-z]?)({a})([A-Za-z]?)"), |m| {
            let gap = |side: &str| if side.is_empty() { "" } else { " " };
            Some(format!("{}{}{}{}{}", group(m, 1), gap(group(m, 1)), number(group(m, 2)), gap(group(m, 3)), group(m, 3)))
        }),
        Rule::new(r"\d", |m| Some(format!(" {} ", digits(group(m, 0))))),
        Rule::new(r"\s*([+=≈≤≥±÷×&@%²³])\s*", |m| {
            let word = match group(m, 1) {
                "+" => "plus",
                "=" => "equals",
                "≈" => "about",
                "≤" => "at most",
                "≥" => "at least",
                "±" => "plus or minus",
                "÷" => "divided by",
                "×" => "times",
                "&" => "and",
                "@" => "at",
                "²" => "squared",
                "³" => "cubed",
                _ => "percent",
            };
            Some(format!(" {word} "))
        }),
        Rule::new(r"\s*[*#$¥€£₽₹₩°~]\s*", |_| Some(" ".to_owned())),
    ]
}
