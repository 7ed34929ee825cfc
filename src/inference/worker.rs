//! One OS thread owns one model; callers reach it through a bounded queue; a supervisor watches over it.
//!
//! A job that is still running a grace period after its deadline has hung: its thread is abandoned (native code cannot be
//! stopped), its cores are given back to the gate and a fresh engine takes over. A panic is caught and the engine rebuilt. Either
//! way only the job at hand is lost. Knows nothing about what the jobs are.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::{
    CancelToken, JobContext, JobError, Priority,
    compute::{ComputeGate, Permit, Urgency},
    exit::{self, Busy},
    queue::{Entry, JobQueue},
};

/// How long after its deadline (when it is told to stop) a job may keep its thread. Engines look at their token every few tens
/// of milliseconds and whisper.cpp at every graph node, so a second is far past "just slow to notice".
const GRACE: Duration = Duration::from_secs(1);

/// Hung threads that may pile up (each keeps its model's memory) before no replacement is started until one comes back.
const MAX_ABANDONED: usize = 2;

/// How a worker is set up.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The stage's name: in errors, metrics and the thread's name.
    pub name: &'static str,
    /// Jobs that may wait.
    pub queue: usize,
    /// Threads the engine computes with; what it takes from the gate.
    pub threads: usize,
    /// The gate over the cores; none for engines that compute next to nothing (VAD) and for fakes.
    pub gate: Option<ComputeGate>,
}

/// What a finished job hands back.
#[derive(Debug, Clone, PartialEq)]
pub struct Done<O> {
    /// The result.
    pub output: O,
    /// From submission until it began to compute: the queue and the gate.
    pub queued: Duration,
    /// Computing.
    pub ran: Duration,
}

type Answer<O> = Result<Done<O>, JobError>;

struct Job<J, O> {
    job: J,
    submitted: Instant,
    answer_tx: oneshot::Sender<Answer<O>>,
}

struct Running {
    deadline: Instant,
    permit: Option<Arc<Permit>>,
}

struct Inner<J, O> {
    queue: JobQueue<Job<J, O>>,
    /// Which thread may work: a thread of another generation was abandoned.
    generation: u64,
    running: Option<Running>,
    stopped: bool,
}

struct Shared<J, O> {
    options: WorkerOptions,
    inner: Mutex<Inner<J, O>>,
    /// Of what is in the queue.
    urgency: Arc<Urgency>,
    /// Wakes the worker thread and the supervisor.
    changed: Condvar,
    /// Wakes a worker that is a tokio task ([`spawn_task`]).
    notify: Notify,
    abandoned: AtomicUsize,
}

impl<J, O> Inner<J, O> {
    /// The thread of `generation` has nothing more to do.
    fn is_over(&self, generation: u64) -> bool {
        self.stopped || self.generation != generation
    }
}

