//! What is written as a voice says it: numbers, money, times and units, and that no digit is left over.

use proptest::prelude::*;

use super::*;

fn zh(text: &str) -> String {
    normalize(Language::ZH, text)
}

fn en(text: &str) -> String {
    normalize(Language::EN, text)
}

fn has_digit(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit())
}

/// Reads a Chinese cardinal back: an accumulator per 万 group, written without looking at how numerals are made.
fn value_of_chinese(text: &str) -> Option<u64> {
    let (mut total, mut section, mut digit) = (0_u64, 0_u64, None);
    for c in text.chars() {
        if let Some(d) = "零一二三四五六七八九".chars().position(|x| x == c) {
            digit = Some(d as u64);
            continue;
        }
        match c {
            '两' => digit = Some(2),
            '十' | '百' | '千' => {
                let size = match c {
                    '十' => 10,
                    '百' => 100,
                    _ => 1000,
                };
                section += digit.take().unwrap_or(u64::from(c == '十')) * size;
            }
            '万' | '亿' => {
                let size = if c == '万' { 10_000 } else { 100_000_000 };
                let group = section + digit.take().unwrap_or(0);
                total = if c == '亿' { (total + group) * size } else { total + group * size };
                section = 0;
            }
            _ => return None,
        }
    }
    Some(total + section + digit.unwrap_or(0))
}

fn value_of_english(text: &str) -> Option<u64> {
    const WORDS: &str = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen";
    const TENS: &str = "twenty thirty forty fifty sixty seventy eighty ninety";
    let (mut total, mut section) = (0_u64, 0_u64);
    for word in text.split([' ', '-']) {
        let at = |list: &str| list.split(' ').position(|w| w == word).map(|n| n as u64);
        match (at(WORDS), at(TENS), word) {
            (Some(n), ..) => section += n,
            (_, Some(n), _) => section += (n + 2) * 10,
            (.., "hundred") => section *= 100,
            (.., "thousand") => total += std::mem::take(&mut section) * 1_000,
            (.., "million") => total += std::mem::take(&mut section) * 1_000_000,
            (.., "billion") => total += std::mem::take(&mut section) * 1_000_000_000,
            _ => return None,
        }
    }
    Some(total + section)
}

