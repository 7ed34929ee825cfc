//! A client of the wire protocol: what a phone does, in Rust. Used by `demo`, by `load` and by the end-to-end tests.
//!
//! It says hello, sends sound as paced 20 ms Opus packets and hands over everything the server sends with its time of arrival. When
//! the connection breaks, [`Client::resume`] goes on over a new one.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle, time::Instant};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest as _, http::HeaderValue},
};

use crate::{
    audio::opus::{Encoder, EncoderOptions, OpusError},
    ids::StreamId,
    protocol::{
        ClientMessage, Frame, SUBPROTOCOL, ServerMessage,
        frame::{Kind, TICKS_PER_PACKET},
        message::{Hello, Welcome},
    },
    time::SampleRate,
};

/// Events waiting for a slow reader; 20 s of interpreted speech.
const EVENTS: usize = 1024;

/// Packets kept to be sent again after the connection was lost: 15 s, which the server takes at once.
const KEPT: usize = 750;

/// One Opus packet.
const PACKET: Duration = Duration::from_millis(20);

/// How long the server may take to answer `hello`.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// The connection failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket could not be opened or broke.
    #[error("the connection failed: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    /// The server refused the `hello`.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The server closed or said something else than `welcome`.
    #[error("the server did not answer hello with welcome")]
    NoWelcome,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// Sound could not be encoded.
    #[error(transparent)]
    Opus(#[from] OpusError),
}

impl From<tungstenite::Error> for ClientError {
    fn from(error: tungstenite::Error) -> Self {
        Box::new(error).into()
    }
}

/// Something the server sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// When it arrived.
    pub at: Instant,
    /// What it is.
    pub event: Event,
}

/// What a server can send.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A control message.
    Message(ServerMessage),
    /// A packet of interpreted speech.
    Audio(Frame),
    /// The connection is over, with the server's close code if it gave one.
    Closed(Option<u16>),
}

/// A connected participant.
#[derive(Debug)]
pub struct Client {
    out_tx: mpsc::Sender<Message>,
    tasks: [JoinHandle<()>; 2],
    /// What it said of itself.
    hello: Hello,
    /// Messages handed over since the first welcome.
    received: Arc<AtomicU64>,
    uplink: Uplink,
    /// What the server said when it let us in.
    pub welcome: Welcome,
}

/// The numbers of the sound and what may have to be sent again.
#[derive(Debug, Default)]
struct Uplink {
    sequence: u32,
    timestamp: u32,
    kept: VecDeque<(u32, Bytes)>,
}

impl Uplink {
    /// The next frame, which is also kept.
    fn frame(&mut self, payload: Bytes, first: bool, last: bool) -> Bytes {
        let (kind, stream) = (Kind::Up, StreamId(0));
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let frame = Frame { kind, first, last, silence: false, stream, sequence, timestamp, payload }.encode();
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(TICKS_PER_PACKET);
        self.kept.push_back((sequence, frame.clone()));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        frame
    }

    /// What is kept from `expected` on; everything when that is not among it.
    fn from(&self, expected: u32) -> impl Iterator<Item = Bytes> {
        let known = self.kept.iter().position(|(sequence, _)| *sequence == expected);
        let start = if expected == self.sequence { self.kept.len() } else { known.unwrap_or(0) };
        self.kept.range(start..).map(|(_, frame)| frame.clone())
    }
}

/// What is left of a [`Client`] whose connection is lost.
#[derive(Debug)]
pub struct Lost {
    hello: Hello,
    received: u64,
    uplink: Uplink,
    welcome: Welcome,
}

impl Client {
    /// Connects to `url` (`ws://host:port/v1/session`) and joins a room. Events come out of the receiver; one that is not read
    /// stops the connection from being read.
    ///
    /// # Errors
    /// [`ClientError`] when there is no connection or the server does not let us in.
    pub async fn connect(url: &str, hello: Hello) -> Result<(Self, mpsc::Receiver<Received>), ClientError> {
        Self::open(url, hello, 0, Uplink::default()).await
    }

    /// Goes on with a session over a new connection: sends the sound again that the server has not got. What was missed comes out of
    /// the new receiver; what came before is still in the old one.
    ///
    /// # Errors
    /// [`ClientError`] when there is no connection or the server does not know the session any more.
    pub async fn resume(url: &str, lost: Lost) -> Result<(Self, mpsc::Receiver<Received>), ClientError> {
        let Lost { hello, received, uplink, welcome } = lost;
        let hello = Hello { resume: Some(welcome.resume), received: Some(received), ..hello };
        let (client, events_rx) = Self::open(url, hello, received, uplink).await?;
        let expected = client.welcome.resumed.map_or(0, |resumed| resumed.packets);
        let again: Vec<_> = client.uplink.from(expected).collect();
        for frame in again {
            client.send_raw(frame).await?;
        }
        Ok((client, events_rx))
    }

