//! HTTP and WebSocket, and nothing else: the only part that names axum or tungstenite.
//!
//! [`app`] is the axum router, [`serve`] runs it on a listener until told to stop and then drains: no new connections, every room
//! finishes the sentence being spoken, sessions close with 1001. [`listen`] holds the connections, [`tls`] has the certificate,
//! [`reach`] knows the addresses. [`socket`] maps WebSocket messages to a session's, [`admit`] decides who may connect ([`origin`],
//! [`limit`]), [`rooms`] makes rooms and takes their glossaries, [`assets`] the page, [`headers`] what every answer carries. Called by `server`.

pub mod admit;
pub mod assets;
mod headers;
pub mod limit;
mod listen;
pub mod origin;
pub mod reach;
pub mod rooms;
pub mod socket;
pub mod tls;

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post, put},
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    assets::Assets,
    limit::{AddressLimit, Rate},
    listen::Peer,
    origin::Origin,
    reach::Reach,
    tls::Tls,
};
use crate::{ids::SessionId, router::RoomRegistry, session::SessionOptions, time::Clock};

/// Log targets that must stay off below `warn` whatever an operator asks for: at `trace` these crates print what they carry.
pub const TARGETS_THAT_PRINT_CONTENT: &[&str] =
    &["tungstenite", "tokio_tungstenite", "hyper", "hyper_util", "h2", "axum", "tower", "tower_http", "rustls", "tokio_rustls"];

/// Connections for each session at most: a browser opens a few to fetch the page, and other people fetch it meanwhile.
const CONNECTIONS_PER_SESSION: usize = 4;

/// After the rooms are over, how long sessions have to write their last words.
const SESSIONS_LIMIT: Duration = Duration::from_secs(4);

/// After the sessions, how long requests under way (a scrape of the metrics) have.
const REQUESTS_LIMIT: Duration = Duration::from_secs(1);

/// What the transport allows.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// Sessions at once; more are refused with 503 and `Retry-After`.
    pub max_sessions: usize,
    /// Pages of these origins may connect too, besides our own. Programs that are no browsers send no origin and may.
    pub allowed_origins: Vec<Origin>,
    /// Under which address people reach this server.
    pub reach: Reach,
    /// A proxy stands before us: `X-Forwarded-For` says who the client is.
    pub behind_proxy: bool,
    /// Rooms that one address may make. One never has more than 30 + 10 * 10 of the 256 rooms this way: the rest of the rooms is
    /// for others, and an empty room is forgotten after 10 minutes.
    pub rooms: Rate,
    /// Wrong tokens that one address may try.
    pub guesses: Rate,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            max_sessions: 256,
            allowed_origins: Vec::new(),
            reach: Reach::loopback(SocketAddr::from(([127, 0, 0, 1], 0))),
            behind_proxy: false,
            rooms: Rate { burst: 30, interval: Duration::from_secs(6) },
            guesses: Rate { burst: 10, interval: Duration::from_secs(6) },
        }
    }
}

/// What each address did lately.
#[derive(Debug)]
struct Limits {
    rooms: AddressLimit,
    guesses: AddressLimit,
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
    assets: Arc<Assets>,
    limits: Arc<Mutex<Limits>>,
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
        let limits = Limits { rooms: AddressLimit::new(options.rooms), guesses: AddressLimit::new(options.guesses) };
        let permits = Arc::new(Semaphore::new(options.max_sessions.min(Semaphore::MAX_PERMITS)));
        Self {
            rooms,
            session,
            clock,
            options: Arc::new(options),
            assets: Assets::embedded(),
            limits: Arc::new(Mutex::new(limits)),
            ready,
            metrics,
            permits,
            ids: Arc::new(AtomicU64::new(1)),
            sessions: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Another page than the one in the program.
    pub fn with_assets(self, assets: Arc<Assets>) -> Self {
        Self { assets, ..self }
    }

    fn next_session(&self) -> SessionId {
        SessionId(self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.shutdown.is_cancelled()
    }
}

/// The whole HTTP interface. Every request must carry its [`Peer`] as an extension, as [`listen`] does it.
fn app(state: AppState, https_only: bool) -> Router {
    let mut pages = Router::new()
        .route("/", get(page))
        .route("/{*path}", get(asset))
        .route("/v1/session", get(socket::upgrade))
        .route("/v1/rooms", post(rooms::create))
        .route("/v1/rooms/{room}/glossary", put(rooms::glossary).layer(DefaultBodyLimit::max(rooms::MAX_GLOSSARY)));
    if https_only {
        pages = pages.layer(middleware::from_fn(to_https));
    }
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(pages)
        .layer(middleware::from_fn_with_state(state.clone(), headers::add))
        .with_state(state)
}

async fn page(State(state): State<AppState>, headers: HeaderMap) -> Response {
    state.assets.get("", &headers)
}

async fn asset(State(state): State<AppState>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    state.assets.get(&path, &headers)
}

/// Sends who speaks plain HTTP on a TLS port to https. The machine's own watchers (`/metrics` and the like) may stay.
async fn to_https(request: Request, next: Next) -> Response {
    if request.extensions().get::<Peer>().is_some_and(|p| p.secure) {
        return next.run(request).await;
    }
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).and_then(|h| h.parse::<Authority>().ok());
    match host {
        Some(host) => Redirect::temporary(&format!("https://{host}{}", request.uri().path())).into_response(),
        None => (StatusCode::BAD_REQUEST, "use https\n").into_response(),
    }
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

/// Serves until `shutdown` resolves, then drains (at most the rooms' drain limit and a few seconds) and returns. With `tls`, plain
/// HTTP is sent to https.
///
/// # Errors
/// When the part that accepts connections panicked.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let stop_accepting = CancellationToken::new();
    let app = app(state.clone(), tls.is_some());
    let max_connections = state.options.max_sessions.saturating_mul(CONNECTIONS_PER_SESSION);
    let mut server = tokio::spawn(listen::run(listener, tls, app, max_connections, stop_accepting.clone()));
    tokio::select! {
        () = shutdown => {}
        ended = &mut server => return ended.map_err(std::io::Error::other),
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
