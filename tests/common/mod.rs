//! A scripted pipeline and a client, shared by the tests of sessions, rooms and sockets.
//!
//! The "audio" of these tests is text: a packet's payload is what was said. Words that begin with `!` make a stage misbehave.

#![allow(dead_code, unreachable_pub, reason = "each test binary is a crate of its own and uses its own part")]

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::{sync::mpsc, time::sleep};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest, http::HeaderValue};
use tokio_util::sync::CancellationToken;
use tongchuan::{
    ids::{RoomCode, SessionId, StreamId},
    inference::JobError,
    language::{Language, Spoken, Voice},
    pipeline::event::{LaneEvent, LaneInput, LaneText, SpeakerEvent, SpeakerInput, StageTimes, Stretch},
    privacy::Secret,
    protocol::{
        ClientMessage, ErrorCode, Frame, SUBPROTOCOL, ServerMessage,
        frame::{Kind, TICKS_PER_PACKET},
        message::{Caption, CaptionKind, ErrorMessage, Hello, Role, Welcome},
    },
    router::{LaneHandle, LaneKey, PipelineFactory, RoomRegistry, RouterOptions, SpeakerHandle, SpeakerKey},
    session::{Incoming, Outgoing, SessionOptions, SessionTask},
    time::{Clock, Millis},
};

/// Stages that do what the packets say: `first` begins an utterance, the payload is recognised, `last` ends it; a lane "translates"
/// by naming its language and "speaks" the text as one packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scripted {
    /// How long a lane takes for an utterance.
    pub lane_delay: Duration,
}

impl PipelineFactory for Scripted {
    fn start_speaker(&self, key: SpeakerKey, speak: Spoken, events: mpsc::Sender<(SpeakerKey, SpeakerEvent)>) -> SpeakerHandle {
        let (tx, rx) = mpsc::channel(16);
        tokio::spawn(speaker(key, speak, rx, events));
        SpeakerHandle { tx }
    }

    fn open_lane(&self, key: LaneKey, _: Voice, events: mpsc::Sender<(LaneKey, LaneEvent)>) -> LaneHandle {
        let (tx, rx) = mpsc::channel(4);
        tokio::spawn(lane(key, self.lane_delay, rx, events));
        LaneHandle { tx }
    }
}

async fn speaker(
    key: SpeakerKey,
    mut speak: Spoken,
    mut rx: mpsc::Receiver<SpeakerInput>,
    events: mpsc::Sender<(SpeakerKey, SpeakerEvent)>,
) {
    let (mut utterance, mut open, mut candidates) = (0, false, Vec::new());
    let (at, speech_end) = (Millis(0), Millis(0));
    while let Some(input) = rx.recv().await {
        let mut say = Vec::new();
        match input {
            SpeakerInput::Packet(packet) => {
                let Ok(text) = std::str::from_utf8(&packet.payload) else { continue };
                if packet.first {
                    open = true;
                    say.push(SpeakerEvent::UtteranceStarted { utterance, at });
                }
                match text {
                    "!panic" => return,
                    "!asr" => {
                        let error = JobError::failed("asr", "scripted");
                        say.push(SpeakerEvent::Failed { utterance: Some(utterance), error });
                        (open, utterance) = (false, utterance + 1);
                    }
                    _ => {
                        let language = speak.fixed().or(candidates.first().copied()).unwrap_or(Language::EN);
                        say.push(SpeakerEvent::Recognised {
                            utterance,
                            language,
                            committed: text.into(),
                            pending: "".into(),
                            speech_end: None,
                            heard: Millis(0),
                            doubtful: Vec::new(),
                            times: StageTimes::default(),
                        });
                    }
                }
                if packet.last && open {
                    say.push(SpeakerEvent::UtteranceEnded { utterance, speech_end });
                    (open, utterance) = (false, utterance + 1);
                }
            }
            SpeakerInput::Language(language) => speak = language,
            SpeakerInput::Candidates(languages) => candidates = languages,
            SpeakerInput::Floor(_) | SpeakerInput::Quiet => {}
            SpeakerInput::Finish => {
                if open {
                    say.push(SpeakerEvent::UtteranceEnded { utterance, speech_end });
                }
                say.push(SpeakerEvent::Finished);
            }
        }
        for event in say {
            let finished = event == SpeakerEvent::Finished;
            if events.send((key, event)).await.is_err() || finished {
                return;
            }
        }
    }
}