    async fn open(
        url: &str,
        hello: Hello,
        received: u64,
        uplink: Uplink,
    ) -> Result<(Self, mpsc::Receiver<Received>), ClientError> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (mut socket, _) = connect_async(request).await?;
        // 20 ms packets must not wait for each other.
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            let _ = stream.set_nodelay(true);
        }
        socket.send(Message::text(ClientMessage::Hello(hello.clone()).to_json())).await?;
        let welcome = tokio::time::timeout(HELLO_LIMIT, welcome(&mut socket)).await.map_err(|_| ClientError::NoWelcome)??;

        let (mut sink, mut stream) = socket.split();
        let (out_tx, mut out_rx) = mpsc::channel::<Message>(64);
        let (events_tx, events_rx) = mpsc::channel(EVENTS);
        let received = Arc::new(AtomicU64::new(received));
        let count = received.clone();
        let writer = tokio::spawn(async move {
            while let Some(message) = out_rx.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            let _ = sink.close().await;
        });
        let reader = tokio::spawn(async move {
            loop {
                let (event, counts) = match stream.next().await {
                    // What is not understood is ignored, as the protocol asks, but it counts.
                    Some(Ok(Message::Text(text))) => {
                        (ServerMessage::parse(text.as_bytes()).ok().flatten().map(Event::Message), true)
                    }
                    Some(Ok(Message::Binary(bytes))) => (Frame::decode(&bytes).ok().map(Event::Audio), true),
                    Some(Ok(Message::Close(frame))) => (Some(Event::Closed(frame.map(|f| f.code.into()))), false),
                    Some(Ok(_)) => (None, false),
                    Some(Err(_)) | None => (Some(Event::Closed(None)), false),
                };
                let over = matches!(event, Some(Event::Closed(_)));
                if let Some(event) = event
                    && events_tx.send(Received { at: Instant::now(), event }).await.is_err()
                {
                    return;
                }
                if over {
                    return;
                }
                count.fetch_add(u64::from(counts), Ordering::SeqCst);
            }
        });
        Ok((Self { out_tx, tasks: [writer, reader], hello, received, uplink, welcome }, events_rx))
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// [`ClientError::Closed`].
    pub async fn send(&self, message: &ClientMessage) -> Result<(), ClientError> {
        self.out_tx.send(Message::text(message.to_json())).await.map_err(|_| ClientError::Closed)
    }

    /// Sends raw bytes as a binary message: for tests of what a hostile client does.
    ///
    /// # Errors
    /// [`ClientError::Closed`].
    pub async fn send_raw(&self, bytes: Bytes) -> Result<(), ClientError> {
        self.out_tx.send(Message::Binary(bytes)).await.map_err(|_| ClientError::Closed)
    }

    /// Speaks 16 kHz mono `samples` at the pace they last; returns after the last packet with the time at which the first left.
    ///
    /// # Errors
    /// [`ClientError`] when the connection is gone.
    pub async fn speak(&mut self, samples: &[f32]) -> Result<Instant, ClientError> {
        let mut encoder = Encoder::new(&EncoderOptions { rate: SampleRate::ASR, ..EncoderOptions::default() })?;
        let mut packets = Vec::new();
        encoder.push(samples, |packet| packets.push(Bytes::copy_from_slice(packet)));
        encoder.flush(|packet| packets.push(Bytes::copy_from_slice(packet)));
        let begun = Instant::now();
        let count = packets.len();
        for (n, payload) in (0_u32..).zip(packets) {
            tokio::time::sleep_until(begun + PACKET * n).await;
            let last = usize::try_from(n + 1).is_ok_and(|sent| sent == count);
            let frame = self.uplink.frame(payload, n == 0, last);
            self.out_tx.send(Message::Binary(frame)).await.map_err(|_| ClientError::Closed)?;
        }
        Ok(begun)
    }

    /// Cuts the connection without a word, as a network does.
    pub async fn cut(self) -> Lost {
        let Self { tasks, hello, received, uplink, welcome, .. } = self;
        for task in tasks {
            task.abort();
            // The count is final when the task is over.
            let _ = task.await;
        }
        Lost { hello, received: received.load(Ordering::SeqCst), uplink, welcome }
    }

    /// Says goodbye and waits until everything was sent.
    pub async fn leave(self) {
        let _ = self.send(&ClientMessage::Bye {}).await;
        let Self { out_tx, tasks: [writer, reader], .. } = self;
        drop(out_tx);
        let _ = writer.await;
        reader.abort();
    }
}

async fn welcome(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<Welcome, ClientError> {
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            match ServerMessage::parse(text.as_bytes()) {
                Ok(Some(ServerMessage::Welcome(welcome))) => return Ok(welcome),
                Ok(Some(ServerMessage::Error(error))) => return Err(ClientError::Refused(error.text)),
                _ => {}
            }
        }
    }
    Err(ClientError::NoWelcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_has_not_got_is_sent_again() {
        let mut uplink = Uplink::default();
        for n in 0..=u8::MAX {
            uplink.frame(Bytes::copy_from_slice(&[n]), n == 0, false);
        }
        let numbers = |uplink: &Uplink, expected| {
            let frames = uplink.from(expected).map(|bytes| Frame::decode(&bytes).map(|frame| frame.sequence));
            frames.collect::<Result<Vec<_>, _>>().expect("frames")
        };
        assert_eq!(numbers(&uplink, 250), (250..256).collect::<Vec<_>>());
        assert_eq!(numbers(&uplink, 256), [0; 0], "it has everything");
        for _ in 0..KEPT {
            uplink.frame(Bytes::from_static(&[1]), false, false);
        }
        assert_eq!(numbers(&uplink, 100).len(), KEPT, "what is left of it, when some is not kept any more");
    }
}
