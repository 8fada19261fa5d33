//! Retained values: the last word on a topic, for those who come later.

use jackfield::bus::{Bus, Note, Post, Subscription};

use crate::stage::{Stage, Way, assert_quiet, next, next_text};

on_all_ways!(
    a_new_subscriber_gets_the_last_value_marked_as_retained,
    a_subscriber_that_is_there_gets_it_unmarked,
    an_empty_value_clears_it,
    each_new_subscription_gets_it_for_itself,
    what_is_not_retained_is_not_replayed,
);

fn retain(bus: &Bus, topic: &str, body: &str) {
    bus.send(Post::new(topic, body).retain()).expect("accepted");
}

/// Both have the value now, wherever it is kept.
fn seen(note: &Note) -> (&str, &[u8], bool) {
    (note.topic(), note.body(), note.is_retained())
}

fn a_new_subscriber_gets_the_last_value_marked_as_retained(way: Way) {
    let stage = Stage::new(way);
    retain(&stage.one, "room/1", "first");
    retain(&stage.one, "room/1", "second");
    retain(&stage.one, "room/2", "other");
    let rooms = stage.two.subscribe("room/*").expect("accepted");
    let notes = [next(&rooms), next(&rooms)];
    assert_eq!(seen(&notes[0]), ("room/1", &b"second"[..], true));
    assert_eq!(seen(&notes[1]), ("room/2", &b"other"[..], true));
    assert_quiet(&stage.one, &rooms, "room/3");
}

fn a_subscriber_that_is_there_gets_it_unmarked(way: Way) {
    let stage = Stage::new(way);
    let room = stage.two.subscribe("room").expect("accepted");
    retain(&stage.one, "room", "value");
    assert_eq!(seen(&next(&room)), ("room", &b"value"[..], false));
    assert_quiet(&stage.one, &room, "room");
}

fn an_empty_value_clears_it(way: Way) {
    let stage = Stage::new(way);
    retain(&stage.one, "room", "value");
    stage.one.clear("room").expect("accepted");
    let room = stage.two.subscribe("room").expect("accepted");
    assert_quiet(&stage.one, &room, "room");
}

fn each_new_subscription_gets_it_for_itself(way: Way) {
    let stage = Stage::new(way);
    let early = stage.two.subscribe("room").expect("accepted");
    retain(&stage.one, "room", "value");
    assert_eq!(next_text(&early), "value");
    let late = |_| stage.two.subscribe("**").expect("accepted");
    let late: Vec<Subscription> = (0..2).map(late).collect();
    for subscription in &late {
        assert_eq!(seen(&next(subscription)), ("room", &b"value"[..], true));
    }
    assert_quiet(&stage.one, &early, "room");
}

fn what_is_not_retained_is_not_replayed(way: Way) {
    let stage = Stage::new(way);
    retain(&stage.one, "room", "kept");
    stage.one.send(Post::new("room", "said")).expect("accepted");
    let room = stage.two.subscribe("room").expect("accepted");
    assert_eq!(next_text(&room), "kept");
    assert_quiet(&stage.one, &room, "room");
}
