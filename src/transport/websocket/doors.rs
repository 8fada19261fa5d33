//! Doors: which pages may come in, and which names a listener answers to.
//!
//! Any page on the internet may ask a browser to connect to this machine. The browser says whose
//! page it is in `Origin`, and under which name it found us in `Host`: a page that had a name of
//! its own point here would show that name.

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;
use crate::endpoint::ANY_HOST;

/// The schemes' ports, which a `Host` leaves out: without encryption, and with it.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

pub(crate) struct Doors {
    origins: Vec<String>,
    hosts: Vec<String>,
    /// The host as the endpoint gave it, and where it was bound.
    given: String,
    local: SocketAddr,
}

impl Doors {
    pub(crate) fn new(config: &Config, given: &str, local: SocketAddr) -> Doors {
        Doors {
            origins: config.origins.clone(),
            hosts: config.hosts.clone(),
            given: given.to_owned(),
            local,
        }
    }

    /// Exactly one of those that are allowed: no case, port or slash is made up.
    pub(super) fn admits(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|it| it.as_bytes() == origin)
    }

    /// Whether a `Host` means this listener.
    pub(super) fn is_named(&self, host: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(host) else {
            return false;
        };
        if self.hosts.iter().any(|it| it.eq_ignore_ascii_case(text)) {
            return true;
        }
        let Some((host, port)) = split(text) else {
            return false;
        };
        let own = self.local.port();
        let is_port = port.map_or(DEFAULT_PORTS.contains(&own), |port| port == own);
        is_port && self.is_host(host)
    }

    fn is_host(&self, host: &str) -> bool {
        let local = self.local.ip();
        let is_own_name = self.given != ANY_HOST && self.given.eq_ignore_ascii_case(host);
        let is_this_machine = local.is_loopback() || local.is_unspecified();
        if is_own_name || (is_this_machine && host.eq_ignore_ascii_case("localhost")) {
            return true;
        }
        // Nobody can make an address point somewhere else, as one can with a name. Bound to all
        // addresses, the listener is under each of them, also under those that a router gives it.
        let Ok(address) = host.parse::<IpAddr>() else {
            return false;
        };
        address == local || local.is_unspecified()
    }
}

/// The host, without brackets, and the port, if there is one.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = match text.strip_prefix('[') {
        Some(_) => text.find(']')? + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end_of_host);
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        Some(digits) if digits.bytes().all(|it| it.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    let is_bracketed = host.starts_with('[');
    let host = match is_bracketed {
        true => &host[1..host.len() - 1],
        false => host,
    };
    // Brackets are for what has colons, and for nothing else.
    (is_bracketed == host.contains(':')).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(given: &str, local: &str) -> Doors {
        let config = Config::default()
            .allow_origin("http://page.example:8000")
            .allow_host("Proxy.example");
        Doors::new(&config, given, local.parse().unwrap())
    }

    fn assert_named(doors: &Doors, named: &[&str], strange: &[&str]) {
        for host in named {
            assert!(doors.is_named(host.as_bytes()), "{host}");
        }
        for host in strange {
            assert!(!doors.is_named(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn an_origin_is_admitted_exactly_as_it_is_listed() {
        let doors = doors("127.0.0.1", "127.0.0.1:5555");
        assert!(doors.admits(b"http://page.example:8000"));
        for origin in [
            "",
            "null",
            "http://page.example",
            "https://page.example:8000",
            "http://page.example:8000/",
            "http://Page.example:8000",
            "http://page.example:80000",
            "http://other.page.example:8000",
        ] {
            assert!(!doors.admits(origin.as_bytes()), "{origin}");
        }
    }

    #[test]
    fn a_loopback_listener_is_its_address_or_localhost() {
        assert_named(
            &doors("127.0.0.1", "127.0.0.1:5555"),
            &["127.0.0.1:5555", "localhost:5555", "LocalHost:5555"],
            &[
                "127.0.0.1",
                "127.0.0.1:5556",
                "127.0.0.2:5555",
                "localhost",
                "evil.example:5555",
                "127.0.0.1.evil.example:5555",
                "[::1]:5555",
            ],
        );
    }

    #[test]
    fn a_listener_on_all_addresses_is_any_address_and_no_name() {
        for (given, local) in [("*", "0.0.0.0:5555"), ("::", "[::]:5555")] {
            assert_named(
                &doors(given, local),
                &["10.0.0.7:5555", "[2001:db8::1]:5555", "localhost:5555"],
                &["10.0.0.7", "evil.example:5555", "*:5555", "10.0.0.7:5556"],
            );
        }
    }

    #[test]
    fn a_listener_has_the_name_it_was_given() {
        assert_named(
            &doors("box.example", "10.0.0.7:5555"),
            &["box.example:5555", "BOX.example:5555", "10.0.0.7:5555"],
            &["localhost:5555", "other.example:5555", "10.0.0.8:5555"],
        );
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_named(
            &doors("::1", "[::1]:5555"),
            &["[::1]:5555", "[0:0::1]:5555", "localhost:5555"],
            &[
                "::1:5555",
                "[::1]",
                "[::1:5555",
                "::1]:5555",
                "[[::1]:5555",
                "[localhost]:5555",
            ],
        );
    }

    #[test]
    fn the_ports_of_http_and_of_https_need_not_be_said() {
        let named = ["127.0.0.1", "localhost", "localhost:80"];
        let strange = ["localhost:", "localhost:+80", "localhost:80:80", "", ":80"];
        assert_named(&doors("127.0.0.1", "127.0.0.1:80"), &named, &strange);
        let named = ["127.0.0.1", "localhost", "localhost:443"];
        assert_named(
            &doors("127.0.0.1", "127.0.0.1:443"),
            &named,
            &["localhost:80"],
        );
    }

    #[test]
    fn a_host_that_is_allowed_needs_no_port_of_ours() {
        let named = ["proxy.example", "PROXY.example"];
        let strange = ["proxy.example:5555", "a.proxy.example"];
        assert_named(&doors("127.0.0.1", "127.0.0.1:5555"), &named, &strange);
    }
}
