//! The ledger: ids, resends, and what a link that ends gives back.

use super::*;
use crate::proto::whose::Whose;

const PEER: Identity = Identity::new([1; 16]);
const OTHER: Identity = Identity::new([2; 16]);
const FIRST: Duration = Duration::from_secs(5);

fn link() -> LinkId {
    LinkId::new(0, 1)
}

fn ledger() -> Ledger {
    with_slack(0)
}

fn with_slack(slack: usize) -> Ledger {
    let (first, max) = (FIRST, 12 * FIRST);
    Ledger::new(9, slack, Pauses { first, max }, None)
}

fn written(ledger: &mut Ledger, now: Instant) -> MessageId {
    let id = ledger.insert(None, b"x".as_slice().into());
    ledger.handle_assigned(id, link());
    ledger.handle_written(now, link(), id);
    id
}

/// It is on a sheet or on its own.
fn has(ledger: &Ledger, id: MessageId) -> bool {
    ledger.get(id).is_some() || ledger.holder_of_sheet(id).is_some()
}

fn settle(ledger: &mut Ledger, id: MessageId) -> usize {
    ledger.settle_neighbours(&[id]).0
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
fn a_message_that_moved_to_another_link_is_due_when_that_one_is_late() {
    let mut ledger = ledger();
    let start = Instant::now();
    let id = written(&mut ledger, start);
    ledger.release(link(), PEER);
    ledger.handle_assigned(id, LinkId::new(1, 1));
    let later = start + Duration::from_secs(3);
    ledger.handle_written(later, LinkId::new(1, 1), id);
    assert_eq!(ledger.poll_due(start + FIRST), None);
    assert_eq!(ledger.audit_due(), Some(later + FIRST));
    assert_eq!(ledger.poll_due(later + FIRST), Some(id));
}

#[test]
fn who_had_a_message_last_is_named_even_if_it_had_it_before() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let id = written(&mut ledger, now);
    for (serial, peer) in [(1, PEER), (2, OTHER), (3, PEER)] {
        let link = LinkId::new(0, serial);
        ledger.handle_assigned(id, link);
        ledger.handle_written(now, link, id);
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
    ledger.handle_written(start + FIRST, link(), id);
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
        ledger.handle_written(now, link(), id);
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
            assert!(ledger.handle_ack(id, PEER, true).is_some());
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
    assert!(ledger.resends.runs() < 3_000);
    assert!(ledger.get(stuck).is_some());
}

/// Messages on one sheet after the other, in chunks of so many; the chunks have left.
fn sheets(ledger: &mut Ledger, now: Instant, of: &[usize]) -> Vec<Vec<MessageId>> {
    let mut all = Vec::new();
    for count in of {
        let mut chunk = Chunk::default();
        let ids = (0..*count).map(|_| list(ledger, &mut chunk, &[b'x'; 100]));
        all.push(ids.collect());
        leave(ledger, now, &mut chunk);
    }
    all
}

fn list(ledger: &mut Ledger, chunk: &mut Chunk, body: &[u8]) -> MessageId {
    let (sheet, id, _) = ledger.enlist(chunk.sheet(), link(), None, body.len());
    chunk.push_listed(sheet, id, Whose::Anyone, body);
    id
}

fn leave(ledger: &mut Ledger, now: Instant, chunk: &mut Chunk) {
    ledger.keep_page(chunk);
    chunk.handle_taken(chunk.len());
    ledger.handle_chunk(now, link(), chunk);
}

fn dissolve(ledger: &mut Ledger, chunk: &mut Chunk) {
    ledger.dissolve(link(), [chunk].into_iter());
}

#[test]
fn what_is_on_a_sheet_is_acknowledged_in_any_order_and_once() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let [ids] = &sheets(&mut ledger, now, &[10])[..] else {
        panic!("one sheet");
    };
    assert_eq!(ledger.settle_neighbours(&ids[4..7]).0, 3);
    assert_eq!(
        ledger.settle_neighbours(&ids[2..7]).0,
        2,
        "up to one that is gone"
    );
    for id in ids.iter().rev() {
        if settle(&mut ledger, *id) == 0 {
            ledger.remove(*id);
        }
    }
    assert_eq!((ledger.len(), ledger.bytes(), ledger.waste()), (0, 0, 0));
}

