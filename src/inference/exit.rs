//! Holds up the end of the process until no model computes.
//!
//! The engines are C and C++: `exit` takes down what their threads are using, and a process whose work is done dies of it. So every
//! worker thread is [`Busy`] except while it waits for a job, and [`hold_up`] has the process wait for those that are, for a while; jobs
//! under way are told to stop. Used by [`super::worker`].

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The longest step that cannot be cancelled, an encoder over 30 s of sound, takes 2 s on two slow cores.
const LIMIT: Duration = Duration::from_secs(5);

static WORK: Work = Work::new();
static ENDING: AtomicBool = AtomicBool::new(false);

/// Has the end of the process wait for busy threads. To be called once more after every library that is loaded: what was registered last
/// comes first at the end, and must come before the library's own.
pub(super) fn hold_up() {
    // SAFETY: `at_exit` is a C function without arguments; it takes a lock that no code of ours holds while it calls `exit`.
    let refused = unsafe { libc::atexit(at_exit) };
    if refused != 0 {
        tracing::warn!("the process may be killed at its end: it cannot wait for its models");
    }
}

extern "C" fn at_exit() {
    ENDING.store(true, Ordering::Relaxed);
    WORK.end(LIMIT);
}

/// True when the process is at its end: whatever computes should stop.
pub(super) fn is_ending() -> bool {
    ENDING.load(Ordering::Relaxed)
}

/// A thread that uses an engine, until it is dropped.
pub(super) struct Busy(&'static Work);

impl Busy {
    /// Never returns when the process is at its end.
    pub(super) fn begin() -> Self {
        WORK.begin();
        Self(&WORK)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.done();
    }
}

/// How many threads are busy.
struct Work {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    busy: usize,
    ending: bool,
}

impl Work {
    const fn new() -> Self {
        Self { state: Mutex::new(State { busy: 0, ending: false }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let state = self.changed.wait_while(self.lock(), |state| state.ending);
        state.unwrap_or_else(PoisonError::into_inner).busy += 1;
    }

    fn done(&self) {
        self.lock().busy -= 1;
        self.changed.notify_all();
    }

    /// Lets nobody begin any more, and waits until all are done; false when it took longer than `limit`.
    fn end(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        state.ending = true;
        let waited = self.changed.wait_timeout_while(state, limit, |state| state.busy > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.busy == 0
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_end_waits_for_who_is_busy_and_lets_nobody_begin() {
        static WORK: Work = Work::new();
        WORK.begin();
        assert!(!WORK.end(Duration::from_millis(1)), "somebody never stops");
        thread::spawn(|| {
            WORK.begin();
            unreachable!("the process is at its end");
        });
        let end = thread::spawn(|| WORK.end(Duration::from_secs(60)));
        WORK.done();
        assert!(end.join().unwrap());
    }
}
