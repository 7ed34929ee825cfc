//! `tongchuan eval --text`, `--fast`, `--ablation` and `--doubts`: a data set through the stages one after the other, without the pipeline's pace.
//!
//! In the order of the table; a dialogue is one conversation: an unspoken currency is the last one. `--text` translates the transcripts as
//! if they had been recognised without error, and so shows what becomes of numbers and of the trade's words before recognition adds its
//! own mistakes; `--fast` begins with the recordings; `--ablation` shows what each part of the trade work is worth. Called by [`super::eval`].

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Context as _;
use serde::Serialize;

use super::{
    eval::sound,
    output::line,
    transcribe::{Heard, hear},
};
use crate::{
    asr::{AsrJob, Hypothesis},
    config::Config,
    engines::Engines,
    eval::{
        data::Item,
        doubts::{Sure, judged, table},
        measure::Spread,
        numbers::{Fate, Marks, Outcome, Pair, Tally, edits, outcomes, tally, terms},
    },
    inference::worker::Handle,
    language::{Language, Spoken},
    mt::{MtJob, Translation},
    offline::{self, Parts, Talk},
    score::chrf,
    trade::{self, Context, Glossary, write},
    vad::{VadJob, VadOutput},
};

/// What is to be run.
pub(super) struct Task<'a> {
    /// In order.
    pub(super) items: Vec<Item>,
    /// They are one conversation.
    pub(super) dialogue: bool,
    /// Begin with the recordings, not with their transcripts.
    pub(super) recordings: bool,
    /// Where every line is written to.
    pub(super) out: &'a Path,
}

/// One row and what came of it.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    #[serde(skip)]
    direction: (Language, Language),
    transcript: String,
    /// What was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    verified: bool,
    /// Values that were not heard well.
    doubtful: Vec<String>,
    numbers: Vec<Outcome>,
    /// As wanted, and all.
    terms: (usize, usize),
    /// Recognition errors with numbers in digits, and the transcript's length.
    edits: (usize, usize),
    /// Computing of the translation.
    ms: f64,
}

/// The stages of a [`Task`].
struct Stages {
    /// Only to begin with recordings.
    ears: Option<(Handle<VadJob, VadOutput>, Handle<AsrJob, Hypothesis>)>,
    mt: Handle<MtJob, Translation>,
    /// The server's own terms.
    own: Arc<Glossary>,
}

impl Stages {
    async fn open(config: &Config, recordings: bool) -> anyhow::Result<Self> {
        let engines = Engines::open(config)?;
        let ears = if recordings { Some((engines.vad().await?, engines.asr().await?)) } else { None };
        Ok(Self { ears, mt: engines.mt().await?, own: Arc::new(config.glossary()?) })
    }
}

/// Recognises and translates, prints what became of numbers, and writes every line.
pub(super) async fn run(config: &Config, task: &Task<'_>) -> anyhow::Result<()> {
    let stages = Stages::open(config, task.recordings).await?;
    let lines = lines(config, task, &stages, Parts::default()).await?;
    for (row, wrong) in
        lines.iter().flat_map(|row| row.numbers.iter().map(move |n| (row, n))).filter(|(_, n)| n.fate != Fate::Exact)
    {
        let source = row.source.as_ref().unwrap_or(&row.transcript);
        eprintln!("{}: {} {} {:?}: {source} -> {}", row.id, wrong.kind, wrong.value, wrong.fate, row.target);
    }
    std::fs::create_dir_all(task.out).with_context(|| task.out.display().to_string())?;
    let path = task.out.join(if task.recordings { "fast.json" } else { "text.json" });
    std::fs::write(&path, serde_json::to_string_pretty(&lines)?).with_context(|| path.display().to_string())?;
    for (direction, rows) in directions(&lines) {
        summary(&direction, &rows)?;
    }
    line(path.display())
}

/// Runs it with all parts, and with each part left out.
pub(super) async fn ablation(config: &Config, task: &Task<'_>) -> anyhow::Result<()> {
    let stages = Stages::open(config, task.recordings).await?;
    let all = Parts::default();
    let variants = [
        ("all parts", all),
        ("without repair", Parts { repair: false, ..all }),
        ("without amounts", Parts { amounts: false, ..all }),
        ("without context", Parts { context: false, ..all }),
        ("without wording", Parts { wording: false, ..all }),
        ("without history", Parts { history: false, ..all }),
        ("without vocabulary", Parts { vocabulary: false, ..all }),
        ("none", Parts { repair: false, amounts: false, context: false, wording: false, history: false, vocabulary: false }),
    ];
    for (name, parts) in variants {
        let lines = lines(config, task, &stages, parts).await?;
        for (direction, rows) in directions(&lines) {
            line(format!("{name:<18} {}", row(&direction, &rows)))?;
        }
    }
    Ok(())
}

