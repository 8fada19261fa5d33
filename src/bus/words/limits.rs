//! Limits: how much one client, and all of them together, may have a broker remember.

/// The bounds of a [`Broker`](crate::bus::Broker); `Limits::default()` is right for most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Subscriptions of one client; default: 4 096.
    pub subscriptions: usize,
    /// Bytes of the patterns and service names of one client; default: 64 KiB.
    pub pattern_bytes: usize,
    /// Tokens behind a `**` in the patterns of one client; default: 1 024. Each of them may cost a
    /// step at every level of a topic, so this bounds what a hostile client costs the others.
    pub open_tokens: usize,
    /// Services of one client; default: 1 024.
    pub services: usize,
    /// Calls and pings of one client that are not answered yet, and the answers of a call to all;
    /// and answers that wait until it reads them; default: 4 096.
    pub calls: usize,
    /// Calls that one service of a client may have in hand; default: 65,536. It may ask for fewer.
    pub credit: usize,
    /// Bytes of answers that wait until one client reads them; default: 64 MiB.
    pub unread_bytes: usize,
    /// Retained values; default: 131,072. One client takes half of those that others leave.
    pub retained: usize,
    /// Bytes of retained values and their topics, shared out likewise; default: 128 MiB.
    pub retained_bytes: usize,
    /// Bytes of all that clients have a broker remember, shared out likewise; default: 512 MiB.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            subscriptions: 4_096,
            pattern_bytes: 64 * 1024,
            open_tokens: 1_024,
            services: 1_024,
            calls: 4_096,
            credit: 65_536,
            unread_bytes: 64 * 1024 * 1024,
            retained: 131_072,
            retained_bytes: 128 * 1024 * 1024,
            memory: 512 * 1024 * 1024,
        }
    }
}

/// How much more one may take that has `own`, when `used` of `all` is taken: nobody gets more than
/// what is left then, so that nobody takes all.
pub(crate) fn share_left(own: usize, used: usize, all: usize) -> usize {
    all.saturating_sub(used).saturating_sub(own).div_ceil(2)
}
