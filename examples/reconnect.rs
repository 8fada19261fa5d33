//! Reconnecting: the server goes away and comes back, and what waited for it is not lost.

use std::time::Duration;

use jackfield::{Config, Error, Event, Socket};

fn main() -> Result<(), Error> {
    let server = Socket::new(Config::default())?;
    let here = server.bind("tcp://127.0.0.1:0")?;
    let client = Socket::new(Config::default())?;
    client.connect(&here)?;
    client.send("one")?;
    println!("server: got {:?}", server.recv()?.text());

    server.close();
    // A message that was already given to the system when the connection breaks is in doubt;
    // `Delivery::AtLeastOnce` would send it again. Here we wait until the client knows.
    let mut events = client.events();
    if let Some(Event::PeerDown { reason, .. }) =
        events.find(|event| matches!(event, Event::PeerDown { .. }))
    {
        println!("client: the server is gone: {reason}");
    }
    for text in ["two", "three", "four"] {
        client.send(text)?;
    }
    println!("client: {} messages wait", client.stats().waiting);

    let server = Socket::new(Config::default())?;
    server.bind(&here)?; // the client has been dialling all the while
    server.wait_for_peers(1, Duration::from_secs(10))?;
    for message in server.messages().take(3) {
        println!("server: got {:?}", message.text());
    }
    Ok(())
}
