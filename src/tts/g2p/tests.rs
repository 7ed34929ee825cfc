//! Pronunciation with the real dictionaries, language by language.

use super::*;
use crate::models::test_file;

/// The real dictionaries; they are part of the default models.
pub(super) fn options() -> G2pOptions {
    let folder = |model, file| test_file(model, file).parent().unwrap().to_owned();
    G2pOptions {
        en_dir: folder("g2p-en", "us_gold.json"),
        zh_dir: folder("g2p-zh", "phrases_dict.json"),
        espeak: "espeak-ng".into(),
    }
}

fn g2p() -> &'static G2p {
    static G2P: OnceLock<G2p> = OnceLock::new();
    G2P.get_or_init(|| G2p::load(&options()).unwrap())
}

fn say(tag: &str, text: &str) -> String {
    g2p().phonemes(tag.parse().unwrap(), text).unwrap()
}

fn check(tag: &str, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let got = say(tag, text);
            (got != *expected).then(|| format!("{text:?}\n   is {got:?}\n  not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn missing_dictionaries_are_named() {
    let mut options = options();
    options.zh_dir = "nowhere".into();
    let error = G2p::load(&options).unwrap_err().to_string();
    assert!(error.contains("phrases_dict.json") && error.contains("models pull"), "{error}");
}

#[test]
fn a_damaged_dictionary_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["phrases_dict.json", "pinyin_dict.json"] {
        std::fs::write(folder.path().join(name), "{\"长\": 3").unwrap();
    }
    let g2p = G2p::load(&G2pOptions { zh_dir: folder.path().to_owned(), ..options() }).unwrap();
    assert!(matches!(g2p.phonemes(Language::ZH, "长"), Err(G2pError::Dictionary { .. })));
}

#[test]
fn a_language_without_a_kokoro_voice_is_refused() {
    assert!(matches!(g2p().phonemes("ru".parse().unwrap(), "да"), Err(G2pError::Unsupported(_))));
}

#[test]
fn chinese_phonemes_follow_misaki() {
    check(
        "zh",
        &[("老板，你好！", "lau↗pa↓n, ni↗xau↓!"), ("是", "ʂɨ↘"), ("资", "ʦɨ→"), ("女儿", "ny↓ɚ↗"), ("", ""), ("。。。", "")],
    );
}

#[test]
fn latin_words_in_chinese_are_english() {
    let spoken = say("zh", "这个是USB接口");
    assert!(spoken.contains("jˌuˌɛsbˈi") && spoken.contains("ʨje→"), "{spoken}");
}

#[test]
fn english_words_and_their_endings() {
    check(
        "en",
        &[
            ("Hello, world!", "həlˈO, wˈɜɹld!"),
            ("the apple", "ði ˈæpᵊl"),
            ("the price", "ðə pɹˈIs"),
            ("a box", "ɐ bˈɑks"),
            ("to buy", "tə bˈI"),
            ("boxes", "bˈɑksᵻz"),
            ("thirty-eight", "θˈɜɹTiAt"),
            ("don't", "dˈOnt"),
            ("we'll", "wil"),
            ("the seller's price", "ðə sˈɛləɹz pɹˈIs"),
            ("FOB", "ˌɛfˌObˈi"),
            ("nine p.m.", "nˈIn pˌiˈɛm"),
        ],
    );
}

#[test]
fn english_spellings_with_two_readings() {
    for (one, other) in [
        ("we use it", "the use of it"),
        ("I will read it", "I have read it"),
        ("they live here", "a live show"),
        ("we used to sell", "we used the box"),
        ("please record this", "the record is"),
    ] {
        let word = ["used", "use", "read", "live", "record"].into_iter().find(|w| one.contains(w)).unwrap();
        let at = |text: &str| text.split(' ').position(|w| w == word).unwrap();
        let sound = |text: &str| say("en", text).split(' ').nth(at(text)).unwrap().to_owned();
        assert_ne!(sound(one), sound(other), "{word}");
    }
}

#[test]
fn unknown_english_words_are_asked_of_espeak_once() {
    let spoken = say("en", "The zorbwick, and a quampf.");
    let words: Vec<&str> = spoken.split(' ').collect();
    assert_eq!(words.len(), 5, "{spoken}");
    assert!(words.iter().all(|w| w.chars().any(char::is_alphabetic)), "{spoken}");
    assert!(words[1].ends_with(','), "{spoken}");
}

#[test]
fn other_languages_keep_their_punctuation() {
    assert_eq!(say("es", "¿Cuánto cuesta? Gracias, señor."), "kwˈanto kwˈesta? ɡɾˈasjas, seɲˈoɾ.");
    assert!(say("fr", "Bonjour, c'est combien ?").ends_with('?'));
    assert!(say("it", "Buongiorno! Quanto costa?").contains("ʤˈ"));
    assert!(say("pt", "Bom dia, obrigado.").contains(", "));
    assert!(!say("hi", "नमस्ते, कितना है?").is_empty());
    assert_eq!(say("es", "..."), "...".trim_start_matches('.'));
}

/// Everything that comes out can be spoken: only symbols of the model's vocabulary (espeak-ng's Hindi may add a few).
#[test]
fn phonemes_are_in_the_vocabulary() {
    let symbols = ";:,.!?—…\"()“” \u{303}ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ";
    let rows = [
        ("zh", "我们的瓷器和玻璃杯，长一点儿的两种都有：二十块；行不行？嗯……"),
        ("en", "Would you like the blue ceramic vases, or the button-down shirts? I've got a bottle; it's twenty-five."),
        ("es", "Queremos ocho cajas de vino y güisqui, joven."),
        ("fr", "Un bon vin blanc, s'il vous plaît, et huit œufs."),
        ("it", "Gli gnocchi e la pizza, per favore."),
        ("pt", "Não, irmã; queremos pão e vinho também."),
    ];
    for (tag, text) in rows {
        let spoken = say(tag, text);
        let outside: String = spoken.chars().filter(|c| !symbols.contains(*c)).collect();
        assert_eq!(outside, "", "{tag}: {spoken}");
    }
}

#[test]
fn hostile_text_is_survived() {
    for tag in ["zh", "en", "es", "hi"] {
        for text in [
            "\u{0}\u{1}",
            "[[@@]] <speak>",
            "'''",
            "---",
            "一",
            "\u{301}\u{301}",
            "🙂",
            "a'",
            "（（",
            "''s",
            "𠀀𠀁",
            "-a-",
            "\n\n.\n",
        ] {
            g2p().phonemes(tag.parse().unwrap(), text).unwrap();
        }
    }
}
