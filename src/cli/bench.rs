//! The verb `bench`: how fast a broker is that runs.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Bus, Error};

use crate::cli::arguments::Arguments;
use crate::cli::body;
use crate::cli::client::{self, ADDRESS, TIMEOUT};
use crate::cli::failure::Failure;
use crate::cli::histogram::Histogram;
use crate::cli::output::{Output, Style};
use crate::cli::progress::Progress;
use crate::cli::quantity;
use crate::cli::table::{Head, Table};
use crate::cli::verb::{Flag, Verb};

const MESSAGES: Flag = Flag::value(
    Some('n'),
    "--messages",
    "COUNT",
    "how many for the rate, and a tenth of it for each latency; default: 100000",
);
const SIZE: Flag = Flag::value(
    Some('s'),
    "--size",
    "BYTES",
    "how long each body is; default: 100",
);

pub(crate) const VERB: Verb = Verb {
    name: "bench",
    synopsis: "",
    summary: "Measures a broker that runs: rate and latency.\n\n\
        Two clients of this process publish, subscribe and call through it. The rate is that of\n\
        one publisher and one subscriber with up to 4,096 messages under way; a latency is that of\n\
        one message, or one call and its answer, at a time, and nothing else under way.",
    flags: &[MESSAGES, SIZE, TIMEOUT, ADDRESS],
    words: (0, 0),
    takes_command: false,
    run,
};

/// Messages that are published in one go, and how many such goes may be under way.
const BATCH: u64 = 256;
const BATCHES: u64 = 16;

/// The first ones find everything cold, and do not count.
const COLD: u64 = 100;

struct Bench {
    near: Bus,
    far: Bus,
    topic: String,
    body: Vec<u8>,
    messages: u64,
    patience: Duration,
}

/// What came of so many messages at full speed.
struct Flow {
    arrived: u64,
    time: Duration,
}

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let size = arguments.count(SIZE.long, 100, body::MOST)?;
    let messages = arguments.count(MESSAGES.long, 100_000, u64::MAX)?;
    let bench = Bench {
        near: client::reach(arguments)?,
        far: client::reach(arguments)?,
        topic: format!("bench/{:x}", RandomState::new().hash_one(messages)),
        body: vec![b'x'; size as usize],
        messages,
        patience: client::timeout(arguments)?,
    };
    let flow = bench.flow()?;
    bench.tell_flow(&flow, output)?;
    if flow.arrived < bench.messages {
        let lost = quantity::count(bench.messages - flow.arrived);
        return Err(Failure::Failed(format!("{lost} messages did not arrive")));
    }
    let events = bench.events()?;
    let calls = bench.calls()?;
    tell_latencies(&events, &calls, output)?;
    for (name, times) in [
        ("publish to subscriber", &events),
        ("call and answer", &calls),
    ] {
        writeln!(output, "\n{}", output.paint(name, Style::Strong))?;
        for line in times.lines(output.width().min(100)) {
            writeln!(output, "{line}")?;
        }
    }
    Ok(())
}

impl Bench {
    /// Everything that may be under way is.
    fn flow(&self) -> Result<Flow, Failure> {
        let subscription = self.far.subscribe(&self.topic)?;
        let (credit, credits) = mpsc::channel();
        for _ in 0..BATCHES {
            credit.send(()).expect("its receiver is here");
        }
        let mut progress = Progress::new("rate", self.messages);
        let begin = Instant::now();
        thread::scope(|scope| {
            let publisher = thread::Builder::new().spawn_scoped(scope, move || self.pour(&credits));
            let publisher = publisher.map_err(|error| Failure::Failed(error.to_string()))?;
            let (mut arrived, mut last) = (0, begin);
            while arrived < self.messages && subscription.recv_timeout(self.patience).is_ok() {
                arrived += 1;
                last = Instant::now();
                if arrived % BATCH == 0 {
                    progress.tell(arrived);
                    // The publisher has ended when it has published all.
                    credit.send(()).ok();
                }
            }
            drop(credit);
            publisher.join().expect("the publisher does not panic")?;
            let time = last - begin;
            Ok(Flow { arrived, time })
        })
    }

    /// Publishes a batch for each credit.
    fn pour(&self, credits: &Receiver<()>) -> Result<(), Error> {
        let mut left = self.messages;
        while left > 0 && credits.recv().is_ok() {
            let batch = left.min(BATCH);
            for _ in 0..batch {
                self.near.publish(&self.topic, &self.body)?;
            }
            left -= batch;
        }
        Ok(())
    }

    fn events(&self) -> Result<Histogram, Failure> {
        let subscription = self.far.subscribe(&self.topic)?;
        self.measure("messages", || {
            self.near.publish(&self.topic, &self.body)?;
            subscription.recv_timeout(self.patience).map(drop)
        })
    }

    fn calls(&self) -> Result<Histogram, Failure> {
        let _serving = self.far.serve(&self.topic, |job| {
            let body = job.body().to_vec();
            job.reply(body);
        })?;
        self.measure("calls", || {
            let answer = self
                .near
                .call_timeout(&self.topic, &self.body, self.patience);
            answer.map(drop)
        })
    }

    /// How long each of many times takes.
    fn measure(
        &self,
        what: &'static str,
        once: impl Fn() -> Result<(), Error>,
    ) -> Result<Histogram, Failure> {
        let count = (self.messages / 10).max(1);
        let mut progress = Progress::new(what, count);
        for _ in 0..COLD.min(count) {
            once()?;
        }
        let mut times = Vec::new();
        for number in 0..count {
            let begin = Instant::now();
            once()?;
            times.push(begin.elapsed());
            progress.tell(number);
        }
        Ok(Histogram::new(times))
    }

    fn tell_flow(&self, flow: &Flow, output: &mut Output) -> io::Result<()> {
        let rate = quantity::rate(flow.arrived, flow.time);
        let rate = output.paint(&rate, Style::Strong);
        let (count, size) = (quantity::count(flow.arrived), self.body.len());
        let time = quantity::time(flow.time);
        writeln!(
            output,
            "rate  {rate}  ({count} messages of {size} bytes in {time})\n"
        )
    }
}

fn tell_latencies(events: &Histogram, calls: &Histogram, output: &mut Output) -> io::Result<()> {
    let parts = [0.5, 0.9, 0.99, 0.999, 1.0];
    let mut table = Table::new([
        Head::Left("latency"),
        Head::Right("median"),
        Head::Right("90 %"),
        Head::Right("99 %"),
        Head::Right("99.9 %"),
        Head::Right("longest"),
    ]);
    for (name, times) in [
        ("publish to subscriber", events),
        ("call and answer", calls),
    ] {
        let [a, b, c, d, e] = parts.map(|part| quantity::time(times.percentile(part)));
        table.push([name.to_owned(), a, b, c, d, e]);
    }
    for line in table.lines(output.width()) {
        writeln!(output, "{line}")?;
    }
    Ok(())
}
