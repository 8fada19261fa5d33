//! NATS: its text over TCP.

use std::io;

use super::Wire;
use super::line::Line;

/// Where answers to calls come.
const INBOX: &str = "_INBOX.versus";

pub struct Client {
    line: Line,
    has_inbox: bool,
}

impl Client {
    /// Returns when the server has accepted us.
    pub fn greet(line: Line) -> io::Result<Client> {
        let mut client = Client {
            line,
            has_inbox: false,
        };
        client
            .line
            .put(&[b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"]);
        client.await_pong()?;
        Ok(client)
    }

    /// What was said before is known when this returns.
    fn await_pong(&mut self) -> io::Result<()> {
        self.line.put(&[b"PING\r\n"]);
        self.line.flush()?;
        while self.line.next_line()? != "PONG" {}
        Ok(())
    }

    /// Reads up to the next message: where its answer is to go, and its body.
    fn next(&mut self) -> io::Result<(Option<String>, &[u8])> {
        loop {
            let line = self.line.next_line()?;
            let mut words = line.split(' ');
            match words.next() {
                Some("MSG") => {
                    let words: Vec<&str> = words.collect();
                    let length: usize = words
                        .last()
                        .and_then(|word| word.parse().ok())
                        .ok_or(io::ErrorKind::InvalidData)?;
                    let reply = (words.len() == 4).then(|| words[2].to_owned());
                    let bytes = self.line.next_bytes(length + 2)?;
                    return Ok((reply, &bytes[..length]));
                }
                Some("PING") => {
                    self.line.put(&[b"PONG\r\n"]);
                    self.line.flush()?;
                }
                _ => {}
            }
        }
    }

    fn put(&mut self, topic: &str, reply: &str, body: &[u8]) {
        let length = body.len().to_string();
        self.line
            .put(&[b"PUB ", topic.as_bytes(), reply.as_bytes()]);
        self.line
            .put(&[b" ", length.as_bytes(), b"\r\n", body, b"\r\n"]);
    }
}

/// A topic in the words of NATS.
fn subject(topic: &str) -> String {
    topic.replace('/', ".")
}

impl Wire for Client {
    fn subscribe(&mut self, topics: &[String]) -> io::Result<()> {
        for (number, topic) in topics.iter().enumerate() {
            let words = format!("SUB {} {}\r\n", subject(topic), number + 1);
            self.line.put(&[words.as_bytes()]);
        }
        self.await_pong()
    }

    fn publish(&mut self, topic: &str, body: &[u8]) -> io::Result<()> {
        self.put(&subject(topic), "", body);
        self.line.flush_if_much()
    }

    fn next_event(&mut self) -> io::Result<&[u8]> {
        Ok(self.next()?.1)
    }

    fn serve(&mut self, name: &str) -> io::Result<()> {
        self.subscribe(&[name.to_owned()])
    }

    fn answer_next(&mut self) -> io::Result<()> {
        let (reply, body) = self.next()?;
        let (reply, body) = (reply.ok_or(io::ErrorKind::InvalidData)?, body.to_vec());
        self.put(&reply, "", &body);
        self.line.flush()
    }

    fn call(&mut self, name: &str, body: &[u8]) -> io::Result<&[u8]> {
        if !std::mem::replace(&mut self.has_inbox, true) {
            self.subscribe(&[INBOX.to_owned()])?;
        }
        self.put(&subject(name), &format!(" {INBOX}"), body);
        self.line.flush()?;
        self.next_event()
    }

    fn line(&mut self) -> (&mut Line, &'static [u8]) {
        (&mut self.line, b"PING\r\n")
    }
}
