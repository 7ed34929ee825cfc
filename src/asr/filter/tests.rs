//! Each rule with what it must throw out and what it must leave.

use super::*;

fn clear(language: Language) -> Evidence {
    Evidence { language, no_speech: 0.02, probability: 0.9, speech: Duration::from_secs(3), prompted: None, continues: false }
}

fn noise(language: Language) -> Evidence {
    Evidence { no_speech: 0.5, probability: 0.6, ..clear(language) }
}

#[test]
fn who_begins_anew_says_it_again() {
    let again = |committed: &str, heard: &str, tag: &str| says_again(committed, heard, tag.parse().unwrap());
    assert!(again("The boat with our umbrellas leaves", " on. The boat with our umbrellas leaves on Monday.", "en"));
    assert!(again("明天下午船要开往汉堡港", "口。明天下午船要开往汉堡港口", "zh"));
    assert!(!again("The boat leaves today,", " and the other boat leaves tomorrow.", "en"));
    assert!(!again("明天开船，", "后天开船。", "zh"));
    assert!(!again("", "anything that is long enough to be something", "en"));
    assert!(!again("anything that is long enough to be something", "", "en"));
}

#[test]
fn subtitle_endings_vanish_on_noise_only() {
    for (language, text) in [
        (Language::EN, "Thanks for watching!"),
        (Language::EN, " Thank you."),
        (Language::ZH, "字幕由 Amara.org 社区提供"),
        (Language::ZH, "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"),
        (Language::ZH, "謝謝觀看"),
        (Language::ZH, "MING PAO CANADA"),
        ("ja".parse().unwrap(), "ご視聴ありがとうございました"),
        ("fr".parse().unwrap(), "Sous-titres réalisés par la communauté d'Amara.org"),
        ("ru".parse().unwrap(), "Продолжение следует..."),
    ] {
        assert_eq!(clean(text, &noise(language)), "", "{text}");
    }
    assert_eq!(clean("Thank you.", &clear(Language::EN)), "Thank you.");
    assert_eq!(clean("谢谢。", &clear(Language::ZH)), "谢谢。");
    let thanks_for = "Thank you for the samples.";
    assert_eq!(clean(thanks_for, &noise(Language::EN)), thanks_for, "only whole outputs are stock phrases");
}

#[test]
fn a_sentence_that_the_sound_has_no_room_for_is_not_believed() {
    let short = Evidence { speech: Duration::from_millis(200), ..clear(Language::EN) };
    assert_eq!(clean("Thanks for watching!", &short), "");
    assert_eq!(clean("Bye!", &short), "Bye!");
}

#[test]
fn silence_needs_two_witnesses_and_guessing_one() {
    let with = |no_speech, probability| Evidence { no_speech, probability, ..clear(Language::EN) };
    let text = "How much is it?";
    assert_eq!(clean(text, &with(0.9, 0.45)), "");
    assert_eq!(clean(text, &with(0.9, 0.6)), text);
    assert_eq!(clean(text, &with(0.1, 0.45)), text);
    assert_eq!(clean(text, &with(0.0, 0.2)), "");
}

#[test]
fn a_recited_prompt_is_thrown_out() {
    let doubtful =
        Evidence { no_speech: 0.2, probability: 0.45, prompted: Some("现货、样品、起订量。"), ..clear(Language::ZH) };
    assert_eq!(clean("样品、起订量", &doubtful), "");
    assert_eq!(clean("样品多少钱", &doubtful), "样品多少钱");
    assert_eq!(clean("样品", &Evidence { probability: 0.7, ..doubtful }), "样品", "somebody may well say it");
}

#[test]
fn loops_keep_one_turn() {
    for (text, kept) in [
        ("好的好的好的好的", "好的"),
        ("我要一百个，我要一百个，我要一百个，我要一百个，我要", "我要一百个，"),
        (" I see. I see. I see. I see. I see.", "I see."),
        ("哈哈哈哈哈哈", "哈"),
        ("哈哈哈", "哈哈哈"),
        ("好的好的好的", "好的好的好的"),
        ("13800000000", "13800000000"),
        ("1000000000", "1000000000"),
        ("no, no, no", "no, no, no"),
    ] {
        let language = if text.is_ascii() { Language::EN } else { Language::ZH };
        assert_eq!(clean(text, &clear(language)), kept, "{text}");
    }
}

#[test]
fn sounds_are_not_words() {
    for (text, kept) in [
        ("[Music]", ""),
        ("(laughs) I take ten.", "I take ten."),
        ("♪ la la ♪", "la la"),
        ("*sighs*", ""),
        ("ten pieces (10)", "ten pieces (10)"),
        ("a ( b", "a ( b"),
        ("...", ""),
    ] {
        assert_eq!(clean(text, &clear(Language::EN)), kept, "{text}");
    }
    assert_eq!(clean("【掌声】可以的", &clear(Language::ZH)), "可以的");
}

#[test]
fn scripts_the_language_does_not_use_are_not_believed() {
    assert_eq!(clean("字幕", &clear(Language::EN)), "");
    assert_eq!(clean("감사합니다", &clear(Language::ZH)), "");
    assert_eq!(clean("这个 OK", &clear(Language::ZH)), "这个 OK");
    assert_eq!(clean("iPhone", &clear(Language::ZH)), "iPhone", "a brand is said in Latin letters everywhere");
    assert_eq!(clean("35", &clear("ar".parse().unwrap())), "35");
}

#[test]
fn any_text_is_survived() {
    for text in ["", " ", "\u{0}", "((((", "****", "【】【】", "）（", "👍👍👍👍👍👍👍", &"一二".repeat(5_000)]
    {
        let _ = clean(text, &clear(Language::ZH));
    }
}
