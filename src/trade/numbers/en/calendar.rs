//! English dates and times of day: the tenth of December, December 10th, 2025; half past two, 2 pm, ten past nine, nine o'clock.
//!
//! A bare hour ("at nine") stays a number: the comparison accepts it for nine o'clock.

use super::{Reader, words};
use crate::trade::{
    amount::{Kind, Value},
    numbers::{
        Draft,
        literal::date_value,
        words::{Cardinal, gap},
    },
};

/// True for the name of a month.
pub(super) fn is_month_word(word: &str) -> bool {
    words::month(word, true).is_some()
}

/// The month whose name begins at or behind the spaces at `i`, and where it ends.
pub(super) fn month_at(reader: &Reader<'_>, i: usize) -> Option<(u8, usize)> {
    let scan = reader.scan;
    let at = scan.skip_spaces(i);
    let (word, end) = scan.word(at)?;
    let capital = scan.get(at).is_some_and(char::is_uppercase);
    let month = words::month(&word, capital)?;
    let dot = word.len() <= 4 && scan.get(end) == Some('.') && scan.get(end + 1) == Some(' ');
    Some((month, if dot { end + 1 } else { end }))
}

/// The day of a month at `i`: an ordinal, or digits without a unit.
fn day_at(reader: &Reader<'_>, i: usize) -> Option<(u8, usize)> {
    if let Some((value, end)) = reader.ordinal_value(i) {
        return u8::try_from(value).ok().filter(|d| (1..=31).contains(d)).map(|d| (d, end));
    }
    let n = reader.cardinal(i).filter(|n| n.digits.as_ref().is_some_and(|d| d.len() <= 2) || n.simple.is_some())?;
    let day = u8::try_from(n.value).ok().filter(|d| (1..=31).contains(d) && n.value.scale() == 0)?;
    Some((day, n.end))
}

/// A year at `i`, a comma before it allowed.
fn year_at(reader: &Reader<'_>, i: usize) -> Option<(u16, usize)> {
    let scan = reader.scan;
    let at = scan.skip_spaces(if scan.get(i) == Some(',') { i + 1 } else { i });
    let n = reader.cardinal(at).filter(|n| n.digits.as_ref().is_some_and(|d| d.len() == 4))?;
    let year = u16::try_from(n.value).ok().filter(|y| (1900..=2100).contains(y))?;
    reader.unit(n.end).is_none().then_some((year, n.end))
}

/// A date that begins at `i`.
pub(super) fn date(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let scan = reader.scan;
    let build = |month, day, end: usize| {
        let year = year_at(reader, end);
        let value = date_value(year.map(|y| y.0), Some(month), day)?;
        // "the tenth of December": the article goes with the words.
        let the = scan.head(i).ends_with(" the ") || matches!(scan.head(i), "the " | "The ");
        Some(Draft::new(Kind::Date, value, if the { i - 4 } else { i }..year.map_or(end, |y| y.1)))
    };
    if let Some((month, end)) = month_at(reader, i).filter(|_| scan.get(i).is_some_and(char::is_alphabetic)) {
        let at = scan.skip_spaces(end);
        let at = scan.eat(at, "the ").map_or(at, |at| scan.skip_spaces(at));
        if let Some((day, day_end)) = day_at(reader, at)
            && reader.unit(day_end).is_none()
            && super::money::after(reader, at, day_end, 1.into(), 1.into()).is_none()
        {
            return build(month, Some(day), day_end);
        }
        // "may" and "march" alone are verbs more often, even at the beginning of a sentence.
        let verb = matches!(scan.slice(i..end), "May" | "March" | "Mar" | "Jan" | "Dec")
            && !matches!(
                reader.word_before(i).as_str(),
                "in" | "by"
                    | "of"
                    | "since"
                    | "until"
                    | "before"
                    | "after"
                    | "next"
                    | "last"
                    | "from"
                    | "early"
                    | "late"
                    | "mid"
                    | "this"
                    | "end"
            );
        return if verb { None } else { build(month, None, end) };
    }
    let (day, end) = day_at(reader, i)?;
    let at = scan.skip_spaces(end);
    let at = scan.eat(at, "of ").unwrap_or(at);
    let (month, month_end) = month_at(reader, at)?;
    build(month, Some(day), month_end)
}

