//! News: events that nobody has read yet, bounded, in order.

use std::collections::VecDeque;

use crate::event::Event;

/// Events kept for a reader; older ones are lost, counted.
pub(crate) const MAX_EVENTS: usize = 1_024;

/// What there is to tell. Messages that are handed back are no mere events: they have room of
/// their own, so that they are not lost for a flood of others, nor for coming all at once.
pub(crate) struct News {
    plain: VecDeque<(u64, Event)>,
    handed_back: VecDeque<(u64, Event)>,
    /// Bytes that the messages handed back take, and may take.
    bytes: usize,
    max_bytes: usize,
    told: u64,
}

impl News {
    pub(crate) fn new(max_bytes: usize) -> News {
        News {
            plain: VecDeque::new(),
            handed_back: VecDeque::new(),
            bytes: 0,
            max_bytes,
            told: 0,
        }
    }

    /// Tells an event, and says how many old ones were lost for it.
    pub(crate) fn push(&mut self, event: Event) -> u64 {
        self.told += 1;
        let before = self.len();
        match event {
            Event::GaveUp { .. } => {
                self.bytes += memory(&event);
                self.handed_back.push_back((self.told, event));
                while self.bytes > self.max_bytes && self.handed_back.len() > 1 {
                    self.pop_handed_back();
                }
            }
            _ => {
                self.plain.push_back((self.told, event));
                if self.plain.len() > MAX_EVENTS {
                    self.plain.pop_front();
                }
            }
        }
        (before + 1 - self.len()) as u64
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let first = |queue: &VecDeque<(u64, Event)>| queue.front().map_or(u64::MAX, |(at, _)| *at);
        match first(&self.handed_back) < first(&self.plain) {
            true => self.pop_handed_back(),
            false => self.plain.pop_front().map(|(_, event)| event),
        }
    }

    fn pop_handed_back(&mut self) -> Option<Event> {
        let (_, event) = self.handed_back.pop_front()?;
        self.bytes -= memory(&event);
        Some(event)
    }

    fn len(&self) -> usize {
        self.plain.len() + self.handed_back.len()
    }
}

fn memory(event: &Event) -> usize {
    size_of::<(u64, Event)>() + event.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Remote;
    use crate::event::DownReason;

    fn rejected() -> Event {
        let (remote, reason) = (Remote::Mem, DownReason::Closed);
        Event::Rejected { remote, reason }
    }

    fn gave_up(len: usize) -> Event {
        let message = vec![0; len];
        let peer = None;
        Event::GaveUp { peer, message }
    }

    #[test]
    fn events_come_out_in_the_order_in_which_they_were_told() {
        let mut news = News::new(10_000);
        [gave_up(1), rejected(), gave_up(2), rejected()]
            .into_iter()
            .for_each(|event| assert_eq!(news.push(event), 0));
        let told: Vec<usize> = std::iter::from_fn(|| news.pop())
            .map(|event| event.bytes())
            .collect();
        assert_eq!(told, [1, 0, 2, 0]);
        assert_eq!(news.bytes, 0);
    }

    #[test]
    fn the_oldest_is_lost_and_counted() {
        let mut news = News::new(10_000);
        let lost: u64 = (0..MAX_EVENTS + 3).map(|_| news.push(rejected())).sum();
        assert_eq!((lost, news.len()), (3, MAX_EVENTS));
    }

    #[test]
    fn messages_handed_back_are_bounded_by_their_bytes_alone() {
        let mut news = News::new(1_000_000);
        let lost: u64 = (0..5_000).map(|_| news.push(gave_up(10))).sum();
        (0..5_000).for_each(|_| {
            news.push(rejected());
        });
        assert_eq!((lost, news.handed_back.len()), (0, 5_000));
        assert!(news.push(gave_up(900_000)) > 0 && news.bytes <= 1_000_000);
        news.push(gave_up(2_000_000));
        assert_eq!(news.handed_back.len(), 1, "one always fits");
    }
}
