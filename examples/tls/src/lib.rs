//! TLS for jackfield sockets, with rustls: a crate of its own, to copy from.
//!
//! [`accepting`] is for [`Socket::bind_with`](jackfield::Socket::bind_with), [`dialling`] for
//! [`Socket::connect_with`](jackfield::Socket::connect_with). What a peer's certificate is, its
//! [`Fingerprint`], reaches the `authorize` hook; [`fingerprint_of`] finds it there.
//!
//! The two programs `server` and `client` show all of it in a few lines each; `agent` is for runs
//! against other implementations.

mod session;
mod settings;

pub use session::{Fingerprint, accepting, dialling, fingerprint_of};
pub use settings::{Identity, client, server};
