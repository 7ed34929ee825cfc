//! Sentences and their translations, right and wrong.

use super::*;

fn compared(zh: &str, en: &str) -> Comparison {
    check(zh, Language::ZH, en, Language::EN, &Context::default()).comparison
}

#[test]
fn the_same_amounts_in_other_words_are_kept() {
    for (zh, en) in [
        ("这个四块七一个", "This is 4.70 yuan each."),
        ("两打杯子", "24 cups"),
        ("两打杯子", "two dozen cups"),
        ("一万五千件", "15,000 pieces"),
        ("打八折", "20% off"),
        ("给您八折", "You pay 80 percent of the price."),
        ("七到十天", "seven to ten days"),
        ("长五十乘三十乘二十厘米", "50 x 30 x 20 cm"),
        ("毛重三千克", "gross weight 3 kg"),
        ("两周", "14 days"),
        ("下午三点半", "at half past three"),
        ("三月八号", "on the eighth of March"),
        ("一箱一个", "a piece in a carton"),
        ("百分之五十", "50%"),
        ("星期三来，三楼", "Come on Wednesday, third floor"),
        ("两种都要", "I want both kinds"),
        ("一半先付", "half of it first"),
        ("九点开门", "We open at nine"),
    ] {
        assert!(
            compared(zh, en).is_faithful(),
            "{zh} / {en}: {:?}",
            check(zh, Language::ZH, en, Language::EN, &Context::default())
        );
        let back = check(en, Language::EN, zh, Language::ZH, &Context::default());
        assert!(back.comparison.is_faithful(), "{en} / {zh}: {back:?}");
    }
}

#[test]
fn wrong_amounts_are_found() {
    for (zh, en) in [
        ("四块七", "47 yuan"),
        ("一万五", "10,005"),
        ("三块八", "3.8 dollars"),
        ("打八折", "80% off"),
        ("七到十天", "7 to 17 days"),
        ("三公斤", "3 grams"),
        ("三公斤", "3 cm"),
        ("下午三点半", "3:30 am"),
        ("三月八号", "August 3"),
        ("六十乘四十", "60 by 45"),
        ("两个月", "two weeks"),
        ("电话13912345678", "phone 13912345679"),
    ] {
        let found = compared(zh, en);
        assert_eq!((found.changed.len(), found.missing.len(), found.added.len()), (1, 0, 0), "{zh} / {en}: {found:?}");
    }
    assert_eq!(
        compared("五百个，三块八", "3.80 yuan"),
        Comparison { matched: vec![(1, 0)], missing: vec![0], ..Comparison::default() }
    );
    assert_eq!(
        compared("三块八", "3.80 yuan for 500"),
        Comparison { matched: vec![(0, 0)], added: vec![1], ..Comparison::default() }
    );
    assert_eq!(compared("五百个红的，五百个蓝的", "500 red and blue ones").missing, [1], "each is compared once");
}

#[test]
fn a_currency_may_stay_away_only_while_it_is_the_conversations() {
    let dollars = Context { currency: Some(Currency::USD) };
    let found = |context: &Context| check("四块七", Language::ZH, "4.70 is okay", Language::EN, context).comparison.is_faithful();
    assert!(found(&Context { currency: Some(Currency::CNY) }));
    assert!(!found(&dollars), "the listener would take it for dollars");
}

#[test]
fn other_languages_are_compared_too() {
    let faithful = |zh: &str, text: &str, tag: &str| {
        let found = check(zh, Language::ZH, text, tag.parse().unwrap(), &Context::default());
        assert!(found.comparison.is_faithful(), "{found:?}");
    };
    faithful("一万两千五百个，三块八一个", "12.500 piezas, 3,80 yuanes cada una", "es");
    faithful("十五天", "пятнадцать дней", "ru");
    faithful("十二月五号", "le 5 décembre", "fr");
    faithful("百分之三十", "30 %", "de");
}
