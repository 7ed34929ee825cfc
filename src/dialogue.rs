//! Recorded dialogues: reads them from a folder and plays one turn between two connected clients, listening at both ends.
//!
//! A folder holds `dialogue.tsv` (columns id, speaker, lang, text, reference, …) and `ID.LANG.opus` per line. Used by `demo` and by
//! the end-to-end tests; it knows the protocol only through [`crate::client`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    audio::{file, level, opus::Decoder},
    client::{Client, Event, Received},
    ids::UtteranceId,
    language::Language,
    pipeline::event::StageTimes,
    protocol::{
        ServerMessage,
        message::{CaptionKind, Role},
    },
    time::SampleRate,
};

/// One line of a dialogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the data set.
    pub id: String,
    /// Who says it.
    pub speaker: Role,
    /// In which language.
    pub language: Language,
    /// What is said.
    pub text: String,
    /// A translation by people.
    pub reference: String,
    /// The recording.
    pub audio: PathBuf,
}

/// Reads `dialogue.tsv` of `dir`.
///
/// # Errors
/// When the file is missing or a line does not have the columns.
pub fn read(dir: &Path) -> anyhow::Result<Vec<Line>> {
    let table = dir.join("dialogue.tsv");
    let text = std::fs::read_to_string(&table).with_context(|| format!("cannot read {}", table.display()))?;
    let parse = |row: &str| -> Option<Line> {
        let mut columns = row.split('\t');
        let (id, speaker, tag, text, reference) =
            (columns.next()?, columns.next()?, columns.next()?, columns.next()?, columns.next()?);
        Some(Line {
            id: id.to_owned(),
            speaker: if speaker == "merchant" { Role::Merchant } else { Role::Buyer },
            language: tag.parse().ok()?,
            text: text.to_owned(),
            reference: reference.to_owned(),
            audio: dir.join(format!("{id}.{tag}.opus")),
        })
    };
    let rows = text.lines().skip(1).filter(|row| !row.is_empty());
    rows.map(|row| parse(row).with_context(|| format!("{}: a line lacks a column: {row}", table.display()))).collect()
}

/// Where the speaker's words end in a recording: after the last 20 ms that are louder than 40 dB under the loudest.
///
/// A breath or the room behind the voice stays below that; a final consonant does not.
pub fn end_of_words(samples: &[f32], rate: SampleRate) -> Duration {
    let frame = rate.samples(Duration::from_millis(20));
    let loudness: Vec<f32> = samples.chunks(frame).map(level::rms).collect();
    let loudest = loudness.iter().copied().fold(0.0, f32::max);
    let last = loudness.iter().rposition(|rms| *rms > loudest * level::factor(-40.0)).map_or(0, |n| n + 1);
    rate.duration(last * frame)
}

/// What happened in one turn.
#[derive(Debug, Default)]
pub struct Turn {
    /// What was recognised, as both sides were shown it.
    pub source: String,
    /// The translation that the listener was shown.
    pub target: String,
    /// The interpretation that the listener heard: 24 kHz mono.
    pub speech: Vec<f32>,
    /// From the true end of the speaker's words to the first sample of the interpretation; none when nothing was heard.
    pub lag: Option<Duration>,
    /// When the first sample of the interpretation arrived.
    pub first_audio: Option<Instant>,
    /// Stage times: of the words those of their last piece, of translation and speech those of the first.
    pub times: StageTimes,
    /// Errors that either side was told.
    pub errors: Vec<String>,
    /// Utterances in the order in which the listener's translations and speech arrived.
    pub order: Vec<UtteranceId>,
}

/// Silence after the words, as an open microphone sends it: longer than any endpointing.
const TRAILING_SILENCE: Duration = Duration::from_millis(1500);

/// Nothing new for this long after everything was complete ends a turn: a second utterance would have begun by then.
const QUIET: Duration = Duration::from_millis(700);

/// Plays 16 kHz `samples` as `speaker` in real time and listens at both ends until everything was interpreted, at most `limit`.
///
/// # Errors
/// When a connection breaks.
pub async fn turn(
    speaker: &mut Client,
    speaker_rx: &mut mpsc::Receiver<Received>,
    listener_rx: &mut mpsc::Receiver<Received>,
    samples: &[f32],
    limit: Duration,
) -> anyhow::Result<Turn> {
    let mut played = samples.to_vec();
    played.resize(samples.len() + SampleRate::ASR.samples(TRAILING_SILENCE), 0.0);
    let mut ears = Ears::new()?;
    let deadline = Instant::now() + SampleRate::ASR.duration(played.len()) + limit;
    let speaking = speaker.speak(&played);
    tokio::pin!(speaking);
    let mut begun = None;
    let mut quiet_since = Instant::now();
    loop {
        let over = begun.is_some() && ears.complete();
        tokio::select! {
            result = &mut speaking, if begun.is_none() => begun = Some(result?),
            received = speaker_rx.recv() => {
                let received = received.context("the speaker's connection ended")?;
                ears.on_speaker_side(received)?;
                quiet_since = Instant::now();
            }
            received = listener_rx.recv() => {
                let received = received.context("the listener's connection ended")?;
                ears.on_listener_side(received)?;
                quiet_since = Instant::now();
            }
            () = tokio::time::sleep_until(quiet_since + QUIET), if over => break,
            () = tokio::time::sleep_until(deadline) => break,
        }
    }
    let mut turn = ears.turn;
    if let (Some(first), Some(begun)) = (turn.first_audio, begun) {
        turn.lag = Some(first.saturating_duration_since(begun + end_of_words(samples, SampleRate::ASR)));
    }
    Ok(turn)
}

