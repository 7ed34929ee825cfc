//! What people say at a stall, read; and every number, written in all common forms and read back.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::read;
use crate::{
    language::Language,
    trade::{
        amount::{Amount, Context, Kind, Value},
        money::Currency,
        write,
    },
};

fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "n",
        Kind::Quantity => "q",
        Kind::Ordinal => "ord",
        Kind::Money => "$",
        Kind::Percent => "%",
        Kind::Discount => "off",
        Kind::Fraction => "part",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Size => "size",
        Kind::Phone => "phone",
        Kind::Code => "code",
    }
}

/// An amount as `kind value unit`, with `~` when approximate and `?` when optional.
fn show(amount: &Amount) -> String {
    let unit = amount.currency().map(Currency::code).or_else(|| amount.measure().map(|m| m.symbol())).map(|u| format!(" {u}"));
    let value = match &amount.value {
        Value::One(v) => Value::One(v.round_dp(6)),
        other => other.clone(),
    };
    let marks = format!("{}{}", if amount.exact { "" } else { "~" }, if amount.optional { "?" } else { "" });
    format!("{} {}{}{marks}", short(amount.kind), write::plain(&value), unit.unwrap_or_default())
}

fn all(text: &str, tag: &str, context: &Context) -> String {
    read(text, tag.parse().unwrap(), context).iter().map(show).collect::<Vec<_>>().join("; ")
}

