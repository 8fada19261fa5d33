//! Clock: the time of day is nothing that the library knows.

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of the crate");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let files = paths.flat_map(|path| match path.is_dir() {
        true => rust_files(&path),
        false => vec![path],
    });
    files.collect()
}

/// It puts the time of day into ids, for people who sort them; nothing is decided by it.
const MAKER: &str = "src/bus/maker.rs";

/// Row 31: whatever is done to the wall clock changes nothing: nobody asks it.
#[test]
fn nobody_asks_the_wall_clock() {
    let words = ["SystemTime", "UNIX_EPOCH"];
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 20, "{files:?}");
    for file in files.iter().filter(|file| !file.ends_with(MAKER)) {
        let text = fs::read_to_string(file).expect("a file can be read");
        let asked = words.iter().find(|word| text.contains(**word));
        assert_eq!(asked, None, "{}: take an Instant", file.display());
    }
}
