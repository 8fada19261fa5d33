//! Send: what a table wants to be sent, and to whom.

use std::sync::Arc;

use crate::bus::table::clients::Key;
use crate::bus::table::routes::Audience;
use crate::bus::words::Id;

#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) to: To,
    pub(crate) message: Vec<u8>,
    /// A client that cannot take it is disconnected; else it goes to each that has room.
    pub(crate) must: bool,
    /// So many losses it tells of: whoever has no room for it is still to be told.
    pub(crate) losses: u64,
    /// Who is told how many had room, and under which id.
    pub(crate) receipt: Option<(Key, Id)>,
}

#[derive(Debug)]
pub(crate) enum To {
    One(Key),
    Each(Arc<Audience>),
}

impl To {
    pub(crate) fn len(&self) -> usize {
        match self {
            To::One(_) => 1,
            To::Each(audience) => audience.len(),
        }
    }
}
