//! The list of the table's tests.

mod census;
mod play;
mod rights;
mod speaking;