#[test]
fn ids_that_no_message_of_a_sheet_has_find_nothing() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let ids = sheets(&mut ledger, now, &[3]).concat();
    let of_age = |age: u64| ledger.id(age);
    let last = ledger.age(ids[2]).expect("ours");
    let others = [last - 3, last + 1, last + 4_096, u64::MAX, 0].map(of_age);
    assert_eq!(ledger.settle_neighbours(&others), (0, 0));
    assert!(others.iter().all(|id| !has(&ledger, *id)));
    assert_eq!(ledger.settle_neighbours(&[ids[2], others[1]]).0, 1);
    assert_eq!(ledger.len(), 2);
}

#[test]
fn a_link_that_ends_gives_what_was_on_sheets_back_as_it_was_sent() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let mut chunk = Chunk::default();
    let mut ids = Vec::new();
    let lone = |ledger: &mut Ledger, chunk: &mut Chunk, body: &[u8]| {
        let id = ledger.insert(None, body.into());
        chunk.push(Some(id), Whose::Anyone, body);
        ledger.handle_assigned(id, link());
        id
    };
    ids.push(lone(&mut ledger, &mut chunk, b"1"));
    ids.push(list(&mut ledger, &mut chunk, b"2"));
    ids.push(list(&mut ledger, &mut chunk, b"3"));
    ids.push(lone(&mut ledger, &mut chunk, b"4"));
    assert_eq!(chunk.may_list(Whose::Anyone), None, "no neighbour of it");
    leave(&mut ledger, now, &mut chunk);
    let mut queued = Chunk::default();
    ids.push(list(&mut ledger, &mut queued, b"5"));
    ids.push(list(&mut ledger, &mut queued, b"6"));

    ledger.settle_neighbours(&[ids.remove(2)]);
    dissolve(&mut ledger, &mut queued);
    let bytes = ledger.bytes();
    assert_eq!(ledger.release(link(), PEER), ids);
    let entries = ids.iter().map(|id| ledger.get(*id).expect("it is kept"));
    let found: Vec<(&[u8], u32)> = entries.map(|it| (&*it.body, it.lost())).collect();
    let expected: [(&[u8], u32); 5] = [(b"1", 1), (b"2", 1), (b"4", 1), (b"5", 0), (b"6", 0)];
    assert_eq!(found, expected);
    assert_eq!((ledger.bytes(), ledger.waste()), (bytes, 0));
    assert!(
        ledger.handle_ack(ids[1], PEER, false).is_some(),
        "it had it"
    );
}

#[test]
fn what_is_on_a_sheet_is_due_together() {
    let (mut ledger, start) = (ledger(), Instant::now());
    let mut ids = sheets(&mut ledger, start, &[5]).concat();
    ledger.settle_neighbours(&[ids.remove(3)]);
    assert_eq!(
        ledger.poll_due(start + FIRST - Duration::from_millis(1)),
        None
    );
    assert_eq!(ledger.audit_due(), Some(start + FIRST));
    let due: Vec<MessageId> = std::iter::from_fn(|| ledger.poll_due(start + FIRST)).collect();
    assert_eq!(due, ids);
    assert_eq!(ledger.audit_due(), None);
    let first = ledger.get(ids[0]).expect("it has an entry now");
    assert!(first.is_written() && first.body.len() == 100);
    assert!(ledger.handle_ack(ids[0], PEER, true).is_some());
}

#[test]
fn what_nobody_acknowledges_does_not_keep_the_pages_of_the_others() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let mut stuck = Vec::new();
    for _ in 0..1_000 {
        let ids = sheets(&mut ledger, now, &[100]).concat();
        assert_eq!(ledger.settle_neighbours(&ids[..99]).0, 99);
        stuck.push(ids[99]);
        assert!(ledger.waste() <= ledger.bytes() + 2 * 100 * 121);
    }
    assert_eq!(
        ledger.release(link(), PEER).len() + ledger.sheets.all(|_| true).len(),
        1_000
    );
    assert!(stuck.iter().all(|id| has(&ledger, *id)));
}

