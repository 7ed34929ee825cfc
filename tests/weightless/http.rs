//! The server as browsers meet it: the page and its headers, where pages may come from, limits per address, TLS.
//!
//! Over real sockets, with scripted stages. Requests are written by hand, so that each header is the test's own.

use std::{net::SocketAddr, path::Path, sync::Arc};

use crate::common::Client;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};
use tongchuan::{
    config::Config,
    fake::{self, FakeOptions},
    protocol::{ClientMessage, ErrorCode, SUBPROTOCOL, ServerMessage, message::Invitation},
    server::Server,
};

fn config(state: &Path, listen: &str) -> Config {
    let mut config = Config::default();
    config.server.listen = listen.parse().expect("an address");
    config.server.state_dir = Some(state.to_owned());
    config
}

async fn start(config: &Config) -> Server {
    config.validate().expect("valid");
    Server::start(config, Some(fake::stages(FakeOptions::default()))).await.expect("the server starts")
}

async fn plain() -> (tempfile::TempDir, Server) {
    let state = tempfile::tempdir().expect("a folder");
    let server = start(&config(state.path(), "127.0.0.1:0")).await;
    (state, server)
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|l| l.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap_or_default()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    fn invitation(&self) -> Invitation {
        assert_eq!(self.status, 201, "{}", self.head);
        serde_json::from_slice(&self.body).expect("an invitation")
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// `request` is the request line and headers; the host is added.
async fn http(server: &Server, request: &str) -> Answer {
    let address = to_loopback(server.address());
    let (line, headers) = request.split_once("\r\n").unwrap_or((request, ""));
    let headers = if headers.is_empty() { String::new() } else { format!("\r\n{headers}") };
    let stream = TcpStream::connect(address).await.expect("connects");
    exchange(stream, &format!("{line} HTTP/1.1\r\nHost: {address}{headers}")).await
}

/// Asks for a WebSocket: the status, 101 when it is granted.
async fn upgrade(server: &Server, headers: &str) -> Answer {
    let address = server.address();
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!(
        "GET /v1/session HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut buffer = vec![0; 4096];
    let n = stream.read(&mut buffer).await.expect("an answer");
    let head = String::from_utf8_lossy(&buffer[..n]).into_owned();
    Answer { status: head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status"), head, body: Vec::new() }
}

fn to_loopback(address: SocketAddr) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], address.port()))
}

#[tokio::test]
async fn the_page_comes_with_its_policy() {
    let (_state, server) = plain().await;
    let page = http(&server, "GET /").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().contains("<html"), "{}", page.text());
    assert!(!page.text().contains("<script>") && !page.text().contains("style="), "nothing inline: the policy forbids it");
    let missing = http(&server, "GET /nowhere.js").await;
    assert_eq!(missing.status, 404);
    assert_eq!(http(&server, "GET /../Cargo.toml").await.status, 404);
    assert_eq!(http(&server, "POST /").await.status, 405);
    for answer in [&page, &missing, &http(&server, "GET /healthz").await, &http(&server, "POST /v1/rooms").await] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
        assert!(policy.contains(&format!("connect-src 'self' ws://{}", server.address())), "{policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("permissions-policy"), "microphone=(self)");
    }
}

#[tokio::test]
async fn the_page_is_sent_once_and_small() {
    let (_state, server) = plain().await;
    let page = http(&server, "GET /").await;
    assert_eq!(page.header("cache-control"), "no-cache");
    let again = http(&server, &format!("GET /\r\nIf-None-Match: {}", page.header("etag"))).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let gzipped = http(&server, "GET /\r\nAccept-Encoding: gzip, br").await;
    assert_eq!(gzipped.header("content-encoding"), "gzip");
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&gzipped.body[..]), &mut unpacked).expect("gzip");
    assert_eq!(unpacked, page.text());
    let head = http(&server, "HEAD /").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), page.body.len().to_string());
}

