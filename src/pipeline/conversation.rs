//! What the pipelines of one room know in common: the last currency, which fills one that nobody says, and the room's glossary.
//!
//! A lock around plain data, held for a copy. A room's conversation lasts until the room is over. Made by [`super::Pipelines`]; tools that
//! translate without a room make their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    router::event::RoomSerial,
    trade::{Amount, Context, Glossary},
};

/// One room's conversation. Clones are the same conversation.
#[derive(Debug, Clone)]
pub struct Conversation(Arc<Mutex<Known>>);

#[derive(Debug, Clone)]
struct Known {
    context: Context,
    glossary: Arc<Glossary>,
    /// Those of its terms that the program did not come with.
    own: Arc<Glossary>,
}

impl Default for Conversation {
    /// Nothing was said yet; the glossary is the one that the program comes with.
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Conversation {
    /// Nothing was said yet; `own` terms go before those that the program comes with.
    pub fn new(own: Arc<Glossary>) -> Self {
        Self(Arc::new(Mutex::new(Known { context: Context::default(), glossary: with_starter(&own), own })))
    }

    /// What was said before.
    pub fn context(&self) -> Context {
        self.lock().context
    }

    /// Remembers what was said.
    pub fn note(&self, amounts: &[Amount]) {
        self.lock().context.note(amounts);
    }

    /// The words to use.
    pub fn glossary(&self) -> Arc<Glossary> {
        self.lock().glossary.clone()
    }

    /// Those of them that the program did not come with: what the recogniser was not told already.
    pub fn own_glossary(&self) -> Arc<Glossary> {
        self.lock().own.clone()
    }

    fn set_glossary(&self, own: Glossary) {
        let glossary = with_starter(&own);
        let mut known = self.lock();
        (known.glossary, known.own) = (glossary, Arc::new(own));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Whole values are put in and taken out: there is no half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_starter(own: &Glossary) -> Arc<Glossary> {
    Arc::new(own.over(Glossary::starter()))
}

/// The conversations of all rooms.
#[derive(Debug)]
pub(super) struct Conversations {
    /// The server's own terms.
    own: Arc<Glossary>,
    rooms: Mutex<HashMap<RoomSerial, Conversation>>,
}

impl Conversations {
    /// None yet; all begin with the server's `own` terms.
    pub(super) fn new(own: Arc<Glossary>) -> Self {
        Self { own, rooms: Mutex::default() }
    }

    /// That of a room.
    pub(super) fn of(&self, room: RoomSerial) -> Conversation {
        self.lock().entry(room).or_insert_with(|| Conversation::new(self.own.clone())).clone()
    }

    /// Gives a room terms of its own, which go before the server's. From the next sentence on.
    pub(super) fn set_glossary(&self, room: RoomSerial, own: &Glossary) {
        self.of(room).set_glossary(own.over(&self.own));
    }

    /// The room is over.
    pub(super) fn forget(&self, room: RoomSerial) {
        self.lock().remove(&room);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomSerial, Conversation>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::Language,
        trade::{money::Currency, read},
    };

    #[test]
    fn pipelines_of_a_room_share_what_was_said_and_other_rooms_do_not() {
        let all = Conversations::new(Arc::new(Glossary::parse("zh,en\n尾单,leftovers\n").unwrap()));
        let (zh, en) = (all.of(RoomSerial(1)), all.of(RoomSerial(1)));
        zh.note(&read("七块二", Language::ZH, &zh.context()));
        assert_eq!(en.context().currency, Some(Currency::CNY));
        assert_eq!(all.of(RoomSerial(2)).context(), Context::default());
        all.set_glossary(RoomSerial(1), &Glossary::parse("zh,en\n尾单,tail goods\n").unwrap());
        let other = all.of(RoomSerial(2));
        assert_eq!((zh.own_glossary().len(), other.own_glossary().len()), (2, 1));
        assert_eq!(zh.glossary().len(), Glossary::starter().len() + 2);
        all.forget(RoomSerial(1));
        assert_eq!(all.of(RoomSerial(1)).context(), Context::default(), "another room by now");
    }
}
