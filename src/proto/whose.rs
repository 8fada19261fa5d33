//! Whose: where a queued message may go if its link ends before it has left.

/// Whose a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Whose {
    /// Any peer may have it: it goes to the next one in turn.
    #[default]
    Anyone,
    /// It is for one peer, and waits for that peer to come back.
    Peer,
    /// It is one peer's copy of what was published: as above, and it may give way to newer ones.
    Published,
    /// It is for this link alone, and goes back to the application if that ends.
    Session,
}

impl Whose {
    /// The ledger keeps it until it is acknowledged, if the socket sends at least once.
    pub(crate) fn may_be_tracked(self) -> bool {
        matches!(self, Whose::Anyone | Whose::Peer)
    }
}
