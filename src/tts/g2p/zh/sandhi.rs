//! Tone sandhi: how tones change beside each other. Pure: segmented words with readings in, the same with spoken tones out.
//!
//! The rules are PaddleSpeech's `ToneSandhi` (Apache-2.0) as misaki carries it: words are first merged where a rule needs to see
//! across a boundary (不 and 一 with what follows, 看一看, short runs of third tones, 儿), then 不, 一, neutral and third tones apply.

use jieba_rs::Jieba;

use super::{
    ipa::Syllable,
    words::{NEUTRAL, NOT_NEUTRAL, listed},
};

/// A segmented word: its characters, part of speech (jieba's tag) and one reading per character.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) chars: Vec<char>,
    pub(super) tag: String,
    pub(super) syllables: Vec<Syllable>,
}

impl Word {
    pub(super) fn text(&self) -> String {
        self.chars.iter().collect()
    }

    fn is(&self, c: char) -> bool {
        self.chars == [c]
    }

    fn absorb(&mut self, next: Word) {
        self.chars.extend(next.chars);
        self.syllables.extend(next.syllables);
    }

    fn all_third(&self) -> bool {
        all_third(&self.syllables)
    }
}

fn all_third(syllables: &[Syllable]) -> bool {
    syllables.iter().all(|s| s.tone == 3)
}

/// Applies every rule to one run of Chinese words (no punctuation inside).
pub(super) fn apply(jieba: &Jieba, words: Vec<Word>) -> Vec<Word> {
    let words = merge_bu(words);
    let words = merge_yi(words);
    let words = merge_reduplication(words);
    let words = merge_third_tones(words, |last, next| last.all_third() && next.all_third());
    let mut words = merge_third_tones(words, |last, next| {
        last.syllables.last().is_some_and(|s| s.tone == 3) && next.syllables.first().is_some_and(|s| s.tone == 3)
    });
    merge_er(&mut words);
    let starts: Vec<Option<char>> = words.iter().skip(1).map(|w| w.chars.first().copied()).collect();
    for (at, word) in words.iter_mut().enumerate() {
        bu(word);
        yi(word, starts.get(at).copied().flatten());
        neutral(jieba, word);
        third(jieba, word);
    }
    words
}

fn merge_bu(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        match out.last_mut() {
            Some(last) if last.is('不') => {
                last.tag.clone_from(&word.tag);
                last.absorb(word);
            }
            _ => out.push(word),
        }
    }
    out
}

fn merge_yi(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        let before = out.len().checked_sub(2).and_then(|at| out.get(at));
        // 听 + 一 + 听
        let doubled =
            out.last().is_some_and(|w| w.is('一')) && before.is_some_and(|w| w.chars == word.chars && w.tag.starts_with('v'));
        if doubled && let Some(yi) = out.pop() {
            if let Some(verb) = out.last_mut() {
                verb.absorb(yi);
                verb.absorb(word);
            }
            continue;
        }
        match out.last_mut() {
            Some(last) if last.is('一') => last.absorb(word),
            _ => out.push(word),
        }
    }
    out
}

fn merge_reduplication(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        match out.last_mut() {
            Some(last) if last.chars == word.chars => last.absorb(word),
            _ => out.push(word),
        }
    }
    out
}

fn merge_third_tones(words: Vec<Word>, meet: fn(&Word, &Word) -> bool) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut previous: Option<Word> = None;
    let mut merged_last = false;
    for word in words {
        let merge = !merged_last
            && previous.as_ref().is_some_and(|last| {
                let doubled = matches!(last.chars.as_slice(), [a, b] if a == b);
                meet(last, &word) && !doubled && last.chars.len() + word.chars.len() <= 3
            });
        previous = Some(word.clone());
        merged_last = merge;
        match out.last_mut() {
            Some(last) if merge => last.absorb(word),
            _ => out.push(word),
        }
    }
    out
}

fn merge_er(words: &mut Vec<Word>) {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for word in words.drain(..) {
        match out.last_mut() {
            Some(last) if word.is('儿') => last.absorb(word),
            _ => out.push(word),
        }
    }
    *words = out;
}

fn set(word: &mut Word, at: usize, tone: u8) {
    if let Some(syllable) = word.syllables.get_mut(at) {
        syllable.tone = tone;
    }
}

fn tone_at(word: &Word, at: usize) -> Option<u8> {
    word.syllables.get(at).map(|s| s.tone)
}

/// 不 is neutral inside 看不懂, second tone before a fourth.
fn bu(word: &mut Word) {
    if let [_, '不', _] = word.chars.as_slice() {
        set(word, 1, 5);
        return;
    }
    for at in 0..word.chars.len() {
        if word.chars.get(at) == Some(&'不') && tone_at(word, at + 1) == Some(4) {
            set(word, at, 2);
        }
    }
}

fn is_numeral(c: char) -> bool {
    "零〇一二三四五六七八九十百千万亿两".contains(c)
}

