//! `tongchuan eval --text`: the transcripts of a data set through the translator alone, as if they had been recognised without error.
//!
//! In the order of the table, as one conversation: an unspoken currency is the last one. Shows what becomes of numbers and of the trade's
//! words before recognition adds its own mistakes. Called by [`super::eval`].

use std::{collections::BTreeMap, path::Path, time::Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::output::line;
use crate::{
    config::Config,
    engines::Engines,
    eval::{
        data::Item,
        measure::Spread,
        numbers::{Fate, Marks, Outcome, Pair, Tally, outcomes, tally, terms},
    },
    language::Language,
    offline,
    pipeline::conversation::Conversation,
    score::chrf,
    trade::Glossary,
};

/// One transcript and what came of it.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    #[serde(skip)]
    direction: (Language, Language),
    source: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    verified: bool,
    numbers: Vec<Outcome>,
    /// As wanted, and all.
    terms: (usize, usize),
    ms: f64,
}

/// Translates `items`, prints what became of their numbers, and writes every line to `out`.
pub(super) async fn run(config: &Config, items: Vec<Item>, out: &Path) -> anyhow::Result<()> {
    let mt = Engines::open(config)?.mt().await?;
    let talk = Conversation::default();
    let mut lines = Vec::new();
    for item in items {
        let context = talk.context();
        let began = Instant::now();
        let done = offline::translate(&mt, item.from, item.to, &item.transcript, &talk).await;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        // A line without a translation has no number either, and its speaker is told so.
        let checked = done.map(|done| done.output).unwrap_or_default();
        let target = checked.text.into_inner();
        let pair = Pair { transcript: &item.transcript, from: item.from, target: &target, to: item.to };
        let marks = Marks { values: Vec::new(), unverified: !checked.verified };
        let numbers = outcomes(pair, item.numbers.as_deref(), &marks, &context);
        for wrong in numbers.iter().filter(|n| n.fate != Fate::Exact) {
            eprintln!("{}: {} {} {:?}: {} -> {target}", item.id, wrong.kind, wrong.value, wrong.fate, item.transcript);
        }
        let terms = terms(pair, Glossary::starter());
        let (direction, verified) = ((item.from, item.to), checked.verified);
        lines.push(Line {
            id: item.id,
            direction,
            source: item.transcript,
            target,
            reference: item.reference,
            verified,
            numbers,
            terms,
            ms,
        });
    }
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let path = out.join("text.json");
    std::fs::write(&path, serde_json::to_string_pretty(&lines)?).with_context(|| path.display().to_string())?;
    let mut directions: BTreeMap<(Language, Language), Vec<&Line>> = BTreeMap::new();
    for row in &lines {
        directions.entry(row.direction).or_default().push(row);
    }
    for ((from, to), rows) in directions {
        summary(&format!("{from}→{to}"), &rows)?;
    }
    line(path.display())
}

fn summary(direction: &str, rows: &[&Line]) -> anyhow::Result<()> {
    let counts =
        |tally: &Tally| format!("{} exact, {} wrong and marked, {} wrong in silence", tally.exact, tally.marked, tally.silent);
    for (kind, found) in tally(rows.iter().flat_map(|row| &row.numbers)) {
        line(format!("{direction} numbers, {kind}: {}", counts(&found)))?;
    }
    let sum = |pick: fn(&Line) -> usize| rows.iter().map(|row| pick(row)).sum::<usize>();
    line(format!("{direction} glossary: {} of {} terms as wanted", sum(|row| row.terms.0), sum(|row| row.terms.1)))?;
    let pairs: Vec<_> = rows.iter().filter_map(|row| Some((row.reference.as_deref()?, row.target.as_str()))).collect();
    let ms = Spread::of(rows.iter().map(|row| row.ms));
    line(format!(
        "{direction} chrF {:.1}, {} lines, {} marked, ms p50 {:.0} p95 {:.0}",
        chrf(pairs),
        rows.len(),
        rows.iter().filter(|row| !row.verified).count(),
        ms.p50.unwrap_or_default(),
        ms.p95.unwrap_or_default()
    ))
}
