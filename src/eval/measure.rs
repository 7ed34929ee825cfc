//! From traces to numbers (pure): how right, how late, and whether anything was lost or taken back.
//!
//! All times are seconds of the recording. [`measure`] does one clip, [`summarise`] many of one direction. Lags may be negative: the
//! interpretation began before the words it is counted from were over.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    data::{Clip, Part},
    events::{Kind, Loudness, TraceEvent},
    laal::{laal, token_delays, tokens},
    numbers::{self, Marks, Outcome, Pair, Tally},
};
use crate::{
    language::Language,
    score::{chrf, recognition_edits},
    trade::{Context, Glossary, read},
};

/// Utterances longer than this must be interpreted while they are spoken: the start lag counts only them.
const LONG_UTTERANCE_S: f64 = 6.0;

/// Clips of so many seconds are long enough to see whether the interpretation falls behind.
const LONG_CLIP_S: f64 = 120.0;

/// One clip.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measures {
    /// Its name.
    pub id: String,
    /// Tag of the language spoken.
    pub from: String,
    /// Tag of the language heard.
    pub to: String,
    /// Its length.
    pub seconds: f64,
    /// What was said.
    pub transcript: String,
    /// What was recognised.
    pub source: String,
    /// A translation by people.
    pub reference: Option<String>,
    /// The translation.
    pub target: String,
    /// Edits (characters for unspaced languages, words for the others) between transcript and what was recognised.
    pub edits: usize,
    /// Length of the transcript in the same unit.
    pub length: usize,
    /// The same with spoken numbers in digits on both sides.
    pub number_edits: (usize, usize),
    /// What became of the numbers that were said.
    pub numbers: Vec<Outcome>,
    /// Terms of the starter glossary in the transcript: rendered as it wants, and all.
    pub terms: (usize, usize),
    /// LAAL of each recording in the clip, by the clock.
    pub laal_aware_s: Vec<f64>,
    /// LAAL of each recording in the clip, as if models took no time.
    pub laal_unaware_s: Vec<f64>,
    /// Ear-voice span: from the start of a phrase to the start of its interpretation.
    pub phrases: Vec<Phrase>,
    /// From the start of each utterance longer than 6 s to the start of its interpretation.
    pub start_lag_s: Vec<f64>,
    /// From the end of each utterance's last word to the start of its interpretation.
    pub first_audio_lag_s: Vec<f64>,
    /// From the end of each utterance's last word to the start of the interpretation of its last phrase.
    pub last_phrase_lag_s: Vec<f64>,
    /// From the end of the clip's last word until everything was heard.
    pub end_lag_s: Option<f64>,
    /// Things taken back or said out of order: see [`retractions`].
    pub retractions: usize,
    /// Characters that were recognised but never translated.
    pub untranslated: usize,
    /// Failures of stages.
    pub errors: usize,
}

/// One phrase as it was spoken and heard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Phrase {
    /// Where it begins.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// When its interpretation was ready.
    pub ready_s: f64,
    /// When its interpretation is heard.
    pub heard_s: f64,
    /// How long that takes.
    pub audio_s: f64,
}

impl Phrase {
    /// Ear-voice span.
    pub fn lag_s(&self) -> f64 {
        self.heard_s - self.from_s
    }
}

/// What was known before each clip of one conversation: the currency that was last said, and so on.
pub fn contexts(clips: &[Clip]) -> Vec<Context> {
    let before = clips.iter().scan(Context::default(), |known, clip| {
        let before = *known;
        for part in &clip.parts {
            known.note(&read(&part.transcript, clip.from, known));
        }
        Some(before)
    });
    before.collect()
}

