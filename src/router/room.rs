//! Finds rooms by code, makes them, checks join tokens. The door of `router` for sessions and for `POST /v1/rooms`.
//!
//! The map holds one handle per room; the room's actor owns everything else. The number of rooms is bounded.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dashmap::{DashMap, Entry};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    event::{Admission, Newcomer, PipelineFactory, RoomSerial, SpeakerHandle},
    outbox::Inbox,
    seats::{ResumeRequest, Ticket},
    state::RoomOptions,
    task::{Command, Entry as Entered, RoomTask},
    token::{Purpose, TokenKey},
};
use crate::{
    ids::{ParticipantId, RoomCode, SessionId},
    privacy::Secret,
    protocol::{
        Fault,
        message::{Hello, Invitation, LanguageChange, LeaveReason, Person, Resumed, Role, Say, Tokens},
    },
    time::Clock,
    trade::Glossary,
};

/// How rooms are made and entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterOptions {
    /// Each room's own options.
    pub room: RoomOptions,
    /// Rooms at once, empty ones not yet expired included.
    pub max_rooms: usize,
    /// A code alone joins a room, or makes it: for tests of clients. Otherwise rooms are made by `POST /v1/rooms` and joined with a
    /// token.
    pub open_rooms: bool,
}

impl Default for RouterOptions {
    fn default() -> Self {
        Self { room: RoomOptions::default(), max_rooms: 1000, open_rooms: false }
    }
}

/// A request to come into a room: the part of `hello` that concerns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Which room.
    pub room: RoomCode,
    /// The join token, if any.
    pub token: Option<Secret>,
    /// Who comes; the role is what was asked for, before the token is looked at.
    pub newcomer: Newcomer,
    /// To go on with a session whose connection was lost; then nothing else counts but the room.
    pub resume: Option<ResumeRequest>,
}

impl From<Hello> for JoinRequest {
    fn from(hello: Hello) -> Self {
        let Hello { room, token, role, name, speak, hear, voice, resume, received, .. } = hello;
        let resume = resume.map(|secret| ResumeRequest { secret, received: received.unwrap_or(0) });
        Self { room, token, newcomer: Newcomer { role, name, speak, hear, voice }, resume }
    }
}

/// What one knows of one's place in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The session's number; when it was resumed, the one it had before.
    pub session: SessionId,
    /// Who one is.
    pub participant: ParticipantId,
    /// One's role.
    pub role: Role,
    /// Who else is there.
    pub others: Vec<Person>,
    /// The secret to resume the session with.
    pub resume: Secret,
    /// The token to come back with when that fails.
    pub token: Secret,
    /// Where one's sound goes on, when the session was resumed.
    pub resumed: Option<Resumed>,
}

/// A place in a room.
#[derive(Debug)]
pub struct Membership {
    /// What one is told of it.
    pub place: Place,
    /// Where one's packets go.
    pub speaker: SpeakerHandle,
    /// Where the room's messages come from.
    pub inbox: Inbox,
    /// Where one's requests go.
    pub room: RoomHandle,
}

/// The way to a room.
#[derive(Clone)]
pub struct RoomHandle {
    serial: RoomSerial,
    commands_tx: mpsc::Sender<Command>,
}

impl fmt::Debug for RoomHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomHandle").field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl RoomHandle {
    /// The room's number, for logs.
    pub fn serial(&self) -> RoomSerial {
        self.serial
    }

    /// Says that the session with this end is over. Waits for a place in the room's queue.
    pub async fn leave(&self, who: ParticipantId, inbox: &Inbox, reason: LeaveReason) {
        self.command(Command::Leave(who, inbox.connection(), reason)).await;
    }

    /// Says something in writing.
    pub async fn say(&self, who: ParticipantId, say: Say) {
        self.command(Command::Say(who, say)).await;
    }

    /// Changes somebody's languages or voice.
    pub async fn language(&self, who: ParticipantId, change: LanguageChange) {
        self.command(Command::Language(who, change)).await;
    }

    /// Takes or gives up the floor.
    pub async fn floor(&self, who: ParticipantId, held: Option<bool>) {
        self.command(Command::Floor(who, held)).await;
    }

    async fn command(&self, command: Command) {
        // A room that is over has dismissed everybody: there is nobody to tell.
        let _ = self.commands_tx.send(command).await;
    }
}

/// All rooms of this node.
pub struct RoomRegistry {
    rooms: Arc<DashMap<RoomCode, RoomHandle>>,
    options: RouterOptions,
    key: TokenKey,
    clock: Clock,
    factory: Arc<dyn PipelineFactory>,
    places: Arc<Semaphore>,
    serials: AtomicU64,
    tasks: TaskTracker,
    draining: AtomicBool,
}