impl<J, O> Shared<J, O> {
    fn new(options: WorkerOptions) -> Arc<Self> {
        let queue = JobQueue::new(options.queue);
        let inner = Inner { queue, generation: 0, running: None, stopped: false };
        Arc::new(Self {
            options,
            inner: Mutex::new(inner),
            urgency: Arc::default(),
            changed: Condvar::new(),
            notify: Notify::new(),
            abandoned: AtomicUsize::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<J, O>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.changed.notify_all();
        self.notify.notify_one();
    }

    /// Waits for a job that somebody wants; false when there will be none for the thread of `generation`.
    fn wait_for_job(&self, generation: u64) -> bool {
        let mut inner = self.lock();
        while !inner.is_over(generation) {
            if self.look(&mut inner).is_some() {
                return true;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        false
    }

    /// Takes the most urgent job out of the queue.
    fn pop(&self, inner: &mut Inner<J, O>) -> Option<Entry<Job<J, O>>> {
        let entry = inner.queue.pop(Instant::now());
        self.look(inner);
        entry
    }

    /// How urgent the most urgent job in the queue is that somebody wants; those who compute for this engine know it from now on.
    fn look(&self, inner: &mut Inner<J, O>) -> Option<Priority> {
        let priority = inner.queue.most_urgent(Instant::now());
        self.urgency.set(priority);
        priority
    }

    fn answer(&self, submitted: Instant, started: Instant, answer_tx: oneshot::Sender<Answer<O>>, result: Result<O, JobError>) {
        let (queued, ran) = (started.saturating_duration_since(submitted), started.elapsed());
        let stage = self.options.name;
        metrics::histogram!("tongchuan_queue_seconds", "stage" => stage).record(queued.as_secs_f64());
        metrics::histogram!("tongchuan_stage_seconds", "stage" => stage).record(ran.as_secs_f64());
        if let Err(error) = &result {
            metrics::counter!("tongchuan_stage_errors_total", "stage" => stage).increment(1);
            tracing::debug!(stage, %error, "job failed");
        }
        // The caller may be gone: then nobody wants the answer.
        let _ = answer_tx.send(result.map(|output| Done { output, queued, ran }));
    }
}

/// Stops the worker when the last handle is dropped.
struct StopOnDrop<J, O>(Arc<Shared<J, O>>);

impl<J, O> Drop for StopOnDrop<J, O> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.wake();
    }
}

/// The way to a worker; clones share it. The worker stops when the last one is dropped.
pub struct Handle<J, O> {
    shared: Arc<Shared<J, O>>,
    _stop: Arc<StopOnDrop<J, O>>,
}

impl<J, O> Clone for Handle<J, O> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), _stop: self._stop.clone() }
    }
}

impl<J, O> std::fmt::Debug for Handle<J, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handle").field(&self.shared.options.name).finish()
    }
}

impl<J, O> Handle<J, O> {
    fn of(shared: Arc<Shared<J, O>>) -> Self {
        Self { _stop: Arc::new(StopOnDrop(shared.clone())), shared }
    }

    /// Asks for `job` to be done within `limit`.
    ///
    /// # Errors
    /// [`JobError::Busy`] when the queue is full, [`JobError::Stopped`] after the worker has stopped.
    pub fn submit(&self, job: J, priority: Priority, limit: Duration) -> Result<Pending<O>, JobError> {
        let stage = self.shared.options.name;
        let (answer_tx, answer_rx) = oneshot::channel();
        let cancel = CancelToken::new();
        let submitted = Instant::now();
        let entry =
            Entry { priority, deadline: submitted + limit, cancel: cancel.clone(), job: Job { job, submitted, answer_tx } };
        {
            let mut inner = self.shared.lock();
            if inner.stopped {
                return Err(JobError::Stopped(stage));
            }
            if inner.queue.push(entry).is_err() {
                metrics::counter!("tongchuan_busy_total", "stage" => stage).increment(1);
                return Err(JobError::Busy(stage));
            }
            self.shared.look(&mut inner);
        }
        self.shared.wake();
        if let Some(gate) = &self.shared.options.gate {
            gate.reconsider();
        }
        Ok(Pending { stage, answer_rx, deadline: tokio::time::Instant::now() + limit, cancel: CancelOnDrop(cancel) })
    }

    /// Jobs waiting.
    pub fn queued(&self) -> usize {
        self.shared.lock().queue.len()
    }
}

#[derive(Debug)]
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A job under way. Dropping it cancels the job.
#[derive(Debug)]
pub struct Pending<O> {
    stage: &'static str,
    answer_rx: oneshot::Receiver<Answer<O>>,
    deadline: tokio::time::Instant,
    cancel: CancelOnDrop,
}

impl<O> Pending<O> {
    /// Waits for the result, at most until the deadline.
    ///
    /// # Errors
    /// What the engine answered, [`JobError::DeadlinePassed`] when it did not answer in time, or [`JobError::Stopped`].
    pub async fn output(self) -> Answer<O> {
        let Pending { stage, answer_rx, deadline, cancel } = self;
        let answer = match tokio::time::timeout_at(deadline, answer_rx).await {
            Ok(Ok(answer)) => answer,
            // The sender was dropped unanswered: skipped in the queue as overdue, lost to a panic, or the worker stopped.
            Ok(Err(_)) if tokio::time::Instant::now() >= deadline => Err(JobError::DeadlinePassed(stage)),
            Ok(Err(_)) => Err(JobError::Stopped(stage)),
            Err(_) => Err(JobError::DeadlinePassed(stage)),
        };
        drop(cancel);
        answer
    }
}

