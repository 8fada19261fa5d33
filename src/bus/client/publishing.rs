//! Publishing: posts go through the gate, or wait for it.

use std::sync::Arc;
use std::time::Instant;

use crate::bus::client::Client;
use crate::bus::client::asking::{Request, unexpected};
use crate::bus::client::saying::{header_lines, tail_of, topic_of};
use crate::bus::client::state::{Life, Reply};
use crate::bus::note::{Post, Receipt};
use crate::bus::words::{Error, Publish, Text, Word};

impl Client {
    /// Fire and forget; `headers` are lines.
    pub(crate) fn publish(
        self: &Arc<Client>,
        topic: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<(), Error> {
        let topic = topic_of(topic)?;
        let word = Word::Pub(Publish {
            id: self.maker.next(),
            topic: Text::plain(&topic),
            retain: false,
            no_echo: false,
            receipt: false,
            tail: tail_of(headers, body)?,
        });
        let mut state = self.lock();
        while let (Life::Open, Some(link)) = (state.life, state.gate.open_table()) {
            drop(state);
            match self.end.say(link, &word, self.options.timeout) {
                Err(Error::NoPeer) => state = self.lock(),
                said => return said,
            }
            state.gate.handle_gone(link);
        }
        drop(state);
        self.keep(&word)
    }

    /// Keeps a post until somebody is there who hears it.
    fn keep(self: &Arc<Client>, word: &Word<'_>) -> Result<(), Error> {
        let deadline = self.usual_deadline();
        let mut post = word.to_bytes();
        let mut state = self.lock();
        loop {
            state.check_open()?;
            if let Some(link) = state.gate.open_table() {
                drop(state);
                match self.end.say(link, word, self.options.timeout) {
                    Err(Error::NoPeer) => state = self.lock(),
                    said => return said,
                }
                state.gate.handle_gone(link);
                continue;
            }
            post = match state.gate.keep(post) {
                Ok(()) => return Ok(()),
                Err(post) => post,
            };
            if Instant::now() >= deadline {
                return Err(Error::Timeout);
            }
            state = self.wait(state, deadline);
        }
    }

    pub(crate) fn send(self: &Arc<Client>, post: &Post) -> Result<Receipt, Error> {
        let topic = topic_of(&post.topic)?;
        let lines = header_lines(&post.headers)?;
        let publish = Publish {
            id: self.maker.next(),
            topic: Text::plain(&topic),
            retain: post.is_retained,
            no_echo: post.has_no_echo,
            receipt: true,
            tail: tail_of(&lines, &post.body)?,
        };
        let request = Request {
            id: publish.id,
            deadline: self.usual_deadline(),
            word: &|_| Word::Pub(publish),
        };
        match self.ask(&request)? {
            Reply::Receivers(count) => Ok(Receipt {
                receivers: count.try_into().unwrap_or(usize::MAX),
            }),
            reply => Err(unexpected(reply)),
        }
    }
}
