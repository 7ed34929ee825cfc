//! Puts misheard words right: what sounds like a term, where its surroundings make the term more likely than what was heard.
//!
//! What was heard is kept when it is a word of its own and nothing around it speaks for the term. Chinese is segmented with jieba, whose
//! words show which characters belong together. Called by [`super::Glossary::repair`].

use std::{collections::HashSet, ops::Range, sync::LazyLock};

use jieba_rs::Jieba;

use super::{Glossary, Term, find, places, sound};
use crate::{
    language::Language,
    trade::{amount::Context, numbers},
};

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Shortest Chinese term that may stand for what is no word at all; shorter ones need a neighbour that speaks for them.
const CLEAR: usize = 3;

pub(super) fn repair(glossary: &Glossary, text: &str, language: Language) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let lower = text.to_lowercase();
    // What is put right begins and ends with words: 品柜 in 食品柜 is none.
    let bounds = (language == Language::ZH).then(|| bounds(text));
    let is_whole = |place: &Range<usize>| bounds.as_ref().is_none_or(|b| b.contains(&place.start) && b.contains(&place.end));
    for term in &glossary.terms {
        let Some(word) = term.words(language).first() else { continue };
        for heard in &term.heard {
            let heard = heard.to_lowercase();
            edits.extend(places(&lower, &heard, language).filter(&is_whole).map(|place| (place, word.clone())));
        }
    }
    if let Some(bounds) = &bounds {
        edits.extend(district(text));
        chinese(glossary, text, bounds, &mut edits);
    } else if !language.is_unspaced() {
        spaced(glossary, text, language, &mut edits);
    }
    apply(text, edits)
}

/// 区 (qū) that was heard as 七 (qī): "273楼" is 2区3楼. Market halls are found by district and floor, and no house has 273 floors.
fn district(text: &str) -> Option<(Range<usize>, String)> {
    let digit = |c: char| c.is_ascii_digit() || "一二三四五六七八九".contains(c);
    let floor = text.find("楼")?;
    let mut before = text.get(..floor)?.char_indices().rev();
    let (_, storey) = before.next()?;
    let (at, seven) = before.next()?;
    let (_, hall) = before.next()?;
    let alone = !before.next().is_some_and(|(_, c)| c.is_numeric() || digit(c) || "十百点".contains(c));
    let misheard = alone && digit(hall) && digit(storey) && matches!(seven, '7' | '七');
    misheard.then(|| (at..at + seven.len_utf8(), "区".to_owned()))
}

/// Where the words of a Chinese text begin and end, in bytes.
pub fn bounds(text: &str) -> HashSet<usize> {
    JIEBA.cut(text, false).iter().map(|token| token.byte_end).chain([0]).collect()
}

/// Applies the edits that do not overlap, the first found first. Each is checked to lie between characters.
fn apply(text: &str, edits: Vec<(Range<usize>, String)>) -> String {
    let mut taken: Vec<(Range<usize>, String)> = Vec::new();
    for (place, word) in edits {
        if text.get(place.clone()).is_some()
            && taken.iter().all(|(other, _)| other.end <= place.start || place.end <= other.start)
        {
            taken.push((place, word));
        }
    }
    taken.sort_by_key(|(place, _)| place.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (place, word) in taken {
        out.push_str(text.get(at..place.start).unwrap_or(""));
        out.push_str(&word);
        at = place.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

fn chinese(glossary: &Glossary, text: &str, bounds: &HashSet<usize>, edits: &mut Vec<(Range<usize>, String)>) {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let sounds = sound::readings(text);
    let is_whole = |place: &Range<usize>| bounds.contains(&place.start) && bounds.contains(&place.end);
    let at = |index: usize| chars.get(index).map_or(text.len(), |c| c.0);
    for term in &glossary.terms {
        for (word, wanted) in &term.sounds {
            let length = wanted.len();
            if text.contains(word.as_str()) {
                continue;
            }
            for start in 0..chars.len().saturating_sub(length - 1) {
                let place = at(start)..at(start + length);
                let Some(heard) = text.get(place.clone()) else { continue };
                if !is_whole(&place) {
                    continue;
                }
                // One syllable of three may be a little off.
                let Some(distance) = sounds.get(start..start + length).and_then(|heard| sound::chinese(heard, wanted)) else {
                    continue;
                };
                if usize::try_from(distance).unwrap_or(usize::MAX) > length / CLEAR {
                    continue;
                }
                let spoken_for = is_near(term, text, &place, &is_whole);
                let is_word = JIEBA.has_word(heard);
                let knows_it = glossary.terms.iter().any(|other| other.words(Language::ZH).iter().any(|w| w == heard));
                if !knows_it && (spoken_for || (!is_word && length >= CLEAR && distance == 0)) {
                    edits.push((place, word.clone()));
                }
            }
        }
    }
}

fn spaced(glossary: &Glossary, text: &str, language: Language, edits: &mut Vec<(Range<usize>, String)>) {
    let lower = text.to_lowercase();
    if lower.len() != text.len() {
        return;
    }
    let places: Vec<Range<usize>> = words(&lower).collect();
    // A number right in front shows that goods are counted: 50 cartoons. An amount elsewhere shows nothing: with it, 15 of 2,000 correct
    // sentences were changed, "quite high" at 4.7 points to "quote high".
    let numbers: Vec<usize> = numbers::read(text, language, &Context::default()).iter().map(|amount| amount.number.end).collect();
    let is_counted = |place: &Range<usize>| {
        numbers.iter().any(|end| lower.get(*end..place.start).is_some_and(|between| between.trim().is_empty()))
    };
    for term in &glossary.terms {
        for word in term.words(language).iter().map(|w| w.to_lowercase()) {
            if find(&lower, &word, language).is_some() {
                continue;
            }
            let count = words(&word).count();
            for window in places.windows(count.max(1)) {
                let (Some(first), Some(last)) = (window.first(), window.last()) else { continue };
                let place = first.start..last.end;
                let Some(heard) = lower.get(place.clone()) else { continue };
                // What is rare is asked first: this is looked at for every term and every place.
                if sound::latin(heard, &word)
                    && (is_counted(&place) || is_near(term, &lower, &place, &|_| true))
                    && !is_known(glossary, heard, language)
                {
                    // Several stay several.
                    let plural = language == Language::EN && heard.ends_with('s') && !word.ends_with('s');
                    edits.push((place, if plural { format!("{word}s") } else { word.clone() }));
                }
            }
        }
    }
}

/// True when a term's word is in `heard`.
fn is_known(glossary: &Glossary, heard: &str, language: Language) -> bool {
    let in_it = |word: &String| find(heard, &word.to_lowercase(), language).is_some();
    glossary.terms.iter().any(|term| term.words(language).iter().any(in_it))
}

/// The words of a text: letters and digits, with what stands inside them.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | '!' | '?' | ';' | ':' | '"' | '(' | ')' | '¿' | '¡'))
        .filter_map(move |word| {
            let place = at..at + word.len();
            // The separators of these languages that are longer than one byte are ¿ and ¡ and rare spaces.
            at = place.end + text.get(place.end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            (!word.is_empty()).then_some(place)
        })
}

/// A word that speaks for the term stands outside of `place`, as a word: 印 in 印尼 speaks for nothing.
fn is_near(term: &Term, text: &str, place: &Range<usize>, is_whole: &dyn Fn(&Range<usize>) -> bool) -> bool {
    let outside = |(at, word): (usize, &str)| {
        let found = at..at + word.len();
        (found.end <= place.start || found.start >= place.end) && is_whole(&found)
    };
    term.near.iter().any(|word| text.match_indices(word.as_str()).any(outside))
}
