//! Rights: what a table lets each of its clients do.

use std::sync::Arc;

use crate::bus::table::Table;
use crate::bus::table::access::{Act, Rights};
use crate::bus::table::clients::Key;
use crate::bus::words::{Error, Pattern};

impl Table {
    /// From now on a client may do that alone.
    pub(crate) fn restrict(&mut self, key: Key, rights: Arc<Rights>) {
        let number = self.clients.find(key);
        if let Some(client) = number.and_then(|number| self.clients.get_mut(number)) {
            client.rights = Some(rights);
        }
    }

    /// Whether a client may do that with a topic, or with a name in its one form.
    pub(super) fn may(&self, from: u32, act: Act, name: &str) -> Result<(), Error> {
        match self.rights_of(from) {
            Some(rights) => rights.check(act, name),
            None => Ok(()),
        }
    }

    pub(super) fn may_subscribe(&self, from: u32, pattern: &Pattern) -> Result<(), Error> {
        match self.rights_of(from) {
            Some(rights) => rights.check_pattern(pattern),
            None => Ok(()),
        }
    }

    fn rights_of(&self, from: u32) -> Option<&Rights> {
        self.clients.get(from)?.rights.as_deref()
    }
}
