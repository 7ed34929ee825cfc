//! `POST /v1/rooms`: makes a room and gives its code, one join token per role, and the address for the QR code. The body of the
//! request is not looked at.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    AppState,
    admit::{self, Refusal},
    listen::Peer,
};
use crate::protocol::message::Invitation;

/// Handles `POST /v1/rooms`.
///
/// # Errors
/// 403 for a foreign origin, 429 when this address makes too many, 503 when there are too many rooms or the server stops.
pub(super) async fn create(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    admit::origin(&state, &headers)?;
    admit::room(&state, &headers, peer)?;
    let join_url = state.options.reach.join_url(admit::seen(&headers, peer).as_ref());
    let invitation = Invitation { join_url: Some(join_url), ..state.rooms.create()? };
    // Tokens must not lie in anybody's cache.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(invitation)).into_response())
}
