//! Sensors and an alarm: who measures does not know who listens.
//!
//! Here they share a process. In programs of their own they are the same lines: start a broker
//! with `jackfield broker`, and connect to where it says.
//!
//!     cargo run --example sensors

use jackfield::BusError;
use jackfield::bus::{Broker, Bus, Post};

const TOO_HOT: f64 = 50.0;

fn main() -> Result<(), BusError> {
    let broker = Broker::bind("tcp://127.0.0.1:0")?; // port 0: the system picks one
    let alarm = Bus::connect(broker.endpoint())?;
    let temperatures = alarm.subscribe("room/*/celsius")?; // from here on nothing is missed

    let sensors = Bus::connect(broker.endpoint())?;
    for (room, celsius) in [("kitchen", 21.5), ("attic", 61.0), ("hall", 19.0)] {
        sensors.send(Post::json(format!("room/{room}/celsius"), celsius).retain())?;
    }
    for note in temperatures.iter().take(3) {
        let celsius: f64 = note.json()?;
        match celsius > TOO_HOT {
            true => println!("alarm: {} is {celsius} °C!", note.topic()),
            false => println!("alarm: {} is fine", note.topic()),
        }
    }

    // Whoever comes later starts with the last value of each room.
    let screen = broker.bus().subscribe("room/attic/*")?;
    println!("screen: {}", screen.recv()?);
    Ok(())
}
