//! The bounded queue in front of one model (pure): most urgent first, then earliest deadline, then first come.
//!
//! Full means refused, never growth. Cancelled and overdue work is skipped when it is taken out. Used by [`super::worker`] only.

use std::{cmp::Ordering, collections::BinaryHeap, time::Instant};

use super::{CancelToken, Priority};

/// One job with its urgency.
#[derive(Debug)]
pub struct Entry<T> {
    /// Urgency class.
    pub priority: Priority,
    /// When the answer is worthless.
    pub deadline: Instant,
    /// Set when nobody wants the answer any more.
    pub cancel: CancelToken,
    /// The job.
    pub job: T,
}

/// A bounded priority queue.
#[derive(Debug)]
pub struct JobQueue<T> {
    capacity: usize,
    next_ticket: u64,
    heap: BinaryHeap<Ranked<T>>,
}

#[derive(Debug)]
struct Ranked<T> {
    ticket: u64,
    entry: Entry<T>,
}

impl<T> Ranked<T> {
    fn rank(&self) -> (Priority, Instant, u64) {
        (self.entry.priority, self.entry.deadline, self.ticket)
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ranked<T> {
    // Reversed: `BinaryHeap` gives the greatest first, we want the smallest rank.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl<T> JobQueue<T> {
    /// A queue for at most `capacity` jobs (at least one).
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), next_ticket: 0, heap: BinaryHeap::new() }
    }

    /// Puts a job in.
    ///
    /// # Errors
    /// Hands the entry back when the queue is full of work that somebody still wants.
    pub fn push(&mut self, entry: Entry<T>) -> Result<(), Entry<T>> {
        if self.heap.len() >= self.capacity {
            self.heap.retain(|waiting| !waiting.entry.cancel.is_cancelled());
        }
        if self.heap.len() >= self.capacity {
            return Err(entry);
        }
        self.heap.push(Ranked { ticket: self.next_ticket, entry });
        self.next_ticket += 1;
        Ok(())
    }

    /// Takes the most urgent job that is still wanted at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Entry<T>> {
        self.most_urgent(now)?;
        self.heap.pop().map(|ranked| ranked.entry)
    }

    /// How urgent the most urgent job is that is still wanted at `now`.
    pub fn most_urgent(&mut self, now: Instant) -> Option<Priority> {
        while let Some(Ranked { entry, .. }) = self.heap.peek() {
            if !entry.cancel.is_cancelled() && entry.deadline > now {
                return Some(entry.priority);
            }
            self.heap.pop();
        }
        None
    }

    /// Jobs waiting, wanted or not.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(now: Instant, priority: Priority, in_ms: u64, job: u32) -> Entry<u32> {
        Entry { priority, deadline: now + Duration::from_millis(in_ms), cancel: CancelToken::new(), job }
    }

    #[test]
    fn finals_before_partials_then_the_earliest_deadline() {
        let now = Instant::now();
        let mut queue = JobQueue::new(8);
        queue.push(entry(now, Priority::PartialAsr, 10, 1)).unwrap();
        queue.push(entry(now, Priority::FinalAsr, 90, 2)).unwrap();
        queue.push(entry(now, Priority::FinalAsr, 50, 3)).unwrap();
        queue.push(entry(now, Priority::FinalAsr, 50, 4)).unwrap();
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop(now)).map(|e| e.job).collect();
        assert_eq!(order, [3, 4, 2, 1]);
    }

    #[test]
    fn full_is_refused_but_cancelled_work_makes_room() {
        let now = Instant::now();
        let mut queue = JobQueue::new(2);
        let first = entry(now, Priority::Mt, 10, 1);
        let cancel = first.cancel.clone();
        queue.push(first).unwrap();
        queue.push(entry(now, Priority::Mt, 10, 2)).unwrap();
        assert_eq!(queue.push(entry(now, Priority::Mt, 10, 3)).unwrap_err().job, 3);
        cancel.cancel();
        queue.push(entry(now, Priority::Mt, 10, 4)).unwrap();
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn cancelled_and_overdue_jobs_are_skipped() {
        let now = Instant::now();
        let mut queue = JobQueue::new(4);
        let unwanted = entry(now, Priority::Mt, 10, 1);
        unwanted.cancel.cancel();
        queue.push(unwanted).unwrap();
        queue.push(entry(now, Priority::Mt, 5, 2)).unwrap();
        queue.push(entry(now, Priority::Mt, 50, 3)).unwrap();
        assert_eq!(queue.pop(now + Duration::from_millis(20)).unwrap().job, 3);
        assert!(queue.is_empty());
    }
}
