//! The conversation with one client as a pure state machine: hello, then requests and packets, then the end.
//!
//! Sans-IO: [`SessionState::handle`] takes the time, then [`SessionState::poll_output`] until drained. What the room sends to the
//! client does not pass here. `task` runs it. Whatever the client sends is an error to it at worst, never to anybody else.

mod gap;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{
    event::{Incoming, Input, Output},
    limit::TokenBucket,
};
use crate::{
    ids::RoomCode,
    language::Language,
    pipeline::event::UplinkPacket,
    protocol::{
        ClientMessage, CloseCode, Fault, Frame, FrameError, ServerMessage, VERSION,
        frame::{Kind, MAX_FRAME},
        message::{LeaveReason, Limits, MAX_TEXT, Pong, Role, Welcome},
    },
    router::{Place, state::RESUME_LIMIT},
    time::Millis,
};
use gap::{GapWatch, Step};

/// What a session allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// `hello` must come within this. A phone on a bad network needs a second or two.
    pub hello_limit: Duration,
    /// The server asks for a sign of life this often.
    pub ping_every: Duration,
    /// The connection is closed after this long without anything: two pings unanswered.
    pub silence_limit: Duration,
    /// The connection is closed at this many wrong messages: a bug in a client shows in its first seconds, noise does not matter.
    pub bad_messages: u32,
    /// Control messages per second on average, and
    pub messages_per_second: u32,
    /// at once.
    pub message_burst: u32,
    /// Packets per second on average: twice real time, for clocks that differ and for catching up. More are dropped.
    pub packets_per_second: u32,
    /// Packets at once: the 15 s that a client kept while its connection was lost, and those that come meanwhile.
    pub packet_burst: u32,
    /// People in a room, for `welcome`.
    pub room_capacity: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            hello_limit: Duration::from_secs(5),
            ping_every: Duration::from_secs(4),
            silence_limit: Duration::from_secs(9),
            bad_messages: 8,
            messages_per_second: 10,
            message_burst: 20,
            packets_per_second: 100,
            packet_burst: 1000,
            room_capacity: 2,
        }
    }
}

