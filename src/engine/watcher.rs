//! Watcher: one flag and one sleeper, for a thread that waits on several inboxes.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::error::Error;

/// One thread that waits on several sockets at once.
#[derive(Default)]
pub(crate) struct Watcher {
    has_news: Mutex<bool>,
    news: Condvar,
}

impl Watcher {
    pub(crate) fn notify(&self) {
        *self.has_news.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.news.notify_one();
    }

    /// Waits for news since the last call, until the deadline.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut has_news = self.has_news.lock().unwrap_or_else(PoisonError::into_inner);
        while !*has_news {
            let pause = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            has_news = match pause {
                None => self
                    .news
                    .wait(has_news)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(pause) if pause.is_zero() => return Err(Error::Timeout),
                Some(pause) => {
                    let woken = self.news.wait_timeout(has_news, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *has_news = false;
        Ok(())
    }
}
