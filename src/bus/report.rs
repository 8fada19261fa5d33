//! Report: what a bus could not do before it was closed.

use crate::bus::note::Post;
use crate::bus::words::{Publish, Word, header_lines};

/// What [`Bus::close`](crate::bus::Bus::close) could not do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// What was published and never left, in order: no broker was there, or it did not take them in
    /// time.
    pub unsent: Vec<Post>,
}

impl CloseReport {
    /// Of messages as they would have been said; only posts are worth an account.
    pub(crate) fn of(unsaid: Vec<Vec<u8>>) -> CloseReport {
        let post = |message: Vec<u8>| match Word::parse(&message) {
            Ok(Word::Pub(publish)) if !publish.receipt => post(&publish),
            _ => None,
        };
        CloseReport {
            unsent: unsaid.into_iter().filter_map(post).collect(),
        }
    }
}

fn post(publish: &Publish<'_>) -> Option<Post> {
    let topic = publish.topic.read().ok()?;
    let mut post = Post::new(topic, publish.tail.body);
    for (name, value) in header_lines(publish.tail.headers) {
        post = post.header(name, value);
    }
    post.is_retained = publish.retain;
    post.has_no_echo = publish.no_echo;
    Some(post)
}