#[tokio::test]
async fn pages_of_other_sites_may_not_connect() {
    let state = tempfile::tempdir().expect("a folder");
    let mut config = config(state.path(), "127.0.0.1:0");
    config.server.allowed_origins = vec!["https://market.example".into()];
    config.server.public_url = Some("https://stall.example/".into());
    let server = start(&config).await;
    let own = format!("http://{}", server.address());
    for (origin, allowed) in [
        (own.as_str(), true),
        ("https://market.example", true),
        ("https://stall.example", true),
        ("http://stall.example", false),
        ("https://market.example:8443", false),
        ("https://market.example.evil.example", false),
        ("http://127.0.0.1", false),
        ("null", false),
    ] {
        let header = format!("Origin: {origin}\r\n");
        assert_eq!(upgrade(&server, &header).await.status, if allowed { 101 } else { 403 }, "{origin}");
        let rooms = http(&server, &format!("POST /v1/rooms\r\nOrigin: {origin}")).await;
        assert_eq!(rooms.status, if allowed { 201 } else { 403 }, "{origin}");
    }
    assert_eq!(upgrade(&server, "").await.status, 101, "a program that is no browser");
    let invitation = http(&server, "POST /v1/rooms").await.invitation();
    assert_eq!(invitation.join_url.as_deref(), Some("https://stall.example"));
}

#[tokio::test]
async fn an_invitation_says_where_and_for_how_long() {
    let (_state, server) = plain().await;
    let address = server.address();
    let answer = http(&server, "POST /v1/rooms").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let invitation = answer.invitation();
    assert_eq!(invitation.expires_in, 600);
    assert_eq!(invitation.join_url, Some(format!("http://{address}")));
    assert_ne!(invitation.tokens.merchant, invitation.tokens.buyer);
    // Behind a proxy on this machine the merchant's browser knows the name.
    let proxied = "POST /v1/rooms\r\nX-Forwarded-For: 192.0.2.1\r\nOrigin: https://stall.example";
    assert_eq!(http(&server, proxied).await.status, 403, "a proxy that does not pass the host on must be announced");
}

#[tokio::test]
async fn one_address_makes_so_many_rooms_and_no_more() {
    let (_state, server) = plain().await;
    let from = |ip: &str| format!("POST /v1/rooms\r\nX-Forwarded-For: 203.0.113.9, {ip}");
    let mut made = 0;
    let refused = loop {
        let answer = http(&server, &from("192.0.2.1")).await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
        assert!(made < 100, "nobody needs so many rooms");
    };
    assert!(made >= 30, "{made}");
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|s| (1..=7).contains(&s)), "{}", refused.head);
    assert!(refused.text().contains("rate_limited"), "{}", refused.text());
    assert_eq!(http(&server, &from("192.0.2.2")).await.status, 201, "others are not concerned");
}

#[tokio::test]
async fn who_guesses_is_stopped() {
    let (_state, server) = plain().await;
    let invitation = http(&server, "POST /v1/rooms").await.invitation();
    let mut tried = 0;
    loop {
        if upgrade(&server, "").await.status == 429 {
            break;
        }
        let mut hello = crate::common::hello(&invitation.room, "en", "en");
        hello.token = Some(tongchuan::privacy::Secret::random());
        let mut guesser = Client::dial(server.address()).await;
        assert_eq!(guesser.refused(hello).await, (ErrorCode::BadToken, 4003));
        tried += 1;
        assert!(tried < 100, "a hundred guesses");
    }
    assert!(tried >= 10, "an honest mistake or two: {tried}");
    let limited = upgrade(&server, "").await;
    assert!(limited.header("retry-after").parse::<u32>().is_ok_and(|s| (1..=7).contains(&s)), "{}", limited.head);
    assert_eq!(upgrade(&server, "X-Forwarded-For: 192.0.2.2\r\n").await.status, 101, "others are not concerned");
}

/// A client that trusts the certificate that lies in the state folder, and nothing else.
async fn tls(server: &Server, pem: &str, name: &str) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(to_loopback(server.address())).await?;
    connector.connect(ServerName::try_from(name.to_owned()).expect("a name"), stream).await
}

fn kept_certificate(state: &Path) -> String {
    let kept = std::fs::read(state.join("certificate.json")).expect("kept");
    let kept: serde_json::Value = serde_json::from_slice(&kept).expect("JSON");
    kept["certificate"].as_str().expect("PEM").to_owned()
}

