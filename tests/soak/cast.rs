//! Cast: the processes, what each does, and who is connected to whom.

use std::time::Duration;

use jackfield::{AckMode, Config, Delivery, Heartbeat, Identity, Limit, Pauses};

use crate::body::Kind;

/// A process, by its place in `CAST`.
pub struct Character {
    pub name: &'static str,
    pub role: Role,
    pub fate: Fate,
    pub way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Binds and publishes.
    News,
    /// Binds and hands out jobs, at least once.
    Boss,
    /// Binds, and talks with each member by name, at most once and at least once.
    Desk,
    /// Connects to all others: subscribes, works, and talks with the desk.
    Member,
}

/// What is done to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing: it must not notice what happens to the others.
    Calm,
    /// Its network is bad.
    Wired,
    /// It is killed and started again.
    Mortal,
    /// It is stopped for a while.
    Sleeper,
    /// It stops receiving for a while.
    Slow,
    /// It takes leave of its peers and comes back.
    Fickle,
}

/// How a member reaches the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Tcp,
    Unix,
    /// Through a proxy.
    WireTcp,
    WireUnix,
}

const fn character(name: &'static str, role: Role, fate: Fate, way: Way) -> Character {
    Character {
        name,
        role,
        fate,
        way,
    }
}

pub const CAST: [Character; 13] = [
    character("news", Role::News, Fate::Calm, Way::Tcp),
    character("boss", Role::Boss, Fate::Calm, Way::Tcp),
    character("temp-boss", Role::Boss, Fate::Mortal, Way::Tcp),
    character("desk", Role::Desk, Fate::Calm, Way::Tcp),
    character("calm-unix", Role::Member, Fate::Calm, Way::Unix),
    character("calm-tcp", Role::Member, Fate::Calm, Way::Tcp),
    character("wired-tcp", Role::Member, Fate::Wired, Way::WireTcp),
    character("wired-unix", Role::Member, Fate::Wired, Way::WireUnix),
    character("mortal-tcp", Role::Member, Fate::Mortal, Way::Tcp),
    character("mortal-wired", Role::Member, Fate::Mortal, Way::WireUnix),
    character("sleeper", Role::Member, Fate::Sleeper, Way::Tcp),
    character("slow", Role::Member, Fate::Slow, Way::Unix),
    character("fickle", Role::Member, Fate::Fickle, Way::Tcp),
];

/// The processes that bind, and the members.
pub fn hubs() -> impl Iterator<Item = u8> {
    all().filter(|who| of(*who).role != Role::Member)
}

pub fn members() -> impl Iterator<Item = u8> {
    all().filter(|who| of(*who).role == Role::Member)
}

pub fn all() -> impl Iterator<Item = u8> {
    0..CAST.len() as u8
}

pub fn of(who: u8) -> &'static Character {
    &CAST[who as usize]
}

impl Character {
    /// It lives from the beginning to the end.
    pub fn is_steady(&self) -> bool {
        self.fate != Fate::Mortal
    }

    pub fn is_calm(&self) -> bool {
        self.fate == Fate::Calm
    }

    /// Its sockets, and how many peers each has when all is well.
    pub fn sockets(&self) -> Vec<(Line, usize)> {
        let members = members().count();
        match self.role {
            Role::News => vec![(Line::News, members)],
            Role::Boss => vec![(Line::Jobs, members)],
            Role::Desk => vec![(Line::Plain, members), (Line::Sure, members)],
            Role::Member => vec![
                (Line::News, 1),
                (Line::Jobs, 2),
                (Line::Plain, 1),
                (Line::Sure, 1),
            ],
        }
    }
}

/// What a socket is for; sockets of one line are each other's peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Line {
    News,
    Jobs,
    Plain,
    Sure,
}

pub const LINES: [Line; 4] = [Line::News, Line::Jobs, Line::Plain, Line::Sure];

impl Line {
    pub fn name(self) -> &'static str {
        match self {
            Line::News => "news",
            Line::Jobs => "jobs",
            Line::Plain => "plain",
            Line::Sure => "sure",
        }
    }

    pub fn of(name: &str) -> Option<Line> {
        LINES.into_iter().find(|line| line.name() == name)
    }

    /// The line that a stream takes.
    pub fn carrying(kind: Kind) -> Line {
        match kind {
            Kind::News => Line::News,
            Kind::Jobs => Line::Jobs,
            Kind::Down | Kind::Up => Line::Plain,
            Kind::DownSure | Kind::UpSure => Line::Sure,
        }
    }
}

/// The same for all instances of a process.
pub fn identity(who: u8, line: Line) -> Identity {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&[who, line as u8]);
    Identity::new(bytes)
}

/// Whose identity it is.
pub fn owner(identity: Identity) -> u8 {
    identity.as_bytes()[0]
}

pub const HEARTBEAT: Duration = Duration::from_millis(300);
pub const SILENCE: Duration = Duration::from_millis(2_500);

/// How long messages for someone who is away are kept.
pub const KEPT_FOR: Duration = Duration::from_secs(8);

/// How a socket is set up.
pub fn config(who: u8, line: Line) -> Config {
    let character = of(who);
    let config = Config::default()
        .identity(identity(who, line))
        .heartbeat(Heartbeat {
            interval: HEARTBEAT,
            timeout: SILENCE,
        })
        .handshake_timeout(Duration::from_secs(2))
        .redial(Pauses {
            first: Duration::from_millis(20),
            max: Duration::from_millis(500),
        })
        .stable_after(Duration::from_secs(2))
        .resend(Pauses {
            first: Duration::from_secs(1),
            max: Duration::from_secs(4),
        })
        .absent_ttl(KEPT_FOR)
        .unacknowledged(256)
        .duplicate_window(8_192)
        .ack_mode(AckMode::Manual);
    let config = match (character.role, line) {
        (Role::News, _) => config.outbox(Limit {
            messages: 2_000,
            bytes: 256 * 1024,
        }),
        (Role::Boss, _) | (_, Line::Sure) => config.delivery(Delivery::AtLeastOnce),
        _ => config,
    };
    match character.fate {
        Fate::Slow => config.inbox(Limit {
            messages: 256,
            bytes: 128 * 1024,
        }),
        _ => config,
    }
}
