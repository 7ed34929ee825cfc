//! Reads a glossary's table; every mistake is told with its line and what to do about it.
//!
//! The `csv` library knows quotes and line ends; this knows what a term must have. Called by [`super::Glossary::parse`].

use std::sync::Arc;

use super::{Glossary, Term, sound};
use crate::language::Language;

/// Mistakes told at once: more do not help.
const MAX_ERRORS: usize = 20;
/// Terms in one table: a trade has some hundreds.
const MAX_TERMS: usize = 5_000;
/// Characters of one word or phrase.
const MAX_WORD: usize = 80;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Counted from 1; the first has the names of the columns.
    pub line: u64,
    /// What is wrong, and the fix.
    pub problem: String,
}

enum Column {
    Words(Language),
    SoundsLike,
    Near,
    Keep,
    Ask,
}

pub(super) fn parse(text: &str) -> Result<Glossary, Vec<LineError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let at = |line: u64, problem: String| LineError { line, problem };
    let headers = reader.headers().map_err(|error| vec![at(1, error.to_string())])?;
    let columns = headers.iter().map(column).collect::<Result<Vec<_>, _>>().map_err(|problem| vec![at(1, problem)])?;
    if !columns.iter().any(|c| matches!(c, Column::Words(_))) {
        return Err(vec![at(1, "name at least one language, such as `zh,en`".into())]);
    }
    let (mut terms, mut errors) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let read = match &record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                term(record, &columns).map_err(|problem| at(line, problem))
            }
            Err(error) => {
                Err(at(error.position().map_or(0, csv::Position::line), "it is no CSV line: check its quotation marks".into()))
            }
        };
        match read {
            Ok(term) => terms.push(Arc::new(term)),
            Err(error) => errors.push(error),
        }
        if terms.len() > MAX_TERMS {
            errors.push(at(0, format!("more than {MAX_TERMS} terms")));
        }
        if errors.len() >= MAX_ERRORS || terms.len() > MAX_TERMS {
            break;
        }
    }
    if errors.is_empty() { Ok(Glossary { terms }) } else { Err(errors) }
}

fn column(name: &str) -> Result<Column, String> {
    match name {
        "sounds_like" => Ok(Column::SoundsLike),
        "near" => Ok(Column::Near),
        "keep" => Ok(Column::Keep),
        "ask" => Ok(Column::Ask),
        tag => tag.parse().map(Column::Words).map_err(|_| {
            format!(
                "`{tag}` is no column: use a language's tag (`tongchuan languages` lists them), `sounds_like`, `near`, `keep` or `ask`"
            )
        }),
    }
}

fn term(record: &csv::StringRecord, columns: &[Column]) -> Result<Term, String> {
    if record.len() > columns.len() {
        return Err(format!(
            "{} cells for {} columns: put a cell with a comma into quotation marks",
            record.len(),
            columns.len()
        ));
    }
    // Who lists no everyday words means all of his.
    let ask = if columns.iter().any(|c| matches!(c, Column::Ask)) { 0 } else { usize::MAX };
    let mut term = Term { words: Vec::new(), heard: Vec::new(), near: Vec::new(), keep: false, ask, sounds: Vec::new() };
    for (cell, column) in record.iter().zip(columns) {
        let words: Vec<String> = cell.split('|').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect();
        if let Some(long) = words.iter().find(|w| w.chars().count() > MAX_WORD) {
            return Err(format!("a word of {} characters; {MAX_WORD} are enough", long.chars().count()));
        }
        if words.iter().any(|w| w.chars().any(char::is_control)) {
            return Err("a control character: write plain text".into());
        }
        match column {
            Column::Words(language) if !words.is_empty() => term.words.push((*language, words)),
            Column::Words(_) => {}
            Column::SoundsLike => term.heard = words,
            Column::Near => term.near = words,
            Column::Keep => term.keep = flag(cell, "keep")?,
            Column::Ask => term.ask = usize::from(flag(cell, "ask")?),
        }
    }
    match term.words.len() {
        0 => Err("no word in any language".into()),
        1 if !term.keep => Err("a word in one language only: add its translation, or `yes` under `keep` for a name".into()),
        _ => {
            term.sounds = sounds(term.words(Language::ZH));
            Ok(term)
        }
    }
}

/// How words of Chinese characters sound; a single one sounds like too many others to be told from them.
fn sounds(words: &[String]) -> Vec<(String, Vec<sound::Read>)> {
    let chinese = |word: &&String| word.chars().count() > 1 && word.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    words.iter().filter(chinese).map(|word| (word.clone(), sound::readings(word))).collect()
}

fn flag(cell: &str, column: &str) -> Result<bool, String> {
    match cell.to_lowercase().as_str() {
        "" | "no" | "0" | "false" | "否" => Ok(false),
        "yes" | "1" | "true" | "是" => Ok(true),
        _ => Err(format!("`{column}` is `yes` or empty")),
    }
}
