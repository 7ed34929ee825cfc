//! Which reading a character has here: whole phrases first, then the character alone with what its neighbours say.
//!
//! The dictionaries are pypinyin's (MIT): 47,000 phrases and the common reading of each character. Inside a segmented word the longest
//! phrase wins; runs of one-character words are searched for phrases too (还钱). What remains ambiguous (得 地 还 只 长 ...) is decided
//! by part of speech and neighbours in [`in_context`].

use std::{collections::HashMap, fs, path::Path};

use jieba_rs::Jieba;
use serde::de::DeserializeOwned;

use super::{ipa::Syllable, sandhi::Word};
use crate::tts::g2p::G2pError;

/// Phrases the dictionary lacks or reads otherwise than trade does.
const PHRASES: [(&str, &str); 32] = [
    ("开户行", "kāi hù háng"),
    ("发卡行", "fā kǎ háng"),
    ("放款行", "fàng kuǎn háng"),
    ("收款行", "shōu kuǎn háng"),
    ("行号", "háng hào"),
    ("为准", "wéi zhǔn"),
    ("时间为", "shí jiān wéi"),
    ("色差", "sè chā"),
    ("借还款", "jiè huán kuǎn"),
    ("各地", "gè dì"),
    ("掺和", "chān huo"),
    ("还价", "huán jià"),
    ("还钱", "huán qián"),
    ("还款", "huán kuǎn"),
    ("讨价还价", "tǎo jià huán jià"),
    ("便宜", "pián yi"),
    ("长宽高", "cháng kuān gāo"),
    ("重做", "chóng zuò"),
    ("重发", "chóng fā"),
    ("重写", "chóng xiě"),
    ("几种", "jǐ zhǒng"),
    ("行吗", "xíng ma"),
    ("行不行", "xíng bù xíng"),
    ("觉得", "jué de"),
    ("值得", "zhí de"),
    ("记得", "jì de"),
    ("赢得", "yíng dé"),
    ("应得", "yīng dé"),
    ("取得", "qǔ dé"),
    ("所得", "suǒ dé"),
    ("长得", "zhǎng de"),
    ("贵得", "guì de"),
];

/// Characters whose commonest reading as a word of their own is not the dictionary's first.
const ALONE: [(char, &str); 14] = [
    ('长', "cháng"),
    ('调', "tiáo"),
    ('地', "dì"),
    ('得', "de"),
    ('的', "de"),
    ('了', "le"),
    ('着', "zhe"),
    ('还', "hái"),
    ('都', "dōu"),
    ('嗯', "ǹg"),
    ('薄', "báo"),
    ('血', "xiě"),
    ('没', "méi"),
    ('呗', "bei"),
];

