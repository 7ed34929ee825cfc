//! Who may connect: origin, subprotocol, a free place. Decided before the upgrade, so that a refusal is plain HTTP.
//!
//! Refusals for a fault carry the same JSON as `error` messages. Called by the handlers of `socket` and `rooms`.

use axum::{
    extract::ws::WebSocketUpgrade,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::OwnedSemaphorePermit;

use super::AppState;
use crate::protocol::{Fault, SUBPROTOCOL};

/// Why a request is turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 503 with `Retry-After` where it helps: the server is full or stops.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// 503: not ready yet.
    #[error("the models are still loading")]
    Loading,
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
            Refusal::Fault(fault) => refusal(&fault),
            Refusal::Loading => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], text).into_response(),
            Refusal::ForeignOrigin => (StatusCode::FORBIDDEN, text).into_response(),
            Refusal::NoSubprotocol => (StatusCode::BAD_REQUEST, text).into_response(),
        }
    }
}

fn refusal(fault: &Fault) -> Response {
    metrics::counter!("tongchuan_errors_total", "code" => fault.code().as_str()).increment(1);
    let body = fault.message(None).to_json();
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(seconds) = fault.retry_after() {
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

/// Checks where a browser's page came from.
///
/// # Errors
/// [`Refusal::ForeignOrigin`] when the origin is not on the list.
pub fn origin(state: &AppState, headers: &HeaderMap) -> Result<(), Refusal> {
    let allowed = &state.options.allowed_origins;
    let listed = |o: &HeaderValue| allowed.iter().any(|a| a.as_bytes().eq_ignore_ascii_case(o.as_bytes()));
    let ok = allowed.is_empty() || headers.get(header::ORIGIN).is_none_or(listed);
    if ok { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

/// Selects our subprotocol among those offered.
///
/// # Errors
/// [`Refusal::NoSubprotocol`] when it is not among them.
pub fn subprotocol(upgrade: WebSocketUpgrade) -> Result<WebSocketUpgrade, Refusal> {
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_some() { Ok(upgrade) } else { Err(Refusal::NoSubprotocol) }
}
