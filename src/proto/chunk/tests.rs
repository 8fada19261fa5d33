//! Chunks: what comes back of them, whole and in parts.

use std::time::Duration;

use super::*;
use crate::policy::Pauses;
use crate::proto::ledger::Ledger;
use crate::proto::link::LinkId;

fn three() -> Chunk {
    let mut chunk = Chunk::default();
    chunk.push(None, Whose::Published, b"one");
    chunk.push(Some(MessageId([7; 16])), Whose::Peer, b"two");
    chunk.push_shared(None, Whose::Published, b"three".as_slice().into());
    chunk
}

fn bodies(unsent: &[Leftover]) -> Vec<&[u8]> {
    unsent.iter().map(|one| &*one.body).collect()
}

#[test]
fn messages_come_back_as_they_went_in() {
    let unsent = three().into_unsent();
    assert_eq!(bodies(&unsent), [&b"one"[..], b"two", b"three"]);
    assert_eq!(unsent[1].id, Some(MessageId([7; 16])));
    assert_eq!(
        [Whose::Published, Whose::Peer, Whose::Published],
        [unsent[0].whose, unsent[1].whose, unsent[2].whose]
    );
}

#[test]
fn a_message_is_written_only_with_its_last_byte() {
    let total = three().len();
    for taken in 0..=total {
        let mut chunk = three();
        chunk.handle_taken(taken);
        let written: Vec<bool> = chunk.into_unsent().iter().map(|one| one.written).collect();
        assert_eq!(
            written,
            [taken >= 8, taken >= 8 + 24, taken >= total],
            "{taken} taken"
        );
    }
}

#[test]
fn the_rest_begins_where_the_kernel_stopped() {
    let mut chunk = three();
    let whole = [chunk.rest().0, chunk.rest().1].concat();
    for taken in 0..whole.len() {
        let (head, body) = chunk.rest();
        assert_eq!([head, body].concat(), whole[taken..]);
        chunk.handle_taken(1);
    }
    assert!(chunk.is_done());
}

#[test]
fn the_oldest_is_removed_if_it_was_published_until_bytes_are_on_their_way() {
    let mut chunk = published();
    assert_eq!(&*chunk.remove_oldest().unwrap().body, b"one");
    assert_eq!(chunk.messages(), 2);
    chunk.handle_taken(1);
    assert_eq!(chunk.remove_oldest(), None);
    assert_eq!(bodies(&chunk.into_unsent()), [&b"two"[..], b"three"]);

    let mut chunk = three();
    assert_eq!(&*chunk.remove_oldest().unwrap().body, b"one");
    assert_eq!(
        chunk.remove_oldest(),
        None,
        "what was sent does not give way"
    );
}

fn published() -> Chunk {
    let mut chunk = Chunk::default();
    chunk.push_encoded(b"\0\0\0\x04\x03one\0\0\0\x04\x03two", 2, Whose::Published);
    chunk.push_shared(None, Whose::Published, b"three".as_slice().into());
    chunk
}

#[test]
fn removing_all_leaves_nothing_to_write() {
    let mut chunk = published();
    while chunk.remove_oldest().is_some() {}
    assert!(chunk.is_done());
    assert_eq!((chunk.len(), chunk.messages()), (0, 0));
}

#[test]
fn ids_are_found_without_the_payloads() {
    assert_eq!(three().ids().collect::<Vec<_>>(), [MessageId([7; 16])]);
}

#[test]
fn a_sheet_begins_behind_a_few_messages_and_ends_with_its_neighbours() {
    let pauses = Pauses {
        first: Duration::ZERO,
        max: Duration::ZERO,
    };
    let mut ledger = Ledger::new(1, 0, pauses, None);
    let link = LinkId::new(0, 1);
    let mut chunk = Chunk::default();
    for _ in 0..WORTH_A_SHEET {
        assert_eq!(chunk.may_list(Whose::Anyone), None);
        chunk.push(None, Whose::Anyone, b"x");
    }
    assert_eq!(chunk.may_list(Whose::Anyone), Some(None));
    let (sheet, id, _) = ledger.enlist(None, link, None, 1);
    chunk.push_listed(sheet, id, Whose::Anyone, b"x");
    assert_eq!(chunk.may_list(Whose::Anyone), Some(Some(sheet)));
    assert_eq!(chunk.may_list(Whose::Peer), None);
    chunk.push(None, Whose::Anyone, b"x");
    assert_eq!(chunk.may_list(Whose::Anyone), None);
    assert_eq!(
        (chunk.sheet(), chunk.unlisted()),
        (Some(sheet), WORTH_A_SHEET + 1)
    );
}

#[test]
fn what_was_lent_is_written_from_there_and_kept_only_if_some_is_left() {
    let body = [5; 100];
    for taken in 0..=105 {
        let mut chunk = Chunk::default();
        chunk.push_lent(Whose::Peer, body.len());
        assert_eq!(
            (chunk.len(), chunk.messages(), chunk.has_room()),
            (105, 1, false)
        );
        chunk.handle_taken(taken);
        let (head, rest) = chunk.rest_with(&body);
        assert_eq!(head.len() + rest.len(), 105 - taken);
        chunk.keep(&body);
        assert_eq!(chunk.is_done(), taken == 105);
        if taken < 105 {
            let unsent = chunk.into_unsent();
            assert!(
                unsent[0].whose == Whose::Peer && !unsent[0].written && *unsent[0].body == body
            );
        }
    }
}
