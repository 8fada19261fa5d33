//! Dialing: when each endpoint is dialled, and when it need not be.

use std::io::Error;
use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::event::{Cause, DownReason, Event};
use crate::message::Identity;
use crate::proto::backoff::Backoff;
use crate::proto::dial::{Dial, DialId, DialState, DialStep};
use crate::proto::hub::Hub;
use crate::proto::link::{Link, LinkId};

impl Hub {
    /// Dials `endpoint` from now on; `None` if it is dialled already.
    pub(crate) fn handle_connect(&mut self, now: Instant, endpoint: Endpoint) -> Option<DialId> {
        self.advance(now);
        if self.dials.values().any(|dial| dial.endpoint == endpoint) {
            return None;
        }
        let config = &self.config;
        let backoff = Backoff::new(config.redial.first, config.redial.max, config.stable_after);
        self.dials_made += 1;
        let id = DialId(self.dials_made);
        let state = DialState::Resting { until: now };
        self.dials.insert(
            id,
            Dial {
                endpoint,
                backoff,
                state,
                attempt: 0,
                started: now,
            },
        );
        Some(id)
    }

    /// Stops dialling `endpoint` and takes leave of the peer it led to.
    pub(crate) fn handle_disconnect(&mut self, now: Instant, endpoint: &Endpoint) -> bool {
        self.advance(now);
        let mut dials = self.dials.iter();
        let Some((id, _)) = dials.find(|(_, dial)| dial.endpoint == *endpoint) else {
            return false;
        };
        let id = *id;
        self.drop_dial(now, id);
        true
    }

    pub(super) fn drop_dial(&mut self, now: Instant, id: DialId) {
        self.effects.wake.dials = true;
        let state = self.dials.remove(&id).map(|dial| dial.state);
        if let Some(DialState::Linked(link)) = state {
            let until = now + self.config.linger;
            self.leave(link, DownReason::Disconnected, until, true);
        }
    }

    /// What the thread of this dial does next.
    pub(crate) fn poll_dial(&mut self, now: Instant, id: DialId) -> DialStep {
        let Some(dial) = self.dials.get_mut(&id) else {
            return DialStep::Stop;
        };
        match dial.state {
            DialState::Resting { until } if until > now => DialStep::Wait { until },
            DialState::Resting { .. } => {
                dial.state = DialState::Dialling;
                dial.attempt += 1;
                dial.started = now;
                DialStep::Connect {
                    attempt: dial.attempt - 1,
                }
            }
            // The thread itself is the connection's; it asks again when that is gone.
            DialState::Dialling | DialState::Linked(_) => DialStep::Hold,
            DialState::Covered { by } => {
                let cover = self.peers.get_mut(&by).filter(|peer| peer.link.is_some());
                if let Some(peer) = cover {
                    peer.covers_dial = true;
                    return DialStep::Hold;
                }
                let until = now + dial.backoff.next_delay(&mut self.rng);
                dial.state = DialState::Resting { until };
                DialStep::Wait { until }
            }
        }
    }

    /// There is no connection to be had now.
    pub(crate) fn handle_dial_failed(&mut self, now: Instant, id: DialId, error: Error) {
        self.advance(now);
        self.stats.dials_failed += 1;
        let error = Cause::from(error);
        let Some(dial) = self.dials.get_mut(&id) else {
            return self.effects.lost.push(error);
        };
        let until = now + dial.backoff.next_delay(&mut self.rng);
        dial.state = DialState::Resting { until };
        let endpoint = dial.endpoint.clone();
        self.tell(Event::DialFailed { endpoint, error });
    }

    pub(crate) fn handle_accept_failed(&mut self, endpoint: Endpoint, error: Error) {
        self.stats.accepts_failed += 1;
        let error = Cause::from(error);
        self.tell(Event::AcceptFailed { endpoint, error });
    }

    /// The connection of a dial is gone.
    pub(super) fn redial(&mut self, id: LinkId, link: &Link, reason: DownReason) {
        // The end of any other link is nothing to those who dial.
        self.effects.wake.dials |= link.dial.is_some();
        let Some(dial) = link.dial.and_then(|dial| self.dials.get_mut(&dial)) else {
            return;
        };
        if dial.state != DialState::Linked(id) {
            return;
        }
        if link.was_up && reason != DownReason::Duplicate {
            dial.backoff.handle_down(self.now);
        }
        let until = self.now + dial.backoff.next_delay(&mut self.rng);
        dial.state = DialState::Resting { until };
    }

    /// The peer behind the dial of `id` is connected through another link.
    pub(super) fn cover_dial(&mut self, id: LinkId, by: Identity) {
        let dial = self.link(id).and_then(|link| link.dial);
        if let Some(dial) = dial.and_then(|dial| self.dials.get_mut(&dial)) {
            dial.state = DialState::Covered { by };
        }
    }
}
