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

/// They put the time of day into ids, for people who sort them, read it there again, and put it
/// before the lines that the program prints; nothing is decided by it.
const EXEMPT: [&str; 3] = ["src/bus/maker.rs", "src/bus/note.rs", "src/cli/clock.rs"];

/// Row 31: whatever is done to the wall clock changes nothing: nobody asks it.
#[test]
fn nobody_asks_the_wall_clock() {
    let words = ["SystemTime", "UNIX_EPOCH"];
    let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > 20, "{files:?}");
    let is_exempt = |file: &&PathBuf| EXEMPT.iter().any(|name| file.ends_with(name));
    for file in files.iter().filter(|file| !is_exempt(file)) {
        let text = fs::read_to_string(file).expect("a file can be read");
        let asked = words.iter().find(|word| text.contains(**word));
        assert_eq!(asked, None, "{}: take an Instant", file.display());
    }
}
