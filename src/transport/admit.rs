//! Who may connect: origin, subprotocol, a free place, not too often. Decided before the upgrade, so that a refusal is plain HTTP.
//!
//! Refusals for a fault carry the same JSON as `error` messages. Clients' addresses are looked at here, for limits, and go nowhere
//! else. Called by the handlers of `socket` and `rooms`.

use std::{
    net::IpAddr,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::ws::WebSocketUpgrade,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{AppState, Limits, listen::Peer, origin::Origin};
use crate::protocol::{ErrorCode, Fault, SUBPROTOCOL, ServerMessage, message::ErrorMessage};

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 503 with `Retry-After` where it helps: the server is full or stops.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// 503: not ready yet.
    #[error("the models are still loading")]
    Loading,
    /// 429 with `Retry-After`: this address did it too often.
    #[error("too often from this address; try again in {} seconds", wait(.0))]
    TooOften(Duration),
    /// 403: a browser's page from an origin that is not on the list.
    #[error("pages of this origin may not connect to this server")]
    ForeignOrigin,
    /// 400: the client does not offer our subprotocol.
    #[error("offer the WebSocket subprotocol {SUBPROTOCOL}")]
    NoSubprotocol,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        match self {
            Refusal::Fault(fault) => {
                refusal(StatusCode::SERVICE_UNAVAILABLE, fault.code(), fault.message(None), fault.retry_after())
            }
            Refusal::TooOften(time) => {
                let retry_after = Some(wait(&time));
                let (code, text) = (ErrorCode::RateLimited, text.trim_end().to_owned());
                let message = ServerMessage::Error(ErrorMessage { code, text, fatal: true, retry_after, utterance: None });
                refusal(StatusCode::TOO_MANY_REQUESTS, code, message, retry_after)
            }
            Refusal::Loading => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], text).into_response(),
            Refusal::ForeignOrigin => (StatusCode::FORBIDDEN, text).into_response(),
            Refusal::NoSubprotocol => (StatusCode::BAD_REQUEST, text).into_response(),
        }
    }
}

/// Whole seconds, rounded up: who waits so long is let in.
fn wait(time: &Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
}

fn refusal(status: StatusCode, code: ErrorCode, message: ServerMessage, retry_after: Option<u32>) -> Response {
    metrics::counter!("tongchuan_errors_total", "code" => code.as_str()).increment(1);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], message.to_json()).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Takes a place for one more session.
///
/// # Errors
/// [`Refusal`] when there is none, the models are still loading, or the server stops.
pub fn permit(state: &AppState) -> Result<OwnedSemaphorePermit, Refusal> {
    if state.shutdown.is_cancelled() {
        return Err(Fault::ShuttingDown.into());
    }
    if !state.is_ready() {
        return Err(Refusal::Loading);
    }
    state.permits.clone().try_acquire_owned().map_err(|_| Fault::ServerFull.into())
}

/// Checks where a browser's page came from: from this server, under the name that the browser calls it by, or from one on the list.
///
/// # Errors
/// [`Refusal::ForeignOrigin`].
pub fn origin(state: &AppState, headers: &HeaderMap) -> Result<(), Refusal> {
    if !headers.contains_key(header::ORIGIN) {
        // No browser: such a program could say what it likes.
        return Ok(());
    }
    let options = &state.options;
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let ours = |o: &Origin| o.authority().eq_ignore_ascii_case(host) || options.reach.public.as_ref() == Some(o);
    let ok = origin_of(headers).is_some_and(|o| ours(&o) || options.allowed_origins.contains(&o));
    if ok { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

/// Where the page is that asks: the address under which its browser reaches this server. What a program without an origin calls this
/// host stands in for it.
pub(super) fn seen(headers: &HeaderMap, peer: Peer) -> Option<Origin> {
    let text = |name| headers.get(name).and_then(|h| h.to_str().ok());
    let scheme = if peer.secure { "https" } else { "http" };
    origin_of(headers).or_else(|| text(header::HOST).and_then(|host| format!("{scheme}://{host}").parse().ok()))
}

fn origin_of(headers: &HeaderMap) -> Option<Origin> {
    headers.get(header::ORIGIN).and_then(|o| o.to_str().ok()).and_then(|o| o.parse().ok())
}

/// Counts one more room of this client.
///
/// # Errors
/// [`Refusal::TooOften`].
pub(super) fn room(state: &AppState, headers: &HeaderMap, peer: Peer) -> Result<(), Refusal> {
    let client = client(state, headers, peer);
    limits(state).rooms.take(state.clock.now(), client).map_err(Refusal::TooOften)
}

/// Lets in who did not guess too much; gives the client's address, to count it if it guesses wrong.
///
/// # Errors
/// [`Refusal::TooOften`].
pub(super) fn guesser(state: &AppState, headers: &HeaderMap, peer: Peer) -> Result<IpAddr, Refusal> {
    let client = client(state, headers, peer);
    limits(state).guesses.check(state.clock.now(), client).map_err(Refusal::TooOften)?;
    Ok(client)
}

/// Counts a wrong token.
pub(super) fn guessed(state: &AppState, client: IpAddr) {
    limits(state).guesses.count(state.clock.now(), client);
}

fn limits(state: &AppState) -> MutexGuard<'_, Limits> {
    // A panic in between leaves a count too many or too few, nothing worse.
    state.limits.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client's address: what the proxy before us says, where there is one (a proxy on this machine needs no announcement). The last
/// entry is the one that the proxy wrote itself; those before it are what the client claims.
fn client(state: &AppState, headers: &HeaderMap, peer: Peer) -> IpAddr {
    let proxied = state.options.behind_proxy || peer.address.is_loopback();
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|v| v.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|ip| ip.trim().parse().ok());
    last.filter(|_| proxied).unwrap_or(peer.address)
}

/// Selects our subprotocol among those offered.
///
/// # Errors
/// [`Refusal::NoSubprotocol`] when it is not among them.
pub fn subprotocol(upgrade: WebSocketUpgrade) -> Result<WebSocketUpgrade, Refusal> {
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_some() { Ok(upgrade) } else { Err(Refusal::NoSubprotocol) }
}
