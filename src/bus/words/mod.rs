//! Words: what is said on the bus and what it is made of; they know nothing of who says them.

mod cover;
pub(crate) mod error;
mod fault;
pub(crate) mod id;
pub(crate) mod letter;
pub(crate) mod limits;
mod matcher;
mod parser;
mod tail;
mod text;
pub(crate) mod topic;
pub(crate) mod trie;
mod why;
mod word;
mod writer;

pub(crate) use error::Error;
pub use fault::Fault;
pub(crate) use id::Id;
pub(crate) use letter::Letter;
pub(crate) use limits::Limits;
pub(crate) use matcher::Matcher;
pub use tail::Tail;
pub(crate) use tail::{header_lines, write_headers};
pub use text::Text;
pub(crate) use topic::{Pattern, Topic, bad_name, is_name};
pub(crate) use trie::Trie;
pub(crate) use word::is_for_client;
pub use word::{Call, Event, Malformed, Publish, Run, Serve, Why, Word};
