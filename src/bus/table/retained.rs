//! Retained: the last value of each topic that has one, bounded.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::bus::words::topic::{ANY, ONE};
use crate::bus::words::{Event, Id, Letter, Limits, Pattern, Text, Topic, Word};

/// A value as it came: its id, and its headers and body in one piece.
pub(crate) struct Value {
    pub(crate) topic: Topic,
    pub(crate) id: Id,
    /// Who published it.
    pub(crate) from: Option<Arc<str>>,
    pub(crate) letter: Letter,
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

#[derive(Default)]
pub(crate) struct Retained {
    values: BTreeMap<Topic, Arc<Value>>,
    bytes: usize,
}

impl Retained {
    /// Keeps a value in place of the last one of its topic. It is not kept, and the last one is,
    /// if that would be too much.
    pub(crate) fn keep(&mut self, value: Value, limits: &Limits) -> bool {
        let old = self.values.get(&value.topic).map(|old| memory(old));
        let count = self.values.len() + usize::from(old.is_none());
        let bytes = self.bytes - old.unwrap_or(0) + memory(&value);
        if count > limits.retained || bytes > limits.retained_bytes {
            return false;
        }
        self.bytes = bytes;
        self.values.insert(value.topic.clone(), Arc::new(value));
        true
    }

    pub(crate) fn clear(&mut self, topic: &Topic) {
        let old = self.values.remove(topic);
        self.bytes -= old.map_or(0, |old| memory(&old));
    }

    /// Values whose topics match. Only topics that begin as the pattern does are looked at.
    pub(crate) fn matches(&self, pattern: &Pattern) -> Vec<Arc<Value>> {
        let fixed: Vec<&str> = pattern
            .tokens()
            .take_while(|token| *token != ONE && *token != ANY)
            .collect();
        let prefix = fixed.join("/");
        let Ok(first) = Topic::parse(&prefix) else {
            return select(self.values.iter(), pattern);
        };
        let range = self
            .values
            .range((Bound::Included(first), Bound::Unbounded));
        let near = range.take_while(|(topic, _)| topic.as_str().starts_with(&prefix));
        select(near, pattern)
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn select<'a>(
    values: impl Iterator<Item = (&'a Topic, &'a Arc<Value>)>,
    pattern: &Pattern,
) -> Vec<Arc<Value>> {
    let fitting = values.filter(|(topic, _)| pattern.matches(topic.as_str()));
    fitting.map(|(_, value)| value.clone()).collect()
}

fn memory(value: &Value) -> usize {
    OVERHEAD + 2 * value.topic.as_str().len() + value.letter.memory()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::words::Tail;

    fn value(topic: &str, body: &str) -> Value {
        Value {
            topic: Topic::parse(topic).expect("a topic"),
            id: Id::default(),
            from: None,
            letter: Letter::of(&Tail::of(body.as_bytes())),
        }
    }

    fn found(retained: &Retained, pattern: &str) -> Vec<String> {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let values = retained.matches(&pattern).into_iter();
        values.map(|value| value.topic.to_string()).collect()
    }

    #[test]
    fn a_pattern_finds_the_values_whose_topics_match() {
        let mut retained = Retained::default();
        for topic in ["room", "room/1", "room/1/temp", "room-2/1", "$sys/x"] {
            assert!(retained.keep(value(topic, "x"), &Limits::default()));
        }
        assert_eq!(
            found(&retained, "room/**"),
            ["room", "room/1", "room/1/temp"]
        );
        assert_eq!(found(&retained, "room/1"), ["room/1"]);
        assert_eq!(found(&retained, "*/1"), ["room-2/1", "room/1"]);
        assert_eq!(found(&retained, "$sys/*"), ["$sys/x"]);
    }

    #[test]
    fn past_the_bounds_the_old_values_stay() {
        let limits = Limits {
            retained: 2,
            retained_bytes: 1_000,
            ..Limits::default()
        };
        let mut retained = Retained::default();
        assert!(retained.keep(value("a", "1"), &limits));
        assert!(retained.keep(value("b", "1"), &limits));
        assert!(!retained.keep(value("c", "1"), &limits));
        assert!(retained.keep(value("b", "2"), &limits));
        assert!(!retained.keep(value("b", &"x".repeat(1_000)), &limits));
        retained.clear(&Topic::parse("a").expect("a topic"));
        retained.clear(&Topic::parse("b").expect("a topic"));
        assert_eq!((retained.len(), retained.bytes()), (0, 0));
    }
}
