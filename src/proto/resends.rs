//! Resends: when messages are sent again that nobody has acknowledged.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::policy::Pauses;

/// Pauses after this many doublings are all the same.
const MAX_DOUBLINGS: usize = 16;

/// Messages that were written together, one after the other, and are due together. A message is
/// still in it if it bears its number: others were acknowledged, or put off.
pub(crate) struct Run {
    at: Instant,
    number: u64,
    /// The ages of its messages, from the first that has not been looked at.
    first: u64,
    count: u64,
}

/// How long after a write an acknowledgement is late.
#[derive(Clone, Copy)]
pub(crate) enum Pause {
    /// The time in which another peer gets the message.
    Within,
    /// That of a message that was sent again so often.
    Resend(u32),
}

pub(crate) struct Resends {
    /// By pause: within one queue all pauses are equal, so its front is its earliest.
    queues: Vec<VecDeque<Run>>,
    /// The number of the latest run; none has number zero.
    latest: u64,
    pauses: Pauses,
    within: Option<Duration>,
}

impl Resends {
    pub(crate) fn new(pauses: Pauses, within: Option<Duration>) -> Resends {
        Resends {
            queues: Vec::new(),
            latest: 0,
            pauses,
            within,
        }
    }

    /// The message of that age is due after the pause. Gives its run's number.
    pub(crate) fn put(&mut self, now: Instant, pause: Pause, age: u64) -> u64 {
        let at = self.due(now, pause);
        let last = self.queue(pause).back_mut();
        if let Some(run) = last.filter(|run| run.at == at && run.first + run.count == age) {
            run.count += 1;
            return run.number;
        }
        self.begin(pause, at, age, 1)
    }

    /// So many messages from that age on are due together, and nobody with them.
    pub(crate) fn put_many(&mut self, now: Instant, pause: Pause, first: u64, count: u64) -> u64 {
        let at = self.due(now, pause);
        self.begin(pause, at, first, count)
    }

    fn begin(&mut self, pause: Pause, at: Instant, first: u64, count: u64) -> u64 {
        self.latest += 1;
        let number = self.latest;
        self.queue(pause).push_back(Run {
            at,
            number,
            first,
            count,
        });
        number
    }

    fn due(&self, now: Instant, pause: Pause) -> Instant {
        let Pauses { first, max } = self.pauses;
        let resend = first.saturating_mul(1 << pause.doublings()).min(max);
        now + match pause {
            Pause::Within => self.within.unwrap_or(resend),
            Pause::Resend(_) => resend,
        }
    }

    fn queue(&mut self, pause: Pause) -> &mut VecDeque<Run> {
        let index = match pause {
            Pause::Within => 0,
            Pause::Resend(_) => 1 + pause.doublings(),
        };
        if self.queues.len() <= index {
            self.queues.resize_with(index + 1, VecDeque::new);
        }
        &mut self.queues[index]
    }

    /// The age of a message that is due by `now`; it is in no run any more.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        next_in: impl Fn(&Run) -> Option<u64>,
    ) -> Option<u64> {
        for queue in &mut self.queues {
            while let Some(run) = queue.front_mut() {
                run.pass_others(&next_in);
                if run.count == 0 {
                    queue.pop_front();
                    continue;
                }
                if run.at > now {
                    break;
                }
                let age = run.first;
                run.pass();
                if run.count == 0 {
                    queue.pop_front();
                }
                return Some(age);
            }
        }
        None
    }

    /// When to poll next, or earlier.
    pub(crate) fn next(&self) -> Option<Instant> {
        let fronts = self.queues.iter().filter_map(VecDeque::front);
        fronts.map(|run| run.at).min()
    }

    /// When the message of that age is due, if that run has it.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn time_of(&self, age: u64, number: u64) -> Option<Instant> {
        let mut runs = self.queues.iter().flatten();
        let run = runs.find(|run| run.number == number)?;
        let has_it = (run.first..run.first + run.count).contains(&age);
        has_it.then_some(run.at)
    }

    pub(crate) fn runs(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// Gives up runs that no message is in.
    pub(crate) fn tidy(&mut self, next_in: impl Fn(&Run) -> Option<u64>) {
        for queue in &mut self.queues {
            queue.retain_mut(|run| {
                run.pass_others(&next_in);
                run.count > 0
            });
        }
    }

    /// Nothing is due any more.
    pub(crate) fn clear(&mut self) {
        self.queues = Vec::new();
    }
}

