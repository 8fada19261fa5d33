//! Ends: sockets with TLS.

use std::sync::Arc;

use jackfield::{Endpoint, Error, Socket};
use jackfield_tls::{Identity, accepting, client, dialling, server};
use rustls::{ClientConfig, ServerConfig};

use crate::certificates::{NAME, certificates};

fn load(who: &str) -> Identity {
    let files = certificates();
    let [certificate, key] = ["pem", "key"].map(|end| files.file(&format!("{who}.{end}")));
    Identity::load(certificate, key).expect("they are in order")
}

pub fn serving(who: &str, mutual: bool) -> Arc<ServerConfig> {
    let authority = certificates().file("authority.pem");
    server(load(who), mutual.then_some(&*authority)).expect("they are in order")
}

pub fn asking(who: Option<&str>) -> Arc<ClientConfig> {
    let authority = certificates().file("authority.pem");
    client(&authority, who.map(load)).expect("they are in order")
}

/// Binds with the server's certificate, and asks for one where it is mutual.
pub fn bind(socket: &Socket, here: &str, mutual: bool) -> Result<Endpoint, Error> {
    socket.bind_with(here, accepting(serving("server", mutual)))
}

/// Connects, with the certificate of `who`.
pub fn connect(socket: &Socket, there: &str, who: Option<&str>) -> Result<(), Error> {
    let name = NAME.try_into().expect("a name");
    socket.connect_with(there, dialling(asking(who), name))
}
