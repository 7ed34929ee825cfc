//! `tongchuan interpret`: speech files to speech in another language, as the server would do it, without the network.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::{
    output::{Record, Stages, line, ms},
    transcribe::{hear, read},
};
use crate::{
    audio::file,
    config::Config,
    engines::Engines,
    language::{Language, Spoken, Voice},
    offline,
    time::SampleRate,
};

/// Speech files to speech in another language.
#[derive(Debug, Args)]
pub(super) struct Interpret {
    /// Language spoken, or `auto`.
    #[arg(long, default_value = "auto")]
    from: Spoken,
    /// Language wanted.
    #[arg(long)]
    to: Language,
    /// Voice: female or male.
    #[arg(long, default_value = "female")]
    voice: Voice,
    /// WAV file for the interpretation of all files, one after the other.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object per file: file, source, target, audio_s, ms per stage.
    #[arg(long)]
    json: bool,
    /// Files in WAV, Opus, Ogg, FLAC or MP3, at any sample rate.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Interpret {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        anyhow::ensure!(self.from != Spoken::Fixed(self.to), "--from and --to are the same language: {}", self.to);
        let stages = Engines::open(config)?.stages().await?;
        let mut speech = Vec::new();
        for path in &self.files {
            let name = || path.display().to_string();
            let samples = read(path)?;
            let heard = hear(&stages.vad, &stages.asr, config, &samples, self.from).await.with_context(name)?;
            let mut record = Record {
                file: Some(path),
                lang: heard.language,
                source: Some(&heard.text),
                audio_s: Some(SampleRate::ASR.duration(samples.len()).as_secs_f64()),
                ms: Stages { vad: Some(ms(heard.vad)), asr: Some(ms(heard.asr)), ..Stages::default() },
                ..Record::default()
            };
            let mut target = String::new();
            if let Some(from) = heard.language.filter(|_| !heard.text.is_empty()) {
                if from == self.to {
                    target.clone_from(&heard.text);
                } else {
                    let translated = offline::translate(&stages.mt, from, self.to, &heard.text).await.with_context(name)?;
                    record.ms.mt = Some(ms(translated.took));
                    target = translated.output.into_inner();
                }
                let spoken = offline::speak(&stages.tts, self.to, self.voice, &target).await.with_context(name)?;
                record.ms.tts = Some(ms(spoken.took));
                speech.extend(spoken.output);
            }
            record.target = Some(&target);
            if self.json {
                record.print()?;
            } else {
                let from = heard.language.map_or("??", Language::tag);
                line(format!("{}\n  {from}: {}\n  {}: {target}", path.display(), heard.text, self.to))?;
            }
        }
        if let Some(out) = &self.out {
            anyhow::ensure!(!speech.is_empty(), "nothing was said in the files: {} is not written", out.display());
            file::write_wav(out, &speech, SampleRate::TTS)?;
        }
        Ok(())
    }
}
