//! Endpoint, tested: what parses, to what, and what is refused why.

use super::*;

fn canonical(text: &str) -> String {
    text.parse::<Endpoint>().expect(text).to_string()
}

fn reason(text: &str) -> &'static str {
    match text.parse::<Endpoint>() {
        Err(Error::InvalidEndpoint { endpoint, reason }) if endpoint == text => reason,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn every_form_has_one_canonical_text() {
    assert_eq!(canonical("localhost:80"), "tcp://localhost:80");
    assert_eq!(canonical("tcp://Example.ORG:080"), "tcp://example.org:80");
    assert_eq!(canonical("tcp://127.0.0.1:0"), "tcp://127.0.0.1:0");
    assert_eq!(canonical("tcp://*:5555"), "tcp://*:5555");
    assert_eq!(canonical("[0:0:0::1]:65535"), "tcp://[::1]:65535");
    assert_eq!(canonical("tcp://[fe80::1%2]:1"), "tcp://[fe80::1%2]:1");
    assert_eq!(canonical("mem://a b"), "mem://a b");
    assert_eq!(canonical("ws://LocalHost:080"), "ws://localhost:80");
    assert_eq!(canonical("ws://[0::1]:0"), "ws://[::1]:0");
}

#[test]
fn canonical_text_parses_to_the_same_endpoint() {
    for text in [
        "tcp://[fe80::1%2]:1",
        "[::1]:5",
        "a.b-c_d:9",
        "mem://x:1",
        "*:0",
        "ws://[::1]:5",
    ] {
        let endpoint: Endpoint = text.parse().expect(text);
        assert_eq!(canonical(&endpoint.to_string()), endpoint.to_string());
        assert_eq!(
            endpoint.to_string().parse::<Endpoint>().expect(text),
            endpoint
        );
    }
}

#[cfg(unix)]
#[test]
fn unix_paths_are_absolute_or_relative() {
    assert_eq!(canonical("unix:///run/a.sock"), "unix:///run/a.sock");
    let relative: Endpoint = "unix://a.sock".parse().unwrap();
    assert_eq!(relative.address(), &Address::Unix(PathBuf::from("a.sock")));
    assert_eq!(reason("unix://"), "the path is missing");
    assert_eq!(reason("unix://a\0b"), "a path has no NUL");
}

#[test]
fn a_bad_endpoint_says_what_is_wrong() {
    for text in ["", "tcp://", "host", "tcp://localhost"] {
        assert!(reason(text).contains("port is missing"), "{text}");
    }
    for text in ["h:", "h:+1", "h:-1", "h:1/", "h: 1", "[::1]"] {
        assert_eq!(reason(text), "the port is not a number", "{text}");
    }
    assert_eq!(reason("h:65536"), "the port is over 65535");
    assert_eq!(reason(":1"), "the host is missing");
    assert!(reason("::1:5555").contains("brackets"));
    assert!(reason("[::x]:1").contains("IPv6"));
    assert!(reason("[127.0.0.1]:1").contains("IPv6"));
    assert!(reason("tcp://user@h:1").contains("character"));
    assert_eq!(reason("mem://"), "the name is missing");
    assert!(reason("http://h:1").contains("unknown scheme"));
    assert!(reason("wss://h:1").contains("bind_with"));
    assert!(reason("ws://h:1/path").contains("port"));
    assert!(reason("ipc:///run/a").contains("unix://"));
    assert!(reason("inproc://a").contains("mem://"));
}

#[test]
fn what_can_only_be_bound_is_not_connectable() {
    for (text, connectable) in [
        ("h:0", false),
        ("*:5", false),
        ("ws://h:5", false),
        ("h:5", true),
        ("mem://h", true),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.check_connectable().is_ok(), connectable, "{text}");
    }
    assert!("h:0".parse::<Endpoint>().unwrap().is_wildcard_port());
}

fn why(made: Result<Endpoint, Error>) -> (String, &'static str) {
    match made {
        Err(Error::InvalidEndpoint { endpoint, reason }) => (endpoint, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_endpoint_can_be_made_of_its_parts() {
    for (made, text) in [
        (Endpoint::tcp("Localhost", 80), "tcp://localhost:80"),
        (Endpoint::tcp("0::1", 0), "tcp://[::1]:0"),
        (Endpoint::tcp("[::1]", 5), "tcp://[::1]:5"),
        (Endpoint::ws("*", 80), "ws://*:80"),
        (Endpoint::mem("a b"), "mem://a b"),
    ] {
        let made = made.expect(text);
        assert_eq!(made, text.parse().expect(text));
        assert_eq!(made.to_string(), text);
    }
    assert!(why(Endpoint::tcp("h:1", 1)).1.contains("IPv6"));
    assert_eq!(why(Endpoint::tcp("", 1)).1, "the host is missing");
    assert_eq!(why(Endpoint::mem("")).1, "the name is missing");
    let (endpoint, reason) = why(Endpoint::ws("a/b", 1));
    assert_eq!(endpoint, "ws://a/b:1");
    assert!(reason.contains("character"));
}

#[test]
fn an_endpoint_says_what_it_is_made_of() {
    let parts = |text: &str| {
        let it: Endpoint = text.parse().expect(text);
        let own = |part: Option<&str>| part.map(str::to_owned);
        (
            it.scheme().to_owned(),
            own(it.host()),
            it.port(),
            own(it.name()),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(parts("[::1]:5"), ("tcp".into(), some("::1"), Some(5), None));
    assert_eq!(parts("ws://*:0"), ("ws".into(), some("*"), Some(0), None));
    assert_eq!(parts("mem://a"), ("mem".into(), None, None, some("a")));
}

#[test]
fn whatever_is_or_names_an_endpoint_is_taken_for_one() {
    fn taken(it: impl TryInto<Endpoint, Error: Into<Error>>) -> Result<Endpoint, Error> {
        it.try_into().map_err(Into::into)
    }
    let endpoint: Endpoint = "mem://a".parse().expect("it is valid");
    let text = endpoint.to_string();
    assert_eq!(taken(&endpoint).expect("it is one"), endpoint);
    assert_eq!(taken(endpoint.clone()).expect("it is one"), endpoint);
    assert_eq!(taken(&*text).expect("it is valid"), endpoint);
    assert_eq!(taken(&text).expect("it is valid"), endpoint);
    assert_eq!(taken(text).expect("it is valid"), endpoint);
    assert_eq!(why(taken("mem://")).1, "the name is missing");
}

#[cfg(unix)]
#[test]
fn a_path_need_not_be_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let paths = [&b"/run/\xff"[..], b"/run/\xfe"].map(|it| Path::new(OsStr::from_bytes(it)));
    let [one, other] = paths.map(|path| Endpoint::unix(path).expect("it is a path"));
    assert_eq!(one.path(), Some(paths[0]));
    assert_eq!(one.to_string(), other.to_string());
    assert_ne!(one, other);
    let plain = Endpoint::unix("/run/a").expect("it is a path");
    assert_eq!(plain, "unix:///run/a".parse().expect("it is valid"));
    assert_eq!(why(Endpoint::unix("")).1, "the path is missing");
    assert_eq!(why(Endpoint::unix("a\0b")).1, "a path has no NUL");
}
