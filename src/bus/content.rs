//! Content: what a payload is, as a header says.

use std::fmt;

/// The header that says it.
pub(crate) const HEADER: &str = "content";

/// What a payload is, as whoever made it says in the header `content`. Payloads without that
/// header are what their readers take them for.
///
/// ```
/// use jackfield::bus::{Bus, Content, Post};
///
/// let bus = Bus::local()?;
/// let notes = bus.subscribe("picture")?;
/// let name = "attic.png".to_owned();
/// bus.send(Post::new("picture", [0x89, 0x50]).content(Content::File(name)))?;
/// assert_eq!(notes.recv()?.content(), Some(Content::File("attic.png".to_owned())));
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Content {
    /// `text`: text in UTF-8.
    Text,
    /// `bytes`: bytes that mean something to whoever expects them.
    Bytes,
    /// `json`: a JSON text, as all calls that take or give typed values make it.
    Json,
    /// `file NAME`: what is in a file of that name.
    File(String),
}

impl Content {
    /// The header.
    pub(crate) fn line(&self) -> String {
        format!("{HEADER}: {self}\n")
    }

    /// What the header says; `None` if that is nothing known here.
    pub(crate) fn of_header(value: &str) -> Option<Content> {
        match value {
            "text" => Some(Content::Text),
            "bytes" => Some(Content::Bytes),
            "json" => Some(Content::Json),
            _ => value
                .strip_prefix("file ")
                .map(|name| Content::File(name.to_owned())),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Text => f.write_str("text"),
            Content::Bytes => f.write_str("bytes"),
            Content::Json => f.write_str("json"),
            Content::File(name) => write!(f, "file {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Content;

    #[test]
    fn what_is_written_is_read() {
        let file = Content::File("two words.png".to_owned());
        for content in [Content::Text, Content::Bytes, Content::Json, file] {
            assert_eq!(Content::of_header(&content.to_string()), Some(content));
        }
        assert_eq!(Content::of_header("film"), None);
    }
}
