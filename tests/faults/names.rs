//! Names: look-ups that fail and change, and connections that lead back to where they began.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;

use jackfield::{DownReason, Event, Socket};

use crate::again::{is_prepared, run_prepared};
use crate::support::{
    Transport, await_event, await_peers, bound, connected, eventually, next_text, quick, send,
    socket,
};

/// Row 21: a socket that dials itself is told so, tries again, and is there for others; once
/// somebody else has the endpoint, it gets there.
#[test]
fn a_socket_that_dials_itself_tries_again_until_somebody_else_is_there() {
    let here = Transport::Tcp.endpoint();
    let looped = bound(quick(), &here);
    looped.connect(&here).expect("an endpoint");
    for _ in 0..3 {
        await_event(&looped, |event| {
            let ourselves = DownReason::OurselvesDialled;
            matches!(event, Event::Rejected { reason, .. } if *reason == ourselves)
        });
    }
    assert_eq!((looped.stats().peers_up, looped.peers().len()), (0, 0));
    assert!(looped.unbind(&here).expect("an endpoint"));
    let other = bound(quick(), &here);
    await_peers(&looped, 1);
    send(&looped, "there at last");
    assert_eq!(next_text(&other), "there at last");
}

const PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// A network of its own, in which the system has one port to dial from.
const ONE_PORT: &str = r#"
    flags=-n; [ "$(id -u)" = 0 ] || flags=-rn
    exec unshare $flags sh -c '
        ip link set lo up && echo 20000 20000 > /proc/sys/net/ipv4/ip_local_port_range &&
        exec "$@"' sh "$@""#;

/// Row 21: dialling a port that nobody has, the system may connect us to ourselves; that is a
/// failed dial, and the port stays free for whoever is meant to have it.
#[test]
fn a_connection_to_itself_is_a_failed_dial_and_takes_no_port() {
    if !is_prepared() {
        let name = "names::a_connection_to_itself_is_a_failed_dial_and_takes_no_port";
        return run_prepared(name, ONE_PORT);
    }
    let there = "tcp://127.0.0.1:20000";
    let client = connected(quick(), there);
    eventually("it fails", || client.stats().dials_failed >= 5);
    await_event(&client, |event| matches!(event, Event::DialFailed { .. }));
    assert_eq!((client.stats().rejected, client.stats().peers_up), (0, 0));
    eventually("the system does it", is_connected_to_itself);
    let server = socket(quick());
    eventually("the port is free", || server.bind(there).is_ok());
    fs::write(PORTS, "30000 40000").expect("it is ours");
    send(&client, "there at last");
    assert_eq!(next_text(&server), "there at last");
}

