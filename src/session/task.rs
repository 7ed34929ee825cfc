//! One actor per connection: joins a connection (any `Stream` and `Sink`) to [`SessionState`] and a room.
//!
//! Packets go straight to the participant's pipeline and are dropped when it is behind; what the room has for the client is written
//! as it comes. A client that does not take a write within a limit is let go; it may come back over another connection, and then
//! this one learns from its inbox that it was taken over. Started by `transport` (and by tests, without a socket).

use std::{sync::Arc, time::Duration};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::{
    sync::mpsc::error::TrySendError,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    event::{Incoming, Input, Outgoing, Output},
    state::{SessionOptions, SessionState, drop_packet},
};
use crate::{
    ids::{RoomCode, SessionId},
    pipeline::event::{SpeakerInput, UplinkPacket},
    protocol::{
        Fault, ServerMessage,
        message::{FreshInvitation, LeaveReason, Role},
    },
    router::{Membership, Outbound, Purpose, RoomRegistry},
    time::Clock,
};

/// Longest wait for one write. The system's socket buffer holds seconds of our traffic, so a write that waits this long means that
/// the client has read nothing for longer than any conversation bears.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// After the close message, how long the client has for its own before the connection is dropped.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// What a session needs of the server.
#[derive(Debug, Clone)]
pub struct SessionTask {
    /// Its number.
    pub id: SessionId,
    /// What it allows.
    pub options: SessionOptions,
    /// The server's clock.
    pub clock: Clock,
    /// Where the rooms are.
    pub rooms: Arc<RoomRegistry>,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
}

impl SessionTask {
    /// Runs the session to its end. Errors of the connection end it; they are nobody else's.
    pub async fn run<R, W, E>(self, stream: R, mut sink: W)
    where
        R: Stream<Item = Result<Incoming, E>> + Unpin,
        W: Sink<Outgoing> + Unpin,
    {
        let _open = OpenSession::new(self.id);
        // It is asked once more after its end, at the close.
        let mut stream = stream.fuse();
        let state = SessionState::new(self.options, self.clock.now());
        let mut running = Running { task: &self, state, member: None, over: false, told_shutdown: false };
        let reason = running.run(&mut stream, &mut sink).await;
        if let Some((_, Membership { place, inbox, room, .. })) = running.member.take() {
            room.leave(place.participant, &inbox, reason).await;
        }
        // Give the client time to answer the close message: dropping the socket at once may destroy it under way.
        let _ = timeout(CLOSE_LIMIT, async {
            let _ = sink.close().await;
            while let Some(Ok(_)) = stream.next().await {}
        })
        .await;
    }
}

struct Running<'a> {
    task: &'a SessionTask,
    state: SessionState,
    member: Option<(RoomCode, Membership)>,
    /// The room has said its last word.
    over: bool,
    told_shutdown: bool,
}