/// Measures what came of a clip before which `context` was known.
pub fn measure(clip: &Clip, events: &[TraceEvent], context: &Context) -> Measures {
    let join = |texts: Vec<&str>, language: Language| texts.join(if language.is_unspaced() { "" } else { " " });
    let transcript = join(clip.parts.iter().map(|p| p.transcript.as_str()).collect(), clip.from);
    let references: Option<Vec<&str>> = clip.parts.iter().map(|p| p.reference.as_deref()).collect();
    let source = text_of(events, Kind::Source, clip.from);
    let (edits, length) = recognition_edits(&transcript, &source, clip.from.is_unspaced());
    let target = text_of(events, Kind::Target, clip.to);
    let pair = Pair { transcript: &transcript, from: clip.from, target: &target, to: clip.to };
    let listed: Option<Vec<&str>> = clip.parts.iter().map(|p| p.numbers.as_deref()).collect();
    let listed = listed.filter(|parts| !parts.is_empty()).map(|parts| parts.join(";"));
    let loud = Loudness::of(&clip.samples);
    let phrases = phrases(events);
    let heard_until = events.iter().filter_map(|e| Some(seconds(e.play_ms? + e.audio_ms?))).reduce(f64::max);
    let words_until = seconds(loud.last_before((clip.seconds() * 1000.0) as u64));
    let utterances = utterances(events);
    let laals = |when: fn(&TraceEvent) -> Option<u64>| {
        clip.parts.iter().enumerate().filter_map(|(n, _)| part_laal(clip, n, &loud, events, when)).collect()
    };
    Measures {
        numbers: numbers::outcomes(pair, listed.as_deref(), &marks(events), context),
        number_edits: numbers::edits(&transcript, &source, clip.from),
        terms: numbers::terms(pair, Glossary::starter()),
        id: clip.id.clone(),
        from: clip.from.tag().into(),
        to: clip.to.tag().into(),
        seconds: clip.seconds(),
        transcript,
        source,
        reference: references.map(|texts| join(texts, clip.to)),
        target,
        edits,
        length,
        laal_aware_s: laals(|e| Some(e.wall_ms)),
        laal_unaware_s: laals(|e| e.heard_ms),
        start_lag_s: utterances.iter().filter(|u| u.to - u.from > LONG_UTTERANCE_S).map(|u| u.first_heard - u.from).collect(),
        first_audio_lag_s: utterances.iter().map(|u| u.first_heard - u.to).collect(),
        last_phrase_lag_s: utterances.iter().map(|u| u.last_heard - u.to).collect(),
        end_lag_s: heard_until.map(|heard| heard - words_until),
        phrases,
        retractions: retractions(events),
        untranslated: untranslated(events, clip.to),
        errors: events.iter().filter(|e| e.event == Kind::Error).count(),
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn of_kind(events: &[TraceEvent], kind: Kind) -> impl Iterator<Item = &TraceEvent> {
    events.iter().filter(move |e| e.event == kind)
}

/// The texts of a kind as one: within an utterance as they were appended, a space between utterances where words have spaces.
fn text_of(events: &[TraceEvent], kind: Kind, language: Language) -> String {
    let (mut text, mut before) = (String::new(), None);
    for event in of_kind(events, kind) {
        if before.is_some_and(|utterance| utterance != event.utterance) && !language.is_unspaced() {
            text.push(' ');
        }
        before = Some(event.utterance);
        text.push_str(event.text.expose());
    }
    text
}

/// What the pipeline called doubtful.
fn marks(events: &[TraceEvent]) -> Marks {
    let values = of_kind(events, Kind::Numbers).flat_map(|e| e.text.expose().split(';'));
    Marks {
        values: values.filter(|v| !v.is_empty()).map(str::to_owned).collect(),
        unverified: of_kind(events, Kind::Numbers).any(|e| e.verified == Some(false)),
    }
}

/// The phrases of an interpretation: clauses that stand for the same words are one.
fn phrases(events: &[TraceEvent]) -> Vec<Phrase> {
    let mut phrases: Vec<Phrase> = Vec::new();
    for event in of_kind(events, Kind::Speech) {
        let (Some(from), Some(to), Some(play), Some(audio)) = (event.from_ms, event.to_ms, event.play_ms, event.audio_ms) else {
            continue;
        };
        let phrase = Phrase {
            from_s: seconds(from),
            to_s: seconds(to),
            ready_s: seconds(event.wall_ms),
            heard_s: seconds(play),
            audio_s: seconds(audio),
        };
        match phrases.last_mut().filter(|last| last.from_s == phrase.from_s && last.to_s == phrase.to_s) {
            Some(last) => last.audio_s = phrase.heard_s + phrase.audio_s - last.heard_s,
            None => phrases.push(phrase),
        }
    }
    phrases
}

struct Utterance {
    from: f64,
    to: f64,
    first_heard: f64,
    last_heard: f64,
}

/// Utterances that were interpreted.
fn utterances(events: &[TraceEvent]) -> Vec<Utterance> {
    let of_end = |end: &TraceEvent| {
        let spoken: Vec<&TraceEvent> = of_kind(events, Kind::Speech).filter(|e| e.utterance == end.utterance).collect();
        let last = spoken.last()?;
        // The last phrase may have several clauses.
        let last_phrase = spoken.iter().find(|e| e.from_ms == last.from_ms && e.to_ms == last.to_ms)?;
        Some(Utterance {
            from: seconds(end.from_ms?),
            to: seconds(end.to_ms?),
            first_heard: seconds(spoken.first()?.play_ms?),
            last_heard: seconds(last_phrase.play_ms?),
        })
    };
    of_kind(events, Kind::End).filter_map(of_end).collect()
}

/// LAAL of one recording in a clip: of the pieces of translation that stand for it, counted from its first word to its last.
fn part_laal(
    clip: &Clip,
    number: usize,
    loud: &Loudness,
    events: &[TraceEvent],
    when: fn(&TraceEvent) -> Option<u64>,
) -> Option<f64> {
    let part: &Part = clip.parts.get(number)?;
    let ms = |s: f64| (s * 1000.0) as u64;
    // A piece belongs to the recording in which its middle lies; what is beyond the last one belongs to it.
    let (begin, limit) = (ms(part.from_s), clip.parts.get(number + 1).map_or(u64::MAX, |next| ms(next.from_s)));
    let belongs = |e: &&TraceEvent| match (e.from_ms, e.to_ms) {
        (Some(from), Some(to)) => (begin..limit).contains(&from.midpoint(to)),
        _ => false,
    };
    let (from, to) = (loud.first_from(begin), loud.last_before(ms(part.to_s)));
    let pieces = of_kind(events, Kind::Target).filter(belongs);
    let pieces = pieces.filter_map(|e| Some((seconds(when(e)?) - seconds(from), e.text.expose())));
    let delays = token_delays(pieces, clip.to);
    let reference = part.reference.as_deref().map_or(0, |text| tokens(text, clip.to));
    laal(&delays, seconds(to.saturating_sub(from)), reference)
}

/// Counts what must never happen: words or translation of an utterance after its last ones, an interpretation that goes back to
/// words it already had, and speech that says something else than the text (fillers may be left out).
pub fn retractions(events: &[TraceEvent]) -> usize {
    #[derive(Default)]
    struct Seen {
        target: String,
        spoken: String,
        to_ms: [u64; 2],
        complete: bool,
        ended: bool,
    }
    let mut seen: BTreeMap<Option<u64>, Seen> = BTreeMap::new();
    let mut count = 0;
    for event in events {
        let seen = seen.entry(event.utterance).or_default();
        let ink = || event.text.expose().chars().filter(|c| !c.is_whitespace());
        match event.event {
            Kind::Source => count += usize::from(seen.complete || seen.ended),
            Kind::Target => {
                count += usize::from(seen.complete || seen.ended);
                seen.complete = event.last;
                seen.target.extend(ink());
            }
            Kind::Speech => {
                count += usize::from(seen.ended);
                seen.spoken.extend(ink());
            }
            Kind::End => seen.ended = true,
            Kind::Numbers | Kind::Error => {}
        }
        let order = match event.event {
            Kind::Target => Some(0),
            Kind::Speech => Some(1),
            _ => None,
        };
        if let (Some(order), Some(to)) = (order, event.to_ms) {
            count += usize::from(to < seen.to_ms[order]);
            seen.to_ms[order] = to.max(seen.to_ms[order]);
        }
    }
    let said_else = |seen: &&Seen| {
        let mut target = seen.target.chars();
        !seen.spoken.chars().all(|c| target.any(|t| t == c))
    };
    count + seen.values().filter(said_else).count()
}

/// Characters of committed words in utterances of which no translation covers the end, failures included.
fn untranslated(events: &[TraceEvent], to: Language) -> usize {
    let covered = |source: &&TraceEvent| {
        let target = of_kind(events, Kind::Target).filter(|t| t.utterance == source.utterance);
        // Whole pieces only: a piece that was begun is finished or failed.
        target.filter_map(|t| t.to_ms).max() >= source.to_ms
    };
    let missing = of_kind(events, Kind::Source).filter(|source| source.lang != Some(to) && !covered(source));
    missing.map(|source| source.text.expose().chars().filter(|c| !c.is_whitespace()).count()).sum()
}

/// Many clips of one direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Direction, such as `zh→en`.
    pub direction: String,
    /// Clips.
    pub clips: usize,
    /// Their length.
    pub seconds: f64,
    /// `CER` or `WER`.
    pub error_kind: &'static str,
    /// Recognition error in percent, numerals as they are written.
    pub error_percent: f64,
    /// The same with spoken numbers in digits on both sides.
    pub normalised_error_percent: f64,
    /// What became of the numbers that were said: all, then by kind.
    pub numbers: Vec<(String, Tally)>,
    /// Terms of the starter glossary: rendered as it wants, and all.
    pub terms: (usize, usize),
    /// chrF of the clips with a reference.
    pub chrf: Option<f64>,
    /// LAAL by the clock.
    pub laal_aware_s: Spread,
    /// LAAL as if models took no time.
    pub laal_unaware_s: Spread,
    /// Ear-voice span of all phrases.
    pub ear_voice_s: Spread,
    /// Start lag of utterances longer than 6 s.
    pub start_lag_s: Spread,
    /// First-audio lag after the last word.
    pub first_audio_lag_s: Spread,
    /// The same to the interpretation of the last phrase.
    pub last_phrase_lag_s: Spread,
    /// From the last word of a clip until everything was heard.
    pub end_lag_s: Spread,
    /// In clips of two minutes and more: how much larger the ear-voice span is at the end than at one minute.
    pub drift_s: Spread,
    /// In such clips: the mean ear-voice span of each minute.
    pub ear_voice_by_minute_s: Vec<f64>,
    /// See [`Measures`].
    pub retractions: usize,
    /// See [`Measures`].
    pub untranslated: usize,
    /// See [`Measures`].
    pub errors: usize,
}

/// How values are spread: nearest ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
}

