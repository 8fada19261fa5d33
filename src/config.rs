//! Config: every setting of a socket, checked once when the socket is made.

use std::time::Duration;

use crate::hooks::{Authorize, OnEvent, OnStream};
use crate::message::Identity;
use crate::policy::{Absent, AckMode, Delivery, HalfOpen, Heartbeat, Limit, Overflow, Pauses};

/// The settings of a [`Socket`](crate::Socket); `Config::default()` is right for most programs.
///
/// ```
/// use jackfield::{Config, Delivery, Limit, Socket};
///
/// let short = Limit { messages: 1_000, bytes: 1024 * 1024 };
/// let config = Config::default().delivery(Delivery::AtLeastOnce).outbox(short);
/// let socket = Socket::new(config)?;
/// # Ok::<(), jackfield::Error>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) identity: Option<Identity>,
    pub(crate) delivery: Delivery,
    pub(crate) ack_mode: AckMode,
    pub(crate) overflow: Overflow,
    pub(crate) handshake_timeout: Duration,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) slow_peer_timeout: Duration,
    pub(crate) redial: Pauses,
    pub(crate) stable_after: Duration,
    pub(crate) max_message: usize,
    pub(crate) outbox: Limit,
    pub(crate) inbox: Limit,
    pub(crate) memory_budget: usize,
    pub(crate) absent_ttl: Duration,
    pub(crate) absent: Absent,
    pub(crate) unacknowledged: Option<usize>,
    pub(crate) resend: Pauses,
    pub(crate) max_resends: u32,
    pub(crate) ack_within: Option<Duration>,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) duplicate_window: usize,
    pub(crate) max_connections: usize,
    pub(crate) half_open: HalfOpen,
    pub(crate) linger: Duration,
    pub(crate) authorize: Option<Authorize>,
    pub(crate) on_stream: Option<OnStream>,
    pub(crate) on_event: Option<OnEvent>,
    /// Of pages that may connect to `ws://` listeners.
    pub(crate) origins: Vec<String>,
    /// Names of `ws://` listeners besides their own.
    pub(crate) hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            identity: None,
            delivery: Delivery::default(),
            ack_mode: AckMode::default(),
            overflow: Overflow::default(),
            handshake_timeout: Duration::from_secs(5),
            heartbeat: Heartbeat {
                interval: Duration::from_secs(5),
                timeout: Duration::from_secs(15),
            },
            slow_peer_timeout: Duration::from_secs(10),
            redial: Pauses {
                first: Duration::from_millis(100),
                max: Duration::from_secs(5),
            },
            stable_after: Duration::from_secs(10),
            max_message: 16 * 1024 * 1024,
            outbox: Limit {
                messages: 65_536,
                bytes: 8 * 1024 * 1024,
            },
            inbox: Limit {
                messages: 65_536,
                bytes: 64 * 1024 * 1024,
            },
            memory_budget: 1024 * 1024 * 1024,
            absent_ttl: Duration::from_secs(30),
            absent: Absent {
                peers: 1_024,
                remembered: Duration::from_secs(10 * 60),
            },
            unacknowledged: None,
            resend: Pauses {
                first: Duration::from_secs(5),
                max: Duration::from_secs(60),
            },
            max_resends: 5,
            ack_within: None,
            send_timeout: None,
            duplicate_window: 16_384,
            max_connections: 8_192,
            half_open: HalfOpen {
                total: 256,
                per_address: 64,
            },
            linger: Duration::from_secs(2),
            authorize: None,
            on_stream: None,
            on_event: None,
            origins: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

impl Config {
    /// The name of this socket to its peers; default: random, new for each socket. Set it where
    /// peers must know a restarted program again.
    pub fn identity(self, identity: Identity) -> Config {
        Config {
            identity: Some(identity),
            ..self
        }
    }

    /// What [`send`](crate::Socket::send) and [`send_to`](crate::Socket::send_to) promise; default:
    /// at most once. What is published is sent at most once in any case.
    pub fn delivery(self, delivery: Delivery) -> Config {
        Config { delivery, ..self }
    }

