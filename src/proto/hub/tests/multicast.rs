//! Messages for several peers, which are encoded once for all of them.

use super::side::{Side, data, millis, round_robin, texts, who};
use crate::config::Config;
use crate::endpoint::Remote;
use crate::event::{DownReason, DropReason, Event};
use crate::policy::Limit;
use crate::proto::link::LinkId;

fn side_of_three(config: Config) -> (Side, [LinkId; 3]) {
    with_three(Side::new(config))
}

fn publisher_to_three(config: Config) -> (Side, [LinkId; 3]) {
    with_three(Side::publisher(config))
}

fn with_three(mut side: Side) -> (Side, [LinkId; 3]) {
    let links = [1, 2, 3].map(|n| side.up(who(n)));
    (side, links)
}

#[test]
fn a_long_run_of_small_messages_reaches_everybody_in_order() {
    let (mut side, links) = publisher_to_three(round_robin());
    let run: Vec<String> = (0..3_000).map(|n| format!("{n:040}")).collect();
    for text in &run {
        assert_eq!(side.send(text).unwrap().queued, 3);
    }
    for link in links {
        assert_eq!(texts(&side.write(link)), run);
    }
    assert_eq!(side.hub.stats().written, 9_000);
}

/// How long the chunks are that a long run becomes, for two peers or for one.
fn chunks_of_a_run(config: Config, peers: u8) -> Vec<usize> {
    let mut side = Side::publisher(config);
    let links: Vec<LinkId> = (1..=peers).map(|n| side.up(who(n))).collect();
    chunks_for(&mut side, links[0])
}

fn chunks_for(side: &mut Side, link: LinkId) -> Vec<usize> {
    for _ in 0..900 {
        side.send(&"x".repeat(995)).unwrap();
    }
    let mut chunks = Vec::new();
    while let Some(mut chunk) = side.hub.poll_chunk(link) {
        chunks.push(chunk.len() / 1_000);
        chunk.handle_taken(chunk.len());
        let now = side.now;
        side.hub.handle_back(now, link, chunk, true);
        if side.hub.queued_for(link) == 0 {
            break;
        }
    }
    chunks
}

#[test]
fn several_get_more_at_once_than_one_if_their_outboxes_are_long() {
    assert_eq!(chunks_of_a_run(round_robin(), 2)[..3], [262, 262, 262]);
    assert!(chunks_of_a_run(round_robin(), 1).iter().all(|kb| *kb < 70));
    let short = round_robin().outbox(Limit {
        messages: 10_000,
        bytes: 1024 * 1024,
    });
    assert_eq!(chunks_of_a_run(short, 2)[..3], [65, 65, 65]);
}

#[test]
fn several_get_no_more_at_once_than_a_unix_socket_takes() {
    let mut side = Side::publisher(round_robin());
    let link = side.up(who(1));
    let other = side.accept_from(Remote::Unix).unwrap();
    side.bring_up(other, who(2));
    assert_eq!(chunks_for(&mut side, link)[..3], [196, 196, 196]);
}

#[test]
fn what_is_sent_to_one_comes_behind_what_was_published_before() {
    let (mut side, links) = publisher_to_three(round_robin());
    side.send_all(&["a"]);
    side.send_to(who(2), "b").unwrap();
    side.send_all(&["c"]);
    assert_eq!(texts(&side.write(links[1])), ["a", "b", "c"]);
    assert_eq!(texts(&side.write(links[0])), ["a", "c"]);
}

#[test]
fn what_several_and_one_get_in_turn_stays_in_order_and_in_little_memory() {
    let (mut side, links) = publisher_to_three(round_robin());
    let mut expected = Vec::new();
    for turn in 0..400 {
        let (news, word) = (format!("news {turn:0200}"), format!("word {turn}"));
        side.send_all(&[&news]);
        if turn % 3 == 0 {
            side.send_to(who(2), &word).unwrap();
        }
        // The others take what there is, so that each page is short.
        side.write(links[0]);
        side.write(links[2]);
        expected.push(news);
        expected.extend((turn % 3 == 0).then_some(word));
    }
    let outbox = &side.hub.link(links[1]).unwrap().outbox;
    assert!(outbox.capacity() <= 2 * outbox.bytes());
    assert_eq!(texts(&side.write(links[1])), expected);
}

