//! Two ends in one process: the least that there is to know.

use jackfield::{Config, Error, Socket};

fn main() -> Result<(), Error> {
    let server = Socket::new(Config::default())?;
    let here = server.bind("tcp://127.0.0.1:0")?;
    println!("server: bound {here}");

    let client = Socket::new(Config::default())?;
    client.connect(&here)?;
    client.send("hello")?;

    let question = server.recv()?;
    println!("server: got {:?} from {}", question.text(), question.from());
    server.send_to(question.from(), "hello yourself")?;

    let answer = client.recv()?;
    println!("client: got {:?}", answer.text());
    Ok(())
}
