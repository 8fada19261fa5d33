//! Routes: which subscriptions a topic goes to, kept from one message to the next.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bus::mailbox::Mailbox;
use crate::bus::note::Note;
use crate::bus::words::{Id, Pattern, Trie};

/// So many topics are remembered, and so many subscriptions in all of them.
const MAX_TOPICS: usize = 1_024;
const MAX_PLACES: usize = 64 * 1_024;

/// A topic, and who wants it.
pub(crate) struct Route {
    pub(crate) topic: Arc<str>,
    pub(crate) mailboxes: Vec<Arc<Mailbox<Note>>>,
}

/// Patterns, and topics by the word that came; these are forgotten when a pattern comes or goes.
pub(crate) struct Routes {
    wants: Trie<Id>,
    known: HashMap<Box<str>, Arc<Route>>,
    places: usize,
}

impl Routes {
    pub(crate) fn new() -> Routes {
        Routes {
            wants: Trie::new(),
            known: HashMap::new(),
            places: 0,
        }
    }

    pub(crate) fn insert(&mut self, pattern: &Pattern, id: Id) {
        self.forget();
        self.wants.insert(pattern, id);
    }

    pub(crate) fn remove(&mut self, pattern: &Pattern, id: Id) {
        self.forget();
        self.wants.remove(pattern, id);
    }

    pub(crate) fn clear(&mut self) {
        *self = Routes::new();
    }

    fn forget(&mut self) {
        self.known.clear();
        self.places = 0;
    }

    pub(crate) fn get(&self, word: &str) -> Option<Arc<Route>> {
        self.known.get(word).cloned()
    }

    /// Finds it anew. When there are too many, all others are forgotten.
    pub(crate) fn find(
        &mut self,
        word: &str,
        topic: &str,
        mailbox: impl Fn(Id) -> Option<Arc<Mailbox<Note>>>,
    ) -> Arc<Route> {
        let ids = self.wants.matches(topic);
        let route = Arc::new(Route {
            topic: topic.into(),
            mailboxes: ids.into_iter().filter_map(mailbox).collect(),
        });
        if self.known.len() >= MAX_TOPICS || self.places + route.mailboxes.len() > MAX_PLACES {
            self.forget();
        }
        self.places += route.mailboxes.len();
        self.known.insert(word.into(), route.clone());
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;

    #[test]
    fn topics_are_remembered_in_bounds_and_until_a_pattern_changes() {
        let mut routes = Routes::new();
        let limit = Limit {
            messages: 1,
            bytes: 1,
        };
        let notes = Arc::new(Mailbox::new(limit));
        let mailbox = |_| Some(notes.clone());
        let pattern = Pattern::parse("a/*").expect("a pattern");
        routes.insert(&pattern, Id::default());
        assert_eq!(routes.find("a/1", "a/1", mailbox).mailboxes.len(), 1);
        assert!(routes.get("a/1").is_some());
        routes.remove(&pattern, Id::default());
        assert!(routes.get("a/1").is_none());
        for number in 0..3 * MAX_TOPICS {
            let topic = format!("b/{number}");
            routes.find(&topic, &topic, mailbox);
            assert!(routes.known.len() <= MAX_TOPICS);
        }
    }
}
