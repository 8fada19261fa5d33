//! Mailbox: one bounded queue, and the threads that wait for what comes into it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::Limit;
use crate::bus::words::Error;

/// What came and was not taken: the messages of a subscription, the calls of a service, the replies
/// to a request.
pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    /// One item always fits.
    limit: Limit,
    /// Somebody asked to be told of room.
    is_asked: AtomicBool,
}

struct Queue<T> {
    /// Each with the bytes that it takes.
    items: VecDeque<(T, usize)>,
    bytes: usize,
    lost: u64,
    /// Why nothing more comes.
    end: Option<Error>,
    /// Threads that may be parked, and were not woken for an item yet.
    sleepers: Vec<Thread>,
    /// Called when half of it is free.
    when_half_free: Option<Box<dyn FnOnce() + Send>>,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(limit: Limit) -> Mailbox<T> {
        Mailbox {
            queue: Mutex::new(Queue {
                items: VecDeque::new(),
                bytes: 0,
                lost: 0,
                end: None,
                sleepers: Vec::new(),
                when_half_free: None,
            }),
            limit,
            is_asked: AtomicBool::new(false),
        }
    }

    /// Gives an item back that has no room, or comes behind the end.
    pub(crate) fn push(&self, item: T, bytes: usize, wakes: &mut Wakes) -> Result<(), T> {
        let mut queue = self.lock();
        if !queue.has_room(self.limit, bytes) {
            queue.lost += 1;
            return Err(item);
        }
        queue.add(item, bytes);
        queue.wake(1, wakes);
        Ok(())
    }

    /// Appends what fits, with one wake-up for each thread that waits, and says how many did not.
    pub(crate) fn append(&self, items: impl Iterator<Item = (T, usize)>, wakes: &mut Wakes) -> u64 {
        let (mut added, mut lost) = (0, 0);
        let mut queue = self.lock();
        for (item, bytes) in items {
            match queue.has_room(self.limit, bytes) {
                true => queue.add(item, bytes),
                false => lost += 1,
            }
            added += 1;
        }
        queue.lost += lost;
        queue.wake(added - lost, wakes);
        lost
    }

    /// Changes the last item, or pushes one if there is none that `change` takes.
    pub(crate) fn merge(
        &self,
        item: T,
        wakes: &mut Wakes,
        change: impl FnOnce(&mut T, &T) -> bool,
    ) {
        let mut queue = self.lock();
        let last = queue.items.back_mut();
        if last.is_some_and(|(last, _)| change(last, &item)) {
            return;
        }
        match queue.has_room(self.limit, 1) {
            true => queue.add(item, 1),
            false => queue.lost += 1,
        }
        queue.wake(1, wakes);
    }

