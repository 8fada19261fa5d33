//! The verb `demo`: a broker and two clients in one process, and what passes between them.

use std::sync::Arc;
use std::time::Duration;

use jackfield::bus::{Broker, Bus, Call, Error, Job, Post, Serving, Subscription};
use jackfield::json;

use crate::cli::arguments::Arguments;
use crate::cli::failure::Failure;
use crate::cli::journal::{Direction, Entry, Journal};
use crate::cli::output::Output;
use crate::cli::quantity;
use crate::cli::verb::Verb;

pub(crate) const VERB: Verb = Verb {
    name: "demo",
    synopsis: "",
    summary: "Plays a broker and two clients, and shows each message as it passes.\n\n\
        In the end there is a table for each of the three. What the broker's table lists is what\n\
        its own subscriptions hear. Nothing else needs to run.",
    flags: &[],
    words: (0, 0),
    takes_command: false,
    run,
};

const NODES: [&str; 3] = ["broker", "ann", "bob"];

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(10);

/// The header in which the demonstration numbers what it sends.
const ID: &str = "demo-id";

fn run(_: &Arguments, _: &mut Output) -> Result<(), Failure> {
    let journal = Arc::new(Journal::new());
    play(&journal)?;
    Ok(journal.finish(&NODES)?)
}

fn play(journal: &Arc<Journal>) -> Result<(), Error> {
    let broker = Broker::bind("tcp://127.0.0.1:0")?;
    let hub = Node::new("broker", broker.bus(), journal);
    let coming = hub.subscribe("$sys/joined")?;
    let passing = hub.subscribe("**")?;
    let join = |name| -> Result<Node, Error> {
        let bus = Bus::options().name(name).connect(broker.endpoint())?;
        hub.hear(&coming)?;
        Ok(Node::new(name, bus, journal))
    };
    let (ann, bob) = (join("ann")?, join("bob")?);

    ann.publish("m1", "room/2/temp", "19.5", true)?;
    hub.hear(&passing)?;
    let rooms = bob.subscribe("room/*/temp")?;
    bob.hear(&rooms)?;
    ann.publish("m2", "room/1/temp", "21.5", false)?;
    hub.hear(&passing)?;
    bob.hear(&rooms)?;
    ann.ping("bob")?;
    let _adding = bob.serve("math/add", |job| {
        let (a, b): (i64, i64) = job.json()?;
        Ok(json::to_string(&(a + b)))
    })?;
    ann.call("c1", "math/add", "[2,4]");
    ann.call("c2", "math/add", "[2,\"x\"]");
    let _own = ann.serve("@", |job| Ok(format!("{}, too", job.text())))?;
    bob.call("c3", "@ann", "hello");
    bob.call("c4", "nobody/home", "");
    Ok(())
}

/// A client that writes down what it sends and gets.
struct Node {
    name: &'static str,
    bus: Bus,
    journal: Arc<Journal>,
}

impl Node {
    fn new(name: &'static str, bus: Bus, journal: &Arc<Journal>) -> Node {
        let journal = journal.clone();
        Node { name, bus, journal }
    }

    fn subscribe(&self, pattern: &str) -> Result<Subscription, Error> {
        self.write(Direction::Out, "subscribe", "", pattern, "");
        self.bus.subscribe(pattern)
    }

    fn hear(&self, subscription: &Subscription) -> Result<(), Error> {
        let note = subscription.recv_timeout(PATIENCE)?;
        let kind = if note.is_retained() {
            "retained"
        } else {
            "event"
        };
        let id = note.header(ID).unwrap_or_default();
        self.write(Direction::In, kind, id, note.topic(), &note.text());
        Ok(())
    }

    fn publish(&self, id: &str, topic: &str, body: &str, is_kept: bool) -> Result<(), Error> {
        self.write(Direction::Out, "publish", id, topic, body);
        let post = Post::new(topic, body).header(ID, id);
        let post = if is_kept { post.retain() } else { post };
        self.bus.send(post).map(drop)
    }

    fn ping(&self, other: &str) -> Result<(), Error> {
        self.write(Direction::Out, "ping", "", other, "");
        let time = self.bus.ping(other)?;
        let time = format!("after {}", quantity::time(time));
        self.write(Direction::In, "pong", "", other, &time);
        Ok(())
    }

    fn serve(
        &self,
        name: &str,
        answer: impl Fn(&Job) -> Result<String, json::Error> + Send + Sync + 'static,
    ) -> Result<Serving, Error> {
        self.write(Direction::Out, "serve", "", name, "");
        let scribe = Node::new(self.name, self.bus.clone(), &self.journal);
        self.bus.serve(name, move |job| {
            let id = job.header(ID).unwrap_or_default().to_owned();
            let name = job.name().to_owned();
            scribe.write(Direction::In, "call", &id, &name, &job.text());
            match answer(&job) {
                Ok(body) => {
                    scribe.write(Direction::Out, "answer", &id, &name, &body);
                    job.reply(body);
                }
                Err(error) => {
                    scribe.write(Direction::Out, "error", &id, &name, &error.to_string());
                    job.fail("Json", error);
                }
            }
        })
    }

    /// An error is an answer as well.
    fn call(&self, id: &str, name: &str, body: &str) {
        self.write(Direction::Out, "call", id, name, body);
        let call = Call::new(name, body).timeout(PATIENCE).header(ID, id);
        match self.bus.ask(call) {
            Ok(answer) => self.write(Direction::In, "answer", id, name, &answer.text()),
            Err(error) => self.write(Direction::In, "error", id, name, &error.to_string()),
        }
    }

    fn write(&self, direction: Direction, kind: &'static str, id: &str, topic: &str, body: &str) {
        self.journal.write(Entry {
            node: self.name,
            direction,
            kind,
            id: id.to_owned(),
            topic: topic.to_owned(),
            body: body.to_owned(),
        });
    }
}
