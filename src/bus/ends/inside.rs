//! The end that is a table in this process.

use std::sync::Arc;
use std::time::Duration;

use crate::bus::end::{Ear, End, Link, Role};
use crate::bus::station::{Patience, Station};
use crate::bus::table::clients::Key;
use crate::bus::words::{Error, Word};

pub(crate) struct Inside {
    station: Arc<Station>,
    key: Key,
}

impl Inside {
    pub(crate) fn new(station: &Arc<Station>) -> Inside {
        Inside {
            key: station.reserve(),
            station: station.clone(),
        }
    }
}

impl End for Inside {
    fn open(&self, ear: Ear) -> Result<(), Error> {
        self.station.attach(self.key, ear.clone())?;
        ear.up(Link::INSIDE, Role::Table);
        Ok(())
    }

    fn say(&self, link: Link, word: &Word<'_>, patience: Duration) -> Result<(), Error> {
        if link != Link::INSIDE {
            return Err(Error::NoPeer);
        }
        let patience = match patience.is_zero() {
            true => Patience::None,
            false => Patience::Some,
        };
        self.station.handle_word(self.key, Ok(*word), patience);
        Ok(())
    }

    /// It always answers.
    fn hang_up(&self, _: Link) {}

    fn close(&self, _: Option<Duration>) -> Vec<Vec<u8>> {
        self.station.handle_down(self.key);
        Vec::new()
    }
}
