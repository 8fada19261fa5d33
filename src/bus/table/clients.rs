//! Clients: who is there, what each is called, and what each has asked for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::bus::table::access::Rights;
use crate::bus::words::{Id, Pattern};
use crate::{Identity, Remote};

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Key {
    /// In this process, as so-manieth.
    Local(u64),
    /// Behind the socket.
    Peer(Identity),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Local(number) => write!(f, "local-{number}"),
            Key::Peer(identity) => identity.fmt(f),
        }
    }
}

/// One client.
pub(crate) struct Client {
    pub(crate) key: Key,
    pub(crate) name: Option<String>,
    /// What it may do, if not everything.
    pub(crate) rights: Option<Arc<Rights>>,
    /// What others hear of it: its name, or else its identity; nothing before it has said hello.
    pub(crate) called: Option<Arc<str>>,
    pub(crate) patterns: BTreeMap<Id, Pattern>,
    pub(crate) services: BTreeMap<Id, u64>,
    /// Bytes of patterns and of names of services.
    pub(crate) bytes: usize,
    /// Tokens behind a `**` in its patterns.
    pub(crate) open_tokens: usize,
    /// Calls of its own that are not answered.
    pub(crate) calls: usize,
    /// Messages that it missed and was not told of.
    pub(crate) lost: u64,
    /// All that it missed.
    pub(crate) missed: u64,
    pub(crate) since: Option<Instant>,
    pub(crate) remote: Option<Remote>,
    /// Messages on their way to it, when the socket was asked last.
    pub(crate) queued: usize,
    /// Answers that it has no room for, in order.
    pub(crate) unread: VecDeque<Vec<u8>>,
    pub(crate) unread_bytes: usize,
    /// What it is asked behind that which it has not read: the answer says that there is room.
    pub(crate) probe: Option<u64>,
    /// It did not read its answers, and is sent away.
    pub(crate) is_expelled: bool,
    /// Bytes that it has the table remember, but for retained values.
    pub(crate) held: usize,
    /// No other client has, had or will have it.
    pub(crate) serial: u64,
}

/// Clients by a small number that others refer to; a number is used again.
#[derive(Default)]
pub(crate) struct Clients {
    clients: Vec<Option<Client>>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    by_name: HashMap<String, u32>,
}

impl Clients {
    /// The serial is nobody else's, now or later.
    pub(crate) fn add(&mut self, key: Key, serial: u64) -> u32 {
        if let Some(number) = self.by_key.get(&key) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() as u32 - 1
        });
        self.clients[number as usize] = Some(Client {
            key,
            name: None,
            rights: None,
            called: None,
            patterns: BTreeMap::new(),
            services: BTreeMap::new(),
            bytes: 0,
            open_tokens: 0,
            calls: 0,
            lost: 0,
            missed: 0,
            since: None,
            remote: None,
            queued: 0,
            unread: VecDeque::new(),
            unread_bytes: 0,
            probe: None,
            is_expelled: false,
            held: 0,
            serial,
        });
        self.by_key.insert(key, number);
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Client> {
        let client = self.clients.get_mut(number as usize)?.take()?;
        self.by_key.remove(&client.key);
        client.name.iter().for_each(|name| {
            self.by_name.remove(name);
        });
        self.free.push(number);
        Some(client)
    }

    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn named(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// Gives a client a name instead of the one it had; not if somebody else has it.
    pub(crate) fn rename(&mut self, number: u32, name: Option<String>) -> bool {
        let owner = name.as_ref().and_then(|name| self.by_name.get(name));
        if owner.is_some_and(|owner| *owner != number) {
            return false;
        }
        let client = self.clients[number as usize].as_mut();
        let client = client.expect("a number is a client's");
        client.called = Some(match &name {
            Some(name) => name.as_str().into(),
            None => client.key.to_string().into(),
        });
        let old = std::mem::replace(&mut client.name, name.clone());
        old.into_iter().for_each(|old| {
            self.by_name.remove(&old);
        });
        name.into_iter().for_each(|name| {
            self.by_name.insert(name, number);
        });
        true
    }

    /// What others hear of a client.
    pub(crate) fn called(&self, number: u32) -> Option<Arc<str>> {
        self.get(number)?.called.clone()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Client> {
        self.clients.get(number as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Client> {
        self.clients.get_mut(number as usize)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().flatten()
    }

    #[cfg(test)]
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &Client)> {
        let clients = self.clients.iter().enumerate();
        clients.filter_map(|(number, client)| Some((number as u32, client.as_ref()?)))
    }

    #[cfg(test)]
    pub(crate) fn audit(&self) {
        let names = self.iter().filter(|client| client.name.is_some());
        assert_eq!(self.by_name.len(), names.count(), "names");
        assert_eq!(self.by_key.len(), self.iter().count(), "keys");
        assert_eq!(
            self.clients.len(),
            self.iter().count() + self.free.len(),
            "numbers"
        );
        for (number, client) in self.numbered() {
            assert_eq!(self.find(client.key), Some(number), "a key");
            let name = client.name.as_deref();
            assert!(
                name.is_none_or(|name| self.named(name) == Some(number)),
                "a name"
            );
        }
    }
}