async fn lines(config: &Config, task: &Task<'_>, stages: &Stages, parts: Parts) -> anyhow::Result<Vec<Line>> {
    let fresh = || (Talk { parts, ..Talk::new(&stages.own) }, Context::default());
    let (mut talk, mut truth) = fresh();
    let mut lines = Vec::new();
    for item in &task.items {
        if !task.dialogue {
            (talk, truth) = fresh();
        }
        let (from, to) = (item.from, item.to);
        let heard = match &stages.ears {
            Some((vad, asr)) => Some(hear(vad, asr, config, &sound(item)?, Spoken::Fixed(from), &talk).await?),
            None => None,
        };
        let source = heard.as_ref().map_or(item.transcript.as_str(), |heard| heard.text.as_str());
        let done = offline::translate(&stages.mt, from, to, source, &talk).await;
        // A line without a translation has no number either, and its speaker is told so.
        let (checked, took) = done.map_or_else(|_| Default::default(), |done| (done.output, done.took));
        let target = checked.text.into_inner();
        let pair = Pair { transcript: &item.transcript, from, target: &target, to };
        let amounts = heard.as_ref().map_or(&[][..], |heard| &heard.amounts);
        let doubtful: Vec<String> = amounts.iter().filter(|a| a.is_doubtful()).map(|a| write::plain(&a.amount.value)).collect();
        let marks = Marks { values: doubtful.clone(), unverified: !checked.verified };
        let numbers = outcomes(pair, item.numbers.as_deref(), &marks, &truth);
        truth.note(&trade::read(&item.transcript, from, &truth));
        lines.push(Line {
            id: item.id.clone(),
            direction: (from, to),
            verified: checked.verified,
            doubtful,
            numbers,
            terms: terms(pair, Glossary::starter()),
            edits: edits(&item.transcript, source, from),
            ms: took.as_secs_f64() * 1000.0,
            source: heard.map(|heard| heard.text),
            transcript: item.transcript.clone(),
            target,
            reference: item.reference.clone(),
        });
    }
    Ok(lines)
}

/// The lines of each direction.
fn directions(lines: &[Line]) -> Vec<(String, Vec<&Line>)> {
    let mut directions: BTreeMap<(Language, Language), Vec<&Line>> = BTreeMap::new();
    for row in lines {
        directions.entry(row.direction).or_default().push(row);
    }
    directions.into_iter().map(|((from, to), rows)| (format!("{from}→{to}"), rows)).collect()
}

/// Everything about a direction in one line.
fn row(direction: &str, rows: &[&Line]) -> String {
    let all = tally(rows.iter().flat_map(|row| &row.numbers)).into_iter().next().map(|(_, tally)| tally).unwrap_or_default();
    let sum = |pick: fn(&Line) -> usize| rows.iter().map(|row| pick(row)).sum::<usize>();
    let error = if rows.iter().any(|row| row.source.is_some()) { format!("{}, ", error(rows)) } else { String::new() };
    let pairs: Vec<_> = rows.iter().filter_map(|row| Some((row.reference.as_deref()?, row.target.as_str()))).collect();
    let ms = Spread::of(rows.iter().map(|row| row.ms));
    format!(
        "{direction}: {error}numbers {} exact, {} marked, {} in silence, glossary {} of {}, chrF {:.1}, ms p50 {:.0} p95 {:.0}",
        all.exact,
        all.marked,
        all.silent,
        sum(|row| row.terms.0),
        sum(|row| row.terms.1),
        chrf(pairs),
        ms.p50.unwrap_or_default(),
        ms.p95.unwrap_or_default()
    )
}

/// The recognition error with numbers in digits.
fn error(rows: &[&Line]) -> String {
    let sum = |pick: fn(&Line) -> usize| rows.iter().map(|row| pick(row)).sum::<usize>();
    let percent = 100.0 * sum(|row| row.edits.0) as f64 / sum(|row| row.edits.1).max(1) as f64;
    let unspaced = rows.iter().any(|row| row.direction.0.is_unspaced());
    format!("{} {percent:.1} %", if unspaced { "CER" } else { "WER" })
}

fn summary(direction: &str, rows: &[&Line]) -> anyhow::Result<()> {
    for (kind, Tally { exact, marked, silent }) in tally(rows.iter().flat_map(|row| &row.numbers)).into_iter().skip(1) {
        line(format!("{direction} {kind}: {exact} exact, {marked} wrong and marked, {silent} wrong in silence"))?;
    }
    let marked = rows.iter().filter(|row| !row.verified).count();
    line(format!("{}; {} lines, {marked} unverified", row(direction, rows), rows.len()))
}

/// Recognises, and prints how sure the recogniser was of numbers that it heard right and of those that it heard wrong.
pub(super) async fn doubts(config: &Config, task: &Task<'_>) -> anyhow::Result<()> {
    let engines = Engines::open(config)?;
    let (vad, asr) = (engines.vad().await?, engines.asr().await?);
    let own = Arc::new(config.glossary()?);
    let fresh = || (Talk::new(&own), Context::default());
    let (mut talk, mut truth) = fresh();
    let mut sure: BTreeMap<Language, Vec<Sure>> = BTreeMap::new();
    for item in &task.items {
        if !task.dialogue {
            (talk, truth) = fresh();
        }
        let Heard { amounts, .. } = hear(&vad, &asr, config, &sound(item)?, Spoken::Fixed(item.from), &talk).await?;
        let said = trade::read(&item.transcript, item.from, &truth);
        truth.note(&said);
        talk.conversation.note(&amounts.iter().map(|heard| heard.amount.clone()).collect::<Vec<_>>());
        let judged = judged(&said, &amounts);
        for sure in &judged {
            let verdict = if sure.right { "right" } else { "wrong" };
            eprintln!("{}: {} {verdict}, sure {:.2}", item.id, sure.value, sure.sure);
        }
        sure.entry(item.from).or_default().extend(judged);
    }
    for (language, sure) in sure {
        line(table(language, &sure))?;
    }
    Ok(())
}
