//! What goes in and out of a speaker's pipeline and its lanes. The router sees nothing else of the pipeline.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{StreamId, UtteranceId},
    inference::JobError,
    language::{Language, Spoken, Voice},
    privacy::Redacted,
    time::Millis,
    trade::Kind,
};

/// Where the time of one caption or one piece of speech went, in milliseconds; a stage that had no part in it is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageTimes {
    /// Waiting for a model or for the cores.
    pub queue: u32,
    /// Opus decoding of the utterance.
    pub decode: u32,
    /// Voice activity detection of the utterance.
    pub vad: u32,
    /// From the end of the last word until the utterance was known to be over.
    pub endpoint: u32,
    /// Recognition.
    pub asr: u32,
    /// Translation.
    pub mt: u32,
    /// Synthesis of the first clause.
    pub tts: u32,
    /// Opus encoding of the first clause.
    pub encode: u32,
}

/// One uplink Opus packet as the client numbered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkPacket {
    /// +1 per packet; gaps are loss.
    pub sequence: u32,
    /// 48 kHz ticks.
    pub timestamp: u32,
    /// The client says this is the first packet after silence.
    pub first: bool,
    /// The client says no packet follows until the next `first`.
    pub last: bool,
    /// The packet is silence (DTX).
    pub silence: bool,
    /// The Opus packet, 1 to 1275 bytes per frame.
    pub payload: Bytes,
}

/// What a speaker's pipeline is told.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeakerInput {
    /// Sound. Media: dropped and counted when the pipeline is behind.
    Packet(UplinkPacket),
    /// The speaker changes the language they speak.
    Language(Spoken),
    /// Languages that make sense for `auto` in this room (what others speak or hear); empty means any.
    Candidates(Vec<Language>),
    /// Push-to-talk: `true` while the button is held. The first `Floor` switches to push-to-talk: sound outside is ignored and
    /// release ends the utterance at once. `None` goes back to an open microphone.
    Floor(Option<bool>),
    /// No packet is on its way though none announced silence: the client is there and sends nothing.
    Quiet,
    /// No more input: finish what was said, then stop.
    Finish,
}

/// What a speaker's pipeline says.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeakerEvent {
    /// Somebody began to speak.
    UtteranceStarted {
        /// Its number within this speaker, counting from 0; the room gives it its room-wide id.
        utterance: u64,
        /// When, on the server's clock.
        at: Millis,
    },
    /// Words were recognised. May come many times per utterance.
    Recognised {
        /// Which utterance.
        utterance: u64,
        /// The language they are in.
        language: Language,
        /// Text to append to what was committed before: never revised.
        committed: Redacted,
        /// Tail that may still change; replaces the previous tail.
        pending: Redacted,
        /// When the last of the committed words ended, on the server's clock; none when nothing was committed.
        speech_end: Option<Millis>,
        /// Up to where the sound was listened to before this was known, on the server's clock: with models that take no time it
        /// would have come then.
        heard: Millis,
        /// Amounts in the committed text whose number was not heard well, counted from the beginning of that text.
        doubtful: Vec<Stretch>,
        /// What it took.
        times: StageTimes,
    },
    /// The utterance is complete: no more words follow.
    UtteranceEnded {
        /// Which utterance.
        utterance: u64,
        /// When its last word ended, on the server's clock.
        speech_end: Millis,
    },
    /// A stage failed on this utterance; it is over. The next one works.
    Failed {
        /// Which utterance, when one was going on.
        utterance: Option<u64>,
        /// Why.
        error: JobError,
    },
    /// Packets were dropped because the pipeline was behind (count since the last such event).
    Dropped(u64),
    /// Answer to [`SpeakerInput::Finish`]: everything before it was said.
    Finished,
}

/// A stretch of an utterance's committed text: characters that are not white space, counted from its beginning. Says which words a
/// piece of the interpretation stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The first character.
    pub from: usize,
    /// After the last character.
    pub to: usize,
}

impl Stretch {
    /// The stretch of `text` right after this one.
    pub fn followed_by(self, text: &str) -> Self {
        Self { from: self.to, to: self.to + text.chars().filter(|c| !c.is_whitespace()).count() }
    }

    /// This stretch of a text that begins where `whole` does.
    pub fn within(self, whole: Self) -> Self {
        Self { from: whole.from + self.from, to: whole.from + self.to }
    }

