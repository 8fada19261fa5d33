//! Stats: the counters of a table.

use crate::Stats;

/// What a [`Broker`](crate::bus::Broker) has now, and has done since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct BrokerStats {
    /// Clients that are connected, local ones too.
    pub clients: usize,
    /// Subscriptions of all of them.
    pub subscriptions: usize,
    /// Services of all of them.
    pub services: usize,
    /// Calls in hand.
    pub calls: usize,
    /// Retained values.
    pub retained: usize,
    /// Their bytes.
    pub retained_bytes: usize,
    /// Messages published.
    pub published: u64,
    /// Copies of them that went to clients.
    pub delivered: u64,
    /// Copies that slow clients did not get.
    pub lost: u64,
    /// Calls that were given to a provider.
    pub called: u64,
    /// Calls whose deadline passed.
    pub timed_out: u64,
    /// Answers to calls that nobody waits for any more.
    pub late: u64,
    /// Requests that were answered with an error of ours.
    pub refused: u64,
    /// Of these, what their clients had no right to.
    pub denied: u64,
    /// Messages that were none of the bus.
    pub malformed: u64,
    /// Clients that were disconnected because they did not take their answers.
    pub expelled: u64,
    /// The counters of its socket.
    pub socket: Stats,
}

impl BrokerStats {
    /// Each counter by its name.
    pub(crate) fn lines(&self) -> String {
        let BrokerStats {
            clients,
            subscriptions,
            services,
            calls,
            retained,
            retained_bytes,
            published,
            delivered,
            lost,
            called,
            timed_out,
            late,
            refused,
            denied,
            malformed,
            expelled,
            socket,
        } = self;
        format!(
            "clients {clients}\nsubscriptions {subscriptions}\nservices {services}\n\
             calls {calls}\nretained {retained}\nretained_bytes {retained_bytes}\n\
             published {published}\ndelivered {delivered}\nlost {lost}\ncalled {called}\n\
             timed_out {timed_out}\nlate {late}\nrefused {refused}\ndenied {denied}\n\
             malformed {malformed}\nexpelled {expelled}\n{}",
            socket_lines(socket)
        )
    }
}

/// Those that say something of a broker: it does not dial, and sends at most once.
fn socket_lines(stats: &Stats) -> String {
    let Stats {
        accepted,
        written,
        in_doubt,
        waiting,
        received,
        peers_up,
        peers_down,
        rejected,
        accepts_failed,
        events_lost,
        ..
    } = stats;
    let dropped = stats.dropped();
    format!(
        "socket_accepted {accepted}\nsocket_written {written}\nsocket_in_doubt {in_doubt}\n\
         socket_waiting {waiting}\nsocket_dropped {dropped}\nsocket_received {received}\n\
         socket_peers_up {peers_up}\nsocket_peers_down {peers_down}\n\
         socket_rejected {rejected}\nsocket_accepts_failed {accepts_failed}\n\
         socket_events_lost {events_lost}\n"
    )
}
