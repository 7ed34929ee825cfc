//! The languages tongchuan knows, in one table: how each is written, which engine speaks it.
//!
//! A language is listed when Whisper recognises it and somebody can speak it (Kokoro or espeak-ng). How good each is with the
//! default weights is measured, not assumed: see the table in README.md.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use unicode_script::Script;

/// One row of the table.
#[derive(Debug)]
pub struct LanguageInfo {
    /// BCP-47 primary tag; also Whisper's code.
    pub tag: &'static str,
    /// English name, as translation prompts use it.
    pub english: &'static str,
    /// The language's own name, for people.
    pub native: &'static str,
    /// Scripts its text is written in; the first is the usual one.
    pub scripts: &'static [Script],
    /// Kokoro's voice family letter (`z` in `zf_xiaoxiao`), when Kokoro speaks it here.
    pub kokoro: Option<char>,
    /// espeak-ng's voice: grapheme-to-phoneme for Kokoro's languages, the speaking voice for the others.
    pub espeak: &'static str,
}

macro_rules! languages {
    ($($tag:literal $english:literal $native:literal [$($script:ident),+] $kokoro:expr, $espeak:literal;)+) => {
        &[$(LanguageInfo {
            tag: $tag, english: $english, native: $native, scripts: &[$(Script::$script),+], kokoro: $kokoro, espeak: $espeak,
        }),+]
    };
}

/// Every language, the market's most spoken ones first.
pub static LANGUAGES: &[LanguageInfo] = languages! {
    "zh" "Chinese" "中文" [Han] Some('z'), "cmn";
    "en" "English" "English" [Latin] Some('a'), "en-us";
    "es" "Spanish" "Español" [Latin] Some('e'), "es-419";
    "fr" "French" "Français" [Latin] Some('f'), "fr-fr";
    "pt" "Portuguese" "Português" [Latin] Some('p'), "pt-br";
    "it" "Italian" "Italiano" [Latin] Some('i'), "it";
    "hi" "Hindi" "हिन्दी" [Devanagari] Some('h'), "hi";
    "ru" "Russian" "Русский" [Cyrillic] None, "ru";
    "ar" "Arabic" "العربية" [Arabic] None, "ar";
    "de" "German" "Deutsch" [Latin] None, "de";
    "ko" "Korean" "한국어" [Hangul] None, "ko";
    "ja" "Japanese" "日本語" [Hiragana, Katakana, Han] None, "ja";
    "tr" "Turkish" "Türkçe" [Latin] None, "tr";
    "vi" "Vietnamese" "Tiếng Việt" [Latin] None, "vi";
    "id" "Indonesian" "Bahasa Indonesia" [Latin] None, "id";
    "ms" "Malay" "Bahasa Melayu" [Latin] None, "ms";
    "th" "Thai" "ไทย" [Thai] None, "th";
    "fa" "Persian" "فارسی" [Arabic] None, "fa";
    "ur" "Urdu" "اردو" [Arabic] None, "ur";
    "bn" "Bengali" "বাংলা" [Bengali] None, "bn";
    "ta" "Tamil" "தமிழ்" [Tamil] None, "ta";
    "te" "Telugu" "తెలుగు" [Telugu] None, "te";
    "uk" "Ukrainian" "Українська" [Cyrillic] None, "uk";
    "pl" "Polish" "Polski" [Latin] None, "pl";
    "nl" "Dutch" "Nederlands" [Latin] None, "nl";
    "ro" "Romanian" "Română" [Latin] None, "ro";
    "cs" "Czech" "Čeština" [Latin] None, "cs";
    "hu" "Hungarian" "Magyar" [Latin] None, "hu";
    "el" "Greek" "Ελληνικά" [Greek] None, "el";
    "he" "Hebrew" "עברית" [Hebrew] None, "he";
    "sv" "Swedish" "Svenska" [Latin] None, "sv";
    "fi" "Finnish" "Suomi" [Latin] None, "fi";
    "da" "Danish" "Dansk" [Latin] None, "da";
    "no" "Norwegian" "Norsk" [Latin] None, "nb";
    "bg" "Bulgarian" "Български" [Cyrillic] None, "bg";
    "hr" "Croatian" "Hrvatski" [Latin] None, "hr";
    "sr" "Serbian" "Српски" [Cyrillic, Latin] None, "sr";
    "sk" "Slovak" "Slovenčina" [Latin] None, "sk";
    "sl" "Slovenian" "Slovenščina" [Latin] None, "sl";
    "lt" "Lithuanian" "Lietuvių" [Latin] None, "lt";
    "lv" "Latvian" "Latviešu" [Latin] None, "lv";
    "et" "Estonian" "Eesti" [Latin] None, "et";
    "kk" "Kazakh" "Қазақша" [Cyrillic] None, "kk";
    "uz" "Uzbek" "Oʻzbekcha" [Latin, Cyrillic] None, "uz";
    "az" "Azerbaijani" "Azərbaycanca" [Latin] None, "az";
    "hy" "Armenian" "Հայերեն" [Armenian] None, "hy";
    "ka" "Georgian" "ქართული" [Georgian] None, "ka";
    "sw" "Swahili" "Kiswahili" [Latin] None, "sw";
    "ca" "Catalan" "Català" [Latin] None, "ca";
    "mk" "Macedonian" "Македонски" [Cyrillic] None, "mk";
    "sq" "Albanian" "Shqip" [Latin] None, "sq";
    "ne" "Nepali" "नेपाली" [Devanagari] None, "ne";
    "mr" "Marathi" "मराठी" [Devanagari] None, "mr";
    "my" "Burmese" "မြန်မာ" [Myanmar] None, "my";
    "am" "Amharic" "አማርኛ" [Ethiopic] None, "am";
    "af" "Afrikaans" "Afrikaans" [Latin] None, "af";
};