impl fmt::Debug for RoomRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomRegistry").field("rooms", &self.rooms.len()).finish_non_exhaustive()
    }
}

impl RoomRegistry {
    /// No rooms yet. Rooms' actors are spawned on the current tokio runtime. Tokens are signed with a key that ends with the
    /// registry; [`RoomRegistry::with_key`] gives it one that lasts.
    pub fn new(options: RouterOptions, clock: Clock, factory: Arc<dyn PipelineFactory>) -> Self {
        Self {
            rooms: Arc::default(),
            options,
            key: TokenKey::random(),
            clock,
            factory,
            places: Arc::new(Semaphore::new(options.max_rooms.min(Semaphore::MAX_PERMITS))),
            serials: AtomicU64::new(1),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
        }
    }

    /// Signs with this key, and takes tokens that an earlier registry signed with it.
    pub fn with_key(self, key: TokenKey) -> Self {
        Self { key, ..self }
    }

    /// A token for `room`, good from now on for as long as its purpose allows.
    pub fn sign(&self, room: &RoomCode, role: Role, purpose: Purpose) -> Secret {
        self.key.sign(room, role, purpose, self.clock.unix() + purpose.lifetime().as_secs())
    }

    /// The options it was made with.
    pub fn options(&self) -> &RouterOptions {
        &self.options
    }

    /// Rooms there are now.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Makes a room with a fresh code and tokens.
    ///
    /// # Errors
    /// [`Fault::ServerFull`] when there are too many, [`Fault::ShuttingDown`] while draining.
    pub fn create(&self) -> Result<Invitation, Fault> {
        loop {
            let code = RoomCode::random();
            // A code that exists is somebody's: draw again. With 10^9 codes this is rare.
            if let Entry::Vacant(entry) = self.rooms.entry(code.clone()) {
                entry.insert(self.spawn(&code)?);
                let sign = |role| self.sign(&code, role, Purpose::Join);
                let tokens = Tokens { merchant: sign(Role::Merchant), buyer: sign(Role::Buyer) };
                return Ok(Invitation { room: code, tokens, expires_in: Purpose::Join.lifetime().as_secs(), join_url: None });
            }
        }
    }

    /// Comes into a room; makes it first when it does not exist (any more): a good token says that it did.
    ///
    /// # Errors
    /// [`Fault::BadToken`], [`Fault::RoomFull`], [`Fault::RoleTaken`], [`Fault::ServerFull`], [`Fault::ShuttingDown`];
    /// [`Fault::ResumeFailed`] for a request to resume, and nothing else then; [`Fault::Internal`] when the room fails at that very
    /// moment.
    pub async fn join(&self, session: SessionId, request: JoinRequest) -> Result<Membership, Fault> {
        if let Some(resume) = request.resume {
            return self.resume(&request.room, resume).await;
        }
        let role = self.authorise(&request)?;
        let mut attempts = 0;
        loop {
            let handle = self.find_or_create(&request.room)?;
            let newcomer = Newcomer { role, ..request.newcomer.clone() };
            let (reply_tx, reply_rx) = oneshot::channel();
            match handle.commands_tx.send(Command::Join(newcomer, session, reply_tx)).await {
                Ok(()) => {
                    let entered = reply_rx.await.unwrap_or(Err(Fault::Internal))?;
                    return Ok(self.membership(&request.room, handle, entered));
                }
                // The room ended between the look-up and now: forget it and look again.
                Err(_) if attempts < 3 => {
                    self.rooms.remove_if(&request.room, |_, h| h.serial == handle.serial);
                    attempts += 1;
                }
                Err(_) => return Err(Fault::Internal),
            }
        }
    }

    /// Goes on with a session. What is wrong, room or secret, is not told: nobody learns which codes exist.
    async fn resume(&self, room: &RoomCode, request: ResumeRequest) -> Result<Membership, Fault> {
        let handle = self.rooms.get(room).map(|found| found.value().clone()).ok_or(Fault::ResumeFailed)?;
        let (reply_tx, reply_rx) = oneshot::channel();
        handle.command(Command::Resume(request, reply_tx)).await;
        let entered = reply_rx.await.unwrap_or(Err(Fault::ResumeFailed));
        let result = if entered.is_ok() { "resumed" } else { "failed" };
        metrics::counter!("tongchuan_resumptions_total", "result" => result).increment(1);
        Ok(self.membership(room, handle, entered?))
    }

