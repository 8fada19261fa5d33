//! Census: what a broker tells of its clients, one by one.

use std::fmt;
use std::time::{Duration, Instant};

use crate::bus::table::Table;
use crate::bus::table::clients::{Client, Key};
use crate::bus::words::Text;
use crate::{Identity, Remote, Stats};

/// One client of a [`Broker`](crate::bus::Broker), as [`Broker::clients`](crate::bus::Broker::clients)
/// tells of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ClientStats {
    /// The identity of its socket; `None` of a bus in the broker's own process.
    pub peer: Option<Identity>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it is; `None` of a bus in the broker's own process.
    pub remote: Option<Remote>,
    /// How long it has been here.
    pub age: Duration,
    /// Messages on their way to it.
    pub queued: usize,
    /// Copies of what was published that it had no room for.
    pub lost: u64,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// Its services.
    pub services: usize,
    /// Calls of its own that are not answered yet.
    pub calls: usize,
    /// Calls that it was given and has not answered yet.
    pub runs: usize,
}

/// As a line of `$sys/clients` has it, behind the identity.
impl fmt::Display for ClientStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "name={} ", Text::plain(name).word())?;
        }
        if let Some(remote) = self.remote {
            write!(f, "address={remote} ")?;
        }
        write!(
            f,
            "age={} queued={} lost={} subscriptions={} services={} calls={} runs={}",
            self.age.as_millis(),
            self.queued,
            self.lost,
            self.subscriptions,
            self.services,
            self.calls,
            self.runs
        )
    }
}

impl Table {
    /// When a client came, and from where.
    pub(crate) fn handle_place(&mut self, now: Instant, key: Key, remote: Option<Remote>) {
        let number = self.clients.find(key);
        if let Some(client) = number.and_then(|number| self.clients.get_mut(number)) {
            (client.since, client.remote) = (Some(now), remote);
        }
    }

    /// What only the socket knows, for whoever asks next.
    pub(crate) fn handle_socket(&mut self, stats: Stats, queued: &[(Identity, usize)]) {
        self.stats.socket = stats;
        for (peer, queued) in queued {
            let number = self.clients.find(Key::Peer(*peer));
            if let Some(client) = number.and_then(|number| self.clients.get_mut(number)) {
                client.queued = *queued;
            }
        }
    }

    pub(crate) fn census(&self, now: Instant) -> Vec<ClientStats> {
        let clients = self.clients.iter();
        clients.map(|client| self.look_at(now, client)).collect()
    }

    fn look_at(&self, now: Instant, client: &Client) -> ClientStats {
        let number = self.clients.find(client.key);
        let runs = number.map_or(0, |number| self.calls.of_runner(number).len());
        ClientStats {
            peer: match client.key {
                Key::Peer(peer) => Some(peer),
                Key::Local(_) => None,
            },
            name: client.name.clone(),
            remote: client.remote,
            age: now.saturating_duration_since(client.since.unwrap_or(now)),
            queued: client.queued,
            lost: client.missed,
            subscriptions: client.patterns.len(),
            services: client.services.len(),
            calls: client.calls,
            runs,
        }
    }

    /// A line for each client: its identity, and the rest as `key=value`.
    pub(super) fn census_lines(&self, now: Instant) -> String {
        let clients = self.clients.iter();
        let lines = clients.map(|client| format!("{} {}\n", client.key, self.look_at(now, client)));
        lines.collect()
    }
}
