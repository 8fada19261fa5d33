//! Access: what the clients that come by one way may do.

use std::borrow::Cow;

use crate::bus::words::{Error, Pattern};

/// What clients may do, by the topics and names that patterns match: give it to
/// [`Broker::listen_as`](crate::bus::Broker::listen_as). What is not allowed is refused with
/// [`Error::Denied`], at once. `Access::default()` allows nothing.
///
/// - A pattern is allowed to be subscribed to if one that may be covers all of it: with `room/**`
///   allowed, `room/*/temp` is, and `**` is refused, not made smaller.
/// - Clients have names: `@anna` is who is called anna. `may_call("@anna")` lets others call and
///   ping it, `may_serve("@anna")` lets a client have that name; `@*` stands for every name.
/// - What begins with `$` has to be allowed by name, such as `$sys/joined`, the service
///   `$sys/stats`, and `$sys/peers`, which stands for asking who is there.
///
/// ```
/// use jackfield::bus::{Access, Broker, Bus, Error};
///
/// let broker = Broker::bind("mem://rights-for-us")?;
/// let guests = Access::read_only(["room/**"]).may_call("text/upper");
/// let there = broker.listen_as("tcp://127.0.0.1:0", guests)?;
/// let guest = Bus::connect(there)?;
/// let _rooms = guest.subscribe("room/*/temp")?;
/// assert!(matches!(guest.subscribe("**"), Err(Error::Denied { .. })));
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    allowed: Vec<(Act, String)>,
}

/// Something that a right is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Publish,
    Subscribe,
    Serve,
    Call,
}

impl Access {
    /// Clients may subscribe to these patterns and to what they cover, and nothing else.
    pub fn read_only<P: Into<String>>(patterns: impl IntoIterator<Item = P>) -> Access {
        let patterns = patterns.into_iter();
        patterns.fold(Access::default(), Access::may_subscribe)
    }

    /// Clients may publish to topics that `pattern` matches, retained values too.
    pub fn may_publish(self, pattern: impl Into<String>) -> Access {
        self.may(Act::Publish, pattern.into())
    }

    /// Clients may subscribe to patterns that `pattern` covers.
    pub fn may_subscribe(self, pattern: impl Into<String>) -> Access {
        self.may(Act::Subscribe, pattern.into())
    }

    /// Clients may serve names that `pattern` matches, and have the name `x` if it matches `@x`.
    pub fn may_serve(self, pattern: impl Into<String>) -> Access {
        self.may(Act::Serve, pattern.into())
    }

    /// Clients may call services, and ping and call clients by name, that `pattern` matches.
    pub fn may_call(self, pattern: impl Into<String>) -> Access {
        self.may(Act::Call, pattern.into())
    }

    fn may(mut self, act: Act, pattern: String) -> Access {
        self.allowed.push((act, pattern));
        self
    }

    /// A text that is no pattern is the caller's mistake.
    pub(crate) fn rights(&self) -> Result<Rights, Error> {
        let read = |(act, text): &(Act, String)| Ok((*act, Pattern::parse(&spelled(text))?));
        let allowed: Result<Vec<_>, Error> = self.allowed.iter().map(read).collect();
        Ok(Rights { allowed: allowed? })
    }
}

/// An [`Access`] that the table can ask.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Rights {
    allowed: Vec<(Act, Pattern)>,
}

impl Rights {
    /// Whether a client may do that with a topic, or with a name in its one form.
    pub(crate) fn check(&self, act: Act, name: &str) -> Result<(), Error> {
        let place = spelled(name);
        self.ask(act, name, |pattern| pattern.matches(&place))
    }

    /// Whether a client may subscribe to all of that.
    pub(crate) fn check_pattern(&self, wanted: &Pattern) -> Result<(), Error> {
        let covers = |pattern: &Pattern| pattern.covers(wanted);
        self.ask(Act::Subscribe, wanted.as_str(), covers)
    }

