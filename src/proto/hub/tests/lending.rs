//! Large messages that are written from where their sender has them.

use super::side::{Frame, Side, at_least_once, round_robin, texts, who};
use crate::event::DownReason;
use crate::proto::chunk::{Chunk, LARGE};
use crate::proto::link::LinkId;

const BODY: [u8; LARGE] = [b'L'; LARGE];

/// The caller writes so many bytes of its chunk.
fn bring_back(side: &mut Side, id: LinkId, mut chunk: Chunk, count: usize) {
    chunk.handle_taken(count);
    chunk.keep(&BODY);
    side.hub.handle_back(side.now, id, chunk, count > 0);
    side.hub.check_counts();
}

#[test]
fn a_large_message_for_an_idle_link_is_lent() {
    let mut side = Side::new(round_robin());
    let links = [1, 2].map(|n| side.up(who(n)));
    for turn in [0, 1, 0] {
        let (id, chunk) = side.hub.lend(None, &BODY).expect("it is idle");
        assert_eq!(
            (id, chunk.messages(), chunk.len()),
            (links[turn], 1, 5 + LARGE)
        );
        side.hub.check_counts();
        let len = chunk.len();
        bring_back(&mut side, id, chunk, len);
    }
    let (id, chunk) = side.hub.lend(Some(who(1)), &BODY).expect("it is idle");
    assert_eq!(id, links[0]);
    bring_back(&mut side, id, chunk, 5 + LARGE);
    assert_eq!(side.hub.stats().written, 4);
}

#[test]
fn nothing_is_lent_where_something_else_comes_first_or_a_copy_is_needed() {
    let mut side = Side::new(round_robin());
    assert!(side.hub.lend(None, &BODY).is_none(), "nobody is there");
    let link = side.up(who(1));
    assert!(side.hub.lend(None, &BODY[1..]).is_none(), "it is small");
    assert!(side.hub.lend(Some(who(2)), &BODY).is_none());
    let (id, chunk) = side.hub.lend(None, &BODY).expect("it is idle");
    assert!(side.hub.lend(None, &BODY).is_none(), "it is being written");
    bring_back(&mut side, id, chunk, 5 + LARGE);
    side.send("queued").unwrap();
    assert!(side.hub.lend(None, &BODY).is_none(), "others are first");
    side.write(link);
    assert!(side.hub.lend(None, &BODY).is_some());

    let mut side = Side::new(at_least_once());
    side.up(who(1));
    assert!(side.hub.lend(None, &BODY).is_none());
}

#[test]
fn what_the_kernel_did_not_take_of_a_lent_message_follows() {
    for taken in [0, 3, 5, 100, 4 + LARGE] {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        let (id, chunk) = side.hub.lend(None, &BODY).expect("it is idle");
        side.send("behind").unwrap();
        bring_back(&mut side, id, chunk, taken);
        side.end(link, DownReason::Reset);
        side.hub.check_counts();
        let other = side.up(who(2));
        let whole = String::from_utf8(BODY.into()).unwrap();
        assert_eq!(texts(&side.write(other)), [&whole, "behind"]);
        assert_eq!(side.hub.stats().in_doubt, 0);
    }
}

#[test]
fn a_lent_message_that_is_gone_to_the_kernel_is_in_doubt() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    let (id, chunk) = side.hub.lend(None, &BODY).expect("it is idle");
    side.hub.handle_gone(side.now, link, DownReason::Reset);
    bring_back(&mut side, id, chunk, 5 + LARGE);
    let other = side.up(who(2));
    assert_eq!(side.hub.stats().in_doubt, 1);
    assert_eq!(side.write(other), [] as [Frame; 0]);
}
