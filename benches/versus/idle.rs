//! Idle: many peers that say one thing each and then nothing.

use std::time::Duration;

use jackfield::{Config, Error, Socket};

use crate::arguments::{Arguments, Outcome, linger, say};

/// Answers one message of each peer.
pub fn serve(arguments: &Arguments) -> Outcome {
    let socket = Socket::new(Config::default())?;
    socket.bind(&arguments.address)?;
    say("READY");
    for _ in 0..arguments.peers {
        let message = socket.recv()?;
        socket.send_to(message.sender(), &message)?;
    }
    say("UP");
    linger();
    Ok(())
}

/// Says one thing as so many peers, and hears the answers.
pub fn call(arguments: &Arguments) -> Outcome {
    let body = vec![0; arguments.size];
    let sockets = (0..arguments.peers).map(|_| {
        let socket = Socket::new(Config::default())?;
        socket.connect(&arguments.address)?;
        socket.send(&body)?;
        Ok(socket)
    });
    let sockets = sockets.collect::<Result<Vec<Socket>, Error>>()?;
    for socket in &sockets {
        socket.recv_timeout(Duration::from_secs(60))?;
    }
    say("UP");
    linger();
    Ok(())
}