/// "am", "pm", "in the afternoon" behind `i`: where it ends and whether it is after noon.
fn half_day(reader: &Reader<'_>, i: usize) -> Option<(usize, bool)> {
    let scan = reader.scan;
    let at = scan.skip_spaces(i);
    let lower = scan.slice(at..(at + 16).min(scan.len())).to_lowercase();
    const NAMES: [(&str, bool); 10] = [
        ("a.m.", false),
        ("p.m.", true),
        ("a.m", false),
        ("p.m", true),
        ("am", false),
        ("pm", true),
        ("in the morning", false),
        ("in the afternoon", true),
        ("in the evening", true),
        ("at night", true),
    ];
    let (name, late) = NAMES.iter().find(|(name, _)| lower.starts_with(name))?;
    let end = at + name.chars().count();
    (!scan.get(end).is_some_and(char::is_alphanumeric)).then_some((end, *late))
}

/// Adds "pm" and the like to a time.
pub(super) fn with_half_day(reader: &Reader<'_>, mut draft: Draft) -> Draft {
    let Value::Time { hour, minute, sure } = draft.value else { return draft };
    if let Some((end, late)) = half_day(reader, draft.span.end) {
        let hour = match (hour, late) {
            (1..12, true) => hour + 12,
            (12, false) => 0,
            _ => hour,
        };
        draft.value = Value::Time { hour, minute, sure: true };
        draft.number = draft.span.clone();
        draft.span.end = end;
    } else {
        draft.value = Value::Time { hour, minute, sure };
    }
    draft
}

fn time_of(reader: &Reader<'_>, i: usize, end: usize, hour: u8, minute: u8) -> Draft {
    with_half_day(reader, Draft::new(Kind::Time, Value::Time { hour, minute, sure: hour > 12 }, i..end))
}

fn small(n: &Cardinal) -> Option<u8> {
    u8::try_from(n.value).ok().filter(|_| n.value.scale() == 0)
}

/// The hour at `i`, an "o'clock" behind it taken in.
fn hour_at(reader: &Reader<'_>, i: usize) -> Option<(u8, usize)> {
    let n = reader.cardinal(gap(reader.scan, i))?;
    let hour = small(&n).filter(|h| (1..=24).contains(h))?;
    let end = reader.next_word(n.end).filter(|(w, _)| w == "o'clock").map_or(n.end, |(_, end)| end);
    Some((hour, end))
}

/// half past two
pub(super) fn half_past(reader: &Reader<'_>, i: usize, end: usize) -> Option<Draft> {
    let (word, end) = reader.next_word(end)?;
    let (hour, end) = hour_at(reader, end).filter(|_| word == "past")?;
    Some(time_of(reader, i, end, hour, 30))
}

/// quarter past nine, a quarter to ten
pub(super) fn quarter(reader: &Reader<'_>, i: usize, end: usize) -> Option<Draft> {
    let (word, end) = reader.next_word(end)?;
    let (hour, end) = hour_at(reader, end)?;
    match word.as_str() {
        "past" | "after" => Some(time_of(reader, i, end, hour, 15)),
        "to" => Some(time_of(reader, i, end, (hour + 23) % 24, 45)),
        _ => None,
    }
}

/// ten past nine, twenty minutes to three
pub(super) fn time(reader: &Reader<'_>, i: usize) -> Option<Draft> {
    let n = reader.cardinal(i)?;
    let minute = small(&n).filter(|m| (1..60).contains(m))?;
    let (mut word, mut end) = reader.next_word(n.end)?;
    let minutes = word == "minutes";
    if minutes {
        (word, end) = reader.next_word(end)?;
    }
    let (hour, hour_end) = hour_at(reader, end)?;
    match word.as_str() {
        "past" => Some(time_of(reader, i, hour_end, hour, minute)),
        "to" if minutes && hour <= 12 && reader.unit(hour_end).is_none() && reader.word_before(i) == "at" => {
            Some(time_of(reader, i, hour_end, (hour + 23) % 24, 60 - minute))
        }
        _ => None,
    }
}

/// nine o'clock, 2 pm
pub(super) fn hour(reader: &Reader<'_>, i: usize, n: &Cardinal) -> Option<Draft> {
    let hour = small(n).filter(|h| (1..=24).contains(h))?;
    if let Some((_, end)) = reader.next_word(n.end).filter(|(w, _)| w == "o'clock") {
        return Some(time_of(reader, i, end, hour, 0));
    }
    half_day(reader, n.end).filter(|_| hour <= 12)?;
    // "5 am" but not "I am": the number stands before it.
    Some(time_of(reader, i, n.end, hour, 0))
}
