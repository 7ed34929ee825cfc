//! `tongchuan demo`: a merchant and a buyer talk through a server in this process, over real sockets, in real time.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use tokio::sync::mpsc;

use super::output::line;
use crate::{
    audio::{file, level},
    client::{Client, Received},
    config::Config,
    dialogue::{self, Line, Turn},
    language::{Language, Spoken, Voice},
    pipeline::event::StageTimes,
    protocol::message::{Hello, Role},
    score::percentile,
    server::Server,
    time::SampleRate,
};

/// A merchant and a buyer talk through a server in this process.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Folder with `dialogue.tsv` and its recordings.
    #[arg(long, value_name = "DIR", default_value = "tests/fixtures/trade")]
    dialogue: PathBuf,
    /// How many lines of it to play.
    #[arg(long, default_value_t = 12)]
    turns: usize,
    /// Folder for `merchant.wav` and `buyer.wav`: what each side heard.
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
}

/// Time after a recording within which everything must have been interpreted.
const LIMIT: Duration = Duration::from_secs(30);

/// Quieter than this is not speech.
const AUDIBLE_DBFS: f32 = -50.0;

/// One end of the conversation.
struct Side {
    role: Role,
    client: Client,
    events_rx: mpsc::Receiver<Received>,
    heard: Vec<f32>,
}

impl Side {
    async fn join(url: &str, role: Role, hello: Hello) -> anyhow::Result<Self> {
        let (client, events_rx) = Client::connect(url, hello).await?;
        Ok(Self { role, client, events_rx, heard: Vec::new() })
    }
}

impl Demo {
    pub(super) async fn run(self, mut config: Config) -> anyhow::Result<()> {
        let lines = dialogue::read(&self.dialogue)?;
        anyhow::ensure!(!lines.is_empty(), "{} has no dialogue", self.dialogue.display());
        let language = |role| lines.iter().find(|l| l.speaker == role).map(|l| l.language);
        let merchant_language = language(Role::Merchant).unwrap_or(Language::ZH);
        let buyer_language = language(Role::Buyer).unwrap_or(Language::EN);
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        eprintln!("Loading the models…");
        let server = Server::start(&config, None).await?;
        let url = format!("ws://{}/v1/session", server.address());
        let invitation = server.create_room()?;
        let hello = |token, speak, hear, voice| Hello {
            version: 1,
            room: invitation.room.clone(),
            token: Some(token),
            role: None,
            name: None,
            speak: Spoken::Fixed(speak),
            hear,
            voice,
            resume: None,
            received: None,
        };
        let tokens = &invitation.tokens;
        let to_merchant = hello(tokens.merchant.clone(), merchant_language, merchant_language, Voice::Female);
        let to_buyer = hello(tokens.buyer.clone(), buyer_language, buyer_language, Voice::Male);
        let mut merchant = Side::join(&url, Role::Merchant, to_merchant).await?;
        let mut buyer = Side::join(&url, Role::Buyer, to_buyer).await?;
        line(format!("A merchant ({merchant_language}) and a buyer ({buyer_language}) meet at {url}\n"))?;

        let mut report = Report::default();
        for script in lines.iter().take(self.turns) {
            let (speaker, listener) =
                if script.speaker == Role::Merchant { (&mut merchant, &mut buyer) } else { (&mut buyer, &mut merchant) };
            let samples = dialogue::recording(script)?;
            let turn =
                dialogue::turn(&mut speaker.client, &mut speaker.events_rx, &mut listener.events_rx, &samples, LIMIT).await?;
            report.tell(script, listener.role, &turn)?;
            // Each side hears itself as silence while it speaks.
            let pause = SampleRate::TTS.samples(Duration::from_millis(500));
            listener.heard.extend_from_slice(&turn.speech);
            listener.heard.resize(listener.heard.len() + pause, 0.0);
        }
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        for side in [&merchant, &buyer] {
            let path = self.out.join(format!("{}.wav", name(side.role)));
            file::write_wav(&path, &side.heard, SampleRate::TTS)?;
            line(format!("What the {} heard: {}", name(side.role), path.display()))?;
        }
        merchant.client.leave().await;
        buyer.client.leave().await;
        server.stop().await;
        report.finish()
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Merchant => "merchant",
        Role::Buyer => "buyer",
    }
}

#[derive(Default)]
struct Report {
    lags: Vec<Duration>,
    times: Vec<StageTimes>,
    unheard: Vec<String>,
    turns: usize,
}

impl Report {
    fn tell(&mut self, script: &Line, listener: Role, turn: &Turn) -> anyhow::Result<()> {
        self.turns += 1;
        let t = turn.times;
        line(format!("{} {}: {}", script.id, name(script.speaker), turn.source))?;
        line(format!("      the {} hears: {}", name(listener), turn.target))?;
        for error in &turn.errors {
            line(format!("      error: {error}"))?;
        }
        let audible = level::dbfs(level::rms(&turn.speech)) > AUDIBLE_DBFS;
        match turn.lag.filter(|_| audible && !turn.target.trim().is_empty()) {
            Some(lag) => {
                self.lags.push(lag);
                self.times.push(t);
                line(format!(
                    "      first audio {} ms after the last word (endpoint+asr {}, asr {}, mt {}, tts {}, encode {}, waiting {})\n",
                    lag.as_millis(),
                    t.endpoint,
                    t.asr,
                    t.mt,
                    t.tts,
                    t.encode,
                    t.queue
                ))
            }
            None => {
                self.unheard.push(script.id.clone());
                line("      NOT HEARD\n")
            }
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        line(format!("\n{:<34}{:>9}{:>9}", "milliseconds", "p50", "p95"))?;
        let row = |label: &str, values: &[Duration]| {
            line(format!("{label:<34}{:>9}{:>9}", percentile(values, 50.0).as_millis(), percentile(values, 95.0).as_millis()))
        };
        row("first-audio lag", &self.lags)?;
        let stage = |pick: fn(&StageTimes) -> u32| -> Vec<Duration> {
            self.times.iter().map(|t| Duration::from_millis(pick(t).into())).collect()
        };
        row("  words known after the last word", &stage(|t| t.endpoint))?;
        row("  recognition (overlaps)", &stage(|t| t.asr))?;
        row("  translation", &stage(|t| t.mt))?;
        row("  synthesis of the first clause", &stage(|t| t.tts))?;
        row("  encoding", &stage(|t| t.encode))?;
        row("  waiting for a model or a core", &stage(|t| t.queue))?;
        line(format!("\n{} of {} sentences heard", self.turns - self.unheard.len(), self.turns))?;
        anyhow::ensure!(self.unheard.is_empty(), "not heard: {}", self.unheard.join(", "));
        Ok(())
    }
}
