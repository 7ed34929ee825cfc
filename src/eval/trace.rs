//! Plays one recording at its own pace through the pipeline that serves rooms, as an open microphone and one listener would.
//!
//! Opus packets of 20 ms go into a speaker's pipeline, committed words into a lane as a room sends them, and what both say into an
//! [`Observer`]. The pipelines come from the same [`PipelineFactory`] as a room's; there is no socket and no session.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::Instant,
};

use super::events::{Observer, TraceEvent};
use crate::{
    audio::opus::{Decoder, Encoder, EncoderOptions, FRAME},
    ids::{ParticipantId, UtteranceId},
    inference::Priority,
    language::{Language, Spoken, Voice},
    mt::MtJob,
    pipeline::{
        Pipelines,
        event::{LaneEvent, LaneInput, LaneText, SpeakerEvent, SpeakerInput, UplinkPacket},
        stages::Stages,
    },
    protocol::frame::TICKS_PER_PACKET,
    router::{LaneHandle, LaneKey, PipelineFactory, RoomSerial, SpeakerHandle, SpeakerKey, backlog::LaneBacklog},
    time::{Clock, Millis, SampleRate},
    trade::Glossary,
};

/// Silence after the recording, as an open microphone sends it: longer than any endpointing.
const TRAILING_SILENCE: Duration = Duration::from_millis(1500);

/// Events that may wait, as in a room.
const EVENTS: usize = 256;

/// How often what waits for a lane is offered again, as in a room.
const RETRY: Duration = Duration::from_millis(20);

/// After the recording everything must be interpreted within its length and this: a pipeline that is later than that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is played, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The recording, 16 kHz mono.
    pub samples: &'a [f32],
    /// The language spoken in it.
    pub from: Spoken,
    /// The language that the listener hears.
    pub to: Language,
    /// In whose voice.
    pub voice: Voice,
    /// The room: what is played in one is one conversation.
    pub room: RoomSerial,
    /// Keep what the listener hears.
    pub record: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Trace {
    /// Everything that happened, in order.
    pub events: Vec<TraceEvent>,
    /// What the listener heard from the moment the recording began to play, if it was to be kept: 24 kHz mono.
    pub heard: Vec<f32>,
    /// When each audio stream's first packet could be heard, in milliseconds since the recording began to play.
    pub streams_ms: Vec<u64>,
    /// Packets of the recording that the pipeline could not take in time.
    pub dropped: u64,
}

/// The pipelines of a server without the server.
#[derive(Debug)]
pub struct Player {
    pipelines: Pipelines,
    clock: Clock,
}

impl Player {
    /// Over `stages`, with a server's `own` terms; the translator gets ready for `directions` first, as it does while people join a room.
    ///
    /// # Errors
    /// When the translator fails.
    pub async fn new(stages: Stages, own: Glossary, directions: &[(Language, Language)]) -> anyhow::Result<Self> {
        for (from, to) in directions {
            stages.mt.submit(MtJob::prepare(*from, *to), Priority::Mt, PATIENCE)?.output().await?;
        }
        let clock = Clock::start();
        let pipelines = Pipelines::empty(clock).with_glossary(own);
        pipelines.fill(stages);
        Ok(Self { pipelines, clock })
    }

    /// See [`play`].
    ///
    /// # Errors
    /// See [`play`].
    pub async fn play(&self, scene: Scene<'_>, on_event: impl FnMut(&TraceEvent) -> anyhow::Result<()>) -> anyhow::Result<Trace> {
        play(&self.pipelines, self.clock, scene, on_event).await
    }
}

