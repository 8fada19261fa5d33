//! Client: `client ENDPOINT NAME CERTIFICATE KEY AUTHORITY QUESTION` asks the server of that name
//! at that endpoint, and prints its answer.

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use jackfield::{Config, Socket};
use jackfield_tls::{Identity, client, dialling};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, name, certificate, key, authority, question] = &arguments[..] else {
        return Err("usage: client ENDPOINT NAME CERTIFICATE KEY AUTHORITY QUESTION".into());
    };
    let identity = Identity::load(certificate, key)?;
    let tls = client(Path::new(authority), Some(identity))?;

    let socket = Socket::new(Config::default())?;
    socket.connect_with(endpoint, dialling(tls, name.clone().try_into()?))?;
    socket.send(question)?;
    println!("{}", socket.recv_timeout(Duration::from_secs(10))?.text());
    Ok(())
}
