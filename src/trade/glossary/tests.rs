//! Tables good and bad, terms found and put right.

use proptest::prelude::*;

use super::*;

fn small() -> Glossary {
    Glossary::parse(
        "zh,en,es,sounds_like,near,keep\n\
         尾单,leftover stock|overrun,restos,围单,,\n\
         花边,trim,,,布|条,\n\
         起订量,minimum order quantity|MOQ,,,,\n\
         量,quantity,,,,\n\
         打包带,strapping,,,,\n\
         Luma,,,路马,,yes\n\
         ,webbing,cincha,,,\n",
    )
    .expect("a good table")
}

#[test]
fn the_starter_has_enough_terms_and_no_mistake() {
    assert_eq!(Glossary::parse(STARTER).map(|g| g.len()), Ok(Glossary::starter().len()));
    assert!(Glossary::starter().len() >= 300);
    for term in &Glossary::starter().terms {
        for language in ["zh", "en", "es", "pt", "fr", "ru", "ar"] {
            assert!(!term.words(language.parse().unwrap()).is_empty(), "{term:?} lacks {language}");
        }
    }
}

#[test]
fn mistakes_are_told_line_by_line() {
    let table = "zh,en,keep\n尾单,leftover stock,\n花边,,\n\"a, b\",c,maybe\n,,\none,two,,three\n";
    let errors: Vec<String> = Glossary::parse(table).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    for (error, (line, word)) in
        errors.iter().zip([("line 3", "one language"), ("line 4", "keep"), ("line 5", "no word"), ("line 6", "cells")])
    {
        assert!(error.starts_with(line) && error.contains(word), "{error}");
    }
    let column = |table| Glossary::parse(table).unwrap_err()[0].to_string();
    assert!(column("zh,english\n").contains("`english` is no column"));
    assert!(column("keep\n").contains("at least one language"));
    assert!(Glossary::parse("\u{feff}zh,en\r\n尾单,leftovers\r\n").is_ok(), "as spreadsheets write it");
}

#[test]
fn terms_are_found_with_their_wording_the_longest_first() {
    let wanted = small().wanted("尾单的起订量是多少？Luma的呢？", Language::ZH, Language::EN);
    let found: Vec<_> = wanted.iter().map(|w| (w.source.as_str(), w.target.as_str())).collect();
    assert_eq!(found, [("尾单", "leftover stock"), ("起订量", "minimum order quantity"), ("Luma", "Luma")]);
    assert!(wanted[1].is_in("What is the MOQ?", Language::EN) && !wanted[1].is_in("What is the least?", Language::EN));
    assert!(wanted[0].is_in("Overruns are cheap.", Language::EN), "a plural");
    assert!(wanted.iter().all(|w| w.asked), "whoever lists no everyday words means all");
    let asked = |text: &str, from| {
        let wanted = Glossary::starter().wanted(text, from, if from == Language::EN { Language::ZH } else { Language::EN });
        wanted.into_iter().map(|w| (w.source, w.asked)).collect::<Vec<_>>()
    };
    assert_eq!(
        asked("The packing list and the OEM order", Language::EN),
        [("packing list".into(), true), ("OEM".into(), true), ("order".into(), false)]
    );
    assert_eq!(asked("坐地铁去，材料是铁的", Language::ZH), [("材料".into(), true), ("铁".into(), false)], "地铁 is no iron");
    let english = small().wanted("Trims and webbing, trimmed.", Language::EN, "es".parse().unwrap());
    assert_eq!(english.len(), 1, "花边 has no Spanish word: {english:?}");
    assert!(small().wanted("trimming", Language::EN, Language::ZH).is_empty(), "whole words");
}

#[test]
fn misheard_words_are_put_right_where_their_surroundings_speak_for_it() {
    let glossary = small();
    let zh = |text: &str| glossary.repair(text, Language::ZH);
    assert_eq!(zh("这批围单便宜"), "这批尾单便宜", "named in the table");
    assert_eq!(zh("路马的货"), "Luma的货");
    assert_eq!(zh("要两卷打包代"), "要两卷打包带", "no word at all, and sounds like one");
    assert_eq!(zh("我们一起定量生产"), "我们一起定量生产", "it begins inside a word");
    assert_eq!(zh("这条画编的布"), "这条花边的布", "a neighbour speaks for it");
    assert_eq!(zh("画编很好看"), "画编很好看", "nothing does");
    let starter = |text: &str, language| Glossary::starter().repair(text, language);
    assert_eq!(starter("四十尺高贵能装多少箱", Language::ZH), "四十尺高柜能装多少箱");
    assert_eq!(starter("在472楼2033号", Language::ZH), "在4区2楼2033号");
    assert_eq!(starter("0受和批发的价格", Language::ZH), "零售和批发的价格", "the first syllable was taken for a digit");
    for text in ["在27楼", "一共1472楼", "472号楼", "七楼", "10首歌八块", "要0.5米的，5手"] {
        assert_eq!(starter(text, Language::ZH), text);
    }
    assert_eq!(starter("这款包看起来很高贵", Language::ZH), "这款包看起来很高贵");
    assert_eq!(starter("I need 50 cartoons of each.", Language::EN), "I need 50 cartons of each.");
    assert_eq!(starter("My children watch cartoons.", Language::EN), "My children watch cartoons.");
}

#[test]
fn a_rooms_terms_go_before_the_servers() {
    let room = Glossary::parse("zh,en\n尾单,tail goods\n").unwrap();
    let both = room.over(&small());
    assert_eq!(both.len(), small().len() + 1);
    assert_eq!(both.wanted("尾单", Language::ZH, Language::EN)[0].target, "tail goods");
    assert_eq!(both.vocabulary(Language::ZH, 9).as_deref(), Some("尾单、花边、起订量"));
    assert_eq!(both.vocabulary(Language::ZH, 1), None);
}

proptest! {
    // Each case looks for all terms of the starter.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn never_panics(text in "\\PC{0,80}", table in "(zh|en|keep|,|\n|\"|\\||\\PC){0,40}") {
        let _ = Glossary::parse(&table);
        for language in [Language::ZH, Language::EN, "ru".parse().unwrap()] {
            let _ = (Glossary::starter().repair(&text, language), Glossary::starter().wanted(&text, language, Language::EN));
        }
    }

    #[test]
    fn what_has_no_misheard_word_stays(text in "[a-zA-Z0-9 ,.]{0,40}") {
        // No term's sounds and no amount: random letters.
        let repaired = small().repair(&text, Language::EN);
        prop_assert_eq!(repaired, text);
    }
}
