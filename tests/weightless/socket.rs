//! The whole network side over real sockets, with a scripted pipeline: HTTP endpoints, admission, conversation, shutdown.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::common::{Client, Heard, Scripted, hello, language};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tongchuan::{
    client,
    privacy::Secret,
    protocol::{
        ClientMessage, ErrorCode, ServerMessage,
        message::{CaptionKind, Hello, Invitation, LanguageChange, Role},
    },
    router::{RoomRegistry, RouterOptions},
    session::SessionOptions,
    time::Clock,
    transport::{AppState, TransportOptions, serve},
};

struct Server {
    address: SocketAddr,
    rooms: Arc<RoomRegistry>,
    ready: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<std::io::Result<()>>,
}

async fn start(options: TransportOptions, pipeline: Scripted) -> Server {
    let clock = Clock::start();
    let rooms =
        Arc::new(RoomRegistry::new(RouterOptions { open_rooms: true, ..RouterOptions::default() }, clock, Arc::new(pipeline)));
    let ready = Arc::new(AtomicBool::new(true));
    let metrics = Arc::new(|| "tongchuan_sessions 0\n".to_owned());
    let state = AppState::new(rooms.clone(), clock, SessionOptions::default(), options, ready.clone(), metrics);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(serve(listener, None, state, async {
        let _ = stopped.await;
    }));
    Server { address, rooms, ready, stop, done }
}

impl Server {
    /// A new room, and what a merchant who speaks and hears Chinese and a buyer with languages of their own say to come in.
    fn invite(&self, speak: &str, hear: &str) -> (Hello, Hello) {
        let room = self.rooms.create().expect("a room");
        let with =
            |token: &Secret, speak: &str, hear: &str| Hello { token: Some(token.clone()), ..hello(&room.room, speak, hear) };
        (with(&room.tokens.merchant, "zh", "zh"), with(&room.tokens.buyer, speak, hear))
    }
}

async fn server() -> Server {
    start(TransportOptions::default(), Scripted::default()).await
}

