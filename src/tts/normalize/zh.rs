//! Chinese: which digits are an amount, a code, a date, a time or a price, and how each is read.
//!
//! The rules run in order over the whole text; each writes its matches without digits, so a later rule never sees them again. The
//! last rule reads whatever is left digit by digit, which is why no ASCII digit survives.

use std::sync::LazyLock;

use regex::Captures;

use super::{
    Rule, group,
    zh_number::{counted, digits, number},
};

/// An unsigned amount: `38`, `1,234.5`, `.5`.
const AMOUNT: &str = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)";
/// What may stand between the ends of a range.
const TO: &str = r"\s*(?:[-~–—]|至|到)\s*";

/// Signs and codes of money, and what they are called after the amount.
const MONEY: [(&str, &str); 19] = [
    ("US$", "美元"),
    ("HK$", "港元"),
    ("RMB", "元"),
    ("CNY", "元"),
    ("USD", "美元"),
    ("EUR", "欧元"),
    ("GBP", "英镑"),
    ("HKD", "港元"),
    ("JPY", "日元"),
    ("RUB", "卢布"),
    ("INR", "卢比"),
    ("KRW", "韩元"),
    ("¥", "元"),
    ("$", "美元"),
    ("€", "欧元"),
    ("£", "英镑"),
    ("₽", "卢布"),
    ("₹", "卢比"),
    ("₩", "韩元"),
];

/// Units as written and as read. Case matters where two units differ only by it.
const UNITS: [(&str, &str); 58] = [
    ("kWh", "千瓦时"),
    ("mAh", "毫安时"),
    ("km/h", "千米每小时"),
    ("m/s", "米每秒"),
    ("km²", "平方千米"),
    ("cm²", "平方厘米"),
    ("mm²", "平方毫米"),
    ("m²", "平方米"),
    ("㎡", "平方米"),
    ("km2", "平方千米"),
    ("cm2", "平方厘米"),
    ("m2", "平方米"),
    ("cm³", "立方厘米"),
    ("m³", "立方米"),
    ("cm3", "立方厘米"),
    ("m3", "立方米"),
    ("cbm", "立方米"),
    ("CBM", "立方米"),
    ("kg", "公斤"),
    ("KG", "公斤"),
    ("Kg", "公斤"),
    ("㎏", "公斤"),
    ("mg", "毫克"),
    ("g", "克"),
    ("km", "公里"),
    ("cm", "厘米"),
    ("CM", "厘米"),
    ("mm", "毫米"),
    ("MM", "毫米"),
    ("m", "米"),
    ("ml", "毫升"),
    ("mL", "毫升"),
    ("ML", "毫升"),
    ("L", "升"),
    ("l", "升"),
    ("°C", "摄氏度"),
    ("℃", "摄氏度"),
    ("°F", "华氏度"),
    ("℉", "华氏度"),
    ("°", "度"),
    ("kW", "千瓦"),
    ("KW", "千瓦"),
    ("W", "瓦"),
    ("w", "瓦"),
    ("V", "伏"),
    ("v", "伏"),
    ("mA", "毫安"),
    ("GHz", "吉赫兹"),
    ("MHz", "兆赫兹"),
    ("Hz", "赫兹"),
    ("TB", "TB"),
    ("GB", "GB"),
    ("MB", "MB"),
    ("pcs", "个"),
    ("PCS", "个"),
    ("oz", "盎司"),
    ("lb", "磅"),
    ("t", "吨"),
];

/// Measure words that count in 两 (两个, 两公斤), and not in 二 (二月, 二号, 二楼).
const MEASURES: &str = "个只条件箱包袋盒瓶桶块元角分毛美元|欧元|人|位|名|次|遍|天|年|周|岁|倍|斤|公斤|克|吨|米|公里|千米|厘米|毫米|升|毫升|平方|立方|种|双|套|台|张|把|根|支|本|份|批|车|柜|打|捆|卷|片|颗|粒|朵|头|匹|辆|层|步|点儿|小时|分钟|秒|千瓦|家|间|款|组|排|星期|样|杯|碗|顿|道|句|座|所|笔|国|英镑|卢布|港元|日元";

static MEASURE_PATTERN: LazyLock<String> = LazyLock::new(|| {
    let (single, words) = MEASURES.split_once('|').unwrap_or((MEASURES, ""));
    format!("[{single}]|{words}")
});

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(rules);

pub(super) fn normalize(text: &str) -> String {
    RULES.iter().fold(text.to_owned(), |text, rule| rule.apply(text))
}

fn alternatives<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(regex::escape).collect::<Vec<_>>().join("|")
}

fn name_of(table: &[(&'static str, &'static str)], sign: &str) -> &'static str {
    table
        .iter()
        .find(|(written, _)| *written == sign)
        .or_else(|| table.iter().find(|(w, _)| w.eq_ignore_ascii_case(sign)))
        .map_or("", |(_, name)| *name)
}

