//! The configuration: one validated tree with defaults, read from a TOML file and from the command line.
//!
//! Every key has a default that suits a two-core machine at a stall; a wrong key or value is refused with its name and the fix.
//! `tongchuan check` prints the effective tree.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    audio::opus::EncoderOptions,
    inference::onnx::Provider,
    pipeline::{
        echo::EchoOptions,
        policy::Mode,
        stages::{Deadlines, PipelineOptions},
    },
    trade::Glossary,
    transport::origin::Origin,
    vad::segmenter::SegmenterOptions,
};

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listening server.
    pub server: Server,
    /// Rooms where people meet.
    pub rooms: Rooms,
    /// Which weights, and where they are.
    pub models: Models,
    /// What computes.
    pub compute: Compute,
    /// How interpretations are coded.
    pub audio: Audio,
    /// When to interpret.
    pub interpretation: Interpretation,
    /// Where utterances begin and end.
    pub endpointing: Endpointing,
    /// How long each stage may take.
    pub deadlines: Deadlines,
    /// How a room's own loudspeakers and its other voices are told from the speaker.
    pub echo: Echo,
}

/// The listening server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections at once; more are told to come back later.
    pub max_sessions: usize,
    /// Address under which phones reach the server (`https://stall.example`), where the machine cannot know it: behind a proxy, or
    /// with a name of one's own.
    pub public_url: Option<String>,
    /// Certificate chain, a PEM file. None makes a certificate of the server's own when it listens on more than loopback.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key, a PEM file.
    pub private_key: Option<PathBuf>,
    /// No TLS, and the client's address is in `X-Forwarded-For`: behind a proxy that does TLS. Phones allow a microphone over https only.
    pub plain_http: bool,
    /// Folder of what survives a restart (the key of invitations, the server's own certificate); none takes the user's state folder.
    pub state_dir: Option<PathBuf>,
    /// Web origins besides the server's own page that may connect (`https://stall.example`). Clients that are not browsers send none.
    pub allowed_origins: Vec<String>,
    /// Seconds that sentences under way may take to be finished when the server stops.
    pub drain_seconds: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8720)),
            max_sessions: 64,
            public_url: None,
            certificate: None,
            private_key: None,
            plain_http: false,
            state_dir: None,
            allowed_origins: Vec::new(),
            drain_seconds: 10,
        }
    }
}

/// Rooms where people meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// People per room: one merchant and the rest buyers.
    pub capacity: usize,
    /// People may join by code alone, without the token that `POST /v1/rooms` gives: for tests of clients, not for a market.
    pub open: bool,
    /// Rooms at once.
    pub max_rooms: usize,
    /// Minutes after which an empty room is forgotten.
    pub idle_minutes: u64,
    /// Words of the trade, a CSV file (see README.md). They go before those that the program comes with.
    pub glossary: Option<PathBuf>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { capacity: 2, open: false, max_rooms: 256, idle_minutes: 10, glossary: None }
    }
}

/// Which weights, and where they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Profile of `models/catalog.toml`: `default` or `lite`.
    pub profile: String,
    /// Folder of the weights; none takes `TONGCHUAN_MODELS`, else the user's cache folder.
    pub dir: Option<PathBuf>,
    /// The espeak-ng program.
    pub espeak: PathBuf,
}

impl Default for Models {
    fn default() -> Self {
        Self { profile: "default".into(), dir: None, espeak: "espeak-ng".into() }
    }
}

/// What computes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compute {
    /// Cores that models may use together; 0 takes all.
    pub cores: usize,
    /// Execution provider of ONNX Runtime for translation and synthesis.
    pub provider: Provider,
}

impl Compute {
    /// Cores that models may use together.
    pub fn cores(&self) -> usize {
        if self.cores > 0 { self.cores } else { std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// How interpretations are coded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audio {
    /// Opus bits per second, 6,000 to 128,000.
    pub bitrate: u32,
    /// Forward error correction in the packets.
    pub fec: bool,
    /// Packet loss that error correction is made for, in percent.
    pub expected_loss_percent: u8,
    /// Discontinuous transmission: almost nothing is sent for silence.
    pub dtx: bool,
}

impl Default for Audio {
    fn default() -> Self {
        let encoder = EncoderOptions::default();
        Self {
            bitrate: encoder.bitrate,
            fec: encoder.fec,
            expected_loss_percent: encoder.expected_loss_percent,
            dtx: encoder.dtx,
        }
    }
}

/// When to interpret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Interpretation {
    /// `simultaneous`: while somebody speaks. `sentence`: when an utterance is over, which is less work for the machine.
    pub mode: Mode,
}

/// Where utterances begin and end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Endpointing {
    /// Longest utterance in milliseconds, 5,000 to 28,000 (Whisper hears 30 s at once): a longer one is cut at its best pause.
    pub max_utterance_ms: u64,
}

impl Default for Endpointing {
    fn default() -> Self {
        Self { max_utterance_ms: 25_000 }
    }
}

/// How a room's own loudspeakers and its other voices are told from the speaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Echo {
    /// Look for echoes. Only people who never share a room can do without.
    pub enabled: bool,
    /// The longest time, in milliseconds, from when an interpretation should be heard until a microphone brings it back.
    pub playback_delay_ms: u64,
    /// The most, in milliseconds, that one microphone's sound may come before or after another's.
    pub microphone_delay_ms: u64,
}

impl Default for Echo {
    fn default() -> Self {
        let options = EchoOptions::default();
        let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Self {
            enabled: options.enabled,
            playback_delay_ms: ms(options.playback_delay),
            microphone_delay_ms: ms(options.microphone_delay),
        }
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, or a key that does not exist, or a value of the wrong kind.
    #[error("{}: {reason}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and what, as the parser says it.
        reason: String,
    },
    /// A value out of its range.
    #[error("{key}: {reason}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is allowed.
        reason: String,
    },
}