impl Pause {
    fn doublings(self) -> usize {
        match self {
            Pause::Within => 0,
            Pause::Resend(repeats) => (repeats as usize).min(MAX_DOUBLINGS),
        }
    }
}

impl Run {
    /// The ages of its messages that have not been looked at.
    pub(crate) fn ages(&self) -> Range<u64> {
        self.first..self.first + self.count
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Goes on to the first message that is still in it.
    fn pass_others(&mut self, next_in: impl Fn(&Run) -> Option<u64>) {
        let end = self.first + self.count;
        self.first = next_in(self).unwrap_or(end);
        self.count = end - self.first;
    }

    fn pass(&mut self) {
        self.first += 1;
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);

    fn resends() -> Resends {
        let pauses = Pauses {
            first: FIRST,
            max: Duration::from_secs(60),
        };
        Resends::new(pauses, Some(Duration::from_secs(1)))
    }

    #[test]
    fn messages_that_were_written_together_are_one_run() {
        let (mut resends, now) = (resends(), Instant::now());
        let numbers: Vec<u64> = [1, 2, 3, 5]
            .map(|age| resends.put(now, Pause::Resend(0), age))
            .into();
        assert_eq!(numbers, [1, 1, 1, 2]);
        let later = now + Duration::from_millis(1);
        assert_eq!(resends.put(later, Pause::Resend(0), 6), 3);
        assert_eq!(
            resends.put(later, Pause::Resend(1), 7),
            4,
            "its pause is longer"
        );
        assert_eq!(resends.runs(), 4);
    }

    #[test]
    fn each_is_due_after_its_pause_and_only_while_it_is_in_its_run() {
        let (mut resends, now) = (resends(), Instant::now());
        for age in 1..=4 {
            resends.put(now, Pause::Resend(0), age);
        }
        let next_in = |run: &Run| run.ages().find(|age| *age != 1 && *age != 3);
        assert_eq!(resends.poll(now, next_in), None);
        assert_eq!(resends.next(), Some(now + FIRST));
        let due: Vec<u64> = std::iter::from_fn(|| resends.poll(now + FIRST, next_in)).collect();
        assert_eq!(due, [2, 4]);
        assert_eq!((resends.runs(), resends.next()), (0, None));
    }

    #[test]
    fn a_run_that_was_begun_does_not_hide_what_is_put_behind_it() {
        let (mut resends, now) = (resends(), Instant::now());
        let all = |run: &Run| run.ages().next();
        (1..=2).for_each(|age| _ = resends.put(now, Pause::Resend(0), age));
        assert_eq!(resends.poll(now + FIRST, all), Some(1));
        resends.put(now, Pause::Resend(0), 3);
        assert_eq!(resends.poll(now + FIRST, all), Some(2));
        assert_eq!(resends.poll(now + FIRST, all), Some(3));
    }

    #[test]
    fn the_time_for_an_acknowledgement_does_not_double() {
        let (mut resends, now) = (resends(), Instant::now());
        resends.put(now, Pause::Resend(0), 1);
        let number = resends.put(now, Pause::Within, 2);
        let within = now + Duration::from_secs(1);
        assert_eq!(resends.time_of(2, number), Some(within));
        assert_eq!(resends.next(), Some(within));
    }

    #[test]
    fn tidying_leaves_the_runs_that_messages_are_in() {
        let (mut resends, now) = (resends(), Instant::now());
        for age in 0..100 {
            resends.put(now + Duration::from_millis(age), Pause::Resend(0), age);
        }
        resends.tidy(|run| run.ages().find(|age| age % 10 == 0));
        assert_eq!(resends.runs(), 10);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (mut resends, now) = (resends(), Instant::now());
        let mut pause = |repeats| {
            let number = resends.put(now, Pause::Resend(repeats), 1);
            resends.time_of(1, number).unwrap() - now
        };
        assert_eq!(
            [0, 1, 2, 3].map(&mut pause).map(|it| it.as_secs()),
            [5, 10, 20, 40]
        );
        assert_eq!(
            [4, 5, 1_000].map(&mut pause).map(|it| it.as_secs()),
            [60; 3]
        );
    }
}
