//! Who may be a client of a broker, by certificate.

use jackfield::bus::{Access, Broker, Bus, Error, Limits};
use jackfield_tls::{accepting, dialling, fingerprint_of};

use crate::certificates::{NAME, certificates};
use crate::ends::{asking, serving};
use crate::stage::{broker_config, next_text, patient};
use crate::support::SLACK;

/// A broker that takes those of the authority whose certificate is the client's; they may read.
fn choosy() -> (Broker, String) {
    let config = broker_config()
        .authorize(|candidate| fingerprint_of(candidate) == Some(certificates().client));
    let broker = Broker::new(config, Limits::default()).expect("a broker");
    let (here, tls) = ("tcp://127.0.0.1:0", accepting(serving("server", true)));
    let there = broker.listen_as_with(here, Access::read_only(["news"]), tls);
    (broker, there.expect("a port").to_string())
}

fn with_certificate(who: &str, there: &str) -> Bus {
    let name = NAME.try_into().expect("a name");
    let bus = patient().connect_with(there, dialling(asking(Some(who)), name));
    bus.expect("it is tried again and again")
}

#[test]
fn a_client_whose_certificate_is_known_has_the_rights_of_its_door() {
    let (broker, there) = choosy();
    let bus = with_certificate("client", &there);
    bus.ready(SLACK).expect("it is let in");
    let news = bus.subscribe("news").expect("allowed");
    broker.bus().publish("news", "x").expect("accepted");
    assert_eq!(next_text(&news), "x");
    let result = bus.call("echo", "x");
    assert!(matches!(result, Err(Error::Denied { .. })), "{result:?}");
}

#[test]
fn a_client_whose_certificate_is_not_known_hears_that_it_is_denied() {
    let (broker, there) = choosy();
    let bus = with_certificate("other", &there);
    let result = bus.ready(std::time::Duration::from_millis(500));
    assert!(matches!(result, Err(Error::Denied { .. })), "{result:?}");
    assert_eq!(broker.stats().clients, 0);
}