#[test]
fn who_has_a_small_part_of_a_long_page_does_not_keep_it() {
    let (mut side, links) = publisher_to_three(round_robin());
    let text = "x".repeat(1_000);
    for _ in 0..8 {
        side.send_all(&[text.as_str(); 100]);
        side.send_to(who(2), "from here on").unwrap();
        side.write(links[1]);
        side.send_all(&[text.as_str(); 8]);
        side.write(links[0]);
        side.write(links[2]);
    }
    let outbox = &side.hub.link(links[1]).unwrap().outbox;
    assert!(outbox.capacity() <= 4 * outbox.bytes());
}

#[test]
fn a_peer_that_comes_later_gets_nothing_of_an_open_page() {
    let (mut side, links) = publisher_to_three(round_robin());
    side.send_all(&["a"]);
    let late = side.up(who(4));
    side.send_all(&["b"]);
    assert_eq!(side.write(late), [data("b")]);
    assert_eq!(texts(&side.write(links[2])), ["a", "b"]);
}

#[test]
fn a_peer_that_goes_leaves_its_part_of_an_open_page() {
    let (mut side, links) = publisher_to_three(round_robin());
    side.send_all(&["a", "b"]);
    side.end(links[0], DownReason::Reset);
    let again = side.up(who(1));
    assert_eq!(texts(&side.write(again)), ["a", "b"]);
    assert_eq!(texts(&side.write(links[1])), ["a", "b"]);
}

#[test]
fn copies_are_dropped_only_for_the_peer_that_has_no_room() {
    let (mut side, links) = publisher_to_three(round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    }));
    side.send_all(&["a", "b"]);
    side.write(links[0]);
    side.write(links[1]);
    let sent = side.send("c").unwrap();
    assert_eq!((sent.queued, sent.dropped), (2, 1));
    assert_eq!(texts(&side.write(links[2])), ["a", "b"]);
    assert_eq!(texts(&side.write(links[0])), ["c"]);
}

#[test]
fn a_full_subscriber_counts_as_absent_until_it_has_room() {
    let (mut side, links) = publisher_to_three(round_robin().outbox(Limit {
        messages: 4,
        bytes: 1_000,
    }));
    side.send_all(&["a", "b", "c", "d"]);
    side.write(links[0]);
    side.write(links[1]);
    for text in ["e", "f"] {
        let sent = side.send(text).unwrap();
        assert_eq!((sent.queued, sent.dropped), (2, 1));
    }
    // They share a page, and nobody walks over the outboxes for them.
    assert_eq!(side.hub.multicast.copies(), 4);
    assert_eq!(side.hub.stats().dropped_outbox_full, 2);
    assert_eq!(texts(&side.write(links[2])), ["a", "b", "c", "d"]);
    let sent = side.send("g").unwrap();
    assert_eq!((sent.queued, sent.dropped), (3, 0));
    assert_eq!(texts(&side.write(links[2])), ["g"]);
    assert_eq!(texts(&side.write(links[0])), ["e", "f", "g"]);
    side.pass(millis(100));
    let told = side.events.iter().any(|event| {
        matches!(event, Event::Dropped { peer, reason: DropReason::OutboxFull, count: 2 }
            if *peer == Some(who(3)))
    });
    assert!(told);
}

#[test]
fn a_named_peer_without_room_is_missed_and_the_others_share() {
    let (mut side, links) = side_of_three(round_robin().outbox(Limit {
        messages: 4,
        bytes: 1_000,
    }));
    let peers = [who(1), who(2), who(3)];
    let missed = |side: &mut Side, text: &str| {
        let cast = side.hub.send_to_each(&peers, 75, &text.as_bytes().into());
        side.settle();
        cast.missed
    };
    for text in ["a", "b", "c"] {
        assert_eq!(missed(&mut side, text), []);
    }
    side.write(links[0]);
    side.write(links[1]);
    assert_eq!(missed(&mut side, "d"), [who(3)]);
    assert_eq!(missed(&mut side, "e"), [who(3)]);
    assert_eq!(side.hub.multicast.copies(), 4);
    side.write(links[2]);
    assert_eq!(missed(&mut side, "f"), []);
}

#[test]
fn what_is_shared_counts_as_waiting_and_as_memory() {
    let (mut side, links) = publisher_to_three(round_robin());
    side.send_all(&["a", "b"]);
    assert_eq!(side.hub.queued_for(links[0]), 2);
    assert_eq!(side.hub.stats().waiting, 6);
    assert_eq!(side.hub.queued_bytes, 36);
}

