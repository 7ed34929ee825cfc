//! What happens to callers when a queue is full and when engines fail, panic, hang or die.

use std::sync::atomic::AtomicBool;

use super::*;

fn options(queue: usize) -> WorkerOptions {
    WorkerOptions { name: "test", queue, threads: 1, gate: Some(ComputeGate::new(1)) }
}

const LONG: Duration = Duration::from_secs(20);

/// Doubles numbers; 13 fails, 14 panics, 15 hangs until `release` is set.
async fn doubler(queue: usize, release: Arc<AtomicBool>) -> (Handle<u32, u32>, Arc<AtomicUsize>) {
    let built = Arc::new(AtomicUsize::new(0));
    let count = built.clone();
    let handle = spawn(options(queue), move || {
        count.fetch_add(1, Ordering::SeqCst);
        let release = release.clone();
        Ok(move |n: u32, _: &JobContext| match n {
            13 => Err(JobError::failed("test", "unlucky")),
            14 => panic!("a bug"),
            15 => {
                while !release.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                Ok(0)
            }
            n => Ok(2 * n),
        })
    })
    .await
    .unwrap();
    (handle, built)
}

async fn ask(handle: &Handle<u32, u32>, n: u32, limit: Duration) -> Result<u32, JobError> {
    handle.submit(n, Priority::Mt, limit)?.output().await.map(|done| done.output)
}

#[tokio::test]
async fn a_failure_and_a_panic_cost_one_job_each() {
    let (handle, built) = doubler(4, Arc::default()).await;
    assert_eq!(ask(&handle, 2, LONG).await, Ok(4));
    assert_eq!(ask(&handle, 13, LONG).await, Err(JobError::failed("test", "unlucky")));
    assert_eq!(built.load(Ordering::SeqCst), 1, "an error keeps the engine");
    assert_eq!(ask(&handle, 14, LONG).await, Err(JobError::failed("test", "it panicked")));
    assert_eq!(ask(&handle, 3, LONG).await, Ok(6));
    assert_eq!(built.load(Ordering::SeqCst), 2, "a panic rebuilds the engine");
}

#[tokio::test]
async fn a_hung_engine_is_replaced_and_the_gate_is_free_again() {
    let release = Arc::new(AtomicBool::new(false));
    let (handle, built) = doubler(4, release.clone()).await;
    let limit = Duration::from_millis(50);
    assert_eq!(ask(&handle, 15, limit).await, Err(JobError::DeadlinePassed("test")));
    assert_eq!(ask(&handle, 5, LONG).await, Ok(10), "the next job works");
    assert_eq!(built.load(Ordering::SeqCst), 2);
    release.store(true, Ordering::SeqCst);
    assert_eq!(ask(&handle, 6, LONG).await, Ok(12), "the thread that came back disturbs nobody");
}

#[tokio::test]
async fn a_full_queue_says_busy() {
    let release = Arc::new(AtomicBool::new(false));
    let (handle, _) = doubler(2, release.clone()).await;
    let hanging = handle.submit(15, Priority::Mt, LONG).unwrap();
    while handle.queued() > 0 {
        tokio::task::yield_now().await;
    }
    let waiting: Vec<_> = (0..2).map(|n| handle.submit(n, Priority::Mt, LONG).unwrap()).collect();
    assert_eq!(handle.submit(7, Priority::Mt, LONG).unwrap_err(), JobError::Busy("test"));
    release.store(true, Ordering::SeqCst);
    assert_eq!(hanging.output().await.unwrap().output, 0);
    for (n, pending) in (0..).zip(waiting) {
        assert_eq!(pending.output().await.unwrap().output, 2 * n, "what was accepted is done");
    }
}

#[tokio::test]
async fn what_is_urgent_does_not_wait_behind_what_waits_for_the_cores() {
    let options = options(4);
    let gate = options.gate.clone().unwrap();
    let handle = spawn(options, || Ok(|n: u32, _: &JobContext| Ok(n))).await.unwrap();
    // Something of middling urgency computes.
    let other = Arc::<Urgency>::default();
    other.set(Some(Priority::Mt));
    let permit = gate.acquire(1, other);
    let partial = tokio::spawn(handle.submit(1, Priority::PartialAsr, LONG).unwrap().output());
    // The worker may wait for the cores by now.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let last = tokio::spawn(handle.submit(2, Priority::FinalAsr, LONG).unwrap().output());
    let asked = Instant::now();
    while !last.is_finished() {
        assert!(asked.elapsed() < LONG / 2, "it waits behind the partial");
        permit.yield_to_more_urgent();
        tokio::task::yield_now().await;
    }
    assert!(!partial.is_finished(), "the partial is less urgent than what computes");
    drop(permit);
    assert_eq!(partial.await.unwrap().unwrap().output, 1);
}

#[tokio::test]
async fn an_engine_that_cannot_be_built_is_told_to_the_caller() {
    let result =
        spawn(options(1), || Err::<fn((), &JobContext) -> Result<(), JobError>, _>(anyhow::anyhow!("no such file"))).await;
    assert_eq!(result.unwrap_err().to_string(), "no such file");
}

#[tokio::test(start_paused = true)]
async fn a_task_worker_follows_virtual_time() {
    let handle = spawn_task(options(2), |n: u32, _| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        Ok(n + 1)
    });
    assert_eq!(ask(&handle, 1, Duration::from_secs(60)).await, Ok(2));
    assert_eq!(ask(&handle, 1, Duration::from_secs(10)).await, Err(JobError::DeadlinePassed("test")));
}
