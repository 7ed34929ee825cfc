//! Audio files in, mono samples at the wanted rate out: WAV, FLAC, MP3 and Ogg Vorbis by symphonia, Ogg Opus by our own codec.
//!
//! What a file is, its content says, not its name. Files come from outside: anything wrong is a [`FileError`] that says what, and
//! the length is limited. Called by the command-line tools, the demo, tests and benches; errors do not repeat the path, which the
//! caller knows.

mod ogg_opus;
mod write;

use std::{
    io::{Cursor, Read, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error as SymphoniaError,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSource, MediaSourceStream},
    meta::MetadataOptions,
};

pub use self::write::{write_ogg_opus, write_wav};
use super::resample::{Resampler, UnsupportedRate};
use crate::time::SampleRate;

/// How much a tool reads unless told otherwise: two hours at 16 kHz are 460 MB of samples.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(2 * 3600);
/// Damaged packets a file may have, in percent, before it counts as corrupt: players skip a few without anyone noticing.
const MAX_DAMAGED_PERCENT: u64 = 10;

/// Why a file gave no samples, or was not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system or the encoder said.
        reason: String,
    },
    /// Not a format that is read here.
    #[error("not an audio file that can be read here: use WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus")]
    NotAudio,
    /// A known container with content that is not supported.
    #[error("this audio file cannot be read here ({0}): convert it to mono or stereo WAV, FLAC, MP3, Ogg Vorbis or Ogg Opus")]
    Unsupported(String),
    /// The file ends before its end.
    #[error("the audio file is incomplete: it ends after {:.1} s, in the middle; copy or record it again", after.as_secs_f32())]
    Truncated {
        /// How much could be decoded.
        after: Duration,
    },
    /// The content is damaged.
    #[error("the audio file is damaged ({0}); copy or record it again")]
    Corrupt(String),
    /// There is a header but no sound.
    #[error("the audio file has no sound in it")]
    Empty,
    /// Longer than the limit.
    #[error("the audio file is longer than {} s, the limit; split it", limit.as_secs())]
    TooLong {
        /// What was allowed.
        limit: Duration,
    },
    /// A sampling rate nobody uses.
    #[error(transparent)]
    Rate(#[from] UnsupportedRate),
}

/// Samples of the file at `path`, mono, at `rate`; at most [`DEFAULT_LIMIT`] of them.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path, rate: SampleRate) -> Result<Vec<f32>, FileError> {
    let unreadable = |source| FileError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    decode(file, rate, DEFAULT_LIMIT)
}

/// Samples of a file's content, mono, at `rate`.
///
/// # Errors
/// See [`FileError`]; [`FileError::TooLong`] past `limit`.
pub fn read_bytes(bytes: Vec<u8>, rate: SampleRate, limit: Duration) -> Result<Vec<f32>, FileError> {
    decode(Cursor::new(bytes), rate, limit)
}

fn decode<S: MediaSource + 'static>(mut source: S, rate: SampleRate, limit: Duration) -> Result<Vec<f32>, FileError> {
    let mut head = Vec::new();
    // An Ogg page with one short packet: 27 bytes of header, 1 of lacing, then the codec's magic.
    let rewound = (&mut source).take(64).read_to_end(&mut head).and_then(|_| source.seek(SeekFrom::Start(0)));
    rewound.map_err(|e| FileError::Corrupt(e.to_string()))?;
    if head.is_empty() {
        return Err(FileError::Empty);
    }
    let ogg = head.starts_with(b"OggS");
    let (samples, from) = if ogg && head.windows(8).any(|w| w == b"OpusHead") {
        ogg_opus::decode(source, rate, limit)?
    } else {
        if ogg {
            ogg_opus::check_complete(&mut source)?;
        }
        // The decoders are a library's; should hostile input break their arithmetic, that is bad input to us.
        let known = [&b"RIFF"[..], b"fLaC", b"ID3", b"OggS"].iter().any(|magic| head.starts_with(magic));
        catch_unwind(AssertUnwindSafe(|| with_symphonia(Box::new(source), known, limit)))
            .unwrap_or_else(|_| Err(FileError::Corrupt("the decoder gave up".into())))?
    };
    if samples.is_empty() {
        return Err(FileError::Empty);
    }
    if from == rate {
        return Ok(samples);
    }
    let mut out = Vec::with_capacity(rate.samples(from.duration(samples.len())) + 1);
    let mut resampler = Resampler::new(from, rate)?;
    resampler.push(&samples, &mut out);
    resampler.flush(&mut out);
    Ok(out)
}