impl Spread {
    /// Of some values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = |p: f64| sorted.get(((p / 100.0 * sorted.len() as f64).ceil() as usize).max(1) - 1).copied();
        let mean = (!sorted.is_empty()).then(|| sorted.iter().sum::<f64>() / sorted.len() as f64);
        Self { count: sorted.len(), p50: rank(50.0), p95: rank(95.0), mean }
    }
}

/// Summarises clips by direction, in the order in which directions first appear.
pub fn summarise(clips: &[Measures]) -> Vec<Summary> {
    let mut directions: Vec<(&str, &str)> = Vec::new();
    for clip in clips {
        if !directions.contains(&(&clip.from, &clip.to)) {
            directions.push((&clip.from, &clip.to));
        }
    }
    directions.into_iter().map(|(from, to)| of_direction(from, to, clips)).collect()
}

fn of_direction(from: &str, to: &str, clips: &[Measures]) -> Summary {
    let clips: Vec<&Measures> = clips.iter().filter(|c| c.from == from && c.to == to).collect();
    let each = |pick: fn(&Measures) -> &Vec<f64>| Spread::of(clips.iter().flat_map(|c| pick(c).iter().copied()));
    let sum = |pick: fn(&Measures) -> usize| clips.iter().map(|c| pick(c)).sum::<usize>();
    let pairs: Vec<_> = clips.iter().filter_map(|c| Some((c.reference.as_deref()?, c.target.as_str()))).collect();
    let unspaced = from.parse::<Language>().is_ok_and(Language::is_unspaced);
    Summary {
        direction: format!("{from}→{to}"),
        clips: clips.len(),
        seconds: clips.iter().map(|c| c.seconds).sum(),
        error_kind: if unspaced { "CER" } else { "WER" },
        error_percent: 100.0 * sum(|c| c.edits) as f64 / sum(|c| c.length).max(1) as f64,
        normalised_error_percent: 100.0 * sum(|c| c.number_edits.0) as f64 / sum(|c| c.number_edits.1).max(1) as f64,
        numbers: numbers::tally(clips.iter().flat_map(|c| &c.numbers)),
        terms: (sum(|c| c.terms.0), sum(|c| c.terms.1)),
        chrf: (!pairs.is_empty()).then(|| chrf(pairs)),
        laal_aware_s: each(|c| &c.laal_aware_s),
        laal_unaware_s: each(|c| &c.laal_unaware_s),
        ear_voice_s: Spread::of(clips.iter().flat_map(|c| c.phrases.iter().map(Phrase::lag_s))),
        start_lag_s: each(|c| &c.start_lag_s),
        first_audio_lag_s: each(|c| &c.first_audio_lag_s),
        last_phrase_lag_s: each(|c| &c.last_phrase_lag_s),
        end_lag_s: Spread::of(clips.iter().filter_map(|c| c.end_lag_s)),
        drift_s: Spread::of(clips.iter().filter_map(|c| drift(c))),
        ear_voice_by_minute_s: by_minute(&clips),
        retractions: sum(|c| c.retractions),
        untranslated: sum(|c| c.untranslated),
        errors: sum(|c| c.errors),
    }
}

