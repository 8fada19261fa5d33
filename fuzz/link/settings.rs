//! Settings: a configuration made of fuzz input, with bounds that a few steps can reach.

use std::time::Duration;

use crate::config::Config;
use crate::input::Input;
use crate::policy::{Absent, Delivery, HalfOpen, Heartbeat, Limit, Overflow, Pauses};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// What is not for one peer is published.
    pub(crate) publishes: bool,
    pub(crate) delivery: Delivery,
    overflow: Overflow,
    /// There is a hook, and steps say what it says.
    pub(crate) has_hook: bool,
    hands_on: bool,
    /// Nobody reads the events.
    pub(crate) is_deaf: bool,
    /// Readers see at once that their stream was shut down.
    pub(crate) is_prompt: bool,
    /// Many copies of a message may come at once.
    pub(crate) has_floods: bool,
    /// The end comes without a time in which everyone is well.
    pub(crate) is_sudden: bool,
    outbox: (usize, usize),
    pub(crate) max_message: usize,
    pub(crate) memory_budget: usize,
    unacknowledged: Option<usize>,
    max_resends: u32,
    pub(crate) absent_peers: usize,
    pub(crate) absent_for: Duration,
    absent_ttl: Duration,
    max_connections: usize,
    half_open: (usize, usize),
    heartbeat: (u64, u64),
    slow_peer: u64,
    handshake: u64,
    resend: (u64, u64),
    pub(crate) duplicate_window: usize,
}

fn one<T: Copy>(of: &[T], input: &mut Input<'_>) -> T {
    of[usize::from(input.byte()) % of.len()]
}

impl Settings {
    pub(crate) fn new(input: &mut Input<'_>) -> Settings {
        let flags = input.byte();
        let is = |bit: u8| flags >> bit & 1 != 0;
        let is_tracked = is(1) && !is(0);
        let overflows = [
            Overflow::DropNewest,
            Overflow::Block,
            Overflow::DropOldest,
            Overflow::Disconnect,
        ];
        Settings {
            publishes: is(0),
            delivery: if is_tracked {
                Delivery::AtLeastOnce
            } else {
                Delivery::AtMostOnce
            },
            has_hook: is(2) && is(3),
            hands_on: is(4),
            is_deaf: is(5) && is(6) && is(3),
            is_prompt: is(6),
            is_sudden: is(7),
            overflow: one(&overflows, input),
            outbox: one(
                &[
                    (8, 1_500),
                    (1, 1),
                    (3, 200),
                    (100, 100_000),
                    (65_536, 1 << 23),
                ],
                input,
            ),
            max_message: one(&[100_000, 20_000, 64], input),
            memory_budget: one(&[1 << 30, 0, 40_000], input),
            unacknowledged: one(&[None, Some(1), Some(3)], input),
            max_resends: one(&[5, 1, 0, 1_000], input),
            absent_peers: one(&[1_024, 0, 1, 2], input),
            absent_for: Duration::from_secs(one(&[600, 2], input)),
            absent_ttl: Duration::from_secs(one(&[30, 2, 0], input)),
            max_connections: one(&[8_192, 4, 2, 1], input),
            half_open: one(&[(256, 64), (2, 1), (1, 1)], input),
            heartbeat: one(&[(5, 15), (1, 2), (30, 90)], input),
            slow_peer: one(&[10, 1], input),
            handshake: one(&[5, 1], input),
            resend: one(&[(5, 60), (1, 2)], input),
            duplicate_window: one(&[16_384, 0, 1, 4], input),
            has_floods: input.byte() == 0xff,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let secs = Duration::from_secs;
        let mut config = Config::default()
            .delivery(self.delivery)
            .outbox(Limit {
                messages: self.outbox.0,
                bytes: self.outbox.1,
            })
            .max_message(self.max_message)
            .memory_budget(self.memory_budget.max(2 * self.max_message))
            .max_resends(self.max_resends)
            .absent_peers(Absent {
                peers: self.absent_peers,
                remembered: self.absent_for,
            })
            .absent_ttl(self.absent_ttl)
            .max_connections(self.max_connections)
            .half_open(HalfOpen {
                total: self.half_open.0,
                per_address: self.half_open.1,
            })
            .heartbeat(Heartbeat {
                interval: secs(self.heartbeat.0),
                timeout: secs(self.heartbeat.1),
            })
            .slow_peer_timeout(secs(self.slow_peer))
            .handshake_timeout(secs(self.handshake))
            .resend(Pauses {
                first: secs(self.resend.0),
                max: secs(self.resend.1),
            })
            .duplicate_window(self.duplicate_window);
        config.overflow = self.overflow;
        config.unacknowledged = self.unacknowledged;
        if self.hands_on {
            config = config.ack_within(secs(1));
        }
        if self.has_hook {
            config = config.authorize(|_| true);
        }
        config.check().expect("every setting is allowed");
        config
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.delivery == Delivery::AtLeastOnce
    }
}