    fn ask(&self, act: Act, what: &str, is_enough: impl Fn(&Pattern) -> bool) -> Result<(), Error> {
        let mut of_act = self.of(act);
        match of_act.any(is_enough) {
            true => Ok(()),
            false => Err(self.denied(act, what)),
        }
    }

    fn of(&self, act: Act) -> impl Iterator<Item = &Pattern> {
        let is_same = move |(other, _): &&(Act, Pattern)| *other == act;
        self.allowed.iter().filter(is_same).map(|(_, it)| it)
    }

    fn denied(&self, act: Act, what: &str) -> Error {
        /// So many of the patterns that are allowed are told.
        const TOLD: usize = 16;
        let verb = match act {
            Act::Publish => "publish to",
            Act::Subscribe => "subscribe to",
            Act::Serve => "serve",
            Act::Call => "call",
        };
        let mut allowed: Vec<String> = self.of(act).take(TOLD).map(said).collect();
        match self.of(act).count() {
            0 => allowed.push("nothing".to_owned()),
            count if count > TOLD => allowed.push("and more".to_owned()),
            _ => {}
        }
        let allowed = allowed.join(", ");
        let what = format!("to {verb} {what:?} (allowed: {allowed})");
        Error::Denied { what }
    }
}

/// Names of clients are a branch of their own among the names: `@anna` is `@/anna`, so that a
/// wildcard can stand for what follows the `@`.
fn spelled(name: &str) -> Cow<'_, str> {
    match name.strip_prefix('@') {
        Some(client) => Cow::Owned(format!("@/{client}")),
        None => Cow::Borrowed(name),
    }
}

/// The other way round.
fn said(pattern: &Pattern) -> String {
    format!("{:?}", pattern.as_str().replacen("@/", "@", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(access: &Access) -> Rights {
        access.rights().expect("patterns")
    }

    fn denied(result: Result<(), Error>) -> String {
        match result {
            Err(Error::Denied { what }) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_and_the_rest_is_told() {
        let access = Access::read_only(["room/**", "hall"]).may_publish("door/*");
        let rights = rights(&access);
        let pattern = |text| Pattern::parse(text).expect("a pattern");
        assert!(rights.check_pattern(&pattern("room/*/temp")).is_ok());
        assert!(rights.check(Act::Publish, "door/1").is_ok());
        assert_eq!(
            denied(rights.check_pattern(&pattern("**"))),
            r#"to subscribe to "**" (allowed: "room/**", "hall")"#
        );
        assert_eq!(
            denied(rights.check(Act::Publish, "room/1")),
            r#"to publish to "room/1" (allowed: "door/*")"#
        );
        assert_eq!(
            denied(rights.check(Act::Serve, "x")),
            r#"to serve "x" (allowed: nothing)"#
        );
    }

    #[test]
    fn names_of_clients_are_no_services() {
        let rights = rights(&Access::default().may_call("*").may_serve("@*"));
        assert!(rights.check(Act::Call, "anna").is_ok());
        assert!(rights.check(Act::Serve, "@anna").is_ok());
        assert_eq!(
            denied(rights.check(Act::Call, "@anna")),
            r#"to call "@anna" (allowed: "*")"#
        );
        assert_eq!(
            denied(rights.check(Act::Serve, "anna")),
            r#"to serve "anna" (allowed: "@*")"#
        );
    }

    #[test]
    fn what_is_reserved_is_allowed_by_name_alone() {
        let rights = rights(&Access::default().may_call("**").may_call("$sys/stats"));
        assert!(rights.check(Act::Call, "$sys/stats").is_ok());
        assert!(rights.check(Act::Call, "@anna").is_ok());
        denied(rights.check(Act::Call, "$sys/peers"));
    }

    #[test]
    fn a_text_that_is_no_pattern_is_told() {
        let result = Access::read_only(["room/**", ""]).rights();
        assert!(matches!(result, Err(Error::BadTopic { .. })), "{result:?}");
    }
}
