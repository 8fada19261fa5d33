//! Message and Identity: what is received, and who it came from.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use crate::contents::{Body, Contents};

/// The 16 bytes that name a socket to its peers.
///
/// Each socket draws a random one unless [`Config::identity`](crate::Config::identity) sets it.
/// It is a claim, not a proof: use an `authorize` hook where that matters.
///
/// ```
/// let id: jackfield::Identity = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
/// assert_eq!(id.as_bytes()[15], 15);
/// assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
/// assert_eq!(jackfield::Identity::from(<[u8; 16]>::from(id)), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity([u8; 16]);

impl Identity {
    /// An identity of exactly these bytes.
    pub const fn new(bytes: [u8; 16]) -> Identity {
        Identity(bytes)
    }

    /// The bytes as they appear on the wire.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Identity {
    fn from(bytes: [u8; 16]) -> Identity {
        Identity(bytes)
    }
}

impl From<Identity> for [u8; 16] {
    fn from(identity: Identity) -> [u8; 16] {
        identity.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

/// A string that is not 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseIdentityError;

impl fmt::Display for ParseIdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an identity is 32 hexadecimal digits")
    }
}

impl std::error::Error for ParseIdentityError {}

impl FromStr for Identity {
    type Err = ParseIdentityError;

    fn from_str(text: &str) -> Result<Identity, ParseIdentityError> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ParseIdentityError);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| ParseIdentityError)?;
        Ok(Identity(number.to_be_bytes()))
    }
}

/// Copies of payloads up to this size have room for as much, so that one allocation fits all.
const SHORT: usize = 64;

/// So many allocations for them stay with a thread that has no use for them now.
const MOST_SPARE: usize = 64;

thread_local! {
    /// What short payloads were in that this thread is done with. To ask the allocator for each is
    /// about a tenth of a receiver's work.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A message that was received.
///
/// With [`AckMode::Manual`](crate::AckMode::Manual), one that its sender wants acknowledged waits
/// for [`ack`](Message::ack). [`nack`](Message::nack) gives it back, and so does a drop without
/// either: its sender then gives it to another peer.
///
/// Messages of 600 bytes and more may lie together in the buffer that they were read into. Who
/// keeps some of them keeps their buffers, up to 1 MiB for each socket;
/// [`into_body`](Message::into_body) takes out no more than the payload.
pub struct Message {
    sender: Identity,
    /// Zeros where there is none: an `Option` would make each message a word longer.
    id: [u8; 16],
    body: Contents,
    aftermath: Option<Box<Aftermath>>,
}

const NO_ID: [u8; 16] = [0; 16];

/// What is to be done behind a message that most have nothing behind.
#[derive(Default)]
struct Aftermath {
    pending: Option<Pending>,
    /// How often it was given back here.
    returns: u32,
}

/// What is to be done with an unacknowledged message: `true` acknowledges, `false` returns it.
pub(crate) type Settle = Box<dyn FnOnce(bool) + Send>;

struct Pending(Mutex<Option<Settle>>);

impl Message {
    #[inline(always)]
    pub(crate) fn new(sender: Identity, id: Option<[u8; 16]>, body: Contents) -> Message {
        Message {
            sender,
            id: id.unwrap_or(NO_ID),
            body,
            aftermath: None,
        }
    }

    /// It was given back here so often.
    pub(crate) fn returned(mut self, returns: u32) -> Message {
        if returns > 0 {
            self.aftermath.get_or_insert_default().returns = returns;
        }
        self
    }

    /// It is settled by `ack`, by `nack` or by being dropped.
    pub(crate) fn unsettled(mut self, settle: Settle) -> Message {
        let pending = Pending(Mutex::new(Some(settle)));
        self.aftermath.get_or_insert_default().pending = Some(pending);
        self
    }

    /// Who sent it; [`send_to`](crate::Socket::send_to) answers.
    pub fn sender(&self) -> Identity {
        self.sender
    }

    /// The id that its sender gave it, if it was sent at least once: all copies of one message have
    /// the same. Sixteen zeros count as none.
    pub fn id(&self) -> Option<[u8; 16]> {
        (self.id != NO_ID).then_some(self.id)
    }

    /// How often this socket was given this very message before and gave it back: 0 the first time.
    ///
    /// A socket remembers the last 1,024 messages of each peer that it gave back.
    pub fn redeliveries(&self) -> u32 {
        self.aftermath.as_ref().map_or(0, |it| it.returns)
    }

    /// Its payload.
    #[inline]
    pub fn body(&self) -> &[u8] {
        self.body.bytes()
    }

    /// Its payload as text; what is no UTF-8 is replaced by `U+FFFD`.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// Its payload, taken out. A message that waits for `ack` counts as dropped by this: call
    /// `ack` first.
    #[must_use = "what is not needed can be dropped as a whole"]
    pub fn into_body(mut self) -> Vec<u8> {
        self.body.take()
    }

    /// Its payload for a queue, if that needs no copy.
    pub(crate) fn share(&self) -> Option<Body> {
        self.body.share()
    }

    /// Tells its sender that it is dealt with. Once is enough; for messages that nobody waits
    /// to hear about, it does nothing.
    pub fn ack(&self) {
        self.settle(true);
    }

    /// Gives it back to its sender, which gives it to another peer; where all have given it back,
    /// it comes again after a pause. Once is enough; for messages that nobody waits to hear about,
    /// and behind `ack`, it does nothing. A drop without `ack` does the same.
    pub fn nack(&self) {
        self.settle(false);
    }

    fn settle(&self, is_done: bool) {
        let pending = self.aftermath.as_ref().and_then(|it| it.pending.as_ref());
        pending.inspect(|pending| pending.settle(is_done));
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let Contents::Own(body) = &mut self.body else {
            return;
        };
        if body.capacity() == SHORT {
            keep_spare(mem::take(body));
        }
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        self.body()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Message(from {}, {} bytes)",
            self.sender,
            self.body().len()
        )
    }
}

