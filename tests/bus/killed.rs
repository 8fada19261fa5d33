//! Kills: a client whose process is killed is gone at once, and leaves nothing behind.

use std::process::{Child, Command, Stdio};

use jackfield::bus::{Error, Job};

use crate::body::hostile::Good;
use crate::plug::{child_environment, join};
use crate::stage::{Road, call, connected, echo, named, names, next};
use crate::support::{SLACK, eventually};

on_all_ways!(;
    apart:
    a_client_that_is_killed_is_gone_at_once_with_its_calls,
    the_name_of_a_client_that_was_killed_is_free,
);

/// Where the victim finds its broker.
const VICTIM: &str = "JACKFIELD_BUS_VICTIM";

/// Not a test by itself: the client that the others kill.
#[test]
fn victim() {
    let Ok(there) = std::env::var(VICTIM) else {
        return;
    };
    let bus = connected(named("victim"), &there);
    let all = bus.subscribe("**").expect("accepted");
    let keep = |job: Job| std::thread::park_timeout(job.time_left());
    let _serving = bus.serve("victim", keep).expect("accepted");
    let _own = bus.serve("@", echo).expect("accepted");
    while all.recv().is_ok() {}
}

/// The victim, when it serves.
fn victim_of(good: &Good) -> Child {
    let program = std::env::current_exe().expect("a test has a path");
    let (_, here) = module_path!()
        .split_once("::")
        .expect("a module of a crate");
    let child = Command::new(program)
        .args(["--exact", &format!("{here}::victim")])
        .env(VICTIM, &good.there)
        .envs(child_environment())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = child.expect("it starts");
    eventually("it serves", || {
        call(&good.two, "@victim", "x").is_ok_and(|answer| answer == "x")
    });
    child
}

fn kill(mut victim: Child) {
    victim.kill().expect("it lives");
    victim.wait().expect("it is dead");
}

fn a_client_that_is_killed_is_gone_at_once_with_its_calls(on: Road) {
    let good = Good::new(on);
    let left = good.one.subscribe("$sys/left").expect("accepted");
    let before = good.broker.stats();
    let victim = victim_of(&good);
    let peers = good.two.peers().expect("it is answered");
    let is_victim = |name: &Option<String>| name.as_deref() == Some("victim");
    let known = peers.iter().find(|peer| is_victim(&peer.name));
    let identity = known.expect("it is listed").identity.clone();
    let asking = {
        let two = good.two.clone();
        std::thread::spawn(move || two.call_timeout("victim", "", SLACK * 3))
    };
    eventually("it has the call", || good.broker.stats().calls == 1);
    kill(victim);
    let result = asking.join().expect("no panic");
    assert!(matches!(result, Err(Error::NoPeer)), "{result:?}");
    let note = next(&left);
    assert_eq!((note.topic(), note.body()), ("$sys/left", &b"victim"[..]));
    assert_eq!(note.header("identity"), Some(&*identity));
    assert_eq!(names(&good.two), [""; 0]);
    let result = good.two.call("@victim", "");
    assert!(matches!(result, Err(Error::NoPeer)), "{result:?}");
    let result = good.two.call("victim", "");
    assert!(matches!(result, Err(Error::NoService)), "{result:?}");
    let after = good.broker.stats();
    assert_eq!(after.clients, before.clients);
    assert_eq!(after.subscriptions, before.subscriptions);
    assert_eq!(after.services, before.services);
    assert_eq!(after.calls, 0);
    good.assert_well();
}

fn the_name_of_a_client_that_was_killed_is_free(on: Road) {
    let good = Good::new(on);
    let victim = victim_of(&good);
    let taken = join(named("victim"), &good.there);
    assert!(matches!(taken, Err(Error::NameTaken)), "{taken:?}");
    kill(victim);
    eventually("it is gone", || names(&good.two) == [""; 0]);
    let heir = connected(named("victim"), &good.there);
    let answers = |job: Job| job.reply("the heir");
    let _own = heir.serve("@", answers).expect("accepted");
    let answer = call(&good.two, "@victim", "x");
    assert_eq!(answer.expect("it serves"), "the heir");
}
