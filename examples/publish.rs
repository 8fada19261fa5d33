//! Publishing: every subscriber gets every message.
//!
//! Alone, it runs one publisher and two subscribers in one process. With a role it is one of them,
//! in as many terminals as you like: start them in any order, stop and restart any of them.
//!
//!     cargo run --example publish
//!     cargo run --example publish -- publisher
//!     cargo run --example publish -- subscriber

use std::env;
use std::process;
use std::thread;
use std::time::Duration;

use jackfield::{Config, Endpoint, Error, Socket};

const NEWS: &str = "tcp://127.0.0.1:7000";

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.join(" ").as_str() {
        "" => all_in_one(),
        "publisher" => publisher(),
        "subscriber" => subscriber(),
        _ => {
            eprintln!("usage: publish [publisher | subscriber]");
            process::exit(2);
        }
    }
}

fn all_in_one() -> Result<(), Error> {
    let publisher = Socket::new(Config::default())?;
    let here = publisher.bind("tcp://127.0.0.1:0")?;
    let subscribers = ["ann", "bob"].map(|name| {
        let there = here.clone();
        thread::spawn(move || listen_to_three(name, &there))
    });
    // A publish reaches those who are connected, so wait for both.
    publisher.wait_for_peers(2, Duration::from_secs(5))?;
    for number in 1..=3 {
        let receipt = publisher.publish(format!("news {number}"))?;
        println!("publisher: news {number} to {} subscribers", receipt.queued);
    }
    for subscriber in subscribers {
        subscriber.join().expect("a subscriber does not panic")?;
    }
    Ok(())
}

fn listen_to_three(name: &str, there: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(there)?;
    for news in socket.messages().take(3) {
        println!("{name}: {}", news.text());
    }
    Ok(())
}

fn publisher() -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    println!("publishing at {}", socket.bind(NEWS)?);
    for number in 1.. {
        let receipt = socket.publish(format!("news {number}"))?;
        println!("news {number} to {} subscribers", receipt.queued);
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

fn subscriber() -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(NEWS)?;
    println!("subscribed to {NEWS}");
    for news in socket.messages() {
        println!("{}", news.text());
    }
    Ok(())
}
