//! Direct messages: an answer goes to whoever asked, and to nobody else.
//!
//! Every message says who it is from. That identity is also an address, for an answer or for
//! anything else, for as long as that peer is connected.

use std::thread;

use jackfield::{Config, Endpoint, Error, Identity, Socket};

fn main() -> Result<(), Error> {
    let server = Socket::new(Config::default())?;
    let here = server.bind("tcp://127.0.0.1:0")?;
    let clients = ["ann", "bob", "eve"].map(|name| {
        let there = here.clone();
        thread::spawn(move || ask(name, &there))
    });

    // Hear all of them out before answering, to show that each answer finds its way back.
    let questions: Vec<_> = server.messages().take(clients.len()).collect();
    for question in questions {
        println!("server: {} asks", question.text());
        server.send_to(question.sender(), format!("hello, {}", question.text()))?;
    }
    for client in clients {
        client.join().expect("a client does not panic")?;
    }

    let nobody = Identity::new([0; 16]);
    if let Err(error) = server.send_to(nobody, "anyone there?") {
        println!("server: to a stranger: {error}"); // a message that was given away is in `error.body`
    }
    Ok(())
}

fn ask(name: &str, server: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(server)?;
    socket.send(name)?;
    println!("{name}: got {:?}", socket.recv()?.text());
    Ok(())
}
