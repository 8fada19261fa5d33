//! Contents: the payload of a message that was received, and what it lies in.

use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Where an allocation goes that the application is done with.
pub(crate) type Home = Arc<dyn Fn(Vec<u8>) + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// The payload of one message. As large as what it owns, so that messages are moved in few words.
pub(crate) enum Contents {
    Own(Vec<u8>),
    Part(Part),
}

/// What was read at once. It goes home with the last message that lies in it.
pub(crate) struct Buffer(Arc<Lent>);

struct Lent {
    bytes: Vec<u8>,
    home: Home,
}

/// A place in a buffer that other messages lie in as well.
pub(crate) struct Part {
    buffer: Buffer,
    start: u32,
    len: u32,
}

impl Contents {
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Contents::Own(bytes) => bytes,
            Contents::Part(part) => part.bytes(),
        }
    }

    /// As bytes that nobody else has; it is empty from now on.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match mem::replace(self, Contents::Own(Vec::new())) {
            Contents::Own(bytes) => bytes,
            Contents::Part(part) => part.bytes().to_vec(),
        }
    }
}

impl Buffer {
    pub(crate) fn new(bytes: Vec<u8>, home: Home) -> Buffer {
        Buffer(Arc::new(Lent { bytes, home }))
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.0.bytes.capacity()
    }

    #[inline(always)]
    pub(crate) fn part(&self, start: u32, len: u32) -> Part {
        let buffer = Buffer(self.0.clone());
        Part { buffer, start, len }
    }
}

impl Part {
    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        let (start, len) = (self.start as usize, self.len as usize);
        &self.buffer.bytes()[start..start + len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        (self.home)(mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::message::{Identity, Message};

    #[test]
    fn a_buffer_goes_home_with_the_last_message_in_it() {
        let returned = Arc::new(Mutex::new(Vec::new()));
        let shelf = returned.clone();
        let home: Home = Arc::new(move |bytes| shelf.lock().unwrap().push(bytes));
        let buffer = Buffer::new(b"onetwo".to_vec(), home);
        let part = |start| Contents::Part(buffer.part(start, 3));
        let [one, two] = [0, 3].map(|at| Message::new(Identity::new([1; 16]), None, part(at)));
        assert_eq!((one.body(), two.body()), (&b"one"[..], &b"two"[..]));
        drop((buffer, one));
        assert_eq!(returned.lock().unwrap().len(), 0);
        assert_eq!(two.into_body(), b"two");
        assert_eq!(*returned.lock().unwrap(), [b"onetwo"]);
    }
}