impl Config {
    /// The server's own terms, from the file that `rooms.glossary` names; none without one.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when it cannot be read, or with every line that is not right.
    pub fn glossary(&self) -> Result<Glossary, ConfigError> {
        let Some(file) = &self.rooms.glossary else { return Ok(Glossary::default()) };
        let wrong = |reason: String| ConfigError::Value { key: "rooms.glossary", reason };
        let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("cannot read {}: {e}", file.display())))?;
        Glossary::parse(&text).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            wrong(format!("{}:\n{}", file.display(), lines.join("\n")))
        })
    }

    /// Reads and validates `path`.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file, the key and the fix.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self =
            toml::from_str(&text).map_err(|e| ConfigError::Parse { path: path.to_owned(), reason: e.to_string() })?;
        config.validate()?;
        Ok(config)
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let in_range = |key, value: u64, from: u64, to: u64| {
            let reason = format!("{value} is out of range: use {from} to {to}");
            if (from..=to).contains(&value) { Ok(()) } else { Err(ConfigError::Value { key, reason }) }
        };
        in_range("server.max_sessions", self.server.max_sessions as u64, 1, 10_000)?;
        in_range("server.drain_seconds", self.server.drain_seconds, 0, 600)?;
        in_range("rooms.capacity", self.rooms.capacity as u64, 2, 32)?;
        in_range("rooms.max_rooms", self.rooms.max_rooms as u64, 1, 100_000)?;
        in_range("rooms.idle_minutes", self.rooms.idle_minutes, 1, 24 * 60)?;
        in_range("compute.cores", self.compute.cores as u64, 0, 1024)?;
        in_range("audio.bitrate", u64::from(self.audio.bitrate), 6_000, 128_000)?;
        in_range("audio.expected_loss_percent", u64::from(self.audio.expected_loss_percent), 0, 100)?;
        in_range("endpointing.max_utterance_ms", self.endpointing.max_utterance_ms, 5_000, 28_000)?;
        in_range("deadlines.asr_ms", self.deadlines.asr_ms, 100, 600_000)?;
        in_range("deadlines.mt_ms", self.deadlines.mt_ms, 100, 600_000)?;
        in_range("deadlines.tts_ms", self.deadlines.tts_ms, 100, 600_000)?;
        // Longer ones would make every comparison slower and chance likenesses more frequent.
        in_range("echo.playback_delay_ms", self.echo.playback_delay_ms, 200, 5_000)?;
        in_range("echo.microphone_delay_ms", self.echo.microphone_delay_ms, 200, 2_000)?;
        let server = &self.server;
        let wrong = |key, reason: &str| Err(ConfigError::Value { key, reason: reason.to_owned() });
        origins("server.allowed_origins", &server.allowed_origins)?;
        origins("server.public_url", &server.public_url)?;
        if server.certificate.is_some() != server.private_key.is_some() {
            let missing = if server.certificate.is_some() { "server.private_key" } else { "server.certificate" };
            return wrong(missing, "is missing: certificate and key go together (--cert and --key)");
        }
        if server.plain_http && server.certificate.is_some() {
            return wrong("server.plain_http", "cannot be true with a certificate: give one or the other");
        }
        Ok(())
    }

    /// The origins whose pages may connect besides our own; those that are none are left out (`validate` refuses them).
    pub fn allowed_origins(&self) -> Vec<Origin> {
        self.server.allowed_origins.iter().filter_map(|o| o.parse().ok()).collect()
    }

    /// How pipelines behave under this configuration.
    pub fn pipeline(&self) -> PipelineOptions {
        PipelineOptions {
            mode: self.interpretation.mode,
            segmenter: SegmenterOptions {
                max_utterance: std::time::Duration::from_millis(self.endpointing.max_utterance_ms),
                ..SegmenterOptions::default()
            },
            encoder: EncoderOptions {
                bitrate: self.audio.bitrate,
                fec: self.audio.fec,
                expected_loss_percent: self.audio.expected_loss_percent,
                dtx: self.audio.dtx,
                ..EncoderOptions::default()
            },
            deadlines: self.deadlines,
            echo: EchoOptions {
                enabled: self.echo.enabled,
                playback_delay: std::time::Duration::from_millis(self.echo.playback_delay_ms),
                microphone_delay: std::time::Duration::from_millis(self.echo.microphone_delay_ms),
            },
        }
    }
}

/// Each must be a web origin.
fn origins<'a>(key: &'static str, values: impl IntoIterator<Item = &'a String>) -> Result<(), ConfigError> {
    for value in values {
        if let Err(error) = value.parse::<Origin>() {
            return Err(ConfigError::Value { key, reason: format!("{value:?}: {error}") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures(folder: &str) -> Vec<PathBuf> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config").join(folder);
        let files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{} is empty", dir.display());
        files
    }

    #[test]
    fn valid_files_load() {
        for path in fixtures("valid") {
            Config::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    #[test]
    fn invalid_files_are_refused_with_the_key_in_the_message() {
        for path in fixtures("invalid") {
            // The first line of each names what the message must mention.
            let text = std::fs::read_to_string(&path).unwrap();
            let expected = text.lines().next().and_then(|l| l.strip_prefix("# expect: ")).expect("`# expect: …` first");
            let message = Config::load(&path).expect_err(&path.display().to_string()).to_string();
            assert!(message.contains(expected), "{}: {message:?} does not mention {expected:?}", path.display());
        }
    }

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let config = Config::default();
        config.validate().unwrap();
        assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);
    }
}
