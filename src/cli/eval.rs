//! `tongchuan eval`: a data set through the pipeline that serves rooms, in real time; what it measures is in [`crate::eval`].

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::{Args, ValueEnum, builder::PossibleValue};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::{
    eval_offline::{self, Task},
    interpret::stages,
    output::line,
    transcribe::read,
};
use crate::{
    config::Config,
    eval::{
        data::{self, Clip, Item, TABLES},
        events::TraceEvent,
        measure::{Measures, contexts, measure, summarise},
        report::{Report, Run},
        trace::{Player, Scene},
    },
    language::{Language, Spoken, Voice},
    pipeline::{
        policy::Mode,
        stages::{PipelineOptions, Stages},
    },
    router::RoomSerial,
    telemetry,
    trade::Context,
};

/// Run a data set in real time; print and save how good and how late the interpretation is.
#[derive(Debug, Args)]
pub(super) struct Eval {
    /// Folder with `eval.tsv` (file, lang, transcript, target_lang, reference), `dialogue.tsv` or `manifest.tsv`; or a table.
    dir: PathBuf,
    /// Folder for `report.json`, `report.html` and `traces.jsonl`.
    #[arg(long, value_name = "DIR", default_value = "target/eval")]
    out: PathBuf,
    /// Only recordings in these languages.
    #[arg(long, value_delimiter = ',')]
    from: Vec<Language>,
    /// Interpret into this language, whatever the table says.
    #[arg(long)]
    to: Option<Language>,
    /// At most so many clips per direction.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Join recordings of one speaker to monologues of at least so many seconds, with pauses of 0.4 s.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    concat: Option<u16>,
    /// How to interpret; several are run one after the other and shown side by side.
    #[arg(long, value_delimiter = ',', default_value = "simultaneous")]
    mode: Vec<Mode>,
    /// Clips at once, as so many pairs of people talking: one measures what a pair gets.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Voice: female or male.
    #[arg(long, default_value = "female")]
    voice: Voice,
    /// Translate the transcripts instead of playing the recordings: numbers and the trade's words without recognition's mistakes.
    #[arg(long, group = "offline", conflicts_with_all = ["concat", "mode", "jobs", "voice", "fake_stages"])]
    text: bool,
    /// Recognise and translate the recordings as fast as it goes, utterance by utterance: no lags, and nothing is spoken.
    #[arg(long, group = "offline", conflicts_with_all = ["concat", "mode", "jobs", "voice", "fake_stages"])]
    fast: bool,
    /// Recognise the recordings, and print how sure the recogniser was of numbers that it heard right and wrong.
    #[arg(long, conflicts_with_all = ["offline", "concat", "mode", "jobs", "voice", "fake_stages"])]
    doubts: bool,
    /// With `--text` or `--fast`: again and again, each part of the trade work left out in turn.
    #[arg(long, requires = "offline")]
    ablation: bool,
    /// Use scripted stages instead of models: for tests, without weights.
    #[arg(long)]
    fake_stages: bool,
}

impl ValueEnum for Mode {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Simultaneous, Self::Sentence]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Simultaneous => "While somebody speaks",
            Self::Sentence => "When a sentence is over",
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
}