/// A plain HTTP request; status, headers and body as text.
async fn http(address: SocketAddr, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("{head}\r\nHost: test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, answer)
}

const UPGRADE: &str =
    "GET /v1/session HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==";

/// An upgrade request that is to be refused.
async fn refused_upgrade(address: SocketAddr, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("{UPGRADE}\r\nHost: test\r\nConnection: Upgrade\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut buffer = vec![0; 4096];
    let n = stream.read(&mut buffer).await.expect("reads");
    let answer = String::from_utf8_lossy(&buffer[..n]).into_owned();
    (answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status"), answer)
}

#[tokio::test]
async fn http_endpoints() {
    let server = server().await;
    assert_eq!(http(server.address, "GET /healthz HTTP/1.1").await.0, 200);
    assert_eq!(http(server.address, "GET /readyz HTTP/1.1").await.0, 200);
    server.ready.store(false, Ordering::Relaxed);
    assert_eq!(http(server.address, "GET /readyz HTTP/1.1").await.0, 503);
    assert_eq!(http(server.address, "GET /healthz HTTP/1.1").await.0, 200, "alive, only not ready");
    assert!(http(server.address, "GET /metrics HTTP/1.1").await.1.contains("tongchuan_sessions 0"));
    assert!(http(server.address, "GET / HTTP/1.1").await.1.contains("<html"));
    assert_eq!(http(server.address, "GET /nowhere HTTP/1.1").await.0, 404);
    let (status, answer) = http(server.address, "POST /v1/rooms HTTP/1.1").await;
    assert_eq!(status, 201);
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    let invitation: Invitation = serde_json::from_str(body).expect("an invitation");
    assert_eq!(invitation.expires_in, 600);
    assert_ne!(invitation.tokens.merchant, invitation.tokens.buyer);
}

#[tokio::test]
async fn who_may_connect() {
    let options = TransportOptions { max_sessions: 1, ..TransportOptions::default() };
    let server = start(options, Scripted::default()).await;
    let protocol = "Sec-WebSocket-Protocol: tongchuan.v1\r\n";
    assert_eq!(refused_upgrade(server.address, "").await.0, 400, "no subprotocol");
    assert_eq!(refused_upgrade(server.address, "Sec-WebSocket-Protocol: tongchuan.v2\r\n").await.0, 400);
    let foreign = format!("{protocol}Origin: https://evil.example\r\n");
    assert_eq!(refused_upgrade(server.address, &foreign).await.0, 403);
    let ours = protocol.to_owned();
    let first = Client::dial(server.address).await;
    let (status, answer) = refused_upgrade(server.address, &ours).await;
    assert_eq!(status, 503);
    assert!(answer.to_lowercase().contains("retry-after: ") && answer.contains("server_full"), "{answer}");
    drop(first);
    // The place is free again as soon as the server has seen the close.
    let free = async {
        while refused_upgrade(server.address, &ours).await.0 != 101 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), free).await.expect("a place is free");
}

#[tokio::test]
async fn a_conversation_with_everything() {
    let server = server().await;
    let (merchants, buyers) = server.invite("auto", "en");
    let (mut merchant, mut buyer) = (Client::dial(server.address).await, Client::dial(server.address).await);
    assert_eq!(merchant.join(merchants).await.role, Role::Merchant);
    assert_eq!(buyer.join(buyers.clone()).await.role, Role::Buyer);
    let mut third = Client::dial(server.address).await;
    assert_eq!(third.refused(buyers.clone()).await, (ErrorCode::RoomFull, 4005));

    merchant.utter("甲").await;
    buyer.utter("one").await;
    assert_eq!(buyer.speech().await, "en:甲");
    assert_eq!(merchant.speech().await, "zh:one");

    // Corrupt frames and messages of one are unnoticed by the other.
    buyer.binary(vec![0x20; 40]).await;
    assert_eq!(buyer.error().await, ErrorCode::UnsupportedVersion);
    buyer.text("{\"type\":").await;
    assert_eq!(buyer.error().await, ErrorCode::BadMessage);
    buyer.text(" ".repeat(20_000)).await;
    assert_eq!(buyer.error().await, ErrorCode::BadMessage);
    buyer.utter("two").await;
    assert_eq!(merchant.speech().await, "zh:two");

    buyer.say(ClientMessage::Language(LanguageChange { hear: Some(language("ru")), ..LanguageChange::default() })).await;
    merchant.until(|h| matches!(h, Heard::Message(ServerMessage::Joined(p)) if p.hear == language("ru")).then_some(())).await;
    merchant.utter("乙").await;
    assert_eq!(buyer.speech().await, "ru:乙");

    buyer.say(ClientMessage::Bye {}).await;
    loop {
        if let Heard::Closed(code) = buyer.hear().await {
            break assert_eq!(code, 1000);
        }
    }
    merchant.until(|h| matches!(h, Heard::Message(ServerMessage::Left(_))).then_some(())).await;
    let mut again = Client::dial(server.address).await;
    assert_eq!(again.join(buyers).await.others.len(), 1);
    merchant.utter("丙").await;
    assert_eq!(again.speech().await, "en:丙");
}

/// Until speech: the words.
async fn next_speech(events_rx: &mut mpsc::Receiver<client::Received>) -> String {
    loop {
        let received = tokio::time::timeout(Duration::from_secs(30), events_rx.recv()).await.expect("in time").expect("open");
        match received.event {
            client::Event::Audio(frame) => return String::from_utf8(frame.payload.to_vec()).expect("words"),
            client::Event::Message(_) => {}
            client::Event::Closed(code) => panic!("closed: {code:?}"),
        }
    }
}

#[tokio::test]
async fn a_session_goes_on_over_another_socket() {
    let server = server().await;
    let (merchants, buyers) = server.invite("en", "en");
    let url = format!("ws://{}/v1/session", server.address);
    let mut merchant = Client::dial(server.address).await;
    merchant.join(merchants).await;
    let (buyer, mut events_rx) = client::Client::connect(&url, buyers).await.expect("welcome");
    let (participant, session) = (buyer.welcome.participant, buyer.welcome.session);
    merchant.utter("甲").await;
    assert_eq!(next_speech(&mut events_rx).await, "en:甲");
    let lost = buyer.cut().await;
    merchant.until(|h| matches!(h, Heard::Message(ServerMessage::Away(_))).then_some(())).await;
    merchant.utter("乙").await;
    merchant.caption(CaptionKind::Translation).await;
    let (buyer, mut rest_rx) = client::Client::resume(&url, lost).await.expect("welcome back");
    assert_eq!((buyer.welcome.participant, buyer.welcome.session), (participant, session));
    merchant.until(|h| matches!(h, Heard::Message(ServerMessage::Back(_))).then_some(())).await;
    // What the old socket had brought and nobody had read is still in its receiver; the rest comes over the new one.
    while let Some(received) = events_rx.recv().await {
        assert!(!matches!(received.event, client::Event::Audio(_)), "the second sentence came when the first socket was gone");
    }
    assert_eq!(next_speech(&mut rest_rx).await, "en:乙");
    merchant.utter("丙").await;
    assert_eq!(next_speech(&mut rest_rx).await, "en:丙");
    buyer.leave().await;
    merchant.until(|h| matches!(h, Heard::Message(ServerMessage::Left(_))).then_some(())).await;
}

#[tokio::test]
async fn shutdown_finishes_the_sentence_and_closes() {
    let server = start(TransportOptions::default(), Scripted { lane_delay: Duration::from_millis(300) }).await;
    let (merchants, buyers) = server.invite("en", "en");
    let (mut merchant, mut buyer) = (Client::dial(server.address).await, Client::dial(server.address).await);
    merchant.join(merchants).await;
    buyer.join(buyers).await;
    merchant.packet("甲", true, false).await;
    buyer.caption(CaptionKind::Source).await;
    server.stop.send(()).expect("running");
    buyer.until(|h| matches!(h, Heard::Message(ServerMessage::Notice(_))).then_some(())).await;
    merchant.packet("乙", false, true).await;
    assert_eq!(buyer.speech().await, "en:甲乙");
    assert_eq!(buyer.closed().await, (ErrorCode::ShuttingDown, 1001));
    assert_eq!(merchant.closed().await, (ErrorCode::ShuttingDown, 1001));
    server.done.await.expect("no panic").expect("no error");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}
