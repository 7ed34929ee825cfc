//! `POST /v1/rooms` makes a room and gives its code, one join token per role, and the address for the QR code; the body of the request
//! is not looked at. `PUT /v1/rooms/CODE/glossary` gives a room the words of its merchant.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    AppState,
    admit::{self, Refusal},
    listen::Peer,
};
use crate::{
    privacy::Secret,
    protocol::{Fault, message::Invitation},
    trade::{Glossary, glossary::LineError},
};

/// Largest glossary that is read, in bytes: some thousand terms in six languages.
pub(super) const MAX_GLOSSARY: usize = 512 * 1024;

/// What was wrong with a glossary, line by line; or how many terms it has.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum GlossaryAnswer {
    Terms(usize),
    Errors(Vec<String>),
}

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

/// Handles `PUT /v1/rooms/CODE/glossary`: a CSV table, with a merchant's token of the room as `Authorization: Bearer`. It replaces the
/// room's own terms from the next sentence on.
///
/// # Errors
/// 403 for a foreign origin, 429 when this address tried too many wrong tokens. A wrong token or room is 401, a table with mistakes 422.
pub(super) async fn glossary(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    Path(room): Path<String>,
    headers: HeaderMap,
    table: Bytes,
) -> Result<Response, Refusal> {
    admit::origin(&state, &headers)?;
    let client = admit::guesser(&state, &headers, peer)?;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    let token = Secret::new(bearer.unwrap_or_default().trim());
    // Who may not change it learns nothing from his mistakes in it.
    let allowed = room.parse().map_err(|_| Fault::BadToken).and_then(|room| {
        state.rooms.may_set_glossary(&room, &token)?;
        Ok(room)
    });
    let Ok(room) = allowed else {
        admit::guessed(&state, client);
        return Ok((StatusCode::UNAUTHORIZED, "show a merchant's token of this room\n").into_response());
    };
    let parsed = match std::str::from_utf8(&table) {
        Ok(text) => Glossary::parse(text),
        Err(_) => Err(vec![LineError { line: 0, problem: "the file is not UTF-8: save it so".into() }]),
    };
    match parsed {
        Ok(glossary) => {
            state.rooms.set_glossary(&room, &glossary);
            Ok(Json(GlossaryAnswer::Terms(glossary.len())).into_response())
        }
        Err(errors) => {
            let errors = errors.iter().map(ToString::to_string).collect();
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(GlossaryAnswer::Errors(errors))).into_response())
        }
    }
}
