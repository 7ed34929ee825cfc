//! Chinese pronunciation: polyphonic characters, tone sandhi, neutral tones, erhua.

use super::*;
use crate::tts::g2p::tests::options;

fn zh() -> &'static Zh {
    static ZH: std::sync::OnceLock<Zh> = std::sync::OnceLock::new();
    ZH.get_or_init(|| Zh::load(&options().zh_dir).unwrap())
}

/// Compares syllables; `expected` is pinyin with tone numbers, spaces do not matter.
fn check(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let got = zh().pinyin(text);
            (got.replace(' ', "") != expected.replace(' ', "")).then(|| format!("{text}: is {got}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn polyphonic_characters() {
    check(&[
        ("银行", "yin2hang2"),
        ("行不行", "xing2bu5xing2"),
        ("这个行业", "zhe4ge5 hang2ye4"),
        ("行李", "xing2li5"),
        ("长度", "chang2du4"),
        ("他长大了", "ta1 zhang3da4 le5"),
        ("三米长", "san1 mi3 chang2"),
        ("董事长", "dong3shi4zhang3"),
        ("重新做", "chong2xin1 zuo4"),
        ("重量", "zhong4liang4"),
        ("很重", "hen3 zhong4"),
        ("音乐", "yin1yue4"),
        ("快乐", "kuai4le4"),
        ("还钱", "huan2qian2"),
        ("还有货", "hai2you3 huo4"),
        ("都可以", "dou1 ke2yi3"),
        ("首都", "shou3du1"),
        ("便宜", "pian2yi5"),
        ("方便", "fang1bian4"),
        ("以合同为准", "yi3 he2tong5 wei2zhun3"),
        ("一只杯子", "yi4zhi1 bei1zi5"),
        ("讨价还价", "tao3jia4huan2jia4"),
        ("色差", "se4cha1"),
        ("出差", "chu1chai1"),
        ("发票", "fa1piao4"),
        ("头发", "tou2fa5"),
        ("参数", "can1shu4"),
        ("调整", "tiao2zheng3"),
        ("质量", "zhi4liang4"),
        ("价格为十元", "jia4ge2 wei2 shi2yuan2"),
        ("客户为我们", "ke4hu4 wei4 wo3men5"),
        ("他每月都会来", "ta1 mei3yue4 dou1 hui4 lai2"),
    ]);
}

#[test]
fn structural_particles() {
    check(&[
        ("跑得快", "pao3 de5 kuai4"),
        ("我得走了", "wo3 dei2 zou3 le5"),
        ("你得提前说", "ni2 dei3 ti2qian2 shuo1"),
        ("得到", "de2dao4"),
        ("慢慢地走", "man4man4 de5 zou3"),
        ("地方", "di4fang5"),
        ("我的", "wo3 de5"),
        ("目的", "mu4di4"),
        ("拿着", "na2 zhe5"),
        ("着急", "zhao2ji2"),
        ("走了", "zou3 le5"),
        ("了解", "liao2jie3"),
    ]);
}

#[test]
fn yi_and_bu() {
    check(&[
        ("一个", "yi2ge5"),
        ("一定", "yi2ding4"),
        ("一天", "yi4tian1"),
        ("一年", "yi4nian2"),
        ("一起", "yi4qi3"),
        ("第一", "di4yi1"),
        ("第一次", "di4yi1ci4"),
        ("统一", "tong3yi1"),
        ("看一看", "kan4yi5kan4"),
        ("十一个", "shi2yi1ge5"),
        ("一月一号", "yi1yue4 yi1hao4"),
        ("一百", "yi4bai3"),
        ("一点五", "yi1dian3wu3"),
        ("不对", "bu2dui4"),
        ("不要", "bu2yao4"),
        ("不好", "bu4hao3"),
        ("不行", "bu4xing2"),
        ("差不多", "cha4bu5duo1"),
        ("不是", "bu2shi4"),
    ]);
}

#[test]
fn third_tones_and_neutral_tones() {
    check(&[
        ("你好", "ni2hao3"),
        ("可以", "ke2yi3"),
        ("老虎", "lao2hu3"),
        ("展览馆", "zhan2lan2guan3"),
        ("纸老虎", "zhi3lao2hu3"),
        ("妈妈", "ma1ma5"),
        ("我们", "wo3men5"),
        ("杯子", "bei1zi5"),
        ("朋友", "peng2you5"),
        ("东西", "dong1xi5"),
        ("好吗", "hao3 ma5"),
        ("桌上", "zhuo1shang5"),
        ("以上", "yi3shang4"),
        ("电子", "dian4zi3"),
    ]);
}

#[test]
fn erhua_merges_and_children_do_not() {
    let say = |text: &str| zh().phonemes(&pieces(text), &[]);
    assert_eq!(say("一点儿"), "i↘tjɛ↓nɚ");
    assert_eq!(say("花儿"), "xwa→ɚ↗");
    assert!(say("女儿").ends_with("ɚ↗"));
}

#[test]
fn every_syllable_of_the_dictionaries_has_phonemes() {
    let bytes = std::fs::read(options().zh_dir.join("pinyin_dict.json")).unwrap();
    let readings: std::collections::HashMap<String, String> = serde_json::from_slice(&bytes).unwrap();
    let mut silent: Vec<&str> =
        readings.values().flat_map(|r| r.split(',')).filter(|r| ipa::Syllable::parse(r).phonemes().is_empty()).collect();
    silent.sort_unstable();
    silent.dedup();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn pieces_are_cut_by_script() {
    assert_eq!(pieces("买iPhone手机！"), [Piece::Han("买"), Piece::Latin("iPhone"), Piece::Han("手机"), Piece::Other('！')]);
}
