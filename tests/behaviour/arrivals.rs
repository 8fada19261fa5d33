//! Arrivals, sends to chosen peers, and sending a peer away.

use jackfield::{Arrival, Arrivals, Error, Limit};

use crate::support::{
    self, LARGE, SLACK, Transport, await_peers, bound, connected, identity, next_text, quick,
};

fn arrival(arrivals: &Arrivals) -> Arrival {
    arrivals.recv_timeout(SLACK).expect("something arrives")
}

#[test]
fn a_peer_comes_before_its_messages_and_goes_behind_them() {
    let here = Transport::Tcp.endpoint();
    let listener = bound(quick(), &here);
    let arrivals = listener.arrivals();
    for round in 0..20 {
        let guest = connected(quick().identity(identity(7)).linger(SLACK), &here);
        for number in 0..50 {
            support::send(&guest, format!("{round} {number}"));
        }
        guest.close();
        assert!(
            matches!(arrival(&arrivals), Arrival::Up(session) if session.peer() == identity(7))
        );
        for number in 0..50 {
            let Arrival::Message(message) = arrival(&arrivals) else {
                panic!("its messages come first");
            };
            assert_eq!(message.text(), format!("{round} {number}"));
        }
        assert!(
            matches!(arrival(&arrivals), Arrival::Down { session, .. } if session.peer() == identity(7))
        );
    }
}

#[test]
fn who_is_there_already_comes_before_what_it_has_sent() {
    let (listener, guest) = support::pair(Transport::Tcp, quick(), quick());
    support::send(&guest, "early");
    support::eventually("it has arrived", || listener.stats().received == 1);
    let arrivals = listener.arrivals();
    assert!(
        matches!(arrival(&arrivals), Arrival::Up(session) if session.peer() == guest.identity())
    );
    assert!(matches!(arrival(&arrivals), Arrival::Message(message) if message.text() == "early"));
    assert!(matches!(arrivals.try_recv(), Err(Error::Empty)));
}

#[test]
fn recv_gives_the_messages_alone() {
    let here = Transport::Tcp.endpoint();
    let listener = bound(quick(), &here);
    let _arrivals = listener.arrivals();
    let guest = connected(quick(), &here);
    support::send(&guest, "a message");
    assert_eq!(next_text(&listener), "a message");
}

#[test]
fn who_came_and_went_unseen_is_not_told_of() {
    let here = Transport::Tcp.endpoint();
    let listener = bound(quick(), &here);
    let arrivals = listener.arrivals();
    for _ in 0..5 {
        let guest = connected(quick(), &here);
        await_peers(&listener, 1);
        guest.close();
        support::await_no_peers(&listener);
    }
    support::eventually("nothing is left of them", || {
        matches!(arrivals.try_recv(), Err(Error::Empty))
    });
}

#[test]
fn a_send_to_each_reaches_the_chosen_and_names_the_others() {
    let here = Transport::Tcp.endpoint();
    let news = bound(quick(), &here);
    let readers: Vec<_> = (1..4)
        .map(|number| connected(quick().identity(identity(number)), &here))
        .collect();
    await_peers(&news, 3);
    let chosen = [identity(1), identity(9), identity(3)];
    let missed = news
        .send_to_each(&chosen, 75, "for some")
        .expect("accepted");
    assert_eq!(missed, [identity(9)]);
    news.send_to(identity(2), "for one").expect("accepted");
    assert_eq!(next_text(&readers[0]), "for some");
    assert_eq!(next_text(&readers[1]), "for one");
    assert_eq!(next_text(&readers[2]), "for some");
    support::assert_law(&news);
}

#[test]
fn a_send_to_each_leaves_a_quarter_for_the_others() {
    let (news, reader) = support::pair(
        Transport::Tcp,
        quick().outbox(Limit {
            messages: 1_000,
            bytes: 4 * LARGE,
        }),
        quick().inbox(Limit {
            messages: 1,
            bytes: 1,
        }),
    );
    let to = [reader.identity()];
    let is_missed = || {
        !news
            .send_to_each(&to, 75, vec![0; LARGE])
            .expect("accepted")
            .is_empty()
    };
    support::eventually("its outbox is full for news", is_missed);
    assert!(news.try_send_to(reader.identity(), "an answer").is_ok());
    support::assert_law(&news);
}

#[test]
fn an_expelled_peer_is_down_and_may_come_back() {
    let (listener, guest) = support::pair(Transport::Tcp, quick(), quick());
    assert!(listener.expel(guest.identity()));
    assert!(!listener.expel(identity(9)));
    let is_down = |event: &jackfield::Event| matches!(event, jackfield::Event::PeerDown { .. });
    support::await_event(&listener, is_down);
    await_peers(&listener, 1);
    support::send(&guest, "back again");
    assert_eq!(next_text(&listener), "back again");
}