async fn lane(key: LaneKey, delay: Duration, mut rx: mpsc::Receiver<LaneInput>, events: mpsc::Sender<(LaneKey, LaneEvent)>) {
    let (mut said, mut number) = (String::new(), 0u16);
    while let Some(input) = rx.recv().await {
        let LaneInput::Text(LaneText { utterance, text, last, .. }) = input else {
            if input == LaneInput::Finish {
                let _ = events.send((key, LaneEvent::Finished)).await;
                return;
            }
            continue;
        };
        said.push_str(text.expose());
        if said.contains("!hang") {
            sleep(Duration::from_secs(3600)).await;
        }
        if !last {
            continue;
        }
        sleep(delay).await;
        let translated = format!("{}:{}", key.language, std::mem::take(&mut said));
        let stream = StreamId(number);
        number = number.wrapping_add(1);
        let say = if translated.contains("!mt") {
            vec![LaneEvent::Failed { utterance, error: JobError::failed("mt", "scripted") }]
        } else {
            let payload = Bytes::from(translated.clone());
            vec![
                LaneEvent::Translated {
                    utterance,
                    source: Stretch::default(),
                    committed: translated.into(),
                    last: true,
                    times: StageTimes::default(),
                },
                LaneEvent::SpeechStarted { utterance, stream, times: StageTimes::default() },
                LaneEvent::Packet { stream, sequence: 0, first: true, last: true, payload },
                LaneEvent::SpeechEnded { utterance, stream },
            ]
        };
        for event in say {
            if events.send((key, event)).await.is_err() {
                return;
            }
        }
    }
}

/// A node without sockets.
#[derive(Clone)]
pub struct Node {
    pub rooms: Arc<RoomRegistry>,
    pub clock: Clock,
    pub shutdown: CancellationToken,
}

impl Node {
    pub fn new(options: RouterOptions, pipeline: Scripted) -> Self {
        Self::with(options, Clock::start(), Arc::new(pipeline))
    }

    /// A node with pipelines of another kind.
    pub fn with(options: RouterOptions, clock: Clock, pipeline: Arc<dyn PipelineFactory>) -> Self {
        let rooms = Arc::new(RoomRegistry::new(options, clock, pipeline));
        Self { rooms, clock, shutdown: CancellationToken::new() }
    }

    /// A client whose connection holds `places` messages each way.
    pub fn connect_with(&self, places: usize) -> Client {
        let (tx, incoming) = mpsc::channel(places);
        let (outgoing, rx) = mpsc::channel(places);
        let task = SessionTask {
            id: SessionId(rand::random()),
            options: SessionOptions::default(),
            clock: self.clock,
            rooms: self.rooms.clone(),
            shutdown: self.shutdown.clone(),
        };
        tokio::spawn(task.run(stream_of(incoming), sink_of(outgoing)));
        Client { tx, rx, sequence: 0, received: 0 }
    }

    pub fn connect(&self) -> Client {
        self.connect_with(256)
    }
}

type BoxStream = Pin<Box<dyn Stream<Item = Result<Incoming, ()>> + Send>>;
type BoxSink = Pin<Box<dyn Sink<Outgoing, Error = ()> + Send>>;

fn stream_of(rx: mpsc::Receiver<Incoming>) -> BoxStream {
    Box::pin(futures_util::stream::unfold(rx, |mut rx| async { rx.recv().await.map(|item| (Ok(item), rx)) }))
}

fn sink_of(tx: mpsc::Sender<Outgoing>) -> BoxSink {
    Box::pin(futures_util::sink::unfold(tx, |tx, item| async move { tx.send(item).await.map(|()| tx).map_err(drop) }))
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Message(ServerMessage),
    Audio(Frame),
    Closed(u16),
}

