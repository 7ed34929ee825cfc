//! The participants' ends in a room: the way to each one's session and the secret with which a lost one is resumed.
//!
//! Knows nothing of languages or pipelines. A secret works once: using it, even in vain, makes it worthless. Held by the room's actor
//! ([`super::task`]), which tells the room's state what happened here.

use std::collections::HashMap;

use super::{
    downlink::{Missing, Overflow},
    outbox::{self, Connection, Inbox, Outbox},
};
use crate::{
    ids::{ParticipantId, SessionId},
    privacy::Secret,
    protocol::{
        Fault, Frame, ServerMessage,
        message::{LeaveReason, Resumed},
    },
    time::Clock,
};

/// What a client shows to go on with its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeRequest {
    /// The secret of its last `welcome`.
    pub secret: Secret,
    /// How many messages it received.
    pub received: u64,
}

/// What a session gets with its place.
#[derive(Debug)]
pub struct Ticket {
    /// The session's number, which stays.
    pub session: SessionId,
    /// What the room has for it.
    pub inbox: Inbox,
    /// The secret for the next time.
    pub resume: Secret,
    /// Where its sound goes on, when it was resumed.
    pub resumed: Option<Resumed>,
}

#[derive(Debug)]
struct Seat {
    session: SessionId,
    outbox: Outbox,
    resume: Secret,
}

/// All of a room.
#[derive(Debug)]
pub struct Seats {
    seats: HashMap<ParticipantId, Seat>,
    clock: Clock,
}

/// The secret was good, but what the client misses is not kept any more: this participant's session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLate(pub ParticipantId);

impl Seats {
    /// Nobody yet.
    pub fn new(clock: Clock) -> Self {
        Self { seats: HashMap::new(), clock }
    }

    /// A place for a newcomer.
    pub fn take(&mut self, who: ParticipantId, session: SessionId) -> Ticket {
        let (outbox, inbox) = outbox::outbox(self.clock);
        let resume = Secret::random();
        self.seats.insert(who, Seat { session, outbox, resume: resume.clone() });
        Ticket { session, inbox, resume, resumed: None }
    }

    /// Goes on with a session, whether its loss was noticed or not; `None` when nobody here has this secret.
    ///
    /// # Errors
    /// [`TooLate`]; the caller takes the participant out of the room.
    pub fn resume(&mut self, request: &ResumeRequest) -> Option<Result<(ParticipantId, Ticket), TooLate>> {
        // Every secret is compared, in constant time: how long it takes tells nothing.
        let mut found = None;
        for (who, seat) in &mut self.seats {
            if seat.resume == request.secret {
                found = Some((*who, seat));
            }
        }
        let (who, seat) = found?;
        seat.resume = Secret::random();
        Some(match seat.outbox.resume(request.received) {
            Ok((inbox, packets)) => {
                let resumed = Some(Resumed { packets });
                Ok((who, Ticket { session: seat.session, inbox, resume: seat.resume.clone(), resumed }))
            }
            Err(Missing) => Err(TooLate(who)),
        })
    }

    /// True when `connection` is the one through which this participant is connected, or was last.
    pub fn is_present(&self, who: ParticipantId, connection: Connection) -> bool {
        self.seats.get(&who).is_some_and(|seat| seat.outbox.connection() == connection)
    }

    /// Sends control; why the participant must go when it does not fit.
    pub fn control(&mut self, to: ParticipantId, message: ServerMessage) -> Result<(), LeaveReason> {
        let Some(seat) = self.seats.get(&to) else { return Ok(()) };
        match seat.outbox.control(message) {
            Ok(()) => Ok(()),
            Err(Overflow) => {
                let reason = if seat.outbox.is_gone() { LeaveReason::Lost } else { LeaveReason::Closed };
                self.dismiss(to, Fault::TooSlow);
                Err(reason)
            }
        }
    }

    /// Sends audio, which may be dropped.
    pub fn media(&self, to: ParticipantId, frame: Frame) {
        if let Some(seat) = self.seats.get(&to) {
            seat.outbox.media(frame);
        }
    }

    /// The participant's connection is lost: everything is kept for him from now on.
    pub fn lost(&self, who: ParticipantId) {
        if let Some(seat) = self.seats.get(&who) {
            seat.outbox.lost();
        }
    }

    /// Lets go of a participant; his session closes with `fault` after what is queued.
    pub fn dismiss(&mut self, who: ParticipantId, fault: Fault) {
        if let Some(seat) = self.seats.remove(&who) {
            seat.outbox.dismiss(fault);
        }
    }

    /// Forgets what has surely arrived; gives those whose session ended, with or without a word.
    pub fn sweep(&mut self) -> Vec<ParticipantId> {
        self.seats.values().for_each(|seat| seat.outbox.tidy());
        self.seats.iter().filter(|(_, seat)| seat.outbox.is_gone()).map(|(who, _)| *who).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ParticipantId = ParticipantId(1);
    const TWO: ParticipantId = ParticipantId(2);

    fn request(secret: &Secret, received: u64) -> ResumeRequest {
        ResumeRequest { secret: secret.clone(), received }
    }

    #[tokio::test]
    async fn a_secret_works_once_and_for_its_owner() {
        let mut seats = Seats::new(Clock::start());
        let (one, two) = (seats.take(ONE, SessionId(10)), seats.take(TWO, SessionId(20)));
        assert!(seats.resume(&request(&Secret::random(), 0)).is_none());
        let first = one.inbox.connection();
        let Some(Ok((who, again))) = seats.resume(&request(&one.resume, 0)) else { panic!("resumed") };
        assert_eq!((who, again.session, again.resumed), (ONE, SessionId(10), Some(Resumed { packets: 0 })));
        assert!(!seats.is_present(ONE, first) && seats.is_present(ONE, again.inbox.connection()));
        assert!(seats.is_present(TWO, two.inbox.connection()));
        assert!(seats.resume(&request(&one.resume, 0)).is_none(), "used");
        seats.dismiss(ONE, Fault::ResumeFailed);
        assert!(seats.resume(&request(&again.resume, 0)).is_none(), "gone");
        assert!(matches!(seats.resume(&request(&two.resume, 5)), Some(Err(TooLate(TWO)))), "counts what was never sent");
        assert!(seats.resume(&request(&two.resume, 0)).is_none(), "used in vain");
    }
}