#[test]
fn what_lies_beside_a_sheet_in_its_page_is_waste_as_well() {
    let (mut ledger, now) = (ledger(), Instant::now());
    for _ in 0..1_000 {
        let mut chunk = Chunk::default();
        let large = ledger.insert(None, vec![0; 16_383].into());
        chunk.push(Some(large), Whose::Anyone, &[0; 16_383]);
        ledger.handle_assigned(large, link());
        list(&mut ledger, &mut chunk, b"x");
        leave(&mut ledger, now, &mut chunk);
        assert!(ledger.handle_ack(large, PEER, true).is_some());
        let tracked = list(&mut ledger, &mut Chunk::default(), b"y");
        ledger.settle_neighbours(&[tracked]);
        let sheets = ledger.sheets.all(|_| true);
        let sheets = sheets.into_iter().filter_map(|id| ledger.sheets.sheet(id));
        let pages = sheets.filter_map(|sheet| Some(sheet.page.as_ref()?.capacity()));
        assert!(pages.sum::<usize>() <= 2 * ledger.bytes() + 20_000);
    }
    assert_eq!(ledger.len(), 1_000);
}

#[test]
fn what_follows_a_second_sheet_of_a_chunk_is_awaited() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let mut chunk = Chunk::default();
    let early = list(&mut ledger, &mut chunk, b"a");
    assert_eq!(
        ledger.settle_neighbours(&[early]).0,
        1,
        "while it is queued"
    );
    let second = list(&mut ledger, &mut chunk, b"b");
    let last = ledger.insert(None, b"c".as_slice().into());
    chunk.push(Some(last), Whose::Anyone, b"c");
    ledger.handle_assigned(last, link());
    leave(&mut ledger, now, &mut chunk);
    let second = ledger.sheets.find(ledger.age(second).unwrap());
    assert!(second.is_some_and(Sheet::is_written));
    assert!(ledger.get(last).is_some_and(Entry::is_written));
}

#[test]
fn what_is_queued_wastes_nothing() {
    let (mut ledger, now) = (with_slack(usize::MAX / 2), Instant::now());
    let mut chunk = Chunk::default();
    let ids: Vec<MessageId> = (0..100)
        .map(|_| list(&mut ledger, &mut chunk, &[1; 100]))
        .collect();
    assert!(ids[..99].iter().all(|id| settle(&mut ledger, *id) == 1));
    assert_eq!(ledger.waste(), 0);
    leave(&mut ledger, now, &mut chunk);
    assert!(ledger.waste() >= 99 * 121);
}

#[test]
fn sheets_that_are_stuck_stand_in_nobodys_way() {
    let (mut ledger, now) = (with_slack(usize::MAX / 2), Instant::now());
    let stuck = sheets(&mut ledger, now, &[2; 40]).concat();
    for turn in 0..10_000 {
        let ids = sheets(&mut ledger, now, &[3, 1]).concat();
        assert_eq!(ledger.settle_neighbours(&ids).0, 3, "turn {turn}");
        assert_eq!(ledger.settle_neighbours(&ids[3..]).0, 1);
    }
    assert!(stuck.iter().all(|id| has(&ledger, *id)));
    assert_eq!((ledger.len(), ledger.sheets.all(|_| true).len()), (80, 40));
    assert!(ledger.resends.runs() < 3_000);
}

#[test]
fn a_chunk_in_a_writers_hand_can_be_done_without() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let mut chunk = Chunk::default();
    let id = list(&mut ledger, &mut chunk, b"kept");
    ledger.keep_page(&mut chunk);
    ledger.dissolve(link(), [].into_iter());
    chunk.handle_taken(chunk.len());
    ledger.handle_chunk(now, link(), &chunk);
    assert_eq!(&*ledger.get(id).expect("it has an entry now").body, b"kept");
    assert_eq!(ledger.drain().count(), 1);
}
