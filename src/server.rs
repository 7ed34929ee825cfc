//! The wiring on one screen: what starts in which order, and what stops in which.
//!
//! The port is taken and the certificate read first, so that a mistake shows at once; `/readyz` says no until every engine is warm. Stopping: no new
//! connections, every room finishes the sentence being spoken, sessions close, the engines' threads end with their last handle.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    engines::Engines,
    pipeline::{Pipelines, stages::Stages},
    protocol::message::Invitation,
    router::{RoomOptions, RoomRegistry, RouterOptions, TokenKey},
    session::SessionOptions,
    state_dir::{StateDir, StateError},
    telemetry,
    time::Clock,
    transport::{
        self, AppState, TransportOptions,
        assets::Assets,
        reach::{self, Reach, Security},
        tls::{Tls, TlsError},
    },
};

/// A running server. Dropping it without [`Server::stop`] leaves it running until the process ends.
#[derive(Debug)]
pub struct Server {
    reach: Reach,
    rooms: Arc<RoomRegistry>,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Takes the port, loads and warms the engines (or uses the `stages` given) and then lets people in.
    ///
    /// # Errors
    /// When the port is taken, the certificate cannot be used, or a model is missing or does not load.
    pub async fn start(config: &Config, stages: Option<Stages>) -> anyhow::Result<Self> {
        Self::start_with(config, stages, None).await
    }

    /// As [`Server::start`], with the page of a folder instead of the one in the program.
    ///
    /// # Errors
    /// As [`Server::start`], and when there is no page in the folder.
    pub async fn start_with(config: &Config, stages: Option<Stages>, page: Option<&Path>) -> anyhow::Result<Self> {
        let listen = config.server.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}; choose another port with --listen"))?;
        let address = listener.local_addr()?;
        let state_dir = StateDir::open(config.server.state_dir.as_deref())?;
        let key = token_key(&state_dir)?;
        let metrics = recorder()?;
        let clock = Clock::start();
        let ready = Arc::new(AtomicBool::new(false));
        let own = config.glossary()?;
        if let Some(file) = &config.rooms.glossary {
            tracing::info!(terms = own.len(), file = %file.display(), "the server's own glossary");
        }
        let pipelines = Arc::new(Pipelines::empty(clock).with_glossary(own));
        let rooms = Arc::new(RoomRegistry::new(router_options(config), clock, pipelines.clone()).with_key(key));
        let (security, tls) = protection(config, &state_dir, clock.unix())?;
        let public = config.server.public_url.as_deref().map(str::parse).transpose()?;
        let reach = Reach { public, listen: address, security };
        let options = TransportOptions {
            max_sessions: config.server.max_sessions,
            allowed_origins: config.allowed_origins(),
            reach: reach.clone(),
            behind_proxy: config.server.plain_http,
            ..TransportOptions::default()
        };
        let render = Arc::new(move || metrics.render());
        let mut state = AppState::new(rooms.clone(), clock, SessionOptions::default(), options, ready.clone(), render);
        if let Some(folder) = page {
            let assets = Assets::from_dir(folder).with_context(|| format!("cannot serve the page in {}", folder.display()))?;
            state = state.with_assets(assets);
        }
        let stop = CancellationToken::new();
        let serving = tokio::spawn(transport::serve(listener, tls, state, stop.clone().cancelled_owned()));

        let stages = match stages {
            Some(stages) => stages,
            None => Engines::open(config)?.stages().await?,
        };
        pipelines.fill(stages);
        ready.store(true, Ordering::Relaxed);
        tracing::info!(%address, cores = config.compute.cores(), profile = config.models.profile, "ready");
        Ok(Self { reach, rooms, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.reach.listen
    }

    /// How people reach it.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Makes a room, as `POST /v1/rooms` does.
    ///
    /// # Errors
    /// When there are too many rooms.
    pub fn create_room(&self) -> anyhow::Result<Invitation> {
        Ok(self.rooms.create()?)
    }

    /// Finishes what is being said, then ends.
    pub async fn stop(self) {
        self.stop.cancel();
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "serving failed"),
            Err(error) => tracing::error!(%error, "serving panicked"),
        }
    }
}

/// The key that signs join tokens, kept so that a restart makes no invitation void.
fn token_key(state: &StateDir) -> Result<TokenKey, StateError> {
    let reuse = |kept: &[u8]| kept.try_into().ok().map(TokenKey::new);
    state.keep("token.key", reuse, |_| {
        let bytes: [u8; TokenKey::LEN] = rand::random();
        (bytes.to_vec(), TokenKey::new(bytes))
    })
}

/// TLS as configured: the operator's certificate, else our own where others can connect, else none. `now` in seconds since 1970.
fn protection(config: &Config, state: &StateDir, now: u64) -> Result<(Security, Option<Tls>), TlsError> {
    let server = &config.server;
    Ok(match (&server.certificate, &server.private_key) {
        (Some(certificate), Some(key)) => (Security::Given, Some(Tls::given(certificate, key)?)),
        _ if server.plain_http || server.listen.ip().is_loopback() => (Security::Plain, None),
        _ => (Security::Own, Some(Tls::own(state, &reach::names(), now)?)),
    })
}

fn router_options(config: &Config) -> RouterOptions {
    RouterOptions {
        room: RoomOptions {
            capacity: config.rooms.capacity,
            expire_after: Duration::from_secs(60 * config.rooms.idle_minutes),
            drain_limit: Duration::from_secs(config.server.drain_seconds),
        },
        max_rooms: config.rooms.max_rooms,
        open_rooms: config.rooms.open,
    }
}

/// The process's metrics, collected from the first server on.
fn recorder() -> anyhow::Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    static STARTING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match RECORDER.get() {
        Some(handle) => Ok(handle.clone()),
        None => {
            let handle = telemetry::init_metrics()?;
            Ok(RECORDER.get_or_init(|| handle).clone())
        }
    }
}
