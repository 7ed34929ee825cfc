//! Kokoro-82M over ONNX Runtime: phonemes in, 24 kHz speech out.
//!
//! Knows phonemes and voices, not text or languages beyond the choice of a voice; called by [`super::engine`].
//! Tensors: `tokens` i64 `[1, n + 2]` (0 at both ends), `style` f32 `[1, 256]`, `speed` f32 `[1]` -> `audio` f32 `[samples]` at 24 kHz.
//! A voice file holds f32 [510, 256], little-endian: the row to use is the number of tokens.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use ort::{session::Session, value::Tensor};

use super::sound;
use crate::{
    inference::{
        JobContext, JobError,
        onnx::{self, OnnxError, Provider, SessionOptions},
    },
    language::{Language, Voice},
};

/// Most tokens in one run: the model's positions, less the two ends.
const MAX_TOKENS: usize = 510;
/// Values in one style vector.
const STYLE: usize = 256;
const STAGE: &str = "tts";

/// How to run Kokoro.
#[derive(Debug, Clone, Copy)]
pub struct KokoroOptions {
    /// Threads that compute together.
    pub threads: usize,
    /// Where to compute.
    pub provider: Provider,
}

/// Kokoro could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KokoroError {
    /// The graph does not load.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A file is missing or unreadable.
    #[error("cannot read {}: {source}; run `tongchuan models pull`", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not {what}; run `tongchuan models verify`", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
}

/// The model, its vocabulary and the voices used so far.
pub struct Kokoro {
    session: Session,
    vocabulary: HashMap<char, i64>,
    directory: PathBuf,
    voices: HashMap<String, Vec<f32>>,
}

impl Kokoro {
    /// Loads `kokoro.onnx` and `vocab.json` from `directory`; voices come from `voices/NAME.bin` there when first used.
    /// [`onnx::load`] must have been called.
    ///
    /// # Errors
    /// [`KokoroError`] names the file and the next step.
    pub fn load(directory: &Path, options: KokoroOptions) -> Result<Self, KokoroError> {
        let path = directory.join("vocab.json");
        let text = fs::read(&path).map_err(|source| KokoroError::Io { path: path.clone(), source })?;
        let vocabulary = parse_vocabulary(&text).ok_or(KokoroError::Format { path, what: "Kokoro's vocabulary" })?;
        let session_options = SessionOptions { provider: options.provider, ..SessionOptions::cpu(options.threads) };
        let session = onnx::session(&directory.join("kokoro.onnx"), &session_options)?;
        Ok(Self { session, vocabulary, directory: directory.to_owned(), voices: HashMap::new() })
    }

    /// Speaks `phonemes` with the voice called `voice`; `speed` 1.0 is normal. Characters the model does not know are left out; more
    /// than fit in one run are split at a pause. Silence at the ends is trimmed.
    ///
    /// # Errors
    /// [`JobError::Failed`] for an unknown voice or when the model fails, [`JobError::Cancelled`] between runs.
    pub fn speak(&mut self, phonemes: &str, voice: &str, speed: f32, context: &JobContext) -> Result<Vec<f32>, JobError> {
        self.load_voice(voice)?;
        let known: Vec<(char, i64)> = phonemes.chars().filter_map(|c| Some((c, *self.vocabulary.get(&c)?))).collect();
        if !known.iter().any(|(c, _)| c.is_alphabetic()) {
            return Ok(Vec::new());
        }
        let mut audio = Vec::new();
        for piece in split_tokens(&known) {
            context.checkpoint()?;
            let tokens: Vec<i64> = piece.iter().map(|(_, token)| *token).collect();
            audio.extend(self.run(&tokens, voice, speed)?);
        }
        sound::trim(&mut audio);
        Ok(audio)
    }

