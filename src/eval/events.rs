//! What a played recording gave, event by event, in times of the recording (pure): the lines of `interpret --realtime --trace`.
//!
//! [`Observer`] is told what the pipeline said and when, knows which stretch of the recording each piece of text stands for, and
//! models the listener's queue: a clause is heard when it has arrived and everything before it was heard. Used by [`super::trace`].

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    audio::{level, opus::FRAME},
    ids::UtteranceId,
    language::Language,
    pipeline::event::{LaneEvent, SpeakerEvent, StageTimes, Stretch},
    privacy::Redacted,
    time::{Millis, SampleRate},
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words were recognised and committed.
    Source,
    /// A piece of the translation was committed.
    Target,
    /// A clause of the interpretation was synthesised and queued for the listener.
    Speech,
    /// Amounts were compared; the text has those that are marked, separated by `;`.
    Numbers,
    /// An utterance is over: everything that will be heard of it is with the listener.
    End,
    /// A stage failed.
    Error,
}

/// One line of a trace. Times are milliseconds; `from_ms` to `to_ms` is the stretch of the recording that the text stands for
/// (for `end`: the whole utterance), estimated by characters inside a piece of committed text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceEvent {
    /// What happened.
    pub event: Kind,
    /// To which utterance; null for a failure outside one.
    pub utterance: Option<u64>,
    /// Language of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
    /// What was appended; of an error, what went wrong.
    pub text: Redacted,
    /// Where the words begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
    /// Where they end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<u64>,
    /// How much of the recording had been listened to: when it would have happened with models that take no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_ms: Option<u64>,
    /// When it happened, since the recording began to play.
    pub wall_ms: u64,
    /// When the first sample can be heard, after what is still queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub play_ms: Option<u64>,
    /// How long it sounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_ms: Option<u64>,
    /// The last of its kind in this utterance.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// What it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<StageTimes>,
    /// Of numbers: the translation says them and no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// A piece of committed source text, in times of the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    text: Stretch,
    from: u64,
    to: u64,
    heard: u64,
}

#[derive(Debug, Default)]
struct Utterance {
    start: u64,
    end: Option<u64>,
    language: Option<Language>,
    pieces: Vec<Piece>,
    /// The end of the words committed so far.
    text: Stretch,
    /// How much was listened to for the words so far, committed or not.
    heard: u64,
    over: bool,
}

/// Turns what a speaker's pipeline and its lane say into [`TraceEvent`]s.
#[derive(Debug)]
pub struct Observer {
    /// When the recording began to play, on the server's clock.
    origin: Millis,
    to: Language,
    loud: Loudness,
    utterances: BTreeMap<u64, Utterance>,
    listener: Listener,
    events: Vec<TraceEvent>,
}

impl Observer {
    /// Observes a recording (16 kHz mono) that begins to play at `origin` and is interpreted into `to`.
    pub fn new(origin: Millis, to: Language, samples: &[f32]) -> Self {
        let loud = Loudness::of(samples);
        Self { origin, to, loud, utterances: BTreeMap::new(), listener: Listener::default(), events: Vec::new() }
    }

    /// Takes what the speaker's pipeline said at `now`.
    pub fn on_speaker(&mut self, now: Millis, event: &SpeakerEvent) {
        let wall = self.position(now);
        match event {
            SpeakerEvent::UtteranceStarted { utterance, at } => {
                let start = self.loud.first_from(self.position(*at));
                self.utterances.insert(*utterance, Utterance { start, ..Utterance::default() });
            }
            SpeakerEvent::Recognised { utterance, language, committed, speech_end, heard, times, .. } => {
                let heard = self.position(*heard);
                self.utterances.entry(*utterance).or_default().heard = heard;
                if !committed.is_blank() {
                    let until = (speech_end.map_or(wall, |at| self.position(at)), heard);
                    self.on_words(wall, *utterance, *language, committed, until, *times);
                }
            }
            SpeakerEvent::UtteranceEnded { utterance, speech_end } => {
                let end = self.position(*speech_end);
                self.close(wall, *utterance, Some(end));
            }
            SpeakerEvent::Failed { utterance, error } => {
                self.on_failed(wall, *utterance, error.to_string());
                if let Some(utterance) = utterance {
                    self.close(wall, *utterance, None);
                }
            }
            SpeakerEvent::Dropped(count) => self.on_failed(wall, None, format!("{count} packets were dropped")),
            SpeakerEvent::Finished => {}
        }
    }

