//! Routes: where a topic leads, kept from one message to the next for as long as nobody changes it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Identity;
use crate::bus::table::clients::Key;
use crate::bus::words::{Text, Topic};

/// So many routes are kept, and so many clients and bytes in all of them.
const MAX_ROUTES: usize = 1_024;
const MAX_CLIENTS: usize = 64 * 1_024;
const MAX_BYTES: usize = 256 * 1_024;

/// Clients that get the same message.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Audience {
    /// Behind the socket.
    pub(crate) peers: Vec<Identity>,
    /// In this process.
    pub(crate) locals: Vec<u64>,
}

impl Audience {
    pub(crate) fn of(keys: impl IntoIterator<Item = Key>) -> Audience {
        let mut audience = Audience::default();
        for key in keys {
            match key {
                Key::Peer(peer) => audience.peers.push(peer),
                Key::Local(number) => audience.locals.push(number),
            }
        }
        audience
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len() + self.locals.len()
    }
}

/// A topic, and who wants it.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) topic: Topic,
    /// The topic as it is written on the wire.
    pub(crate) word: Arc<str>,
    pub(crate) audience: Arc<Audience>,
}

impl Route {
    pub(crate) fn new(topic: Topic, audience: Audience) -> Route {
        Route {
            word: Text::plain(topic.as_str()).word().into(),
            topic,
            audience: Arc::new(audience),
        }
    }
}

/// Routes by the word that a client wrote.
#[derive(Default)]
pub(crate) struct Routes {
    known: HashMap<Box<str>, Arc<Route>>,
    clients: usize,
    bytes: usize,
}

impl Routes {
    pub(crate) fn get(&self, word: &str) -> Option<Arc<Route>> {
        self.known.get(word).cloned()
    }

    /// Keeps a route. When there are too many, all others are forgotten.
    pub(crate) fn keep(&mut self, word: &str, route: Arc<Route>) {
        let (clients, bytes) = (route.audience.len(), 2 * word.len());
        let is_full = self.known.len() >= MAX_ROUTES
            || self.clients + clients > MAX_CLIENTS
            || self.bytes + bytes > MAX_BYTES;
        if is_full {
            self.forget();
        }
        self.clients += clients;
        self.bytes += bytes;
        self.known.insert(word.into(), route);
    }

    #[cfg(test)]
    pub(crate) fn each(&self, check: impl Fn(&Route)) {
        self.known.values().for_each(|route| check(route));
    }

    /// Somebody wants something else than before.
    pub(crate) fn forget(&mut self) {
        *self = Routes::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(topic: &str, clients: usize) -> Arc<Route> {
        let topic = Topic::parse(topic).expect("a topic");
        let keys = (0..clients as u64).map(Key::Local);
        Arc::new(Route::new(topic, Audience::of(keys)))
    }

    #[test]
    fn a_route_is_found_until_something_changes() {
        let mut routes = Routes::default();
        routes.keep("a//b", route("a/b", 2));
        let found = routes.get("a//b").expect("it was kept");
        assert_eq!((&*found.word, found.audience.len()), ("a/b", 2));
        assert!(routes.get("a/b").is_none());
        routes.forget();
        assert!(routes.get("a//b").is_none());
    }

    #[test]
    fn routes_are_bounded_in_number_in_clients_and_in_bytes() {
        let mut routes = Routes::default();
        for (number, clients, length) in [(3_000, 1, 8), (50, 4_000, 8), (3_000, 0, 500)] {
            for each in 0..number {
                routes.keep(&format!("{each:0length$}"), route("a", clients));
                assert!(routes.known.len() <= MAX_ROUTES);
                assert!(routes.clients <= MAX_CLIENTS && routes.bytes <= MAX_BYTES);
            }
        }
    }
}
