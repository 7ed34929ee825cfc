//! The Opus codec: packets to samples with packet-loss concealment, samples to packets with voice settings.
//!
//! The only file that names the codec's binding. Knows nothing of sequence numbers (see [`super::uplink`]) or containers
//! (see [`super::file`]). A packet comes from outside: a bad one is an error and leaves the codec usable.

use std::time::Duration;

use ::opus::{Application, Bitrate, Channels, Signal};

use crate::time::SampleRate;

/// The frame both directions of the wire use: the longest one without a quality loss worth its delay (RFC 6716, 2.1.4).
pub const FRAME: Duration = Duration::from_millis(20);
/// The longest packet Opus allows (RFC 6716, 3.2.5).
const MAX_PACKET: Duration = Duration::from_millis(120);
/// No legal packet without padding is longer: 48 frames of 2.5 ms, 1275 bytes each, with their length bytes.
const MAX_PACKET_BYTES: usize = 48 * (1275 + 2) + 2;
/// Extrapolation sounds like speech for this many packets (200 ms); after it, silence is the honest answer.
const MAX_EXTRAPOLATED: usize = 10;
/// The longest stretch one call conceals; callers treat longer gaps as a new start.
pub const MAX_CONCEALED: Duration = Duration::from_secs(3);
/// A sender that lets an encoder rest (DTX) sends packets of at most this many bytes: the header alone.
const DTX_BYTES: usize = 2;

/// A packet or a setting that Opus refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpusError {
    /// Nothing in the packet.
    #[error("an Opus packet is empty; a lost packet is left out, not sent empty")]
    Empty,
    /// Longer than any legal packet.
    #[error("an Opus packet has {0} bytes; the longest legal one has {MAX_PACKET_BYTES}")]
    TooLong(usize),
    /// Not Opus.
    #[error("not a valid Opus packet: {0}")]
    Invalid(&'static str),
    /// The codec does not take this setting.
    #[error("the Opus codec refused its settings: {0}; use 8, 12, 16, 24 or 48 kHz, 6 to 510 kbit/s, complexity 0 to 10")]
    Settings(&'static str),
}

/// True when `packet` only says that nobody speaks (DTX).
pub fn is_dtx(packet: &[u8]) -> bool {
    packet.len() <= DTX_BYTES
}

/// Decodes one stream, mono, straight to the rate its reader wants (libopus mixes stereo and converts the rate itself).
#[derive(Debug)]
pub struct Decoder {
    codec: ::opus::Decoder,
    rate: SampleRate,
    /// One packet of the longest kind.
    scratch: Vec<f32>,
    /// Samples of the last good packet: how long a lost one is taken to be.
    frame: usize,
}

impl Decoder {
    /// A decoder to 16 kHz, for recognition.
    ///
    /// # Errors
    /// [`OpusError::Settings`] when memory runs out.
    pub fn new() -> Result<Self, OpusError> {
        Self::with_rate(SampleRate::ASR)
    }

    /// A decoder to `rate`: 8, 12, 16, 24 or 48 kHz, whatever the encoder used.
    ///
    /// # Errors
    /// [`OpusError::Settings`] for another rate.
    pub fn with_rate(rate: SampleRate) -> Result<Self, OpusError> {
        let codec = ::opus::Decoder::new(rate.0, Channels::Mono).map_err(|e| OpusError::Settings(e.description()))?;
        Ok(Self { codec, rate, scratch: vec![0.0; rate.samples(MAX_PACKET)], frame: rate.samples(FRAME) })
    }

    /// Appends the samples of `packet` (2.5 to 120 ms) to `out`.
    ///
    /// # Errors
    /// When `packet` is not an Opus packet; `out` is then as it was and the decoder can go on.
    pub fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<(), OpusError> {
        check_length(packet)?;
        let samples =
            self.codec.decode_float(packet, &mut self.scratch, false).map_err(|e| OpusError::Invalid(e.description()))?;
        self.frame = samples;
        out.extend_from_slice(self.scratch.get(..samples).unwrap_or_default());
        Ok(())
    }

    /// How long the last good packet was; lost ones are taken to be as long.
    pub fn frame_samples(&self) -> usize {
        self.frame
    }

    /// Appends what stands in for `lost` packets: extrapolation for 200 ms, then silence of the right length, so that time
    /// stays true; at most [`MAX_CONCEALED`]. When `next`, the packet after the gap, carries in-band FEC, the last lost packet
    /// is recovered from it (decode `next` itself afterwards).
    pub fn conceal(&mut self, lost: usize, next: Option<&[u8]>, out: &mut Vec<f32>) {
        let lost = lost.min(self.rate.samples(MAX_CONCEALED) / self.frame.max(1));
        let next = next.filter(|packet| check_length(packet).is_ok());
        let blind = if next.is_some() { lost.saturating_sub(1) } else { lost };
        for i in 0..blind {
            if i < MAX_EXTRAPOLATED {
                self.stand_in(&[], out);
            } else {
                out.resize(out.len() + self.frame, 0.0);
            }
        }
        if let (Some(packet), true) = (next, lost > 0) {
            self.stand_in(packet, out);
        }
    }

    /// One lost frame: from the FEC in `next` when there is some, else extrapolated; silence if the codec will not.
    fn stand_in(&mut self, next: &[u8], out: &mut Vec<f32>) {
        let buffer = self.scratch.get_mut(..self.frame).unwrap_or_default();
        let fec = !next.is_empty();
        let done =
            self.codec.decode_float(next, buffer, fec).or_else(|_| self.codec.decode_float(&[], buffer, false)).unwrap_or(0);
        out.extend_from_slice(buffer.get(..done).unwrap_or_default());
        out.resize(out.len() + self.frame.saturating_sub(done), 0.0);
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        // The only failure libopus has for this is a null decoder, which the type rules out.
        let _ = self.codec.reset_state();
        self.frame = self.rate.samples(FRAME);
    }
}

fn check_length(packet: &[u8]) -> Result<(), OpusError> {
    match packet.len() {
        0 => Err(OpusError::Empty),
        long if long > MAX_PACKET_BYTES => Err(OpusError::TooLong(long)),
        _ => Ok(()),
    }
}

/// How to encode speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Rate of the samples given: 24 kHz for synthesis; 8, 12, 16 and 48 kHz work too.
    pub rate: SampleRate,
    /// Bits per second; 24,000 is transparent for wide-band speech of one voice.
    pub bitrate: u32,
    /// Put a coarse copy of each frame into the next packet, against loss (pays off only with `expected_loss_percent` > 0).
    pub fec: bool,
    /// 0 to 100: how much of the bitrate FEC may take.
    pub expected_loss_percent: u8,
    /// Send nearly nothing during silence.
    pub dtx: bool,
    /// 0 to 10: work per frame.
    pub complexity: u8,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        // Complexity 5 is libopus' middle: the server encodes for every listener. Loss is rare on a WebSocket.
        Self { rate: SampleRate::TTS, bitrate: 24_000, fec: false, expected_loss_percent: 0, dtx: false, complexity: 5 }
    }
}

