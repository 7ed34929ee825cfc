//! HTTP and WebSocket, and nothing else: the only part that names axum or tungstenite.
//!
//! [`app`] is the axum router, [`serve`] runs it on a listener until told to stop and then drains: no new connections, every room
//! finishes the sentence being spoken, sessions close with 1001. [`socket`] maps WebSocket messages to a session's, [`admit`] decides
//! who may connect, [`rooms`] is `POST /v1/rooms`, [`page`] the page at `/`. Called by `server`.

pub mod admit;
pub mod page;
pub mod rooms;
pub mod socket;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{ids::SessionId, router::RoomRegistry, session::SessionOptions, time::Clock};

/// Log targets that must stay off below `warn` whatever an operator asks for: at `trace` these crates print what they carry.
pub const TARGETS_THAT_PRINT_CONTENT: &[&str] =
    &["tungstenite", "tokio_tungstenite", "hyper", "hyper_util", "h2", "axum", "tower", "tower_http"];

/// After the rooms are over, how long sessions have to write their last words.
const SESSIONS_LIMIT: Duration = Duration::from_secs(4);

/// After the sessions, how long requests under way (a scrape of the metrics) have.
const REQUESTS_LIMIT: Duration = Duration::from_secs(1);

/// What the transport allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportOptions {
    /// Sessions at once; more are refused with 503 and `Retry-After`.
    pub max_sessions: usize,
    /// Values of `Origin` that may connect from a browser; empty means any. Programs that are no browsers send none.
    pub allowed_origins: Vec<String>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self { max_sessions: 256, allowed_origins: Vec::new() }
    }
}

/// Gives the metrics in Prometheus's text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the handlers need. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    rooms: Arc<RoomRegistry>,
    session: SessionOptions,
    clock: Clock,
    options: Arc<TransportOptions>,
    ready: Arc<AtomicBool>,
    metrics: RenderMetrics,
    permits: Arc<Semaphore>,
    ids: Arc<AtomicU64>,
    sessions: TaskTracker,
    shutdown: CancellationToken,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

impl AppState {
    /// Not ready until `ready` is set to true.
    ///
    /// `session.room_capacity` is taken from the rooms' options, so that `welcome` cannot lie.
    pub fn new(
        rooms: Arc<RoomRegistry>,
        clock: Clock,
        session: SessionOptions,
        options: TransportOptions,
        ready: Arc<AtomicBool>,
        metrics: RenderMetrics,
    ) -> Self {
        let session = SessionOptions { room_capacity: rooms.options().room.capacity, ..session };
        let permits = Arc::new(Semaphore::new(options.max_sessions.min(Semaphore::MAX_PERMITS)));
        Self {
            rooms,
            session,
            clock,
            options: Arc::new(options),
            ready,
            metrics,
            permits,
            ids: Arc::new(AtomicU64::new(1)),
            sessions: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        }
    }

    fn next_session(&self) -> SessionId {
        SessionId(self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.shutdown.is_cancelled()
    }
}

/// The whole HTTP interface.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/", get(|| async { Html(page::INDEX) }))
        .route("/v1/session", get(socket::upgrade))
        .route("/v1/rooms", post(rooms::create))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn readyz(State(state): State<AppState>) -> Response {
    if state.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "not ready\n").into_response()
    }
}

async fn metrics(State(state): State<AppState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.metrics)()).into_response()
}

/// Serves until `shutdown` resolves, then drains (at most the rooms' drain limit and a few seconds) and returns.
///
/// # Errors
/// What the system says when accepting connections fails for good.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: impl Future<Output = ()> + Send) -> std::io::Result<()> {
    let stop_accepting = CancellationToken::new();
    // Packets of 20 ms must not wait for each other (Nagle).
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off Nagle's algorithm for a connection");
        }
    });
    let server = axum::serve(listener, app(state.clone())).with_graceful_shutdown(stop_accepting.clone().cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        () = shutdown => {}
        ended = &mut server => return ended.unwrap_or_else(|e| Err(std::io::Error::other(e))),
    }
    tracing::info!(sessions = state.sessions.len(), rooms = state.rooms.len(), "stopping");
    stop_accepting.cancel();
    state.shutdown.cancel();
    state.rooms.drain().await;
    state.sessions.close();
    if timeout(SESSIONS_LIMIT, state.sessions.wait()).await.is_err() {
        tracing::warn!(sessions = state.sessions.len(), "sessions did not close in time");
    }
    if timeout(REQUESTS_LIMIT, &mut server).await.is_err() {
        server.abort();
    }
    tracing::info!("stopped");
    Ok(())
}
