//! From one client's numbered Opus packets to an unbroken 16 kHz stream: gaps are concealed, late packets dropped.
//!
//! Pure apart from the codec: no clock, no socket. Sequence numbers and payloads come from outside and may be hostile, so the
//! audio made up for gaps is bounded both per gap and over time. One per participant, called by the speaker's pipeline.

use super::opus::{Decoder, MAX_CONCEALED, OpusError};
use crate::time::SampleRate;

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Decoded in its place.
    InOrder,
    /// Decoded after this many lost packets were concealed.
    AfterGap(u32),
    /// Comes after its place was filled (duplicate or reordered): dropped.
    Late,
    /// The sequence jumped: taken as a new start, nothing concealed.
    Restarted,
    /// In its place but not Opus: concealed like a lost one.
    Corrupt,
}

/// Puts packets in order and decodes them.
#[derive(Debug)]
pub struct Depacketiser {
    decoder: Decoder,
    expected: Option<u32>,
    /// Samples of concealment the sender has earned: as many as it sent for real, at most [`MAX_CONCEALED`]. Without it a
    /// sender could make each small packet cost seconds of made-up audio.
    credit: usize,
}

impl Depacketiser {
    /// Waits for the first packet, whatever its number.
    ///
    /// # Errors
    /// [`OpusError::Settings`] when memory runs out.
    pub fn new() -> Result<Self, OpusError> {
        Ok(Self { decoder: Decoder::new()?, expected: None, credit: max_credit() })
    }

    /// Takes packet number `sequence` (grows by one, wraps around) and appends its samples to `out`, after those that stand in
    /// for packets lost before it.
    pub fn push(&mut self, sequence: u32, payload: &[u8], out: &mut Vec<f32>) -> Received {
        let ahead = match self.expected {
            None => 0,
            // Two's complement reads "a little before" as negative, across the wrap-around too.
            Some(expected) => sequence.wrapping_sub(expected).cast_signed(),
        };
        let frame = self.decoder.frame_samples().max(1);
        let distance = usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX).saturating_mul(frame);
        let mut received = Received::InOrder;
        if ahead < 0 && distance <= max_credit() {
            return Received::Late;
        } else if ahead > 0 && distance <= self.credit {
            self.credit -= distance;
            self.decoder.conceal(distance / frame, Some(payload), out);
            received = Received::AfterGap(ahead.unsigned_abs());
        } else if ahead != 0 {
            self.decoder.reset();
            received = Received::Restarted;
        }
        self.expected = Some(sequence.wrapping_add(1));
        let before = out.len();
        if self.decoder.decode(payload, out).is_err() {
            self.decoder.conceal(1, None, out);
            return Received::Corrupt;
        }
        self.credit = (self.credit + out.len() - before).min(max_credit());
        received
    }
}

fn max_credit() -> usize {
    SampleRate::ASR.samples(MAX_CONCEALED)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::audio::opus::{Encoder, EncoderOptions};

    fn packets(seconds: usize) -> Vec<Vec<u8>> {
        let options = EncoderOptions { rate: SampleRate::ASR, fec: true, expected_loss_percent: 10, ..EncoderOptions::default() };
        let samples: Vec<f32> = (0..16_000 * seconds).map(|i| 0.3 * (i as f32 * 0.1).sin()).collect();
        let mut packets = Vec::new();
        Encoder::new(&options).unwrap().push(&samples, |p| packets.push(p.to_vec()));
        packets
    }

    #[test]
    fn ten_percent_loss_keeps_time_true() {
        let packets = packets(10);
        let mut rng = StdRng::seed_from_u64(7);
        let mut uplink = Depacketiser::new().unwrap();
        let (mut out, mut lost, mut concealed) = (Vec::new(), 0, 0);
        for (i, packet) in packets.iter().enumerate() {
            let first_or_last = i == 0 || i + 1 == packets.len();
            if !first_or_last && rng.random_bool(0.1) {
                lost += 1;
                continue;
            }
            if let Received::AfterGap(n) = uplink.push(i as u32, packet, &mut out) {
                concealed += n;
            }
        }
        assert!(lost > 20);
        assert_eq!(concealed, lost);
        assert_eq!(out.len(), packets.len() * 320);
    }

    #[test]
    fn duplicates_and_late_packets_add_nothing() {
        let packets = packets(1);
        let mut uplink = Depacketiser::new().unwrap();
        let mut out = Vec::new();
        for (i, expected) in
            [(0, Received::InOrder), (0, Received::Late), (2, Received::AfterGap(1)), (1, Received::Late), (3, Received::InOrder)]
        {
            assert_eq!(uplink.push(i, &packets[i as usize], &mut out), expected, "packet {i}");
        }
        assert_eq!(out.len(), 4 * 320);
    }

    #[test]
    fn numbers_wrap_around() {
        let packets = packets(1);
        let mut uplink = Depacketiser::new().unwrap();
        let mut out = Vec::new();
        let numbers = [u32::MAX - 1, u32::MAX, 0, 2];
        let received: Vec<_> = numbers.iter().zip(&packets).map(|(n, p)| uplink.push(*n, p, &mut out)).collect();
        assert_eq!(received, [Received::InOrder, Received::InOrder, Received::InOrder, Received::AfterGap(1)]);
        assert_eq!(out.len(), 5 * 320);
    }

    #[test]
    fn a_huge_jump_is_a_new_start_and_costs_nothing() {
        let packets = packets(1);
        for jump in [151, 10_000, 1 << 31, u32::MAX - 400] {
            let mut uplink = Depacketiser::new().unwrap();
            let mut out = Vec::new();
            uplink.push(0, &packets[0], &mut out);
            assert_eq!(uplink.push(1u32.wrapping_add(jump), &packets[1], &mut out), Received::Restarted, "{jump}");
            assert_eq!(out.len(), 2 * 320, "{jump}");
        }
    }

    #[test]
    fn a_sender_that_only_jumps_cannot_make_audio_for_free() {
        let packets = packets(1);
        let mut uplink = Depacketiser::new().unwrap();
        let mut out = Vec::new();
        for i in 0..500u32 {
            uplink.push(i * 100, &packets[i as usize % 50], &mut out);
        }
        // What was sent, what that earned, and the first allowance.
        assert!(out.len() <= 500 * 320 * 2 + max_credit(), "{}", out.len());
    }

    #[test]
    fn garbage_takes_its_time_and_the_next_packet_works() {
        let packets = packets(1);
        let mut uplink = Depacketiser::new().unwrap();
        let mut out = Vec::new();
        uplink.push(0, &packets[0], &mut out);
        assert_eq!(uplink.push(1, &[0xff, 0x3f, 1], &mut out), Received::Corrupt);
        assert_eq!(uplink.push(2, &[], &mut out), Received::Corrupt);
        assert_eq!(uplink.push(3, &packets[3], &mut out), Received::InOrder);
        assert_eq!(out.len(), 4 * 320);
    }
}
