//! The bus: one suite over TCP, Unix sockets and memory, with a broker and without.

#[path = "../behaviour/support.rs"]
mod support;

mod calling;
mod closing;
mod hostile;
mod limits;
mod names;
mod page;
mod publishing;
mod python;
mod restarting;
mod retaining;
mod speed;
mod stage;
mod turns;
mod typed;
