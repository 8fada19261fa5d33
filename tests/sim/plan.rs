//! Plan: what a seed means: nodes, who dials whom, and what happens to them when.

use std::time::Duration;

use super::net::{Cut, between};
use crate::config::Config;
use crate::policy::{AckMode, Delivery, Heartbeat, Limit, Overflow, Pauses};
use crate::proto::backoff::Rng;

pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) nodes: Vec<NodePlan>,
    pub(crate) latency: (Duration, Duration),
    /// What happens, in order of time.
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone)]
pub(crate) struct NodePlan {
    pub(crate) config: Config,
    /// Nodes that it dials; the same one twice is two endpoints of it.
    pub(crate) dials: Vec<usize>,
    /// How long its application takes for a few messages.
    pub(crate) pace: Duration,
    /// A hook is asked about every peer, and takes this long.
    pub(crate) hook: Option<Duration>,
    /// Its application is told who comes and goes, and answers in sessions.
    pub(crate) answers: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) what: Op,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// `node` sends `count` messages, each to whoever is next.
    Send { node: usize, count: u8, len: usize },
    /// `node` publishes `count` messages.
    Publish { node: usize, count: u8, len: usize },
    /// `node` sends to what node `to` is called, and may publish between that.
    SendTo {
        node: usize,
        to: usize,
        count: u8,
        len: usize,
        publishes: bool,
    },
    /// The connection is cut when so many more bytes went from one side.
    Cut {
        nth: u64,
        side: usize,
        after: usize,
        how: Cut,
    },
    /// What one side (or both) writes never arrives.
    Swallow { nth: u64, side: usize, both: bool },
    /// What one side writes arrives only after a while.
    Stall {
        nth: u64,
        side: usize,
        time: Duration,
    },
    /// The application of `node` does not receive for a while.
    Deafen { node: usize, time: Duration },
    /// The system stops `node` for a while.
    Stop { node: usize, time: Duration },
    /// Nobody can connect to `node` for a while.
    Refuse { node: usize, time: Duration },
    /// `node` is killed and started again.
    Restart { node: usize, keeps_identity: bool },
    /// `node` closes, and is started again when it has.
    Close { node: usize, linger: Duration },
    /// `node` stops dialling, and dials again at once.
    Redial { node: usize },
    /// Connections become slower or faster.
    Latency { min: Duration, max: Duration },
}

/// The largest message that anyone sends.
const LARGEST: usize = 120_000;

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Plan {
        let mut rng = Rng::new(seed ^ 0x6a61_636b);
        let count = 2 + rng.below(4) as usize;
        // Peers agree on how often they are heard.
        let beat = millis([500, 1_000, 5_000][rng.below(3) as usize]);
        let beat = (beat, beat * (2 + rng.below(3) as u32));
        let mut nodes: Vec<NodePlan> = (0..count).map(|_| node(&mut rng, beat)).collect();
        for _ in 0..count + rng.below(3) as usize {
            let (from, to) = (rng.below(count as u64), rng.below(count as u64) as usize);
            nodes[from as usize].dials.push(to);
        }
        let time = between(&mut rng, millis(500), millis(30_000));
        let steps = 5 + rng.below(60);
        let has_faults = rng.below(5) > 0;
        let mut steps: Vec<Step> = (0..steps)
            .map(|_| Step {
                at: between(&mut rng, Duration::ZERO, time),
                what: op(&mut rng, count, has_faults),
            })
            .collect();
        steps.sort_by_key(|step| step.at);
        let latency = latency(&mut rng);
        nodes
            .iter_mut()
            .for_each(|node| node.answers = rng.below(2) == 0);
        Plan {
            seed,
            nodes,
            latency,
            steps,
        }
    }

    pub(crate) fn with_steps(&self, steps: Vec<Step>) -> Plan {
        Plan {
            seed: self.seed,
            nodes: self.nodes.clone(),
            latency: self.latency,
            steps,
        }
    }
}

fn latency(rng: &mut Rng) -> (Duration, Duration) {
    let min = Duration::from_micros([10, 100, 1_000, 40_000][rng.below(4) as usize]);
    (min, min * (1 + rng.below(5) as u32))
}

