//! Services: functions that other programs call by name.
//!
//! Here they share a process. In programs of their own they are the same lines: start a broker
//! with `jackfield broker`, and connect to where it says.
//!
//!     cargo run --example services

use std::time::Duration;

use jackfield::bus::{Broker, Bus, Call, Service};
use jackfield::{BusError, json};

json::record! {
    struct Order { dish: String, count: u32 = 1 }
    struct Bill { cents: u32 }
}

fn main() -> Result<(), BusError> {
    let broker = Broker::bind("tcp://127.0.0.1:0")?; // port 0: the system picks one
    let kitchen = Bus::connect(broker.endpoint())?;
    let _shouting = kitchen.serve("shout", |job| format!("{}!", job.text()))?;
    let _billing = kitchen.serve_as(Service::new("bill").workers(2), bill)?;

    let guest = Bus::connect(broker.endpoint())?;
    println!("{}", guest.call("shout", "hello")?.text());
    for dish in ["soup", "cloud"] {
        let order = Order {
            dish: dish.to_owned(),
            count: 2,
        };
        let call = Call::json("bill", order).timeout(Duration::from_secs(2));
        match guest.ask_as::<Bill>(call) {
            Ok(bill) => println!("{dish}: {} cents", bill.cents),
            Err(error) => println!("{dish}: {error}"),
        }
    }
    Ok(())
}

/// What it costs, or why it cannot be had: the caller gets either.
fn bill(order: Order) -> Result<Bill, String> {
    match order.dish.as_str() {
        "soup" => Ok(Bill {
            cents: 450 * order.count,
        }),
        other => Err(format!("there is no {other}")),
    }
}
