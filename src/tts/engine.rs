//! The synthesiser of the product: Kokoro where it has a voice, espeak-ng for every other language.
//!
//! Text is normalised, turned into phonemes and spoken; whatever engine spoke, the loudness is the same. When Kokoro or its phonemes
//! fail, espeak-ng speaks instead: a plain voice is better than silence. Owned by one worker thread of `inference`.

use std::path::PathBuf;

use super::{
    Speech, Synthesiser, TtsJob,
    espeak::Espeak,
    g2p::{G2p, G2pError, G2pOptions},
    kokoro::{Kokoro, KokoroError, KokoroOptions, voice_name},
    normalize, sound,
};
use crate::{
    inference::{JobContext, JobError, onnx::Provider},
    language::{Language, Voice},
};

const STAGE: &str = "tts";

/// Where everything is and how to run it.
#[derive(Debug, Clone)]
pub struct TtsOptions {
    /// Folder with `kokoro.onnx`, `vocab.json` and `voices/`.
    pub kokoro_dir: PathBuf,
    /// Folder with the English pronunciation dictionaries.
    pub g2p_en_dir: PathBuf,
    /// Folder with the Chinese ones.
    pub g2p_zh_dir: PathBuf,
    /// espeak-ng's program: a path, or a name to look up in `PATH`.
    pub espeak: PathBuf,
    /// Threads for Kokoro.
    pub threads: usize,
    /// Where Kokoro computes.
    pub provider: Provider,
}

