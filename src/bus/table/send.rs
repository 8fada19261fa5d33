//! Send: what a table wants to be sent, to whom, and what becomes of it where there is no room.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bus::table::clients::Key;
use crate::bus::table::routes::Audience;
use crate::bus::words::{Id, Tail, Word};

#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) to: To,
    pub(crate) message: Message,
    pub(crate) unfit: Unfit,
    /// Who is told how many had room, and under which id.
    pub(crate) receipt: Option<(Key, Id)>,
}

#[derive(Debug)]
pub(crate) enum To {
    One(Key),
    Each(Arc<Audience>),
}

/// What becomes of it where there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    /// Its client misses it, and is told how many it missed before it gets the next.
    Missed,
    /// It tells of so many that were missed, and is said again before the next.
    Untold(u64),
    /// It waits for room.
    Waits,
    /// The call of that number goes back to its caller, who hears that its runner is busy.
    Busy(u64),
    /// That subscription gets the value later.
    Later(Id),
    /// Nothing.
    Dropped,
}

/// Bytes to be sent: a line of words and what stands behind it, which several may share.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Message {
    own: Vec<u8>,
    shared: Option<Arc<[u8]>>,
}

impl Send {
    pub(crate) fn one(to: Key, word: &Word<'_>, unfit: Unfit) -> Send {
        Send {
            to: To::One(to),
            message: Message::from(word.to_bytes()),
            unfit,
            receipt: None,
        }
    }
}

impl To {
    pub(crate) fn len(&self) -> usize {
        match self {
            To::One(_) => 1,
            To::Each(audience) => audience.len(),
        }
    }
}

impl Unfit {
    /// How much of a client's outbox it may take, in per cent: a client that is slow with values of
    /// before still gets news, and one that is slow with these its answers.
    pub(crate) fn percent(self) -> u8 {
        match self {
            Unfit::Waits | Unfit::Busy(_) | Unfit::Dropped => 100,
            Unfit::Missed | Unfit::Untold(_) => 75,
            Unfit::Later(_) => 50,
        }
    }
}

impl Message {
    /// `word`, whose own tail is not looked at, in front of a tail that others have as well.
    pub(crate) fn sharing(word: Word<'_>, tail: &Arc<[u8]>) -> Message {
        Message {
            own: word.to_line(0),
            shared: Some(tail.clone()),
        }
    }

    /// A tail for several messages.
    pub(crate) fn shared(tail: &Tail<'_>) -> Arc<[u8]> {
        let mut bytes = Vec::with_capacity(tail.len());
        tail.write(&mut bytes);
        bytes.into()
    }

    /// Bytes that it has for itself.
    pub(crate) fn own_len(&self) -> usize {
        self.own.len()
    }

    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.shared {
            None => Cow::Borrowed(&self.own),
            Some(shared) => Cow::Owned([&self.own, &**shared].concat()),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.shared {
            None => self.own,
            Some(_) => self.bytes().into_owned(),
        }
    }
}

impl From<Vec<u8>> for Message {
    fn from(own: Vec<u8>) -> Message {
        let shared = None;
        Message { own, shared }
    }
}
