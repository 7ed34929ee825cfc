//! Connections: accepts them, does TLS, and speaks HTTP/1.1 on them until told to stop.
//!
//! Their number and every wait are bounded, so that clients that say nothing hold nothing for long. On a TLS port a client that speaks
//! plain HTTP is let in and marked ([`Peer::secure`]), so that it can be sent to https: people type addresses without a scheme.
//! Knows no paths. Called by [`super::serve`].

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::tls::Tls;

/// From accepting to the end of the TLS handshake: a phone on a bad network needs three round trips of a second.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may be idle or take to send the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection may be used for plain requests at all: then a client that does not read its answers is gone too. Enough
/// for the whole page at 10 kbit/s. WebSockets are not counted: sessions have limits of their own.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10 * 60);

/// After the system refused to accept (no file descriptors left), how long to wait for better times.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The other end of a connection. Every request carries it as an extension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// Who: for limits, never for logs.
    pub(super) address: IpAddr,
    /// Whether the connection is encrypted by us.
    pub(super) secure: bool,
}

/// Serves `app` on at most `max_connections` connections until `stop`, then finishes the requests under way.
pub(super) async fn run(listener: TcpListener, tls: Option<Tls>, app: Router, max_connections: usize, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    while let Some(permit) = stop.run_until_cancelled(permits.clone().acquire_owned()).await.and_then(Result::ok) {
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { break };
        match accepted {
            Ok((stream, address)) => {
                let peer = Peer { address: address.ip().to_canonical(), secure: false };
                connections.spawn(connection(stream, tls.clone(), peer, app.clone(), stop.clone(), permit));
            }
            Err(error) => on_accept_error(&error).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn on_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    // The client's doing: the next one may be fine.
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "cannot accept connections");
        sleep(ACCEPT_PAUSE).await;
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<Tls>,
    peer: Peer,
    app: Router,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    // Packets of 20 ms must not wait for each other (Nagle).
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot turn off Nagle's algorithm for a connection");
    }
    let Some(tls) = tls else { return http(stream, peer, app, stop).await };
    let shaken = stop.run_until_cancelled(timeout(HANDSHAKE_LIMIT, handshake(stream, &tls))).await;
    match shaken {
        Some(Ok(Ok(Shaken::Tls(stream)))) => http(*stream, Peer { secure: true, ..peer }, app, stop).await,
        Some(Ok(Ok(Shaken::Plain(stream)))) => http(stream, peer, app, stop).await,
        // A browser that is asked about our certificate breaks the first handshake off: nothing to report.
        Some(Ok(Err(error))) => tracing::debug!(kind = %error.kind(), "TLS handshake failed"),
        Some(Err(_)) | None => {}
    }
}

enum Shaken {
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    Plain(TcpStream),
}

/// A TLS client begins with a handshake record, whose first byte is 22; no HTTP request does.
async fn handshake(stream: TcpStream, tls: &Tls) -> io::Result<Shaken> {
    const HANDSHAKE_RECORD: u8 = 22;
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE_RECORD {
        return Ok(Shaken::Plain(stream));
    }
    Ok(Shaken::Tls(Box::new(tls.acceptor().accept(stream).await?)))
}

async fn http<S>(stream: S, peer: Peer, app: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = TowerToHyperService::new(app);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    let served = async {
        tokio::select! {
            served = &mut connection => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    // A client that went away, or sent what is not HTTP, is no event.
    let _ = timeout(CONNECTION_LIMIT, served).await;
}