impl Running<'_> {
    async fn run<R, W, E>(&mut self, stream: &mut R, sink: &mut W) -> LeaveReason
    where
        R: Stream<Item = Result<Incoming, E>> + Unpin,
        W: Sink<Outgoing> + Unpin,
    {
        loop {
            let wake = self.state.poll_timeout().map(|at| self.task.clock.instant(at));
            let input = tokio::select! {
                incoming = stream.next() => match incoming {
                    Some(Ok(incoming)) => Input::Received(incoming),
                    Some(Err(_)) | None => Input::Disconnected,
                },
                outbound = next(&mut self.member), if !self.over => match outbound {
                    Ok(item) => {
                        if write(sink, outgoing(item)).await.is_err() {
                            return LeaveReason::Lost;
                        }
                        continue;
                    }
                    Err(fault) => {
                        self.over = true;
                        Input::Refused(fault)
                    }
                },
                () = self.task.shutdown.cancelled(), if !self.told_shutdown => {
                    self.told_shutdown = true;
                    Input::ShuttingDown
                }
                () = at(wake) => Input::Timeout,
            };
            self.state.handle(self.task.clock.now(), input);
            while let Some(output) = self.state.poll_output() {
                if let Some(reason) = self.on_output(sink, output).await {
                    return reason;
                }
            }
        }
    }

    /// Does one thing; the reason of leaving when it was the last.
    async fn on_output<W: Sink<Outgoing> + Unpin>(&mut self, sink: &mut W, output: Output) -> Option<LeaveReason> {
        match output {
            Output::Join(request) => {
                let code = request.room.clone();
                let input = match self.task.rooms.join(self.task.id, request).await {
                    Ok(member) => {
                        let place = member.place.clone();
                        let (id, room, participant) = (self.task.id, member.room.serial(), place.participant);
                        match place.resumed {
                            Some(_) => tracing::info!(session = %place.session, connection = %id, %room, %participant, "resumed"),
                            None => tracing::info!(session = %id, %room, %participant, "joined"),
                        }
                        self.member = Some((code, member));
                        Input::Joined(place)
                    }
                    Err(fault) => {
                        tracing::info!(session = %self.task.id, code = fault.code().as_str(), "refused");
                        Input::Refused(fault)
                    }
                };
                self.state.handle(self.task.clock.now(), input);
            }
            Output::Language(change) => {
                if let Some((_, member)) = &self.member {
                    member.room.language(member.place.participant, change).await;
                }
            }
            Output::Floor(held) => {
                if let Some((_, member)) = &self.member {
                    member.room.floor(member.place.participant, held).await;
                }
            }
            Output::Say(say) => {
                if let Some((_, member)) = &self.member {
                    member.room.say(member.place.participant, say).await;
                }
            }
            Output::Invite => {
                if let Some((code, _)) = &self.member {
                    let token = self.task.rooms.sign(code, Role::Buyer, Purpose::Join);
                    let expires_in = Purpose::Join.lifetime().as_secs();
                    let invitation = FreshInvitation { role: Role::Buyer, token, expires_in };
                    return self.send(sink, ServerMessage::Invitation(invitation)).await;
                }
            }
            Output::Packet(packet) => self.on_packet(packet),
            Output::Quiet => {
                // A pipeline whose queue is full has packets to go on with.
                if let Some((_, member)) = &self.member {
                    let _ = member.speaker.tx.try_send(SpeakerInput::Quiet);
                }
            }
            Output::Send(message) => return self.send(sink, message).await,
            Output::Ping => {
                if write(sink, Outgoing::Ping).await.is_err() {
                    return Some(LeaveReason::Lost);
                }
            }
            Output::Close(code, reason) => {
                if let Some(code) = code {
                    tracing::info!(session = %self.task.id, close = code.number(), "closing");
                    let _ = write(sink, Outgoing::Close(code)).await;
                }
                return Some(reason);
            }
        }
        None
    }

    /// Sends a message of the session's own. After `welcome` it is counted like what the room sends.
    async fn send<W: Sink<Outgoing> + Unpin>(&self, sink: &mut W, message: ServerMessage) -> Option<LeaveReason> {
        if let Some((_, member)) = self.member.as_ref().filter(|_| !matches!(message, ServerMessage::Welcome(_))) {
            member.inbox.record(&message);
        }
        write(sink, Outgoing::Text(message.to_json())).await.is_err().then_some(LeaveReason::Lost)
    }

    /// Media: a quarter of the pipeline's queue is left to control; a pipeline that finished (or failed: the room sees to that)
    /// takes nothing.
    fn on_packet(&self, packet: UplinkPacket) {
        let Some((_, member)) = &self.member else { return };
        if !member.inbox.accept(packet.sequence) {
            return drop_packet("taken_over");
        }
        let tx = &member.speaker.tx;
        if tx.capacity() <= tx.max_capacity() / 4 {
            return drop_packet("speaker_queue");
        }
        match tx.try_send(SpeakerInput::Packet(packet)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop_packet("speaker_queue"),
            Err(TrySendError::Closed(_)) => drop_packet("speaker_finished"),
        }
    }
}

fn outgoing(item: Outbound) -> Outgoing {
    match item {
        Outbound::Message(message) => Outgoing::Text(message.to_json()),
        Outbound::Audio(frame) => Outgoing::Binary(frame.encode()),
    }
}

async fn write<W: Sink<Outgoing> + Unpin>(sink: &mut W, item: Outgoing) -> Result<(), ()> {
    match timeout(WRITE_LIMIT, sink.send(item)).await {
        Ok(sent) => sent.map_err(drop),
        Err(_) => {
            metrics::counter!("tongchuan_errors_total", "code" => Fault::TooSlow.code().as_str()).increment(1);
            Err(())
        }
    }
}

/// The room's next item, or for ever nothing outside a room.
async fn next(member: &mut Option<(RoomCode, Membership)>) -> Result<Outbound, Fault> {
    match member {
        Some((_, member)) => member.inbox.next().await,
        None => std::future::pending().await,
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Counts a session while it lives, however it ends.
struct OpenSession(SessionId);

impl OpenSession {
    fn new(id: SessionId) -> Self {
        metrics::gauge!("tongchuan_sessions").increment(1.0);
        tracing::debug!(session = %id, "session opened");
        Self(id)
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        metrics::gauge!("tongchuan_sessions").decrement(1.0);
        tracing::debug!(session = %self.0, "session closed");
    }
}
