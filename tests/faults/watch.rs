//! Watch: how much time the machine withholds, so that it is not taken for the library's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::eventually;

const TICK: Duration = Duration::from_millis(10);

/// A thread that wants to run every 10 ms, and notes how late it was.
pub struct Watch {
    is_over: Arc<AtomicBool>,
    lost_micros: Arc<AtomicU64>,
    ticks: Arc<AtomicU64>,
}

impl Watch {
    pub fn start() -> Watch {
        let watch = Watch {
            is_over: Arc::new(AtomicBool::new(false)),
            lost_micros: Arc::new(AtomicU64::new(0)),
            ticks: Arc::new(AtomicU64::new(0)),
        };
        let is_over = watch.is_over.clone();
        let (lost, ticks) = (watch.lost_micros.clone(), watch.ticks.clone());
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let begin = Instant::now();
                thread::park_timeout(TICK);
                let late = begin.elapsed().saturating_sub(TICK);
                lost.fetch_add(late.as_micros() as u64, Ordering::SeqCst);
                ticks.fetch_add(1, Ordering::SeqCst);
            }
        });
        watch
    }

    /// By how much it was late since the start, in all; what it is late by now is waited for.
    pub fn lost(&self) -> Duration {
        let ticks = || self.ticks.load(Ordering::SeqCst);
        let before = ticks();
        eventually("the watch ticks", || ticks() > before);
        Duration::from_micros(self.lost_micros.load(Ordering::SeqCst))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
