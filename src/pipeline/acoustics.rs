//! The sounds of a room as its pipelines share them: each holds a [`Microphone`] or a [`Loudspeaker`] of one [`Room`].
//!
//! A lock around the pure [`Acoustics`], held for microseconds while sound comes in and a few milliseconds while an utterance is
//! judged. The room's sounds are forgotten with its last pipeline. Made by [`super::Pipelines`]; knows nothing of rooms' members.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::echo::{Acoustics, EchoOptions, Kind, SourceId, Verdict};
use crate::{
    audio::opus::{Decoder, OpusError},
    privacy::Redacted,
    time::Millis,
};

/// One room's sounds.
#[derive(Debug, Clone)]
pub struct Room(Arc<Mutex<Acoustics>>);

impl Room {
    /// A silent room.
    pub fn new(options: EchoOptions) -> Self {
        Self(Arc::new(Mutex::new(Acoustics::new(options))))
    }

    /// A microphone that begins to listen.
    pub fn microphone(&self) -> Microphone {
        Microphone { id: self.lock().add(Kind::Microphone), room: self.clone() }
    }

    /// Something that will play interpretations.
    ///
    /// # Errors
    /// When no Opus decoder can be made.
    pub fn loudspeaker(&self) -> Result<Loudspeaker, OpusError> {
        let decoder = Decoder::new()?;
        Ok(Loudspeaker { id: self.lock().add(Kind::Playback), room: self.clone(), decoder, samples: Vec::new() })
    }

    /// A way to find the room again that does not keep it.
    pub(super) fn weak(&self) -> std::sync::Weak<Mutex<Acoustics>> {
        Arc::downgrade(&self.0)
    }

    /// The room, if anybody still holds it.
    pub(super) fn upgrade(weak: &std::sync::Weak<Mutex<Acoustics>>) -> Option<Self> {
        weak.upgrade().map(Self)
    }

    fn lock(&self) -> MutexGuard<'_, Acoustics> {
        // A panic elsewhere leaves frames behind, at worst one too many: still good for comparing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A participant's microphone. Dropping it forgets what it heard.
#[derive(Debug)]
pub struct Microphone {
    room: Room,
    id: SourceId,
}

impl Microphone {
    /// Takes 16 kHz samples of which the last arrived at `end`.
    pub fn hear(&self, samples: &[f32], end: Millis) {
        self.room.lock().hear(self.id, samples, end);
    }

    /// An utterance begins at the sample `from`, counted over all that was heard.
    pub fn began(&self, from: u64) {
        self.room.lock().began(self.id, from);
    }

    /// Whose are these samples of an utterance? A `range` that begins where an earlier one did is the same one, grown.
    pub fn judge(&self, range: Range<u64>) -> Verdict {
        self.room.lock().judge(self.id, range)
    }

    /// The last word on the samples `range`, in which `text` was recognised: whether it is to be passed on.
    pub fn settle(&self, range: Range<u64>, text: &Redacted) -> bool {
        let cause = self.room.lock().settle(self.id, range, text.expose());
        if let Some(cause) = cause {
            metrics::counter!("tongchuan_echo_suppressed_total", "kind" => cause.as_str()).increment(1);
        }
        cause.is_none()
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        self.room.lock().remove(self.id);
    }
}

/// What plays a lane's interpretation, in a client's pocket or on its table. What it played is remembered for a while after it is dropped.
#[derive(Debug)]
pub struct Loudspeaker {
    room: Room,
    id: SourceId,
    decoder: Decoder,
    samples: Vec<f32>,
}

impl Loudspeaker {
    /// A new stream begins.
    pub fn begin(&mut self) {
        self.decoder.reset();
    }

    /// Takes an Opus packet that will have been heard at `end`, as the listeners hear it: with the codec's losses.
    pub fn play(&mut self, packet: &[u8], end: Millis) {
        self.samples.clear();
        if self.decoder.decode(packet, &mut self.samples).is_ok() {
            self.room.lock().hear(self.id, &self.samples, end);
        }
    }

    /// `text` is what is heard from `begin` on.
    pub fn say(&self, text: Redacted, begin: Millis, lasts: Duration) {
        self.room.lock().says(self.id, text, begin, lasts);
    }
}

impl Drop for Loudspeaker {
    fn drop(&mut self) {
        self.room.lock().remove(self.id);
    }
}
