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
    /// Calls of one client that are not answered yet, and the answers of a call to all; default:
    /// 4 096.
    pub calls: usize,
    /// Retained values; default: 65 536.
    pub retained: usize,
    /// Bytes of retained values and their topics; default: 64 MiB.
    pub retained_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            subscriptions: 4_096,
            pattern_bytes: 64 * 1024,
            open_tokens: 1_024,
            services: 1_024,
            calls: 4_096,
            retained: 65_536,
            retained_bytes: 64 * 1024 * 1024,
        }
    }
}