/// Speech synthesis could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// Kokoro's files.
    #[error(transparent)]
    Kokoro(#[from] KokoroError),
    /// The pronunciation dictionaries.
    #[error(transparent)]
    G2p(#[from] G2pError),
    /// A warm-up sentence failed.
    #[error("speech synthesis does not work for {language}: {error}")]
    WarmUp {
        /// In which language.
        language: Language,
        /// Why.
        error: JobError,
    },
}

/// All engines together.
pub struct TtsEngine {
    kokoro: Kokoro,
    g2p: G2p,
    /// Missing when it is not installed: then only Kokoro's languages are spoken.
    espeak: Option<Espeak>,
}

impl TtsEngine {
    /// Loads the models. A missing espeak-ng is a warning that says how to install it.
    ///
    /// # Errors
    /// [`TtsError`] when Kokoro or the dictionaries cannot be loaded.
    pub fn load(options: &TtsOptions) -> Result<Self, TtsError> {
        let espeak = Espeak::load(&options.espeak)
            .inspect_err(|error| tracing::warn!(%error, "only Kokoro's languages will be spoken"))
            .ok();
        let g2p = G2p::load(&G2pOptions {
            en_dir: options.g2p_en_dir.clone(),
            zh_dir: options.g2p_zh_dir.clone(),
            espeak: options.espeak.clone(),
        })?;
        let kokoro = Kokoro::load(&options.kokoro_dir, KokoroOptions { threads: options.threads, provider: options.provider })?;
        Ok(Self { kokoro, g2p, espeak })
    }

    /// The languages that can be spoken.
    pub fn languages(&self) -> Vec<Language> {
        Language::all().filter(|l| l.info().kokoro.is_some() || self.espeak.is_some()).collect()
    }

    /// Speaks once in Chinese and once in English, so that the first real clause finds dictionaries and memory ready.
    ///
    /// # Errors
    /// [`TtsError::WarmUp`] when that fails.
    pub fn warm_up(&mut self) -> Result<(), TtsError> {
        // About as long as a long clause: the memory arena grows to what it will need.
        let sentences = [
            (Language::ZH, "您好，请稍等一下，系统正在准备，马上就可以开始说话了。"),
            (Language::EN, "Hello, please wait a moment, everything is getting ready and we can start talking soon."),
        ];
        for (language, text) in sentences {
            for voice in [Voice::Female, Voice::Male] {
                self.with_kokoro(language, voice, text, 1.0, &JobContext::detached())
                    .map_err(|error| TtsError::WarmUp { language, error })?;
            }
        }
        Ok(())
    }

    fn with_kokoro(
        &mut self,
        language: Language,
        voice: Voice,
        text: &str,
        speed: f32,
        context: &JobContext,
    ) -> Result<Vec<f32>, JobError> {
        let name = voice_name(language, voice).ok_or_else(|| JobError::failed(STAGE, "Kokoro has no voice for it"))?;
        let text = normalize::normalize(language, text);
        let phonemes = self.g2p.phonemes(language, &text).map_err(|e| JobError::failed(STAGE, e))?;
        self.kokoro.speak(&phonemes, name, speed, context)
    }

    fn with_espeak(&self, job: &TtsJob, speed: f32, context: &JobContext) -> Result<Vec<f32>, JobError> {
        let espeak = self.espeak.as_ref().ok_or_else(|| {
            JobError::failed(STAGE, format!("nobody speaks {}: install espeak-ng (`apt install espeak-ng`)", job.language))
        })?;
        let text = normalize::normalize(job.language, job.text.expose());
        espeak.speak(job.language, job.voice, &text, speed, context)
    }
}

impl Synthesiser for TtsEngine {
    fn synthesise(&mut self, job: &TtsJob, context: &JobContext) -> Result<Speech, JobError> {
        context.checkpoint()?;
        // Out of range, or not a number at all: the nearest sane speed.
        let speed = if job.speed.is_finite() { job.speed.clamp(0.5, 2.0) } else { 1.0 };
        if !job.text.expose().chars().any(char::is_alphanumeric) {
            return Ok(Speech::default());
        }
        let spoken = match job.language.info().kokoro {
            Some(_) => self.with_kokoro(job.language, job.voice, job.text.expose(), speed, context),
            None => self.with_espeak(job, speed, context),
        };
        let mut samples = match spoken {
            Err(error @ JobError::Failed { .. }) if job.language.info().kokoro.is_some() && self.espeak.is_some() => {
                tracing::warn!(language = %job.language, %error, "Kokoro failed: espeak-ng speaks instead");
                self.with_espeak(job, speed, context)?
            }
            other => other?,
        };
        sound::normalise(&mut samples);
        Ok(Speech { samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        models::{load_test_runtime, test_file},
        privacy::Redacted,
    };

    fn engine() -> TtsEngine {
        load_test_runtime();
        let folder = |model, file| test_file(model, file).parent().unwrap().to_owned();
        TtsEngine::load(&TtsOptions {
            kokoro_dir: folder("kokoro-82m", "kokoro.onnx"),
            g2p_en_dir: folder("g2p-en", "us_gold.json"),
            g2p_zh_dir: folder("g2p-zh", "phrases_dict.json"),
            espeak: "espeak-ng".into(),
            threads: 2,
            provider: Provider::Cpu,
        })
        .unwrap()
    }

    fn job(tag: &str, voice: Voice, text: &str) -> TtsJob {
        TtsJob { language: tag.parse().unwrap(), voice, text: Redacted::from(text), speed: 1.0 }
    }

    fn level(samples: &[f32]) -> f32 {
        let mut frames: Vec<f32> = samples.chunks(480).map(|f| f.iter().map(|s| s * s).sum::<f32>() / f.len() as f32).collect();
        frames.sort_by(f32::total_cmp);
        frames[frames.len() * 3 / 4].sqrt()
    }

    #[test]
    fn every_engine_speaks_equally_loud_and_long_enough() {
        let (mut engine, context) = (engine(), JobContext::detached());
        for (tag, text) in
            [("zh", "你好，很高兴认识你。"), ("en", "Good morning, how are you?"), ("ru", "Доброе утро, как дела?")]
        {
            for voice in [Voice::Female, Voice::Male] {
                let speech = engine.synthesise(&job(tag, voice, text), &context).unwrap();
                let seconds = speech.samples.len() as f32 / 24_000.0;
                assert!((0.8..5.0).contains(&seconds), "{tag} {voice:?}: {seconds} s");
                assert!((0.05..0.25).contains(&level(&speech.samples)), "{tag} {voice:?}: {}", level(&speech.samples));
                assert!(speech.samples.iter().all(|s| s.abs() <= 0.9));
            }
        }
        let nothing = engine.synthesise(&job("en", Voice::Male, " …, "), &context).unwrap();
        assert_eq!(nothing, Speech::default());
        let odd = TtsJob { speed: f32::NAN, ..job("en", Voice::Male, "yes") };
        assert!(!engine.synthesise(&odd, &context).unwrap().samples.is_empty());
        context.cancel.cancel();
        assert_eq!(engine.synthesise(&job("en", Voice::Male, "yes"), &context), Err(JobError::Cancelled));
    }

    #[test]
    fn espeak_takes_over_when_kokoro_fails() {
        let mut engine = engine();
        let broken = tempfile::tempdir().unwrap();
        engine.kokoro.forget_voices(broken.path());
        let speech = engine.synthesise(&job("en", Voice::Female, "Still here."), &JobContext::detached()).unwrap();
        assert!(speech.samples.len() > 12_000);
        engine.espeak = None;
        let error = engine.synthesise(&job("en", Voice::Female, "Still here."), &JobContext::detached()).unwrap_err();
        assert!(!error.to_string().contains("Still"), "{error}");
        assert!(engine.languages().iter().all(|l| l.info().kokoro.is_some()));
        assert!(matches!(
            engine.synthesise(&job("ru", Voice::Male, "да"), &JobContext::detached()),
            Err(JobError::Failed { .. })
        ));
    }
}
