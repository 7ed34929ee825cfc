//! Who hears a lane: what its three tasks share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{event::LaneEvent, pace::Pace, stages::Stages, task::Outlet};
use crate::{language::Language, time::Clock};

/// See the module.
pub(super) struct Listener<K> {
    pub(super) stages: Stages,
    pub(super) language: Language,
    pub(super) clock: Clock,
    pub(super) events: Outlet<K, LaneEvent>,
    pace: Mutex<Pace>,
}

impl<K> Listener<K> {
    /// Who hears `language` and has heard nothing yet; `events` is told what he sees and hears.
    pub(super) fn new(stages: Stages, language: Language, clock: Clock, events: Outlet<K, LaneEvent>) -> Self {
        Self { stages, language, clock, events, pace: Mutex::default() }
    }

    /// What he still has to hear.
    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when he will hear nothing soon.
    pub(super) fn is_short(&self) -> bool {
        self.pace().is_short(self.clock.now())
    }

    /// True when he has more to hear than he should.
    pub(super) fn is_behind(&self) -> bool {
        self.pace().is_behind(self.clock.now())
    }
}
