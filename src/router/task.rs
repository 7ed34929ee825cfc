//! One actor per room: channels around [`RoomState`]. It waits for nobody but its own inputs: sending never blocks it.
//!
//! Commands come from sessions, events from pipelines; control to a participant must fit his seat or he is dismissed as too slow;
//! input for a pipeline that is behind waits in a bounded backlog. Made by [`super::room`]; ends when the room does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, mpsc::error::TrySendError, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    backlog::{LaneBacklog, Refused, SpeakerBacklog},
    event::{Admission, Input, LaneHandle, LaneKey, Newcomer, Output, PipelineFactory, RoomSerial, SpeakerHandle, SpeakerKey},
    outbox::Connection,
    seats::{ResumeRequest, Seats, Ticket, TooLate},
    state::{RoomOptions, RoomState},
};
use crate::{
    ids::{ParticipantId, SessionId},
    pipeline::event::{LaneEvent, LaneInput, SpeakerEvent},
    protocol::{
        Fault,
        message::{LanguageChange, LeaveReason, Say},
    },
    time::{Clock, Millis},
};

/// Commands that may wait; a session sends few and waits for its place.
const COMMANDS: usize = 64;

/// Events that may wait from all pipelines of the room, of each sort: 5 s of one lane's packets.
const EVENTS: usize = 256;

/// How often a backlog is offered again: one packet time, so that a lane waits no longer than its listeners notice.
const RETRY: Duration = Duration::from_millis(20);

/// How often the room looks for sessions and pipelines that vanished without a word (a panic).
const SWEEP: Duration = Duration::from_secs(5);

/// What a session gets that was let in.
pub type Entry = (Admission, SpeakerHandle, Ticket);

/// What a session asks of its room.
#[derive(Debug)]
pub enum Command {
    /// Let somebody in.
    Join(Newcomer, SessionId, oneshot::Sender<Result<Entry, Fault>>),
    /// Let somebody go on with a session whose connection was lost.
    Resume(ResumeRequest, oneshot::Sender<Result<Entry, Fault>>),
    /// The session of this connection is over. When its connection was lost, somebody may come back.
    Leave(ParticipantId, Connection, LeaveReason),
    /// Somebody says something by writing it.
    Say(ParticipantId, Say),
    /// Somebody changes languages or voice.
    Language(ParticipantId, LanguageChange),
    /// Somebody takes or gives up the floor.
    Floor(ParticipantId, Option<bool>),
    /// The server stops.
    Drain,
}

/// Both ends of a channel: the sender is cloned into each pipeline.
type Channel<T> = (mpsc::Sender<T>, mpsc::Receiver<T>);

/// The actor.
pub struct RoomTask {
    state: RoomState,
    clock: Clock,
    factory: Arc<dyn PipelineFactory>,
    commands_rx: mpsc::Receiver<Command>,
    speaker_events: Channel<(SpeakerKey, SpeakerEvent)>,
    lane_events: Channel<(LaneKey, LaneEvent)>,
    seats: Seats,
    speakers: BTreeMap<SpeakerKey, (SpeakerHandle, SpeakerBacklog)>,
    lanes: BTreeMap<LaneKey, (LaneHandle, LaneBacklog)>,
    /// What sending told: inputs for the state, after the outputs in hand.
    found: Vec<Input>,
    ended: bool,
    /// The room's place among the rooms of this node; dropping it frees the place.
    _place: OwnedSemaphorePermit,
}

impl RoomTask {
    /// A room and the way to it.
    pub fn new(
        serial: RoomSerial,
        options: RoomOptions,
        clock: Clock,
        factory: Arc<dyn PipelineFactory>,
        place: OwnedSemaphorePermit,
    ) -> (Self, mpsc::Sender<Command>) {
        let (commands_tx, commands_rx) = mpsc::channel(COMMANDS);
        let task = Self {
            state: RoomState::new(serial, options, clock.now()),
            clock,
            factory,
            commands_rx,
            speaker_events: mpsc::channel(EVENTS),
            lane_events: mpsc::channel(EVENTS),
            seats: Seats::new(clock),
            speakers: BTreeMap::new(),
            lanes: BTreeMap::new(),
            found: Vec::new(),
            ended: false,
            _place: place,
        };
        (task, commands_tx)
    }

