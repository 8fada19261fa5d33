//! The body of claims that hold however brokers listen and buses join them.

mod calling;
mod closing;
mod hostile;
mod killed;
mod limits;
mod names;
mod publishing;
mod python;
mod restarting;
mod retaining;
mod rights;
mod sharing;
mod speed;
mod turns;
mod typed;