impl Eval {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        if self.text || self.fast || self.doubts {
            let mut items = self.items()?;
            self.limit(&mut items, |item| (item.from, item.to));
            let task = Task { items, dialogue: self.is_dialogue(), recordings: !self.text, out: &self.out };
            return match (self.doubts, self.ablation) {
                (true, _) => eval_offline::doubts(config, &task).await,
                (_, true) => eval_offline::ablation(config, &task).await,
                _ => eval_offline::run(config, &task).await,
            };
        }
        let clips = self.clips()?;
        anyhow::ensure!(!clips.is_empty(), "{} has no recordings that fit", self.dir.display());
        let seconds: f64 = clips.iter().map(Clip::seconds).sum::<f64>() * self.mode.len() as f64;
        eprintln!("{} clips in {} mode(s): {seconds:.0} s of sound in real time.", clips.len(), self.mode.len());
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let metrics = telemetry::init_metrics()?;
        let stages = stages(config, self.fake_stages).await?;
        let mut traces = std::fs::File::create(self.out.join("traces.jsonl"))?;
        let profile = if self.fake_stages { "scripted stages" } else { config.models.profile.as_str() };
        let mut report = Report {
            command: std::env::args().collect::<Vec<_>>().join(" "),
            machine: format!("{} cores, models: {profile}", config.compute.cores()),
            runs: Vec::new(),
        };
        let mut directions: Vec<_> = clips.iter().map(|c| (c.from, c.to)).collect();
        directions.sort_unstable();
        directions.dedup();
        let own = config.glossary()?;
        for mode in &self.mode {
            let options = Arc::new(PipelineOptions { mode: *mode, ..(*stages.options).clone() });
            let stages = Stages { options, ..stages.clone() };
            let player = Player::new(stages, own.clone(), &directions).await?;
            let before = stage_seconds(&metrics.render());
            let (run, played) = self.play(*mode, &player, &clips).await?;
            let after = stage_seconds(&metrics.render());
            let recorded: f64 = clips.iter().map(Clip::seconds).sum();
            let factor = |(stage, seconds): (String, f64)| {
                let spent = seconds - before.get(&stage).copied().unwrap_or_default();
                (stage, spent / recorded)
            };
            for (clip, events) in clips.iter().zip(&played) {
                for event in events {
                    let event = ClipEvent { mode: &run.mode, clip: &clip.id, event };
                    writeln!(traces, "{}", serde_json::to_string(&event)?)?;
                }
            }
            report.runs.push(Run { real_time_factors: after.into_iter().map(factor).collect(), ..run });
        }
        line(report.text())?;
        let (json, html) = (self.out.join("report.json"), self.out.join("report.html"));
        std::fs::write(&json, serde_json::to_string_pretty(&report)?).with_context(|| json.display().to_string())?;
        std::fs::write(&html, report.html()).with_context(|| html.display().to_string())?;
        line(format!("{}\n{}", json.display(), html.display()))
    }

    /// All clips in one mode, and what happened in each.
    async fn play(&self, mode: Mode, player: &Player, clips: &[Clip]) -> anyhow::Result<(Run, Vec<Vec<TraceEvent>>)> {
        // Clips of a dialogue are one conversation, other clips have nothing to do with each other.
        let dialogue = self.is_dialogue();
        let contexts = if dialogue { contexts(clips) } else { vec![Context::default(); clips.len()] };
        let played = stream::iter((0..).zip(clips.iter().zip(&contexts))).map(async |(number, (clip, context))| {
            let room = RoomSerial(if dialogue { 0 } else { number });
            let (from, to, voice) = (Spoken::Fixed(clip.from), clip.to, self.voice);
            let scene = Scene { samples: &clip.samples, from, to, voice, room, record: false };
            let (mut memory, mut next_ms) = (Vec::new(), 0);
            let on_event = |event: &TraceEvent| {
                if event.wall_ms >= next_ms {
                    memory.extend(memory_mib());
                    next_ms = event.wall_ms + MEMORY_EVERY_MS;
                }
                Ok(())
            };
            let trace = player.play(scene, on_event).await.with_context(|| clip.id.clone())?;
            let measures = measure(clip, &trace.events, context);
            tell(&measures);
            anyhow::Ok((measures, trace.events, memory))
        });
        let played: Vec<_> = played.buffered(usize::from(self.jobs)).try_collect().await?;
        let memory_mib = played.iter().flat_map(|(_, _, memory)| memory.iter().copied()).collect();
        let (clips, events): (Vec<Measures>, Vec<_>) = played.into_iter().map(|(measures, events, _)| (measures, events)).unzip();
        let run = Run {
            mode: mode.as_str().to_owned(),
            summaries: summarise(&clips),
            real_time_factors: Vec::new(),
            memory_mib,
            clips,
        };
        Ok((run, events))
    }

    fn table(&self) -> anyhow::Result<PathBuf> {
        if !self.dir.is_dir() {
            return Ok(self.dir.clone());
        }
        let tables = TABLES.map(|name| self.dir.join(name));
        let found = tables.into_iter().find(|table| table.is_file());
        found.with_context(|| format!("{} has none of {}", self.dir.display(), TABLES.join(", ")))
    }

    /// True when the rows are what two people say to each other, in order.
    fn is_dialogue(&self) -> bool {
        self.table().is_ok_and(|table| table.file_name().is_some_and(|name| name == data::DIALOGUE))
    }

    /// The rows of the table that are wanted.
    fn items(&self) -> anyhow::Result<Vec<Item>> {
        let table = self.table()?;
        let name = || table.display().to_string();
        let text = std::fs::read_to_string(&table).with_context(name)?;
        let folder = table.parent().unwrap_or(&self.dir);
        let mut items = data::parse(&text, folder, self.to).with_context(name)?;
        items.retain(|item| self.from.is_empty() || self.from.contains(&item.from));
        Ok(items)
    }

    fn clips(&self) -> anyhow::Result<Vec<Clip>> {
        let mut items = self.items()?;
        // Without joining, what is not wanted need not be read.
        if self.concat.is_none() {
            self.limit(&mut items, |item| (item.from, item.to));
        }
        let mut recordings = Vec::new();
        for item in items {
            let samples = sound(&item)?;
            recordings.push((item, samples));
        }
        let of = |(item, samples): (Item, Vec<f32>)| Clip::of(item, samples);
        let mut clips = match self.concat {
            Some(seconds) => data::monologues(&recordings, f64::from(seconds)),
            None => recordings.into_iter().map(of).collect(),
        };
        self.limit(&mut clips, |clip| (clip.from, clip.to));
        Ok(clips)
    }

    /// Keeps the first ones of each direction.
    fn limit<T>(&self, things: &mut Vec<T>, direction: fn(&T) -> (Language, Language)) {
        let mut seen = BTreeMap::new();
        things.retain(|thing| {
            let count: &mut usize = seen.entry(direction(thing)).or_default();
            *count += 1;
            self.limit.is_none_or(|limit| *count <= limit)
        });
    }
}

