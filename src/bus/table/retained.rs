//! Retained: the last value of each topic that has one, bounded and shared out.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use crate::bus::words::limits::share_left;
use crate::bus::words::{Event, Id, Letter, Limits, Matcher, Pattern, Text, Topic, Word};

/// A value as it came.
pub(crate) struct Value {
    pub(crate) topic: Topic,
    pub(crate) id: Id,
    /// Who published it.
    pub(crate) from: Option<Arc<str>>,
    pub(crate) letter: Letter,
    /// Whose it is, while that client is there.
    pub(crate) owner: u64,
}

impl Value {
    /// For one subscription alone.
    pub(crate) fn event_for(&self, subscription: Id) -> Word<'_> {
        Word::Event(Event {
            id: self.id,
            topic: Text::plain(self.topic.as_str()),
            retained: Some(subscription),
            from: Text::of(self.from.as_deref()),
            tail: self.letter.tail(),
        })
    }
}

/// What a value takes besides its text.
const OVERHEAD: usize = 128;

/// Values and what they take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Room {
    pub(crate) values: usize,
    pub(crate) bytes: usize,
}

#[derive(Default)]
pub(crate) struct Retained {
    values: BTreeMap<Topic, Arc<Value>>,
    used: Room,
    /// What clients have of it that are there.
    owners: HashMap<u64, Room>,
}

/// The way of one subscription through the values that were there before it.
pub(crate) struct Walk {
    matcher: Matcher,
    at: Bound<Topic>,
}

/// What a step of a walk comes to.
pub(crate) enum Step {
    /// A value that matches. The walk stays there until it is told to pass.
    Value(Arc<Value>),
    /// The turn is over.
    Later,
    Over,
}

impl Retained {
    /// Keeps a value in place of the last one of its topic: whoever comes last is right, whatever
    /// the clocks of those who publish say. If that would be too much for the limits, or for the
    /// memory that its owner may still take, the last one stays.
    pub(crate) fn keep(&mut self, value: Value, limits: &Limits, memory: usize) -> bool {
        let (own, room, used) = (self.room_of(value.owner), value.room(), self.used);
        let old = self.values.get(&value.topic).cloned();
        let grown = room
            .bytes
            .saturating_sub(old.as_ref().map_or(0, |old| old.room().bytes));
        let places = share_left(own.values, used.values, limits.retained);
        let bytes = share_left(own.bytes, used.bytes, limits.retained_bytes);
        if old.is_none() && places == 0 || grown > bytes.min(memory) {
            return false;
        }
        if let Some(old) = old {
            self.give_back(&old);
        }
        self.used = self.used.more(room);
        self.owners
            .insert(value.owner, self.room_of(value.owner).more(room));
        self.values.insert(value.topic.clone(), Arc::new(value));
        true
    }

    pub(crate) fn clear(&mut self, topic: &Topic) {
        if let Some(old) = self.values.remove(topic) {
            self.give_back(&old);
        }
    }

    /// The values of a client stay when it goes, and are nobody's.
    pub(crate) fn handle_gone(&mut self, owner: u64) {
        self.owners.remove(&owner);
    }

    fn give_back(&mut self, old: &Value) {
        self.used = self.used.less(old.room());
        let Some(own) = self.owners.get_mut(&old.owner) else {
            return;
        };
        *own = own.less(old.room());
        if own.values == 0 {
            self.owners.remove(&old.owner);
        }
    }

    pub(crate) fn room_of(&self, owner: u64) -> Room {
        self.owners.get(&owner).copied().unwrap_or_default()
    }

    pub(crate) fn used(&self) -> Room {
        self.used
    }

    /// The next value on the way of a walk. What is looked at costs its turn, match or not.
    pub(crate) fn step(&self, walk: &mut Walk, turn: &mut usize) -> Step {
        let from = (walk.at.as_ref(), Bound::Unbounded);
        for (topic, value) in self.values.range::<Topic, _>(from) {
            if !walk.matcher.is_near(topic.as_str()) {
                return Step::Over;
            }
            let matches = walk.matcher.matches(topic.as_str());
            if matches || *turn == 0 {
                walk.at = Bound::Included(topic.clone());
            }
            if *turn == 0 {
                return Step::Later;
            }
            *turn = turn.saturating_sub(topic.as_str().len() + OVERHEAD);
            if matches {
                return Step::Value(value.clone());
            }
        }
        Step::Over
    }
}