/// Starts a worker thread whose engine `factory` builds (and warms up) on that thread; returns when it is ready.
///
/// # Errors
/// What the factory said when the first engine could not be built.
pub async fn spawn<J, O, E, F>(options: WorkerOptions, factory: F) -> Result<Handle<J, O>, anyhow::Error>
where
    J: Send + 'static,
    O: Send + 'static,
    E: FnMut(J, &JobContext) -> Result<O, JobError>,
    F: Fn() -> Result<E, anyhow::Error> + Send + Sync + 'static,
{
    let shared = Shared::new(options);
    let (ready_tx, ready_rx) = oneshot::channel();
    let (handle, name) = (Handle::of(shared.clone()), shared.options.name);
    thread::Builder::new().name(format!("{name}-watch")).spawn(move || supervise(&shared, &Arc::new(factory), ready_tx))?;
    ready_rx.await.map_err(|_| anyhow::anyhow!("the {name} worker ended before it was ready"))??;
    Ok(handle)
}

type Ready = oneshot::Sender<Result<(), anyhow::Error>>;

/// Why a worker thread ended.
enum Exit {
    Stopped,
    Panicked,
    LoadFailed,
    /// It came back after it was abandoned.
    Stale,
}

fn supervise<J, O, E, F>(shared: &Arc<Shared<J, O>>, factory: &Arc<F>, ready_tx: Ready)
where
    J: Send + 'static,
    O: Send + 'static,
    E: FnMut(J, &JobContext) -> Result<O, JobError>,
    F: Fn() -> Result<E, anyhow::Error> + Send + Sync + 'static,
{
    let name = shared.options.name;
    let mut ready_tx = Some(ready_tx);
    while !shared.lock().stopped {
        if shared.abandoned.load(Ordering::Relaxed) > MAX_ABANDONED {
            tracing::error!(stage = name, "too many hung threads: waiting for one to come back");
            thread::sleep(GRACE);
            continue;
        }
        let generation = shared.lock().generation;
        let (thread_shared, thread_factory, thread_ready) = (shared.clone(), factory.clone(), ready_tx.take());
        let body = move || work(&thread_shared, &*thread_factory, generation, thread_ready);
        match thread::Builder::new().name(name.to_owned()).spawn(body) {
            Ok(worker) => match watch(shared, generation, worker) {
                Some(Exit::Stopped) => return,
                // Loading again at once would most likely fail again.
                Some(Exit::LoadFailed) => thread::sleep(GRACE),
                Some(Exit::Panicked | Exit::Stale) | None => {}
            },
            Err(error) => {
                tracing::error!(stage = name, %error, "cannot start a worker thread");
                thread::sleep(GRACE);
            }
        }
    }
}

/// Waits until the worker of `generation` has ended (why) or hung (nothing).
fn watch<J, O>(shared: &Shared<J, O>, generation: u64, worker: thread::JoinHandle<Exit>) -> Option<Exit> {
    let mut inner = shared.lock();
    while !worker.is_finished() {
        let overdue = inner.running.as_ref().is_some_and(|running| Instant::now() >= running.deadline + GRACE);
        if overdue && inner.generation == generation {
            inner.generation += 1;
            shared.abandoned.fetch_add(1, Ordering::Relaxed);
            if let Some(permit) = inner.running.take().and_then(|running| running.permit) {
                permit.revoke();
            }
            let stage = shared.options.name;
            metrics::counter!("tongchuan_worker_hung_total", "stage" => stage).increment(1);
            tracing::error!(stage, "a job hung: its thread is abandoned and the engine rebuilt");
            return None;
        }
        // A quarter of the grace period is soon enough, and also how fast an ended thread is noticed.
        inner = shared.changed.wait_timeout(inner, GRACE / 4).unwrap_or_else(PoisonError::into_inner).0;
    }
    drop(inner);
    // Panics of jobs are caught inside; one that escapes is a panic all the same.
    Some(worker.join().unwrap_or(Exit::Panicked))
}

