//! Body: what a message says about itself, so that whoever gets it can account for it.

use std::fmt;
use std::str::FromStr;

/// Which of a process's streams of messages this is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Published.
    News,
    /// At least once, each worker in turn.
    Jobs,
    /// By identity, at most once.
    Down,
    /// By identity, at least once.
    DownSure,
    /// To the one peer there is, at most once.
    Up,
    /// To the one peer there is, at least once.
    UpSure,
}

pub const KINDS: [Kind; 6] = [
    Kind::News,
    Kind::Jobs,
    Kind::Down,
    Kind::DownSure,
    Kind::Up,
    Kind::UpSure,
];

impl Kind {
    pub fn is_sure(self) -> bool {
        matches!(self, Kind::Jobs | Kind::DownSure | Kind::UpSure)
    }
}

/// A stream of messages, numbered from 0 without gaps as they were accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stream {
    pub process: u8,
    /// How often that process was started before.
    pub instance: u32,
    pub kind: Kind,
    /// The process it is for, where there is only one.
    pub target: Option<u8>,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.unwrap_or(NOBODY);
        let kind = self.kind as u8;
        write!(f, "{}.{}.{kind}.{target}", self.process, self.instance)
    }
}

impl FromStr for Stream {
    type Err = String;

    fn from_str(text: &str) -> Result<Stream, String> {
        let parts = text.split('.').map(|part| part.parse().ok());
        let parts: Option<Vec<u32>> = parts.collect();
        let Some(&[process, instance, kind, target]) = parts.as_deref() else {
            return Err(format!("no stream: {text}"));
        };
        Ok(Stream {
            process: process as u8,
            instance,
            kind: *KINDS.get(kind as usize).ok_or("no such kind")?,
            target: Some(target as u8).filter(|target| *target != NOBODY),
        })
    }
}

const NOBODY: u8 = 255;

const MAGIC: [u8; 4] = *b"soak";

pub const HEADER: usize = 24;

/// A message of `len` bytes, `HEADER` at least.
pub fn write(stream: Stream, sequence: u64, len: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(len);
    body.extend(MAGIC);
    body.extend([stream.process, stream.kind as u8]);
    body.extend([stream.target.unwrap_or(NOBODY), 0]);
    body.extend(stream.instance.to_be_bytes());
    body.extend(sequence.to_be_bytes());
    body.extend((len as u32).to_be_bytes());
    let first = sequence as u8;
    body.extend((HEADER..len).map(|index| first.wrapping_add((index % 251) as u8)));
    body
}

/// Whose message it is and which; what is wrong with it if it is not as it was written.
pub fn read(body: &[u8]) -> Result<(Stream, u64), String> {
    let Some((header, filler)) = body.split_at_checked(HEADER) else {
        return Err(format!("{} bytes are too few", body.len()));
    };
    let number = |from: usize| u32::from_be_bytes(header[from..from + 4].try_into().unwrap());
    let is_whole = header[..4] == MAGIC && number(20) as usize == body.len();
    let kind = KINDS.get(header[5] as usize).copied().filter(|_| is_whole);
    let Some(kind) = kind else {
        return Err(format!("{} bytes that begin {header:?}", body.len()));
    };
    let stream = Stream {
        process: header[4],
        instance: number(8),
        kind,
        target: Some(header[6]).filter(|target| *target != NOBODY),
    };
    let sequence = u64::from(number(12)) << 32 | u64::from(number(16));
    let first = sequence as u8;
    let mut indexed = filler.iter().zip(HEADER..);
    match indexed.find(|(byte, index)| **byte != first.wrapping_add((index % 251) as u8)) {
        None => Ok((stream, sequence)),
        Some((_, index)) => Err(format!("{stream} {sequence} is not itself at byte {index}")),
    }
}