/// A language of [`LANGUAGES`]; two bytes, copied freely.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(u16);

impl Language {
    /// Chinese (Mandarin, written in simplified characters).
    pub const ZH: Language = Language(0);
    /// English.
    pub const EN: Language = Language(1);

    /// All languages, in table order.
    pub fn all() -> impl Iterator<Item = Language> {
        (0..LANGUAGES.len()).map(|i| Language(u16::try_from(i).unwrap_or(0)))
    }

    /// Its row in the table.
    pub fn info(self) -> &'static LanguageInfo {
        &LANGUAGES[usize::from(self.0)]
    }

    /// BCP-47 primary tag, such as `zh`.
    pub fn tag(self) -> &'static str {
        self.info().tag
    }

    /// True when words are written without spaces between them.
    pub fn is_unspaced(self) -> bool {
        matches!(self.tag(), "zh" | "ja" | "th" | "my")
    }
}

/// The text names no language that this build knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown language; use a tag such as zh, en, es or ru (`tongchuan languages` lists all)")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Accepts a tag with or without region and script: `en`, `en-US`, `zh-Hans-CN`.
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let primary = text.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase();
        Language::all().find(|l| l.tag() == primary).ok_or(UnknownLanguage)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Language {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Language".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "BCP-47 language tag; region and script are ignored. This build's tags are the examples.",
            "pattern": "^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$",
            "examples": LANGUAGES.iter().map(|l| l.tag).collect::<Vec<_>>(),
        })
    }
}

/// The language somebody speaks: a known one, or found out from each utterance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// Detected per utterance.
    #[default]
    Auto,
    /// Always this one.
    Fixed(Language),
}

impl Spoken {
    /// The language, when it is fixed.
    pub fn fixed(self) -> Option<Language> {
        match self {
            Spoken::Auto => None,
            Spoken::Fixed(language) => Some(language),
        }
    }
}

impl FromStr for Spoken {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        if text.eq_ignore_ascii_case("auto") { Ok(Spoken::Auto) } else { text.parse().map(Spoken::Fixed) }
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spoken::Auto => f.write_str("auto"),
            Spoken::Fixed(language) => language.fmt(f),
        }
    }
}

impl Serialize for Spoken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Spoken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Spoken {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Spoken".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "description": "A language tag, or `auto` to detect it in each utterance." })
    }
}

/// Whose voice the listeners hear when this participant's words are spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Voice {
    /// A woman's voice.
    #[default]
    Female,
    /// A man's voice.
    Male,
}

impl FromStr for Voice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "female" => Ok(Voice::Female),
            "male" => Ok(Voice::Male),
            _ => Err("a voice is `female` or `male`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_unique_and_parse_back() {
        for language in Language::all() {
            assert_eq!(language.tag().parse(), Ok(language));
        }
        assert_eq!("zh-Hans-CN".parse(), Ok(Language::ZH));
        assert_eq!("en_US".parse(), Ok(Language::EN));
        assert_eq!("tlh".parse::<Language>(), Err(UnknownLanguage));
        assert_eq!("".parse::<Language>(), Err(UnknownLanguage));
    }
}