/// Encodes one mono stream in frames of 20 ms.
#[derive(Debug)]
pub struct Encoder {
    codec: ::opus::Encoder,
    /// Samples of one frame.
    frame: usize,
    /// Samples that the codec holds back; [`Encoder::flush`] pushes them out.
    lookahead: usize,
    /// Fewer than one frame, waiting for the rest.
    pending: Vec<f32>,
    /// Something was encoded since the last flush.
    dirty: bool,
    packet: Vec<u8>,
}

impl Encoder {
    /// An encoder at the start of its stream.
    ///
    /// # Errors
    /// [`OpusError::Settings`] when libopus refuses one of `options`.
    pub fn new(options: &EncoderOptions) -> Result<Self, OpusError> {
        let refused = |e: ::opus::Error| OpusError::Settings(e.description());
        let mut codec = ::opus::Encoder::new(options.rate.0, Channels::Mono, Application::Voip).map_err(refused)?;
        let bitrate = i32::try_from(options.bitrate).unwrap_or(i32::MAX);
        codec.set_bitrate(Bitrate::Bits(bitrate)).map_err(refused)?;
        codec.set_signal(Signal::Voice).map_err(refused)?;
        codec.set_inband_fec(options.fec).map_err(refused)?;
        codec.set_packet_loss_perc(i32::from(options.expected_loss_percent)).map_err(refused)?;
        codec.set_dtx(options.dtx).map_err(refused)?;
        codec.set_complexity(i32::from(options.complexity)).map_err(refused)?;
        let lookahead = usize::try_from(codec.get_lookahead().map_err(refused)?).unwrap_or(0);
        let frame = options.rate.samples(FRAME);
        // One frame never exceeds 1275 bytes (RFC 6716, 3.2.1), its header one more.
        Ok(Self { codec, frame, lookahead, pending: Vec::with_capacity(frame), dirty: false, packet: vec![0; 1276] })
    }

    /// Samples in one frame.
    pub fn frame_samples(&self) -> usize {
        self.frame
    }

    /// Samples by which decoded speech lags what was pushed (an Ogg file's pre-skip).
    pub fn lookahead(&self) -> usize {
        self.lookahead
    }

    /// Takes samples in -1..1 and calls `emit` once for each packet of 20 ms that they complete.
    pub fn push(&mut self, samples: &[f32], mut emit: impl FnMut(&[u8])) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(self.frame - self.pending.len()));
            // A synthesiser that went wrong must not poison the codec's memory for the rest of the stream.
            self.pending.extend(head.iter().map(|s| if s.is_finite() { *s } else { 0.0 }));
            rest = tail;
            if self.pending.len() == self.frame {
                self.encode(&mut emit);
            }
        }
    }

    /// Ends the stretch: pads with silence until everything pushed is in a packet. Nothing is emitted when nothing was pushed.
    pub fn flush(&mut self, mut emit: impl FnMut(&[u8])) {
        if !self.dirty && self.pending.is_empty() {
            return;
        }
        let frames = (self.pending.len() + self.lookahead).div_ceil(self.frame);
        for _ in 0..frames {
            self.pending.resize(self.frame, 0.0);
            self.encode(&mut emit);
        }
        self.dirty = false;
    }

    fn encode(&mut self, emit: &mut impl FnMut(&[u8])) {
        // Frame length and buffer are right by construction, so libopus has no reason to refuse; were it to, one frame is lost.
        if let Ok(bytes) = self.codec.encode_float(&self.pending, &mut self.packet) {
            emit(self.packet.get(..bytes).unwrap_or_default());
        }
        self.pending.clear();
        self.dirty = true;
    }
}

#[cfg(test)]
mod tests;
