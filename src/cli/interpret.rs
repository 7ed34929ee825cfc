//! `tongchuan interpret`: speech files to speech in another language, as the server would do it, without the network.
//!
//! As fast as it goes, file by file; or with `--realtime` at the pace of the recording and through the pipeline that serves rooms.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::{
    output::{Record, Stages, line, ms},
    transcribe::{hear, read},
};
use crate::{
    audio::file,
    config::Config,
    engines::Engines,
    eval::{
        events::{Kind, TraceEvent},
        trace::{Player, Scene},
    },
    fake,
    language::{Language, Spoken, Voice},
    offline::{self, Talk},
    pipeline::stages::Stages as PipelineStages,
    router::RoomSerial,
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
    #[arg(long, conflicts_with = "realtime")]
    json: bool,
    /// Play the files at their own pace through the pipeline that serves rooms, and print what happens when it happens.
    #[arg(long)]
    realtime: bool,
    /// One JSON object per event: event, utterance, lang, text, from_ms, to_ms, heard_ms, wall_ms, play_ms, audio_ms.
    #[arg(long, requires = "realtime")]
    trace: bool,
    /// Use scripted stages instead of models: for tests, without weights.
    #[arg(long, requires = "realtime")]
    fake_stages: bool,
    /// Files in WAV, Opus, Ogg, FLAC or MP3, at any sample rate.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Interpret {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        anyhow::ensure!(self.from != Spoken::Fixed(self.to), "--from and --to are the same language: {}", self.to);
        if self.realtime {
            return self.play(config).await;
        }
        let stages = Engines::open(config)?.stages().await?;
        // The files are one conversation.
        let (mut speech, talk) = (Vec::new(), Talk::new(&config.glossary()?.into()));
        for path in &self.files {
            let name = || path.display().to_string();
            let samples = read(path)?;
            let heard = hear(&stages.vad, &stages.asr, config, &samples, self.from, &talk).await.with_context(name)?;
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
                    let translated =
                        offline::translate(&stages.mt, from, self.to, &heard.text, &talk).await.with_context(name)?;
                    record.ms.mt = Some(ms(translated.took));
                    record.verified = Some(translated.output.verified);
                    target = translated.output.text.into_inner();
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
        self.write(&speech)
    }

    /// In real time, through the pipeline that serves rooms.
    async fn play(&self, config: &Config) -> anyhow::Result<()> {
        let stages = stages(config, self.fake_stages).await?;
        let directions: Vec<_> = self.from.fixed().map(|from| (from, self.to)).into_iter().collect();
        let player = Player::new(stages, config.glossary()?, &directions).await?;
        let mut heard = Vec::new();
        for path in &self.files {
            let samples = read(path)?;
            let scene = Scene {
                samples: &samples,
                from: self.from,
                to: self.to,
                voice: self.voice,
                room: RoomSerial(0),
                record: self.out.is_some(),
            };
            let several = self.files.len() > 1;
            if several && !self.trace {
                line(path.display())?;
            }
            let tell = |event: &TraceEvent| {
                if self.trace {
                    line(serde_json::to_string(&FileEvent { file: several.then_some(path), event })?)
                } else {
                    tell(event)
                }
            };
            let trace = player.play(scene, tell).await.with_context(|| path.display().to_string())?;
            if trace.dropped > 0 {
                tracing::warn!(packets = trace.dropped, file = %path.display(), "the pipeline was behind: packets were dropped");
            }
            heard.extend(trace.heard);
        }
        self.write(&heard)
    }

    fn write(&self, speech: &[f32]) -> anyhow::Result<()> {
        if let Some(out) = &self.out {
            anyhow::ensure!(!speech.is_empty(), "nothing was said in the files: {} is not written", out.display());
            file::write_wav(out, speech, SampleRate::TTS)?;
        }
        Ok(())
    }
}

/// The stages that the configuration says, or scripted ones.
pub(super) async fn stages(config: &Config, scripted: bool) -> anyhow::Result<PipelineStages> {
    if scripted {
        return Ok(fake::stages(fake::FakeOptions { pipeline: config.pipeline(), ..Default::default() }));
    }
    Engines::open(config)?.stages().await
}

/// A line of the trace; with its file when there are several.
#[derive(Serialize)]
struct FileEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a PathBuf>,
    #[serde(flatten)]
    event: &'a TraceEvent,
}

/// An event for people.
fn tell(event: &TraceEvent) -> anyhow::Result<()> {
    let text = event.text.expose().trim();
    let at = event.wall_ms as f64 / 1000.0;
    let lang = event.lang.map_or("??", Language::tag);
    match (event.event, event.play_ms) {
        (Kind::Source | Kind::Target, _) => line(format!("{at:7.2} s  {lang}: {text}")),
        (Kind::Speech, Some(play)) => line(format!("{at:7.2} s      heard from {:.2} s: {text}", play as f64 / 1000.0)),
        (Kind::Error, _) => line(format!("{at:7.2} s  error: {text}")),
        _ => Ok(()),
    }
}