fn check(rows: &[(&str, &str)], normalize: fn(&str) -> String) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let got = normalize(text);
            (got != *expected).then(|| format!("{text:?}\n   is {got:?}\n  not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn chinese_amounts_dates_and_codes() {
    check(
        &[
            ("一共2个", "一共两个"),
            ("12个", "十二个"),
            ("200件", "两百件"),
            ("2000件", "两千件"),
            ("1200", "一千二百"),
            ("10010", "一万零一十"),
            ("2万", "两万"),
            ("3.5万", "三点五万"),
            ("1,234,567", "一百二十三万四千五百六十七"),
            ("第2个", "第二个"),
            ("2楼", "二楼"),
            ("0.5", "零点五"),
            ("打9折", "打九折"),
            ("便宜10%", "便宜百分之十"),
            ("10%-20%", "百分之十到百分之二十"),
            ("-5℃", "负五摄氏度"),
            ("¥38.5", "三十八点五元"),
            ("￥１２０", "一百二十元"),
            ("$3.50/件", "三点五零美元每件"),
            ("US$2", "两美元"),
            ("100 USD", "一百美元"),
            ("RMB 500", "五百元"),
            ("€20-30", "二十到三十欧元"),
            ("$5万", "五万美元"),
            ("2块5", "两块五"),
            ("50元/kg", "五十元每公斤"),
            ("10-20个", "十到二十个"),
            ("2024年5月3日", "二零二四年五月三日"),
            ("在2024-05-03发货", "在二零二四年五月三日发货"),
            ("10:30", "十点三十分"),
            ("上午10:05", "上午十点零五分"),
            ("2点见", "两点见"),
            ("9:00-18:00", "九点到十八点"),
            ("电话13812345678", "电话一三八一二三四五六七八"),
            ("0571-85123456", "零五七一，八五一二三四五六"),
            ("400-820-1234", "四零零，八二零，一二三四"),
            ("编号007", "编号零零七"),
            ("型号SKU123", "型号SKU一二三"),
            ("60×40×50cm", "六十乘四十乘五十厘米"),
            ("2kg", "两公斤"),
            ("15m²", "十五平方米"),
            ("3/4", "四分之三"),
            ("3块8", "三块八"),
            ("**重要**：[链接](http://a.b/c?d=1)好的😀", "重要：链接好的"),
            ("1.2.3", "一点二点三"),
            ("5+3=8", "五加三等于八"),
        ],
        zh,
    );
}

#[test]
fn english_amounts_dates_and_codes() {
    check(
        &[
            ("I want 38 pieces.", "I want thirty-eight pieces."),
            ("$3.50", "three dollars and fifty cents"),
            ("$1", "one dollar"),
            ("$0.99 each", "ninety-nine cents each"),
            ("¥38.5", "thirty-eight point five yuan"),
            ("$1.2 million", "one point two million dollars"),
            ("$10-20", "ten to twenty dollars"),
            ("5 USD", "five dollars"),
            ("RMB 500", "five hundred yuan"),
            ("20% off", "twenty percent off"),
            ("10-20%", "ten to twenty percent"),
            ("the 21st of May", "the twenty-first of May"),
            ("May 3, 2024", "May third, twenty twenty-four"),
            ("since 2005", "since two thousand five"),
            ("in the 1990s", "in the nineteen nineties"),
            ("2024-05-03", "May third, twenty twenty-four"),
            ("at 10:30", "at ten thirty"),
            ("at 9:05 pm", "at nine oh five p.m."),
            ("10:00", "ten o'clock"),
            ("1,234.5", "one thousand two hundred thirty-four point five"),
            ("10-20 boxes", "ten to twenty boxes"),
            ("2kg", "two kilograms"),
            ("1 kg", "one kilogram"),
            ("30 cm", "thirty centimeters"),
            ("15m²", "fifteen square meters"),
            ("-5°C", "minus five degrees Celsius"),
            ("60x40x50 cm", "sixty by forty by fifty centimeters"),
            ("No. 5", "number five"),
            ("#12", "number twelve"),
            ("Mr. Li", "Mister Li"),
            ("500 pcs", "five hundred pieces"),
            ("$2/kg", "two dollars per kilogram"),
            ("1/2", "one half"),
            ("3/4", "three quarters"),
            ("call 555-123-4567", "call five five five, one two three, four five six seven"),
            ("code 007", "code zero zero seven"),
            ("A4 paper", "A four paper"),
            ("SKU123", "SKU one two three"),
            ("R&D", "R and D"),
            ("see https://www.example.com/a?b=1 please", "see example dot com please"),
            ("**bold** 👍", "bold"),
        ],
        en,
    );
}

#[test]
fn other_languages_put_money_after_the_amount() {
    let es = "es".parse().unwrap();
    assert_eq!(normalize(es, "Cuesta $3,50 o ¥25."), "Cuesta 3,50 dólares o 25 yuanes.");
    assert_eq!(normalize(es, "un 20% menos, 5kg"), "un 20 por ciento menos, 5 kilogramos");
    assert_eq!(normalize("de".parse().unwrap(), "20 % mehr 😀"), "20 % mehr");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived_and_keeps_no_digit(text in "\\PC{0,60}|[0-9a-zA-Z$¥%.,:/×+~ 元个年月日万-]{0,40}") {
        prop_assert!(!has_digit(&zh(&text)), "{}", zh(&text));
        prop_assert!(!has_digit(&en(&text)), "{}", en(&text));
        normalize("es".parse().unwrap(), &text);
    }

    #[test]
    fn integers_read_back(n in prop_oneof![0_u64..10_000, 0_u64..1_000_000, 0_u64..=1_000_000_000]) {
        let chinese = zh_number::integer(n);
        prop_assert_eq!(value_of_chinese(&chinese), Some(n), "{}", chinese);
        let english = en_number::integer(n);
        prop_assert_eq!(value_of_english(&english), Some(n), "{}", english);
        // The rules, too, read a bare amount as that amount.
        let bare = zh(&format!("共{n}"));
        prop_assert_eq!(value_of_chinese(bare.trim_start_matches('共')), Some(n), "{}", bare);
    }
}
