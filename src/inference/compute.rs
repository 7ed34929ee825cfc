//! One priority gate over the cores: decides which model computes now, so that the threads of all models together never exceed
//! the cores.
//!
//! Two engines with two threads each on two cores do not share them, they ruin each other (a translation of 0.8 s was measured at
//! 18 s beside another engine). So each job takes as many permits as it runs threads; the most urgent waiting job goes first, and
//! long jobs lend their permits at every checkpoint (between tokens). An engine does one job after the other, so whoever holds or waits
//! for cores on its behalf is as urgent as the most urgent job behind it ([`Urgency`]). Voice activity detection stays outside: it needs
//! 0.1 ms of one core every 32 ms, and waiting behind a sentence's recognition would delay every end of speech.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Priority;

#[derive(Debug)]
struct State {
    free: usize,
    next_ticket: u64,
    /// Who waits, most urgent and then earliest first.
    waiting: BTreeSet<(Priority, u64)>,
}

/// How urgent the most urgent of the jobs is that wait for one engine. Its job at hand inherits that: a recognition that can wait,
/// itself waiting behind a translation, would keep a finished sentence waiting too.
#[derive(Debug, Default)]
pub struct Urgency(Mutex<Option<Priority>>);

impl Urgency {
    /// Takes note of it; none when no job waits. [`ComputeGate::reconsider`] makes it known to the gate.
    pub fn set(&self, priority: Option<Priority>) {
        *self.lock() = priority;
    }

