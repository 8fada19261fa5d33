//! Dial: one endpoint that is dialled for as long as the socket lives.

use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::message::Identity;
use crate::proto::backoff::Backoff;
use crate::proto::link::LinkId;

/// Names a dial; never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct DialId(pub(crate) u64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DialState {
    /// Not before this time.
    Resting { until: Instant },
    /// A thread is connecting.
    Dialling,
    /// Its connection stands, or is ending.
    Linked(LinkId),
    /// The peer it leads to is connected through another link.
    Covered { by: Identity },
}

/// What the dialling thread does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DialStep {
    /// Connect now; this is attempt number so-and-so since the last success.
    Connect { attempt: u32 },
    /// Ask again at this time, or when woken.
    Wait { until: Instant },
    /// Ask again when woken.
    Hold,
    /// This endpoint is no longer dialled.
    Stop,
}

pub(crate) struct Dial {
    pub(crate) endpoint: Endpoint,
    pub(crate) backoff: Backoff,
    pub(crate) state: DialState,
    /// Failures since the last success.
    pub(crate) attempt: u32,
    /// When the last attempt began.
    pub(crate) started: Instant,
}
