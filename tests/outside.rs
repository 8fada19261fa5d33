//! The bus outside of the crate: it compiles with the crate's public names alone.

#![allow(dead_code, unused_imports)]

#[path = "../src/bus/mod.rs"]
mod bus;

use jackfield::*;

#[test]
fn the_bus_is_made_of_public_calls() {
    let bus = bus::Bus::local().expect("it needs nothing");
    let news = bus.subscribe("news").expect("accepted");
    bus.publish("news", "x").expect("accepted");
    assert_eq!(news.recv().expect("it came").text(), "x");
}