    /// That of a job which is `own` urgent by itself.
    fn with(&self, own: Option<Priority>) -> Priority {
        let behind = *self.lock();
        own.into_iter().chain(behind).min().unwrap_or(Priority::PartialAsr)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Priority>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gate; clones share it.
#[derive(Debug, Clone)]
pub struct ComputeGate {
    cores: usize,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl ComputeGate {
    /// A gate over `cores` cores (at least one).
    pub fn new(cores: usize) -> Self {
        let cores = cores.max(1);
        let state = State { free: cores, next_ticket: 0, waiting: BTreeSet::new() };
        Self { cores, shared: Arc::new((Mutex::new(state), Condvar::new())) }
    }

    /// Cores it was made for.
    pub fn cores(&self) -> usize {
        self.cores
    }

    /// Waits until `threads` cores (at most all) are free and nobody waits who is more urgent than the engine's jobs, then takes them for
    /// one of those: [`Permit::serve`] says which.
    pub fn acquire(&self, threads: usize, engine: Arc<Urgency>) -> Permit {
        let threads = threads.clamp(1, self.cores);
        self.take(self.lock(), threads, || engine.with(None));
        Permit { gate: self.clone(), own: None, engine, threads, revoked: AtomicBool::new(false) }
    }

    /// Lets those who wait look again how urgent they are.
    pub fn reconsider(&self) {
        // Whoever looked before waits by the time the lock is free.
        drop(self.lock());
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits in line for `threads` cores and takes them.
    fn take(&self, mut state: MutexGuard<'_, State>, threads: usize, urgency: impl Fn() -> Priority) {
        let number = state.next_ticket;
        state.next_ticket += 1;
        let mut ticket = (urgency(), number);
        state.waiting.insert(ticket);
        // Head of the line only: a smaller job never overtakes a more urgent one that waits for more cores.
        while state.free < threads || state.waiting.first() != Some(&ticket) {
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
            let before = std::mem::replace(&mut ticket, (urgency(), number));
            if before != ticket {
                state.waiting.remove(&before);
                state.waiting.insert(ticket);
                // Another may be the head of the line now.
                self.shared.1.notify_all();
            }
        }
        state.waiting.remove(&ticket);
        state.free -= threads;
        // The next in line may fit beside us.
        self.shared.1.notify_all();
    }

    fn give(&self, threads: usize) {
        self.lock().free += threads;
        self.shared.1.notify_all();
    }
}

/// The right to run some threads; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    gate: ComputeGate,
    /// Of the job that is being done.
    own: Option<Priority>,
    engine: Arc<Urgency>,
    threads: usize,
    revoked: AtomicBool,
}

impl Permit {
    /// The cores are used for a job of this urgency.
    pub fn serve(&mut self, priority: Priority) {
        self.own = Some(priority);
    }

    fn urgency(&self) -> Priority {
        self.engine.with(self.own)
    }

    /// Gives the cores back although the holder still runs: it hung, and nobody else shall wait for it.
    pub fn revoke(&self) {
        if !self.revoked.swap(true, Ordering::AcqRel) {
            self.gate.give(self.threads);
        }
    }

    /// Lends the cores to more urgent jobs, if any wait, and returns when it is our turn again.
    pub fn yield_to_more_urgent(&self) {
        let urgency = self.urgency();
        let mut state = self.gate.lock();
        let somebody = state.waiting.first().is_some_and(|(priority, _)| *priority < urgency);
        if somebody && !self.revoked.load(Ordering::Acquire) {
            // In line before the cores are free: nobody less urgent comes in between.
            state.free += self.threads;
            self.gate.shared.1.notify_all();
            self.gate.take(state, self.threads, || self.urgency());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.revoke();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{atomic::AtomicUsize, mpsc},
        thread,
    };

    use super::*;

    /// For one job of an engine behind which no other waits.
    fn acquire(gate: &ComputeGate, priority: Priority, threads: usize) -> Permit {
        let engine = Arc::<Urgency>::default();
        engine.set(Some(priority));
        let mut permit = gate.acquire(threads, engine.clone());
        engine.set(None);
        permit.serve(priority);
        permit
    }

    fn wait_for_waiters(gate: &ComputeGate, count: usize) {
        while gate.lock().waiting.len() < count {
            thread::yield_now();
        }
    }

    #[test]
    fn the_most_urgent_waiter_goes_first() {
        let gate = ComputeGate::new(2);
        let held = acquire(&gate, Priority::Mt, 2);
        let (order_tx, order_rx) = mpsc::channel();
        let mut threads = Vec::new();
        for (n, priority) in [Priority::PartialAsr, Priority::Clause, Priority::FinalAsr, Priority::Mt].into_iter().enumerate() {
            let (gate_of_thread, order_tx) = (gate.clone(), order_tx.clone());
            threads.push(thread::spawn(move || {
                let _permit = acquire(&gate_of_thread, priority, 2);
                order_tx.send(priority).unwrap();
            }));
            wait_for_waiters(&gate, n + 1);
        }
        drop(held);
        threads.into_iter().for_each(|t| t.join().unwrap());
        let order: Vec<_> = order_rx.try_iter().collect();
        assert_eq!(order, [Priority::FinalAsr, Priority::Mt, Priority::Clause, Priority::PartialAsr]);
    }

    #[test]
    fn a_checkpoint_lets_only_more_urgent_work_pass() {
        let gate = ComputeGate::new(1);
        let translating = acquire(&gate, Priority::Mt, 1);
        let (done_tx, done_rx) = mpsc::channel();
        let spawn = |priority| {
            let (gate, done_tx) = (gate.clone(), done_tx.clone());
            thread::spawn(move || {
                let _permit = acquire(&gate, priority, 1);
                done_tx.send(priority).unwrap();
            })
        };
        let partial = spawn(Priority::PartialAsr);
        wait_for_waiters(&gate, 1);
        translating.yield_to_more_urgent();
        assert!(done_rx.try_recv().is_err(), "a partial must not interrupt a translation");
        let finished = spawn(Priority::FinalAsr);
        wait_for_waiters(&gate, 2);
        translating.yield_to_more_urgent();
        assert_eq!(done_rx.try_recv(), Ok(Priority::FinalAsr));
        drop(translating);
        partial.join().unwrap();
        finished.join().unwrap();
    }

    #[test]
    fn a_job_is_as_urgent_as_the_most_urgent_behind_it() {
        let gate = ComputeGate::new(1);
        let translating = acquire(&gate, Priority::Mt, 1);
        let recogniser = Arc::<Urgency>::default();
        recogniser.set(Some(Priority::PartialAsr));
        let waiting = thread::spawn({
            let (gate, recogniser) = (gate.clone(), recogniser.clone());
            move || gate.acquire(1, recogniser)
        });
        wait_for_waiters(&gate, 1);
        translating.yield_to_more_urgent();
        assert!(!waiting.is_finished(), "a partial must not interrupt a translation");
        recogniser.set(Some(Priority::FinalAsr));
        gate.reconsider();
        while gate.lock().waiting.first().is_none_or(|(priority, _)| *priority != Priority::FinalAsr) {
            thread::yield_now();
        }
        let translating = thread::spawn(move || translating.yield_to_more_urgent());
        let mut recognising = waiting.join().unwrap();
        // The final is being recognised; behind a partial another one waits.
        recognising.serve(Priority::PartialAsr);
        wait_for_waiters(&gate, 1);
        recognising.yield_to_more_urgent();
        assert!(!translating.is_finished(), "what the final waits for goes before the translation");
        recogniser.set(None);
        recognising.yield_to_more_urgent();
        translating.join().unwrap();
    }

    #[test]
    fn running_threads_never_exceed_the_cores() {
        let gate = ComputeGate::new(3);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for n in 0..8_usize {
                let (gate, running, most) = (&gate, &running, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let threads = 1 + (n + round) % 4;
                        let permit = acquire(gate, [Priority::FinalAsr, Priority::Mt, Priority::Clause][n % 3], threads);
                        let now = running.fetch_add(threads.min(3), Ordering::SeqCst) + threads.min(3);
                        most.fetch_max(now, Ordering::SeqCst);
                        running.fetch_sub(threads.min(3), Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert_eq!(gate.lock().free, 3);
    }
}