/// One amount, or both ends of a range, in front of something counted.
fn span(low: &str, high: &str) -> String {
    if high.is_empty() { counted(number(low)) } else { format!("{}到{}", number(low), counted(number(high))) }
}

fn clock(hour: &str, minute: &str, second: &str) -> Option<String> {
    let (h, m): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
    if h > 24 || m > 59 {
        return None;
    }
    let mut out = format!("{}点", counted(number(hour)));
    match m {
        0 if second.is_empty() => {}
        0 => out.push_str("零分"),
        1..=9 => out.push_str(&format!("零{}分", number(minute))),
        _ => out.push_str(&format!("{}分", number(minute))),
    }
    if !second.is_empty() {
        out.push_str(&format!("{}秒", number(second)));
    }
    Some(out)
}

fn date(year: &str, month: &str, day: &str) -> Option<String> {
    let (m, d): (u8, u8) = (month.parse().ok()?, day.parse().ok()?);
    ((1..=12).contains(&m) && (1..=31).contains(&d)).then(|| format!("{}年{}月{}日", digits(year), number(month), number(day)))
}

fn rules() -> Vec<Rule> {
    let money = alternatives(MONEY.iter().map(|(sign, _)| *sign));
    let codes = alternatives(MONEY.iter().map(|(sign, _)| *sign).filter(|s| s.chars().all(|c| c.is_ascii_uppercase())));
    let signs = alternatives(MONEY.iter().map(|(sign, _)| *sign).filter(|s| !s.chars().all(|c| c.is_ascii_uppercase())));
    let units = alternatives(UNITS.iter().map(|(unit, _)| *unit));
    let measures = &*MEASURE_PATTERN;
    let a = AMOUNT;
    vec![
        // Ordinals count in 二, never in 两.
        Rule::new(r"第\s*(\d{1,9})", |m| Some(format!("第{}", number(group(m, 1))))),
        // "Per" something, before the unit loses its letters.
        Rule::new(&format!(r"/\s*({units})([^A-Za-z\d]|$)"), |m| {
            Some(format!("每{}{}", name_of(&UNITS, group(m, 1)), group(m, 2)))
        }),
        // Dates.
        Rule::new(r"\b(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})\b", |m| {
            (group(m, 2) == group(m, 4)).then(|| date(group(m, 1), group(m, 3), group(m, 5)))?
        }),
        Rule::new(r"(\d{4})(?:[-~–—至到](\d{4}))?\s*年", |m| {
            Some(if group(m, 2).is_empty() {
                format!("{}年", digits(group(m, 1)))
            } else {
                format!("{}到{}年", digits(group(m, 1)), digits(group(m, 2)))
            })
        }),
        Rule::new(r"\b(\d{1,2})\s*([月号日楼路])", |m| Some(format!("{}{}", number(group(m, 1)), group(m, 2)))),
        // Clock times, ranges of them first.
        Rule::new(r"\b(\d{1,2}):(\d{2})\s*[-~–—至到]\s*(\d{1,2}):(\d{2})\b", |m| {
            Some(format!("{}到{}", clock(group(m, 1), group(m, 2), "")?, clock(group(m, 3), group(m, 4), "")?))
        }),
        Rule::new(r"(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?", |m| clock(group(m, 1), group(m, 2), group(m, 3))),
        Rule::new(r"\b2\s*点", |_| Some("两点".to_owned())),
        // Phone numbers: mobile, with area code, service lines; then anything too long or zero-led to be an amount.
        Rule::new(r"\+(\d{1,3})[ -]?((?:\d[ -]?){7,12}\d)\b", |m| {
            Some(format!("加{}，{}", digits(group(m, 1)), digits(group(m, 2))))
        }),
        Rule::new(r"\b(\d{3,4})[- ](\d{3,4})[- ](\d{3,4})\b", |m| {
            Some(format!("{}，{}，{}", digits(group(m, 1)), digits(group(m, 2)), digits(group(m, 3))))
        }),
        Rule::new(r"\b(0\d{2,3})-(\d{7,8})\b", |m| Some(format!("{}，{}", digits(group(m, 1)), digits(group(m, 2))))),
        Rule::new(r"\d+(?:\.\d+){2,}", |m| Some(group(m, 0).split('.').map(digits).collect::<Vec<_>>().join("点"))),
        Rule::new(r"\d{11,}", |m| Some(digits(group(m, 0)))),
        Rule::new(r"([^\d.,]|^)(0\d+)", |m| Some(format!("{}{}", group(m, 1), digits(group(m, 2))))),
        // Money: sign before or after, with a multiplier in between.
        Rule::new(
            &format!(
                r"(?i)(?:{money})\s*(-?{a})(?:{TO}(?:{money})?\s*({a}))?\s*(万亿|千万|百万|[万亿千百]|k\b|m\b|million\b|billion\b)?"
            ),
            |m| {
                let sign: String =
                    group(m, 0).chars().take_while(|c| !c.is_ascii_digit() && !matches!(c, '.' | '-' | ' ')).collect();
                let scale = match group(m, 3).to_ascii_lowercase().as_str() {
                    "k" => "千".to_owned(),
                    "m" | "million" => "百万".to_owned(),
                    "billion" => "十亿".to_owned(),
                    other => other.to_owned(),
                };
                Some(format!("{}{}{}", span(group(m, 1), group(m, 2)), scale, name_of(&MONEY, &sign)))
            },
        ),
        Rule::new(&format!(r"(-?{a})(?:{TO}({a}))?\s*([万亿千百]*)\s*(?:(?i:({codes})\b)|({signs}))"), |m| {
            let sign = if group(m, 4).is_empty() { group(m, 5) } else { group(m, 4) };
            Some(format!("{}{}{}", span(group(m, 1), group(m, 2)), group(m, 3), name_of(&MONEY, sign)))
        }),
        // Percentages and fractions.
        Rule::new(&format!(r"([-+]?{a})%?{TO}({a})\s*([%‰])"), |m| {
            let head = parts_of(m, 3);
            Some(format!("{head}{}到{head}{}", number(group(m, 1)), number(group(m, 2))))
        }),
        Rule::new(&format!(r"([-+]?{a})\s*([%‰])"), |m| {
            let (sign, rest) = signed(group(m, 1));
            Some(format!("{sign}{}{}", parts_of(m, 2), number(rest)))
        }),
        Rule::new(r"[½¼¾]", |m| {
            Some(
                match group(m, 0) {
                    "½" => "二分之一",
                    "¼" => "四分之一",
                    _ => "四分之三",
                }
                .to_owned(),
            )
        }),
        Rule::new(r"\b([1-9]\d{0,2})/([1-9]\d{0,2})\b", |m| Some(format!("{}分之{}", number(group(m, 2)), number(group(m, 1))))),
        // Codes: letters glued to three digits or more are a model or an order number.
        Rule::new(r"([A-Za-z]-?)(\d{3,})\b", |m| {
            let letters = group(m, 1);
            Some(format!("{}{}", letters.trim_end_matches('-'), digits(group(m, 2))))
        }),
        // Sizes: 10×20×30 cm.
        Rule::new(r"(\d)\s*[×x*X]\s*([\d.])", |m| Some(format!("{}乘{}", group(m, 1), group(m, 2)))),
        Rule::new(r"(\d)\s*[×x*X]\s*([\d.])", |m| Some(format!("{}乘{}", group(m, 1), group(m, 2)))),
        // Amounts with a unit, a multiplier or a measure word.
        Rule::new(&format!(r"([-+]?{a})(?:{TO}({a}))?\s*({units})([^A-Za-z\d]|$)"), |m| {
            Some(format!("{}{}{}", span(group(m, 1), group(m, 2)), name_of(&UNITS, group(m, 3)), group(m, 4)))
        }),
        Rule::new(&format!(r"([-+]?{a})(?:{TO}({a}))?\s*([万亿千百](?:{measures})?|{measures})"), |m| {
            Some(format!("{}{}", span(group(m, 1), group(m, 2)), group(m, 3)))
        }),
        Rule::new(&format!(r"(\d)(?:\s*[~–—]\s*|-)({a})"), |m| Some(format!("{}到{}", group(m, 1), group(m, 2)))),
        // What remains: signs before amounts, arithmetic, plain amounts.
        Rule::new(&format!(r"(^|[\s（(，,：:是])([-+])({a})"), |m| {
            Some(format!("{}{}", group(m, 1), number(&format!("{}{}", group(m, 2), group(m, 3)))))
        }),
        Rule::new(a, |m| Some(number(group(m, 0)))),
        Rule::new(r"\d", |m| Some(digits(group(m, 0)))),
        Rule::new(r"([元分角块币磅镑布比米克斤吨升箱件])\s*/\s*", |m| Some(format!("{}每", group(m, 1)))),
        Rule::new(r"\s*/\s*", |_| Some("、".to_owned())),
        Rule::new(r"\s*([+=≈≤≥±÷×&²³%])\s*", |m| {
            Some(
                match group(m, 1) {
                    "+" => "加",
                    "=" => "等于",
                    "≈" => "约等于",
                    "≤" => "小于等于",
                    "≥" => "大于等于",
                    "±" => "正负",
                    "÷" => "除以",
                    "×" => "乘",
                    "&" => "和",
                    "²" => "平方",
                    "³" => "立方",
                    _ => "百分比",
                }
                .to_owned(),
            )
        }),
        Rule::new(r"[*#$¥€£₽₹₩°]", |_| Some(" ".to_owned())),
    ]
}

fn parts_of(found: &Captures<'_>, n: usize) -> &'static str {
    if group(found, n) == "‰" { "千分之" } else { "百分之" }
}

fn signed(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("负", rest),
        None => ("", text.trim_start_matches('+')),
    }
}
