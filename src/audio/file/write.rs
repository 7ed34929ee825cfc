//! Samples to files: 16-bit WAV for people, Ogg Opus for fixtures and recordings of what was heard.
//!
//! A file appears under its name only when it is whole: it is written beside it and renamed. Pipes and devices are written to.

use std::{
    fs::{self, OpenOptions},
    io::{self, Cursor, Write},
    path::Path,
};

use ogg::{PacketWriteEndInfo, PacketWriter};

use super::FileError;
use crate::{
    audio::opus::{Encoder, EncoderOptions},
    time::SampleRate,
};

/// Writes `samples` (mono, -1..1; louder ones are clipped) as 16-bit WAV.
///
/// # Errors
/// [`FileError::Write`].
pub fn write_wav(path: &Path, samples: &[f32], rate: SampleRate) -> Result<(), FileError> {
    let spec = hound::WavSpec { channels: 1, sample_rate: rate.0, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let write = || {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
        for s in samples {
            // `as` saturates and takes NaN for 0.
            writer.write_sample((s * 32_767.0).round() as i16)?;
        }
        writer.finalize()?;
        Ok(bytes.into_inner())
    };
    put(path, write().map_err(|e: hound::Error| e.to_string()))
}

/// Writes `samples` (mono, -1..1, at `options.rate`) as Ogg Opus.
///
/// # Errors
/// [`FileError::Write`], also when the codec refuses `options`.
pub fn write_ogg_opus(path: &Path, samples: &[f32], options: &EncoderOptions) -> Result<(), FileError> {
    put(path, ogg_opus(samples, options))
}

/// The content of an Ogg Opus file (RFC 7845).
fn ogg_opus(samples: &[f32], options: &EncoderOptions) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder::new(options).map_err(|e| e.to_string())?;
    let granules = |n: usize| n as u64 * 48_000 / u64::from(options.rate.0);
    let pre_skip = granules(encoder.lookahead());
    let mut packets: Vec<Vec<u8>> = Vec::new();
    encoder.push(samples, |p| packets.push(p.to_vec()));
    encoder.flush(|p| packets.push(p.to_vec()));

    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(u16::try_from(pre_skip).unwrap_or(u16::MAX).to_le_bytes());
    head.extend(options.rate.0.to_le_bytes());
    head.extend([0, 0, 0]);
    let mut tags = b"OpusTags".to_vec();
    for text in ["tongchuan".as_bytes(), &[]] {
        tags.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        tags.extend(text);
    }
    // One stream to a file, so any serial number does.
    let serial = 1;
    let mut out = PacketWriter::new(Vec::new());
    let mut write = |packet: Vec<u8>, end, granule| out.write_packet(packet, serial, end, granule).map_err(|e| e.to_string());
    write(head, PacketWriteEndInfo::EndPage, 0)?;
    let tags_end = if packets.is_empty() { PacketWriteEndInfo::EndStream } else { PacketWriteEndInfo::EndPage };
    write(tags, tags_end, 0)?;
    let count = packets.len();
    for (i, packet) in packets.into_iter().enumerate() {
        let last = i + 1 == count;
        // The last granule position says where the sound ends, inside the last packet.
        let granule = if last { pre_skip + granules(samples.len()) } else { granules((i + 1) * encoder.frame_samples()) };
        // A page a second keeps what a reader must hold small.
        let end = match (last, i % 50) {
            (true, _) => PacketWriteEndInfo::EndStream,
            (false, 49) => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::NormalPacket,
        };
        write(packet, end, granule)?;
    }
    Ok(out.into_inner())
}

fn put(path: &Path, content: Result<Vec<u8>, String>) -> Result<(), FileError> {
    content
        .and_then(|bytes| whole_or_not_at_all(path, &bytes).map_err(|e| e.to_string()))
        .map_err(|reason| FileError::Write { path: path.to_owned(), reason })
}

fn whole_or_not_at_all(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A pipe or a device is written to: a rename would put a file in its place. A link stays one.
    let path = match fs::metadata(path) {
        Ok(there) if !there.is_file() => return OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Ok(_) => path.canonicalize()?,
        Err(_) => path.to_owned(),
    };
    let mut name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let partial = path.with_file_name(name);
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, &path)).inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })
}
