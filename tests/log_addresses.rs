//! Everything that is refused, and a room that is made, at the most verbose level an operator can ask for: no client's address and no
//! token is in the log.
//!
//! Alone in its program: there is one log per program.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tongchuan::{
    client::Client,
    config::Config,
    fake::{self, FakeOptions},
    language::{Language, Spoken, Voice},
    privacy::Secret,
    protocol::message::{Hello, Invitation},
    server::Server,
    telemetry,
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Sends `bytes` and gives what comes back, and the client's own port.
async fn raw(server: &Server, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.address().port())).await.expect("connects");
    let port = stream.local_addr().expect("an address").port();
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    // A server that drops a hostile connection is right to.
    let _ = stream.read_to_end(&mut answer).await;
    (port, String::from_utf8_lossy(&answer).into_owned())
}

async fn start(listen: &str, state: &std::path::Path) -> Server {
    let mut config = Config::default();
    config.server.listen = listen.parse().expect("an address");
    config.server.state_dir = Some(state.to_owned());
    Server::start(&config, Some(fake::stages(FakeOptions::default()))).await.expect("the server starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_and_no_token_is_logged() {
    let log = Log::default();
    tracing_subscriber::fmt().with_env_filter(telemetry::filter("trace")).with_ansi(false).with_writer(log.clone()).init();
    let state = tempfile::tempdir().expect("a folder");
    let server = start("127.0.0.1:0", state.path()).await;
    let mut ports = Vec::new();
    let mut request = async |head: &str, more: &str| {
        let text = format!(
            "{head} HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: 203.0.113.77\r\nConnection: close\r\n{more}\r\n",
            server.address()
        );
        let (port, answer) = raw(&server, text.as_bytes()).await;
        ports.push(port);
        answer
    };
    let made = request("POST /v1/rooms", "").await;
    let invitation: Invitation = serde_json::from_str(made.split("\r\n\r\n").nth(1).expect("a body")).expect("an invitation");
    request("POST /v1/rooms", "Origin: https://evil.example\r\n").await;
    request("GET /nowhere?t=secretquery", "").await;
    while !request("POST /v1/rooms", "").await.contains(" 429 ") {}

    let url = format!("ws://{}/v1/session", server.address());
    let hello = |token: &Secret| Hello {
        version: 1,
        room: invitation.room.clone(),
        token: Some(token.clone()),
        role: None,
        name: None,
        speak: Spoken::Fixed(Language::ZH),
        hear: Language::ZH,
        voice: Voice::Female,
        resume: None,
        received: None,
    };
    let (merchant, _events_rx) = Client::connect(&url, hello(&invitation.tokens.merchant)).await.expect("joins");
    let wrong = Secret::new("confidential-token");
    Client::connect(&url, hello(&wrong)).await.expect_err("refused");
    merchant.leave().await;

    // A TLS server is given what is no TLS, and a handshake that goes nowhere.
    let secure = start("0.0.0.0:0", state.path()).await;
    let mut ports: Vec<u16> = ports;
    ports.push(raw(&secure, b"GET / HTTP/1.0\r\n\r\n").await.0);
    ports.push(raw(&secure, &[22, 3, 1, 0, 5, 1, 0, 0, 1, 9, 9, 9, 9]).await.0);
    secure.stop().await;
    server.stop().await;

    let text = String::from_utf8(log.0.lock().expect("lock").clone()).expect("UTF-8");
    assert!(text.contains("joined") && text.contains("refused") && text.contains("TLS handshake failed"), "the log was captured");
    let tokens = [&invitation.tokens.merchant, &invitation.tokens.buyer, &wrong].map(|t| t.expose().to_owned());
    let key = std::fs::read(state.path().join("token.key")).expect("kept");
    let key = key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let clients = ports.iter().map(|port| format!("127.0.0.1:{port}"));
    let secrets = ["203.0.113.77", "secretquery", "PRIVATE KEY", invitation.room.as_str()].map(str::to_owned).into_iter();
    for secret in secrets.chain(tokens).chain(clients).chain([key]) {
        assert!(!text.contains(&secret), "the log contains {secret:?}");
    }
}
