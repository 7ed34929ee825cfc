//! What became of the numbers that were said (pure): right, wrong and marked, or wrong in silence; and whether the trade's words came out.
//!
//! What was said is what the data set lists (column `numbers`), else what is read from the transcript. A number is right when the
//! translation has it, marked when the pipeline said that it may be wrong. Called by [`super::measure`] and by `tongchuan eval --text`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    language::Language,
    score::recognition_edits,
    trade::{Amount, Context, Glossary, Kind, Value, compare, locale::plain, read, rewrite::digits, write},
};

/// What became of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The translation has it.
    Exact,
    /// It has not, and the listener is told so.
    Marked,
    /// It has not, or has one that nobody said, and nobody is told.
    Silent,
}

/// A number that was said, or that the translation has without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Such as `money`; `invented` for one that nobody said.
    pub kind: String,
    /// As the data set lists it, or in digits.
    pub value: String,
    /// What became of it.
    pub fate: Fate,
}

/// What the pipeline said about the numbers of a clip.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Values of amounts that it called unverified or doubtful.
    pub values: Vec<String>,
    /// A translation as a whole was called unverified.
    pub unverified: bool,
}

/// Something said and its translation.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What was really said.
    pub transcript: &'a str,
    /// Its language.
    pub from: Language,
    /// What the translation says.
    pub target: &'a str,
    /// Its language.
    pub to: Language,
}

/// The numbers of `pair`, one by one; `listed` are those of the data set, separated by `;`.
pub fn outcomes(pair: Pair<'_>, listed: Option<&str>, marks: &Marks, context: &Context) -> Vec<Outcome> {
    let said = read(pair.transcript, pair.from, context);
    let mut known = *context;
    known.note(&said);
    let found = read(pair.target, pair.to, &known);
    let own = said.iter().filter(|a| !a.optional).flat_map(parts).collect::<Vec<_>>().join(";");
    let wanted: Vec<&str> = listed.unwrap_or(&own).split(';').map(str::trim).filter(|v| !v.is_empty()).collect();
    let mut have: Vec<String> = found.iter().flat_map(parts).collect();
    let mut out = Vec::new();
    for value in &wanted {
        let place = have.iter().position(|h| same(value, h));
        if let Some(place) = place {
            have.swap_remove(place);
        }
        let kind = said.iter().find(|a| parts(a).any(|p| same(value, &p))).map_or("number", |a| kind(a.kind));
        let fate = if place.is_some() { Fate::Exact } else { Fate::Silent };
        out.push(Outcome { kind: kind.to_owned(), value: (*value).to_owned(), fate });
    }
    let comparison = compare(&said, &found, context, pair.to);
    // What took the place of a listed number was counted there.
    let missed = out.iter().filter(|o| o.fate != Fate::Exact).count();
    for amount in comparison.added.iter().skip(missed).filter_map(|t| found.get(*t)) {
        out.push(Outcome { kind: "invented".into(), value: write::plain(&amount.value), fate: Fate::Silent });
    }
    let mut marked: Vec<&String> =
        marks.values.iter().filter(|m| !out.iter().any(|o| o.fate == Fate::Exact && same(&o.value, m))).collect();
    for outcome in out.iter_mut().filter(|o| o.fate == Fate::Silent) {
        if marks.unverified || marked.pop().is_some() {
            outcome.fate = Fate::Marked;
        }
    }
    out
}

/// The numbers of an amount, each alone: a range has two, a size has three.
pub(super) fn parts(amount: &Amount) -> impl Iterator<Item = String> {
    let percent = amount.kind == Kind::Percent;
    let number = |v: &Decimal| format!("{}{}", plain(*v), if percent { "%" } else { "" });
    let parts = match &amount.value {
        Value::One(v) => vec![number(v)],
        Value::Range(low, high) => vec![number(low), number(high)],
        Value::Sides(sides) => sides.iter().map(number).collect(),
        Value::Digits(digits) => vec![digits.clone()],
        Value::Date { year, month, day } => {
            let year = year.map(|y| y.to_string());
            year.into_iter().chain([month, day].into_iter().flatten().map(u8::to_string)).collect()
        }
        Value::Time { .. } => vec![write::plain(&amount.value)],
    };
    parts.into_iter()
}

