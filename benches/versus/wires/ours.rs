//! Ours: a client of our own broker by hand, words in frames.

use std::io;

use super::Wire;
use super::line::Line;

const HELLO: u8 = 1;
const HEARTBEAT: u8 = 2;
const DATA: u8 = 3;

pub struct Client {
    line: Line,
    made: u64,
}

impl Client {
    /// Says which one of all clients this is.
    pub fn greet(line: Line, number: u64) -> io::Result<Client> {
        let mut client = Client { line, made: 0 };
        client.put(HELLO, &[&[1], &u128::from(number + 1).to_be_bytes()]);
        client.put(HEARTBEAT, &[]);
        client.line.flush()?;
        Ok(client)
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]]) {
        let body: usize = parts.iter().map(|part| part.len()).sum();
        let length = (1 + body as u32).to_be_bytes();
        self.line.put(&[&length, &[kind]]);
        self.line.put(parts);
    }

    fn put_words(&mut self, words: &str, body: &[u8]) {
        self.put(DATA, &[words.as_bytes(), b"\n\n", body]);
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", self.made)
    }

    /// The next message that begins with this word.
    fn next(&mut self, word: &str) -> io::Result<&[u8]> {
        loop {
            let head: [u8; 5] = self.line.next_bytes(5)?.try_into().expect("five");
            let [a, b, c, d, kind] = head;
            let length = u32::from_be_bytes([a, b, c, d]) as usize - 1;
            let message = self.line.next_bytes(length)?;
            if kind == DATA && message.starts_with(word.as_bytes()) {
                return Ok(self.line.last());
            }
        }
    }
}

fn body_of(message: &[u8]) -> io::Result<&[u8]> {
    let end = message.windows(2).position(|two| two == b"\n\n");
    Ok(&message[end.ok_or(io::ErrorKind::InvalidData)? + 2..])
}

impl Wire for Client {
    fn subscribe(&mut self, topics: &[String]) -> io::Result<()> {
        for topic in topics {
            let words = format!("sub {} {topic}", self.next_id());
            self.put_words(&words, b"");
        }
        self.line.flush()?;
        for _ in topics {
            self.next("ok ")?;
        }
        Ok(())
    }

    fn publish(&mut self, topic: &str, body: &[u8]) -> io::Result<()> {
        let words = format!("pub {} {topic}", self.next_id());
        self.put_words(&words, body);
        self.line.flush_if_much()
    }

    fn next_event(&mut self) -> io::Result<&[u8]> {
        body_of(self.next("event ")?)
    }

    fn serve(&mut self, name: &str) -> io::Result<()> {
        let words = format!("serve {} {name}", self.next_id());
        self.put_words(&words, b"");
        self.line.flush()?;
        self.next("ok ").map(drop)
    }

    fn answer_next(&mut self) -> io::Result<()> {
        let message = self.next("run ")?.to_vec();
        let run = message.split(|byte| *byte == b' ').nth(1);
        let run = run.ok_or(io::ErrorKind::InvalidData)?;
        self.put(DATA, &[b"done ", run, b"\n\n", body_of(&message)?]);
        self.line.flush()
    }

    fn call(&mut self, name: &str, body: &[u8]) -> io::Result<&[u8]> {
        let words = format!("call {} {name} 20000", self.next_id());
        self.put_words(&words, body);
        self.line.flush()?;
        body_of(self.next("answer ")?)
    }

    fn line(&mut self) -> (&mut Line, &'static [u8]) {
        (&mut self.line, &[0, 0, 0, 1, HEARTBEAT])
    }
}
