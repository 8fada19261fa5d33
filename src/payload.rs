//! Payload: the bytes that a send takes, borrowed or owned.

use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::contents::Body;
use crate::message::Message;

/// Owned payloads from this size on are shared, and others are copied where they are needed.
pub(crate) const LARGE: usize = 16 * 1024;

/// The bytes of a message that is to be sent.
///
/// Every send takes what turns into one: what is borrowed (`&[u8]`, `&str`, arrays, a `&Message`)
/// and what is owned (`Vec<u8>`, `String`, `Arc<[u8]>`). What is borrowed is copied once at most. Of
/// what is owned, and of a message that was received, 16 KiB and more are not copied at all.
///
/// A send that is refused gives an owned one back: see [`SendError`](crate::SendError).
pub struct Payload<'a>(Kind<'a>);

enum Kind<'a> {
    Slice(&'a [u8]),
    Owned(Vec<u8>),
    Shared(Body),
}

impl Payload<'_> {
    /// The bytes.
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::Slice(bytes) => bytes,
            Kind::Owned(bytes) => bytes,
            Kind::Shared(body) => body,
        }
    }

    /// The bytes, on their own: copied if they are borrowed or somebody else has them as well.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Kind::Slice(bytes) => bytes.to_vec(),
            Kind::Owned(bytes) => bytes,
            Kind::Shared(body) => body.into_vec(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// From now on several queues may have it without a copy, if it is owned and large.
    pub(crate) fn share(&mut self) {
        match &mut self.0 {
            Kind::Owned(bytes) if bytes.len() >= LARGE => {
                self.0 = Kind::Shared(Body::from(mem::take(bytes)));
            }
            _ => {}
        }
    }

    /// It is in an allocation that several queues may have.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.0, Kind::Shared(_))
    }

    /// For a queue that keeps it.
    pub(crate) fn to_body(&self) -> Body {
        match &self.0 {
            Kind::Shared(body) => body.clone(),
            _ => Body::from(self.as_bytes()),
        }
    }

    /// What is not the caller's anyway.
    pub(crate) fn into_owned(self) -> Option<Payload<'static>> {
        match self.0 {
            Kind::Slice(_) => None,
            Kind::Owned(bytes) => Some(Payload(Kind::Owned(bytes))),
            Kind::Shared(body) => Some(Payload(Kind::Shared(body))),
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8]) -> Payload<'a> {
        Payload(Kind::Slice(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8; N]) -> Payload<'a> {
        Payload(Kind::Slice(bytes))
    }
}

impl<const N: usize> From<[u8; N]> for Payload<'_> {
    fn from(bytes: [u8; N]) -> Self {
        Payload(Kind::Owned(bytes.to_vec()))
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Payload<'a> {
        Payload(Kind::Slice(text.as_bytes()))
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    #[inline(always)]
    fn from(bytes: &'a Vec<u8>) -> Payload<'a> {
        Payload(Kind::Slice(bytes))
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    #[inline(always)]
    fn from(text: &'a String) -> Payload<'a> {
        Payload(Kind::Slice(text.as_bytes()))
    }
}

impl From<Vec<u8>> for Payload<'_> {
    #[inline(always)]
    fn from(bytes: Vec<u8>) -> Self {
        Payload(Kind::Owned(bytes))
    }
}

impl From<String> for Payload<'_> {
    #[inline(always)]
    fn from(text: String) -> Self {
        Payload(Kind::Owned(text.into_bytes()))
    }
}

impl<'a> From<Cow<'a, str>> for Payload<'a> {
    fn from(text: Cow<'a, str>) -> Payload<'a> {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Arc<[u8]>> for Payload<'_> {
    fn from(bytes: Arc<[u8]>) -> Self {
        Payload(Kind::Shared(Body::from(bytes)))
    }
}

impl From<Body> for Payload<'_> {
    fn from(body: Body) -> Self {
        Payload(Kind::Shared(body))
    }
}

/// By reference: a message by value would be dropped unacknowledged.
impl<'a> From<&'a Message> for Payload<'a> {
    fn from(message: &'a Message) -> Payload<'a> {
        match message.share() {
            Some(body) => Payload(Kind::Shared(body)),
            None => Payload(Kind::Slice(message.body())),
        }
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::Slice(_) => "borrowed",
            Kind::Owned(_) => "owned",
            Kind::Shared(_) => "shared",
        };
        write!(f, "Payload({kind}, {} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_payload_that_is_owned_is_never_copied() {
        let bytes = vec![7; LARGE];
        let place = bytes.as_ptr();
        let mut payload = Payload::from(bytes);
        payload.share();
        let (one, other) = (payload.to_body(), payload.to_body());
        assert_eq!([one.as_ptr(), other.as_ptr()], [place; 2]);
        drop((one, other));
        let back = payload.into_owned().expect("it is owned").into_vec();
        assert_eq!((back.as_ptr(), back.len()), (place, LARGE));
    }

    #[test]
    fn what_is_shared_with_the_program_stays_there() {
        let bytes: Arc<[u8]> = vec![7; LARGE].into();
        let payload = Payload::from(bytes.clone());
        assert_eq!(payload.to_body().as_ptr(), bytes.as_ptr());
        assert_eq!(payload.into_vec(), &*bytes);
    }

    #[test]
    fn what_is_borrowed_is_the_callers() {
        assert!(Payload::from("borrowed").into_owned().is_none());
        assert!(Payload::from(&[1, 2, 3]).into_owned().is_none());
    }

    #[test]
    fn a_large_message_is_sent_on_as_it_came() {
        let home = Arc::new(|_| {});
        let large = crate::contents::Contents::large(vec![7; LARGE], home);
        let message = Message::new(crate::message::Identity::new([1; 16]), None, large);
        let payload = Payload::from(&message);
        assert_eq!(payload.to_body().as_ptr(), message.body().as_ptr());
        let place = message.body().as_ptr();
        drop(payload);
        let body = message.into_body();
        assert_eq!(body.as_ptr(), place);
    }
}
