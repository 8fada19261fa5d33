//! Reply: what a handler may return.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use crate::bus::request::Answer;
use crate::bus::words::{Error, Letter};
use crate::json;

/// What a handler of [`Bus::serve`](crate::bus::Bus::serve) returns: the answer, be it text, bytes
/// or an [`Answer`] with headers; a `Result` of one; or `()`, where [`Job::reply`] and
/// [`Job::fail`] answer, then or later.
///
/// An error becomes [`Error::Remote`] at the caller. One of that sort keeps its kind, so a handler
/// can hand on what another service said. Any other [`Error`] has its own name as its kind, a
/// [`json::Error`] has `Json`, and whatever else can be displayed has `Failed`.
///
/// ```
/// use jackfield::bus::{Bus, Error};
///
/// let bus = Bus::local()?;
/// let _upper = bus.serve("text/upper", |job| job.text().to_uppercase())?;
/// let _number = bus.serve("text/number", |job| {
///     job.text().parse::<i64>().map(|number| number.to_string())
/// })?;
/// assert_eq!(bus.call("text/upper", "hello")?.text(), "HELLO");
/// let error = bus.call("text/number", "seven").unwrap_err();
/// assert_eq!(error.to_string(), "Failed: invalid digit found in string");
/// # Ok::<(), Error>(())
/// ```
///
/// [`Job::reply`]: crate::bus::Job::reply
/// [`Job::fail`]: crate::bus::Job::fail
pub trait Reply {
    /// The answer; `None` leaves it to the job.
    fn into_answer(self) -> Option<Result<Answer, Error>>;
}

impl Reply for () {
    fn into_answer(self) -> Option<Result<Answer, Error>> {
        None
    }
}

impl Reply for Answer {
    fn into_answer(self) -> Option<Result<Answer, Error>> {
        Some(Ok(self))
    }
}

impl<R: Reply, E: fmt::Display + 'static> Reply for Result<R, E> {
    fn into_answer(self) -> Option<Result<Answer, Error>> {
        match self {
            Ok(reply) => reply.into_answer(),
            Err(error) => Some(Err(failure(error))),
        }
    }
}

/// Not one implementation for all that is `AsRef<[u8]>`: `()` and `Result` may become that.
macro_rules! reply_with_bytes {
    ($([$($generics:tt)*] $type:ty: $into:ident),+ $(,)?) => {$(
        impl<$($generics)*> Reply for $type {
            fn into_answer(self) -> Option<Result<Answer, Error>> {
                let body: Vec<u8> = self.$into();
                Some(Ok(Answer::heard(Letter::new(body, (0, 0)))))
            }
        }
    )+};
}

reply_with_bytes!(
    [] String: into_bytes,
    [] Vec<u8>: into,
    [] &str: into,
    [] &[u8]: to_vec,
    [] &Vec<u8>: to_vec,
    [const N: usize] [u8; N]: to_vec,
    [const N: usize] &[u8; N]: to_vec,
);

/// What never returns, as a handler that only panics.
impl Reply for <fn() -> ! as Returns>::Value {
    fn into_answer(self) -> Option<Result<Answer, Error>> {
        self
    }
}

/// Gives the type of what never returns a name.
pub trait Returns {
    type Value;
}

impl<T> Returns for fn() -> T {
    type Value = T;
}

impl Reply for &String {
    fn into_answer(self) -> Option<Result<Answer, Error>> {
        self.as_str().into_answer()
    }
}

impl Reply for Cow<'_, str> {
    fn into_answer(self) -> Option<Result<Answer, Error>> {
        self.into_owned().into_answer()
    }
}

/// As its caller is told of it.
pub(crate) fn failure(error: impl fmt::Display + 'static) -> Error {
    let any: &dyn Any = &error;
    let kind = match any.downcast_ref::<Error>() {
        Some(Error::Remote { kind, .. }) => kind,
        Some(other) => other.words()[0],
        None if any.is::<json::Error>() => "Json",
        None => "Failed",
    };
    let message = match any.downcast_ref::<Error>() {
        Some(Error::Remote { message, .. }) => message.clone(),
        _ => error.to_string(),
    };
    Error::Remote {
        kind: kind.to_owned(),
        message,
    }
}
