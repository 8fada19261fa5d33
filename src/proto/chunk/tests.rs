//! Chunks: what comes back of them, whole and in parts.

use super::*;

fn three() -> Chunk {
    let mut chunk = Chunk::default();
    chunk.push(None, false, b"one");
    chunk.push(Some(MessageId([7; 16])), true, b"two");
    chunk.push_shared(None, false, b"three".as_slice().into());
    chunk
}

fn bodies(unsent: &[Unsent]) -> Vec<&[u8]> {
    unsent.iter().map(|one| &*one.body).collect()
}

#[test]
fn messages_come_back_as_they_went_in() {
    let unsent = three().into_unsent();
    assert_eq!(bodies(&unsent), [&b"one"[..], b"two", b"three"]);
    assert_eq!(unsent[1].id, Some(MessageId([7; 16])));
    assert_eq!(
        [false, true, false],
        [unsent[0].direct, unsent[1].direct, unsent[2].direct]
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
fn the_oldest_is_removed_until_bytes_are_on_their_way() {
    let mut chunk = three();
    assert_eq!(&*chunk.remove_oldest().unwrap().body, b"one");
    assert!(chunk.remove_oldest().unwrap().direct);
    assert_eq!(chunk.messages(), 1);
    chunk.handle_taken(1);
    assert_eq!(chunk.remove_oldest(), None);
    assert_eq!(bodies(&chunk.into_unsent()), [&b"three"[..]]);
}

#[test]
fn removing_all_leaves_nothing_to_write() {
    let mut chunk = three();
    while chunk.remove_oldest().is_some() {}
    assert!(chunk.is_done());
    assert_eq!((chunk.len(), chunk.messages()), (0, 0));
}

#[test]
fn ids_are_found_without_the_payloads() {
    assert_eq!(three().ids().collect::<Vec<_>>(), [MessageId([7; 16])]);
}