/// One end of a conversation, over memory or a socket.
pub struct Client {
    pub tx: mpsc::Sender<Incoming>,
    pub rx: mpsc::Receiver<Outgoing>,
    /// Number of the next packet.
    pub sequence: u32,
    /// Data messages that came after the first welcome, over all connections.
    pub received: u64,
}

pub fn code(text: &str) -> RoomCode {
    text.parse().expect("a code")
}

pub fn language(tag: &str) -> Language {
    tag.parse().expect("a language")
}

pub fn hello(room: &RoomCode, speak: &str, hear: &str) -> Hello {
    Hello {
        version: 1,
        room: room.clone(),
        token: None,
        role: None,
        name: None,
        speak: speak.parse().expect("a language"),
        hear: language(hear),
        voice: Voice::Female,
        resume: None,
        received: None,
    }
}

impl Client {
    /// A real WebSocket, pumped into the same shape.
    pub async fn dial(address: std::net::SocketAddr) -> Self {
        let mut request = format!("ws://{address}/v1/session").into_client_request().expect("a request");
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("connects");
        let (mut sink, mut stream) = socket.split();
        let (tx, mut incoming) = mpsc::channel(256);
        let (outgoing, rx) = mpsc::channel(256);
        tokio::spawn(async move {
            while let Some(item) = incoming.recv().await {
                let message = match item {
                    Incoming::Text(bytes) => Message::Text(bytes.try_into().expect("UTF-8")),
                    Incoming::Binary(bytes) => Message::Binary(bytes),
                    Incoming::Alive => Message::Ping(Bytes::new()),
                };
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            let _ = sink.close().await;
        });
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let item = match message {
                    Message::Text(text) => Outgoing::Text(text.to_string()),
                    Message::Binary(bytes) => Outgoing::Binary(bytes),
                    Message::Close(Some(frame)) => {
                        // The code is passed as text: `CloseCode` is the server's to make.
                        Outgoing::Text(format!("close {}", u16::from(frame.code)))
                    }
                    _ => continue,
                };
                if outgoing.send(item).await.is_err() {
                    return;
                }
            }
        });
        Self { tx, rx, sequence: 0, received: 0 }
    }

    pub async fn say(&self, message: ClientMessage) {
        self.text(message.to_json()).await;
    }

    pub async fn text(&self, text: impl Into<Bytes>) {
        let _ = self.tx.send(Incoming::Text(text.into())).await;
    }

    pub async fn binary(&self, bytes: impl Into<Bytes>) {
        let _ = self.tx.send(Incoming::Binary(bytes.into())).await;
    }

    /// One packet of speech.
    pub async fn packet(&mut self, words: &str, first: bool, last: bool) {
        self.sound(Bytes::copy_from_slice(words.as_bytes()), first, last).await;
    }

    /// One packet of whatever the pipeline takes for sound.
    pub async fn sound(&mut self, payload: Bytes, first: bool, last: bool) {
        let frame = Frame {
            kind: Kind::Up,
            first,
            last,
            silence: false,
            stream: StreamId(0),
            sequence: self.sequence,
            timestamp: self.sequence.wrapping_mul(TICKS_PER_PACKET),
            payload,
        };
        self.sequence += 1;
        self.binary(frame.encode()).await;
    }

    /// A whole utterance.
    pub async fn utter(&mut self, words: &str) {
        self.packet(words, true, true).await;
    }

    /// What comes next; pings are answered.
    pub async fn hear(&mut self) -> Heard {
        loop {
            match self.rx.recv().await {
                Some(Outgoing::Text(text)) => {
                    if let Some(code) = text.strip_prefix("close ") {
                        return Heard::Closed(code.parse().expect("a code"));
                    }
                    let message = ServerMessage::parse(text.as_bytes()).expect("valid").expect("known");
                    self.received += u64::from(!matches!(message, ServerMessage::Welcome(_)));
                    return Heard::Message(message);
                }
                Some(Outgoing::Binary(bytes)) => {
                    self.received += 1;
                    return Heard::Audio(Frame::decode(&bytes).expect("valid"));
                }
                Some(Outgoing::Ping) => {
                    let _ = self.tx.send(Incoming::Alive).await;
                }
                Some(Outgoing::Close(code)) => return Heard::Closed(code.number()),
                None => return Heard::Closed(1006),
            }
        }
    }

    /// Says hello and waits for welcome.
    pub async fn join(&mut self, hello: Hello) -> Welcome {
        self.say(ClientMessage::Hello(hello)).await;
        match self.hear().await {
            Heard::Message(ServerMessage::Welcome(welcome)) => welcome,
            other => panic!("not welcome: {other:?}"),
        }
    }

    /// Goes on over another connection with what `lost` counted; what that one had not read is lost on the way.
    pub async fn resume(&mut self, lost: Client, hello: Hello, secret: &Secret) -> Welcome {
        (self.received, self.sequence) = (lost.received, lost.sequence);
        let hello = Hello { resume: Some(secret.clone()), received: Some(lost.received), ..hello };
        // Only now: the server may not have noticed any loss.
        let welcome = self.join(hello).await;
        drop(lost);
        welcome
    }

    /// Says hello and is refused: the error's code and the close code.
    pub async fn refused(&mut self, hello: Hello) -> (ErrorCode, u16) {
        self.say(ClientMessage::Hello(hello)).await;
        self.closed().await
    }

    /// The fatal error and the close code that follows; everything before is skipped.
    pub async fn closed(&mut self) -> (ErrorCode, u16) {
        let mut code = None;
        loop {
            match self.hear().await {
                Heard::Message(ServerMessage::Error(ErrorMessage { code: c, fatal: true, .. })) => code = Some(c),
                Heard::Closed(close) => return (code.expect("an error first"), close),
                _ => {}
            }
        }
    }

    /// Stays for a while: answers pings, listens to nothing.
    pub async fn stay(&mut self, time: Duration) {
        let staying = async {
            loop {
                if let Heard::Closed(code) = self.hear().await {
                    panic!("closed with {code} while staying");
                }
            }
        };
        let _ = tokio::time::timeout(time, staying).await;
    }

    /// Loses the connection as a network does when the server notices: what was written to it is lost with it.
    pub fn lose(&mut self) {
        self.tx = mpsc::channel(1).0;
    }

    /// Skips to the next message that `wanted` takes.
    pub async fn until<T>(&mut self, mut wanted: impl FnMut(Heard) -> Option<T>) -> T {
        loop {
            let heard = self.hear().await;
            if let Heard::Closed(code) = heard {
                panic!("closed with {code} while waiting");
            }
            if let Some(found) = wanted(heard) {
                return found;
            }
        }
    }

    /// Skips to the next interpreted speech and gives its words.
    pub async fn speech(&mut self) -> String {
        let payload = self.until(|h| if let Heard::Audio(frame) = h { Some(frame.payload) } else { None }).await;
        String::from_utf8(payload.to_vec()).expect("words")
    }

    /// Skips to the next caption of a kind that has words.
    pub async fn caption(&mut self, kind: CaptionKind) -> Caption {
        self.until(|h| match h {
            Heard::Message(ServerMessage::Caption(c)) if c.kind == kind && !c.committed.is_blank() => Some(c),
            _ => None,
        })
        .await
    }

    /// Skips to the next error that is not fatal.
    pub async fn error(&mut self) -> ErrorCode {
        self.until(|h| match h {
            Heard::Message(ServerMessage::Error(e)) if !e.fatal => Some(e.code),
            _ => None,
        })
        .await
    }
}

/// A Chinese merchant and an English buyer in one room.
pub async fn pair(node: &Node, room: &str) -> (Client, Client) {
    let (mut merchant, mut buyer) = (node.connect(), node.connect());
    assert_eq!(merchant.join(hello(&code(room), "zh", "zh")).await.role, Role::Merchant);
    assert_eq!(buyer.join(hello(&code(room), "en", "en")).await.role, Role::Buyer);
    (merchant, buyer)
}
