//! Queue: what is due, the earliest first, and of what is due at the same time the first that came.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// When in nanoseconds, which one, and where it is.
type Due = (u64, u64, usize);

pub(crate) struct Queue<T> {
    start: Instant,
    // What is moved around in the heap is small: the queue is much of a simulator's work.
    due: BinaryHeap<Reverse<Due>>,
    places: Vec<Option<T>>,
    free: Vec<usize>,
    pushed: u64,
}

impl<T> Queue<T> {
    /// Nothing is due before `start`.
    pub(crate) fn new(start: Instant) -> Queue<T> {
        Queue {
            start,
            due: BinaryHeap::new(),
            places: Vec::new(),
            free: Vec::new(),
            pushed: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Instant, what: T) {
        self.pushed += 1;
        let after = at.duration_since(self.start).as_nanos();
        let nanos = u64::try_from(after).expect("centuries are not simulated");
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(what);
        self.due.push(Reverse((nanos, self.pushed, place)));
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, T)> {
        let Reverse((nanos, _, place)) = self.due.pop()?;
        self.free.push(place);
        let what = self.places[place].take().expect("a place that is due");
        Some((self.start + Duration::from_nanos(nanos), what))
    }
}
