//! `tongchuan transcribe`: speech files to text.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;

use super::output::{Record, Stages, line, ms};
use crate::{
    asr::Hypothesis,
    audio::file::{self, FileError},
    config::Config,
    engines::Engines,
    language::{Language, Spoken},
    offline::{self, Talk},
    time::SampleRate,
    trade::doubt,
};

/// Speech files to text.
#[derive(Debug, Args)]
pub(super) struct Transcribe {
    /// Language spoken, or `auto`.
    #[arg(long, default_value = "auto")]
    lang: Spoken,
    /// One JSON object per file: file, lang, source, audio_s, ms per stage.
    #[arg(long)]
    json: bool,
    /// Files in WAV, Opus, Ogg, FLAC or MP3, at any sample rate.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Transcribe {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let engines = Engines::open(config)?;
        let (vad, asr) = (engines.vad().await?, engines.asr().await?);
        // The files are one conversation.
        let talk = Talk::new(&config.glossary()?.into());
        for path in &self.files {
            let samples = read(path)?;
            let name = || path.display().to_string();
            let heard = hear(&vad, &asr, config, &samples, self.lang, &talk).await.with_context(name)?;
            if self.json {
                let stages = Stages { vad: Some(ms(heard.vad)), asr: Some(ms(heard.asr)), ..Stages::default() };
                Record {
                    file: Some(path),
                    lang: heard.language,
                    source: Some(&heard.text),
                    audio_s: Some(SampleRate::ASR.duration(samples.len()).as_secs_f64()),
                    ms: stages,
                    ..Record::default()
                }
                .print()?;
            } else if self.files.len() > 1 {
                line(format!("{}: {}", path.display(), heard.text))?;
            } else {
                line(&heard.text)?;
            }
        }
        Ok(())
    }
}

/// Reads a sound file as 16 kHz mono, with its name in what may go wrong.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<f32>> {
    file::read(path, SampleRate::ASR).map_err(|error| match error {
        FileError::Read { .. } => anyhow::Error::new(error),
        other => anyhow::Error::new(other).context(path.display().to_string()),
    })
}

/// What was heard in a file.
pub(super) struct Heard {
    pub(super) language: Option<Language>,
    pub(super) text: String,
    /// Amounts, with how sure the recogniser was of them.
    pub(super) amounts: Vec<doubt::Heard>,
    pub(super) vad: Duration,
    pub(super) asr: Duration,
}

type Vad = crate::inference::worker::Handle<crate::vad::VadJob, crate::vad::VadOutput>;
type Asr = crate::inference::worker::Handle<crate::asr::AsrJob, crate::asr::Hypothesis>;

/// Finds the utterances of a recording and recognises each.
pub(super) async fn hear(
    vad: &Vad,
    asr: &Asr,
    config: &Config,
    samples: &[f32],
    lang: Spoken,
    talk: &Talk,
) -> anyhow::Result<Heard> {
    let utterances = offline::segment(vad, &config.pipeline().segmenter, samples).await?;
    let mut heard =
        Heard { language: lang.fixed(), text: String::new(), amounts: Vec::new(), vad: utterances.took, asr: Duration::ZERO };
    for utterance in utterances.output {
        let recognised = offline::recognise(asr, utterance.samples, lang, talk).await?;
        heard.asr += recognised.took;
        let (Hypothesis { language, text, .. }, amounts) = recognised.output;
        heard.amounts.extend(amounts);
        if text.is_blank() {
            continue;
        }
        if !heard.text.is_empty() && !language.is_unspaced() {
            heard.text.push(' ');
        }
        heard.language = Some(language);
        heard.text.push_str(text.expose());
    }
    Ok(heard)
}
