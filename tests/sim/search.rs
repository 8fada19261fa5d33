//! Search: runs seeds, and finds the fewest steps that still break a promise.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use super::node::{Outgoing, State, To};
use super::plan::{Op, Plan};
use super::world::World;

/// What a healed network may take to come back, beyond the times that are configured.
const SLACK: Duration = Duration::from_secs(2);

/// What may still wait then (resends, messages for peers that are away) has this long.
const PATIENCE: Duration = Duration::from_secs(200);

/// Failures shown before a run ends.
const ENOUGH: usize = 3;

thread_local! {
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

pub(crate) fn run_all(seeds: Range<u64>) {
    let mut failures = Vec::new();
    for seed in seeds {
        if let Err(failure) = run(&Plan::new(seed)) {
            failures.push(explain(seed, failure));
            if failures.len() == ENOUGH {
                break;
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// What a seed leads to, as a short text.
pub(crate) fn trace(seed: u64) -> String {
    let mut world = World::new(Plan::new(seed));
    live(&mut world);
    let stats: Vec<_> = world.nodes.iter().map(|node| node.hub.stats()).collect();
    format!("{} {:?} {stats:?}", world.happened, world.now - world.start)
}

/// What happens in some of the seeds, in words.
pub(crate) fn reach(seeds: Range<u64>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for seed in seeds {
        let mut world = World::new(Plan::new(seed));
        live(&mut world);
        seen.append(&mut world.truth.seen);
        for stats in world.nodes.iter().map(|node| node.hub.stats()) {
            let counts = [
                ("resent", stats.resent),
                ("duplicates", stats.duplicates),
                ("in doubt", stats.in_doubt),
                ("stray acks", stats.stray_acks),
            ];
            let some = counts.iter().filter(|(_, count)| *count > 0);
            seen.extend(some.map(|(word, _)| word.to_string()));
        }
    }
    seen
}

/// Shows one seed, without looking for the fewest steps.
pub(crate) fn show(seed: u64) {
    let mut world = World::new(Plan::new(seed));
    world.is_traced = true;
    live(&mut world);
}

fn run(plan: &Plan) -> Result<(), String> {
    hush();
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| {
        live(&mut World::new(plan.with_steps(plan.steps.clone())));
    }));
    QUIET.set(false);
    result.map_err(|panic| match panic.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => panic
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("a panic")
            .to_string(),
    })
}

/// A panic that is looked for is not printed.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
}

/// Takes steps out for as long as what is left still fails, larger parts first.
fn explain(seed: u64, failure: String) -> String {
    let plan = Plan::new(seed);
    let (mut steps, mut failure) = (plan.steps.clone(), failure);
    let mut part = steps.len().div_ceil(2);
    while part > 0 {
        let mut from = 0;
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + part).min(steps.len()));
            match run(&plan.with_steps(fewer.clone())) {
                Err(other) => (steps, failure) = (fewer, other),
                Ok(()) => from += part,
            }
        }
        part /= 2;
    }
    let lines: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
    let again = format!("JACKFIELD_SEEDS={seed}..{}", seed + 1);
    let (nodes, steps) = (describe(&plan), lines.join("\n"));
    format!("seed {seed} ({again}): {failure}\n{nodes}\n{steps}\n")
}

fn describe(plan: &Plan) -> String {
    let nodes = plan.nodes.iter().enumerate().map(|(index, node)| {
        format!(
            "  node {index} dials {:?}, hook {:?}, {:?}",
            node.dials, node.hook, node.config
        )
    });
    nodes.collect::<Vec<_>>().join("\n")
}

/// From the first step to the last judgement.
fn live(world: &mut World) {
    let steps = world.plan.steps.iter();
    let end = steps
        .map(|step| step.at + length(step.what))
        .max()
        .unwrap_or_default();
    world.run_until(world.start + end);
    world.heal();
    world.run_until(world.now + come_back(world));
    world.check_links();
    let until = world.now + PATIENCE;
    while world.has_unfinished() && world.now < until {
        world.run_until(world.now + Duration::from_secs(1));
    }
    world.check_rest();
    world.check_turns();
    world.truth.judge(&world.nodes);
}

fn length(op: Op) -> Duration {
    match op {
        Op::Stall { time, .. }
        | Op::Deafen { time, .. }
        | Op::Stop { time, .. }
        | Op::Refuse { time, .. } => time,
        Op::Close { linger, .. } => linger + SLACK,
        _ => Duration::ZERO,
    }
}

/// Until when every link is to be up again: the slowest node finds out that a peer is silent,
/// dials in vain once more, waits, and shakes hands.
fn come_back(world: &World) -> Duration {
    let longest = |time: fn(&crate::config::Config) -> Duration| {
        let nodes = world.nodes.iter().map(|node| time(&node.config));
        nodes.max().unwrap_or_default()
    };
    let silent = longest(|config| config.heartbeat.timeout);
    let redial = longest(|config| config.redial.max);
    let handshake = longest(|config| config.handshake_timeout);
    silent * 2 + redial * 2 + handshake * 2 + SLACK
}

impl World {
    /// Whoever dials someone has that peer, and that peer has it.
    fn check_links(&self) {
        for node in &self.nodes {
            for target in &self.plan.nodes[node.id.index].dials {
                let other = &self.nodes[*target];
                if other.id.index != node.id.index {
                    self.check_link(node.id.index, *target);
                    self.check_link(*target, node.id.index);
                }
            }
        }
    }

    fn check_link(&self, from: usize, to: usize) {
        let them = self.nodes[to].me;
        let hub = &self.nodes[from].hub;
        let is_up = hub.peers().any(|(_, link)| link.peer == Some(them));
        assert!(is_up, "node {from} has no link to node {to}");
    }

    /// Something waits that can still go somewhere.
    fn has_unfinished(&self) -> bool {
        let waits = self.nodes.iter().any(|node| {
            let has_peers = node.hub.peer_count() > 0;
            has_peers && (node.hub.stats().waiting > 0 || !node.blocked.is_empty())
        });
        let reads = self
            .nodes
            .iter()
            .any(|node| node.lanes.ready() > 0 || node.front.is_some());
        let flies =
            |conn: &super::net::Conn| conn.pipes.iter().any(|pipe| !pipe.in_flight.is_empty());
        waits || reads || self.net.conns.values().any(flies)
    }

    fn check_rest(&self) {
        assert!(
            !self.has_unfinished(),
            "it does not come to rest: {}",
            self.leftovers()
        );
    }

    fn leftovers(&self) -> String {
        let nodes = self.nodes.iter().map(|node| {
            let (stats, blocked) = (node.hub.stats(), node.blocked.len());
            format!(
                "{:?}: waiting {}, blocked {blocked}",
                node.id, stats.waiting
            )
        });
        nodes.collect::<Vec<_>>().join("; ")
    }

    /// Peers that are all ready get the same number of messages, in turn.
    fn check_turns(&mut self) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let peers = node.hub.peer_count();
            if node.state != State::Open || peers < 2 {
                continue;
            }
            let before = self.truth.received_from(node.id);
            for _ in 0..3 * peers {
                self.send(
                    index,
                    Outgoing {
                        to: To::Next,
                        len: 8,
                    },
                );
                self.run_until(self.now + Duration::from_millis(50));
            }
            let after = self.truth.received_from(self.nodes[index].id);
            let got = after
                .iter()
                .map(|(to, count)| count - before.get(to).unwrap_or(&0));
            let turns: Vec<u64> = got.filter(|count| *count > 0).collect();
            assert_eq!(turns, vec![3; peers], "peers take turns");
        }
    }
}
