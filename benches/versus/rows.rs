//! Row: one thing that all contenders do, and how it is measured.

use std::error::Error;
use std::time::Instant;

use crate::contender::{Contender, Place, Player};

/// What is told of a row.
#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    /// Messages, or deliveries, a second.
    PerSecond,
    /// Microseconds: the fewer the better.
    Micros,
    /// KiB of resident memory: the fewer the better.
    Kibibytes,
    /// Seconds: the fewer the better.
    Seconds,
}

/// The shape of a measurement.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    /// One sends, the other receives.
    Pipe,
    /// There and back.
    RoundTrip,
    /// One publishes to many.
    Publish,
    /// The same through a broker.
    Relay,
    /// One shares work out to many.
    Share,
    /// Many that are there, all of them dialling at once.
    Idle,
}

/// One measurement; it fills one line of the table, or two.
pub struct Row {
    /// What the table calls it.
    pub title: String,
    /// How it is measured.
    pub shape: Shape,
    /// `tcp` or `ipc`.
    pub transport: &'static str,
    /// Bytes in a message.
    pub size: usize,
    /// How many there are on the far side.
    pub peers: usize,
    /// `--opt`, which those who do not know it ignore.
    pub option: Option<&'static str>,
}

/// The lines that a shape fills: what is behind the title, and the unit.
pub fn lines(shape: Shape) -> &'static [(&'static str, Unit)] {
    match shape {
        Shape::RoundTrip => &[(", p50", Unit::Micros), (", p99", Unit::Micros)],
        Shape::Idle => &[
            (", memory each", Unit::Kibibytes),
            (", all up", Unit::Seconds),
        ],
        Shape::Relay => &[
            ("", Unit::PerSecond),
            (", the clients' processor time a delivery", Unit::Micros),
        ],
        _ => &[("", Unit::PerSecond)],
    }
}

/// All rows over one transport.
pub fn rows(transport: &'static str, is_quick: bool) -> Vec<Row> {
    let row = |title: &str, shape, size, peers, option| Row {
        title: format!("{transport}: {title}"),
        shape,
        transport,
        size,
        peers,
        option,
    };
    let mut rows = vec![
        row("1 to 1, 16 B", Shape::Pipe, 16, 1, None),
        row("1 to 1, 64 B", Shape::Pipe, 64, 1, None),
        row("1 to 1, 1 KiB", Shape::Pipe, 1 << 10, 1, None),
        row("1 to 1, 8 KiB", Shape::Pipe, 8 << 10, 1, None),
        row("1 to 1, 64 KiB", Shape::Pipe, 64 << 10, 1, None),
        row("1 to 1, 1 MiB", Shape::Pipe, 1 << 20, 1, None),
        row(
            "at least once, 64 B",
            Shape::Pipe,
            64,
            1,
            Some("delivery=at-least-once"),
        ),
        row(
            "8 threads send, 64 B",
            Shape::Pipe,
            64,
            1,
            Some("senders=8"),
        ),
        row("round trip, 64 B", Shape::RoundTrip, 64, 1, None),
        row("publish 64 B to 10", Shape::Publish, 64, 10, None),
        row("publish 64 B to 100", Shape::Publish, 64, 100, None),
        row("publish 64 B to 1,000", Shape::Publish, 64, 1_000, None),
        row("publish 1 KiB to 100", Shape::Publish, 1 << 10, 100, None),
        row("in turn to 8 workers, 64 B", Shape::Share, 64, 8, None),
    ];
    if transport == "tcp" {
        rows.push(row("1,000 peers", Shape::Idle, 64, 1_000, None));
        rows.push(row("5,000 peers", Shape::Idle, 64, 5_000, None));
    }
    if is_quick {
        let is_short = |row: &Row| [64, 64 << 10].contains(&row.size) && row.peers <= 100;
        rows.retain(is_short);
    }
    rows
}

/// All rows of what brokers do.
pub fn broker_rows(is_quick: bool) -> Vec<Row> {
    let row = |title: &str, shape, peers, option| Row {
        title: format!("broker: {title}"),
        shape,
        transport: "tcp",
        size: 64,
        peers,
        option,
    };
    let (beside, others) = match is_quick {
        true => ("64 B to 1, beside 10,000 topics", "others=10000"),
        false => ("64 B to 1, beside 100,000 topics", "others=100000"),
    };
    vec![
        row("64 B to 1", Shape::Relay, 1, None),
        row("64 B to 10", Shape::Relay, 10, None),
        row("64 B to 100", Shape::Relay, 100, None),
        row(beside, Shape::Relay, 1, Some(others)),
        row("call, 64 B", Shape::RoundTrip, 1, None),
    ]
}