/// Collects what arrives.
struct Ears {
    turn: Turn,
    decoder: Decoder,
    /// Utterances whose words were seen, and what is still missing of each at the listener's side.
    open: BTreeMap<UtteranceId, Missing>,
    failed: BTreeSet<UtteranceId>,
    streams: usize,
}

#[derive(Default)]
struct Missing {
    translated: bool,
    spoken: bool,
}

impl Ears {
    fn new() -> anyhow::Result<Self> {
        let decoder = Decoder::with_rate(SampleRate::TTS)?;
        Ok(Self { turn: Turn::default(), decoder, open: BTreeMap::new(), failed: BTreeSet::new(), streams: 0 })
    }

    /// Something was said, and all of it was translated and spoken (or failed).
    fn complete(&self) -> bool {
        let done = |(id, missing): (&UtteranceId, &Missing)| self.failed.contains(id) || (missing.translated && missing.spoken);
        self.streams == 0 && (!self.open.is_empty() || !self.failed.is_empty()) && self.open.iter().all(done)
    }

    fn on_speaker_side(&mut self, received: Received) -> anyhow::Result<()> {
        match received.event {
            Event::Message(ServerMessage::Caption(caption)) if caption.kind == CaptionKind::Source => {
                match caption.times {
                    Some(times) if self.turn.source.is_empty() => {
                        self.turn.times = StageTimes { mt: self.turn.times.mt, tts: self.turn.times.tts, ..times };
                    }
                    // Words are known when the last of them are.
                    Some(times) if !caption.committed.is_blank() => {
                        (self.turn.times.asr, self.turn.times.endpoint) = (times.asr, times.endpoint);
                    }
                    _ => {}
                }
                // What is appended to an utterance has its own spaces.
                let another = !self.turn.source.is_empty() && !self.open.contains_key(&caption.utterance);
                if another && !caption.committed.is_blank() && !caption.lang.is_unspaced() {
                    self.turn.source.push(' ');
                }
                self.turn.source.push_str(caption.committed.expose());
                if !caption.committed.is_blank() {
                    self.open.entry(caption.utterance).or_default();
                }
            }
            Event::Message(ServerMessage::Error(error)) => self.on_error(error.utterance, error.text),
            Event::Closed(code) => anyhow::bail!("the speaker's connection was closed ({code:?})"),
            _ => {}
        }
        Ok(())
    }

    fn on_listener_side(&mut self, received: Received) -> anyhow::Result<()> {
        match received.event {
            Event::Message(ServerMessage::Caption(caption)) if caption.kind == CaptionKind::Translation => {
                if self.turn.order.last() != Some(&caption.utterance) {
                    self.turn.order.push(caption.utterance);
                }
                if let Some(times) = caption.times.filter(|_| self.turn.target.is_empty()) {
                    self.turn.times.mt = times.mt;
                    self.turn.times.queue += times.queue;
                }
                self.turn.target.push_str(caption.committed.expose());
                self.open.entry(caption.utterance).or_default().translated |= caption.last;
            }
            Event::Message(ServerMessage::SpeechStart(start)) => {
                self.streams += 1;
                if let Some(times) = start.times.filter(|_| self.turn.first_audio.is_none()) {
                    (self.turn.times.tts, self.turn.times.encode) = (times.tts, times.encode);
                    self.turn.times.queue += times.queue;
                }
            }
            Event::Message(ServerMessage::SpeechEnd(end)) => {
                self.streams = self.streams.saturating_sub(1);
                self.open.entry(end.utterance).or_default().spoken = true;
            }
            Event::Message(ServerMessage::Error(error)) => self.on_error(error.utterance, error.text),
            Event::Audio(frame) => {
                self.turn.first_audio.get_or_insert(received.at);
                self.decoder.decode(&frame.payload, &mut self.turn.speech)?;
            }
            Event::Closed(code) => anyhow::bail!("the listener's connection was closed ({code:?})"),
            Event::Message(_) => {}
        }
        Ok(())
    }

    fn on_error(&mut self, utterance: Option<UtteranceId>, text: String) {
        self.failed.extend(utterance);
        self.turn.errors.push(text);
    }
}

/// Loads a line's recording as 16 kHz mono.
///
/// # Errors
/// When the file is missing or not audio.
pub fn recording(line: &Line) -> anyhow::Result<Vec<f32>> {
    Ok(file::read(&line.audio, SampleRate::ASR)?)
}