/// Plays `scene` and calls `on_event` with everything that happens, as it happens.
///
/// # Errors
/// When the pipeline cannot be started, is lost, or does not come to its end.
pub async fn play<F: PipelineFactory + ?Sized>(
    pipelines: &F,
    clock: Clock,
    scene: Scene<'_>,
    mut on_event: impl FnMut(&TraceEvent) -> anyhow::Result<()>,
) -> anyhow::Result<Trace> {
    let mut packets = encode(scene.samples)?.into_iter();
    let limit = PATIENCE + 2 * SampleRate::ASR.duration(scene.samples.len());
    let key = SpeakerKey { room: scene.room, participant: ParticipantId(1) };
    let (speaker_tx, mut speaker_rx) = mpsc::channel(EVENTS);
    let speaker = pipelines.start_speaker(key, scene.from, speaker_tx);
    let known = scene.from.fixed().into_iter().chain([scene.to]).collect();
    speaker.tx.send(SpeakerInput::Candidates(known)).await.context("the speaker's pipeline did not start")?;
    let began = Instant::now();
    let observer = Observer::new(clock.now(), scene.to, scene.samples);
    let mut room =
        Room { pipelines, key, scene, speaking: BTreeMap::new(), lane: None, observer, ears: Ears::new(began, scene.record)? };
    let (lane_tx, mut lane_rx) = mpsc::channel(EVENTS);
    let (mut sent, mut dropped, mut finishing, mut trace) = (0_u32, 0, false, Trace::default());
    loop {
        let behind = room.flush();
        if !finishing && room.lane.as_ref().is_some_and(|(handle, _)| handle.tx.is_closed()) {
            bail!("the lane was lost");
        }
        for event in room.observer.drain() {
            on_event(&event)?;
            trace.events.push(event);
        }
        // A microphone hands over a packet when its last sample was spoken.
        let due = began + FRAME * (sent + 1);
        tokio::select! {
            biased;
            Some((_, event)) = speaker_rx.recv() => {
                if event == SpeakerEvent::Finished && !room.finish() {
                    break;
                }
                room.on_speaker(clock, &event, &lane_tx);
            }
            Some((_, event)) = lane_rx.recv() => {
                room.on_lane(clock, &event)?;
                if event == LaneEvent::Finished {
                    break;
                }
            }
            () = tokio::time::sleep_until(due), if !finishing => match packets.next() {
                Some(payload) => {
                    dropped += u64::from(!send(&speaker, sent, payload)?);
                    sent += 1;
                }
                None => {
                    speaker.tx.send(SpeakerInput::Finish).await.context("the speaker's pipeline was lost")?;
                    finishing = true;
                }
            },
            () = tokio::time::sleep(RETRY), if behind => {}
            () = tokio::time::sleep_until(began + limit) => bail!("the interpretation did not come to its end in {limit:?}"),
        }
    }
    room.observer.finish(clock.now());
    for event in room.observer.drain() {
        on_event(&event)?;
        trace.events.push(event);
    }
    Ok(Trace { heard: room.ears.heard, streams_ms: room.ears.streams_ms, dropped, ..trace })
}

/// The recording and the silence after it as 20 ms packets.
fn encode(samples: &[f32]) -> anyhow::Result<Vec<Bytes>> {
    let mut played = samples.to_vec();
    played.resize(samples.len() + SampleRate::ASR.samples(TRAILING_SILENCE), 0.0);
    let mut encoder = Encoder::new(&EncoderOptions { rate: SampleRate::ASR, ..EncoderOptions::default() })?;
    let mut packets = Vec::new();
    encoder.push(&played, |packet| packets.push(Bytes::copy_from_slice(packet)));
    encoder.flush(|packet| packets.push(Bytes::copy_from_slice(packet)));
    Ok(packets)
}

/// Sends one packet, or drops it as a session does when the pipeline is behind: false then.
fn send(speaker: &SpeakerHandle, sequence: u32, payload: Bytes) -> anyhow::Result<bool> {
    let timestamp = sequence.wrapping_mul(TICKS_PER_PACKET);
    let packet = UplinkPacket { sequence, timestamp, first: sequence == 0, last: false, silence: false, payload };
    match speaker.tx.try_send(SpeakerInput::Packet(packet)) {
        Ok(()) => Ok(true),
        Err(TrySendError::Full(_)) => Ok(false),
        Err(TrySendError::Closed(_)) => bail!("the speaker's pipeline was lost"),
    }
}

/// A room of one speaker and one listener, as far as the pipelines notice.
struct Room<'a, F: ?Sized> {
    pipelines: &'a F,
    key: SpeakerKey,
    scene: Scene<'a>,
    /// Utterances that the lane was given words of, if only pending ones, and their language.
    speaking: BTreeMap<u64, Language>,
    lane: Option<(LaneHandle, LaneBacklog)>,
    observer: Observer,
    ears: Ears,
}

