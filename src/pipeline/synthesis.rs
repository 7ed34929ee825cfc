//! Speaks a lane's clauses: text in, encoded speech out to the [`super::player`], each clause while the one before is heard.
//!
//! The second of a [`super::lane`]'s three tasks, so that translation and its captions need not wait for it. How fast to speak is decided
//! by [`super::pace`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{
    event::{LaneEvent, StageTimes, Stretch},
    listener::Listener,
    pace::{self, Haste},
    player::Play,
    stages::Stages,
    task::millis,
};
use crate::{
    audio::opus::Encoder,
    ids::{StreamId, UtteranceId},
    inference::{JobError, Priority, worker::Done},
    language::Voice,
    privacy::Redacted,
    time::{Millis, SampleRate},
    tts::{Speech, TtsJob},
};

/// Clauses that may wait in text; then translation waits.
pub(super) const SAY_QUEUE: usize = 16;

/// Silence between two clauses of a sentence at a voice's own pace ([`pace::pause`]): the synthesiser trims its own.
pub const CLAUSE_PAUSE: Duration = Duration::from_millis(90);
/// Silence after a sentence.
const SENTENCE_PAUSE: Duration = Duration::from_millis(220);

/// What the task is told.
#[derive(Debug)]
pub(super) enum Say {
    /// Speak this.
    Clause(Clause),
    /// In whose voice from now on.
    Voice(Voice),
    /// The interpretation of an utterance is over.
    End,
}

/// A piece of an utterance's interpretation.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) utterance: UtteranceId,
    /// The words that it stands for.
    pub(super) source: Stretch,
    pub(super) text: Redacted,
    pub(super) haste: Haste,
    /// When the last of the utterance's words that are known was over.
    pub(super) speech_end: Option<Millis>,
}

/// The task. See the module's page.
pub(super) struct Synthesis<K> {
    listener: Arc<Listener<K>>,
    voice: Voice,
    play_tx: mpsc::Sender<Play>,
    next_stream: u16,
    /// Encodes the audio stream of the utterance, once there is one.
    encoder: Option<Encoder>,
}

impl<K: Copy> Synthesis<K> {
    /// Hands what it speaks to the player through `play_tx`.
    pub(super) fn new(listener: Arc<Listener<K>>, voice: Voice, play_tx: mpsc::Sender<Play>) -> Self {
        Self { listener, voice, play_tx, next_stream: 0, encoder: None }
    }

    /// Speaks until nothing more can come.
    pub(super) async fn run(mut self, mut say_rx: mpsc::Receiver<Say>) {
        while let Some(say) = say_rx.recv().await {
            match say {
                Say::Clause(clause) => {
                    let utterance = clause.utterance;
                    let spoken = self.speak(clause).await;
                    self.listener.pace().spoken();
                    if let Err(error) = spoken {
                        tracing::debug!(%utterance, %error, "a clause was not spoken");
                        self.listener.events.send(LaneEvent::Failed { utterance, error }).await;
                    }
                }
                Say::Voice(voice) => self.voice = voice,
                Say::End => self.end().await,
            }
        }
    }

    async fn speak(&mut self, clause: Clause) -> Result<(), JobError> {
        let (now, first) = (self.listener.clock.now(), self.encoder.is_none());
        let (speed, silent) = {
            let pace = self.listener.pace();
            (pace.speed(now, clause.haste), pace.is_silent(now))
        };
        let job = TtsJob { language: self.listener.language, voice: self.voice, text: clause.text.clone(), speed };
        let Stages { tts, options, .. } = &self.listener.stages;
        let priority = if first || silent { Priority::FirstClause } else { Priority::Clause };
        let spoken = tts.submit(job, priority, options.deadlines.tts())?.output().await?;
        if spoken.output.samples.is_empty() { Ok(()) } else { self.enqueue(clause, spoken, speed).await }
    }

    /// Encodes a clause that is said at `speed` and hands it to the player.
    async fn enqueue(&mut self, clause: Clause, spoken: Done<Speech>, speed: f32) -> Result<(), JobError> {
        let Clause { utterance, source, text, speech_end, .. } = clause;
        let (start, mut encoder) = match self.encoder.take() {
            Some(encoder) => (None, encoder),
            None => {
                let stream = StreamId(self.next_stream);
                self.next_stream = self.next_stream.wrapping_add(1);
                let encoder =
                    Encoder::new(&self.listener.stages.options.encoder).map_err(|error| JobError::failed("encode", error))?;
                (Some(stream), encoder)
            }
        };
        let Done { output: Speech { mut samples }, queued, ran } = spoken;
        let audio = SampleRate::TTS.duration(samples.len());
        let ends = text.expose().trim_end().ends_with(['.', '!', '?', '。', '！', '？', '…', '।', '؟']);
        let pause = pace::pause(if ends { SENTENCE_PAUSE } else { CLAUSE_PAUSE }, speed);
        samples.resize(samples.len() + SampleRate::TTS.samples(pause), 0.0);
        let began = Instant::now();
        // 3 s of speech take about 15 ms to encode: too long for a thread that serves sockets.
        let encoded = tokio::task::spawn_blocking(move || {
            let mut packets = Vec::new();
            encoder.push(&samples, |packet| packets.push(Bytes::copy_from_slice(packet)));
            (encoder, packets)
        });
        let Ok((encoder, packets)) = encoded.await else { return Err(JobError::failed("encode", "it panicked")) };
        let encode = began.elapsed();
        metrics::histogram!("tongchuan_stage_seconds", "stage" => "encode").record(encode.as_secs_f64());
        self.encoder = Some(encoder);
        let now = self.listener.clock.now();
        let late = {
            let mut pace = self.listener.pace();
            let late = speech_end.and_then(|speech_end| pace.late(now, speech_end));
            pace.enqueued(now, audio + pause);
            late
        };
        if let Some(lag) = late {
            self.listener.events.send(LaneEvent::Behind(lag)).await;
        }
        self.listener.events.send(LaneEvent::Spoken { utterance, source, text: text.clone(), audio, pause }).await;
        if let Some(stream) = start {
            let times = StageTimes { queue: millis(queued), tts: millis(ran), encode: millis(encode), ..StageTimes::default() };
            let _ = self.play_tx.send(Play::Start { utterance, stream, times, speech_end }).await;
        }
        let _ = self.play_tx.send(Play::Clause(text, audio)).await;
        for packet in packets {
            let _ = self.play_tx.send(Play::Packet(packet)).await;
        }
        Ok(())
    }

    /// Closes the audio stream of the utterance, if it had one.
    async fn end(&mut self) {
        let Some(mut encoder) = self.encoder.take() else { return };
        let mut tail = Vec::new();
        encoder.flush(|packet| tail.push(Bytes::copy_from_slice(packet)));
        for packet in tail {
            let _ = self.play_tx.send(Play::Packet(packet)).await;
        }
        let _ = self.play_tx.send(Play::End).await;
    }
}