impl SessionOptions {
    fn limits(&self) -> Limits {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Limits {
            text_bytes: number(MAX_TEXT),
            frame_bytes: number(MAX_FRAME),
            messages_per_second: self.messages_per_second,
            silence_ms: u32::try_from(self.silence_limit.as_millis()).unwrap_or(u32::MAX),
            bad_messages: self.bad_messages,
            room_capacity: number(self.room_capacity),
            resume_ms: u32::try_from(RESUME_LIMIT.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

#[derive(Debug)]
enum Phase {
    AwaitingHello { until: Millis },
    Joining { room: RoomCode },
    Joined { role: Role },
    Closed,
}

/// The session.
#[derive(Debug)]
pub struct SessionState {
    options: SessionOptions,
    phase: Phase,
    last_heard: Millis,
    next_ping: Millis,
    bad: u32,
    messages: TokenBucket,
    packets: TokenBucket,
    gap: GapWatch,
    outputs: VecDeque<Output>,
}

impl SessionState {
    /// A connection that has just been made.
    pub fn new(options: SessionOptions, now: Millis) -> Self {
        Self {
            options,
            phase: Phase::AwaitingHello { until: now + options.hello_limit },
            last_heard: now,
            next_ping: now + options.ping_every,
            bad: 0,
            messages: TokenBucket::new(options.messages_per_second, options.message_burst, now),
            packets: TokenBucket::new(options.packets_per_second, options.packet_burst, now),
            gap: GapWatch::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Tells the session something.
    pub fn handle(&mut self, now: Millis, input: Input) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        match input {
            Input::Received(incoming) => {
                self.last_heard = now;
                if !matches!(incoming, Incoming::Binary(_)) {
                    self.gap.on_sign_of_life();
                }
                match incoming {
                    Incoming::Text(bytes) => self.on_text(now, &bytes),
                    Incoming::Binary(bytes) => self.on_binary(now, &bytes),
                    Incoming::Alive => {}
                }
            }
            Input::Disconnected => self.close(None, LeaveReason::Lost),
            Input::Joined(place) => self.on_joined(now, place),
            Input::Refused(fault) => self.fail(&fault, true),
            Input::ShuttingDown => self.on_shutting_down(),
            Input::Timeout => self.on_timeout(now),
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`SessionState::handle`] with [`Input::Timeout`]; `None` when closed.
    pub fn poll_timeout(&self) -> Option<Millis> {
        let beat = self.next_ping.min(self.last_heard + self.options.silence_limit);
        let beat = self.gap.poll_timeout().map_or(beat, |at| at.min(beat));
        match self.phase {
            Phase::Closed => None,
            Phase::AwaitingHello { until } => Some(beat.min(until)),
            _ => Some(beat),
        }
    }

    /// True when nothing more will happen.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    fn on_text(&mut self, now: Millis, bytes: &Bytes) {
        if !self.messages.take(now) {
            return self.fail(&Fault::RateLimited, false);
        }
        let message = match ClientMessage::parse(bytes) {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) => return self.fail(&error.into(), false),
        };
        match (&self.phase, message) {
            (Phase::AwaitingHello { .. }, ClientMessage::Hello(hello)) => {
                self.phase = Phase::Joining { room: hello.room.clone() };
                self.outputs.push_back(Output::Join(hello.into()));
            }
            (_, ClientMessage::Bye {}) => self.close(Some(CloseCode::Normal), LeaveReason::Bye),
            (_, ClientMessage::Ping(ping)) => self.send(ServerMessage::Pong(Pong { id: ping.id })),
            (Phase::AwaitingHello { .. }, _) => self.fail(&Fault::HelloExpected, true),
            (_, ClientMessage::Hello(_)) => self.fail(&Fault::DuplicateHello, false),
            (Phase::Joined { role }, message) => self.on_request(*role, message),
            _ => self.fail(&Fault::NotWelcomeYet, false),
        }
    }

    fn on_request(&mut self, role: Role, message: ClientMessage) {
        match message {
            ClientMessage::Language(change) => self.outputs.push_back(Output::Language(change)),
            ClientMessage::Floor(floor) => self.outputs.push_back(Output::Floor(floor.held)),
            ClientMessage::Say(say) => self.outputs.push_back(Output::Say(say)),
            ClientMessage::Invite {} if role == Role::Merchant => self.outputs.push_back(Output::Invite),
            ClientMessage::Invite {} => self.fail(&Fault::NotAllowed, false),
            // Answered in any phase.
            ClientMessage::Hello(_) | ClientMessage::Ping(_) | ClientMessage::Bye {} => {}
        }
    }

    fn on_binary(&mut self, now: Millis, bytes: &Bytes) {
        match self.phase {
            Phase::AwaitingHello { .. } => return self.fail(&Fault::HelloExpected, true),
            // A client that does not wait for `welcome` loses what it sent before it.
            Phase::Joining { .. } => return drop_packet("early"),
            _ => {}
        }
        let frame = match Frame::decode(bytes) {
            Ok(frame) if frame.kind == Kind::Up => frame,
            Ok(_) => return self.fail(&FrameError::WrongDirection.into(), false),
            Err(FrameError::UnknownKind(_)) => return,
            Err(error) => return self.fail(&error.into(), false),
        };
        if !self.packets.take(now) {
            return drop_packet("uplink");
        }
        let Frame { first, last, silence, sequence, timestamp, payload, .. } = frame;
        self.gap.on_packet(now, !last && !silence);
        self.outputs.push_back(Output::Packet(UplinkPacket { sequence, timestamp, first, last, silence, payload }));
    }

    fn on_joined(&mut self, now: Millis, place: Place) {
        let Phase::Joining { room } = &self.phase else { return };
        let Place { session, participant, role, others, resume, token, resumed } = place;
        // The old connection may have broken in the middle of a sentence. A client that kept the rest sends it now; one that did not (a page
        // that was loaded again) would leave it waiting.
        if resumed.is_some() {
            self.gap.on_packet(now, true);
        }
        let welcome = Welcome {
            version: VERSION,
            session,
            room: room.clone(),
            participant,
            role,
            resume,
            token,
            resumed,
            others,
            limits: self.options.limits(),
            languages: Language::all().collect(),
        };
        self.phase = Phase::Joined { role };
        self.send(ServerMessage::Welcome(welcome));
    }

    /// In a room the room says goodbye when the last sentence is done; outside there is nothing to wait for.
    fn on_shutting_down(&mut self) {
        if matches!(self.phase, Phase::AwaitingHello { .. }) {
            self.fail(&Fault::ShuttingDown, true);
        }
    }

    fn on_timeout(&mut self, now: Millis) {
        if let Phase::AwaitingHello { until } = self.phase
            && now >= until
        {
            return self.fail(&Fault::HelloTimeout(self.options.hello_limit), true);
        }
        if now >= self.last_heard + self.options.silence_limit {
            return self.fail(&Fault::Idle(self.options.silence_limit), true);
        }
        if now >= self.next_ping {
            self.next_ping = now + self.options.ping_every;
            self.outputs.push_back(Output::Ping);
        }
        match self.gap.step(now) {
            Some(Step::Ask) => self.outputs.push_back(Output::Ping),
            Some(Step::Quiet) => self.outputs.push_back(Output::Quiet),
            None => {}
        }
    }

    /// Tells the client what is wrong; closes when the fault is fatal, must end the session, or is one too many.
    fn fail(&mut self, fault: &Fault, end: bool) {
        metrics::counter!("tongchuan_errors_total", "code" => fault.code().as_str()).increment(1);
        self.send(fault.message(None));
        let code = fault.close().or_else(|| end.then_some(CloseCode::Internal));
        if let Some(code) = code {
            let lost = matches!(fault, Fault::Idle(_) | Fault::TooSlow);
            return self.close(Some(code), if lost { LeaveReason::Lost } else { LeaveReason::Closed });
        }
        self.bad += 1;
        if self.bad >= self.options.bad_messages {
            self.fail(&Fault::TooManyErrors(self.bad), true);
        }
    }

    fn close(&mut self, code: Option<CloseCode>, reason: LeaveReason) {
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close(code, reason));
    }

    fn send(&mut self, message: ServerMessage) {
        self.outputs.push_back(Output::Send(message));
    }
}

/// Counts an uplink packet that goes no further.
pub(in crate::session) fn drop_packet(place: &'static str) {
    metrics::counter!("tongchuan_media_dropped_total", "where" => place).increment(1);
}