fn work<J, O, E, F>(shared: &Shared<J, O>, factory: &F, generation: u64, ready_tx: Option<Ready>) -> Exit
where
    E: FnMut(J, &JobContext) -> Result<O, JobError>,
    F: Fn() -> Result<E, anyhow::Error>,
{
    let stage = shared.options.name;
    // Outlives the engine.
    let mut busy = Busy::begin();
    let built =
        catch_unwind(AssertUnwindSafe(factory)).unwrap_or_else(|_| Err(anyhow::anyhow!("{stage}: panicked while loading")));
    let mut engine = match (built, ready_tx) {
        (Ok(engine), Some(ready_tx)) => {
            let _ = ready_tx.send(Ok(()));
            engine
        }
        (Ok(engine), None) => engine,
        (Err(error), Some(ready_tx)) => {
            // Nobody has a handle yet: `spawn` hands the reason to its caller.
            let _ = ready_tx.send(Err(error));
            shared.lock().stopped = true;
            return Exit::LoadFailed;
        }
        (Err(error), None) => {
            tracing::error!(stage, %error, "the engine could not be rebuilt");
            return Exit::LoadFailed;
        }
    };
    exit::hold_up();
    loop {
        drop(busy);
        let wanted = shared.wait_for_job(generation);
        busy = Busy::begin();
        if !wanted {
            break;
        }
        // Which job it is for is decided when the cores are there: by then another may be more urgent.
        let permit = shared.options.gate.as_ref().map(|gate| gate.acquire(shared.options.threads, shared.urgency.clone()));
        let started = Instant::now();
        let (context, Job { job, submitted, answer_tx }) = {
            let mut inner = shared.lock();
            if inner.is_over(generation) {
                break;
            }
            let Some(Entry { priority, deadline, cancel, job }) = shared.pop(&mut inner) else { continue };
            let permit = permit.map(|mut permit| {
                permit.serve(priority);
                Arc::new(permit)
            });
            inner.running = Some(Running { deadline, permit: permit.clone() });
            (JobContext { cancel, permit }, job)
        };
        let result = catch_unwind(AssertUnwindSafe(|| engine(job, &context)));
        drop(context);
        {
            let mut inner = shared.lock();
            if inner.generation != generation {
                break;
            }
            inner.running = None;
        }
        let panicked = result.is_err();
        shared.answer(submitted, started, answer_tx, result.unwrap_or_else(|_| Err(JobError::failed(stage, "it panicked"))));
        if panicked {
            tracing::error!(stage, "a job panicked: the engine is rebuilt");
            return Exit::Panicked;
        }
    }
    if shared.lock().generation == generation {
        return Exit::Stopped;
    }
    shared.abandoned.fetch_sub(1, Ordering::Relaxed);
    tracing::warn!(stage, "a hung job came back");
    Exit::Stale
}

/// Starts a worker that is a tokio task instead of a thread, so that a fake engine's delays follow virtual time.
///
/// It has the same queue and the same answers, but no gate and no supervisor.
pub fn spawn_task<J, O, E, R>(options: WorkerOptions, mut engine: E) -> Handle<J, O>
where
    J: Send + 'static,
    O: Send + 'static,
    E: FnMut(J, JobContext) -> R + Send + 'static,
    R: Future<Output = Result<O, JobError>> + Send,
{
    let shared = Shared::new(options);
    let handle = Handle::of(shared.clone());
    tokio::spawn(async move {
        loop {
            let entry = {
                let mut inner = shared.lock();
                if inner.stopped {
                    return;
                }
                inner.queue.pop(Instant::now())
            };
            match entry {
                Some(Entry { cancel, job: Job { job, submitted, answer_tx }, .. }) => {
                    let started = Instant::now();
                    let result = engine(job, JobContext { cancel, permit: None }).await;
                    shared.answer(submitted, started, answer_tx, result);
                }
                None => shared.notify.notified().await,
            }
        }
    });
    handle
}

#[cfg(test)]
mod tests;
