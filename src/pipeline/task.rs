//! What the two kinds of pipeline task share: a way out for their events, and times in milliseconds.

use std::time::Duration;

use tokio::sync::mpsc;

/// Where a task's events go: a channel shared with other tasks, each event marked with the task's key.
#[derive(Debug)]
pub(super) struct Outlet<K, E> {
    key: K,
    tx: mpsc::Sender<(K, E)>,
}

impl<K: Copy, E> Outlet<K, E> {
    pub(super) fn new(key: K, tx: mpsc::Sender<(K, E)>) -> Self {
        Self { key, tx }
    }

    /// Waits for room. A receiver that is gone wants nothing any more.
    pub(super) async fn send(&self, event: E) {
        let _ = self.tx.send((self.key, event)).await;
    }
}

/// Whole milliseconds, as captions carry them.
pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
