//! Grapheme-to-phoneme: normalised text in, Kokoro v1.0's phonemes out.
//!
//! Chinese (`zh`) and English (`en`) have their own dictionaries, read on first use; Spanish, French, Italian, Portuguese, Hindi
//! and English words that no dictionary knows go through espeak-ng (`espeak`). Knows nothing of voices or sound. Called by the
//! Kokoro engine with text from [`super::normalize`]. The conventions are misaki's (Apache-2.0), which Kokoro was trained with.

mod en;
mod espeak;
mod zh;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use self::{en::En, espeak::Espeak, zh::Zh};
use crate::language::Language;

/// Where the dictionaries and espeak-ng are.
#[derive(Debug, Clone)]
pub struct G2pOptions {
    /// Folder with misaki's `us_gold.json` and `us_silver.json`.
    pub en_dir: PathBuf,
    /// Folder with pypinyin's `phrases_dict.json` and `pinyin_dict.json`.
    pub zh_dir: PathBuf,
    /// espeak-ng: a path, or a name to look for in `PATH`.
    pub espeak: PathBuf,
}

/// Text could not be turned into phonemes. Never carries the text.
#[derive(Debug, thiserror::Error)]
pub enum G2pError {
    /// A dictionary is missing or damaged.
    #[error("cannot read the pronunciation dictionary {}: {reason}; run `tongchuan models pull`", path.display())]
    Dictionary {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// espeak-ng is not installed.
    #[error("cannot run {}: install espeak-ng (Debian: apt install espeak-ng)", .0.display())]
    EspeakMissing(PathBuf),
    /// espeak-ng failed.
    #[error("espeak-ng failed: {0}")]
    Espeak(String),
    /// Kokoro has no voice for the language.
    #[error("no phonemes for {0}: Kokoro does not speak it")]
    Unsupported(Language),
}

impl G2pError {
    fn dictionary(path: &Path, reason: impl fmt::Display) -> Self {
        G2pError::Dictionary { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// The frontends of all languages Kokoro speaks.
pub struct G2p {
    options: G2pOptions,
    espeak: Espeak,
    zh: OnceLock<Zh>,
    en: OnceLock<En>,
}

impl fmt::Debug for G2p {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("G2p").field("options", &self.options).finish_non_exhaustive()
    }
}

impl G2p {
    /// Checks that the dictionaries are there; they are read when a language is first used, or by [`G2p::warm_up`].
    ///
    /// # Errors
    /// [`G2pError::Dictionary`] when a file is missing.
    pub fn load(options: &G2pOptions) -> Result<Self, G2pError> {
        for (dir, name) in [
            (&options.en_dir, "us_gold.json"),
            (&options.en_dir, "us_silver.json"),
            (&options.zh_dir, "phrases_dict.json"),
            (&options.zh_dir, "pinyin_dict.json"),
        ] {
            let path = dir.join(name);
            std::fs::metadata(&path).map_err(|e| G2pError::dictionary(&path, e))?;
        }
        Ok(Self {
            options: options.clone(),
            espeak: Espeak::new(options.espeak.clone()),
            zh: OnceLock::new(),
            en: OnceLock::new(),
        })
    }

    /// Reads the dictionaries of `language` now rather than at its first sentence.
    ///
    /// # Errors
    /// [`G2pError::Dictionary`] when a file is damaged.
    pub fn warm_up(&self, language: Language) -> Result<(), G2pError> {
        match language {
            Language::ZH => self.zh().map(drop),
            Language::EN => self.en().map(drop),
            _ => Ok(()),
        }
    }

    /// Phonemes of `text`, which [`super::normalize::normalize`] has been through: what Kokoro's tokens are looked up from, one
    /// character each. Empty when there is nothing to say. A few symbols of espeak-ng's may be outside Kokoro's vocabulary; skip them.
    ///
    /// # Errors
    /// [`G2pError::Unsupported`] for a language without a Kokoro voice; [`G2pError::EspeakMissing`] or [`G2pError::Espeak`] where
    /// espeak-ng is needed; [`G2pError::Dictionary`] on first use.
    pub fn phonemes(&self, language: Language, text: &str) -> Result<String, G2pError> {
        match language {
            Language::ZH => self.chinese(text),
            Language::EN => Ok(self.english(&[text])?.pop().unwrap_or_default()),
            _ if language.info().kokoro.is_some() => self.foreign(language.info().espeak, text),
            _ => Err(G2pError::Unsupported(language)),
        }
    }

    fn zh(&self) -> Result<&Zh, G2pError> {
        if self.zh.get().is_none() {
            // Two threads may both load; the second result is dropped.
            let _ = self.zh.set(Zh::load(&self.options.zh_dir)?);
        }
        self.zh.get().ok_or_else(|| G2pError::dictionary(&self.options.zh_dir, "not loaded"))
    }

    fn en(&self) -> Result<&En, G2pError> {
        if self.en.get().is_none() {
            let _ = self.en.set(En::load(&self.options.en_dir)?);
        }
        self.en.get().ok_or_else(|| G2pError::dictionary(&self.options.en_dir, "not loaded"))
    }

    fn chinese(&self, text: &str) -> Result<String, G2pError> {
        let pieces = zh::pieces(text);
        let latin: Vec<&str> =
            pieces.iter().filter_map(|p| if let zh::Piece::Latin(words) = p { Some(*words) } else { None }).collect();
        let latin = if latin.is_empty() { Vec::new() } else { self.english(&latin)? };
        Ok(self.zh()?.phonemes(&pieces, &latin))
    }

    /// Each text's phonemes; unknown words of all texts share one run of espeak-ng.
    fn english(&self, texts: &[&str]) -> Result<Vec<String>, G2pError> {
        let en = self.en()?;
        let mut unknown = Vec::new();
        let mut known = HashMap::new();
        let first: Vec<String> = texts.iter().map(|t| en.phonemes(t, &known, &mut unknown)).collect();
        if unknown.is_empty() {
            return Ok(first);
        }
        unknown.sort();
        unknown.dedup();
        let answers = self.espeak.transcribe("en-us", &unknown)?;
        known.extend(unknown.into_iter().zip(answers.iter().map(|ipa| espeak::english(ipa))));
        Ok(texts.iter().map(|t| en.phonemes(t, &known, &mut Vec::new())).collect())
    }

    /// espeak-ng drops punctuation, which Kokoro needs for its pauses: clauses are transcribed and punctuation put back between them.
    fn foreign(&self, voice: &str, text: &str) -> Result<String, G2pError> {
        let (clauses, marks) = split_clauses(text);
        let spoken = self.espeak.transcribe(voice, &clauses)?;
        let mut out = String::new();
        for (clause, mark) in spoken.iter().zip(marks) {
            if !clause.is_empty() {
                if !(out.is_empty() || out.ends_with([' ', '(', '“'])) {
                    out.push(' ');
                }
                out.push_str(&espeak::foreign(clause));
            }
            match mark {
                Some('(' | '“') if !(out.is_empty() || out.ends_with(' ')) => out.push(' '),
                _ => {}
            }
            out.extend(mark.filter(|m| !out.is_empty() || matches!(m, '(' | '“')));
        }
        Ok(out)
    }
}

/// Clauses without punctuation, and the mark that follows each.
fn split_clauses(text: &str) -> (Vec<String>, Vec<Option<char>>) {
    let mut clauses = vec![String::new()];
    let mut marks = Vec::new();
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        // 3.50, 1,000, 10:30: espeak-ng reads the number.
        let in_number = matches!(c, '.' | ',' | ':') && before.is_ascii_digit() && next.is_ascii_digit();
        let mark = match c {
            _ if in_number => None,
            ';' | ':' | ',' | '.' | '!' | '?' | '—' | '…' | '(' | ')' | '“' | '”' => Some(c),
            '–' => Some('—'),
            '«' => Some('“'),
            '»' => Some('”'),
            // The Hindi full stop.
            '।' | '॥' => Some('.'),
            _ => None,
        };
        match (mark, clauses.last_mut()) {
            (Some(mark), _) => {
                marks.push(Some(mark));
                clauses.push(String::new());
            }
            (None, Some(clause)) => {
                // Brackets start espeak-ng's phoneme input, inverted marks and quotes nothing at all.
                let spoken = in_number
                    || c.is_alphanumeric()
                    || matches!(c, '\'' | '-' | '%' | '+' | '&' | '@' | '/' | '$' | '€')
                    || is_mark(c);
                clause.push(if spoken { c } else { ' ' });
            }
            (None, None) => {}
        }
        before = c;
    }
    marks.push(None);
    (clauses, marks)
}

/// Vowel signs and accents that belong to the letter before them.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}
