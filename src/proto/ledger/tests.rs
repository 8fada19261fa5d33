//! The ledger: ids, resends, and what a link that ends gives back.

use super::*;

const PEER: Identity = Identity::new([1; 16]);
const OTHER: Identity = Identity::new([2; 16]);
const FIRST: Duration = Duration::from_secs(5);

fn link() -> LinkId {
    LinkId::new(0, 1)
}

fn ledger() -> Ledger {
    Ledger::new(9, FIRST, Duration::from_secs(60))
}

fn written(ledger: &mut Ledger, now: Instant) -> MessageId {
    let id = ledger.insert_copy(None, b"x");
    ledger.handle_assigned(id, link());
    ledger.handle_written(now, id);
    id
}

#[test]
fn only_a_peer_that_had_the_message_acknowledges_it() {
    let mut ledger = ledger();
    let id = written(&mut ledger, Instant::now());
    assert!(ledger.handle_ack(id, OTHER, false).is_none());
    assert!(ledger.handle_ack(id, PEER, true).is_some());
    assert!(ledger.handle_ack(id, PEER, true).is_none());
    assert_eq!((ledger.len(), ledger.bytes()), (0, 0));
}

#[test]
fn a_late_ack_of_an_earlier_holder_counts() {
    let mut ledger = ledger();
    let id = written(&mut ledger, Instant::now());
    ledger.release(link(), PEER);
    ledger.handle_assigned(id, LinkId::new(1, 1));
    assert!(ledger.handle_ack(id, PEER, false).is_some());
}

#[test]
fn an_entry_is_one_line_of_the_cache() {
    assert_eq!(size_of::<Option<Entry>>(), 64);
}

#[test]
fn a_message_that_moved_to_another_link_is_due_when_that_one_is_late() {
    let mut ledger = ledger();
    let start = Instant::now();
    let id = written(&mut ledger, start);
    ledger.release(link(), PEER);
    ledger.handle_assigned(id, LinkId::new(1, 1));
    let later = start + Duration::from_secs(3);
    ledger.handle_written(later, id);
    assert_eq!(ledger.poll_due(start + FIRST), None);
    assert_eq!(ledger.audit_due(), Some(later + FIRST));
    assert_eq!(ledger.poll_due(later + FIRST), Some(id));
}

#[test]
fn who_had_a_message_last_is_named_even_if_it_had_it_before() {
    let mut ledger = ledger();
    let now = Instant::now();
    let id = written(&mut ledger, now);
    for (serial, peer) in [(1, PEER), (2, OTHER), (3, PEER)] {
        let link = LinkId::new(0, serial);
        ledger.handle_assigned(id, link);
        ledger.handle_written(now, id);
        ledger.release(link, peer);
    }
    let entry = ledger.get(id).expect("nobody acknowledged it");
    assert_eq!((entry.last_peer(), entry.lost()), (Some(PEER), 3));
}

#[test]
fn a_resend_is_due_after_five_seconds_then_ten() {
    let mut ledger = ledger();
    let start = Instant::now();
    let id = written(&mut ledger, start);
    assert_eq!(
        ledger.poll_due(start + FIRST - Duration::from_millis(1)),
        None
    );
    assert_eq!(ledger.poll_due(start + FIRST), Some(id));
    ledger.handle_repeated(id);
    ledger.handle_written(start + FIRST, id);
    assert_eq!(ledger.poll_due(start + FIRST * 2), None);
    assert_eq!(ledger.next_due(), Some(start + FIRST * 3));
    assert_eq!(ledger.poll_due(start + FIRST * 3), Some(id));
}

#[test]
fn the_pause_stops_growing_at_its_maximum() {
    let mut ledger = ledger();
    let mut now = Instant::now();
    let id = written(&mut ledger, now);
    for _ in 0..20 {
        now = ledger.next_due().unwrap();
        assert_eq!(ledger.poll_due(now), Some(id));
        ledger.handle_repeated(id);
        ledger.handle_written(now, id);
    }
    assert_eq!(ledger.next_due(), Some(now + Duration::from_secs(60)));
}

#[test]
fn an_acknowledged_message_is_never_due() {
    let mut ledger = ledger();
    let start = Instant::now();
    let id = written(&mut ledger, start);
    ledger.handle_ack(id, PEER, true);
    let next = written(&mut ledger, start);
    assert_eq!(ledger.poll_due(start + FIRST), Some(next));
    assert_eq!(ledger.poll_due(start + FIRST), None);
}

#[test]
fn a_link_that_ends_gives_its_messages_back_oldest_first() {
    let mut ledger = ledger();
    let now = Instant::now();
    let first = written(&mut ledger, now);
    let second = written(&mut ledger, now);
    ledger.handle_ack(first, PEER, true);
    let third = written(&mut ledger, now);
    assert_eq!(ledger.release(link(), PEER), [second, third]);
    assert_eq!(ledger.get(third).unwrap().lost(), 1);
    assert_eq!(ledger.release(link(), PEER), []);
}

#[test]
fn a_message_keeps_its_place_while_others_come_and_go() {
    let mut ledger = ledger();
    let now = Instant::now();
    let mut rng = crate::proto::backoff::Rng::new(1);
    let mut held: Vec<MessageId> = Vec::new();
    for turn in 0..20_000_u64 {
        // Many at first, few later.
        if rng.below(20_000) > turn {
            held.push(written(&mut ledger, now));
        } else if !held.is_empty() {
            let id = held.swap_remove(rng.below(held.len() as u64) as usize);
            assert!(
                ledger
                    .handle_ack(id, PEER, true)
                    .is_some_and(|it| ledger.id(it.age) == id)
            );
            assert!(ledger.get(id).is_none());
        }
        assert_eq!(ledger.len(), held.len());
    }
    assert!(held.iter().all(|id| ledger.get(*id).is_some()));
    held.sort_unstable();
    assert_eq!(ledger.release(link(), PEER), held);
}

#[test]
fn ids_from_outside_find_nothing() {
    let mut ledger = ledger();
    assert!(ledger.get(MessageId([255; 16])).is_none());
    let MessageId(mut bytes) = written(&mut ledger, Instant::now());
    bytes[0] ^= 1;
    assert!(ledger.handle_ack(MessageId(bytes), PEER, true).is_none());
    bytes[0] ^= 1;
    bytes[8] ^= 1;
    assert!(ledger.handle_ack(MessageId(bytes), PEER, true).is_none());
    assert_eq!(ledger.len(), 1);
}

#[test]
fn what_was_acknowledged_takes_no_memory() {
    let mut ledger = ledger();
    let now = Instant::now();
    let stuck = written(&mut ledger, now);
    for _ in 0..100_000 {
        let id = written(&mut ledger, now);
        ledger.handle_ack(id, PEER, true);
    }
    assert!(ledger.resends.runs() < 3_000 && ledger.slots.len() <= FEWEST_SLOTS);
    assert!(ledger.get(stuck).is_some());
}
