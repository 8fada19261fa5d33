//! What is told of clients.

use std::time::Duration;

use super::play::{Play, id};

#[test]
fn each_client_is_told_of_on_a_line() {
    let mut play = Play::new();
    [1, 2].into_iter().for_each(|client| play.join(client));
    play.say(1, format!("hello {} k%C3%BCche\n\n", id(1)));
    play.say(1, format!("sub {} a\n\n", id(2)));
    play.say(1, format!("serve {} b\n\n", id(3)));
    play.pass(Duration::from_millis(1_500));
    play.say(2, format!("call {} b 5000\n\n", id(4)));
    play.hears(2);
    play.say(2, format!("call {} $sys/clients 5000\n\n", id(5)));
    let rest = "lost=0 subscriptions=1 services=1 calls=0 runs=1";
    let named = format!("local-1 name=k%C3%BCche age=1500 queued=0 {rest}");
    let rest = "lost=0 subscriptions=0 services=0 calls=1 runs=0";
    let other = format!("local-2 age=1500 queued=0 {rest}");
    let wanted = format!("answer {}\n\n{named}\n{other}\n", id(5));
    assert_eq!(play.hears(2), [wanted]);
}
