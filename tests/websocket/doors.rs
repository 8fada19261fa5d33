//! Doors: which pages may connect, and under which name a listener is found.

use jackfield::{Config, DownReason, Error, Socket};

use crate::browser::{Browser, await_rejected, host, request, server};
use crate::support::{quick, socket};

fn status(here: &str, text: &str) -> u16 {
    let mut browser = Browser::dial(here);
    browser.write_raw(text.as_bytes());
    browser.status()
}

fn status_of_origin(here: &str, origin: &str) -> u16 {
    status(here, &request(here, &format!("Origin: {origin}\r\n")))
}

fn status_of_host(here: &str, name: &str) -> u16 {
    status(here, &request(here, "").replace(host(here), name))
}

#[test]
fn a_page_is_refused_unless_its_origin_is_listed() {
    let (server, here) = server(quick());
    assert_eq!(status_of_origin(&here, "http://page.example"), 403);
    await_rejected(&server, DownReason::ForeignOrigin);
    assert_eq!(status_of_origin(&here, "null"), 403);
    await_rejected(&server, DownReason::ForeignOrigin);
}

#[test]
fn a_page_from_this_very_machine_is_refused_as_well() {
    let (_server, here) = server(quick());
    let own = format!("http://{}", host(&here));
    assert_eq!(status_of_origin(&here, &own), 403);
}

#[test]
fn pages_of_listed_origins_are_let_in() {
    let config = quick()
        .allow_origin("http://a.example")
        .allow_origin("null");
    let (_server, here) = server(config);
    assert_eq!(status_of_origin(&here, "http://a.example"), 101);
    assert_eq!(status_of_origin(&here, "null"), 101);
    assert_eq!(status_of_origin(&here, "http://a.example:8000"), 403);
    assert_eq!(status_of_origin(&here, "https://a.example"), 403);
}

#[test]
fn programs_have_no_origin_and_are_let_in() {
    let (_server, here) = server(quick());
    assert_eq!(status(&here, &request(&here, "")), 101);
}

#[test]
fn a_host_that_does_not_name_the_listener_is_refused() {
    let (server, here) = server(quick());
    let port = host(&here).rsplit(':').next().unwrap();
    assert_eq!(status_of_host(&here, &format!("evil.example:{port}")), 421);
    await_rejected(&server, DownReason::ForeignHost);
    assert_eq!(status_of_host(&here, "127.0.0.1:1"), 421);
    assert_eq!(status_of_host(&here, &format!("localhost:{port}")), 101);
}

#[test]
fn a_proxys_name_is_let_in_when_it_is_listed() {
    let (_server, here) = server(quick().allow_host("chat.example"));
    assert_eq!(status_of_host(&here, "chat.example"), 101);
    assert_eq!(status_of_host(&here, "other.example"), 421);
}

#[test]
fn a_listener_on_all_addresses_is_found_under_each_and_no_name() {
    let socket = socket(quick());
    let port = socket.bind("ws://*:0").unwrap().port().unwrap();
    let here = format!("ws://127.0.0.1:{port}");
    assert_eq!(status_of_host(&here, &format!("127.0.0.1:{port}")), 101);
    assert_eq!(status_of_host(&here, &format!("192.0.2.1:{port}")), 101);
    assert_eq!(status_of_host(&here, &format!("localhost:{port}")), 101);
    assert_eq!(status_of_host(&here, &format!("box.example:{port}")), 421);
}

fn assert_invalid(config: Config, expected: &str) {
    match Socket::new(config) {
        Err(Error::InvalidConfig { setting, .. }) => assert_eq!(setting, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_browser_says_cannot_be_listed() {
    for origin in [
        "",
        "*",
        "page.example",
        "http://A.example",
        "http://a.example/",
    ] {
        assert_invalid(Config::default().allow_origin(origin), "allow_origin");
    }
    for host in ["", "http://a.example", "a.example/", "a b"] {
        assert_invalid(Config::default().allow_host(host), "allow_host");
    }
}
