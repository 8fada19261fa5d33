//! Server: answers those whose certificate it has been told of.
//!
//! `server CERTIFICATE KEY AUTHORITY FINGERPRINT..` listens on a port that the system picks and
//! says which. All files are in PEM; a fingerprint is the SHA-256 of a certificate:
//! `openssl x509 -in client.pem -outform der | sha256sum`.

use std::env;
use std::error::Error;
use std::net::TcpListener;
use std::path::Path;

use jackfield::{Config, OsStream, Socket};
use jackfield_tls::{Identity, accepting, fingerprint_of, server};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [certificate, key, authority, known @ ..] = &arguments[..] else {
        return Err("usage: server CERTIFICATE KEY AUTHORITY FINGERPRINT..".into());
    };
    let known = known.to_vec();
    let config = Config::default()
        // Who has no certificate of the authority does not get so far.
        .authorize(move |candidate| {
            fingerprint_of(candidate).is_some_and(|it| known.contains(&it.to_string()))
        })
        .on_stream(|stream| {
            if let OsStream::Tcp(tcp) = stream {
                tcp.set_ttl(64).ok(); // fails on a connection that is gone again
            }
        });
    let tls = server(
        Identity::load(certificate, key)?,
        Some(Path::new(authority)),
    )?;
    // A service would get this one from the system.
    let listener = TcpListener::bind("127.0.0.1:0")?;

    let socket = Socket::new(config)?;
    println!("{}", socket.bind_listener_with(listener, accepting(tls))?);
    for question in socket.messages() {
        let answer = question.text().to_uppercase();
        socket.send_to(question.sender(), answer).ok(); // it may have left again
    }
    Ok(())
}