fn node(rng: &mut Rng, beat: (Duration, Duration)) -> NodePlan {
    let mut config = Config::default();
    if rng.below(2) == 0 {
        config = config.delivery(Delivery::AtLeastOnce);
    }
    if rng.below(4) == 0 {
        config = config.ack_mode(AckMode::Manual);
    }
    config = match rng.below(8) {
        0 => config.overflow(Overflow::DropNewest),
        1 => config.overflow(Overflow::DropOldest),
        2 => config.overflow(Overflow::Disconnect),
        3 => config.overflow(Overflow::Block),
        _ => config,
    };
    config = times(rng, config, beat);
    config = queues(rng, config);
    let pace = Duration::from_micros([20, 1_000, 30_000][rng.below(3) as usize]);
    let hook = (rng.below(6) == 0).then(|| Duration::from_millis(rng.below(200)));
    if hook.is_some() {
        config = config.authorize(|_| true);
    }
    NodePlan {
        config,
        dials: Vec::new(),
        pace,
        hook,
        answers: false,
    }
}

fn times(rng: &mut Rng, config: Config, beat: (Duration, Duration)) -> Config {
    let redial = millis(50 + rng.below(200));
    let resend = millis(200 + rng.below(2_000));
    config
        .heartbeat(Heartbeat {
            interval: beat.0,
            timeout: beat.1,
        })
        .redial(Pauses {
            first: redial,
            max: redial * (1 + rng.below(20) as u32),
        })
        .stable_after(millis(1_000 + rng.below(10_000)))
        .resend(Pauses {
            first: resend,
            max: resend * (1 + rng.below(8) as u32),
        })
        .handshake_timeout(millis(500 + rng.below(5_000)))
        .slow_peer_timeout(millis(1_000 + rng.below(10_000)))
        .absent_ttl(millis(500 + rng.below(30_000)))
}

fn queues(rng: &mut Rng, mut config: Config) -> Config {
    if rng.below(3) == 0 {
        config = config.outbox(Limit {
            messages: 1 + rng.below(20) as usize,
            bytes: 200 + rng.below(20_000) as usize,
        });
    }
    if rng.below(3) == 0 {
        config = config.inbox(Limit {
            messages: 1 + rng.below(20) as usize,
            bytes: 200 + rng.below(20_000) as usize,
        });
    }
    if rng.below(4) == 0 {
        config = config.unacknowledged(1 + rng.below(10) as usize);
    }
    if rng.below(3) == 0 {
        config = config.max_resends(rng.below(3) as u32);
    }
    if rng.below(6) == 0 {
        // Twice the largest message, and a little.
        let budget = 2 * LARGEST + rng.below(40_000) as usize;
        config = config.max_message(LARGEST).memory_budget(budget);
    }
    if rng.below(6) == 0 {
        config = config.ack_within(millis(100 + rng.below(2_000)));
    }
    config
}

fn op(rng: &mut Rng, count: usize, has_faults: bool) -> Op {
    let node = rng.below(count as u64) as usize;
    let to = rng.below(count as u64) as usize;
    let len = match rng.below(30) {
        0 => 16 * 1024 + rng.below(2_000) as usize,
        1 => LARGEST - rng.below(50_000) as usize,
        _ => 8 + rng.below(400) as usize,
    };
    let burst = match len {
        0..10_000 => 1 + rng.below(20) as u8,
        _ => 1 + rng.below(3) as u8,
    };
    let time = millis([50, 1_000, 20_000][rng.below(3) as usize]);
    let time = between(rng, Duration::ZERO, time);
    let (nth, side) = (rng.next(), rng.below(2) as usize);
    let how = [Cut::Fin, Cut::Reset][rng.below(2) as usize];
    match rng.below(if has_faults { 30 } else { 16 }) {
        0..=5 => Op::Send {
            node,
            count: burst,
            len,
        },
        6..=9 => Op::Publish {
            node,
            count: burst,
            len,
        },
        10..=15 => Op::SendTo {
            node,
            to,
            count: burst,
            len,
            publishes: rng.below(3) == 0,
        },
        16..=19 => {
            let after = [0, 40, 3_000][rng.below(3) as usize];
            let after = rng.below(after + 1) as usize;
            Op::Cut {
                nth,
                side,
                after,
                how,
            }
        }
        20 => Op::Swallow {
            nth,
            side,
            both: rng.below(2) == 0,
        },
        21 | 22 => Op::Stall { nth, side, time },
        23 => Op::Deafen { node, time },
        24 => Op::Stop { node, time },
        25 => Op::Refuse { node, time },
        26 => Op::Restart {
            node,
            keeps_identity: rng.below(2) == 0,
        },
        27 => Op::Close {
            node,
            linger: time / 4,
        },
        28 => Op::Redial { node },
        _ => {
            let (min, max) = latency(rng);
            Op::Latency { min, max }
        }
    }
}
