//! The list of the table's tests.

mod play;
mod speaking;