    fn run(&mut self, tokens: &[i64], voice: &str, speed: f32) -> Result<Vec<f32>, JobError> {
        let failed = |e: ort::Error| JobError::failed(STAGE, format!("Kokoro: {e}"));
        let row = tokens.len().min(MAX_TOKENS - 1) * STYLE;
        let style = self.voices.get(voice).and_then(|v| v.get(row..row + STYLE));
        let style = style.ok_or_else(|| JobError::failed(STAGE, "the voice has no such row"))?.to_vec();
        let padded: Vec<i64> = std::iter::once(0).chain(tokens.iter().copied()).chain([0]).collect();
        let inputs = ort::inputs![
            "tokens" => Tensor::from_array(([1, padded.len()], padded)).map_err(failed)?,
            "style" => Tensor::from_array(([1, STYLE], style)).map_err(failed)?,
            "speed" => Tensor::from_array(([1], vec![speed])).map_err(failed)?,
        ];
        let outputs = self.session.run(inputs).map_err(failed)?;
        let audio = outputs.get("audio").ok_or_else(|| JobError::failed(STAGE, "Kokoro gave no audio"))?;
        let (_, samples) = audio.try_extract_tensor::<f32>().map_err(failed)?;
        // A number that is no number would poison the encoder's state; the model gives none on sane input.
        Ok(samples.iter().map(|s| if s.is_finite() { *s } else { 0.0 }).collect())
    }

    /// Takes the voices away, to test what happens then.
    #[cfg(test)]
    pub(super) fn forget_voices(&mut self, empty: &Path) {
        self.directory = empty.to_owned();
        self.voices.clear();
    }

    /// Half a megabyte each, kept once used.
    fn load_voice(&mut self, voice: &str) -> Result<(), JobError> {
        if self.voices.contains_key(voice) {
            return Ok(());
        }
        if voice.is_empty() || !voice.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(JobError::failed(STAGE, "a voice's name is letters, digits and underscores"));
        }
        let path = self.directory.join("voices").join(format!("{voice}.bin"));
        let bytes = fs::read(&path).map_err(|e| JobError::failed(STAGE, format!("no voice {}: {e}", path.display())))?;
        if bytes.len() != MAX_TOKENS * STYLE * 4 {
            return Err(JobError::failed(STAGE, format!("{} is not a Kokoro voice", path.display())));
        }
        let style = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        self.voices.insert(voice.to_owned(), style);
        Ok(())
    }
}

/// `{"vocab": {"a": 43, ...}}` or the inner object alone; keys are single characters.
fn parse_vocabulary(json: &[u8]) -> Option<HashMap<char, i64>> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    let entries = value.get("vocab").unwrap_or(&value).as_object()?;
    let mut vocabulary = HashMap::with_capacity(entries.len());
    for (symbol, token) in entries {
        let mut characters = symbol.chars();
        if let (Some(c), None) = (characters.next(), characters.next()) {
            vocabulary.insert(c, token.as_i64().filter(|t| (0..1 << 16).contains(t))?);
        }
    }
    (!vocabulary.is_empty()).then_some(vocabulary)
}

/// Pieces of at most [`MAX_TOKENS`], cut after the last punctuation, else the last space, of the second half.
fn split_tokens(mut tokens: &[(char, i64)]) -> Vec<&[(char, i64)]> {
    let mut pieces = Vec::new();
    while tokens.len() > MAX_TOKENS {
        let last = |wanted: fn(char) -> bool| {
            let from_the_end = tokens[MAX_TOKENS / 2..MAX_TOKENS].iter().rposition(|(c, _)| wanted(*c));
            from_the_end.map(|n| MAX_TOKENS / 2 + n + 1)
        };
        let end = last(|c| ";:,.!?—…".contains(c)).or_else(|| last(|c| c == ' ')).unwrap_or(MAX_TOKENS);
        let (piece, rest) = tokens.split_at(end);
        pieces.push(piece);
        tokens = rest;
    }
    if !tokens.is_empty() {
        pieces.push(tokens);
    }
    pieces
}

