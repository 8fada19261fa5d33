//! Fault: what is wrong with a message that is none of the bus.

/// What is wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A verb of a version to come.
    Verb,
    /// Its first line.
    Line(&'static str),
    /// Its header lines.
    Headers(&'static str),
}
