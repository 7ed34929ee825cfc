//! What every answer carries: the page may run its own scripts, talk to this server and use the microphone, and nothing else.
//!
//! Knows no files. Called by [`super::app`].

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::{AppState, listen::Peer};

/// The policy without the sources of WebSockets. `'wasm-unsafe-eval'` lets the page compile the Opus codec, not evaluate text.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob: mediastream:; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; connect-src 'self'";

const FIXED: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "microphone=(self)"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Adds them to an answer.
pub(super) async fn add(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let secure = request.extensions().get::<Peer>().is_some_and(|p| p.secure);
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok());
    let policy = match (&state.options.reach.public, host) {
        (Some(public), _) => policy(public.is_secure(), public.authority()),
        (None, Some(host)) => policy(secure, host),
        (None, None) => POLICY.to_owned(),
    };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for &(name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Safari before 15.4 does not take `'self'` for WebSockets, so the server's own address stands there too. Behind a proxy whose name
/// nobody told us the scheme may be the secure one.
fn policy(secure: bool, host: &str) -> String {
    // What a client calls this host goes into the answer to that client only, and only as a host and port.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    match host.parse::<Authority>() {
        Ok(authority) if host.chars().all(plain) && secure => format!("{POLICY} wss://{authority}"),
        Ok(authority) if host.chars().all(plain) => format!("{POLICY} ws://{authority} wss://{authority}"),
        _ => POLICY.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_this_host_and_nothing_a_client_makes_up() {
        assert!(policy(true, "192.168.1.5:8720").ends_with("connect-src 'self' wss://192.168.1.5:8720"));
        assert!(policy(false, "[::1]:8720").ends_with("connect-src 'self' ws://[::1]:8720 wss://[::1]:8720"));
        for host in ["a.example; script-src *", "a.example *", "*", "user@a.example", "", "a'b"] {
            assert_eq!(policy(true, host), POLICY, "{host}");
        }
    }
}
