//! Typed: payloads that are JSON, as values of Rust types.

use crate::bus::bus::Bus;
use crate::bus::job::Job;
use crate::bus::note::Note;
use crate::bus::request::Answer;
use crate::bus::service::Service;
use crate::bus::serving::Serving;
use crate::bus::words::Error;
use crate::json::{self, FromJson, ToJson};

/// The kind of the error that says that a payload is not what was expected.
const KIND: &str = "Json";

impl Bus {
    /// As [`publish`](Bus::publish), with `value` as JSON.
    pub fn publish_as(&self, topic: impl AsRef<str>, value: impl ToJson) -> Result<(), Error> {
        self.publish(topic, json::to_string(&value))
    }

    /// As [`call`](Bus::call), with `question` as JSON and an answer read from JSON. An answer
    /// that is something else is an [`Error::Remote`] of the kind `Json`.
    ///
    /// ```
    /// use jackfield::bus::Bus;
    ///
    /// let bus = Bus::local()?;
    /// let _adding = bus.serve_as("math/add", |(a, b): (i64, i64)| a + b)?;
    /// assert_eq!(bus.call_as::<i64>("math/add", (2, 4))?, 6);
    /// let error = bus.call_as::<i64>("math/add", (2, "four")).unwrap_err();
    /// assert_eq!(error.to_string(), "Json: byte 3, [1]: expected an integer, found a string");
    /// # Ok::<(), jackfield::bus::Error>(())
    /// ```
    pub fn call_as<A: FromJson>(
        &self,
        name: impl AsRef<str>,
        question: impl ToJson,
    ) -> Result<A, Error> {
        let answer = self.call(name, json::to_string(&question))?;
        answer.json().map_err(|error| Error::Remote {
            kind: KIND.to_owned(),
            message: error.to_string(),
        })
    }

    /// As [`serve`](Bus::serve), for a function that answers every call whose question is what it
    /// takes; the caller of any other gets an [`Error::Remote`] of the kind `Json`.
    ///
    /// For a service that can fail in other ways, take [`serve`](Bus::serve) with [`Job::json`],
    /// [`Job::reply_as`] and [`Job::fail`].
    pub fn serve_as<Q: FromJson, A: ToJson>(
        &self,
        service: impl Into<Service>,
        handler: impl Fn(Q) -> A + Send + Sync + 'static,
    ) -> Result<Serving, Error> {
        self.serve(service, move |job| match job.json::<Q>() {
            Ok(question) => job.reply_as(handler(question)),
            Err(error) => job.fail(KIND, error),
        })
    }
}

impl Note {
    /// Its payload, read from JSON.
    ///
    /// ```
    /// use jackfield::bus::Bus;
    ///
    /// let bus = Bus::local()?;
    /// let rooms = bus.subscribe("room/*/temp")?;
    /// bus.publish_as("room/1/temp", 21.5)?;
    /// assert_eq!(rooms.recv()?.json(), Ok(21.5));
    /// # Ok::<(), jackfield::bus::Error>(())
    /// ```
    pub fn json<T: FromJson>(&self) -> Result<T, json::Error> {
        json::from_slice(self.body())
    }
}

impl Answer {
    /// Its payload, read from JSON.
    pub fn json<T: FromJson>(&self) -> Result<T, json::Error> {
        json::from_slice(self.body())
    }
}

impl Job {
    /// Its payload, read from JSON.
    pub fn json<T: FromJson>(&self) -> Result<T, json::Error> {
        json::from_slice(self.body())
    }

    /// Answers with `answer` as JSON.
    pub fn reply_as(self, answer: impl ToJson) {
        self.reply(json::to_string(&answer));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use crate::bus::{Broker, Bus, Error};

    const SLACK: Duration = Duration::from_secs(10);

    fn kind(error: Error) -> String {
        match error {
            Error::Remote { kind, .. } => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_go_through_a_broker_and_back() {
        let broker = Broker::bind("tcp://127.0.0.1:0").expect("a free port");
        let [near, far] = [(); 2].map(|()| Bus::connect(broker.endpoint()).expect("a broker"));
        let _counting = far
            .serve_as("count", |words: Vec<String>| {
                let lengths = words.into_iter().map(|word| (word.clone(), word.len()));
                lengths.collect::<BTreeMap<String, usize>>()
            })
            .expect("a broker");
        let lengths: BTreeMap<String, usize> =
            near.call_as("count", ["a", "bé"]).expect("an answer");
        assert_eq!(lengths["bé"], 3);
    }

    #[test]
    fn an_event_is_a_value_to_each_subscriber_that_wants_one() {
        let bus = Bus::local().expect("a bus");
        let all = bus.subscribe("**").expect("a pattern");
        bus.publish_as("a", (1, Some("two"), [3.5]))
            .expect("a topic");
        let note = all.recv_timeout(SLACK).expect("it comes");
        assert_eq!(note.text(), r#"[1,"two",[3.5]]"#);
        assert_eq!(note.json(), Ok((1_u8, "two".to_owned(), [3.5])));
        let error = note.json::<String>().expect_err("it is an array");
        assert!(error.to_string().contains("expected a string"), "{error}");
    }

    #[test]
    fn a_question_of_another_type_is_not_answered() {
        let bus = Bus::local().expect("a bus");
        let _serving = bus.serve_as("half", |whole: f64| whole / 2.0);
        assert_eq!(bus.call_as("half", 3).ok(), Some(1.5));
        assert_eq!(
            kind(bus.call_as::<f64>("half", "three").unwrap_err()),
            "Json"
        );
        assert_eq!(kind(bus.call("half", "{").unwrap_err()), "Json");
    }

    #[test]
    fn an_answer_of_another_type_is_an_error() {
        let bus = Bus::local().expect("a bus");
        let _serving = bus.serve("raw", |job| job.reply("no JSON"));
        assert_eq!(kind(bus.call_as::<i64>("raw", ()).unwrap_err()), "Json");
        let answer = bus.call("raw", "").expect("an answer");
        let error = answer.json::<i64>().expect_err("it is no JSON");
        assert!(error.to_string().starts_with("byte "), "{error}");
    }

    #[test]
    fn a_service_may_say_itself_why_it_fails() {
        let bus = Bus::local().expect("a bus");
        let divide = bus.serve("divide", |job| match job.json::<(i64, i64)>() {
            Ok((_, 0)) => job.fail("ByZero", "nothing can be divided by 0"),
            Ok((a, b)) => job.reply_as(a / b),
            Err(error) => job.fail("Json", error),
        });
        let _dividing = divide.expect("a bus");
        assert_eq!(bus.call_as("divide", (7, 2)).ok(), Some(3));
        assert_eq!(
            kind(bus.call_as::<i64>("divide", (7, 0)).unwrap_err()),
            "ByZero"
        );
    }

    #[test]
    fn no_service_stays_no_service() {
        let bus = Bus::local().expect("a bus");
        assert!(matches!(
            bus.call_as::<i64>("nobody", ()),
            Err(Error::NoService)
        ));
    }
}
