//! News: events that nobody has read yet, bounded, in order.

use std::collections::VecDeque;

use crate::event::Event;

/// Events kept for a reader; older ones are lost, counted.
pub(crate) const MAX_EVENTS: usize = 1_024;

/// What there is to tell. Messages that are handed back are no mere events: they have room of
/// their own, so that they are not lost for a flood of others, nor for coming all at once.
#[derive(Default)]
pub(crate) struct News {
    plain: VecDeque<(u64, Event)>,
    handed_back: VecDeque<(u64, Event)>,
    /// Memory of the messages handed back.
    bytes: usize,
    told: u64,
    /// For the program's hook, if it has one.
    hooked: Option<VecDeque<Event>>,
}

impl News {
    /// Events are kept for a hook as well from now on.
    pub(crate) fn hook(&mut self) {
        self.hooked.get_or_insert_default();
    }

    /// Keeps an event for the hook, and gives back an old one that is lost for it.
    pub(crate) fn push_for_hook(&mut self, event: &Event) -> Option<Event> {
        let hooked = self.hooked.as_mut()?;
        hooked.push_back(event.for_hook());
        let is_over = hooked.len() > MAX_EVENTS;
        is_over.then(|| hooked.pop_front()).flatten()
    }

    /// The next event for the hook.
    pub(crate) fn pop_for_hook(&mut self) -> Option<Event> {
        self.hooked.as_mut()?.pop_front()
    }

    /// Tells an event, and gives back an old one that is lost for it.
    pub(crate) fn push(&mut self, event: Event) -> Option<Event> {
        self.told += 1;
        if let Event::GaveUp { .. } = event {
            self.bytes += memory(&event);
            self.handed_back.push_back((self.told, event));
            return None;
        }
        self.plain.push_back((self.told, event));
        let is_over = self.plain.len() > MAX_EVENTS;
        let (_, lost) = is_over.then(|| self.plain.pop_front()).flatten()?;
        Some(lost)
    }

    /// The oldest message handed back gives way, unless they take no more than `least` together;
    /// says whether one did.
    pub(crate) fn make_room(&mut self, least: usize) -> bool {
        self.bytes > least && self.pop_handed_back().is_some()
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let first = |queue: &VecDeque<(u64, Event)>| queue.front().map_or(u64::MAX, |(at, _)| *at);
        match first(&self.handed_back) < first(&self.plain) {
            true => self.pop_handed_back(),
            false => self.plain.pop_front().map(|(_, event)| event),
        }
    }

    /// Memory of the messages that are handed back.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn pop_handed_back(&mut self) -> Option<Event> {
        let (_, event) = self.handed_back.pop_front()?;
        self.bytes -= memory(&event);
        Some(event)
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
        let mut news = News::default();
        [gave_up(1), rejected(), gave_up(2), rejected()]
            .into_iter()
            .for_each(|event| assert!(news.push(event).is_none()));
        let told = std::iter::from_fn(|| news.pop()).map(|event| event.bytes());
        assert_eq!(told.collect::<Vec<usize>>(), [1, 0, 2, 0]);
        assert_eq!(news.bytes(), 0);
    }

    #[test]
    fn the_oldest_is_lost_and_said_to_be() {
        let mut news = News::default();
        let lost = (0..MAX_EVENTS + 3).filter_map(|_| news.push(rejected()));
        assert_eq!(lost.count(), 3);
        assert_eq!(std::iter::from_fn(|| news.pop()).count(), MAX_EVENTS);
    }

    #[test]
    fn a_hook_has_a_queue_of_its_own_without_messages() {
        let mut news = News::default();
        assert!(news.push_for_hook(&gave_up(1)).is_none());
        assert!(news.pop_for_hook().is_none(), "there is no hook");
        news.hook();
        assert!(news.push_for_hook(&gave_up(1)).is_none());
        let event = news.pop_for_hook().expect("it is told");
        assert!(matches!(event, Event::GaveUp { message, .. } if message.is_empty()));
        let lost = (0..MAX_EVENTS + 3).filter_map(|_| news.push_for_hook(&rejected()));
        assert_eq!(lost.count(), 3);
    }

    #[test]
    fn messages_handed_back_give_way_only_when_they_are_asked_to() {
        let mut news = News::default();
        (0..5_000).for_each(|_| assert!(news.push(gave_up(1_000)).is_none()));
        (0..5_000).for_each(|_| {
            news.push(rejected());
        });
        assert_eq!(news.handed_back.len(), 5_000);
        while news.make_room(1_000_000) {}
        assert!(news.bytes() <= 1_000_000 && news.bytes() > 900_000);
    }
}