    /// When received messages are acknowledged; default: when `recv` hands them out.
    pub fn ack_mode(self, ack_mode: AckMode) -> Config {
        Config { ack_mode, ..self }
    }

    /// What a [`publish`](crate::Socket::publish) does for a peer whose outbox is full; default:
    /// `DropNewest`, so that one slow subscriber never holds up the others.
    pub fn overflow(self, overflow: Overflow) -> Config {
        Config { overflow, ..self }
    }

    /// Connect and handshake together must be done within this; default: 5 s.
    pub fn handshake_timeout(self, handshake_timeout: Duration) -> Config {
        Config {
            handshake_timeout,
            ..self
        }
    }

    /// A heartbeat goes out after this long without a send and up to 7 % more, or after half of it in
    /// answer to the peer's, and a link that was silent for `timeout` is ended; default: 5 s and
    /// 15 s, as other implementations have it. The timeout must be at least twice the interval.
    pub fn heartbeat(self, heartbeat: Heartbeat) -> Config {
        Config { heartbeat, ..self }
    }

    /// With [`Overflow::Disconnect`]: how long a peer may take nothing; default: 10 s.
    pub fn slow_peer_timeout(self, slow_peer_timeout: Duration) -> Config {
        Config {
            slow_peer_timeout,
            ..self
        }
    }

    /// The pause before a dial: random below a bound that starts at `first` and doubles with each
    /// failure up to `max`; default: 100 ms and 5 s.
    pub fn redial(self, redial: Pauses) -> Config {
        Config { redial, ..self }
    }

    /// A connection that stood this long starts the redial pause from the beginning; default: 10 s.
    pub fn stable_after(self, stable_after: Duration) -> Config {
        Config {
            stable_after,
            ..self
        }
    }

    /// The longest payload, sent or received; default: 16 MiB. A peer that announces more is
    /// disconnected before anything is allocated for it.
    pub fn max_message(self, max_message: usize) -> Config {
        Config {
            max_message,
            ..self
        }
    }

    /// The bound of each peer's outbox, and of what waits while nobody is connected; default:
    /// 65 536 messages or 8 MiB, whichever is reached first. One message always fits.
    pub fn outbox(self, outbox: Limit) -> Config {
        Config { outbox, ..self }
    }

    /// The bound of what was received and not yet taken by `recv`; default: 65 536 messages or
    /// 64 MiB. Each link has a share of it; past it, that link is read for another MiB, to find
    /// acknowledgements and heartbeats, and then no further.
    pub fn inbox(self, inbox: Limit) -> Config {
        Config { inbox, ..self }
    }

    /// The memory of the socket; default: 1 GiB, at least twice
    /// [`max_message`](Config::max_message).
    ///
    /// - Half of it is for what goes out and for messages handed back that nobody has read. At the
    ///   bound a send finds no room; a publish drops the oldest messages of the longest queues. In
    ///   the last quarter of that half each link has an equal part, so that peers that take nothing
    ///   leave some to the others.
    /// - An eighth of it, out of that half, is the most that remembered message ids take. Past that
    ///   those of absent peers are forgotten, the longest away first, and then older ones of the
    ///   peer with most of them: a later copy of such a message is delivered. The ids of messages
    ///   that the application has not acknowledged are not forgotten.
    /// - A quarter is for what came in. At the bound reading stops.
    /// - Three sixteenths are for frames that are not complete. At the bound the link with the
    ///   largest ends. If one message needs more than that, it is let have it, and the parts come
    ///   to more than the whole.
    /// - A sixteenth is for the buffers that links are read into, each of 4 to 128 KiB. With so many
    ///   links that they have 4 KiB each, that is what they take.
    ///
    /// Beside it a socket keeps up to 7 MiB of spent memory to use it again, and all sockets of the
    /// process together 64 MiB for a second or two.
    pub fn memory_budget(self, memory_budget: usize) -> Config {
        Config {
            memory_budget,
            ..self
        }
    }

    /// How long messages for a peer that went away are kept for it; default: 30 s.
    pub fn absent_ttl(self, absent_ttl: Duration) -> Config {
        Config { absent_ttl, ..self }
    }

