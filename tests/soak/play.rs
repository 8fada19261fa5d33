//! Play: what a child process does, from its sockets to its last line.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Event, Socket, Stats};

use crate::body::{self, Kind, Stream};
use crate::cast::{self, Fate, Line, Role};
use crate::flow::{self, Flow};
use crate::random::Random;
use crate::receiver::Receiver;
use crate::stage::{Act, Stage};

const REPORTS: Duration = Duration::from_millis(500);

/// How long a close may wait for what is queued.
pub const LINGER: Duration = Duration::from_secs(2);

/// Messages a second of one stream, when nothing is wrong.
fn rate(kind: Kind) -> f64 {
    match kind {
        Kind::News => 800.0,
        Kind::Jobs => 2_000.0,
        Kind::Down | Kind::Up => 150.0,
        Kind::DownSure | Kind::UpSure => 80.0,
    }
}

struct Play {
    stage: &'static Stage,
    sockets: BTreeMap<Line, Socket>,
    sent: Vec<(Stream, Arc<AtomicU64>)>,
}

pub fn perform(stage: &'static Stage) {
    let mut play = Play {
        stage,
        sockets: BTreeMap::new(),
        sent: Vec::new(),
    };
    for (line, _) in cast::of(stage.who).sockets() {
        play.open(line);
    }
    play.listen();
    play.send();
    if cast::of(stage.who).fate == Fate::Fickle {
        play.waver();
    }
    while stage.act() < Act::Leaving {
        play.report();
        stage.pass(REPORTS);
    }
    play.leave();
}

impl Play {
    fn open(&mut self, line: Line) {
        let stage = self.stage;
        let socket = Socket::new(cast::config(stage.who, line)).expect("a good config");
        let events = socket.events();
        thread::spawn(move || events.for_each(|event| watch(stage, line, event)));
        let mine = stage
            .endpoints
            .iter()
            .filter(|(name, _)| *name == line.name());
        for (_, endpoint) in mine {
            match cast::of(stage.who).role {
                Role::Member => socket.connect(endpoint).expect("an endpoint"),
                _ => drop(socket.bind(endpoint).expect("the endpoint is free")),
            }
        }
        self.sockets.insert(line, socket);
    }

    /// Plain lines have a receiver each; the sure ones of a member share one.
    fn listen(&self) {
        let character = cast::of(self.stage.who);
        let (sure, plain): (Vec<_>, Vec<_>) = self
            .sockets
            .iter()
            .partition(|(line, _)| matches!(line, Line::Jobs | Line::Sure));
        let all = plain.into_iter().map(|(_, socket)| vec![socket.clone()]);
        let together = sure.into_iter().map(|(_, socket)| socket.clone()).collect();
        for (sockets, number) in all.chain([together]).filter(|all| !all.is_empty()).zip(1..) {
            let is_first = number == 1;
            let receiver = Receiver {
                sockets,
                refuses: if character.is_calm() { 0 } else { 5 },
                rests: is_first && character.fate == Fate::Slow,
                random: Random::new(self.stage.seed ^ number),
            };
            let stage = self.stage;
            thread::spawn(move || receiver.listen(stage));
        }
    }

    fn send(&mut self) {
        let kinds: &[Kind] = match cast::of(self.stage.who).role {
            Role::News => &[Kind::News],
            Role::Boss => &[Kind::Jobs],
            Role::Desk => &[Kind::Down, Kind::DownSure],
            Role::Member => &[Kind::Up, Kind::UpSure],
        };
        for kind in kinds {
            let flows = self.flows(*kind);
            let mut random = Random::new(self.stage.seed ^ (*kind as u64) << 8);
            let stage = self.stage;
            thread::spawn(move || flow::pour(stage, &flows, &mut random));
        }
    }

    fn flows(&mut self, kind: Kind) -> Vec<Flow> {
        let targets: Vec<Option<u8>> = match kind {
            Kind::Down | Kind::DownSure => cast::members().map(Some).collect(),
            _ => vec![None],
        };
        let line = Line::carrying(kind);
        let flows = targets.into_iter().map(|target| Flow {
            stream: Stream {
                process: self.stage.who,
                instance: self.stage.instance,
                kind,
                target,
            },
            socket: self.sockets[&line].clone(),
            to: target.map(|who| cast::identity(who, line)),
            rate: rate(kind),
            sent: Arc::default(),
        });
        let flows: Vec<Flow> = flows.collect();
        let sent = flows.iter().map(|flow| (flow.stream, flow.sent.clone()));
        self.sent.extend(sent);
        flows
    }

