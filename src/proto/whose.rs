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
}