    /// How many absent peers are remembered (their queue, and which of their messages were seen)
    /// and for how long; default: 1 024 for 10 minutes, the oldest forgotten first, and last those
    /// for whom messages wait.
    pub fn absent_peers(self, absent: Absent) -> Config {
        Config { absent, ..self }
    }

    /// How many unacknowledged messages one peer may have; default: 8 192, and 256 when this
    /// very socket is set to acknowledge manually (what its peers do is not known). Keep it small where jobs are long, so that one worker does
    /// not take the whole backlog.
    pub fn unacknowledged(self, per_peer: usize) -> Config {
        Config {
            unacknowledged: Some(per_peer),
            ..self
        }
    }

    /// An unacknowledged message is sent again after `first`, then after twice that and so on up
    /// to `max`; default: 5 s and 60 s.
    pub fn resend(self, resend: Pauses) -> Config {
        Config { resend, ..self }
    }

    /// How often a message is sent again because its link ended or its peer gave it back, before it
    /// is handed back in [`Event::GaveUp`](crate::Event::GaveUp); default: 5. What is sent again to a
    /// peer that is still at it does not count, nor does it when [`ack_within`](Config::ack_within) is
    /// over, before the late peer gives it back or its link ends.
    pub fn max_resends(self, max_resends: u32) -> Config {
        Config {
            max_resends,
            ..self
        }
    }

    /// How long a peer may take to acknowledge a message that was sent to whoever is next; default:
    /// as long as it is connected. After that another peer gets it as well, and whoever acknowledges
    /// first ends it. The late one gets no new messages before it has acknowledged something, or
    /// given something back. What is sent again to a peer by its identity goes to nobody else.
    pub fn ack_within(self, ack_within: Duration) -> Config {
        Config {
            ack_within: Some(ack_within),
            ..self
        }
    }

    /// The time after which plain `send` and `send_to` give up with `Timeout`; default: never.
    pub fn send_timeout(self, send_timeout: Duration) -> Config {
        Config {
            send_timeout: Some(send_timeout),
            ..self
        }
    }

    /// How many acknowledged message ids are remembered for each peer, to recognise copies;
    /// default: 16 384.
    pub fn duplicate_window(self, duplicate_window: usize) -> Config {
        Config {
            duplicate_window,
            ..self
        }
    }

    /// The bound on connections, past which none is accepted; default: 8 192. Each takes a thread, and a process that runs out
    /// of threads is aborted: this bound is the protection.
    pub fn max_connections(self, max_connections: usize) -> Config {
        Config {
            max_connections,
            ..self
        }
    }

    /// The bound on accepted connections that have not finished their handshake, in all and for
    /// one address (loopback exempt); default: 256 and 64. At the bound the oldest ends.
    pub fn half_open(self, half_open: HalfOpen) -> Config {
        Config { half_open, ..self }
    }

    /// How long [`close`](crate::Socket::close) and the last drop wait for queued messages to
    /// leave and acknowledgements to come; default: 2 s.
    pub fn linger(self, linger: Duration) -> Config {
        Config { linger, ..self }
    }

    /// Lets web pages of `origin` connect to `ws://` listeners; call it once for each. Default:
    /// none, because any page on the internet can try to reach services of the machine it is
    /// shown on.
    ///
    /// It is compared exactly with what the browser says: `http://localhost:8000` or
    /// `https://example.org`, in lower case, without a slash or path, and without the scheme's
    /// own port; `null` for pages that have none, such as files. Programs that are no browsers
    /// say nothing, and are let in.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Config {
        self.origins.push(origin.into());
        self
    }

    /// Another name under which `ws://` listeners are found, as browsers put it into `Host`:
    /// `example.org`, or with a port that is not the scheme's own. Call it once for each; it is
    /// needed behind a proxy and where ports are mapped. Without it a listener is its bound
    /// address and the host of its endpoint, each with its port; on a loopback address also
    /// `localhost`; on all addresses (`*`, `0.0.0.0`, `[::]`) also every address, but no name.
    pub fn allow_host(mut self, host: impl Into<String>) -> Config {
        self.hosts.push(host.into());
        self
    }
}