    /// Takes what the lane said at `now`.
    pub fn on_lane(&mut self, now: Millis, event: &LaneEvent) {
        let wall = self.position(now);
        match event {
            LaneEvent::Translated { utterance, source, committed, last, times } => {
                let mut target = self.of_stretch(Kind::Target, wall, *utterance, *source, committed);
                (target.last, target.ms) = (*last, Some(*times));
                if !committed.expose().is_empty() {
                    self.events.push(target);
                }
            }
            LaneEvent::Spoken { utterance, source, text, audio, pause } => {
                let mut speech = self.of_stretch(Kind::Speech, wall, *utterance, *source, text);
                speech.play_ms = Some(self.listener.hears(wall, *utterance, *audio, *pause));
                speech.audio_ms = Some(millis(*audio));
                self.events.push(speech);
            }
            // Speech is played in order: what came before is over.
            LaneEvent::SpeechStarted { utterance, .. } => self.end_before(wall, utterance.0),
            LaneEvent::SpeechEnded { utterance, .. } => self.end_before(wall, utterance.0 + 1),
            LaneEvent::Failed { utterance, error } => self.on_failed(wall, Some(utterance.0), error.to_string()),
            LaneEvent::Finished => self.end_before(wall, u64::MAX),
            LaneEvent::Amounts { utterance, amounts, verified } => {
                let marked = amounts.iter().filter(|a| a.doubtful || !a.verified).map(|a| a.value.expose());
                let text = marked.collect::<Vec<_>>().join(";");
                let numbers = self::event(Kind::Numbers, wall, Some(utterance.0), text.into());
                self.events.push(TraceEvent { verified: Some(*verified), ..numbers });
            }
            LaneEvent::Packet { .. } | LaneEvent::Behind(_) => {}
        }
    }

    /// Nothing more comes: ends what is open.
    pub fn finish(&mut self, now: Millis) {
        let wall = self.position(now);
        self.end_before(wall, u64::MAX);
    }

    /// What there is to say since the last call.
    pub fn drain(&mut self) -> Vec<TraceEvent> {
        std::mem::take(&mut self.events)
    }

    fn on_words(&mut self, wall: u64, id: u64, lang: Language, text: &Redacted, (to, heard): (u64, u64), ms: StageTimes) {
        let utterance = self.utterances.entry(id).or_default();
        // Where a word ends is an estimate, and the first of them may come out before the utterance.
        let from = utterance.pieces.last().map_or(utterance.start, |piece| piece.to);
        let to = to.max(from);
        utterance.text = utterance.text.followed_by(text.expose());
        utterance.pieces.push(Piece { text: utterance.text, from, to, heard });
        utterance.language.get_or_insert(lang);
        self.events.push(TraceEvent {
            lang: Some(lang),
            from_ms: Some(from),
            to_ms: Some(to),
            heard_ms: Some(heard),
            ms: Some(ms),
            ..event(Kind::Source, wall, Some(id), text.clone())
        });
    }

    fn of_stretch(&self, kind: Kind, wall: u64, id: UtteranceId, stretch: Stretch, text: &Redacted) -> TraceEvent {
        let known = self.utterances.get(&id.0).and_then(|utterance| utterance.locate(stretch));
        TraceEvent {
            lang: Some(self.to),
            from_ms: known.map(|k| k.from),
            to_ms: known.map(|k| k.to),
            heard_ms: known.map(|k| k.heard),
            ..event(kind, wall, Some(id.0), text.clone())
        }
    }

    fn on_failed(&mut self, wall: u64, utterance: Option<u64>, reason: String) {
        self.events.push(event(Kind::Error, wall, utterance, reason.into()));
    }

    fn close(&mut self, wall: u64, id: u64, end: Option<u64>) {
        let Some(utterance) = self.utterances.get_mut(&id) else { return };
        utterance.end = end.or(utterance.end);
        // Nothing was said that anybody would hear.
        if utterance.pieces.is_empty() || utterance.language == Some(self.to) {
            self.end(wall, id);
        }
    }

    fn end_before(&mut self, wall: u64, limit: u64) {
        let ids: Vec<u64> = self.utterances.range(..limit).filter(|(_, u)| !u.over).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.end(wall, id));
    }

    fn end(&mut self, wall: u64, id: u64) {
        let Some(utterance) = self.utterances.get_mut(&id).filter(|u| !u.over) else { return };
        utterance.over = true;
        let to = utterance.end.or(utterance.pieces.last().map(|piece| piece.to));
        let (from_ms, lang) = (Some(utterance.start), utterance.language);
        let heard = self.listener.heard.ceil() as u64;
        self.events.push(TraceEvent {
            from_ms,
            to_ms: to,
            lang,
            play_ms: Some(heard.max(wall)).filter(|_| lang.is_some()),
            last: true,
            ..event(Kind::End, wall, Some(id), Redacted::default())
        });
    }

    /// Where in the recording the clock's `at` is, in milliseconds.
    fn position(&self, at: Millis) -> u64 {
        millis(at.since(self.origin))
    }
}

