//! `tongchuan speak`: text to a WAV file.

use std::path::PathBuf;

use clap::Args;

use super::output::{Record, Stages, line, ms};
use crate::{
    audio::file,
    config::Config,
    engines::Engines,
    language::{Language, Voice},
    offline,
    time::SampleRate,
};

/// Text to a WAV file.
#[derive(Debug, Args)]
pub(super) struct Speak {
    /// Language of the text.
    #[arg(long)]
    lang: Language,
    /// Voice: female or male.
    #[arg(long, default_value = "female")]
    voice: Voice,
    /// The file to write: 24 kHz mono, 16 bit.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// One JSON object: file, source, audio_s, ms.
    #[arg(long)]
    json: bool,
    /// What to say.
    text: String,
}

impl Speak {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let tts = Engines::open(config)?.tts().await?;
        let spoken = offline::speak(&tts, self.lang, self.voice, &self.text).await?;
        anyhow::ensure!(!spoken.output.is_empty(), "there is nothing to say in the text");
        file::write_wav(&self.out, &spoken.output, SampleRate::TTS)?;
        let seconds = SampleRate::TTS.duration(spoken.output.len()).as_secs_f64();
        if self.json {
            let stages = Stages { tts: Some(ms(spoken.took)), ..Stages::default() };
            Record {
                file: Some(&self.out),
                lang: Some(self.lang),
                source: Some(&self.text),
                audio_s: Some(seconds),
                ms: stages,
                ..Record::default()
            }
            .print()
        } else {
            line(format!("{}: {seconds:.2} s of speech in {} ms", self.out.display(), ms(spoken.took)))
        }
    }
}
