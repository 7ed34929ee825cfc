//! Plays a lane's speech: packets leave at the pace at which they are heard, a little ahead, and are remembered as they were played.
//!
//! The third task of a [`super::lane`]; it knows nothing of translation and synthesis. What it plays goes to the room as events and to
//! the room's sounds, so that a microphone that brings it back is not taken for a speaker.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::mpsc, time::Instant};

use super::{
    acoustics::Loudspeaker,
    event::{LaneEvent, StageTimes},
    listener::Listener,
};
use crate::{
    ids::{StreamId, UtteranceId},
    privacy::Redacted,
    time::Millis,
};

/// Packets computed but not yet due: 30 s of speech, about 100 KiB. Then synthesis waits for playback.
pub(super) const PLAY_QUEUE: usize = 1500;

/// How far playback runs ahead of the listener's ear: covers a Wi-Fi hiccup without making an interruption late.
const LEAD: Duration = Duration::from_millis(400);

/// One Opus packet.
const PACKET: Duration = Duration::from_millis(20);

/// What the player is told.
pub(super) enum Play {
    Start {
        utterance: UtteranceId,
        stream: StreamId,
        times: StageTimes,
        speech_end: Option<Millis>,
    },
    /// What the packets that follow say, and how long.
    Clause(Redacted, Duration),
    Packet(Bytes),
    End,
}

/// Sends packets at the pace they are heard, [`LEAD`] ahead of it.
pub(super) struct Player<K> {
    listener: Arc<Listener<K>>,
    /// When the listener has heard everything that was sent.
    heard: Instant,
    loudspeaker: Option<Loudspeaker>,
}

impl<K: Copy> Player<K> {
    /// Remembers in `loudspeaker` what it plays.
    pub(super) fn new(listener: Arc<Listener<K>>, loudspeaker: Option<Loudspeaker>) -> Self {
        Self { listener, heard: Instant::now(), loudspeaker }
    }

    /// Plays what comes until nothing more can.
    pub(super) async fn play(mut self, mut play_rx: mpsc::Receiver<Play>) {
        let mut open: Option<(UtteranceId, StreamId, u32)> = None;
        // The last packet of a stream is marked, so each waits until it is known whether another follows.
        let mut held: Option<Bytes> = None;
        while let Some(item) = play_rx.recv().await {
            match item {
                Play::Start { utterance, stream, times, speech_end } => {
                    if let Some(speech_end) = speech_end {
                        let lag = self.listener.clock.now().since(speech_end);
                        metrics::histogram!("tongchuan_first_audio_seconds").record(lag.as_secs_f64());
                    }
                    open = Some((utterance, stream, 0));
                    self.loudspeaker.iter_mut().for_each(Loudspeaker::begin);
                    self.listener.events.send(LaneEvent::SpeechStarted { utterance, stream, times }).await;
                }
                Play::Clause(text, lasts) => {
                    let begin = self.when(self.heard + PACKET * u32::from(held.is_some()));
                    if let Some(loudspeaker) = &self.loudspeaker {
                        loudspeaker.say(text, begin, lasts);
                    }
                }
                Play::Packet(packet) => {
                    if let (Some((_, stream, sequence)), Some(payload)) = (&mut open, held.replace(packet)) {
                        self.send(*stream, sequence, false, payload).await;
                    }
                }
                Play::End => {
                    if let Some((utterance, stream, mut sequence)) = open.take() {
                        if let Some(payload) = held.take() {
                            self.send(stream, &mut sequence, true, payload).await;
                        }
                        self.listener.events.send(LaneEvent::SpeechEnded { utterance, stream }).await;
                    }
                }
            }
        }
    }

    async fn send(&mut self, stream: StreamId, sequence: &mut u32, last: bool, payload: Bytes) {
        let now = Instant::now();
        self.heard = self.heard.max(now);
        tokio::time::sleep_until(self.heard - LEAD.min(self.heard.duration_since(now))).await;
        self.heard += PACKET;
        let end = self.when(self.heard);
        if let Some(loudspeaker) = &mut self.loudspeaker {
            loudspeaker.play(&payload, end);
        }
        let packet = LaneEvent::Packet { stream, sequence: *sequence, first: *sequence == 0, last, payload };
        *sequence += 1;
        self.listener.events.send(packet).await;
    }

    /// `at` on the server's clock; what is past counts as now, since nothing is heard before it was sent.
    fn when(&self, at: Instant) -> Millis {
        self.listener.clock.now() + at.saturating_duration_since(Instant::now())
    }
}