    /// Waits as `wait` does, until there is an item or the reason why there will be none.
    pub(crate) fn take(
        &self,
        wait: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let mut taken = None;
        let waited = wait(&mut || {
            taken = self.poll();
            taken.is_some()
        });
        let taken = taken.or_else(|| self.leave());
        self.tell_if_half_free();
        match (taken, waited) {
            (Some(taken), _) => taken,
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::Closed),
        }
    }

    /// As [`take`](Mailbox::take), but says [`Error::Empty`] instead of waiting.
    pub(crate) fn try_take(&self) -> Result<T, Error> {
        let taken = self.lock().take();
        self.tell_if_half_free();
        taken.unwrap_or(Err(Error::Empty))
    }

    /// If there is neither, the calling thread is woken when there may be.
    fn poll(&self) -> Option<Result<T, Error>> {
        let mut queue = self.lock();
        let taken = queue.take();
        match taken {
            None if queue.place_of_caller().is_none() => queue.sleepers.push(thread::current()),
            None => {}
            Some(_) => queue.forget_caller(),
        }
        taken
    }

    /// The calling thread waits no longer; it takes what it was perhaps woken for.
    fn leave(&self) -> Option<Result<T, Error>> {
        let mut queue = self.lock();
        queue.forget_caller();
        queue.take()
    }

    /// Calls `tell` when half of it is free, at once if it is; who asks again is told instead.
    pub(crate) fn when_half_free(&self, tell: impl FnOnce() + Send + 'static) {
        let old = self.lock().when_half_free.replace(Box::new(tell));
        drop(old);
        self.is_asked.store(true, Ordering::SeqCst);
        self.tell_if_half_free();
    }

    fn tell_if_half_free(&self) {
        if !self.is_asked.load(Ordering::SeqCst) {
            return;
        }
        let mut queue = self.lock();
        if queue.items.len() > self.limit.messages / 2 || queue.bytes > self.limit.bytes / 2 {
            return;
        }
        self.is_asked.store(false, Ordering::SeqCst);
        let tell = queue.when_half_free.take();
        drop(queue);
        if let Some(tell) = tell {
            tell();
        }
    }

    /// Nothing more comes; what is there can still be taken.
    pub(crate) fn end(&self, why: Error) {
        let mut queue = self.lock();
        queue.end.get_or_insert(why);
        let sleepers = std::mem::take(&mut queue.sleepers);
        drop(queue);
        sleepers.iter().for_each(Thread::unpark);
    }

    /// Why nothing more comes, once that is so.
    pub(crate) fn ended(&self) -> Option<Error> {
        self.lock().end.as_ref().map(Error::again)
    }

    /// Takes all that is there.
    pub(crate) fn drain(&self) -> Vec<T> {
        let mut queue = self.lock();
        queue.bytes = 0;
        let items = std::mem::take(&mut queue.items);
        drop(queue);
        items.into_iter().map(|(item, _)| item).collect()
    }

    /// How many had no room.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Queue<T> {
    fn has_room(&self, limit: Limit, bytes: usize) -> bool {
        let fits = self.items.len() < limit.messages && self.bytes + bytes <= limit.bytes;
        self.end.is_none() && (fits || self.items.is_empty())
    }

    fn add(&mut self, item: T, bytes: usize) {
        self.bytes += bytes;
        self.items.push_back((item, bytes));
    }

    fn take(&mut self) -> Option<Result<T, Error>> {
        if let Some((item, bytes)) = self.items.pop_front() {
            self.bytes -= bytes;
            return Some(Ok(item));
        }
        self.end.as_ref().map(|why| Err(why.again()))
    }

    /// One thread for each item: the calling one if it waits too, because it is awake, or the one
    /// that came last.
    fn wake(&mut self, items: u64, wakes: &mut Wakes) {
        for _ in 0..items {
            let place = self.place_of_caller();
            let thread = match place {
                Some(place) => Some(self.sleepers.remove(place)),
                None => self.sleepers.pop(),
            };
            match thread {
                Some(thread) => wakes.owe(thread),
                None => return,
            }
        }
    }

    fn place_of_caller(&self) -> Option<usize> {
        if self.sleepers.is_empty() {
            return None;
        }
        let me = thread::current().id();
        self.sleepers.iter().rposition(|thread| thread.id() == me)
    }

    fn forget_caller(&mut self) {
        if let Some(place) = self.place_of_caller() {
            self.sleepers.remove(place);
        }
    }
}

/// Threads that are to be woken, once for several items that came together. Whoever brought those
/// wakes when it stops, if only to wait for more.
#[derive(Default)]
pub(crate) struct Wakes(Vec<Thread>);

impl Wakes {
    /// The thread that brings things need not be woken.
    fn owe(&mut self, thread: Thread) {
        if thread.id() != thread::current().id() {
            self.0.push(thread);
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|thread| thread.unpark());
    }
}

