//! Typed: payloads that are JSON, as values of Rust types.

use crate::bus::bus::Bus;
use crate::bus::content::Content;
use crate::bus::job::Job;
use crate::bus::note::Post;
use crate::bus::reply;
use crate::bus::request::{Answer, Call};
use crate::bus::service::Service;
use crate::bus::serving::Serving;
use crate::bus::watch::Watch;
use crate::bus::words::Error;
use crate::json::{self, FromJson, Outcome, Record, ToJson};

impl Bus {
    /// As [`publish`](Bus::publish), with `value` as JSON.
    pub fn publish_as(&self, topic: impl AsRef<str>, value: impl ToJson) -> Result<(), Error> {
        let (line, body) = (Content::Json.line(), json::to_string(&value));
        self.client()
            .publish(topic.as_ref(), &line, body.as_bytes())
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
        self.ask_as(Call::json(name.as_ref(), question))
    }

    /// As [`call_as`](Bus::call_as), with what the [`Call`] says; [`Call::json`] makes one.
    pub fn ask_as<A: FromJson>(&self, call: Call) -> Result<A, Error> {
        Ok(self.ask(call)?.json()?)
    }

    /// As [`call_all`](Bus::call_all), with `question` as JSON and answers read from JSON.
    pub fn call_all_as<A: FromJson>(
        &self,
        name: impl AsRef<str>,
        question: impl ToJson,
    ) -> Result<Vec<Result<A, Error>>, Error> {
        self.ask_all_as(Call::json(name.as_ref(), question))
    }

    /// As [`call_all_as`](Bus::call_all_as), with what the [`Call`] says.
    pub fn ask_all_as<A: FromJson>(&self, call: Call) -> Result<Vec<Result<A, Error>>, Error> {
        let answers = self.ask_all(call)?.into_iter();
        let values = answers.map(|answer| Ok(answer?.json()?));
        Ok(values.collect())
    }

    /// As [`serve`](Bus::serve), for a function of a value that gives one, or a `Result` of one.
    /// The caller whose question is no such value gets an [`Error::Remote`] of the kind `Json`.
    ///
    /// ```
    /// use jackfield::bus::{Bus, Error};
    ///
    /// let bus = Bus::local()?;
    /// let _dividing = bus.serve_as("math/divide", |(a, b): (i64, i64)| match b {
    ///     0 => Err("nothing can be divided by 0"),
    ///     _ => Ok(a / b),
    /// })?;
    /// assert_eq!(bus.call_as::<i64>("math/divide", (7, 2))?, 3);
    /// let error = bus.call_as::<i64>("math/divide", (7, 0)).unwrap_err();
    /// assert_eq!(error.to_string(), "Failed: nothing can be divided by 0");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn serve_as<Q: FromJson, A: Outcome>(
        &self,
        service: impl Into<Service>,
        handler: impl Fn(Q) -> A + Send + Sync + 'static,
    ) -> Result<Serving, Error> {
        self.serve(service, move |job| {
            let question = job.json::<Q>()?;
            let outcome = handler(question).outcome();
            outcome.map(Answer::of_json).map_err(reply::failure)
        })
    }

    /// Publishes a record to the topic of its name: see [`json::record!`].
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use jackfield::{Bus, json};
    ///
    /// json::record! { struct Greeted { name: String, times: u32 = 1 } }
    ///
    /// let bus = Bus::local()?;
    /// let (tell, told) = mpsc::channel();
    /// let _greetings = bus.listen(move |it: Greeted| tell.send((it.name, it.times)).unwrap())?;
    /// bus.emit(Greeted { name: "Ann".to_owned(), times: 2 })?;
    /// assert_eq!(told.recv(), Ok(("Ann".to_owned(), 2)));
    /// # Ok::<(), jackfield::BusError>(())
    /// ```
    pub fn emit<E: Record + ToJson>(&self, event: E) -> Result<(), Error> {
        self.publish_as(E::NAME, event)
    }

    /// Calls `call` with each record that is published under the name of its type, in a thread of
    /// its own. What is there and is no such record is counted as malformed.
    pub fn listen<E: Record + FromJson>(
        &self,
        mut call: impl FnMut(E) + Send + 'static,
    ) -> Result<Watch, Error> {
        let client = self.client().clone();
        self.on(E::NAME, move |note| match note.json() {
            Ok(event) => call(event),
            Err(_) => client.count(|counters| &counters.malformed),
        })
    }
}

impl Post {
    /// A post whose body is `value` as JSON, and says so.
    pub fn json(topic: impl Into<String>, value: impl ToJson) -> Post {
        Post::new(topic, json::to_string(&value)).content(Content::Json)
    }
}

impl Call {
    /// A call whose body is `question` as JSON, and says so.
    pub fn json(name: impl Into<String>, question: impl ToJson) -> Call {
        Call::new(name, json::to_string(&question)).content(Content::Json)
    }
}

impl Answer {
    /// An answer whose body is `value` as JSON, and says so.
    pub fn of_json(value: impl ToJson) -> Answer {
        Answer::new(json::to_string(&value)).with_content(Content::Json)
    }
}

impl Job {
    /// Answers with `answer` as JSON.
    pub fn reply_as(self, answer: impl ToJson) {
        self.reply_with(Answer::of_json(answer));
    }
}

/// Whoever sent it meant something else.
impl From<json::Error> for Error {
    fn from(error: json::Error) -> Error {
        Error::Remote {
            kind: "Json".to_owned(),
            message: error.to_string(),
        }
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