    /// True when both have a character in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// An amount that was said, and what became of it in a translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidAmount {
    /// What it is.
    pub kind: Kind,
    /// Its value as [`crate::trade::write::plain`] writes it.
    pub value: Redacted,
    /// ISO 4217 code or symbol of a measure, when known.
    pub unit: Option<&'static str>,
    /// False for "about".
    pub exact: bool,
    /// The translation was found to say the same.
    pub verified: bool,
    /// The recogniser was not sure that this is what was said.
    pub doubtful: bool,
    /// Where it was said.
    pub source: Stretch,
    /// Where the translation of the utterance says it.
    pub target: Option<Stretch>,
}

/// What a lane (one speaker into one language) is told.
#[derive(Debug, Clone, PartialEq)]
pub enum LaneInput {
    /// Words of an utterance, in order.
    Text(LaneText),
    /// Voice for what follows.
    Voice(Voice),
    /// Finish what is queued, then stop.
    Finish,
}

/// Words of an utterance for a lane. Empty text with `last` ends the utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneText {
    /// Which utterance.
    pub utterance: UtteranceId,
    /// Its language.
    pub from: Language,
    /// Text to append: committed.
    pub text: Redacted,
    /// What may follow, and replaces what did before: a translation may begin with it, no amount is taken from it.
    pub pending: Redacted,
    /// No more text of this utterance follows.
    pub last: bool,
    /// When the words were complete, on the server's clock; for the lag metrics.
    pub speech_end: Option<Millis>,
    /// Amounts whose number was not heard well, counted from the beginning of this text.
    pub doubtful: Vec<Stretch>,
}

impl LaneText {
    /// `text` of `utterance`, to append.
    pub fn new(utterance: UtteranceId, from: Language, text: Redacted) -> Self {
        Self { utterance, from, text, pending: Redacted::default(), last: false, speech_end: None, doubtful: Vec::new() }
    }

    /// No more text of `utterance` follows.
    pub fn end(utterance: UtteranceId, from: Language, speech_end: Option<Millis>) -> Self {
        Self { last: true, speech_end, ..Self::new(utterance, from, Redacted::default()) }
    }

    /// True when nothing is appended and nothing ends.
    pub fn is_pending_only(&self) -> bool {
        !self.last && self.text.is_blank()
    }
}

/// What a lane says.
#[derive(Debug, Clone, PartialEq)]
pub enum LaneEvent {
    /// Text in the lane's language, to append.
    Translated {
        /// Which utterance.
        utterance: UtteranceId,
        /// The words it stands for.
        source: Stretch,
        /// Text to append: never revised.
        committed: Redacted,
        /// True when the translation of this utterance is complete.
        last: bool,
        /// What it took.
        times: StageTimes,
    },
    /// The amounts of a segment that was translated; sent after its words, when there are any amounts or something is wrong.
    Amounts {
        /// Which utterance.
        utterance: UtteranceId,
        /// In the order in which they were said.
        amounts: Vec<SaidAmount>,
        /// False when the translation may say an amount that nobody said, or lacks one.
        verified: bool,
    },
    /// A clause was synthesised and is about to be played, after what is still queued.
    Spoken {
        /// Which utterance.
        utterance: UtteranceId,
        /// The words it stands for.
        source: Stretch,
        /// The clause.
        text: Redacted,
        /// How long it takes to say.
        audio: Duration,
        /// The silence that is played after it.
        pause: Duration,
    },
    /// What was said so long ago is only heard now: the listeners have much to hear yet. Once, until they have caught up.
    Behind(Duration),
    /// Speech of an utterance begins: packets of `stream` follow.
    SpeechStarted {
        /// Which utterance.
        utterance: UtteranceId,
        /// Number of its audio stream within this lane.
        stream: StreamId,
        /// What its first clause took.
        times: StageTimes,
    },
    /// One 20 ms Opus packet (24 kHz mono source).
    Packet {
        /// Which stream.
        stream: StreamId,
        /// +1 per packet from 0 within the stream.
        sequence: u32,
        /// First packet of the stream.
        first: bool,
        /// Last packet of the stream.
        last: bool,
        /// The Opus packet.
        payload: Bytes,
    },
    /// The stream is complete.
    SpeechEnded {
        /// Which utterance.
        utterance: UtteranceId,
        /// Its stream.
        stream: StreamId,
    },
    /// A stage failed on (a part of) this utterance. The next one works.
    Failed {
        /// Which utterance.
        utterance: UtteranceId,
        /// Why.
        error: JobError,
    },
    /// Answer to [`LaneInput::Finish`].
    Finished,
}