fn event(event: Kind, wall_ms: u64, utterance: Option<u64>, text: Redacted) -> TraceEvent {
    TraceEvent {
        event,
        utterance,
        lang: None,
        text,
        from_ms: None,
        to_ms: None,
        heard_ms: None,
        wall_ms,
        play_ms: None,
        audio_ms: None,
        last: false,
        ms: None,
        verified: None,
    }
}

impl Utterance {
    /// The times of a stretch of text: whole pieces as they are, parts of one by the share of its characters. Words that are not
    /// committed yet count as said right behind those that are, and as heard when they were last listened to.
    fn locate(&self, stretch: Stretch) -> Option<Piece> {
        let known = self.pieces.last().map_or(self.start, |piece| piece.to);
        let pending = Piece {
            text: Stretch { from: self.text.to, to: stretch.to.max(self.text.to) },
            from: known,
            to: known,
            heard: self.heard,
        };
        let inside = |piece: &&Piece| piece.text.to > stretch.from && piece.text.from < stretch.to;
        let mut pieces = self.pieces.iter().chain([&pending]).filter(inside);
        let first = pieces.next()?;
        let last = pieces.next_back().unwrap_or(first);
        let at = |piece: &Piece, character: usize| {
            let length = piece.text.to - piece.text.from;
            let share = (character.clamp(piece.text.from, piece.text.to) - piece.text.from) as f64 / length.max(1) as f64;
            piece.from + ((piece.to - piece.from) as f64 * share).round() as u64
        };
        Some(Piece { text: stretch, from: at(first, stretch.from), to: at(last, stretch.to), heard: last.heard })
    }
}

/// The listener's queue, as the lane's player paces it.
#[derive(Debug, Default)]
struct Listener {
    /// When everything that was queued so far has been heard, in milliseconds.
    heard: f64,
    /// The audio stream that is open, and its length so far.
    stream: Option<(UtteranceId, Duration)>,
}

impl Listener {
    /// Queues a clause that is ready at `wall`: when its first sample is heard.
    fn hears(&mut self, wall: u64, utterance: UtteranceId, audio: Duration, pause: Duration) -> u64 {
        let length = audio + pause;
        match &mut self.stream {
            Some((open, total)) if *open == utterance => *total += length,
            other => {
                // Each utterance is an Opus stream of its own: whole packets, and what the codec looks ahead.
                if let Some((_, total)) = other.take() {
                    let whole = FRAME * (total + LOOK_AHEAD).as_micros().div_ceil(FRAME.as_micros()) as u32;
                    self.heard += (whole.saturating_sub(total)).as_secs_f64() * 1000.0;
                }
                *other = Some((utterance, length));
            }
        }
        let play = self.heard.max(wall as f64);
        self.heard = play + length.as_secs_f64() * 1000.0;
        play.round() as u64
    }
}

/// What libopus looks ahead in voice mode (6.5 ms, RFC 7587).
const LOOK_AHEAD: Duration = Duration::from_micros(6500);

/// Which 20 ms of a recording are louder than 40 dB under its loudest: words, not breath nor the room.
#[derive(Debug)]
pub struct Loudness(Vec<bool>);

/// One step of [`Loudness`].
const STEP_MS: u64 = 20;

impl Loudness {
    /// Of 16 kHz mono samples.
    pub fn of(samples: &[f32]) -> Self {
        let levels: Vec<f32> = samples.chunks(SampleRate::ASR.samples(Duration::from_millis(STEP_MS))).map(level::rms).collect();
        let loudest = levels.iter().copied().fold(0.0, f32::max);
        Self(levels.iter().map(|rms| *rms > loudest * level::factor(-40.0)).collect())
    }

    /// The first loud moment from `at` on, in milliseconds; `at` when there is none.
    pub fn first_from(&self, at: u64) -> u64 {
        let begin = usize::try_from(at / STEP_MS).unwrap_or(usize::MAX);
        let found = self.0.iter().skip(begin).position(|loud| *loud);
        found.map_or(at, |n| at.max((begin + n) as u64 * STEP_MS))
    }

    /// The end of the last loud moment before `until`, in milliseconds; `until` when there is none.
    pub fn last_before(&self, until: u64) -> u64 {
        let end = usize::try_from(until.div_ceil(STEP_MS)).unwrap_or(usize::MAX).min(self.0.len());
        self.0[..end].iter().rposition(|loud| *loud).map_or(until, |n| until.min((n as u64 + 1) * STEP_MS))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