/// A copy of a payload, whatever its size.
#[inline(always)]
pub(crate) fn copy(payload: &[u8]) -> Vec<u8> {
    if payload.is_empty() || payload.len() > SHORT {
        return payload.to_vec();
    }
    // A thread that ends has none any more.
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
    let spare = spare.ok().flatten();
    let mut copy = spare.unwrap_or_else(|| Vec::with_capacity(SHORT));
    copy.extend_from_slice(payload);
    copy
}

#[inline(always)]
fn keep_spare(mut bytes: Vec<u8>) {
    bytes.clear();
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MOST_SPARE {
            spare.push(bytes);
        }
    });
}

impl Pending {
    fn settle(&self, is_done: bool) {
        let settle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(settle) = settle {
            settle(is_done);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.settle(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &[u8]) -> Message {
        Message::new(Identity::new([1; 16]), None, Contents::Own(copy(payload)))
    }

    fn spare() -> usize {
        SPARE.with(|spare| spare.borrow().len())
    }

    #[test]
    fn a_message_is_moved_in_eight_words() {
        assert_eq!(size_of::<Message>(), size_of::<[usize; 8]>());
    }

    #[test]
    fn the_allocation_of_a_short_payload_is_that_of_the_next() {
        let first = message(&[1; SHORT]);
        let place = first.body().as_ptr();
        drop(first);
        let second = message(b"next");
        assert_eq!(
            (second.body().as_ptr(), second.body()),
            (place, &b"next"[..])
        );
        assert_eq!(spare(), 0);
    }

    #[test]
    fn a_payload_that_was_taken_out_stays_with_whoever_has_it() {
        let body = message(b"mine").into_body();
        assert_eq!((spare(), &body[..]), (0, &b"mine"[..]));
    }

    #[test]
    fn a_thread_keeps_no_more_than_a_few_allocations() {
        let all: Vec<_> = (0..=MOST_SPARE).map(|_| message(b"x")).collect();
        drop(all);
        assert_eq!(spare(), MOST_SPARE);
    }

    #[test]
    fn what_is_not_short_takes_no_more_than_its_size() {
        for size in [0, SHORT + 1] {
            let other = message(&vec![7; size]);
            assert_eq!(other.into_body().capacity(), size);
            assert_eq!(spare(), 0);
        }
    }
}