    /// Runs until the room is over.
    pub async fn run(mut self) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.ended {
            let timeout = self.state.poll_timeout();
            let wake = timeout.map(|at| self.clock.instant(at));
            let retry = self.is_behind().then(|| Instant::now() + RETRY);
            tokio::select! {
                command = self.commands_rx.recv() => match command {
                    Some(command) => self.on_command(command),
                    // Every handle is gone, the registry's too: nobody can come any more.
                    None => self.on_input(Input::Drain),
                },
                Some((key, event)) = self.speaker_events.1.recv() => self.on_input(Input::Speaker(key, event)),
                Some((key, event)) = self.lane_events.1.recv() => self.on_input(Input::Lane(key, event)),
                () = at(wake) => self.on_input(Input::Timeout),
                () = at(retry) => {}
                _ = sweep.tick() => self.on_sweep(),
            }
            self.flush();
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Join(newcomer, session, reply_tx) => self.on_join(newcomer, session, reply_tx),
            Command::Resume(request, reply_tx) => self.on_resume(&request, reply_tx),
            Command::Leave(who, connection, reason) => {
                // Who has come back over another connection is not gone.
                if self.seats.is_present(who, connection) {
                    self.on_gone(who, reason);
                }
            }
            Command::Say(who, say) => self.on_input(Input::Said(who, say)),
            Command::Language(who, change) => self.on_input(Input::Language(who, change)),
            Command::Floor(who, held) => self.on_input(Input::Floor(who, held)),
            Command::Drain => self.on_input(Input::Drain),
        }
    }

    fn on_join(&mut self, newcomer: Newcomer, session: SessionId, reply_tx: oneshot::Sender<Result<Entry, Fault>>) {
        let admitted = self.state.join(self.now(), newcomer);
        // Before the first message to him.
        let admitted = admitted.map(|admission| (self.seats.take(admission.participant, session), admission));
        self.perform();
        self.answer(admitted, reply_tx);
    }

    fn on_resume(&mut self, request: &ResumeRequest, reply_tx: oneshot::Sender<Result<Entry, Fault>>) {
        let resumed = match self.seats.resume(request) {
            Some(Ok((who, ticket))) => self.state.resume(who).map(|admission| (ticket, admission)),
            Some(Err(TooLate(who))) => {
                // His place must be free when he comes in anew.
                self.seats.dismiss(who, Fault::ResumeFailed);
                self.on_input(Input::Left(who, LeaveReason::Lost));
                Err(Fault::ResumeFailed)
            }
            None => Err(Fault::ResumeFailed),
        };
        self.perform();
        self.answer(resumed, reply_tx);
    }

    fn answer(&mut self, entry: Result<(Ticket, Admission), Fault>, reply_tx: oneshot::Sender<Result<Entry, Fault>>) {
        let (ticket, admission) = match entry {
            Ok(entry) => entry,
            Err(fault) => {
                let _ = reply_tx.send(Err(fault));
                return;
            }
        };
        let who = admission.participant;
        match self.speakers.iter().find(|(key, _)| key.participant == who) {
            // A session that does not hear it drops its inbox, which the next sweep finds.
            Some((_, (handle, _))) => drop(reply_tx.send(Ok((admission, handle.clone(), ticket)))),
            None => {
                self.seats.dismiss(who, Fault::Internal);
                self.on_input(Input::Left(who, LeaveReason::Closed));
                let _ = reply_tx.send(Err(Fault::Internal));
            }
        }
    }

    fn on_gone(&mut self, who: ParticipantId, reason: LeaveReason) {
        if reason == LeaveReason::Lost {
            self.seats.lost(who);
            self.on_input(Input::Lost(who));
        } else {
            self.on_input(Input::Left(who, reason));
            self.seats.dismiss(who, Fault::ResumeFailed);
        }
    }

    fn on_sweep(&mut self) {
        for who in self.seats.sweep() {
            self.on_gone(who, LeaveReason::Lost);
        }
    }

    fn on_input(&mut self, input: Input) {
        let now = self.now();
        self.state.handle(now, input);
        self.perform();
    }

    fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Does what the state wants, and tells it what was found on the way, until both are still.
    fn perform(&mut self) {
        loop {
            while let Some(output) = self.state.poll_output() {
                self.on_output(output);
            }
            if self.found.is_empty() {
                return;
            }
            let now = self.now();
            for input in std::mem::take(&mut self.found) {
                self.state.handle(now, input);
            }
        }
    }

    fn on_output(&mut self, output: Output) {
        match output {
            Output::Send(to, message) => {
                if let Err(reason) = self.seats.control(to, message) {
                    self.found.push(Input::Left(to, reason));
                }
            }
            Output::Audio(to, frame) => self.seats.media(to, frame),
            Output::Dismiss(who, fault) => self.seats.dismiss(who, fault),
            Output::StartSpeaker(key, speak) => {
                let handle = self.factory.start_speaker(key, speak, self.speaker_events.0.clone());
                self.speakers.insert(key, (handle, SpeakerBacklog::default()));
            }
            Output::Speaker(key, input) => {
                if let Some((handle, backlog)) = self.speakers.get_mut(&key) {
                    backlog.push(input);
                    flush_speaker(handle, backlog);
                }
            }
            Output::DropSpeaker(key) => {
                self.speakers.remove(&key);
            }
            Output::OpenLane(key, voice) => {
                let handle = self.factory.open_lane(key, voice, self.lane_events.0.clone());
                self.lanes.insert(key, (handle, LaneBacklog::default()));
            }
            Output::Lane(key, input) => self.on_lane_input(key, input),
            Output::DropLane(key) => {
                self.lanes.remove(&key);
            }
            Output::Ended => self.ended = true,
        }
    }

    fn on_lane_input(&mut self, key: LaneKey, input: LaneInput) {
        let Some((handle, backlog)) = self.lanes.get_mut(&key) else { return };
        if let Err(Refused(utterance)) = backlog.push(input) {
            self.found.push(Input::LaneFull(key, utterance));
        }
        flush_lane(handle, backlog);
    }

    fn is_behind(&self) -> bool {
        self.speakers.values().any(|(_, b)| !b.is_empty()) || self.lanes.values().any(|(_, b)| !b.is_empty())
    }

    /// Offers what waits again.
    fn flush(&mut self) {
        self.speakers.values_mut().for_each(|(handle, backlog)| flush_speaker(handle, backlog));
        self.lanes.values_mut().for_each(|(handle, backlog)| flush_lane(handle, backlog));
        self.reap();
        self.perform();
    }

    /// A pipeline that takes no more input without having said `Finished` is lost. What it said before it ended may still be on
    /// its way, so only an empty event queue proves that.
    fn reap(&mut self) {
        if self.speaker_events.1.is_empty() {
            let lost = self.speakers.iter().filter(|(_, (handle, _))| handle.tx.is_closed()).map(|(k, _)| *k);
            let lost: Vec<_> = lost.collect();
            for key in lost {
                self.speakers.remove(&key);
                self.found.push(Input::SpeakerLost(key));
            }
        }
        if self.lane_events.1.is_empty() {
            let lost: Vec<_> = self.lanes.iter().filter(|(_, (h, _))| h.tx.is_closed()).map(|(k, _)| *k).collect();
            for key in lost {
                self.lanes.remove(&key);
                self.found.push(Input::LaneLost(key));
            }
        }
    }
}

/// Hands over what the channel takes. What waits for a pipeline that is gone is dropped; [`RoomTask::reap`] finds it.
fn flush_speaker(handle: &SpeakerHandle, backlog: &mut SpeakerBacklog) {
    while let Some(input) = backlog.pop() {
        if let Err(TrySendError::Full(input)) = handle.tx.try_send(input) {
            backlog.unpop(input);
            return;
        }
    }
}

/// As [`flush_speaker`], for a lane.
fn flush_lane(handle: &LaneHandle, backlog: &mut LaneBacklog) {
    while let Some(input) = backlog.pop() {
        if let Err(TrySendError::Full(input)) = handle.tx.try_send(input) {
            backlog.unpop(input);
            return;
        }
    }
}

/// Waits for `when`, or for ever.
async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
