//! Redis: its arrays of strings over TCP. Who subscribes says nothing else, so there are two lines.

use std::io;

use super::Wire;
use super::line::Line;

/// Where answers to calls come.
const ANSWERS: &str = "versus/answers";

pub struct Client {
    /// What is subscribed comes here.
    ear: Line,
    /// What is published goes here.
    mouth: Line,
    has_answers: bool,
}

impl Client {
    pub fn new(ear: Line, mouth: Line) -> io::Result<Client> {
        Ok(Client {
            ear,
            mouth,
            has_answers: false,
        })
    }

    /// The body of the next message that is published.
    fn next(&mut self) -> io::Result<&[u8]> {
        loop {
            let count = number(self.ear.next_line()?, '*')?;
            let kind = next_string(&mut self.ear)?.to_vec();
            for _ in 2..count {
                next_string(&mut self.ear)?;
            }
            if kind == b"message" {
                return next_string(&mut self.ear);
            }
            // The count of subscriptions.
            self.ear.next_line()?;
        }
    }

    fn put(&mut self, topic: &str, body: &[u8]) {
        put(&mut self.mouth, &[b"PUBLISH", topic.as_bytes(), body]);
    }
}

fn put(line: &mut Line, words: &[&[u8]]) {
    line.put(&[b"*", words.len().to_string().as_bytes(), b"\r\n"]);
    for word in words {
        let length = word.len().to_string();
        line.put(&[b"$", length.as_bytes(), b"\r\n", word, b"\r\n"]);
    }
}

fn number(line: &str, mark: char) -> io::Result<usize> {
    let digits = line.strip_prefix(mark).ok_or(io::ErrorKind::InvalidData)?;
    digits
        .parse()
        .map_err(|_| io::ErrorKind::InvalidData.into())
}

fn next_string(line: &mut Line) -> io::Result<&[u8]> {
    let length = number(line.next_line()?, '$')?;
    Ok(&line.next_bytes(length + 2)?[..length])
}

impl Wire for Client {
    fn subscribe(&mut self, topics: &[String]) -> io::Result<()> {
        for topic in topics {
            put(&mut self.ear, &[b"SUBSCRIBE", topic.as_bytes()]);
        }
        self.ear.flush()?;
        for _ in topics {
            number(self.ear.next_line()?, '*')?;
            next_string(&mut self.ear)?;
            next_string(&mut self.ear)?;
            self.ear.next_line()?;
        }
        Ok(())
    }

    fn publish(&mut self, topic: &str, body: &[u8]) -> io::Result<()> {
        self.put(topic, body);
        self.mouth.flush_if_much()
    }

    fn next_event(&mut self) -> io::Result<&[u8]> {
        self.next()
    }

    fn serve(&mut self, name: &str) -> io::Result<()> {
        self.subscribe(&[name.to_owned()])
    }

    fn answer_next(&mut self) -> io::Result<()> {
        let body = self.next()?.to_vec();
        self.put(ANSWERS, &body);
        self.mouth.flush()?;
        self.mouth.next_line().map(drop)
    }

    fn call(&mut self, name: &str, body: &[u8]) -> io::Result<&[u8]> {
        if !std::mem::replace(&mut self.has_answers, true) {
            self.subscribe(&[ANSWERS.to_owned()])?;
        }
        self.put(name, body);
        self.mouth.flush()?;
        self.mouth.next_line()?;
        self.next()
    }

    fn line(&mut self) -> (&mut Line, &'static [u8]) {
        (&mut self.mouth, b"*1\r\n$4\r\nPING\r\n")
    }
}
