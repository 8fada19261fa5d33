//! A relay: what anyone sends to one socket, everyone at the other socket gets.
//!
//! Producers and consumers connect to the relay and never need to know of each other. `relay` is
//! all there is to it; the rest makes a small world around it.

use std::thread;
use std::time::Duration;

use jackfield::{Config, Endpoint, Error, Socket};

fn relay(inward: &Socket, outward: &Socket) -> Result<(), Error> {
    for message in inward.messages() {
        outward.publish(&message)?;
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let inward = Socket::new(Config::default())?;
    let entry = inward.bind("tcp://127.0.0.1:0")?;
    let outward = Socket::new(Config::default())?;
    let exit = outward.bind("tcp://127.0.0.1:0")?;

    let consumers = ["left", "right"].map(|name| {
        let exit = exit.clone();
        thread::spawn(move || consume(name, &exit))
    });
    outward.wait_for_peers(2, Duration::from_secs(5))?;
    thread::spawn(move || relay(&inward, &outward));

    for name in ["red", "blue"] {
        produce(name, &entry)?;
    }
    for consumer in consumers {
        consumer.join().expect("a consumer does not panic")?;
    }
    Ok(())
}

fn produce(name: &str, entry: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(entry)?;
    for number in 1..=2 {
        socket.send(format!("{name} {number}"))?;
    }
    Ok(()) // dropping the last handle closes the socket, after its messages have left
}

fn consume(name: &str, exit: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(exit)?;
    for message in socket.messages().take(4) {
        println!("{name}: {}", message.text());
    }
    Ok(())
}