#[tokio::test]
async fn a_server_for_the_network_has_a_certificate_that_it_keeps() {
    let state = tempfile::tempdir().expect("a folder");
    let config = config(state.path(), "0.0.0.0:0");
    let server = start(&config).await;
    let pem = kept_certificate(state.path());
    for name in ["localhost", "127.0.0.1"] {
        let stream = tls(&server, &pem, name).await.expect("trusted");
        let page = exchange(stream, &format!("GET / HTTP/1.1\r\nHost: {name}")).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-security-policy").ends_with(&format!("connect-src 'self' wss://{name}")), "{}", page.head);
    }
    assert!(tls(&server, &pem, "evil.example").await.is_err(), "not its name");
    let stream = tls(&server, &pem, "localhost").await.expect("trusted");
    let rooms = exchange(stream, "POST /v1/rooms HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost").await.invitation();
    assert!(rooms.join_url.is_some_and(|url| url.starts_with("https://")));
    assert!(server.reach().url().starts_with("https://"));

    // Who forgets the scheme is sent on; the machine's own watchers may stay.
    let plain = http(&server, "GET /app.js?q").await;
    assert_eq!(plain.status, 307);
    assert_eq!(plain.header("location"), format!("https://{}/app.js", to_loopback(server.address())));
    assert_eq!(http(&server, "POST /v1/rooms").await.status, 307);
    assert_eq!(http(&server, "GET /healthz").await.status, 200);
    server.stop().await;

    let again = start(&config).await;
    assert_eq!(kept_certificate(state.path()), pem);
    tls(&again, &pem, "localhost").await.expect("the certificate of the first start");
    again.stop().await;
}

#[tokio::test]
async fn a_conversation_over_tls_outlives_a_restart_by_its_token() {
    let state = tempfile::tempdir().expect("a folder");
    let config = config(state.path(), "0.0.0.0:0");
    let server = start(&config).await;
    let invitation = server.create_room().expect("a room");
    let mut hello = crate::common::hello(&invitation.room, "zh", "zh");
    hello.token = Some(invitation.tokens.merchant.clone());
    for server in [server, start(&config).await] {
        let stream = tls(&server, &kept_certificate(state.path()), "localhost").await.expect("trusted");
        let mut request =
            format!("wss://localhost:{}/v1/session", server.address().port()).into_client_request().expect("a request");
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (mut socket, _) = client_async(request, stream).await.expect("upgraded");
        socket.send(Message::text(ClientMessage::Hello(hello.clone()).to_json())).await.expect("sent");
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no answer to hello") };
        let welcome = ServerMessage::parse(text.as_bytes()).expect("valid");
        assert!(matches!(welcome, Some(ServerMessage::Welcome(w)) if w.room == invitation.room), "the same room, made again");
        // Stopping closes it from this side: the server says why and then 1001.
        let stopping = tokio::spawn(server.stop());
        let mut close = None;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                close = frame.map(|f| u16::from(f.code));
            }
        }
        assert_eq!(close, Some(1001));
        stopping.await.expect("stopped");
    }
}

#[tokio::test]
async fn a_given_certificate_is_used_also_on_loopback() {
    let state = tempfile::tempdir().expect("a folder");
    let key = rcgen::KeyPair::generate().expect("a key");
    let made =
        rcgen::CertificateParams::new(vec!["stall.example".to_owned()]).expect("a name").self_signed(&key).expect("signed");
    let path = |name: &str| state.path().join(name);
    std::fs::write(path("cert.pem"), made.pem()).expect("written");
    std::fs::write(path("key.pem"), key.serialize_pem()).expect("written");
    let mut config = config(state.path(), "127.0.0.1:0");
    config.server.certificate = Some(path("cert.pem"));
    config.server.private_key = Some(path("key.pem"));
    let server = start(&config).await;
    let stream = tls(&server, &made.pem(), "stall.example").await.expect("trusted");
    let request = "POST /v1/rooms HTTP/1.1\r\nHost: stall.example\r\nOrigin: https://stall.example";
    assert_eq!(exchange(stream, request).await.invitation().join_url.as_deref(), Some("https://stall.example"));
    config.server.private_key = Some(path("missing.pem"));
    let refused = Server::start(&config, Some(fake::stages(FakeOptions::default()))).await;
    assert!(refused.is_err_and(|e| format!("{e:#}").contains("missing.pem")));
}

#[tokio::test]
async fn behind_a_proxy_it_is_plain_http_for_others_too() {
    let state = tempfile::tempdir().expect("a folder");
    let mut config = config(state.path(), "0.0.0.0:0");
    config.server.plain_http = true;
    let server = start(&config).await;
    assert_eq!(http(&server, "GET /").await.status, 200);
    assert!(!state.path().join("certificate.json").exists(), "no certificate is made in vain");
    let address = to_loopback(server.address());
    let through_proxy = TcpStream::connect(address).await.expect("connects");
    let request = "POST /v1/rooms HTTP/1.1\r\nHost: stall.example\r\nOrigin: https://stall.example";
    let invitation = exchange(through_proxy, request).await.invitation();
    assert_eq!(invitation.join_url.as_deref(), Some("https://stall.example"), "what the merchant's browser calls it");
}
