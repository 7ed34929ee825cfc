//! Texts before and after.

use super::*;
use crate::trade::{compare::check, numbers::read};

fn rewritten(text: &str, language: Language, context: &Context) -> String {
    digits(text, language, &read(text, language, context))
}

#[test]
fn chinese_numbers_become_digits() {
    for (text, expected) in [
        ("三块八", "3.8元"),
        ("一万两千五", "12500"),
        ("这款七块二五一套，要三百五十套", "这款7.25元一套，要350套"),
        ("可以打八五折，付百分之三十", "可以优惠15%，付30%"),
        ("十五到二十天，两百来个，二十多块", "15-20天，约200个，20多元"),
        ("五十乘三十乘二十厘米", "50×30×20厘米"),
        ("三月八号下午两点半", "3月8号下午2:30"),
        ("两打，俩，两斤半", "24个，俩，2.5斤"),
        ("我们一起看一下，便宜一点", "我们一起看一下，便宜一点"),
        ("两块四美元，3楼", "2.4美元，3楼"),
        ("三分之一，半年", "1/3，半年"),
    ] {
        assert_eq!(rewritten(text, Language::ZH, &Context::default()), expected);
    }
}

#[test]
fn counts_that_were_heard_in_one_breath_are_parted() {
    for (text, expected) in [
        ("毛巾六百条一包装十条总共九百块", "毛巾600条，一包装10条，总共900元"),
        ("这批要八百件每箱四十件一共是二十箱", "这批要800件，每箱40件，一共是20箱"),
        ("先付四成定金剩下的六成见提单付", "先付40%定金，剩下的60%见提单付"),
        ("三十块每个最少要五百个", "30元每个最少要500个"),
        ("要800件，每箱40件", "要800件，每箱40件"),
        ("五百个一箱，一共三箱", "500个一箱，一共3箱"),
        ("一共三箱每箱都满", "一共3箱每箱都满"),
        ("十块三个", "10元3个"),
    ] {
        assert_eq!(rewritten(text, Language::ZH, &Context::default()), expected);
    }
    let english = "six hundred pieces every carton has ten pieces";
    assert_eq!(rewritten(english, Language::EN, &Context::default()), "600 pieces every carton has 10 pieces");
}

#[test]
fn english_numbers_become_digits() {
    let yuan = Context { currency: Some(Currency::CNY) };
    for (text, expected) in [
        ("eight forty is okay", "8.40 yuan is okay"),
        ("I need twelve hundred pieces by the fifth of March", "I need 1200 pieces by March 5"),
        ("a dozen cups, thirty percent", "12 cups, 30%"),
        ("twenty percent off, on the third floor", "20% off, on the 3rd floor"),
        ("at half past two in the afternoon", "at 2:30 in the afternoon"),
        ("one carton, 3,000 pairs", "one carton, 3000 pairs"),
        ("between six and nine days, two or three euros", "between 6 and 9 days, 2 or 3 euros"),
        ("$4.50 each", "4.50 dollars each"),
        ("two forty-foot containers", "2 40-foot containers"),
    ] {
        assert_eq!(rewritten(text, Language::EN, &yuan), expected);
    }
}

#[test]
fn a_wrong_amount_is_replaced_by_the_right_one() {
    let filled = |source: &str, from: Language, target: &str, to: Language| {
        let context = Context::default();
        let found = check(source, from, target, to, &context);
        fill(target, to, &found.source, &found.target, &found.comparison, &context)
    };
    let zh_en = |zh, en| filled(zh, Language::ZH, en, Language::EN);
    assert_eq!(zh_en("四块七一个", "It is 47 yuan each."), Some("It is 4.70 yuan each.".into()));
    assert_eq!(zh_en("要一万五千件", "I want 10,500 pieces."), Some("I want 15,000 pieces.".into()));
    assert_eq!(zh_en("打八折", "You get 80% off."), Some("You get 20% off.".into()));
    assert_eq!(zh_en("七到十天", "It takes 7 to 17 days."), Some("It takes 7 to 10 days.".into()));
    assert_eq!(zh_en("两打", "about 12 pieces"), Some("about 24 pieces".into()));
    assert_eq!(zh_en("四块七，五百个", "It is 4.70 yuan."), None, "there is no place for what is missing");
    let es: Language = "es".parse().unwrap();
    assert_eq!(filled("四块七一个", Language::ZH, "Son 47 yuanes.", es), Some("Son 4,70 CNY.".into()));
    let en_zh = filled("I need twelve hundred pairs", Language::EN, "我要一百二十双", Language::ZH);
    assert_eq!(en_zh, Some("我要1,200双".into()));
}