/// Checks each sentence and shows all that differ.
fn reads(tag: &str, context: Context, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, expected, all(text, tag, &context)))
        .filter(|(_, expected, found)| found != *expected)
        .map(|(text, expected, found)| format!("{text}\n    expected {expected}\n    found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn yuan() -> Context {
    Context { currency: Some(Currency::CNY) }
}

#[test]
fn chinese_money() {
    let cases = [
        ("三块八", "$ 3.8 CNY"),
        ("这个卖四块七毛五，那个九块", "$ 4.75 CNY; $ 9 CNY"),
        ("七块二五一套", "$ 7.25 CNY; q 1 set?"),
        ("十六块四一个", "$ 16.4 CNY; q 1 pcs?"),
        ("五块零五分", "$ 5.05 CNY"),
        ("六块半", "$ 6.5 CNY"),
        ("三毛五", "$ 0.35 CNY"),
        ("两毛钱，八分钱", "$ 0.2 CNY; $ 0.08 CNY"),
        ("十块三个", "$ 10 CNY; q 3 pcs"),
        ("两块四毛五美元", "$ 2.45 USD"),
        ("七美元三十美分", "$ 7.3 USD"),
        ("一共八千六百欧元", "$ 8600 EUR"),
        ("人民币三百五", "$ 350 CNY"),
        ("￥12.80，US$4", "$ 12.8 CNY; $ 4 USD"),
        ("RMB 45一箱", "$ 45 CNY; q 1 carton?"),
        ("3块8，28块5一件，15元", "$ 3.8 CNY; $ 28.5 CNY; q 1 pcs?; $ 15 CNY"),
        ("十五六块", "$ 15-16 CNY~"),
        ("二十多块钱", "$ 20 CNY~"),
        ("三到五块，每双十二到十三块五", "$ 3-5 CNY; $ 12-13.5 CNY"),
        ("壹佰貳拾元，兩塊五", "$ 120 CNY; $ 2.5 CNY"),
        ("一块布，两块肥皂", "q 1 pcs?; q 2 pcs"),
        ("三块五包邮", "$ 3.5 CNY"),
        ("四块五毛巾", "$ 4.5 CNY"),
    ];
    reads("zh", Context::default(), &cases);
}

#[test]
fn chinese_quantities() {
    let cases = [
        ("一万两千五", "n 12500"),
        ("三百五一箱", "n 350; q 1 carton?"),
        ("两百来个，三十几箱", "q 200 pcs~; q 31-39 carton~"),
        ("七八百双，两三千件", "q 700-800 pair~; q 2000-3000 pcs~"),
        ("三到五百个，8到10天", "q 300-500 pcs; q 8-10 d"),
        ("十二万五，一点二万，3万5，1.5万件", "n 125000; n 12000; n 35000; q 15000 pcs"),
        ("一亿三千万", "n 130000000"),
        ("十五千个，两百零八千七百六十五，三百千，五十千五", "q 15000 pcs; n 208765; n 300000; n 50500"),
        ("二十五千克，三百千米，十五千瓦，两百三千", "q 25 kg; q 300 km; q 15 kW; n 200; n 3000"),
        ("一打，三打", "q 1 dozen?; q 3 dozen"),
        ("俩，仨", "q 2 pcs?; q 3 pcs"),
        ("两斤半，三个半小时，一年半，半箱", "q 2.5 jin; q 3.5 h; q 1.5 year; q 0.5 carton"),
        ("五十乘三十乘二十厘米，80×60×45cm，１２＊９", "size 50×30×20 cm; size 80×60×45 cm; size 12×9"),
        ("净重八点二五公斤，二十吨", "q 8.25 kg; q 20 t"),
        ("宽两米三，高一米七五一条，三吨五", "q 2.3 m; q 1.75 m; q 1 pcs?; q 3.5 t"),
        ("四十尺柜，三十六码", "q 40 ft; q 36 size"),
        ("大概五百个左右", "q 500 pcs~"),
        ("百分之十五，千分之四，百分之五到八，25％，三成", "% 15; % 0.4; % 5-8; % 25; % 30"),
        ("七折，打八五折，九五折，半价，优惠百分之六", "off 30; off 15; off 5; off 50; off 6"),
        ("四分之三，1/3", "part 0.75; part 0.333333"),
        ("第三批，五楼，二区一六零四号", "ord 3; ord 5; ord 2; code 1604"),
        ("电话是幺三九，一二三四，五六七八", "phone 13912345678"),
        ("加八六一三九一二三四五六七八", "phone +8613912345678"),
        ("条码6901234567892，型号SUS316", "code 6901234567892; code SUS316"),
    ];
    reads("zh", Context::default(), &cases);
    reads("zh", yuan(), &[("二十五一个，单价3.2", "$ 25 CNY; q 1 pcs?; $ 3.2 CNY"), ("十八行吗", "n 18")]);
}

#[test]
fn chinese_dates_and_times() {
    let cases = [
        ("三月八号，二零二七年六月，12月25日", "date 03-08; date 2027-06; date 12-25"),
        ("三个月，三年，三月", "q 3 month; q 3 year; date 03"),
        ("下午三点半，晚上八点，早上九点二十", "time 15:30; time 20:00; time 9:20"),
        ("两点四十五分，差一刻六点", "time 2:45; time 5:45"),
        ("三点五，十二点五公斤", "n 3.5; q 12.5 kg"),
        ("星期三，周五，十五号", "date 15"),
        ("下午4:15", "time 16:15"),
        ("上午十点一刻，晚上九点零五，三点五分", "time 10:15; time 21:05; time 3:05"),
    ];
    reads("zh", Context::default(), &cases);
}

#[test]
fn chinese_words_that_are_no_amounts() {
    for text in [
        "我们一起去看看吧",
        "便宜一点",
        "万一坏了怎么办",
        "这个是统一零售价",
        "四川的货",
        "十分感谢",
        "千万别忘了",
        "一定要快一点儿",
        "大陆发货",
        "五金百货",
        "二维码扫一下",
        "星期三再来",
        "三角形的",
        "五角星",
        "多少钱",
        "几个",
        "不管三七二十一",
    ] {
        assert_eq!(all(text, "zh", &yuan()), "", "{text}");
    }
}

#[test]
fn english_money() {
    let cases = [
        ("three eighty", "$ 3.8 CNY"),
        ("eight forty is my price", "$ 8.4 CNY"),
        ("one ninety-nine", "$ 1.99 CNY"),
        ("seven oh five each", "$ 7.05 CNY"),
        ("two dollars and forty-five cents", "$ 2.45 USD"),
        ("six dollars thirty", "$ 6.3 USD"),
        ("fifteen yuan sixty", "$ 15.6 CNY"),
        ("twenty yuan fifty pieces", "$ 20 CNY; q 50 pcs"),
        ("$3.80, US$1,250, RMB 45, 12.50 euros", "$ 3.8 USD; $ 1250 USD; $ 45 CNY; $ 12.5 EUR"),
        ("fifty cents", "$ 0.5 CNY"),
        ("three and a half dollars", "$ 3.5 USD"),
        ("three point eight yuan", "$ 3.8 CNY"),
        ("between ten and twelve dollars", "$ 10-12 USD"),
        ("$1.5 million", "$ 1500000 USD"),
        ("24 per carton, 18 each", "n 24; $ 18 CNY"),
    ];
    reads("en", yuan(), &cases);
    reads("en", Context::default(), &[("three eighty", "$ 3.8"), ("at eight forty", "time 8:40"), ("fifty cents", "$ 0.5 USD")]);
}

#[test]
fn english_quantities() {
    let cases = [
        ("twelve hundred pieces", "q 1200 pcs"),
        ("a dozen, two dozen cups, half a dozen", "q 1 dozen; q 2 dozen; q 0.5 dozen"),
        ("a hundred and fifty thousand", "n 150000"),
        ("two and a half thousand units, 15k, a million and a half", "q 2500 pcs; n 15000; n 1500000"),
        ("two hundred five hundred, twenty-five hundred, three hundred sixty-five thousand", "n 200; n 500; n 2500; n 365000"),
        ("fifteen to twenty days, two or three weeks", "q 15-20 d; q 2-3 week~"),
        ("fifteen to twenty thousand", "n 15000-20000"),
        ("50 by 30 by 20 centimeters, 60x45x40 cm", "size 50×30×20 cm; size 60×45×40 cm"),
        ("two forty-foot containers", "n 2; q 40 ft"),
        ("eight point two five kilos, 3,200 kg", "q 8.25 kg; q 3200 kg"),
        ("thirty percent, 5% off, a discount of ten percent, half price", "% 30; off 5; off 10; off 50"),
        ("two thirds, three quarters, half of it", "part 0.666667; part 0.75; part 0.5"),
        ("the third floor, twenty-first, 5th", "ord 3; ord 21; ord 5"),
        ("booth fifteen thirty-eight, room 204", "code 1538; code 204"),
        ("one five three nine", "code 1539"),
        ("plus eight six, one three nine, one two three four, double five six seven", "phone +8613912345567"),
        ("about two hundred, 50 or so", "n 200~; n 50~"),
        ("one fifty pieces", "q 150 pcs"),
        ("plus 4477, 0090, 0123, plus 5, 6 cartons", "phone +447700900123; n 5; q 6 carton"),
        ("31, yuan 40. Then 31, yuan 4 more", "$ 31.4 CNY; n 31; n 4"),
        ("an hour and a half, a dollar thirty, C three oh seven", "q 1.5 h; $ 1.3 USD; code 307"),
        ("one carton, both, this one", "q 1 carton?; n 2?; n 1?"),
    ];
    reads("en", Context::default(), &cases);
}

#[test]
fn english_dates_and_times() {
    let cases = [
        ("the fifth of March, June 18th, 2027, 25 December", "date 03-05; date 2027-06-18; date 12-25"),
        ("half past four, quarter to nine, ten past six", "time 4:30; time 8:45; time 6:10"),
        ("3 pm, 4:15 p.m., nine o'clock, two thirty in the afternoon", "time 15:00; time 16:15; time 9:00; time 14:30"),
        ("you may come in May", "date 05"),
        ("at nine", "n 9"),
    ];
    reads("en", Context::default(), &cases);
}

#[test]
fn other_languages() {
    let none = Context::default();
    reads(
        "es",
        none,
        &[
            ("1.234,56 dólares, 3,80 USD, veinticinco días", "$ 1234.56 USD; $ 3.8 USD; q 25 d"),
            ("doscientas cincuenta mil piezas, el 10 de diciembre", "q 250000 pcs; date 12-10"),
        ],
    );
    reads(
        "de",
        none,
        &[
            ("12.500 Stück für 1.234,50 €", "q 12500 pcs; $ 1234.5 EUR"),
            ("fünfundzwanzig Tage, 30 %, 5. März", "q 25 d; % 30; date 03-05"),
        ],
    );
    reads(
        "fr",
        none,
        &[("1 500 pièces à 3,80 €", "q 1500 pcs; $ 3.8 EUR"), ("quatre-vingt-dix jours, soixante-douze", "q 90 d; n 72")],
    );
    reads(
        "ru",
        none,
        &[("двадцать пять дней, 1 500 штук", "q 25 d; q 1500 pcs"), ("3,80 юаня, 15–18 дней", "$ 3.8 CNY; q 15-18 d")],
    );
    reads("pt", none, &[("três mil e quinhentas caixas, 60×40×35 cm", "q 3500 carton; size 60×40×35 cm")]);
    reads("ar", none, &[("٣٫٥ دولار", "$ 3.5 USD"), ("500 قطعة", "q 500 pcs")]);
    reads("ja", none, &[("1万2千個、3.8元", "q 12000 pcs; $ 3.8 CNY")]);
    reads("ko", none, &[("1만 2천 개, 30%", "q 12000 pcs; % 30")]);
    reads("hi", none, &[("१२,००० रुपये", "$ 12000 INR")]);
}

#[test]
fn spans_lie_in_the_text_as_it_was() {
    let text = "共３塊８，兩箱";
    let found = read(text, Language::ZH, &Context::default());
    let spans: Vec<_> = found.iter().map(|a| &text[a.span.clone()]).collect();
    assert_eq!(spans, ["３塊８", "兩箱"]);
}

// What follows writes numbers by itself, so that a mistake shared with the writers of this module is found.

const HAN: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

fn han(n: u64, two: &str) -> String {
    fn group(n: u64, two: &str) -> String {
        let mut out = String::new();
        let mut gap = false;
        for (size, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
            let d = usize::try_from(n / size % 10).unwrap();
            if d == 0 {
                gap = !out.is_empty();
                continue;
            }
            if gap {
                out.push('零');
                gap = false;
            }
            out.push_str(if d == 2 && size >= 100 { two } else { HAN[d] });
            out.push_str(name);
        }
        out
    }
    if n == 0 {
        return "零".into();
    }
    let (big, middle, low) = (n / 100_000_000, n / 10_000 % 10_000, n % 10_000);
    let mut out = String::new();
    for (value, name) in [(big, "亿"), (middle, "万"), (low, "")] {
        if value == 0 {
            continue;
        }
        if !out.is_empty() && (value < 1000 || (name.is_empty() && middle == 0)) {
            out.push('零');
        }
        out.push_str(&if value == 2 && !name.is_empty() { two.to_owned() } else { group(value, two) });
        out.push_str(name);
    }
    match out.strip_prefix("一十") {
        Some(rest) => format!("十{rest}"),
        None => out,
    }
}

fn english(n: u64, and: bool) -> String {
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
    const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let index = |n: u64| usize::try_from(n).unwrap();
    let join = |n: u64, size: u64, name: &str| {
        let rest = n % size;
        let head = format!("{} {name}", english(n / size, and));
        match rest {
            0 => head,
            _ if and && rest < 100 => format!("{head} and {}", english(rest, and)),
            _ => format!("{head} {}", english(rest, and)),
        }
    };
    match n {
        0..20 => SMALL[index(n)].into(),
        20..100 if n.is_multiple_of(10) => TENS[index(n / 10)].into(),
        20..100 => format!("{}-{}", TENS[index(n / 10)], SMALL[index(n % 10)]),
        100..1000 => join(n, 100, "hundred"),
        1000..1_000_000 => join(n, 1000, "thousand"),
        1_000_000..1_000_000_000 => join(n, 1_000_000, "million"),
        _ => join(n, 1_000_000_000, "billion"),
    }
}

fn commas(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The only amount that counts in `text`, as value and currency.
fn only(text: &str, language: Language, context: &Context) -> Option<(Decimal, Option<Currency>)> {
    let found = read(text, language, context);
    match found.as_slice() {
        [Amount { value: Value::One(v), .. }] => Some((v.normalize(), found[0].currency())),
        _ => None,
    }
}

/// Integers of all sizes up to 10^9: the digits' number is as likely as the digits.
fn integers() -> impl Strategy<Value = u64> {
    (0_u32..=9).prop_flat_map(|power| 0..=10_u64.pow(power))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn integers_are_read_back(n in integers()) {
        let context = Context::default();
        let zh = [han(n, "两"), han(n, "二")].map(|w| format!("要{w}个。"));
        let digits = [format!("要{n}个。"), format!("要{}个", commas(n))];
        for text in zh.iter().chain(&digits) {
            prop_assert_eq!(only(text, Language::ZH, &context).map(|f| f.0), Some(Decimal::from(n)), "{}", text);
        }
        // Twelve hundred, ninety-nine hundred.
        let hundreds = n < 10_000 && n.is_multiple_of(100) && !n.is_multiple_of(1000);
        let en = [
            if hundreds { format!("{} hundred pieces", english(n / 100, false)) } else { format!("{n} pcs") },
            format!("We need {} pieces.", english(n, false)),
            format!("We need {} pieces", english(n, true)),
            format!("{} pieces", commas(n)),
        ];
        for text in &en {
            prop_assert_eq!(only(text, Language::EN, &context).map(|f| f.0), Some(Decimal::from(n)), "{}", text);
        }
    }

    #[test]
    fn short_forms_of_chinese_integers_are_read_back(head in 1_u64..=9, tail in 1_u64..=9, power in 2_u32..=4, tens in 1_u64..=99) {
        // 三百五, 两千八, 四万六, 十二万五
        let (place, size) = [("百", 100), ("千", 1000), ("万", 10_000)][usize::try_from(power - 2).unwrap()];
        let words = format!("{}{place}{}", if head == 2 { "两" } else { HAN[usize::try_from(head).unwrap()] }, HAN[usize::try_from(tail).unwrap()]);
        prop_assert_eq!(only(&words, Language::ZH, &Context::default()).map(|f| f.0), Some(Decimal::from(head * size + tail * size / 10)), "{}", words);
        let words = format!("{}万{}", han(tens, "两"), HAN[usize::try_from(tail).unwrap()]);
        prop_assert_eq!(only(&words, Language::ZH, &Context::default()).map(|f| f.0), Some(Decimal::from(tens * 10_000 + tail * 1000)), "{}", words);
    }

    #[test]
    fn prices_are_read_back(cents in prop_oneof![1_u64..=999_999, 1_u64..=2_000]) {
        let (whole, dime, cent) = (cents / 100, cents / 10 % 10, cents % 10);
        let value = Decimal::new(i64::try_from(cents).unwrap(), 2).normalize();
        let digit = |n: u64| HAN[usize::try_from(n).unwrap()];
        let block = |name: &str| format!("{}{name}", han(whole, "两"));
        let plain = value.to_string();
        let mut zh = vec![format!("{plain}元"), format!("¥{plain}"), format!("{whole}.{dime}{cent}块")];
        match (whole, dime, cent) {
            (0, 0, c) => zh.push(format!("{}分钱", digit(c))),
            (0, d, 0) => zh.extend([format!("{}毛", digit(d)), format!("{}毛钱", digit(d)), format!("{}角", digit(d))]),
            (0, d, c) => zh.extend([format!("{}毛{}", digit(d), digit(c)), format!("{}毛{}分", digit(d), digit(c))]),
            (_, 0, 0) => zh.extend([block("块"), block("块钱"), block("元")]),
            (_, d, 0) => zh.extend([
                format!("{}{}", block("块"), digit(d)), format!("{}{}毛", block("块"), digit(d)), format!("{}{}角", block("元"), digit(d)),
                format!("{}点{}元", han(whole, "二"), digit(d)), format!("{whole}块{d}"),
            ]),
            (_, 0, c) => zh.extend([format!("{}零{}分", block("块"), digit(c)), format!("{}零{}", block("块"), digit(c))]),
            (_, d, c) => zh.extend([
                format!("{}{}毛{}", block("块"), digit(d), digit(c)), format!("{}{}毛{}分", block("块"), digit(d), digit(c)),
                format!("{}{}{}", block("块"), digit(d), digit(c)), format!("{}{}角{}分", block("元"), digit(d), digit(c)),
                format!("{}点{}{}块", han(whole, "二"), digit(d), digit(c)), format!("{whole}块{d}毛{c}"), format!("{}{}{}", block("塊"), digit(d), digit(c)),
            ]),
        }
        for text in zh.iter().flat_map(|p| [p.clone(), format!("这个{p}，行吗"), format!("就{p}吧")]) {
            prop_assert_eq!(only(&text, Language::ZH, &Context::default()), Some((value, Some(Currency::CNY))), "{}", text);
        }
        let hundredths = cents % 100;
        let mut en = vec![format!("${plain}"), format!("${whole}.{dime}{cent}"), format!("{plain} dollars"), format!("USD {plain}")];
        let dollars = format!("{} dollar{}", english(whole, false), if whole == 1 { "" } else { "s" });
        let cents_words = format!("{} cent{}", english(hundredths, false), if hundredths == 1 { "" } else { "s" });
        match (whole, hundredths) {
            (0, _) => en.push(cents_words),
            (_, 0) => en.push(dollars),
            (_, h) => {
                let point = format!("{} point {} {} dollars", english(whole, true), english(dime, false), english(cent, false));
                en.extend([format!("{dollars} and {cents_words}"), format!("{dollars} {cents_words}"), point]);
                en.push(if h >= 10 { format!("{dollars} {}", english(h, false)) } else { format!("{dollars} oh {}", english(h, false)) });
            }
        }
        for text in en.iter().flat_map(|p| [p.clone(), format!("I can pay {p}."), format!("It is {p} per pair")]) {
            let found = read(&text, Language::EN, &Context::default());
            let first = found.first().map(|a| (a.value.clone(), a.currency()));
            prop_assert_eq!(first.map(|(v, c)| (write::plain(&v), c)), Some((plain.clone(), Some(Currency::USD))), "{}", text);
            prop_assert!(found.len() == 1, "{}", text);
        }
        // Twenty-six yuan eighty, and as it is written down.
        if whole > 0 && hundredths >= 10 {
            for text in [format!("for {} yuan {}", english(whole, true), english(hundredths, false)), format!("{whole} yuan {hundredths}."), format!("{whole}, yuan {hundredths} then")] {
                prop_assert_eq!(only(&text, Language::EN, &Context::default()), Some((value, Some(Currency::CNY))), "{}", text);
            }
        }
        // Three eighty, twelve fifty.
        if (1..100).contains(&whole) && hundredths >= 10 {
            let text = format!("{} {} is fine", english(whole, false), english(hundredths, false));
            prop_assert_eq!(only(&text, Language::EN, &yuan()), Some((value, Some(Currency::CNY))), "{}", text);
        }
    }

    #[test]
    fn what_is_written_is_read_back(cents in 1_i64..=999_999, kind in 0..4) {
        for language in Language::all() {
            let value = Decimal::new(cents, 2).normalize();
            let (kind, unit) = match kind {
                0 => (Kind::Number, None),
                1 => (Kind::Money, Some(crate::trade::Unit::Money(Currency::CNY))),
                2 => (Kind::Percent, None),
                _ => (Kind::Quantity, crate::trade::units::Measure::from_symbol("kg").map(crate::trade::Unit::Measure)),
            };
            let amount = Amount { kind, value: Value::One(value), unit, span: 0..0, number: 0..0, exact: true, implied: false, optional: false };
            let text = write::caption(&amount, language);
            let found = read(&text, language, &Context::default());
            prop_assert_eq!(found.first().map(|a| (&a.value, a.kind, a.unit)), Some((&amount.value, kind, unit)), "{:?} {}", language, text);
            if let Some(words) = crate::trade::speech::spoken(&amount, language) {
                let found = read(&words, language, &Context::default());
                prop_assert_eq!(found.first().map(|a| (write::plain(&a.value), a.kind)), Some((write::plain(&amount.value), kind)), "{:?} {}", language, words);
            }
        }
    }

    #[test]
    fn any_text_is_survived(text in any_text(), tag in prop::sample::select(vec!["zh", "en", "es", "de", "fr", "ru", "ja", "ko", "ar", "hi", "it", "th"]), known in any::<bool>()) {
        let language: Language = tag.parse().unwrap();
        let context = if known { yuan() } else { Context::default() };
        let found = read(&text, language, &context);
        let mut end = 0;
        for amount in &found {
            prop_assert!(amount.span.start >= end && amount.span.end > amount.span.start && amount.span.end <= text.len());
            prop_assert!(text.get(amount.span.clone()).is_some() && text.get(amount.number.clone()).is_some());
            prop_assert!(amount.number.start >= amount.span.start && amount.number.end <= amount.span.end);
            end = amount.span.end;
            let _ = (write::caption(amount, language), write::caption(amount, Language::EN), crate::trade::speech::spoken(amount, Language::ZH));
            let _ = crate::trade::speech::spoken(amount, Language::EN);
        }
        let digits = crate::trade::rewrite::digits(&text, language, &found);
        let check = crate::trade::check(&text, language, &digits, language, &context);
        let _ = crate::trade::rewrite::fill(&digits, language, &check.source, &check.target, &check.comparison, &context);
    }
}

/// Anything, and sentences of the pieces that amounts are made of.
fn any_text() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "一",
        "两",
        "三",
        "五",
        "零",
        "十",
        "百",
        "千",
        "万",
        "亿",
        "点",
        "半",
        "块",
        "毛",
        "元",
        "分",
        "折",
        "成",
        "个",
        "箱",
        "双",
        "公斤",
        "厘米",
        "年",
        "月",
        "号",
        "日",
        "楼",
        "到",
        "乘",
        "百分之",
        "分之",
        "多",
        "来",
        "几",
        "第",
        "差",
        "下午",
        "美元",
        "打",
        "加",
        "俩",
        "星期",
        "电话",
        "，",
        "。",
        " ",
        "-",
        "/",
        ":",
        "×",
        "+",
        "%",
        "$",
        "¥",
        ".",
        ",",
        "1",
        "23",
        "456",
        "7890",
        "00",
        "99999999999999999999",
        "one ",
        "two ",
        "twenty",
        "ninety-",
        "hundred ",
        "thousand ",
        "million ",
        "billion ",
        "point ",
        "and ",
        "a ",
        "half ",
        "dozen ",
        "past ",
        "to ",
        "dollars ",
        "yuan ",
        "cents ",
        "percent ",
        "off ",
        "by ",
        "oh ",
        "plus ",
        "double ",
        "first ",
        "third ",
        "of ",
        "May ",
        "December ",
        "pm ",
        "the ",
        "each ",
        "kg ",
        "cm ",
        "x",
        "mil ",
        "ciento ",
        "y ",
        "quatre-",
        "vingt-",
        "dix ",
        "fünfundzwanzig ",
        "tausend",
        "двадцать ",
        "тысяч ",
        "만 ",
        "億",
        "٣",
        "१",
        "１",
        "é",
        "\u{301}",
        "🙂",
    ];
    prop_oneof![any::<String>(), prop::collection::vec(prop::sample::select(PIECES), 0..16).prop_map(|pieces| pieces.concat()),]
}
