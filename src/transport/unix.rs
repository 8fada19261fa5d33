//! Unix sockets: owned by their user alone from the first moment, and never somebody else's path.

#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{self, Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Stream, closed};
use crate::endpoint::{Address, Endpoint};

/// How often a path that was cleared may be taken by others before we give up.
const CLAIMS: usize = 8;

pub(crate) struct Listener {
    listener: UnixListener,
    /// The same socket as a stream: its `shutdown` wakes `accept`. It is made at bind, so that
    /// `close` never fails for want of descriptors.
    waker: UnixStream,
    /// Absolute, so that a change of the working directory changes nothing.
    path: PathBuf,
    inode: Inode,
    endpoint: Endpoint,
    closed: AtomicBool,
}

impl Listener {
    pub(super) fn bind(path: &Path) -> io::Result<Listener> {
        check_length(path)?;
        let staging = Staging::beside(path)?;
        let listener = staging.bind()?;
        Ok(Listener {
            waker: UnixStream::from(OwnedFd::from(listener.try_clone()?)),
            listener,
            path: path::absolute(path)?,
            // Last of what can fail, so that a failure leaves nothing under the path.
            inode: staging.publish(path)?,
            endpoint: Endpoint::new(Address::Unix(path.to_owned())),
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let accepted = self.listener.accept();
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        accepted.map(|(stream, _)| Stream::Unix(stream))
    }

    pub(super) fn close(&self) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        let shut = self.waker.shutdown(Shutdown::Both).is_ok();
        if !fs::symlink_metadata(&self.path).is_ok_and(|found| Inode::of(&found) == self.inode) {
            return;
        }
        // Linux lets a listener be shut down; elsewhere a connection of our own wakes `accept`,
        // at once, because a full backlog refuses there instead of blocking.
        if !shut {
            let _ = UnixStream::connect(&self.path);
        }
        // Somebody else may have removed it just now, which is as good.
        let _ = fs::remove_file(&self.path);
    }
}

/// What tells our socket from another one under the same path.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    fn of(file: &Metadata) -> Inode {
        Inode {
            device: file.dev(),
            number: file.ino(),
        }
    }
}

/// A fresh directory beside the path that only our user may enter: what is bound in it has its
/// mode before anybody can see it. Dropping it removes it, unless something foreign is inside.
struct Staging {
    directory: PathBuf,
}

impl Staging {
    fn beside(path: &Path) -> io::Result<Staging> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = path.parent().unwrap_or(Path::new(""));
        loop {
            // Short, because a socket's path has a limit of about a hundred bytes.
            let unique = NEXT.fetch_add(1, Ordering::Relaxed);
            let directory = parent.join(format!(".j{:x}-{unique:x}", process::id()));
            match DirBuilder::new().mode(0o700).create(&directory) {
                // Left by a process that died with our id, or of another namespace.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|()| Staging { directory }),
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("s")
    }

    fn aside(&self) -> PathBuf {
        self.directory.join("o")
    }

    fn bind(&self) -> io::Result<UnixListener> {
        check_length(&self.socket())?;
        let listener = UnixListener::bind(self.socket())?;
        fs::set_permissions(self.socket(), Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// Gives the socket its name, in one step that never replaces anything.
    fn publish(&self, path: &Path) -> io::Result<Inode> {
        // Of two that clear one path, the later may hold the earlier one's new socket for a moment;
        // threads of one process wait for each other here, processes rely on the put-back.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let inode = Inode::of(&fs::symlink_metadata(self.socket())?);
        for _ in 0..CLAIMS {
            match fs::hard_link(self.socket(), path) {
                Ok(()) => return Ok(inode),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.clear(path)?,
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Removes a socket that nobody answers; everything else under the path is an error.
    fn clear(&self, path: &Path) -> io::Result<()> {
        look(path)?.check_removable()?;
        match fs::rename(path, self.aside()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            moved => moved?,
        }
        // Another process may have bound the path since we looked: look at what we hold.
        if let Err(error) = look(&self.aside()).and_then(Found::check_removable) {
            // Where the path is taken again by now, it stays in here rather than being lost.
            if fs::hard_link(self.aside(), path).is_ok() {
                fs::remove_file(self.aside())?;
            }
            return Err(error);
        }
        fs::remove_file(self.aside())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The socket may never have been bound; a directory that stays is litter, not a failure.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.directory);
    }
}

/// What is under a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Nothing,
    DeadSocket,
    LiveSocket,
    NoSocket,
}

impl Found {
    fn check_removable(self) -> io::Result<()> {
        match self {
            Found::Nothing | Found::DeadSocket => Ok(()),
            Found::LiveSocket => Err(io::ErrorKind::AddrInUse.into()),
            Found::NoSocket => {
                let reason = "the path exists and is no socket";
                Err(io::Error::new(io::ErrorKind::AlreadyExists, reason))
            }
        }
    }
}

fn look(path: &Path) -> io::Result<Found> {
    let found = fs::symlink_metadata(path).and_then(|found| {
        Ok(match found.file_type().is_socket() {
            true if answers(path)? => Found::LiveSocket,
            true => Found::DeadSocket,
            false => Found::NoSocket,
        })
    });
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        found => found,
    }
}

fn answers(path: &Path) -> io::Result<bool> {
    // A datagram socket asks first: it never blocks, not even on a full backlog, and gets another
    // error than `ConnectionRefused` from a live socket of the wrong type.
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => {}
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => return Err(error),
            _ => return Ok(true),
        },
        Ok(()) => return Ok(true),
    }
    // Not every system tells the types apart; where they do, this is refused at once too.
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        connected => connected.map(|_| true),
    }
}

fn check_length(path: &Path) -> io::Result<()> {
    SocketAddr::from_pathname(path).map(drop).map_err(|_| {
        let reason = "the path is too long for a Unix socket, or for the short-lived one beside it";
        io::Error::new(io::ErrorKind::InvalidInput, reason)
    })
}
