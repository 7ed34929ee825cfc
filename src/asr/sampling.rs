//! Choosing tokens from logits, and bytes to text: the arithmetic of greedy decoding, pure.
//!
//! Called by [`super::whisper`] only; knows nothing about the engine that computed the logits.

/// A chosen token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    /// Its number.
    pub(super) token: i32,
    /// Its probability among the allowed ones, 0..=1.
    pub(super) probability: f32,
}

/// Symbols Whisper was told never to say (`non_speech_tokens` in OpenAI's tokenizer.py): they open captions such as "[music]".
const NOT_SPEECH: &[&str] = &[
    "\"",
    "#",
    "(",
    ")",
    "*",
    "+",
    "/",
    ":",
    ";",
    "<",
    "=",
    ">",
    "@",
    "[",
    "\\",
    "]",
    "^",
    "_",
    "`",
    "{",
    "|",
    "}",
    "~",
    "「",
    "」",
    "『",
    "』",
    "<<",
    ">>",
    "<<<",
    ">>>",
    "--",
    "---",
    "-(",
    "-[",
    "('",
    "(\"",
    "((",
    "))",
    "(((",
    ")))",
    "[[",
    "]]",
    "{{",
    "}}",
    "♪♪",
    "♪♪♪",
    "♩",
    "♪",
    "♫",
    "♬",
    "♭",
    "♮",
    "♯",
];

/// True for a token that is never spoken. Hyphens and apostrophes count only where a word would begin with them.
pub(super) fn is_not_speech(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    matches!(text, " -" | " '") || NOT_SPEECH.contains(&text.strip_prefix(' ').unwrap_or(text))
}

/// The allowed token with the largest logit, and its softmax probability among the allowed ones; nothing when none is allowed.
pub(super) fn greedy(logits: &[f32], allowed: impl Fn(usize) -> bool) -> Option<Choice> {
    let allowed = || logits.iter().copied().enumerate().filter(|(token, logit)| allowed(*token) && !logit.is_nan());
    let (token, best) = allowed().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let sum: f32 = allowed().map(|(_, logit)| (logit - best).exp()).sum();
    Some(Choice { token: i32::try_from(token).ok()?, probability: 1.0 / sum })
}

/// Softmax probability of `token`; zero when there is no such token.
pub(super) fn probability(logits: &[f32], token: usize) -> f32 {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    logits.get(token).map_or(0.0, |logit| (logit - largest).exp() / sum)
}

/// Geometric mean of the probabilities: what OpenAI's `avg_logprob` is the logarithm of. 1 for no tokens.
pub(super) fn mean_probability(choices: &[Choice]) -> f32 {
    if choices.is_empty() {
        return 1.0;
    }
    let sum: f32 = choices.iter().map(|choice| choice.probability.max(f32::MIN_POSITIVE).ln()).sum();
    (sum / choices.len() as f32).exp()
}

/// True when the newest tokens only repeat: six of one kind, a pattern of 2 to 7 tokens four times over, or a longer one three
/// times. People do say a word or a short phrase three times; a sentence that really was said so often survives, too, because
/// the second try then says the same.
///
/// `most` rounds are enough in any case. Gives how many tokens are left without the circles: they may have begun a little before they are
/// seen to, with a capital instead of a small letter, so the first round is left only where nothing is in front of it.
pub(super) fn circles(choices: &[Choice], most: usize) -> Option<usize> {
    (1..=16).find_map(|period| {
        let times = match period {
            1 => 6,
            2..8 => 4,
            _ => 3,
        };
        let start = choices.len().checked_sub(period * times.min(most))?;
        let tail = &choices[start..];
        let circles = tail.iter().zip(&tail[period..]).all(|(a, b)| a.token == b.token);
        circles.then_some(if start == 0 { period } else { start })
    })
}

/// How many of `pieces` are left without the marks and the words at their end that have a piece less probable than `sure`: a clip that ends
/// in the middle of a word is heard to end with another. Words begin with a space, or are a piece each where they are `unspaced`.
pub(super) fn without_unsure_end(pieces: &[(String, f32)], unspaced: bool, sure: f32) -> usize {
    let is_mark = |text: &str| !text.chars().any(char::is_alphanumeric);
    let begins = |text: &str| text.starts_with(|c: char| c.is_whitespace() || unspaced && !c.is_ascii());
    let mut kept = pieces.len();
    while let Some((last, _)) = pieces[..kept].last() {
        if is_mark(last) {
            kept -= 1;
            continue;
        }
        let first = pieces[..kept].iter().rposition(|(text, _)| begins(text)).unwrap_or(0);
        if pieces[first..kept].iter().all(|(text, probability)| is_mark(text) || *probability >= sure) {
            break;
        }
        kept = first;
    }
    kept
}