/// Mono samples at the file's own rate; `known` when the first bytes are those of a format that is read here.
fn with_symphonia(source: Box<dyn MediaSource>, known: bool, limit: Duration) -> Result<(Vec<f32>, SampleRate), FileError> {
    let corrupt = |e: SymphoniaError| FileError::Corrupt(e.to_string());
    let stream = MediaSourceStream::new(source, Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| match e {
            SymphoniaError::IoError(_) if known => FileError::Truncated { after: Duration::ZERO },
            SymphoniaError::Unsupported(_) | SymphoniaError::IoError(_) => FileError::NotAudio,
            other => corrupt(other),
        })?;
    let track = format.default_track(TrackType::Audio).ok_or(FileError::NotAudio)?;
    let track_id = track.id;
    let declared = track.num_frames;
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or(FileError::NotAudio)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| FileError::Unsupported(e.to_string()))?;

    let mut rate: Option<SampleRate> = None;
    let mut samples: Vec<f32> = Vec::new();
    let mut interleaved: Vec<f32> = Vec::new();
    let (mut packets, mut damaged, mut longest) = (0u64, 0u64, 0usize);
    let mut cut = false;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(SymphoniaError::IoError(_)) => {
                cut = true;
                break;
            }
            Err(SymphoniaError::ResetRequired) => return Err(FileError::Unsupported("it has several streams".into())),
            Err(other) => return Err(corrupt(other)),
        };
        if packet.track_id != track_id {
            continue;
        }
        packets += 1;
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(SymphoniaError::DecodeError(_) | SymphoniaError::IoError(_)) => {
                damaged += 1;
                continue;
            }
            Err(other) => return Err(corrupt(other)),
        };
        let (here, channels) = (SampleRate(buffer.spec().rate()), buffer.spec().channels().count());
        let rate = *rate.get_or_insert(here);
        if here != rate || here.0 == 0 {
            return Err(FileError::Unsupported("its sampling rate changes".into()));
        }
        longest = longest.max(buffer.frames());
        buffer.copy_to_vec_interleaved(&mut interleaved);
        samples.extend(interleaved.chunks_exact(channels.max(1)).map(|frame| frame.iter().sum::<f32>() / frame.len() as f32));
        if samples.len() > rate.samples(limit) {
            return Err(FileError::TooLong { limit });
        }
    }
    let Some(rate) = rate else {
        return Err(match declared {
            _ if damaged > 0 => FileError::Corrupt("nothing in it decodes".into()),
            Some(1..) => FileError::Truncated { after: Duration::ZERO },
            _ if cut => FileError::Truncated { after: Duration::ZERO },
            _ => FileError::Empty,
        });
    };
    if damaged * 100 > packets * MAX_DAMAGED_PERCENT {
        return Err(FileError::Corrupt(format!("{damaged} of {packets} packets do not decode")));
    }
    // Encoders round the declared length to a packet; recorders that stream leave an absurd one.
    let declared = declared.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= rate.samples(DEFAULT_LIMIT));
    let short = declared.is_some_and(|n| samples.len() + longest < n && damaged == 0);
    if cut || short {
        return Err(FileError::Truncated { after: rate.duration(samples.len()) });
    }
    samples.iter_mut().filter(|s| !s.is_finite()).for_each(|s| *s = 0.0);
    Ok((samples, rate))
}

#[cfg(test)]
mod tests;