/// 一: first tone in numbers and ordinals, neutral inside 看一看, second before a fourth or neutral tone, fourth before the others.
/// `follows` is the first character of the next word.
fn yi(word: &mut Word, follows: Option<char>) {
    if !word.chars.contains(&'一') || word.chars.iter().all(|c| "零〇一二三四五六七八九".contains(*c)) {
        return;
    }
    match word.chars.as_slice() {
        [a, '一', b] if a == b => return set(word, 1, 5),
        ['第', '一', ..] => return set(word, 1, 1),
        _ => {}
    }
    for at in 0..word.chars.len() {
        let Some(next) = word.chars.get(at + 1).filter(|_| word.chars.get(at) == Some(&'一')) else { continue };
        // 十一点, 二十一个: the last digit of a number keeps its tone; 一百, 一千, 一万 change like any other word.
        let inside_number = at.checked_sub(1).and_then(|before| word.chars.get(before)).is_some_and(|c| is_numeral(*c));
        let counts_by = "百千万亿".contains(*next);
        let after_next = word.chars.get(at + 2).copied().or(follows);
        let decimal = *next == '点' && after_next.is_some_and(|c| "零一二三四五六七八九".contains(c));
        if decimal || (inside_number && !counts_by) || "月号日零二三四五六七八九".contains(*next) {
            continue;
        }
        let tone = if matches!(tone_at(word, at + 1), Some(4 | 5)) { 2 } else { 4 };
        set(word, at, tone);
    }
}

fn ends_neutral(chars: &[char]) -> bool {
    let whole: String = chars.iter().collect();
    let last_two: String = chars.get(chars.len().saturating_sub(2)..).unwrap_or(chars).iter().collect();
    listed(NEUTRAL, &whole) || listed(NEUTRAL, &last_two)
}

fn neutral(jieba: &Jieba, word: &mut Word) {
    let text = word.text();
    if listed(NOT_NEUTRAL, &text) {
        // Alone, 子 is read as the suffix; in 电子, 分子 it is a word of its own.
        if word.chars.last() == Some(&'子') {
            set(word, word.chars.len() - 1, 3);
        }
        return;
    }
    let (chars, tag) = (word.chars.clone(), word.tag.clone());
    let Some(last) = chars.len().checked_sub(1) else { return };
    // 奶奶, 试试
    if tag.starts_with(['n', 'v', 'a']) {
        for at in 1..chars.len() {
            if chars.get(at) == chars.get(at - 1) {
                set(word, at, 5);
            }
        }
    }
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let ends = |set: &str| set.contains(at(last));
    let before_last = last.checked_sub(1).map_or('\0', at);
    let measure = chars.iter().position(|c| *c == '个').filter(|i| {
        chars.len() == 1
            || i.checked_sub(1).is_some_and(|before| is_numeral(at(before)) || "几有两半多各整每做是".contains(at(before)))
    });
    let is_particle = ends("吧呢啊呐噻嘛吗吖嗨呐哦哒滴哩哟喽啰耶喔诶的")
        || (ends("地得") && chars.len() == 1 && word.syllables.first().is_some_and(|s| s.plain == "de"))
        || (chars.len() == 1 && ends("了着过") && matches!(tag.as_str(), "ul" | "uz" | "ug"))
        || (chars.len() > 1 && ends("们子") && matches!(tag.as_str(), "r" | "n"))
        || (chars.len() > 1 && ends("上下") && !"以之向往".contains(before_last) && matches!(tag.as_str(), "s" | "l" | "f"))
        || (chars.len() > 1 && ends("来去") && "上下进出回过起开".contains(before_last));
    if is_particle && !matches!(text.as_str(), "目的" | "标的" | "的的") {
        set(word, last, 5);
    } else if let Some(measure) = measure {
        set(word, measure, 5);
    } else if ends_neutral(&chars) {
        set(word, last, 5);
    }
    let (first, second) = split(jieba, &chars);
    for (start, length) in [(0, first), (first, second)] {
        if length > 0 && chars.get(start..start + length).is_some_and(ends_neutral) {
            set(word, start + length - 1, 5);
        }
    }
}

/// Lengths of the two parts a longer word falls into, by the shortest known word at one of its ends (蒙古|包, 纸|老虎).
fn split(jieba: &Jieba, chars: &[char]) -> (usize, usize) {
    let text: String = chars.iter().collect();
    let shortest = jieba.cut_for_search(&text, true).into_iter().map(|t| t.word).min_by_key(|w| w.chars().count());
    let Some(part) = shortest else { return (chars.len(), 0) };
    let length = part.chars().count().min(chars.len());
    if text.starts_with(part) { (length, chars.len() - length) } else { (chars.len() - length, length) }
}

/// Of third tones in a row, all but the last of a group become second.
fn third(jieba: &Jieba, word: &mut Word) {
    match word.syllables.len() {
        2 if word.all_third() => set(word, 0, 2),
        3 => {
            let (first, second) = split(jieba, &word.chars);
            if word.all_third() {
                if first == 2 {
                    set(word, 0, 2);
                }
                // 老虎|纸 changes both, 纸|老虎 only the middle one.
                set(word, 1, 2);
                return;
            }
            for (start, length) in [(0, first), (first, second)] {
                let part = word.syllables.get(start..start + length).unwrap_or_default();
                if length == 2 && all_third(part) {
                    set(word, start, 2);
                } else if start > 0 && !all_third(part) && tone_at(word, start) == Some(3) && tone_at(word, start - 1) == Some(3)
                {
                    set(word, start - 1, 2);
                }
            }
        }
        4 => {
            for start in [0, 2] {
                if word.syllables.get(start..start + 2).is_some_and(all_third) {
                    set(word, start, 2);
                }
            }
        }
        _ => {}
    }
}
