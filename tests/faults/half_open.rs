//! Half-open: the network swallows what is sent, in one direction or in both, and says nothing.

use std::time::{Duration, Instant};

use jackfield::{Config, Delivery, DownReason, Event, Heartbeat, Socket};

use crate::chaos::{BOTH, Way};
use crate::network::through_a_network;
use crate::support::{assert_law, await_event, await_peers, eventually, next_text, quick, send};
use crate::watch::Watch;

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_millis(1_000);

/// How long after the last sign of life both ends may still be peers.
const BOTH_DOWN: Duration = Duration::from_millis(2_000);

fn watchful() -> Config {
    quick()
        .heartbeat(Heartbeat {
            interval: INTERVAL,
            timeout: TIMEOUT,
        })
        .handshake_timeout(INTERVAL * 2)
}

/// Why its peer went down.
fn down_reason(socket: &Socket) -> DownReason {
    match await_event(socket, |event| matches!(event, Event::PeerDown { .. })) {
        Event::PeerDown { reason, .. } => reason,
        _ => unreachable!("filtered above"),
    }
}

/// Both ends have one peer, and messages go both ways.
fn assert_reunited(binder: &Socket, dialler: &Socket) {
    await_peers(binder, 1);
    await_peers(dialler, 1);
    for (from, to) in [(binder, dialler), (dialler, binder)] {
        send(from, "again");
        assert_eq!(next_text(to), "again");
        assert_eq!(from.peers().len(), 1);
        assert_law(from);
    }
}

/// Row 7: both ends of a half-open connection find out by themselves, within the timeout and a
/// second, and meet again when the network is back.
#[test]
fn both_ends_of_a_half_open_connection_find_out_in_time() {
    let (binder, network, dialler) = through_a_network(watchful(), watchful());
    let (begin, watch) = (Instant::now(), Watch::start());
    network.swallow(BOTH);
    for socket in [&binder, &dialler] {
        assert_eq!(down_reason(socket), DownReason::Silent);
        assert_eq!(socket.stats().peers_down, 1);
    }
    let took = begin.elapsed();
    assert!(took < BOTH_DOWN + watch.lost(), "{took:?}");
    network.heal();
    assert_reunited(&binder, &dialler);
}

/// Row 7: what is sent while nobody is there is kept, and arrives in order.
#[test]
fn what_is_sent_into_a_broken_network_is_kept_until_it_is_back() {
    let (binder, network, dialler) = through_a_network(watchful(), watchful());
    network.swallow(BOTH);
    assert_eq!(down_reason(&dialler), DownReason::Silent);
    (0..100).for_each(|number| send(&dialler, format!("{number}")));
    assert_eq!(dialler.stats().waiting, 100);
    network.heal();
    (0..100).for_each(|number| assert_eq!(next_text(&binder), format!("{number}")));
    assert_law(&dialler);
}

/// Row 7: what was swallowed with the connection is sent again where that was asked for.
#[test]
fn what_a_half_open_connection_swallowed_is_sent_again() {
    let sure = watchful().delivery(Delivery::AtLeastOnce);
    let (binder, network, dialler) = through_a_network(watchful(), sure);
    network.swallow(BOTH);
    (0..100).for_each(|number| send(&dialler, format!("{number}")));
    assert_eq!(down_reason(&dialler), DownReason::Silent);
    network.heal();
    (0..100).for_each(|number| assert_eq!(next_text(&binder), format!("{number}")));
    eventually("acknowledged", || dialler.stats().acknowledged == 100);
    assert!(dialler.stats().resent >= 100);
    assert_law(&dialler);
}

/// Row 7: a dialler that is back does not wait for the listener's timeout after its own.
#[test]
fn a_dialler_that_is_back_does_not_wait_for_the_listeners_timeout() {
    let slow_to_see = watchful().heartbeat(Heartbeat {
        interval: INTERVAL,
        timeout: Duration::from_secs(600),
    });
    let (binder, network, dialler) = through_a_network(slow_to_see, watchful());
    network.swallow(BOTH);
    assert_eq!(down_reason(&dialler), DownReason::Silent);
    network.heal();
    assert_eq!(down_reason(&binder), DownReason::Replaced);
    assert_reunited(&binder, &dialler);
}

/// One direction is lost: who hears nothing tears down, and the other learns it from that.
fn assert_no_split(lost: Way) {
    let (binder, network, dialler) = through_a_network(watchful(), watchful());
    let (begin, watch) = (Instant::now(), Watch::start());
    network.swallow([lost]);
    let (deaf, heard) = match lost {
        Way::Out => (&binder, &dialler),
        Way::Back => (&dialler, &binder),
    };
    assert_eq!(down_reason(deaf), DownReason::Silent);
    assert_eq!(down_reason(heard), DownReason::Closed);
    let took = begin.elapsed();
    assert!(took < BOTH_DOWN + watch.lost(), "{took:?}");
    network.heal();
    assert_reunited(&binder, &dialler);
}

/// Row 8: a listener that hears nothing while it is heard.
#[test]
fn a_listener_that_hears_nothing_tears_down_and_its_dialler_knows() {
    assert_no_split(Way::Out);
}

/// Row 8: a dialler that hears nothing while it is heard.
#[test]
fn a_dialler_that_hears_nothing_tears_down_and_its_listener_knows() {
    assert_no_split(Way::Back);
}

/// Row 8: while one direction is lost, no attempt makes a peer on one side alone for good.
#[test]
fn attempts_over_a_one_way_network_leave_no_peer_on_either_side() {
    let (binder, network, dialler) = through_a_network(watchful(), watchful());
    network.swallow([Way::Back]);
    assert_eq!(down_reason(&dialler), DownReason::Silent);
    eventually("some attempts fail", || dialler.stats().rejected >= 3);
    assert!(dialler.peers().is_empty());
    network.swallow([Way::Out]);
    eventually("the listener has none", || binder.peers().is_empty());
    network.heal();
    assert_reunited(&binder, &dialler);
}
