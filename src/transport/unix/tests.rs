//! Tests of Unix sockets: whose path it is, and in which mode.

use std::os::unix::fs::symlink;
use std::thread;

use super::*;

/// A directory of this test alone, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("jf-unix-{}-{unique}", process::id()));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("a.sock")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn refused(path: &Path) -> io::ErrorKind {
    Listener::bind(path).err().expect("a refusal").kind()
}

#[test]
fn the_socket_is_its_users_alone_and_leaves_no_litter() {
    let directory = Directory::new();
    let listener = Listener::bind(&directory.path()).unwrap();
    let mode = fs::symlink_metadata(directory.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(directory.names(), ["a.sock"]);
    listener.close();
    assert!(directory.names().is_empty());
}

/// Row 30: a dead socket.
#[test]
fn a_stale_socket_is_replaced() {
    let directory = Directory::new();
    drop(UnixListener::bind(directory.path()).unwrap());
    let listener = Listener::bind(&directory.path()).unwrap();
    UnixStream::connect(directory.path()).unwrap();
    listener.accept().unwrap();
    assert_eq!(directory.names(), ["a.sock"]);
}

/// Row 30: a live one.
#[test]
fn a_live_socket_keeps_its_path() {
    let directory = Directory::new();
    let listener = Listener::bind(&directory.path()).unwrap();
    assert_eq!(refused(&directory.path()), io::ErrorKind::AddrInUse);
    UnixStream::connect(directory.path()).unwrap();
    listener.accept().unwrap();
    assert_eq!(directory.names(), ["a.sock"]);
}

#[cfg(target_os = "linux")]
#[test]
fn asking_whether_a_socket_lives_connects_nothing() {
    let directory = Directory::new();
    let listener = Listener::bind(&directory.path()).unwrap();
    assert_eq!(refused(&directory.path()), io::ErrorKind::AddrInUse);
    listener.listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().err().unwrap().kind(),
        io::ErrorKind::WouldBlock
    );
}

#[test]
fn a_live_datagram_socket_keeps_its_path() {
    let directory = Directory::new();
    let _alive = UnixDatagram::bind(directory.path()).unwrap();
    assert_eq!(refused(&directory.path()), io::ErrorKind::AddrInUse);
}

/// Row 30: something else.
#[test]
fn what_is_no_socket_is_refused_and_kept() {
    let directory = Directory::new();
    fs::write(directory.path(), "precious").unwrap();
    assert_eq!(refused(&directory.path()), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(directory.path()).unwrap(), b"precious");

    let link = directory.0.join("link");
    symlink(directory.path(), &link).unwrap();
    assert_eq!(refused(&link), io::ErrorKind::AlreadyExists);

    let folder = directory.0.join("folder");
    fs::create_dir(&folder).unwrap();
    assert_eq!(refused(&folder), io::ErrorKind::AlreadyExists);
    assert_eq!(directory.names().len(), 3);
}

#[test]
fn a_path_that_another_took_over_is_not_removed() {
    let directory = Directory::new();
    let first = Listener::bind(&directory.path()).unwrap();
    fs::remove_file(directory.path()).unwrap();
    let second = Listener::bind(&directory.path()).unwrap();
    first.close();
    UnixStream::connect(directory.path()).unwrap();
    second.accept().unwrap();
}

#[test]
fn of_many_that_bind_a_stale_path_one_wins() {
    let directory = Directory::new();
    drop(UnixListener::bind(directory.path()).unwrap());
    let bound: Vec<Listener> = thread::scope(|scope| {
        let binders: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Listener::bind(&directory.path())))
            .collect();
        binders
            .into_iter()
            .filter_map(|binder| binder.join().unwrap().ok())
            .collect()
    });
    assert_eq!(bound.len(), 1);
    assert_eq!(directory.names(), ["a.sock"]);
}

#[test]
fn a_path_that_is_too_long_says_so() {
    let directory = Directory::new();
    let long = directory.0.join("x".repeat(120));
    assert_eq!(refused(&long), io::ErrorKind::InvalidInput);
    let deep = directory
        .0
        .join("d".repeat(100 - directory.0.as_os_str().len()));
    fs::create_dir(&deep).unwrap();
    assert_eq!(refused(&deep.join("a")), io::ErrorKind::InvalidInput);
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
}

#[test]
fn a_missing_directory_is_an_error() {
    let directory = Directory::new();
    assert_eq!(
        refused(&directory.0.join("no/a.sock")),
        io::ErrorKind::NotFound
    );
}
