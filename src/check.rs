//! Check: what a configuration means where it is silent, and what it must not say.

use std::time::Duration;

use crate::config::Config;
use crate::error::Error;
use crate::policy::AckMode;

impl Config {
    pub(crate) fn unacknowledged_or_default(&self) -> usize {
        self.unacknowledged.unwrap_or(match self.ack_mode {
            AckMode::OnRecv => 8_192,
            AckMode::Manual => 256,
        })
    }

    /// The same with no time so long that it overflows the clock.
    pub(crate) fn within_a_century(mut self) -> Config {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let times = [
            &mut self.handshake_timeout,
            &mut self.heartbeat.interval,
            &mut self.heartbeat.timeout,
            &mut self.slow_peer_timeout,
            &mut self.redial.first,
            &mut self.redial.max,
            &mut self.stable_after,
            &mut self.absent_ttl,
            &mut self.absent.remembered,
            &mut self.resend.first,
            &mut self.resend.max,
            &mut self.linger,
        ];
        for time in times.into_iter().chain(&mut self.ack_within) {
            *time = CENTURY.min(*time);
        }
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let zero = |time: Duration| time.is_zero();
        let too_long = u32::MAX as usize - 256;
        let faults = [
            (
                zero(self.handshake_timeout),
                "handshake_timeout",
                "must not be zero",
            ),
            (
                zero(self.heartbeat.interval),
                "heartbeat",
                "the interval must not be zero",
            ),
            (
                self.heartbeat.timeout / 2 < self.heartbeat.interval,
                "heartbeat",
                "the timeout must be at least twice the interval",
            ),
            (
                zero(self.slow_peer_timeout),
                "slow_peer_timeout",
                "must not be zero",
            ),
            (
                zero(self.redial.first),
                "redial",
                "the pause must not be zero",
            ),
            (
                self.redial.max < self.redial.first,
                "redial",
                "max is below the first pause",
            ),
            (self.max_message == 0, "max_message", "must not be zero"),
            (
                self.max_message > too_long,
                "max_message",
                "does not fit a frame",
            ),
            (
                self.outbox.messages == 0 || self.outbox.bytes == 0,
                "outbox",
                "must not be zero",
            ),
            (
                self.inbox.messages == 0 || self.inbox.bytes == 0,
                "inbox",
                "must not be zero",
            ),
            (
                self.memory_budget / 2 < self.max_message,
                "memory_budget",
                "must be at least twice max_message",
            ),
            (
                self.unacknowledged == Some(0),
                "unacknowledged",
                "must not be zero",
            ),
            (
                zero(self.resend.first),
                "resend",
                "the pause must not be zero",
            ),
            (
                self.ack_within.is_some_and(zero),
                "ack_within",
                "must not be zero",
            ),
            (
                self.resend.max < self.resend.first,
                "resend",
                "max is below the first pause",
            ),
            (
                self.max_connections == 0,
                "max_connections",
                "must not be zero",
            ),
            (self.half_open.total == 0, "half_open", "must not be zero"),
            (
                self.half_open.per_address == 0,
                "half_open",
                "must not be zero per address",
            ),
            (
                !self.origins.iter().all(|origin| is_origin(origin)),
                "allow_origin",
                "an origin is scheme://host or scheme://host:port in lower case, or null",
            ),
            (
                !self.hosts.iter().all(|host| is_host(host)),
                "allow_host",
                "a host is host or host:port, without a scheme or path",
            ),
        ];
        match faults.into_iter().find(|(is_wrong, ..)| *is_wrong) {
            Some((_, setting, reason)) => Err(Error::InvalidConfig { setting, reason }),
            None => Ok(()),
        }
    }
}

/// A browser could say it.
fn is_origin(text: &str) -> bool {
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let parts = text.split_once("://");
    let is_named = parts.is_some_and(|(scheme, host)| !scheme.is_empty() && is_host(host));
    text == "null" || (is_lower && is_named)
}

fn is_host(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}
