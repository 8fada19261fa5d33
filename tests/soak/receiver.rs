//! Receiver: takes messages, tells the run which, and only then acknowledges them.

use std::fmt::Write;
use std::time::Duration;

use jackfield::{Error, Message, Socket, recv_any};

use crate::body::{self, Stream};
use crate::random::Random;
use crate::stage::{Act, Stage};

const WAIT: Duration = Duration::from_millis(100);

/// Told together.
const BATCH: usize = 64;

pub struct Receiver {
    pub sockets: Vec<Socket>,
    /// So many of a thousand sure messages are dropped unacknowledged: they come again.
    pub refuses: u64,
    /// It rests now and then.
    pub rests: bool,
    pub random: Random,
}

impl Receiver {
    /// Until the run leaves.
    pub fn listen(mut self, stage: &Stage) {
        while stage.act() < Act::Leaving {
            if self.rests && stage.act() == Act::Going && self.random.chance(5) {
                let rest = Duration::from_millis(self.random.within(500..12_000));
                stage.note(&format!("rests {rest:?}"));
                stage.pass(rest);
            }
            if let Some(batch) = self.take() {
                self.account(stage, batch);
            }
        }
    }

    fn take(&self) -> Option<Vec<Message>> {
        let (index, first) = match self.sockets.as_slice() {
            [socket] => (0, socket.recv_timeout(WAIT)),
            many => {
                let many: Vec<&Socket> = many.iter().collect();
                match recv_any(&many, WAIT) {
                    Ok((index, message)) => (index, Ok(message)),
                    Err(error) => (0, Err(error)),
                }
            }
        };
        match first {
            Ok(first) => {
                let socket = &self.sockets[index];
                let more = std::iter::from_fn(|| socket.try_recv().ok());
                Some([first].into_iter().chain(more.take(BATCH - 1)).collect())
            }
            Err(Error::Timeout | Error::Closed) => None,
            Err(error) => panic!("receiving: {error}"),
        }
    }

    fn account(&mut self, stage: &Stage, batch: Vec<Message>) {
        let mut kept = Vec::with_capacity(batch.len());
        let mut words: Vec<(Stream, u64)> = Vec::with_capacity(batch.len());
        for message in batch {
            match body::read(message.body()) {
                Err(fault) => {
                    stage.say(&format!("fault corrupt from {}: {fault}", message.sender()))
                }
                Ok((stream, _)) if stream.kind.is_sure() && self.random.chance(self.refuses) => {}
                Ok(word) => {
                    words.push(word);
                    kept.push(message);
                }
            }
        }
        if !words.is_empty() {
            stage.say(&told(&words));
        }
        kept.iter().for_each(Message::ack);
    }
}

/// `got STREAM 5-9 12`, a line for each run of one stream.
fn told(words: &[(Stream, u64)]) -> String {
    let mut lines = String::new();
    let mut rest = words;
    while let Some((stream, first)) = rest.first() {
        let is_first = lines.is_empty();
        let begins = rest.len() == words.len() || words[words.len() - rest.len() - 1].0 != *stream;
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|((other, number), expected)| other == stream && number == expected)
            .count();
        if begins {
            let newline = if is_first { "" } else { "\n" };
            write!(lines, "{newline}got {stream}").expect("a string takes it");
        }
        match run {
            1 => write!(lines, " {first}"),
            _ => write!(lines, " {first}-{}", first + run as u64 - 1),
        }
        .expect("a string takes it");
        rest = &rest[run..];
    }
    lines
}