/// The tokens' text. A token may end inside a character (most rare Chinese ones are two or three tokens): such tokens are
/// joined with what follows, and their probability is the smallest. Bytes that never become UTF-8 turn into U+FFFD.
pub(super) fn pieces<'b>(choices: &[Choice], bytes_of: impl Fn(i32) -> &'b [u8]) -> Vec<(String, f32)> {
    let mut pieces = Vec::new();
    let (mut pending, mut probability) = (Vec::new(), 1.0_f32);
    for (n, choice) in choices.iter().enumerate() {
        pending.extend_from_slice(bytes_of(choice.token));
        probability = probability.min(choice.probability);
        // Four bytes are the longest character: what is broken further back will not mend.
        let unfinished = matches!(std::str::from_utf8(&pending), Err(e) if e.error_len().is_none()) && pending.len() < 64;
        if !unfinished || n + 1 == choices.len() {
            pieces.push((String::from_utf8_lossy(&pending).into_owned(), probability));
            pending.clear();
            probability = 1.0;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(tokens: &[i32]) -> Vec<Choice> {
        tokens.iter().map(|token| Choice { token: *token, probability: 0.5 }).collect()
    }

    #[test]
    fn the_largest_allowed_logit_wins_with_its_share_of_the_allowed() {
        let logits = [1.0, 5.0, 2.0, f32::NAN, 2.0];
        let choice = greedy(&logits, |token| token != 1).unwrap();
        assert!(matches!(choice.token, 2 | 4));
        assert!((choice.probability - 1.0 / (2.0 + (-1.0_f32).exp())).abs() < 1e-6);
        assert_eq!(greedy(&logits, |_| false), None);
        assert_eq!(greedy(&[], |_| true), None);
        assert!((probability(&[0.0, 0.0], 1) - 0.5).abs() < 1e-6);
        assert_eq!(probability(&[0.0, 0.0], 2), 0.0);
    }

    #[test]
    fn means_are_geometric() {
        let mut both = choices(&[1, 2]);
        both[1].probability = 0.125;
        assert!((mean_probability(&both) - 0.25).abs() < 1e-6);
        assert_eq!(mean_probability(&[]), 1.0);
    }

    #[test]
    fn a_loop_is_seen_and_emphasis_is_not() {
        const ALL: usize = usize::MAX;
        assert_eq!(circles(&choices(&[9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]), ALL), Some(1));
        assert_eq!(circles(&choices(&[1, 2, 1, 2, 1, 2, 1, 2]), ALL), Some(2));
        assert!(circles(&choices(&[7, 5, 5, 5, 5, 5, 5]), ALL).is_some());
        assert_eq!(circles(&choices(&[1, 2, 3, 1, 2, 3, 1, 2, 3]), ALL), None, "three times is emphasis");
        assert_eq!(circles(&choices(&[5, 5, 5, 5, 5]), ALL), None);
        let sentence: Vec<i32> = (1..=9).collect();
        assert!(circles(&choices(&sentence.repeat(3)), ALL).is_some());
        assert_eq!(circles(&choices(&sentence.repeat(2)), ALL), None, "said again to be understood");
        assert_eq!(circles(&choices(&[1, 2, 1, 2, 1, 2, 1, 2, 3]), ALL), None, "it went on");
        assert_eq!(circles(&choices(&[8, 1, 2, 1, 2]), 2), Some(1), "with more words than anybody says two rounds are enough");
        assert_eq!(circles(&[], ALL), None);
    }

    #[test]
    fn the_end_that_is_not_sure_is_left_out_by_the_word() {
        let left = |unspaced: bool, pieces: &[(&str, f32)]| {
            let pieces: Vec<_> = pieces.iter().map(|(text, probability)| (text.to_string(), *probability)).collect();
            let kept = without_unsure_end(&pieces, unspaced, 0.6);
            pieces[..kept].iter().map(|(text, _)| text.as_str()).collect::<String>()
        };
        assert_eq!(left(false, &[(" we", 0.9), (" sail", 0.4), ("ed", 0.9), (" home", 0.9), (".", 0.3)]), " we sailed home");
        assert_eq!(left(false, &[(" we", 0.9), (",", 0.2), (" sail", 0.9), ("or", 0.4), ("s", 0.9), (".", 0.9)]), " we");
        assert_eq!(left(false, &[(" ma", 0.9), ("\u{f1}", 0.5), ("ana", 0.9)]), "");
        assert_eq!(left(true, &[("\u{98ce}", 0.9), ("\u{7b5d}", 0.7), ("LE", 0.9), ("D", 0.3), ("\u{3002}", 0.9)]), "\u{98ce}");
        assert_eq!(left(true, &[]), "");
    }

    #[test]
    fn characters_split_over_tokens_come_out_whole() {
        let bytes: [&[u8]; 4] = [b"a", &[0xE4, 0xB8], &[0x80], &[0xFF]];
        let text = |tokens: &[i32]| {
            let choices: Vec<Choice> = tokens.iter().map(|t| Choice { token: *t, probability: 1.0 - 0.1 * *t as f32 }).collect();
            pieces(&choices, |token| bytes[token as usize])
        };
        assert_eq!(text(&[0, 1, 2, 0]), [("a".into(), 1.0), ("一".into(), 0.8), ("a".into(), 1.0)]);
        assert_eq!(text(&[1]), [("\u{FFFD}".to_owned(), 0.9)], "cut off in the middle");
        assert_eq!(text(&[3, 0])[0].0, "\u{FFFD}");
    }

    #[test]
    fn captions_marks_are_not_speech_and_words_are() {
        for mark in [" [", "♪", " (", "((", " -", " '", "\""] {
            assert!(is_not_speech(mark.as_bytes()), "{mark}");
        }
        for word in [" the", "，", ".", "-", "'", "%", "$", " 8"] {
            assert!(!is_not_speech(word.as_bytes()), "{word}");
        }
        assert!(!is_not_speech(&[0xE4]));
    }
}
