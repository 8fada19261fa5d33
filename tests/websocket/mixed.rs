//! Mixed: raw peers and browsers on one port are the same to the socket.

use jackfield::{Candidate, DownReason};

use crate::browser::{Browser, await_rejected, raw, server};
use crate::support::{
    await_no_peers, await_peers, connected, identity, next, next_text, publish, quick, send,
};
use crate::wire::{RawPeer, data, heartbeat, hello};

#[test]
fn raw_and_websocket_peers_share_a_port() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let mut wire = RawPeer::join(&raw(&here), 2);
    let socket = connected(quick(), &raw(&here));
    await_peers(&server, 3);
    page.write(&data("page"));
    assert_eq!(next_text(&server), "page");
    wire.write(&data("wire"));
    assert_eq!(next_text(&server), "wire");
    send(&socket, "socket");
    assert_eq!(next_text(&server), "socket");
}

#[test]
fn whoever_shares_a_port_came_to_one_listener() {
    let (server, here) = server(quick());
    let _page = Browser::join(&here, 1);
    let _wire = RawPeer::join(&raw(&here), 2);
    await_peers(&server, 2);
    for peer in server.peers() {
        assert_eq!(peer.listener.expect("it came").to_string(), here);
    }
}

#[test]
fn browsers_take_their_turn() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let socket = connected(quick(), &raw(&here));
    await_peers(&server, 2);
    (0..10).for_each(|number| send(&server, format!("{number}")));
    let mut got: Vec<String> = (0..5).map(|_| next_text(&socket)).collect();
    got.extend((0..5).map(|_| text(&mut page)));
    got.sort();
    assert_eq!(got.concat(), "0123456789");
}

#[test]
fn what_is_published_reaches_browsers_and_others() {
    let (server, here) = server(quick());
    let mut pages = [1, 2].map(|who| Browser::join(&here, who));
    let socket = connected(quick(), &raw(&here));
    await_peers(&server, 3);
    publish(&server, "news");
    pages
        .iter_mut()
        .for_each(|page| assert_eq!(text(page), "news"));
    assert_eq!(next_text(&socket), "news");
}

#[test]
fn a_browser_is_answered_by_its_identity() {
    let (server, here) = server(quick());
    let mut pages = [1, 2, 3].map(|who| Browser::join(&here, who));
    pages[1].write(&data("who am I?"));
    let question = next(&server);
    assert_eq!(question.sender(), identity(2));
    server.send_to(question.sender(), "two").unwrap();
    assert_eq!(text(&mut pages[1]), "two");
}

#[test]
fn the_hook_is_asked_about_browsers() {
    let hook = |candidate: &Candidate| candidate.identity == identity(1);
    let (server, here) = server(quick().authorize(hook));
    let mut wanted = Browser::join(&here, 1);
    let mut unwanted = Browser::open(&here);
    unwanted.write(&hello(2));
    assert_eq!(unwanted.raw_rest(), b"", "it does not learn who we are");
    await_rejected(&server, DownReason::Refused);
    wanted.write(&data("still here"));
    assert_eq!(next_text(&server), "still here");
}

#[test]
fn unbinding_keeps_the_browsers_that_are_there() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    assert!(server.unbind(&here).unwrap());
    page.write(&data("still here"));
    assert_eq!(next_text(&server), "still here");
    send(&server, "me too");
    assert_eq!(text(&mut page), "me too");
    let address = crate::browser::host(&here);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_page_that_is_loaded_again_is_the_same_peer() {
    let (server, here) = server(quick());
    let page = Browser::join(&here, 1);
    await_peers(&server, 1);
    drop(page);
    await_no_peers(&server);
    let mut page = Browser::join(&here, 1);
    page.write(&[heartbeat(), data("back")].concat());
    let message = next(&server);
    assert_eq!(
        (message.sender(), message.body()),
        (identity(1), &b"back"[..])
    );
}

#[test]
fn a_page_in_two_tabs_is_one_peer() {
    let (server, here) = server(quick());
    let _page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let mut copy = Browser::open(&here);
    copy.write(&hello(1));
    copy.rest();
    await_rejected(&server, DownReason::Duplicate);
    assert_eq!(server.peers().len(), 1);
}

fn text(page: &mut Browser) -> String {
    let body = page.read_on().expect("a message").body;
    String::from_utf8(body).expect("text")
}
