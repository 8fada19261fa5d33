//! Progress: a line that tells how far something is, while it goes on.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::cli::histogram::bar;

const EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

/// On standard error, if that is a terminal; what is left of it when it is dropped is nothing.
pub(crate) struct Progress {
    what: &'static str,
    whole: u64,
    drawn: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, whole: u64) -> Progress {
        Progress {
            what,
            whole,
            drawn: None,
            is_shown: io::stderr().is_terminal(),
        }
    }

    /// Now it is so far. It is drawn a few times a second only.
    pub(crate) fn tell(&mut self, done: u64) {
        if !self.is_shown || self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        let line = self.line(done);
        // Without a terminal to draw on the work goes on.
        write!(io::stderr(), "\r{line}\x1b[K").ok();
    }

    fn line(&self, done: u64) -> String {
        let part = done.min(self.whole) as f64 / self.whole.max(1) as f64;
        let bar = bar(part * WIDTH as f64);
        let percent = (part * 100.0) as u64;
        format!("{:<10} {bar:<WIDTH$} {percent:>3} %", self.what)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            write!(io::stderr(), "\r\x1b[K").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn the_bar_grows_to_the_end_and_no_further() {
        let line = |done| Progress::new("calls", 200).line(done);
        assert_eq!(line(0), format!("calls      {}   0 %", " ".repeat(30)));
        assert_eq!(
            line(100),
            format!("calls      {}{}  50 %", "█".repeat(15), " ".repeat(15))
        );
        assert_eq!(line(900), format!("calls      {} 100 %", "█".repeat(30)));
    }
}
