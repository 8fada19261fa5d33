//! Stats: the counters of a socket.

use crate::event::DropReason;

/// The counters of a [`Socket`](crate::Socket) since it was made.
///
/// Copies of a publish count one each, so that at every moment
/// `accepted == acknowledged + written + in_doubt + dropped() + waiting + handed_back`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages that a send accepted; a publish counts once for each peer that is connected,
    /// whether it had room or not.
    pub accepted: u64,
    /// At-least-once messages that were acknowledged.
    pub acknowledged: u64,
    /// At-most-once messages given to the system whole.
    pub written: u64,
    /// At-most-once messages that were written lately to a link that then broke.
    pub in_doubt: u64,
    /// Messages in the socket: waiting, in an outbox, or not yet acknowledged.
    pub waiting: u64,
    /// Messages handed back, by `GaveUp`, by `Arrival::Down` or by `close`.
    pub handed_back: u64,
    /// Dropped because a peer's outbox was full.
    pub dropped_outbox_full: u64,
    /// Dropped because nobody was connected and what waits was full.
    pub dropped_waiting_full: u64,
    /// Dropped because the memory budget was reached.
    pub dropped_memory_budget: u64,
    /// Dropped because the peer they were for did not come back in time.
    pub dropped_peer_gone: u64,
    /// At-least-once frames that were sent again.
    pub resent: u64,
    /// Messages that arrived.
    pub received: u64,
    /// Copies of at-least-once messages that were recognised and not delivered.
    pub duplicates: u64,
    /// Frames of unknown types, skipped.
    pub skipped: u64,
    /// Acknowledgements that belong to no message of that peer.
    pub stray_acks: u64,
    /// Events that were lost because nobody read them, or because the
    /// [`on_event`](crate::Config::on_event) hook was slow; lost to both they count twice.
    pub events_lost: u64,
    /// Connections that became peers.
    pub peers_up: u64,
    /// Peers whose connection ended.
    pub peers_down: u64,
    /// Connections that ended before they became peers.
    pub rejected: u64,
    /// Dials that failed.
    pub dials_failed: u64,
    /// Connections that could not be accepted, for want of descriptors or memory.
    pub accepts_failed: u64,
}

impl Stats {
    /// All drops, for whatever reason.
    pub fn dropped(&self) -> u64 {
        self.dropped_outbox_full
            + self.dropped_waiting_full
            + self.dropped_memory_budget
            + self.dropped_peer_gone
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason, count: u64) {
        let counter = match reason {
            DropReason::OutboxFull => &mut self.dropped_outbox_full,
            DropReason::WaitingFull => &mut self.dropped_waiting_full,
            DropReason::MemoryBudget => &mut self.dropped_memory_budget,
            DropReason::PeerGone => &mut self.dropped_peer_gone,
        };
        *counter += count;
    }
}
