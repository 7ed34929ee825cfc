//! Mandarin grapheme-to-phoneme: segmentation (jieba), readings (pypinyin's dictionaries), tone sandhi, erhua, Kokoro's phonemes.
//!
//! Kokoro v1.0's Chinese was trained on misaki's first frontend (Apache-2.0): one space between words, tones as arrows. Its
//! dictionaries (pypinyin, MIT) are read at load time. Knows nothing of English: Latin words arrive here already as phonemes.

mod ipa;
mod readings;
mod sandhi;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use jieba_rs::Jieba;

use self::{
    readings::Readings,
    sandhi::Word,
    words::{ERHUA, NOT_ERHUA, listed},
};
use super::G2pError;

/// The Chinese frontend; loading takes tens of milliseconds, a sentence well under one.
pub(super) struct Zh {
    jieba: Jieba,
    readings: Readings,
}

/// A stretch of text of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Chinese characters.
    Han(&'t str),
    /// Latin words with the spaces between them.
    Latin(&'t str),
    /// Anything else, a character at a time.
    Other(char),
}

pub(super) fn is_han(c: char) -> bool {
    matches!(c, '〇' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

fn is_latin(c: char) -> bool {
    c.is_alphabetic() && (c.is_ascii() || ('\u{c0}'..='\u{24f}').contains(&c))
}

/// Cuts `text` into Chinese, Latin and the rest.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let in_piece: fn(char) -> bool = if is_han(c) {
            is_han
        } else if is_latin(c) {
            |c| is_latin(c) || matches!(c, '\'' | '-' | ' ')
        } else {
            out.push(Piece::Other(c));
            rest = rest.get(c.len_utf8()..).unwrap_or("");
            continue;
        };
        let (piece, tail) = rest.split_at(rest.find(|c| !in_piece(c)).unwrap_or(rest.len()));
        out.push(if is_han(c) { Piece::Han(piece) } else { Piece::Latin(piece.trim_end_matches([' ', '\'', '-'])) });
        rest = tail;
    }
    out
}

impl Zh {
    /// Reads `phrases_dict.json` and `pinyin_dict.json` in `dir`.
    pub(super) fn load(dir: &Path) -> Result<Self, G2pError> {
        Ok(Self { readings: Readings::load(dir)?, jieba: Jieba::new() })
    }

    /// Phonemes of `pieces`; `latin` holds those of the Latin pieces, in order.
    pub(super) fn phonemes(&self, pieces: &[Piece<'_>], latin: &[String]) -> String {
        let mut out = String::new();
        let mut latin = latin.iter();
        for piece in pieces {
            match piece {
                Piece::Han(text) => push_word(&mut out, &self.han(text)),
                Piece::Latin(_) => push_word(&mut out, latin.next().map_or("", String::as_str)),
                Piece::Other(c) => push_punctuation(&mut out, *c),
            }
        }
        out.trim_end().to_owned()
    }

    fn han(&self, text: &str) -> String {
        let words = sandhi::apply(&self.jieba, self.readings.words(&self.jieba, text));
        let mut out = String::new();
        for word in words {
            push_word(&mut out, &spoken(&word));
        }
        out
    }

    /// Spoken pinyin with tone numbers, a space between words: what tests compare.
    #[cfg(test)]
    fn pinyin(&self, text: &str) -> String {
        let words = sandhi::apply(&self.jieba, self.readings.words(&self.jieba, text));
        let word = |w: &Word| w.syllables.iter().map(|s| format!("{}{}", s.plain, s.tone)).collect::<String>();
        words.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// A word's phonemes. A merged 儿 loses its tone; in 女儿, 婴儿 and their like it keeps the second.
fn spoken(word: &Word) -> String {
    let last = word.syllables.len().saturating_sub(1);
    let mut out = String::new();
    for (at, syllable) in word.syllables.iter().enumerate() {
        let is_er = at > 0 && at == last && word.chars.get(at) == Some(&'儿');
        if is_er && merges_er(word) {
            out.push('ɚ');
        } else {
            out.push_str(&syllable.phonemes());
        }
    }
    out
}

fn merges_er(word: &Word) -> bool {
    let text = word.text();
    let last_two: String = word.chars.get(word.chars.len().saturating_sub(2)..).unwrap_or_default().iter().collect();
    listed(ERHUA, &text)
        || !(listed(NOT_ERHUA, &text) || listed(NOT_ERHUA, &last_two) || matches!(word.tag.as_str(), "a" | "j" | "nr"))
}

fn push_word(out: &mut String, phonemes: &str) {
    if phonemes.is_empty() {
        return;
    }
    if !(out.is_empty() || out.ends_with([' ', '(', '“'])) {
        out.push(' ');
    }
    out.push_str(phonemes);
}

/// Kokoro's punctuation for the text's; what has none is a word boundary.
fn push_punctuation(out: &mut String, c: char) {
    let sign = match c {
        '、' | '，' | ',' => ',',
        '。' | '．' | '.' => '.',
        '！' | '!' => '!',
        '？' | '?' => '?',
        '：' | ':' => ':',
        '；' | ';' => ';',
        '…' => '…',
        '—' | '–' => '—',
        '《' | '「' | '『' | '【' | '«' | '“' => '“',
        '》' | '」' | '』' | '】' | '»' | '”' => '”',
        '（' | '(' => '(',
        '）' | ')' => ')',
        '"' => '"',
        _ => ' ',
    };
    match sign {
        '(' | '“' => {
            if !(out.is_empty() || out.ends_with(' ')) {
                out.push(' ');
            }
            out.push(sign);
        }
        ' ' if out.is_empty() || out.ends_with(' ') => {}
        ' ' => out.push(' '),
        _ => {
            // Punctuation clings to the word before it; a text does not start with any, and none is doubled.
            let kept = out.trim_end().len();
            out.truncate(kept);
            if !(out.is_empty() || out.ends_with(sign)) {
                out.push(sign);
                out.push(' ');
            } else if !out.is_empty() {
                out.push(' ');
            }
        }
    }
}
