//! Why: errors as they are said, and as they are heard.

use crate::bus::words::error::Error;
use crate::bus::words::tail::Tail;
use crate::bus::words::text::Text;
use crate::bus::words::word::Why;

impl Error {
    /// As it is said; `body` is its own.
    pub(crate) fn why<'a>(&'a self, body: &'a str) -> Why<'a> {
        let [kind, detail] = self.words();
        Why {
            kind,
            detail: Text::plain(detail),
            tail: Tail::of(body.as_bytes()),
        }
    }

    /// The error that was said.
    pub(crate) fn of(why: &Why<'_>) -> Result<Error, Error> {
        let detail = why.detail.read()?;
        let body = String::from_utf8_lossy(why.tail.body);
        Ok(Error::from_words(why.kind, &detail, &body))
    }
}