/// The same number: `3.80` and `3.8`, `2:30` and `14:30`, `+49 151` and `49151`.
pub(super) fn same(a: &str, b: &str) -> bool {
    let time = |t: &str| -> Option<(u32, u32)> {
        let (hour, minute) = t.split_once(':')?;
        Some((hour.parse::<u32>().ok()? % 12, minute.parse().ok()?))
    };
    if let (Some(a), Some(b)) = (time(a), time(b)) {
        return a == b;
    }
    if a.ends_with('%') != b.ends_with('%') {
        return false;
    }
    let bare = |t: &str| t.chars().filter(|c| c.is_alphanumeric() || *c == '.').collect::<String>();
    let (a, b) = (bare(a), bare(b));
    match (a.parse::<Decimal>(), b.parse::<Decimal>()) {
        (Ok(x), Ok(y)) if a.len() < 10 => x == y,
        _ => a == b,
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "number",
        Kind::Quantity => "quantity",
        Kind::Ordinal => "ordinal",
        Kind::Money => "money",
        Kind::Percent => "percent",
        Kind::Discount => "discount",
        Kind::Fraction => "fraction",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Size => "size",
        Kind::Phone => "phone",
        Kind::Code => "code",
    }
}

/// Edits between transcript and recognition with spoken numbers in digits on both sides, and the transcript's length; characters of
/// unspaced languages, words of others.
pub fn edits(transcript: &str, source: &str, language: Language) -> (usize, usize) {
    let written = |text: &str| digits(text, language, &read(text, language, &Context::default()));
    recognition_edits(&written(transcript), &written(source), language.is_unspaced())
}

/// Terms of `glossary` in the transcript: how many the translation calls as it should, and how many there are.
pub fn terms(pair: Pair<'_>, glossary: &Glossary) -> (usize, usize) {
    let wanted = glossary.wanted(pair.transcript, pair.from, pair.to);
    (wanted.iter().filter(|term| term.is_in(pair.target, pair.to)).count(), wanted.len())
}

/// How many numbers of each kind fared how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Right.
    pub exact: usize,
    /// Wrong, and the listener was told.
    pub marked: usize,
    /// Wrong, and nobody was told.
    pub silent: usize,
}

/// Counts outcomes; `all` first, then by kind.
pub fn tally<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<(String, Tally)> {
    let mut all = Tally::default();
    let mut kinds: BTreeMap<&str, Tally> = BTreeMap::new();
    for outcome in outcomes {
        for tally in [&mut all, kinds.entry(&outcome.kind).or_default()] {
            match outcome.fate {
                Fate::Exact => tally.exact += 1,
                Fate::Marked => tally.marked += 1,
                Fate::Silent => tally.silent += 1,
            }
        }
    }
    std::iter::once(("all".to_owned(), all)).chain(kinds.into_iter().map(|(kind, tally)| (kind.to_owned(), tally))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(transcript: &str, target: &str, listed: Option<&str>, marks: &Marks) -> Vec<(String, Fate)> {
        let pair = Pair { transcript, from: Language::ZH, target, to: Language::EN };
        outcomes(pair, listed, marks, &Context::default())
            .into_iter()
            .map(|o| (format!("{} {}", o.kind, o.value), o.fate))
            .collect()
    }

    #[test]
    fn numbers_are_right_marked_or_wrong_in_silence() {
        let none = Marks::default();
        let text = "四块七一个，六百个。";
        assert_eq!(
            found(text, "4.70 yuan each, 600 pieces.", None, &none),
            [("money 4.7".into(), Fate::Exact), ("quantity 600".into(), Fate::Exact)]
        );
        assert_eq!(found(text, "4.70 yuan each, 60 pieces.", Some("4.7;600"), &none)[1].1, Fate::Silent);
        let marks = Marks { values: vec!["600".into()], unverified: false };
        assert_eq!(found(text, "4.70 yuan each, 60 pieces.", None, &marks)[1].1, Fate::Marked);
        assert_eq!(found("便宜点吧。", "Make it 5 yuan.", None, &none), [("invented 5".into(), Fate::Silent)]);
        assert_eq!(
            found("下午四点半，付三成", "4:30 pm, pay 30%", Some("16:30;30%"), &none)
                .iter()
                .filter(|f| f.1 == Fate::Exact)
                .count(),
            2
        );
        assert!(same("+49151", "49 151") && !same("3.8", "38") && !same("30%", "30"));
    }

    #[test]
    fn a_tally_counts_all_and_each_kind() {
        let outcome = |kind: &str, fate| Outcome { kind: kind.into(), value: "1".into(), fate };
        let all = [outcome("money", Fate::Exact), outcome("money", Fate::Silent), outcome("date", Fate::Marked)];
        let expected = Tally { exact: 1, marked: 1, silent: 1 };
        assert_eq!(tally(&all)[0], ("all".into(), expected));
        assert_eq!(tally(&all)[2], ("money".into(), Tally { exact: 1, marked: 0, silent: 1 }));
    }

    #[test]
    fn spoken_and_written_numbers_are_no_recognition_error() {
        assert_eq!(edits("一共三百五十块", "一共350块", Language::ZH).0, 0);
        assert_eq!(edits("thirty percent off", "30% off", Language::EN).0, 0);
    }
}
