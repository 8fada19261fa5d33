//! Words: what is said on the bus and what it is made of; they know nothing of who says them.

mod cover;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod letter;
pub(crate) mod limits;
mod matcher;
mod parser;
mod tail;
mod text;
pub(crate) mod topic;
pub(crate) mod trie;
mod word;
mod writer;

pub(crate) use error::Error;
pub(crate) use id::Id;
pub(crate) use letter::Letter;
pub(crate) use limits::Limits;
pub(crate) use matcher::Matcher;
pub(crate) use tail::{Tail, write_headers};
pub(crate) use text::Text;
pub(crate) use topic::{Pattern, Topic, bad_name, is_name};
pub(crate) use trie::Trie;
pub(crate) use word::{Call, Event, Malformed, Publish, Run, Serve, Why, Word, is_for_client};
