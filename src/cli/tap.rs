//! Tap: a thread that takes what a command writes, to a bound, and lets go when told to.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What a source of bytes must be: on Unix its thread can be freed while somebody else holds the
/// other end open.
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Source;
#[cfg(not(unix))]
pub(crate) use std::os::windows::io::AsHandle as Source;

/// Past its bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It is not taken: whoever writes has to stop.
    Left,
    /// It is taken and dropped.
    Dropped,
}

pub(crate) struct Tap {
    all: Receiver<Vec<u8>>,
    is_over: Arc<AtomicBool>,
    release: Release,
}

impl Tap {
    /// Takes what comes, and one byte more than `most` if there is more.
    pub(crate) fn open(
        mut source: impl Read + Source + Send + 'static,
        most: usize,
        rest: Rest,
    ) -> io::Result<Tap> {
        let (sender, all) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let release = Release::of(&source)?;
        let ends = is_over.clone();
        thread::Builder::new().spawn(move || {
            let bytes = drain(&mut source, most, rest, &ends);
            // Nobody waits for it any more if it was let go.
            sender.send(bytes).ok();
        })?;
        Ok(Tap {
            all,
            is_over,
            release,
        })
    }

    /// Everything, once it is at its end.
    pub(crate) fn wait(&self, time: Duration) -> Result<Vec<u8>, RecvTimeoutError> {
        self.all.recv_timeout(time)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if self.all.try_recv() == Err(mpsc::TryRecvError::Empty) {
            self.release.wake();
        }
    }
}

fn drain(source: &mut impl Read, most: usize, rest: Rest, is_over: &AtomicBool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while !is_over.load(Ordering::SeqCst) {
        let count = match source.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // What came before an error is all there is.
            Err(_) => 0,
        };
        let room = (most + 1).saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..count.min(room)]);
        if count == 0 || bytes.len() > most && rest == Rest::Left {
            break;
        }
    }
    bytes
}

/// Wakes a thread that reads from a pipe whose other end a stranger keeps open: Linux opens a
/// pipe that is known by its descriptor, so that a byte can be put into it. Elsewhere the thread
/// ends with the stranger.
#[cfg(target_os = "linux")]
struct Release(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Release {
    /// A descriptor of its own, so that its number stays its own.
    fn of(source: &impl Source) -> io::Result<Release> {
        source.as_fd().try_clone_to_owned().map(Release)
    }

    fn wake(&self) {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::OpenOptionsExt;
        /// A pipe that is full wakes its reader without us.
        const O_NONBLOCK: i32 = 0o4000;
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let mut open = std::fs::OpenOptions::new();
        if let Ok(mut pipe) = open.write(true).custom_flags(O_NONBLOCK).open(path) {
            pipe.write_all(b"\n").ok();
        }
    }
}

#[cfg(not(target_os = "linux"))]
struct Release;

#[cfg(not(target_os = "linux"))]
impl Release {
    fn of(_: &impl Source) -> io::Result<Release> {
        Ok(Release)
    }

    fn wake(&self) {}
}
