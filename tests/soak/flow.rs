//! Flow: one stream of messages on its way out, at a rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jackfield::{Error, Identity, Socket};

use crate::body::{self, Kind, Stream};
use crate::random::Random;
use crate::stage::{Act, Stage};

const TICK: Duration = Duration::from_millis(10);

/// How long a send may wait for room; then its turn comes again.
const PATIENCE: Duration = Duration::from_millis(20);

pub struct Flow {
    pub stream: Stream,
    pub socket: Socket,
    pub to: Option<Identity>,
    /// Messages a second.
    pub rate: f64,
    /// Messages accepted so far.
    pub sent: Arc<AtomicU64>,
}

/// Sends all flows until the run hushes.
pub fn pour(stage: &Stage, flows: &[Flow], random: &mut Random) {
    stage.await_act(Act::Going);
    let mut credits = vec![0.0; flows.len()];
    let mut last = Instant::now();
    while stage.act() == Act::Going {
        let passed = last.elapsed().as_secs_f64();
        last = Instant::now();
        for (flow, credit) in flows.iter().zip(&mut credits) {
            // Now and then as much at once as in half a second.
            let burst = if random.chance(4) { 0.5 } else { 0.0 };
            *credit = (*credit + flow.rate * (passed + burst)).min(flow.rate.max(1.0));
            while *credit >= 1.0 && flow.send(random) {
                *credit -= 1.0;
            }
        }
        stage.pass(TICK);
    }
}

impl Flow {
    /// Says whether there was room.
    fn send(&self, random: &mut Random) -> bool {
        let sequence = self.sent.load(Ordering::Relaxed);
        let body = body::write(self.stream, sequence, length(self.stream.kind, random));
        let result = match (self.to, self.stream.kind) {
            (Some(to), _) => self.socket.try_send_to(to, body),
            (None, Kind::News) => self.socket.publish(body),
            (None, _) => self.socket.send_timeout(body, PATIENCE),
        };
        match result.map_err(|error| error.reason) {
            Ok(_) => self.sent.store(sequence + 1, Ordering::Relaxed),
            Err(Error::Full | Error::Timeout | Error::NoPeer | Error::Closed) => return false,
            Err(error) => panic!("{}: {error}", self.stream),
        }
        true
    }
}

/// Mostly small, some large, a few very large.
fn length(kind: Kind, random: &mut Random) -> usize {
    let most = match random.within(0..1_000) {
        0 => 512 * 1024,
        1..40 => 16 * 1024,
        _ => 200,
    };
    // A published message goes out many times.
    let most = if kind == Kind::News {
        most.min(64 * 1024)
    } else {
        most
    };
    random.within(body::HEADER as u64..most) as usize
}
