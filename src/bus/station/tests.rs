//! Tests: who carries out what a table wants sent, and for how long.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::bus::end::{Ear, Hears, Link, Role};
use crate::bus::station::{MAX_WAITING, Patience, Station};
use crate::bus::table::clients::Key;
use crate::bus::words::Limits;

const SLACK: Duration = Duration::from_secs(20);

/// A client that takes each message when it is allowed to.
struct Slow {
    hears: Mutex<Sender<()>>,
    may: Mutex<Receiver<()>>,
}

impl Hears for Slow {
    fn handle_up(self: Arc<Self>, _: Link, _: Role) {}
    fn handle_down(self: Arc<Self>, _: Link, _: Vec<Vec<u8>>) {}
    fn handle_close(self: Arc<Self>) {}

    fn handle_messages(self: Arc<Self>, _: Link, messages: &mut Vec<Vec<u8>>) {
        messages.clear();
        let lock = "no test panics with it";
        // When the test is over, nobody counts any more.
        self.hears.lock().expect(lock).send(()).ok();
        self.may.lock().expect(lock).recv_timeout(SLACK).ok();
    }
}

fn join(station: &Station, ear: Ear) -> Key {
    let key = station.reserve();
    station.attach(key, ear).expect("it is open");
    key
}

fn publish(station: &Station, from: Key) {
    let message = b"pub 00000000000000000000000000000001 a\n\n";
    station.handle_message(from, message, Patience::Some);
}

#[test]
fn whoever_has_said_something_does_not_carry_out_what_others_say_for_ever() {
    let station = Station::new(None, None, Limits::default());
    let ((hears, heard), (allow, may)) = (channel(), channel());
    let slow = Arc::new(Slow {
        hears: Mutex::new(hears),
        may: Mutex::new(may),
    });
    let hears: Arc<dyn Hears> = slow.clone();
    let key = join(&station, Ear::new(Arc::downgrade(&hears)));
    allow.send(()).expect("it is there");
    let sub = b"sub 00000000000000000000000000000001 a\n\n";
    station.handle_message(key, sub, Patience::Some);
    heard.recv_timeout(SLACK).expect("it is subscribed");

    let (over, is_over) = channel();
    let one = station.clone();
    let first = thread::spawn(move || {
        publish(&one, key);
        over.send(()).ok();
    });
    heard.recv_timeout(SLACK).expect("the first is carried out");
    let other = station.clone();
    let second = thread::spawn(move || (0..MAX_WAITING + 2).for_each(|_| publish(&other, key)));
    let began = Instant::now();
    while station.lock().sleepers == 0 {
        assert!(began.elapsed() < SLACK, "the second never waits");
        thread::yield_now();
    }
    allow.send(()).expect("it is there");
    is_over
        .recv_timeout(SLACK)
        .expect("the first has done its own");
    drop(allow);
    first.join().expect("no panic");
    second.join().expect("no panic");
    drop(slow);
}