/// Whether the system connects whoever dials to themselves here, as it is meant to.
fn is_connected_to_itself() -> bool {
    let Ok(mut stream) = TcpStream::connect("127.0.0.1:20000") else {
        return false;
    };
    assert_eq!(stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    // Ended over an unread byte, it frees the port at once.
    stream.write_all(&[0]).unwrap();
    stream.peek(&mut [0]).is_ok()
}

/// Names of its own, in files that the test writes.
const OWN_NAMES: &str = r#"
    flags=-m; [ "$(id -u)" = 0 ] || flags=-rm
    exec unshare $flags sh -c '
        mount --bind "$JACKFIELD_NAMES/hosts" /etc/hosts &&
        mount --bind "$JACKFIELD_NAMES/nsswitch.conf" /etc/nsswitch.conf &&
        exec "$@"' sh "$@""#;

/// Runs a test where `/etc/hosts` is its own, and empty.
fn with_own_names(name: &str) {
    let directory = std::env::temp_dir().join(format!("jackfield-{}", std::process::id()));
    let directory = Directory(directory.join(name.replace("::", "-")));
    fs::create_dir_all(&directory.0).expect("a directory of our own");
    fs::write(directory.0.join("hosts"), "").expect("it is ours");
    fs::write(directory.0.join("nsswitch.conf"), "hosts: files\n").expect("it is ours");
    let prepare = format!(
        "JACKFIELD_NAMES='{}'\nexport JACKFIELD_NAMES\n{OWN_NAMES}",
        directory.0.display()
    );
    run_prepared(name, &prepare);
}

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Loopback addresses of this process, as `127.251.x.y` and so on, and one port for all of them.
fn addresses() -> ([String; 3], String) {
    let reserved = Transport::Tcp.endpoint();
    let port = reserved.rsplit(':').next().expect("a port");
    let [.., high, low] = std::process::id().to_be_bytes();
    let hosts = [251, 252, 253].map(|net| format!("127.{net}.{high}.{low}"));
    (hosts, port.to_owned())
}

fn call(name: &str, hosts: &[&String]) {
    let lines: Vec<String> = hosts
        .iter()
        .map(|host| format!("{host} {name}\n"))
        .collect();
    fs::write("/etc/hosts", lines.concat()).expect("it is ours");
}

fn assert_reaches(client: &Socket, server: &Socket, text: &str) {
    await_peers(server, 1);
    client.send_to(server.identity(), text).expect("a peer");
    assert_eq!(next_text(server), text);
}

/// Row 24: a name that cannot be found is told of and looked up again; other endpoints of the
/// socket do not notice.
#[test]
fn a_name_that_is_not_found_harms_no_other_endpoint() {
    if !is_prepared() {
        return with_own_names("names::a_name_that_is_not_found_harms_no_other_endpoint");
    }
    let ([host, ..], port) = addresses();
    let client = connected(quick(), &format!("tcp://somewhere.test:{port}"));
    let near = Transport::Tcp.endpoint();
    let other = bound(quick(), &near);
    client.connect(&near).expect("an endpoint");
    await_peers(&client, 1);
    eventually("look-ups fail", || client.stats().dials_failed >= 3);
    await_event(&client, |event| matches!(event, Event::DialFailed { .. }));
    assert_reaches(&client, &other, "unaffected");
    let server = bound(quick(), &format!("tcp://{host}:{port}"));
    call("somewhere.test", &[&host]);
    await_peers(&client, 2);
    assert_reaches(&client, &server, "found at last");
    assert_eq!((other.stats().peers_up, other.stats().peers_down), (1, 0));
}

/// Row 24: a name that moves is followed with the next attempt.
#[test]
fn a_name_that_moves_is_followed() {
    if !is_prepared() {
        return with_own_names("names::a_name_that_moves_is_followed");
    }
    let ([first, second, _], port) = addresses();
    let old = bound(quick(), &format!("tcp://{first}:{port}"));
    call("moving.test", &[&first]);
    let client = connected(quick(), &format!("tcp://moving.test:{port}"));
    await_peers(&client, 1);
    assert_reaches(&client, &old, "at the old place");
    let new = bound(quick(), &format!("tcp://{second}:{port}"));
    call("moving.test", &[&second]);
    // The connection that stands stays.
    assert_reaches(&client, &old, "still there");
    old.close();
    await_peers(&new, 1);
    await_peers(&client, 1);
    assert_reaches(&client, &new, "at the new place");
}

/// Row 24: of several addresses, those that are dead keep nobody from the one that lives.
#[test]
fn a_name_of_many_addresses_is_reached_at_the_one_that_lives() {
    if !is_prepared() {
        return with_own_names("names::a_name_of_many_addresses_is_reached_at_the_one_that_lives");
    }
    let (hosts, port) = addresses();
    let [first, second, third] = &hosts;
    call("many.test", &[first, second, third]);
    let client = connected(quick(), &format!("tcp://many.test:{port}"));
    for living in [third, first, second] {
        let server = bound(quick(), &format!("tcp://{living}:{port}"));
        await_peers(&client, 1);
        assert_reaches(&client, &server, "reached");
        server.close();
        eventually("it is gone", || client.peers().is_empty());
    }
}