    fn membership(&self, code: &RoomCode, room: RoomHandle, (admission, speaker, ticket): Entered) -> Membership {
        let Admission { participant, role, others } = admission;
        let Ticket { session, inbox, resume, resumed } = ticket;
        let token = self.sign(code, role, Purpose::Rejoin);
        let place = Place { session, participant, role, others, resume, token, resumed };
        Membership { place, speaker, inbox, room }
    }

    /// The role that the token gives, or the one asked for where a code is enough. Looks at no room, so that the answer does not
    /// tell which codes exist.
    fn authorise(&self, request: &JoinRequest) -> Result<Option<Role>, Fault> {
        let wanted = request.newcomer.role;
        let Some(token) = &request.token else {
            return if self.options.open_rooms { Ok(wanted) } else { Err(Fault::BadToken) };
        };
        let grant = self.key.verify(&request.room, token, self.clock.unix()).map_err(|_| Fault::BadToken)?;
        if wanted.is_some_and(|w| w != grant.role) { Err(Fault::BadToken) } else { Ok(Some(grant.role)) }
    }

    /// Whether who shows `token` may change the words of `room`: its merchant may.
    ///
    /// # Errors
    /// [`Fault::BadToken`] for a token that is not good in this room or no merchant's, and for a room that there is not.
    pub fn may_set_glossary(&self, room: &RoomCode, token: &Secret) -> Result<(), Fault> {
        let grant = self.key.verify(room, token, self.clock.unix()).map_err(|_| Fault::BadToken)?;
        if grant.role == Role::Merchant && self.rooms.contains_key(room) { Ok(()) } else { Err(Fault::BadToken) }
    }

    /// Gives a room words of its own, from the next sentence on. A room that is gone is not made again.
    pub fn set_glossary(&self, room: &RoomCode, glossary: &Glossary) {
        if let Some(serial) = self.rooms.get(room).map(|found| found.serial) {
            self.factory.set_glossary(serial, glossary);
        }
    }

    fn find_or_create(&self, room: &RoomCode) -> Result<RoomHandle, Fault> {
        match self.rooms.entry(room.clone()) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => Ok(entry.insert(self.spawn(room)?).clone()),
        }
    }

    fn spawn(&self, code: &RoomCode) -> Result<RoomHandle, Fault> {
        if self.draining.load(Ordering::SeqCst) {
            return Err(Fault::ShuttingDown);
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| Fault::ServerFull)?;
        let serial = RoomSerial(self.serials.fetch_add(1, Ordering::Relaxed));
        let (task, commands_tx) = RoomTask::new(serial, self.options.room, self.clock, self.factory.clone(), place);
        let (rooms, code, factory) = (self.rooms.clone(), code.clone(), self.factory.clone());
        self.tasks.spawn(async move {
            let _registered = Registered::new(rooms, code, serial, factory);
            task.run().await;
        });
        Ok(RoomHandle { serial, commands_tx })
    }

    /// Stops taking anybody in, tells every room to finish the sentence being spoken, and waits until all are over: at most the
    /// rooms' drain limit and a second.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        let rooms: Vec<_> = self.rooms.iter().map(|r| r.value().clone()).collect();
        self.tasks.close();
        let limit = self.options.room.drain_limit + Duration::from_secs(1);
        let all = async {
            for room in rooms {
                room.command(Command::Drain).await;
            }
            self.tasks.wait().await;
        };
        if timeout(limit, all).await.is_err() {
            tracing::warn!(rooms = self.rooms.len(), "rooms did not end within the drain limit");
        }
    }
}

/// Takes the room out of the map however its actor ends, by panic too.
struct Registered {
    rooms: Arc<DashMap<RoomCode, RoomHandle>>,
    code: RoomCode,
    serial: RoomSerial,
    factory: Arc<dyn PipelineFactory>,
}

impl Registered {
    fn new(
        rooms: Arc<DashMap<RoomCode, RoomHandle>>,
        code: RoomCode,
        serial: RoomSerial,
        factory: Arc<dyn PipelineFactory>,
    ) -> Self {
        metrics::gauge!("tongchuan_rooms").increment(1.0);
        tracing::debug!(room = %serial, "room opened");
        Self { rooms, code, serial, factory }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.rooms.remove_if(&self.code, |_, handle| handle.serial == self.serial);
        self.factory.forget(self.serial);
        metrics::gauge!("tongchuan_rooms").decrement(1.0);
        tracing::debug!(room = %self.serial, "room closed");
    }
}