    /// Leaves a peer from time to time, politely, and comes back.
    fn waver(&self) {
        let (stage, sockets) = (self.stage, self.sockets.clone());
        let mut random = Random::new(stage.seed ^ 77);
        thread::spawn(move || {
            stage.await_act(Act::Going);
            while stage.act() == Act::Going {
                stage.pass(Duration::from_millis(random.within(100..2_000)));
                let (name, endpoint) = random.pick(&stage.endpoints);
                let socket = &sockets[&Line::of(name).expect("a line")];
                let was_dialled = socket.disconnect(endpoint).expect("an endpoint");
                assert!(was_dialled, "{endpoint} was dialled");
                stage.note(&format!("{name}: leaves {endpoint}"));
                stage.pass(Duration::from_millis(random.within(0..500)));
                socket.connect(endpoint).expect("an endpoint");
            }
        });
    }

    fn report(&self) {
        let mut lines = String::new();
        for (line, socket) in &self.sockets {
            let stats = socket.stats();
            if let Some(fault) = unbalanced(&stats) {
                writeln!(lines, "fault law {}: {fault}", line.name()).expect("a string takes it");
            }
            let peers = socket.peers().len();
            writeln!(
                lines,
                "stats {} peers={peers} {}",
                line.name(),
                counters(&stats)
            )
            .expect("a string takes it");
        }
        for (stream, sent) in &self.sent {
            let sent = sent.load(Ordering::Relaxed);
            writeln!(lines, "sent {stream} {sent}").expect("a string takes it");
        }
        self.stage.say(lines.trim_end());
    }

    /// At the end of a run everything has arrived, and a close has nothing to report; one that
    /// leaves earlier has.
    fn leave(&self) {
        self.report();
        thread::scope(|scope| {
            for (line, socket) in &self.sockets {
                scope.spawn(|| {
                    let begin = Instant::now();
                    let report = socket.close_within(LINGER);
                    let took = begin.elapsed().as_millis();
                    let left = report.unacknowledged.len() + report.unsent.len();
                    let name = line.name();
                    self.stage.say(&format!("closed {name} {left} {took}"));
                });
            }
        });
        self.report();
        self.stage.say("done");
    }
}

/// The law: every accepted message stands in exactly one counter.
fn unbalanced(stats: &Stats) -> Option<String> {
    let placed = stats.acknowledged
        + stats.written
        + stats.in_doubt
        + stats.dropped()
        + stats.waiting
        + stats.handed_back;
    (stats.accepted != placed).then(|| format!("{placed} are placed of {stats:?}"))
}

fn counters(stats: &Stats) -> String {
    let all = [
        ("accepted", stats.accepted),
        ("acknowledged", stats.acknowledged),
        ("written", stats.written),
        ("in_doubt", stats.in_doubt),
        ("dropped", stats.dropped()),
        ("waiting", stats.waiting),
        ("handed_back", stats.handed_back),
        ("received", stats.received),
        ("duplicates", stats.duplicates),
        ("resent", stats.resent),
        ("stray_acks", stats.stray_acks),
        ("skipped", stats.skipped),
        ("events_lost", stats.events_lost),
        ("peers_up", stats.peers_up),
    ];
    let words = all.map(|(name, count)| format!("{name}={count}"));
    words.join(" ")
}

fn watch(stage: &Stage, line: Line, event: Event) {
    let name = line.name();
    stage.note(&format!("{name}: {event:.100?}"));
    match event {
        Event::PeerDown {
            peer,
            reason,
            in_doubt,
        } => {
            let (peer, reason) = (cast::owner(peer), reason.to_string().replace(' ', "-"));
            stage.say(&format!("down {name} {peer} {in_doubt} {reason}"));
        }
        Event::Dropped {
            peer,
            reason,
            count,
        } => {
            let peer = peer.map_or("-".to_string(), |peer| cast::owner(peer).to_string());
            stage.say(&format!("dropped {name} {peer} {count} {reason:?}"));
        }
        Event::GaveUp { message, .. } => match body::read(&message) {
            Ok((stream, sequence)) => stage.say(&format!("back {stream} {sequence}")),
            Err(fault) => stage.say(&format!("fault corrupt handed back: {fault}")),
        },
        _ => {}
    }
}