impl<F: PipelineFactory + ?Sized> Room<'_, F> {
    fn on_speaker(&mut self, clock: Clock, event: &SpeakerEvent, lane_tx: &mpsc::Sender<(LaneKey, LaneEvent)>) {
        self.observer.on_speaker(clock.now(), event);
        match event {
            SpeakerEvent::Recognised { utterance, language, committed, pending, speech_end, doubtful, .. } => {
                let nothing = committed.is_blank() && pending.is_blank() && !self.speaking.contains_key(utterance);
                if nothing || *language == self.scene.to {
                    return;
                }
                if self.lane.is_none() {
                    let key = LaneKey { speaker: self.key, language: self.scene.to, generation: 0 };
                    let handle = self.pipelines.open_lane(key, self.scene.voice, lane_tx.clone());
                    self.lane = Some((handle, LaneBacklog::default()));
                }
                self.speaking.insert(*utterance, *language);
                let (utterance, from, text) = (UtteranceId(*utterance), *language, committed.clone());
                let (pending, speech_end, doubtful) = (pending.clone(), *speech_end, doubtful.clone());
                self.tell(LaneInput::Text(LaneText { pending, speech_end, doubtful, ..LaneText::new(utterance, from, text) }));
            }
            SpeakerEvent::UtteranceEnded { utterance, speech_end } => {
                self.last(*utterance, Some(*speech_end));
            }
            SpeakerEvent::Failed { utterance: Some(utterance), .. } => self.last(*utterance, None),
            _ => {}
        }
    }

    fn last(&mut self, utterance: u64, speech_end: Option<Millis>) {
        if let Some(from) = self.speaking.remove(&utterance) {
            self.tell(LaneInput::Text(LaneText::end(UtteranceId(utterance), from, speech_end)));
        }
    }

    fn tell(&mut self, input: LaneInput) {
        if let Some((_, backlog)) = &mut self.lane
            && let Err(refused) = backlog.push(input)
        {
            tracing::warn!(utterance = %refused.0, "the lane is too far behind");
        }
    }

    fn on_lane(&mut self, clock: Clock, event: &LaneEvent) -> anyhow::Result<()> {
        self.ears.on_lane(event)?;
        self.observer.on_lane(clock.now(), event);
        Ok(())
    }

    /// Lets the lane finish; false when there is none to wait for.
    fn finish(&mut self) -> bool {
        self.tell(LaneInput::Finish);
        self.lane.is_some()
    }

    /// Hands the lane what it takes; true when something is left.
    fn flush(&mut self) -> bool {
        let Some((handle, backlog)) = &mut self.lane else { return false };
        while let Some(input) = backlog.pop() {
            if let Err(TrySendError::Full(input)) = handle.tx.try_send(input) {
                backlog.unpop(input);
                return true;
            }
        }
        false
    }
}

/// The listener: hears each packet when it has arrived and everything before it was heard.
struct Ears {
    began: Instant,
    decoder: Decoder,
    /// Samples that were heard, or silence, since the recording began.
    position: usize,
    /// The samples of the last packet.
    packet: Vec<f32>,
    heard: Vec<f32>,
    record: bool,
    streams_ms: Vec<u64>,
}

impl Ears {
    fn new(began: Instant, record: bool) -> anyhow::Result<Self> {
        let decoder = Decoder::with_rate(SampleRate::TTS)?;
        Ok(Self { began, decoder, position: 0, packet: Vec::new(), heard: Vec::new(), record, streams_ms: Vec::new() })
    }

    fn on_lane(&mut self, event: &LaneEvent) -> anyhow::Result<()> {
        if let LaneEvent::Packet { first, payload, .. } = event {
            self.position = self.position.max(SampleRate::TTS.samples(self.began.elapsed()));
            if *first {
                self.decoder.reset();
                let at = SampleRate::TTS.duration(self.position);
                self.streams_ms.push(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
            }
            self.packet.clear();
            self.decoder.decode(payload, &mut self.packet)?;
            if self.record {
                self.heard.resize(self.position, 0.0);
                self.heard.extend_from_slice(&self.packet);
            }
            self.position += self.packet.len();
        }
        Ok(())
    }
}