impl Row {
    /// How many messages take about `seconds`; a short run tells.
    pub fn calibrate(&self, contender: &Contender, seconds: f64) -> Result<u64, Box<dyn Error>> {
        let (first, least, most) = match self.shape {
            Shape::RoundTrip => (500, 500, 100_000),
            Shape::Idle => return Ok(1),
            Shape::Publish | Shape::Relay => (3 * self.window(), 3 * self.window(), 10_000_000),
            // Who has no bound keeps all of it in memory: 3 GB.
            _ => (
                (300_000_000 / self.size as u64).clamp(100, 200_000),
                100,
                3_000_000_000 / (self.size as u64 + 100),
            ),
        };
        let start = Instant::now();
        let figures = self.measure(contender, first)?;
        let pace = match self.shape {
            Shape::RoundTrip => 1e6 / figures[0],
            Shape::Publish | Shape::Relay => figures[0] / self.peers as f64,
            _ => figures[0],
        };
        // A sender that queues without end would be timed by its memory: the short run bounds it.
        let pace = pace.min(first as f64 * 1e3 / start.elapsed().as_secs_f64().max(1e-3));
        let count = ((pace * seconds) as u64).clamp(least, most);
        Ok(match self.shape {
            Shape::Publish | Shape::Relay => count.next_multiple_of(self.window()),
            _ => count,
        })
    }

    /// One measurement: a figure for each of the lines.
    pub fn measure(&self, contender: &Contender, count: u64) -> Result<Vec<f64>, Box<dyn Error>> {
        let place = Place::new()?;
        let address = place.address(self.transport)?;
        let words = |role| self.words(contender, role, count, &address);
        let (first, second) = self.roles();
        let (first, second) = (words(first), words(second));
        let here = Player::start(contender, &first, &place)?;
        here.expect("READY")?;
        let (before, start) = (here.resident()?, Instant::now());
        let busy = here.busy()?;
        let there = Player::start(contender, &second, &place)?;
        if self.shape == Shape::Idle {
            there.expect("UP")?;
            let seconds = start.elapsed().as_secs_f64();
            return Ok(vec![
                (here.resident()? - before) / self.peers as f64,
                seconds,
            ]);
        }
        let teller = if self.shape == Shape::Pipe {
            &here
        } else {
            &there
        };
        let figures = teller.expect("RESULT")?;
        if self.shape == Shape::RoundTrip {
            return Ok(vec![figures.get("p50_us")?, figures.get("p99_us")?]);
        }
        let (messages, bad) = (figures.get("msgs")?, figures.get("bad")?);
        if bad > 0.0 {
            return Err(format!("{bad} messages were wrong or lost").into());
        }
        let mut told = vec![messages / figures.get("secs")?];
        if self.shape == Shape::Relay {
            let busy = here.busy()? + there.busy()? - busy;
            told.push(busy * 1e6 / messages);
        }
        Ok(told)
    }

    /// Who begins, and who comes when that one is ready.
    fn roles(&self) -> (&'static str, &'static str) {
        match self.shape {
            Shape::Pipe => ("throughput-recv", "throughput-send"),
            Shape::RoundTrip => ("latency-echo", "latency-ping"),
            Shape::Publish | Shape::Relay => ("fanout-pub", "fanout-sub"),
            Shape::Share => ("share-send", "share-recv"),
            Shape::Idle => ("idle-server", "idle-client"),
        }
    }

    fn words(&self, contender: &Contender, role: &str, count: u64, address: &str) -> Vec<String> {
        let warmup = match self.shape {
            Shape::Publish | Shape::Relay | Shape::Idle => 0,
            _ => (count / 20).max(20),
        };
        let mut words = vec![role.to_owned(), "--addr".to_owned(), address.to_owned()];
        let numbers = [
            ("--size", self.size as u64),
            ("--count", count),
            ("--warmup", warmup),
            ("--peers", self.peers as u64),
            ("--window", self.window()),
            ("--ack-fd", 9),
        ];
        words.extend(
            numbers
                .iter()
                .flat_map(|(flag, value)| [flag.to_string(), value.to_string()]),
        );
        let options = self.option.iter().chain(&contender.option);
        words.extend(options.flat_map(|option| ["--opt".to_owned(), option.to_string()]));
        words
    }

    /// How many messages subscribers confirm together.
    fn window(&self) -> u64 {
        match self.peers {
            0..=10 => 2_000,
            peers => (40_000 / peers as u64).max(100),
        }
    }
}
