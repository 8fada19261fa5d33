//! Log: what happens at a broker, a line each.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jackfield::bus::{Broker, ClientStats};
use jackfield::{DownReason, Event, Identity, Remote};

use crate::cli::clock::Moment;
use crate::cli::escape::one_line;
use crate::cli::quantity;

/// Events that were not told yet; while it is full the socket keeps some more, and counts the rest.
pub(crate) const WAITING: usize = 1_024;

/// How often the broker is asked who loses messages.
const EVERY: Duration = Duration::from_secs(1);

/// A client says its name right after it came: so long its coming waits to be told.
const FOR_NAMES: Duration = Duration::from_millis(50);

/// What is known of the clients that are connected.
#[derive(Default)]
pub(crate) struct Log {
    clients: HashMap<Identity, Known>,
}

struct Known {
    name: Option<String>,
    remote: Remote,
    since: Instant,
    /// When it came, until that is told.
    untold: Option<Moment>,
    lost: u64,
}

impl Log {
    /// Writes to standard error for as long as there are events to come.
    pub(crate) fn keep(&mut self, events: &Receiver<Event>, broker: &Broker) {
        let mut next = Instant::now() + EVERY;
        loop {
            let left = next.saturating_duration_since(Instant::now());
            let event = match left.is_zero() {
                true => Err(RecvTimeoutError::Timeout),
                false => events.recv_timeout(left),
            };
            match event {
                Ok(event) => {
                    if matches!(event, Event::PeerUp { .. }) {
                        next = next.min(Instant::now() + FOR_NAMES);
                    }
                    print(self.handle_event(Moment::now(), Instant::now(), event));
                }
                Err(RecvTimeoutError::Timeout) => {
                    print(self.handle_clients(Moment::now(), broker.clients()));
                    next = Instant::now() + EVERY;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What there is to tell of an event.
    fn handle_event(&mut self, at: Moment, now: Instant, event: Event) -> Vec<String> {
        match event {
            Event::PeerUp { peer, remote } => {
                let known = Known {
                    name: None,
                    remote,
                    since: now,
                    untold: Some(at),
                    lost: 0,
                };
                self.clients.insert(peer, known);
                Vec::new()
            }
            Event::PeerDown { peer, reason, .. } => {
                let Some(mut known) = self.clients.remove(&peer) else {
                    return Vec::new();
                };
                let time = quantity::time(now.saturating_duration_since(known.since));
                let (who, why) = (known.who(peer), why(reason));
                let left = format!("{at} left: {who}, after {time}: {why}");
                known.arrival(peer).into_iter().chain([left]).collect()
            }
            Event::Rejected { remote, reason } => {
                vec![format!("{at} refused: from {remote}: {}", why(reason))]
            }
            Event::AcceptFailed { endpoint, error } => {
                vec![format!("{at} failed: to accept at {endpoint}: {error}")]
            }
            Event::Failed { thread } => vec![format!("{at} failed: a bug, in its {thread}")],
            _ => Vec::new(),
        }
    }

    /// What there is to tell of how clients are now: their names, and what they lose.
    fn handle_clients(&mut self, at: Moment, clients: Vec<ClientStats>) -> Vec<String> {
        let mut lines = Vec::new();
        for client in clients {
            let Some(peer) = client.peer else { continue };
            let Some(known) = self.clients.get_mut(&peer) else {
                continue;
            };
            known.name = client.name;
            lines.extend(known.arrival(peer));
            let more = client.lost.saturating_sub(known.lost);
            known.lost = client.lost;
            if more > 0 {
                let (who, more) = (known.who(peer), quantity::count(more));
                let all = quantity::count(client.lost);
                lines.push(format!("{at} loses: {who}: {more} messages, {all} in all"));
            }
        }
        lines
    }
}

impl Known {
    /// Its coming, once.
    fn arrival(&mut self, peer: Identity) -> Option<String> {
        let at = self.untold.take()?;
        Some(format!("{at} came: {}", self.who(peer)))
    }

    fn who(&self, peer: Identity) -> String {
        let remote = self.remote;
        match &self.name {
            Some(name) => format!("{} ({peer}) from {remote}", one_line(name)),
            None => format!("{peer} from {remote}"),
        }
    }
}

/// In the words of a broker, and with what to do.
fn why(reason: DownReason) -> String {
    match reason {
        DownReason::Disconnected => "sent away, because it did not take its answers".to_owned(),
        DownReason::ForeignOrigin => format!("{reason}: --origin allows one"),
        reason => reason.to_string(),
    }
}

fn print(lines: Vec<String>) {
    for line in lines {
        // What cannot be told on standard error cannot be told.
        writeln!(io::stderr(), "{line}").ok();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jackfield::bus::ClientStats;
    use jackfield::{DownReason, Event, Identity, Remote};

    use super::Log;
    use crate::cli::clock::Moment;

    const AT: Moment = Moment::at(0);

    fn peer() -> Identity {
        Identity::from([7; 16])
    }

    fn up() -> Event {
        let (peer, remote) = (peer(), Remote::Unix);
        Event::PeerUp { peer, remote }
    }

    fn down() -> Event {
        Event::PeerDown {
            peer: peer(),
            reason: DownReason::Closed,
            in_doubt: 0,
        }
    }

    fn client(name: Option<&str>, lost: u64) -> Vec<ClientStats> {
        let mut client = ClientStats::default();
        client.peer = Some(peer());
        client.name = name.map(str::to_owned);
        client.lost = lost;
        vec![client]
    }

    fn assert_told(lines: &[String], wanted: &[&str]) {
        let peer = peer().to_string();
        let lines = lines.iter().map(|line| line.replace(&peer, "PEER"));
        let lines: Vec<String> = lines.collect();
        let wanted = wanted.iter().map(|line| format!("{AT} {line}"));
        assert_eq!(lines, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn who_comes_is_told_by_name() {
        let mut log = Log::default();
        let begin = Instant::now();
        assert_told(&log.handle_event(AT, begin, up()), &[]);
        let named = log.handle_clients(AT, client(Some("an\nna"), 0));
        assert_told(&named, &[r"came: an\nna (PEER) from unix"]);
        assert_told(&log.handle_clients(AT, client(Some("an\nna"), 0)), &[]);
        let left = log.handle_event(AT, begin + Duration::from_secs(2), down());
        let wanted = r"left: an\nna (PEER) from unix, after 2.00 s: closed by the other side";
        assert_told(&left, &[wanted]);
        assert_told(&log.handle_event(AT, begin, down()), &[]);
    }

    #[test]
    fn who_leaves_at_once_has_come_before() {
        let mut log = Log::default();
        let begin = Instant::now();
        log.handle_event(AT, begin, up());
        let wanted = [
            "came: PEER from unix",
            "left: PEER from unix, after 0 ns: closed by the other side",
        ];
        assert_told(&log.handle_event(AT, begin, down()), &wanted);
    }

    #[test]
    fn losses_are_told_once() {
        let mut log = Log::default();
        log.handle_event(AT, Instant::now(), up());
        log.handle_clients(AT, client(None, 0));
        let lost = log.handle_clients(AT, client(None, 1_500));
        let wanted = "loses: PEER from unix: 1,500 messages, 1,500 in all";
        assert_told(&lost, &[wanted]);
        assert_told(&log.handle_clients(AT, client(None, 1_500)), &[]);
        let lost = log.handle_clients(AT, client(None, 1_501));
        assert_told(&lost, &["loses: PEER from unix: 1 messages, 1,501 in all"]);
    }

    #[test]
    fn who_is_refused_is_told_with_the_reason() {
        let reason = DownReason::ForeignOrigin;
        let remote = Remote::Unix;
        let event = Event::Rejected { remote, reason };
        let told = Log::default().handle_event(AT, Instant::now(), event);
        let wanted = "refused: from unix: a page of an origin that is not allowed: --origin \
                      allows one";
        assert_told(&told, &[wanted]);
    }
}