#[cfg(test)]
impl Retained {
    pub(crate) fn audit(&self, clients: &std::collections::BTreeSet<u64>) {
        let (mut used, mut owners) = (Room::default(), HashMap::new());
        for value in self.values.values() {
            used = used.more(value.room());
            if clients.contains(&value.owner) {
                let own: &mut Room = owners.entry(value.owner).or_default();
                *own = own.more(value.room());
            }
        }
        assert_eq!(self.used, used, "retained");
        assert_eq!(self.owners, owners, "retained by owner");
    }
}

impl Value {
    fn room(&self) -> Room {
        Room {
            values: 1,
            bytes: OVERHEAD + 2 * self.topic.as_str().len() + self.letter.memory(),
        }
    }
}

impl Room {
    fn more(self, room: Room) -> Room {
        Room {
            values: self.values + room.values,
            bytes: self.bytes + room.bytes,
        }
    }

    fn less(self, room: Room) -> Room {
        Room {
            values: self.values - room.values,
            bytes: self.bytes - room.bytes,
        }
    }
}

impl Walk {
    pub(crate) fn new(pattern: &Pattern) -> Walk {
        let matcher = Matcher::new(pattern);
        let first = Topic::parse(matcher.prefix());
        let at = first.map_or(Bound::Unbounded, Bound::Included);
        Walk { matcher, at }
    }

    /// The value that it stands at is dealt with.
    pub(crate) fn pass(&mut self) {
        if let Bound::Included(topic) = std::mem::replace(&mut self.at, Bound::Unbounded) {
            self.at = Bound::Excluded(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::words::Tail;

    fn value(topic: &str, body: &str, owner: u64) -> Value {
        Value {
            topic: Topic::parse(topic).expect("a topic"),
            id: Id::default(),
            from: None,
            letter: Letter::of(&Tail::of(body.as_bytes())),
            owner,
        }
    }

    fn found(retained: &Retained, pattern: &str) -> Vec<String> {
        let mut walk = Walk::new(&Pattern::parse(pattern).expect("a pattern"));
        let mut found = Vec::new();
        // A turn that is over soon changes nothing of what is found.
        loop {
            match retained.step(&mut walk, &mut 1) {
                Step::Value(value) => found.push(value.topic.to_string()),
                Step::Later => continue,
                Step::Over => return found,
            }
            walk.pass();
        }
    }

    #[test]
    fn a_pattern_finds_the_values_whose_topics_match() {
        let (mut retained, limits) = (Retained::default(), Limits::default());
        for topic in [
            "room",
            "room/1",
            "room/1/temp",
            "room/10",
            "room-2/1",
            "$sys/x",
        ] {
            assert!(retained.keep(value(topic, "x", 1), &limits, usize::MAX));
        }
        assert_eq!(
            found(&retained, "room/**"),
            ["room", "room/1", "room/1/temp", "room/10"]
        );
        assert_eq!(found(&retained, "room/1"), ["room/1"]);
        assert_eq!(found(&retained, "*/1"), ["room-2/1", "room/1"]);
        assert_eq!(found(&retained, "$sys/*"), ["$sys/x"]);
    }

    #[test]
    fn past_the_bounds_the_old_values_stay() {
        let limits = Limits {
            retained: 4,
            retained_bytes: 2_000,
            ..Limits::default()
        };
        let mut retained = Retained::default();
        let mut keep = |topic: &str, len: usize, memory: usize| {
            let value = value(topic, &"x".repeat(len), 1);
            retained.keep(value, &limits, memory)
        };
        assert!(keep("a", 1, usize::MAX) && keep("b", 1, usize::MAX));
        assert!(!keep("c", 1, usize::MAX), "it has half of the places");
        assert!(keep("b", 2, usize::MAX));
        assert!(!keep("b", 1_000, usize::MAX), "it has half of the bytes");
        assert!(!keep("b", 500, 400), "there is no memory");
        assert!(keep("b", 500, 1_000));
        retained.clear(&Topic::parse("a").expect("a topic"));
        retained.clear(&Topic::parse("b").expect("a topic"));
        assert_eq!(retained.used(), Room::default());
        assert_eq!(retained.room_of(1), Room::default());
    }
}
