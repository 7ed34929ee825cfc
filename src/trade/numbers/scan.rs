//! A text as the readers walk it: its characters made uniform, each with its place in the original bytes.
//!
//! Full-width and native digits become ASCII digits, traditional forms of the characters that amounts are made of become simplified
//! ones, banker's numerals become plain ones where they stand next to another numeral (大陆 keeps its 陆). One character stays one
//! character, so every index maps back. Knows no grammar.

use std::ops::Range;

use crate::trade::locale;

/// See the module.
pub(super) struct Scan {
    /// Uniform characters.
    chars: Vec<char>,
    /// The same as text, and where each character begins in it; one more entry for the end.
    text: String,
    starts: Vec<usize>,
    /// Where each character begins in the original; one more entry for the end.
    at: Vec<usize>,
}

/// Traditional or variant, simplified.
const SIMPLE: &str = "萬万億亿兩两點点塊块圓元圆元個个雙双條条張张隻只號号樓楼區区時时鐘钟錢钱幾几餘余來来噸吨釐厘櫃柜組组顆颗層层〇零單单種种對对盧卢歐欧鎊镑韓韩臺台間间這这週周禮礼";
const BANKERS: &str = "壹一贰二貳二叁三參三肆四伍五陆六陸六柒七捌八玖九拾十佰百仟千";

fn mapped(pairs: &str, c: char) -> Option<char> {
    let mut chars = pairs.chars();
    while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
        if from == c {
            return Some(to);
        }
    }
    None
}

impl Scan {
    pub(super) fn new(original: &str) -> Self {
        let raw: Vec<char> = original.chars().collect();
        let mut at: Vec<usize> = original.char_indices().map(|(i, _)| i).collect();
        at.push(original.len());
        let near_numeral = |i: usize| {
            let numeral = |c: Option<&char>| c.is_some_and(|c| mapped(BANKERS, *c).is_some() || "元圓圆万萬亿億".contains(*c));
            numeral(raw.get(i + 1)) || (i > 0 && numeral(raw.get(i - 1)))
        };
        let chars: Vec<char> = raw
            .iter()
            .enumerate()
            .map(|(i, &c)| {
                if c.is_ascii() {
                    return c;
                }
                if let Some(digit) = locale::digit(c).and_then(|d| char::from_digit(d, 10)) {
                    return digit;
                }
                if let Some(plain) = mapped(BANKERS, c) {
                    return if near_numeral(i) { plain } else { c };
                }
                match c {
                    '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
                    '٪' => '%',
                    '٫' => '.',
                    '٬' => ',',
                    '×' | '✕' | '✖' | '∗' => '×',
                    '−' | '‐' | '‑' => '-',
                    '’' | '‘' => '\'',
                    '“' | '”' => '"',
                    _ => mapped(SIMPLE, c).unwrap_or(c),
                }
            })
            .collect();
        let text: String = chars.iter().collect();
        let mut starts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        starts.push(text.len());
        Self { chars, text, starts, at }
    }

    pub(super) fn len(&self) -> usize {
        self.chars.len()
    }

    pub(super) fn get(&self, i: usize) -> Option<char> {
        self.chars.get(i).copied()
    }

    /// The character before `i`.
    pub(super) fn before(&self, i: usize) -> Option<char> {
        self.chars.get(i.checked_sub(1)?).copied()
    }

    pub(super) fn is_digit(&self, i: usize) -> bool {
        self.get(i).is_some_and(|c| c.is_ascii_digit())
    }

    /// The uniform text from `i` on.
    pub(super) fn rest(&self, i: usize) -> &str {
        self.starts.get(i).and_then(|start| self.text.get(*start..)).unwrap_or("")
    }

    /// The uniform text before `i`.
    pub(super) fn head(&self, i: usize) -> &str {
        self.starts.get(i).and_then(|start| self.text.get(..*start)).unwrap_or(&self.text)
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        let (start, end) = (self.starts.get(range.start), self.starts.get(range.end));
        start.zip(end).and_then(|(s, e)| self.text.get(*s..*e)).unwrap_or("")
    }

    /// The index after `word` if the text has it at `i`.
    pub(super) fn eat(&self, i: usize, word: &str) -> Option<usize> {
        self.rest(i).starts_with(word).then(|| i + word.chars().count())
    }

    /// The index after the first of `words` that the text has at `i`; put longer ones first.
    pub(super) fn eat_any(&self, i: usize, words: &[&str]) -> Option<usize> {
        words.iter().find_map(|word| self.eat(i, word))
    }

    /// The index `bytes` of uniform text after `i`.
    pub(super) fn after_bytes(&self, i: usize, bytes: usize) -> usize {
        let target = self.starts.get(i).copied().unwrap_or(self.text.len()) + bytes;
        self.starts.partition_point(|start| *start < target)
    }

    pub(super) fn skip_spaces(&self, mut i: usize) -> usize {
        while self.get(i).is_some_and(|c| c == ' ' || c == '\u{a0}' || c == '\u{202f}' || c == '\t') {
            i += 1;
        }
        i
    }

    /// The word (letters, marks, and an apostrophe or dot between letters) that begins at `i`, in lower case, and the index after it.
    pub(super) fn word(&self, i: usize) -> Option<(String, usize)> {
        let part = |c: char| c.is_alphabetic() || is_mark(c);
        let mut end = i;
        while let Some(c) = self.get(end) {
            let inner = c == '\'' && end > i && self.get(end + 1).is_some_and(part);
            if !part(c) && !inner {
                break;
            }
            end += 1;
        }
        (end > i).then(|| (self.slice(i..end).to_lowercase(), end))
    }

    /// Index range to bytes of the original.
    pub(super) fn bytes(&self, range: Range<usize>) -> Range<usize> {
        let end = self.at.last().copied().unwrap_or(0);
        self.at.get(range.start).copied().unwrap_or(end)..self.at.get(range.end).copied().unwrap_or(end)
    }
}

/// Vowel signs and other marks inside words of Indic, Arabic and South-East Asian scripts.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}'
        | '\u{981}'..='\u{983}' | '\u{9bc}'..='\u{9cd}' | '\u{b82}' | '\u{bbe}'..='\u{bcd}' | '\u{c00}'..='\u{c04}' | '\u{c3e}'..='\u{c56}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{102b}'..='\u{103e}' | '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_uniform_and_map_back() {
        let scan = Scan::new("共３.５萬塊，壹佰元，大陆٣");
        assert_eq!(scan.rest(0), "共3.5万块，一百元，大陆3".replace('，', ","));
        assert_eq!(scan.bytes(1..4), 3..10);
        assert_eq!(scan.bytes(0..scan.len()), 0.."共３.５萬塊，壹佰元，大陆٣".len());
        assert_eq!(scan.word(0).map(|w| w.1), Some(1));
        assert_eq!(Scan::new("O'clock now").word(0), Some(("o'clock".into(), 7)));
        assert_eq!(scan.after_bytes(0, 3), 1);
    }
}