#[test]
fn a_run_that_nobody_writes_ends_at_the_memory_budget() {
    let (mut side, _) = publisher_to_three(round_robin().memory_budget(200_000));
    let text = "x".repeat(1_000);
    for _ in 0..200 {
        side.send(&text).unwrap();
        assert!(side.hub.queued_bytes <= 100_000);
    }
    assert!(side.hub.stats().dropped_memory_budget > 0);
}

#[test]
fn a_burst_to_chosen_peers_reaches_them_alone_and_in_order() {
    let (mut side, links) = side_of_three(round_robin());
    let run: Vec<String> = (0..3_000).map(|n| format!("{n:040}")).collect();
    for text in &run {
        let cast = side
            .hub
            .send_to_each(&[who(1), who(3)], 75, &text.as_bytes().into());
        assert!(cast.missed.is_empty());
    }
    assert_eq!(texts(&side.write(links[0])), run);
    assert_eq!(side.write(links[1]), []);
    assert_eq!(texts(&side.write(links[2])), run);
}

#[test]
fn other_chosen_peers_get_theirs_in_the_order_of_the_calls() {
    let (mut side, links) = side_of_three(round_robin());
    let calls: [(&[u8], &str); 7] = [
        (&[1, 2], "a"),
        (&[1, 2], "b"),
        (&[1, 2], "c"),
        (&[2, 3], "d"),
        (&[2, 3], "e"),
        (&[1, 2], "f"),
        (&[2, 2], "g"),
    ];
    for (to, text) in calls {
        let to: Vec<_> = to.iter().map(|n| who(*n)).collect();
        side.hub.send_to_each(&to, 75, &text.as_bytes().into());
        side.hub.check_counts();
    }
    assert_eq!(texts(&side.write(links[0])), ["a", "b", "c", "f"]);
    let second = ["a", "b", "c", "d", "e", "f", "g", "g"];
    assert_eq!(texts(&side.write(links[1])), second);
    assert_eq!(texts(&side.write(links[2])), ["d", "e"]);
}

#[test]
fn what_chosen_peers_share_waits_for_them_alone() {
    let (mut side, links) = side_of_three(round_robin());
    for text in ["a", "b", "c"] {
        side.hub
            .send_to_each(&[who(1), who(2)], 75, &text.as_bytes().into());
    }
    side.end(links[0], DownReason::Reset);
    assert_eq!(texts(&side.write(links[1])), ["a", "b", "c"]);
    assert_eq!(side.write(links[2]), []);
    let again = side.up(who(1));
    assert_eq!(texts(&side.write(again)), ["a", "b", "c"]);
}

#[test]
fn sharing_for_chosen_peers_ends_at_three_quarters_of_an_outbox() {
    let (mut side, links) = side_of_three(round_robin().outbox(Limit {
        messages: 100,
        bytes: 100_000,
    }));
    let both = [who(1), who(2)];
    let missed = (0..100).filter(|_| {
        !side
            .hub
            .send_to_each(&both, 75, &b"x".into())
            .missed
            .is_empty()
    });
    assert_eq!(missed.count(), 25);
    assert_eq!(side.write(links[1]).len(), 75);
}

#[test]
fn a_peer_that_is_crowded_out_gets_nothing_that_comes_later() {
    let (mut side, links) = publisher_to_three(round_robin().memory_budget(64 << 20));
    side.send_all(&["a"]);
    side.hub.handle_held(links[0], 40 << 20);
    assert_eq!(side.send("b").unwrap().queued, 2);

    let (mut side, links) = side_of_three(round_robin().memory_budget(64 << 20));
    let both = [who(1), who(2)];
    side.hub.send_to_each(&both, 75, &b"a".into());
    side.hub.send_to_each(&both, 75, &b"b".into());
    side.hub.handle_held(links[0], 40 << 20);
    assert_eq!(
        side.hub.send_to_each(&both, 75, &b"c".into()).missed.len(),
        1
    );
}

#[test]
fn what_outboxes_share_is_not_much_larger_than_what_is_in_it() {
    let (mut side, links) = publisher_to_three(round_robin());
    let text = "x".repeat(1_000);
    for _ in 0..20 {
        // What the fast one gets alone makes a large allocation that serves again.
        for _ in 0..65 {
            side.send_to(who(2), &text).unwrap();
        }
        side.write(links[1]);
        side.send_all(&[text.as_str(); 5]);
        side.write(links[1]);
    }
    let outbox = &side.hub.link(links[0]).unwrap().outbox;
    assert!(outbox.capacity() <= 4 * outbox.bytes());
}
