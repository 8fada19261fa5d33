//! Contents: the payloads of messages, and what they lie in.

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Where an allocation goes that the application is done with.
pub(crate) type Home = Arc<dyn Fn(Vec<u8>) + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// The payload of one message. As large as what it owns, so that messages are moved in few words.
pub(crate) enum Contents {
    Own(Vec<u8>),
    Part(Part),
}

/// A payload that several queues share.
#[derive(Clone)]
pub(crate) struct Body(Shared);

#[derive(Clone)]
enum Shared {
    Bytes(Arc<[u8]>),
    Part(Part),
}

/// What was read at once, or what a program gave. It goes home with the last message that lies in
/// it, if it has a home.
#[derive(Clone)]
pub(crate) struct Buffer(Arc<Lent>);

struct Lent {
    bytes: Vec<u8>,
    /// Whoever has all of it alone may take the bytes and leave nothing to go home.
    may_be_taken: bool,
    home: Option<Home>,
}

/// A place in a buffer that other messages may lie in as well.
#[derive(Clone)]
pub(crate) struct Part {
    buffer: Buffer,
    start: u32,
    len: u32,
}

impl Contents {
    /// A payload that fills its allocation, which may be sent on as it is.
    pub(crate) fn large(bytes: Vec<u8>, home: Home) -> Contents {
        Contents::Part(Part::whole(Buffer::of_one(bytes, Some(home))))
    }

    /// The same payload for a queue, without a copy, if it has an allocation of its own.
    pub(crate) fn share(&self) -> Option<Body> {
        match self {
            Contents::Part(part) if part.is_whole() => Some(Body(Shared::Part(part.clone()))),
            _ => None,
        }
    }

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
            Contents::Part(part) => part.into_vec(),
        }
    }
}

impl Body {
    /// The bytes, copied if somebody else has them as well.
    pub(crate) fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Shared::Bytes(bytes) => bytes.to_vec(),
            Shared::Part(part) => part.into_vec(),
        }
    }
}

impl Deref for Body {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Shared::Bytes(bytes) => bytes,
            Shared::Part(part) => part.bytes(),
        }
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Body {
        Body::from(Arc::<[u8]>::from(bytes))
    }
}

impl From<Arc<[u8]>> for Body {
    fn from(bytes: Arc<[u8]>) -> Body {
        Body(Shared::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(mut bytes: Vec<u8>) -> Body {
        // Queues count what is in it.
        if bytes.capacity() > bytes.len() + bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        Body(Shared::Part(Part::whole(Buffer::of_one(bytes, None))))
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        **self == **other
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

impl Buffer {
    pub(crate) fn new(bytes: Vec<u8>, home: Home) -> Buffer {
        Buffer(Arc::new(Lent {
            bytes,
            may_be_taken: false,
            home: Some(home),
        }))
    }

    /// One that a single payload fills.
    fn of_one(bytes: Vec<u8>, home: Option<Home>) -> Buffer {
        Buffer(Arc::new(Lent {
            bytes,
            may_be_taken: true,
            home,
        }))
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
    fn whole(buffer: Buffer) -> Part {
        let len =
            u32::try_from(buffer.bytes().len()).expect("max_message keeps payloads below 4 GiB");
        Part {
            buffer,
            start: 0,
            len,
        }
    }

    fn is_whole(&self) -> bool {
        self.start == 0 && self.len as usize == self.buffer.bytes().len()
    }

    /// Its bytes, as they are if nobody else has them.
    fn into_vec(mut self) -> Vec<u8> {
        match Arc::get_mut(&mut self.buffer.0).filter(|it| it.may_be_taken) {
            Some(lent) => {
                lent.home = None;
                mem::take(&mut lent.bytes)
            }
            None => self.bytes().to_vec(),
        }
    }

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        let (start, len) = (self.start as usize, self.len as usize);
        &self.buffer.bytes()[start..start + len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home(mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::message::{Identity, Message};

    #[test]
    fn a_buffer_goes_home_even_if_the_only_message_that_fills_it_is_taken_out() {
        let returned = Arc::new(Mutex::new(Vec::new()));
        let shelf = returned.clone();
        let home: Home = Arc::new(move |bytes| shelf.lock().unwrap().push(bytes));
        let buffer = Buffer::new(b"all".to_vec(), home);
        let part = Contents::Part(buffer.part(0, 3));
        drop(buffer);
        let message = Message::new(Identity::new([1; 16]), None, part);
        assert_eq!(message.into_body(), b"all");
        assert_eq!(*returned.lock().unwrap(), [b"all"]);
    }

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
