//! Ogg Opus (RFC 7845) to samples: pre-skip, output gain, trimming of both ends by granule position.
//!
//! One stream of one or two channels; chained and surround files are refused. Only [`super`] calls this.

use std::{
    io::{ErrorKind, Read, Seek, SeekFrom},
    time::Duration,
};

use ogg::{OggReadError, Packet, PacketReader};

use super::FileError;
use crate::{audio::opus::Decoder, time::SampleRate};

/// Granule positions and the pre-skip count at this rate whatever was encoded (RFC 7845, 4).
const GRANULE: SampleRate = SampleRate(48_000);
/// Rates that the codec decodes to by itself.
const NATIVE: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// What the first packet says (RFC 7845, 5.1).
struct Header {
    pre_skip: u64,
    /// Linear factor.
    gain: f32,
}

impl Header {
    fn parse(packet: &[u8]) -> Result<Self, FileError> {
        let [
            b'O',
            b'p',
            b'u',
            b's',
            b'H',
            b'e',
            b'a',
            b'd',
            version,
            channels,
            skip_low,
            skip_high,
            _,
            _,
            _,
            _,
            gain_low,
            gain_high,
            family,
            ..,
        ] = *packet
        else {
            return Err(FileError::Corrupt("the Opus header is too short".into()));
        };
        if version >= 16 {
            return Err(FileError::Unsupported(format!("Ogg Opus version {version}")));
        }
        if !matches!(channels, 1 | 2) || family > 1 {
            return Err(FileError::Unsupported(format!("Opus with {channels} channels, mapping family {family}")));
        }
        let gain_db = f32::from(i16::from_le_bytes([gain_low, gain_high])) / 256.0;
        Ok(Self { pre_skip: u64::from(u16::from_le_bytes([skip_low, skip_high])), gain: crate::audio::level::factor(gain_db) })
    }
}

/// Mono samples and their rate: `wanted` where the codec can, else 48 kHz.
pub(super) fn decode<S: Read + Seek>(
    source: S,
    wanted: SampleRate,
    limit: Duration,
) -> Result<(Vec<f32>, SampleRate), FileError> {
    let rate = if NATIVE.contains(&wanted.0) { wanted } else { GRANULE };
    let at_rate =
        |granules: u64| usize::try_from(u128::from(granules) * u128::from(rate.0) / u128::from(GRANULE.0)).unwrap_or(usize::MAX);
    let mut decoder = Decoder::with_rate(rate).map_err(|e| FileError::Unsupported(e.to_string()))?;
    let mut reader = PacketReader::new(source);
    let after = |samples: &[f32]| rate.duration(samples.len());

    let head = next(&mut reader, Duration::ZERO)?.ok_or(FileError::Truncated { after: Duration::ZERO })?;
    let header = Header::parse(&head.data)?;
    let serial = head.stream_serial();
    let tags = next(&mut reader, Duration::ZERO)?.ok_or(FileError::Truncated { after: Duration::ZERO })?;
    if !tags.data.starts_with(b"OpusTags") {
        return Err(FileError::Corrupt("the Opus comment header is missing".into()));
    }

    let mut samples = Vec::new();
    // A recording cut out of a longer one starts at a granule position above 0 (RFC 7845, 4.5).
    let mut start: Option<u64> = None;
    let mut end = 0;
    let mut complete = head.last_in_stream() || tags.last_in_stream();
    while let Some(packet) = next(&mut reader, after(&samples))? {
        if packet.stream_serial() != serial || complete {
            return Err(FileError::Unsupported("an Ogg file with several streams".into()));
        }
        decoder.decode(&packet.data, &mut samples).map_err(|e| FileError::Corrupt(e.to_string()))?;
        complete = packet.last_in_stream();
        if packet.last_in_page() {
            end = packet.absgp_page();
            let decoded = samples.len() as u64 * u64::from(GRANULE.0 / rate.0);
            start.get_or_insert(end.saturating_sub(decoded));
        }
        if samples.len() > rate.samples(limit) + at_rate(header.pre_skip) {
            return Err(FileError::TooLong { limit });
        }
    }
    if !complete {
        return Err(FileError::Truncated { after: after(&samples) });
    }
    samples.truncate(at_rate(end.saturating_sub(start.unwrap_or(0))));
    samples.drain(..samples.len().min(at_rate(header.pre_skip)));
    samples.iter_mut().for_each(|s| *s = (*s * header.gain).clamp(-1.0, 1.0));
    Ok((samples, rate))
}

/// Walks the pages of any Ogg file, which checks their checksums, and rewinds.
///
/// # Errors
/// When a page is damaged or the last one is missing, which the Vorbis reader would pass over in silence.
pub(super) fn check_complete<S: Read + Seek>(source: &mut S) -> Result<(), FileError> {
    let mut reader = PacketReader::new(&mut *source);
    let mut complete = false;
    while let Some(packet) = next(&mut reader, Duration::ZERO)? {
        complete = packet.last_in_stream();
    }
    if !complete {
        return Err(FileError::Truncated { after: Duration::ZERO });
    }
    source.seek(SeekFrom::Start(0)).map(drop).map_err(|e| FileError::Corrupt(e.to_string()))
}

fn next<S: Read + Seek>(reader: &mut PacketReader<S>, after: Duration) -> Result<Option<Packet>, FileError> {
    reader.read_packet().map_err(|error| match error {
        OggReadError::ReadError(e) if e.kind() == ErrorKind::UnexpectedEof => FileError::Truncated { after },
        other => FileError::Corrupt(other.to_string()),
    })
}