/// Waits until `is_there` says so, or the deadline has passed. Whoever makes it so unparks the
/// thread.
pub(crate) fn park_until(
    deadline: Option<Instant>,
    is_there: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    while !is_there() {
        match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(left) if left.is_zero() => return Err(Error::Timeout),
            Some(left) => thread::park_timeout(left),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    const SLACK: Duration = Duration::from_secs(10);

    fn mailbox(messages: usize, bytes: usize) -> Mailbox<u32> {
        Mailbox::new(Limit { messages, bytes })
    }

    fn soon<T>(mailbox: &Mailbox<T>) -> Result<T, Error> {
        let deadline = Instant::now() + SLACK;
        mailbox.take(|is_there| park_until(Some(deadline), is_there))
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let (mailbox, wakes) = (mailbox(3, 10), &mut Wakes::default());
        assert_eq!(
            mailbox.append([(1, 4), (2, 4), (3, 4), (4, 2), (5, 0)].into_iter(), wakes),
            2
        );
        assert_eq!(mailbox.push(6, 0, wakes), Err(6));
        assert_eq!(mailbox.lost(), 3);
        assert_eq!(mailbox.drain(), [1, 2, 4]);
        assert_eq!(mailbox.push(7, 11, wakes), Ok(()));
    }

    #[test]
    fn what_had_come_can_be_taken_behind_the_end() {
        let (mailbox, wakes) = (mailbox(9, 9), &mut Wakes::default());
        mailbox.push(1, 1, wakes).expect("there is room");
        mailbox.end(Error::NoService);
        mailbox.end(Error::Closed);
        assert_eq!(mailbox.push(2, 1, wakes), Err(2));
        assert!(matches!(mailbox.try_take(), Ok(1)));
        assert!(matches!(mailbox.try_take(), Err(Error::NoService)));
        assert!(matches!(mailbox.ended(), Some(Error::NoService)));
    }

    #[test]
    fn each_item_wakes_one_thread_that_waits() {
        let mailbox = Arc::new(mailbox(9, 9));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let mailbox = mailbox.clone();
                thread::spawn(move || soon(&mailbox).expect("it comes"))
            })
            .collect();
        for number in 0..3 {
            let pushed = mailbox.push(number, 1, &mut Wakes::default());
            pushed.expect("there is room");
        }
        let mut taken: Vec<u32> = waiting
            .into_iter()
            .map(|one| one.join().expect("no panic"))
            .collect();
        taken.sort();
        assert_eq!(taken, [0, 1, 2]);
        assert!(mailbox.lock().sleepers.is_empty());
    }

    #[test]
    fn a_thread_that_gives_up_takes_what_it_was_woken_for() {
        let mailbox = mailbox(9, 9);
        let taken = mailbox.take(|is_there| {
            assert!(!is_there());
            // It comes when the deadline has passed and nobody looks any more.
            mailbox
                .push(1, 1, &mut Wakes::default())
                .expect("there is room");
            Err(Error::Timeout)
        });
        assert!(matches!(taken, Ok(1)), "{taken:?}");
        let taken = mailbox.take(|_| Err(Error::Timeout));
        assert!(matches!(taken, Err(Error::Timeout)), "{taken:?}");
    }

    #[test]
    fn who_asks_is_told_once_when_half_of_it_is_free() {
        let (mailbox, wakes) = (mailbox(4, 99), &mut Wakes::default());
        assert_eq!(mailbox.append((0..4).map(|it| (it, 1)), wakes), 0);
        let (said, told) = std::sync::mpsc::channel();
        mailbox.when_half_free(move || said.send(()).expect("the test looks"));
        assert!(matches!(mailbox.try_take(), Ok(0)));
        assert!(told.try_recv().is_err(), "one of four is free");
        assert!(matches!(soon(&mailbox), Ok(1)));
        assert_eq!(told.try_recv(), Ok(()));
        assert!(matches!(soon(&mailbox), Ok(2)));
        assert!(told.try_recv().is_err(), "it is told again");
    }

    #[test]
    fn the_end_wakes_everybody() {
        let mailbox = Arc::new(mailbox(9, 9));
        let own = mailbox.clone();
        let waiting = thread::spawn(move || soon(&own));
        mailbox.end(Error::Closed);
        let taken = waiting.join().expect("no panic");
        assert!(matches!(taken, Err(Error::Closed)), "{taken:?}");
    }
}
