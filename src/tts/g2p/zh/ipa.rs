//! One pinyin syllable to Kokoro's phonemes: initial, glide, vowel with the tone as an arrow, ending.
//!
//! The table is that of misaki's `transcription.py` (adapted from pinyin-to-ipa, MIT), which Kokoro v1.0's Chinese was trained on:
//! tones are → ↗ ↓ ↘ after the vowel, nothing for the neutral tone; ɨ is the vowel of zi, ci, si, zhi, chi, shi, ri.

/// A syllable: toneless pinyin with `ü` for the vowel of 女 and `ê` for that of 欸, and its tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syllable {
    /// Lower-case pinyin without tone marks, such as `lüe`.
    pub(super) plain: String,
    /// 1 to 4, 5 for neutral.
    pub(super) tone: u8,
}

impl Syllable {
    /// Reads pinyin with a tone mark (`lüè`, `ma`); characters that are not pinyin are dropped.
    pub(super) fn parse(marked: &str) -> Self {
        const MARKED: [(&str, char); 8] = [
            ("āáǎà", 'a'),
            ("ēéěè", 'e'),
            ("īíǐì", 'i'),
            ("ōóǒò", 'o'),
            ("ūúǔù", 'u'),
            ("ǖǘǚǜ", 'ü'),
            ("\u{0}ńňǹ", 'n'),
            ("\u{0}ḿ\u{0}\u{0}", 'm'),
        ];
        let mut syllable = Self { plain: String::with_capacity(8), tone: 5 };
        for c in marked.chars() {
            let found = MARKED.iter().find_map(|(marks, plain)| marks.chars().position(|m| m == c).map(|at| (at, *plain)));
            match (found, c) {
                (Some((at, plain)), _) => {
                    syllable.plain.push(plain);
                    syllable.tone = u8::try_from(at + 1).unwrap_or(5);
                }
                // ê and m carry their marks as combining characters.
                (None, '\u{304}') => syllable.tone = 1,
                (None, '\u{301}') => syllable.tone = 2,
                (None, '\u{30c}') => syllable.tone = 3,
                (None, '\u{300}') => syllable.tone = 4,
                (None, 'ế') => syllable = Self { plain: "ê".into(), tone: 2 },
                (None, 'ề') => syllable = Self { plain: "ê".into(), tone: 4 },
                (None, 'v') => syllable.plain.push('ü'),
                (None, 'a'..='z' | 'ü' | 'ê') => syllable.plain.push(c),
                _ => {}
            }
        }
        syllable
    }

    /// Kokoro's phonemes; empty when `plain` is no syllable of Mandarin.
    pub(super) fn phonemes(&self) -> String {
        let tone = match self.tone {
            1 => "→",
            2 => "↗",
            3 => "↓",
            4 => "↘",
            _ => "",
        };
        let whole = match self.plain.as_str() {
            "er" => Some("ɚ0"),
            "o" => Some("ɔ0"),
            "yo" => Some("jɔ0"),
            "ê" => Some("ɛ0"),
            "hm" => Some("hm0"),
            "hng" => Some("hŋ0"),
            "m" => Some("m0"),
            "n" => Some("n0"),
            "ng" => Some("ŋ0"),
            _ => None,
        };
        if let Some(whole) = whole {
            return whole.replace('0', tone);
        }
        let (initial, rest) = split_initial(&self.plain);
        let Some(end) = final_phonemes(initial, &full_final(initial, rest)) else { return String::new() };
        format!("{}{}", initial_phonemes(initial), end.replace('0', tone))
    }
}

fn split_initial(plain: &str) -> (&str, &str) {
    let length = match plain.as_bytes() {
        [b'z' | b'c' | b's', b'h', ..] => 2,
        [
            b'b' | b'p' | b'm' | b'f' | b'd' | b't' | b'n' | b'l' | b'g' | b'k' | b'h' | b'j' | b'q' | b'x' | b'r' | b'z' | b'c'
            | b's',
            ..,
        ] => 1,
        _ => 0,
    };
    plain.split_at(length)
}

fn initial_phonemes(initial: &str) -> &'static str {
    match initial {
        "b" => "p",
        "p" => "pʰ",
        "m" => "m",
        "f" => "f",
        "d" => "t",
        "t" => "tʰ",
        "n" => "n",
        "l" => "l",
        "g" => "k",
        "k" => "kʰ",
        "h" => "x",
        "j" => "ʨ",
        "q" => "ʨʰ",
        "x" => "ɕ",
        "r" => "ɻ",
        "z" => "ʦ",
        "c" => "ʦʰ",
        "s" => "s",
        "zh" => "ꭧ",
        "ch" => "ꭧʰ",
        "sh" => "ʂ",
        _ => "",
    }
}

/// Undoes pinyin's abbreviations: `yan` is ian, `wei` uei, `ju` jü, `liu` liou, `gun` guen.
fn full_final(initial: &str, rest: &str) -> String {
    if initial.is_empty() {
        return match rest {
            "yi" | "yin" | "ying" => rest.get(1..).unwrap_or("").to_owned(),
            "you" => "iou".to_owned(),
            "wu" => "u".to_owned(),
            _ => match (rest.strip_prefix("yu"), rest.strip_prefix('y'), rest.strip_prefix('w')) {
                (Some(tail), ..) => format!("ü{tail}"),
                (_, Some(tail), _) => format!("i{tail}"),
                (_, _, Some(tail)) => format!("u{tail}"),
                _ => rest.to_owned(),
            },
        };
    }
    match (initial, rest) {
        ("j" | "q" | "x", _) if rest.starts_with('u') => format!("ü{}", rest.get(1..).unwrap_or("")),
        (_, "iu") => "iou".to_owned(),
        (_, "ui") => "uei".to_owned(),
        (_, "un") => "uen".to_owned(),
        ("n" | "l", "ue") => "üe".to_owned(),
        _ => rest.to_owned(),
    }
}

/// Phonemes of a final; `0` stands where the tone goes.
fn final_phonemes(initial: &str, name: &str) -> Option<&'static str> {
    Some(match name {
        "i" if matches!(initial, "z" | "c" | "s" | "zh" | "ch" | "sh" | "r") => "ɨ0",
        "a" => "a0",
        "ai" => "ai0",
        "an" => "a0n",
        "ang" => "a0ŋ",
        "ao" => "au0",
        "e" => "ɤ0",
        "ei" => "ei0",
        "en" => "ə0n",
        "eng" => "ə0ŋ",
        "i" => "i0",
        "ia" => "ja0",
        "ian" => "jɛ0n",
        "iang" => "ja0ŋ",
        "iao" => "jau0",
        "ie" => "je0",
        "in" => "i0n",
        "iou" => "jou0",
        "ing" => "i0ŋ",
        "iong" => "jʊ0ŋ",
        "ong" => "ʊ0ŋ",
        "ou" => "ou0",
        "u" => "u0",
        "uei" => "wei0",
        "ua" => "wa0",
        "uai" => "wai0",
        "uan" => "wa0n",
        "uen" => "wə0n",
        "uang" => "wa0ŋ",
        "ueng" => "wə0ŋ",
        // Only in one rare character's reading, wòng.
        "uong" => "wʊ0ŋ",
        // After b, p, m, f (and in lo) pinyin writes o for uo.
        "uo" | "o" => "wo0",
        "ü" => "y0",
        "üe" => "ɥe0",
        "üan" => "ɥɛ0n",
        "ün" => "y0n",
        _ => return None,
    })
}
