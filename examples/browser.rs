//! Browser: a room in which this program and any number of web pages talk.
//!
//! It serves one page, `examples/browser/index.html`, and takes that page as a peer: open what it
//! prints in two windows. It runs until it is stopped, and may be stopped and started again while
//! pages are open.
//!
//!     cargo run --example browser
//!
//! The addresses of the page and of the socket may be given, and the origins of further pages. To
//! look at it on a phone, where this computer is 192.168.1.7:
//!
//!     cargo run --example browser -- 0.0.0.0:8000 0.0.0.0:5555 http://192.168.1.7:8000

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackfield::{Config, Identity, Socket};

const PAGE: &str = include_str!("browser/index.html");

/// How often the program says something of its own accord.
const PAUSE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let page = arguments.next().unwrap_or("127.0.0.1:8000".to_owned());
    let room = arguments.next().unwrap_or("127.0.0.1:5555".to_owned());
    let http = TcpListener::bind(page)?;
    let page = http.local_addr()?;

    // Only our own page may connect: a browser lets any page on the internet try.
    let mut config = Config::default()
        .allow_origin(format!("http://{page}"))
        .allow_origin(format!("http://localhost:{}", page.port()));
    for origin in arguments {
        config = config.allow_origin(origin);
    }
    let socket = Socket::new(config)?;
    let here = socket.bind(format!("ws://{room}"))?;
    let port = here.port().unwrap_or_default();
    println!("open http://{page}/?port={port}");

    thread::spawn(move || serve(&http));
    let clock = socket.clone();
    thread::spawn(move || tell_the_time(&clock));
    for message in socket.messages() {
        let line = format!("{}: {}", short(message.sender()), message.text());
        println!("{line}");
        socket.publish(line)?;
    }
    Ok(())
}

/// The first digits of an identity, as the page shows them.
fn short(identity: Identity) -> String {
    identity.to_string()[..8].to_owned()
}

fn tell_the_time(socket: &Socket) {
    loop {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.unwrap_or_default().as_secs() % (24 * 60 * 60);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let count = socket.peers().len();
        let news = format!("{hours:02}:{minutes:02} UTC, {count} here");
        // With nobody there it would wait for somebody, and be no news by then.
        if count > 0 && socket.publish(news).is_err() {
            return;
        }
        thread::sleep(PAUSE);
    }
}

/// The least that can be called a web server.
fn serve(http: &TcpListener) {
    for stream in http.incoming().flatten() {
        thread::spawn(move || {
            if let Err(error) = answer(&stream) {
                eprintln!("no page for {:?}: {error}", stream.peer_addr());
            }
        });
    }
}

fn answer(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PAUSE))?;
    let mut lines = BufReader::new(stream.take(8 * 1024)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for header in lines {
        if header?.is_empty() {
            break;
        }
    }
    let is_page = request.starts_with("GET / ") || request.starts_with("GET /?");
    let (status, kind, body) = match is_page {
        true => ("200 OK", "text/html", PAGE),
        false => (
            "404 Not Found",
            "text/plain",
            "There is only one page here.\n",
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}