/// The voice that speaks `language`, when Kokoro does, by its published name. French has one voice only, a woman's: it speaks for
/// men, too.
pub fn voice_name(language: Language, voice: Voice) -> Option<&'static str> {
    let (female, male) = match language.info().kokoro? {
        'z' => ("zf_xiaoxiao", "zm_yunxi"),
        'a' => ("af_heart", "am_michael"),
        'e' => ("ef_dora", "em_alex"),
        'f' => ("ff_siwis", "ff_siwis"),
        'i' => ("if_sara", "im_nicola"),
        'p' => ("pf_dora", "pm_alex"),
        'h' => ("hf_alpha", "hm_omega"),
        _ => return None,
    };
    Some(match voice {
        Voice::Female => female,
        Voice::Male => male,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{load_test_runtime, test_file};

    fn kokoro() -> Kokoro {
        load_test_runtime();
        let options = KokoroOptions { threads: 2, provider: Provider::Cpu };
        Kokoro::load(test_file("kokoro-82m", "kokoro.onnx").parent().unwrap(), options).unwrap()
    }

    #[test]
    fn it_speaks_the_same_thing_twice_and_nothing_for_nothing() {
        let (mut kokoro, context) = (kokoro(), JobContext::detached());
        let first = kokoro.speak("həlˈO wˈɜɹld.", "af_heart", 1.0, &context).unwrap();
        let seconds = first.len() as f32 / 24_000.0;
        assert!((0.5..3.0).contains(&seconds), "{seconds} s");
        assert!(first.iter().map(|s| s.abs()).fold(0.0, f32::max) > 0.05);
        assert_eq!(kokoro.speak("həlˈO wˈɜɹld.", "af_heart", 1.0, &context).unwrap(), first);
        let slow = kokoro.speak("həlˈO wˈɜɹld.", "af_heart", 0.6, &context).unwrap();
        assert!(slow.len() > first.len() * 5 / 4, "{} is not slower than {}", slow.len(), first.len());
        assert!(kokoro.speak("", "af_heart", 1.0, &context).unwrap().is_empty());
        assert!(kokoro.speak(" ,.", "af_heart", 1.0, &context).unwrap().is_empty());
        for bad in ["nobody", "../af_heart", ""] {
            assert!(matches!(kokoro.speak("a", bad, 1.0, &context), Err(JobError::Failed { .. })), "{bad}");
        }
        context.cancel.cancel();
        assert_eq!(kokoro.speak("a", "af_heart", 1.0, &context), Err(JobError::Cancelled));
    }

    #[test]
    fn every_kokoro_language_has_both_voices() {
        let voices = test_file("kokoro-82m", "voices");
        for language in Language::all().filter(|l| l.info().kokoro.is_some()) {
            for voice in [Voice::Female, Voice::Male] {
                let name = voice_name(language, voice).unwrap();
                assert!(voices.join(format!("{name}.bin")).exists(), "{name}: run `make models`");
            }
        }
    }

    #[test]
    fn long_speech_is_split_at_pauses() {
        let tokens: Vec<(char, i64)> = "abcd efg, ".chars().cycle().take(1234).map(|c| (c, 1)).collect();
        let pieces = split_tokens(&tokens);
        assert_eq!(pieces.concat(), tokens);
        assert!(pieces.iter().all(|p| p.len() <= MAX_TOKENS));
        assert!(pieces[..pieces.len() - 1].iter().all(|p| p.last().is_some_and(|(c, _)| *c == ',')));
        let endless = vec![('a', 1); 1100];
        assert_eq!(split_tokens(&endless).iter().map(|p| p.len()).collect::<Vec<_>>(), [510, 510, 80]);
    }

    #[test]
    fn a_broken_vocabulary_is_refused() {
        assert_eq!(parse_vocabulary(br#"{"vocab": {"a": 43, "ab": 1}}"#), Some(HashMap::from([('a', 43)])));
        for bad in ["", "[]", "{}", r#"{"vocab": {"a": "x"}}"#, r#"{"vocab": {"a": -1}}"#, r#"{"vocab": 3}"#] {
            assert_eq!(parse_vocabulary(bad.as_bytes()), None, "{bad}");
        }
    }
}
