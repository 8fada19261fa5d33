//! The list of the table's tests.

mod census;
mod credit;
mod leaving;
mod play;
mod replay;
mod rights;
mod room;
mod speaking;