/// A row's recording, 16 kHz mono.
pub(super) fn sound(item: &Item) -> anyhow::Result<Vec<f32>> {
    let path = item.audio.iter().find(|path| path.is_file()).or(item.audio.first()).context("a row has no file")?;
    read(path)
}

/// How often memory is looked at while a clip is played.
const MEMORY_EVERY_MS: u64 = 10_000;

#[derive(Serialize)]
struct ClipEvent<'a> {
    mode: &'a str,
    clip: &'a str,
    #[serde(flatten)]
    event: &'a TraceEvent,
}

/// Progress.
fn tell(measures: &Measures) {
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), |v| format!("{v:.2}"));
    eprintln!(
        "{} ({}→{}, {:.1} s): LAAL {} s, end lag {} s, {} error(s)",
        measures.id,
        measures.from,
        measures.to,
        measures.seconds,
        number(measures.laal_aware_s.first().copied()),
        number(measures.end_lag_s),
        measures.errors
    );
}

/// Seconds spent per stage so far, from the process's own metrics: every job counts, those too whose answer nobody took.
fn stage_seconds(rendered: &str) -> BTreeMap<String, f64> {
    let parse = |line: &str| {
        let (stage, seconds) = line.strip_prefix("tongchuan_stage_seconds_sum{stage=\"")?.split_once("\"} ")?;
        Some((stage.to_owned(), seconds.parse().ok()?))
    };
    rendered.lines().filter_map(parse).collect()
}

/// Memory of this process in MiB, where the system says it (Linux).
fn memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: f64 = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_of_each_stage_are_read_from_the_metrics() {
        let rendered = "# TYPE tongchuan_stage_seconds histogram\ntongchuan_stage_seconds_bucket{stage=\"asr\",le=\"0.1\"} 1\n\
                        tongchuan_stage_seconds_sum{stage=\"asr\"} 1.5\ntongchuan_stage_seconds_sum{stage=\"mt\"} 0.25\n\
                        tongchuan_queue_seconds_sum{stage=\"mt\"} 9\n";
        let expected = BTreeMap::from([("asr".to_owned(), 1.5), ("mt".to_owned(), 0.25)]);
        assert_eq!(stage_seconds(rendered), expected);
    }
}
