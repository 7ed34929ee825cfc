//! `POST /v1/rooms`: makes a room and gives its code and one join token per role. The body of the request is not looked at.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    AppState,
    admit::{self, Refusal},
};

/// Handles `POST /v1/rooms`.
///
/// # Errors
/// 403 for a foreign origin, 503 when there are too many rooms or the server stops.
pub async fn create(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Refusal> {
    admit::origin(&state, &headers)?;
    let invitation = state.rooms.create()?;
    // Tokens must not lie in anybody's cache.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(invitation)).into_response())
}