pub(super) struct Readings {
    phrases: HashMap<Box<str>, Box<[Box<str>]>>,
    singles: HashMap<char, Box<str>>,
    /// Characters in the longest phrase.
    longest: usize,
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, G2pError> {
    let bytes = fs::read(path).map_err(|e| G2pError::dictionary(path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| G2pError::dictionary(path, e))
}

impl Readings {
    pub(super) fn load(dir: &Path) -> Result<Self, G2pError> {
        let listed: HashMap<Box<str>, Vec<Vec<Box<str>>>> = read(&dir.join("phrases_dict.json"))?;
        let numbered: HashMap<Box<str>, Box<str>> = read(&dir.join("pinyin_dict.json"))?;
        let mut phrases: HashMap<Box<str>, Box<[Box<str>]>> = HashMap::with_capacity(listed.len() + PHRASES.len());
        for (phrase, readings) in listed {
            // The first reading of each character; a phrase whose length does not fit is no use.
            let firsts: Box<[Box<str>]> = readings.into_iter().filter_map(|r| r.into_iter().next()).collect();
            if firsts.len() == phrase.chars().count() {
                phrases.insert(phrase, firsts);
            }
        }
        for (phrase, readings) in PHRASES {
            phrases.insert(phrase.into(), readings.split(' ').map(Into::into).collect());
        }
        let mut singles: HashMap<char, Box<str>> = HashMap::with_capacity(numbered.len());
        for (number, readings) in numbered {
            if let (Some(c), Some(first)) = (number.parse().ok().and_then(char::from_u32), readings.split(',').next()) {
                singles.insert(c, first.into());
            }
        }
        let longest = phrases.keys().map(|p| p.chars().count()).max().unwrap_or(1);
        Ok(Self { phrases, singles, longest })
    }

    /// Segments `text` (Chinese characters only) and reads every word.
    pub(super) fn words(&self, jieba: &Jieba, text: &str) -> Vec<Word> {
        let tags = jieba.tag(text, true);
        let mut words: Vec<Word> = tags
            .iter()
            .map(|t| {
                let chars: Vec<char> = t.word.chars().collect();
                Word { syllables: self.read_word(&chars), chars, tag: t.tag.to_owned() }
            })
            .collect();
        self.read_single_runs(&mut words);
        for word in &mut words {
            // The dictionary gives some phrases of 一 and 不 with their sandhi done and some without: start from the plain tones.
            for (c, syllable) in word.chars.iter().zip(&mut word.syllables) {
                match (c, syllable.plain.as_str()) {
                    ('一', "yi") => syllable.tone = 1,
                    ('不', "bu") => syllable.tone = 4,
                    _ => {}
                }
            }
        }
        words
    }

    /// Longest phrases from the left, single characters between them.
    fn read_word(&self, chars: &[char]) -> Vec<Syllable> {
        let mut out = Vec::with_capacity(chars.len());
        while let Some(rest) = chars.get(out.len()..).filter(|r| !r.is_empty()) {
            match self.longest_phrase(rest, rest.len()) {
                Some(readings) => out.extend(readings.iter().map(|r| Syllable::parse(r))),
                None => out.extend(rest.first().map(|c| match c {
                    // 三米长 measures, 监狱长 is a title. 跑得快: a particle between verb and result.
                    '长' if out.is_empty() || chars.get(out.len() - 1).is_some_and(|before| "米尺寸里丈".contains(*before)) => {
                        Syllable::parse("cháng")
                    }
                    '得' if !out.is_empty() => Syllable::parse("de"),
                    _ => self.single(*c),
                })),
            }
        }
        out
    }

    fn longest_phrase(&self, chars: &[char], limit: usize) -> Option<&[Box<str>]> {
        let longest = self.longest.min(limit).min(chars.len());
        (2..=longest).rev().find_map(|length| {
            let phrase: String = chars.get(..length)?.iter().collect();
            self.phrases.get(phrase.as_str()).map(AsRef::as_ref)
        })
    }

    /// An unknown character has an empty reading and is not spoken.
    fn single(&self, c: char) -> Syllable {
        Syllable::parse(self.singles.get(&c).map_or("", AsRef::as_ref))
    }

    /// Runs of one-character words: phrases that segmentation missed, then each character in its context.
    fn read_single_runs(&self, words: &mut [Word]) {
        let mut at = 0;
        while at < words.len() {
            let run: Vec<char> = words.get(at..).unwrap_or_default().iter().map_while(|w| single_char(Some(w))).collect();
            let phrase = if run.len() > 1 { self.longest_phrase(&run, run.len()) } else { None };
            // A phrase that holds a particle is more often two words that met by chance (为了 in 认为|了).
            let length = phrase.map_or(0, <[_]>::len);
            let by_chance = run.get(..length).unwrap_or_default().iter().any(|c| "的了着过得地都为".contains(*c));
            if let (Some(readings), false) = (phrase, by_chance) {
                for (word, reading) in words.iter_mut().skip(at).zip(readings) {
                    word.syllables = vec![Syllable::parse(reading)];
                }
                at += length;
                continue;
            }
            let previous = at.checked_sub(1).and_then(|before| words.get(before));
            if let Some(c) = single_char(words.get(at)) {
                let tag = words.get(at).map_or("", |w| w.tag.as_str());
                let reading = in_context(c, tag, previous, words.get(at + 1))
                    .or_else(|| ALONE.iter().find(|(alone, _)| *alone == c).map(|(_, reading)| *reading));
                if let (Some(reading), Some(word)) = (reading, words.get_mut(at)) {
                    word.syllables = vec![Syllable::parse(reading)];
                }
            }
            at += 1;
        }
    }
}

fn single_char(word: Option<&Word>) -> Option<char> {
    match word?.chars.as_slice() {
        [c] => Some(*c),
        _ => None,
    }
}

/// The reading of a one-character word where its neighbours decide; `None` leaves the common one.
fn in_context(c: char, tag: &str, previous: Option<&Word>, next: Option<&Word>) -> Option<&'static str> {
    let last = previous.and_then(|w| w.chars.last().copied());
    let first = next.and_then(|w| w.chars.first().copied());
    let ends = |set: &str| last.is_some_and(|c| set.contains(c));
    let starts = |set: &str| first.is_some_and(|c| set.contains(c));
    let previous_tag = previous.map_or("", |w| w.tag.as_str());
    let next_tag = next.map_or("", |w| w.tag.as_str());
    let after_number = previous_tag.starts_with('m') || ends("一二两三四五六七八九十百千万几每这那半多第");
    match c {
        // 我得走了: must. 跑得快: how. 得 between a person and a verb is "must".
        '得' => (matches!(previous_tag, "" | "r" | "nr" | "t" | "d" | "ns")
            && (next_tag.starts_with(['v', 'p', 'd']) || starts("先再多")))
        .then_some("děi"),
        '地' => (tag == "uv"
            || (previous_tag.starts_with(['a', 'd', 'z', 'i', 'l']) && next_tag.starts_with(['v', 'p', 'a', 'd'])))
        .then_some("de"),
        '还' => starts("钱款债账书贷清给").then_some("huán"),
        '只' => after_number.then_some("zhī"),
        '行' => (after_number && !ends("这那")).then_some("háng"),
        '长' => (starts("大高胖成得出") && !ends("很太更最多不")).then_some("zhǎng"),
        '重' => (next_tag.starts_with('v') && !starts("达约为有")).then_some("chóng"),
        '乐' => (tag == "n" || ends("奏听音")).then_some("yuè"),
        '为' => (next_tag.starts_with('m') || (previous_tag.starts_with('v') && !next_tag.starts_with('r'))).then_some("wéi"),
        '数' => (tag == "v" || starts("一数")).then_some("shǔ"),
        '量' => (tag == "v" || starts("一量")).then_some("liáng"),
        '种' => (tag == "v" && !after_number).then_some("zhòng"),
        '干' => ends("很太不晾晒烘没").then_some("gān"),
        '教' => starts("我你他她它您").then_some("jiāo"),
        '了' => (ends("得不") && previous.is_some_and(|w| w.chars.len() == 1)).then_some("liǎo"),
        '着' => (ends("得不没睡") && previous_tag.starts_with(['v', 'd', 'u'])).then_some("zháo"),
        '过' if tag == "ug" => Some("guo"),
        '差' => (starts("价额")).then_some("chā"),
        _ => None,
    }
}
