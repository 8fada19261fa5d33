//! Two ends in one process: the least that there is to know.

use jackfield::{Config, Error, Socket};

fn main() -> Result<(), Error> {
    let server = Socket::new(Config::default())?;
    let here = server.bind("tcp://127.0.0.1:0")?; // port 0: the system picks one
    println!("server: bound {here}");

    let client = Socket::new(Config::default())?;
    client.connect(&here)?; // returns at once, and dials for as long as the socket lives
    client.send("hello")?; // waits in the socket until the server is there

    let question = server.recv()?;
    println!(
        "server: got {:?} from {}",
        question.text(),
        question.sender()
    );
    server.send_to(question.sender(), "hello yourself")?;

    let answer = client.recv()?;
    println!("client: got {:?}", answer.text());
    Ok(())
}