/// How much the mean ear-voice span grew between the minute around the first one and the last one of a long clip. In half of the time
/// there are no more than seven or ten phrases, whose spans differ by several seconds, whatever was before them.
pub fn drift(clip: &Measures) -> Option<f64> {
    let around = |from: f64, to: f64| {
        let lags = clip.phrases.iter().filter(|p| (from..to).contains(&p.from_s)).map(Phrase::lag_s);
        Spread::of(lags).mean
    };
    if clip.seconds < LONG_CLIP_S {
        return None;
    }
    Some(around(clip.seconds - 60.0, f64::INFINITY)? - around(30.0, 90.0)?)
}

/// The mean ear-voice span of each minute of long clips; what is less than a minute at a clip's end is counted to the one before.
pub fn by_minute(clips: &[&Measures]) -> Vec<f64> {
    let mut minutes: Vec<Vec<f64>> = Vec::new();
    for clip in clips.iter().filter(|clip| clip.seconds >= LONG_CLIP_S) {
        let count = (clip.seconds / 60.0) as usize;
        minutes.resize(minutes.len().max(count), Vec::new());
        for phrase in &clip.phrases {
            minutes[((phrase.from_s / 60.0) as usize).min(count - 1)].push(phrase.lag_s());
        }
    }
    minutes.into_iter().filter_map(|lags| Spread::of(lags).mean).collect()
}

#[cfg(test)]
mod tests;
