//! Vendoring: a copy that is made as README.md says is a dependency like any other, without a
//! warning, a network or anything else in the lock file.

#[allow(dead_code)]
#[path = "interop/process.rs"]
mod process;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use process::Process;

/// Compiling takes seconds; on a busy machine, much longer.
const PATIENCE: Duration = Duration::from_secs(300);

const PROGRAM: &str = r#"
use jackfield::{Config, Error, Socket};

fn main() -> Result<(), Error> {
    let (server, client) = (Socket::new(Config::default())?, Socket::new(Config::default())?);
    client.connect(server.bind("tcp://127.0.0.1:0")?)?;
    client.send("hello from a copy")?;
    println!("{}", server.recv()?.text());
    Ok(())
}

#[test]
fn the_program_has_tests() {}
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the crate")
}

/// The manifests of that section of README.md: the copy's, the program's and the workspace's.
fn manifests() -> [String; 3] {
    let page = read("README.md");
    let (_, section) = page.split_once("\n## Take it along\n").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("it ends");
    let blocks = section.split("```toml\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
    let blocks: Vec<String> = blocks.collect();
    blocks.try_into().expect("three manifests")
}

/// A workspace with a program in `app/` and a copy of this crate in `vendor/`, and a `CARGO_HOME`
/// in which nothing was ever fetched. It goes when it is dropped.
struct Workspace(PathBuf);

impl Workspace {
    fn new() -> Workspace {
        let name = format!("jackfield-vendoring-{}", std::process::id());
        let workspace = Workspace(env::temp_dir().join(name));
        let copy = Path::new("vendor/jackfield");
        let [manifest, dependency, _] = manifests();
        workspace.write(copy.join("Cargo.toml"), &manifest);
        workspace.write(copy.join("LICENSE"), &read("LICENSE"));
        workspace.copy(&root().join("src"), &copy.join("src"));
        workspace.write("app/src/main.rs", PROGRAM);
        workspace.depend(&dependency);
        workspace
    }

    fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("it is below")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn copy(&self, from: &Path, to: &Path) {
        for entry in fs::read_dir(from).expect("a directory of the crate") {
            let (path, name) = entry
                .map(|it| (it.path(), it.file_name()))
                .expect("an entry");
            match path.is_dir() {
                true => self.copy(&path, &to.join(name)),
                false => self.write(to.join(name), &fs::read_to_string(&path).expect("text")),
            }
        }
    }

    /// Writes the manifest of the program, with this dependency.
    fn depend(&self, dependency: &str) {
        let package = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        let dependency = dependency.replace("\"vendor/", "\"../vendor/");
        self.write("app/Cargo.toml", &format!("{package}\n{dependency}"));
    }

    /// Writes the manifest of the workspace.
    fn consist_of(&self, members: &str, more: &str) {
        let text = format!("[workspace]\nmembers = {members}\nresolver = \"3\"\n\n{more}");
        self.write("Cargo.toml", &text);
    }

    /// What cargo prints, which must have nothing to warn of.
    fn cargo(&self, arguments: &str) -> Vec<String> {
        let mut command = Command::new(env!("CARGO"));
        // Neither the settings of this run nor those of the user.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let is_ours = text.starts_with("CARGO") || text.starts_with("RUST");
            if is_ours && !text.starts_with("RUSTUP_") {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.0).args(arguments.split(' '));
        command.env("CARGO_HOME", self.0.join("home"));
        // What makes compiling quicker, and is nothing that a copy could break.
        command
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.args(["--offline", "--color", "never"]);
        let process = Process::start(&mut command);
        let mut lines = Vec::new();
        loop {
            match process.lines.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("cargo {arguments}: {error}: {}", process.said()),
            }
        }
        let ended = process.finish();
        assert_eq!(ended.status, Some(0), "cargo {arguments}: {ended:?}");
        let said = ended.diagnostics;
        assert!(!said.contains("warning"), "cargo {arguments}: {said}");
        lines
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn a_copy_is_a_dependency_like_any_other() {
    let workspace = Workspace::new();
    let [_, dependency, profile] = manifests();
    workspace.consist_of("[\"app\"]", &profile);
    workspace.cargo("check");

    workspace.consist_of("[\"app\", \"vendor/*\"]", "");
    let tests = workspace.cargo("test --workspace");
    let is_run = tests
        .iter()
        .any(|line| line.contains("the_program_has_tests"));
    assert!(is_run, "{tests:?}");
    assert_eq!(workspace.cargo("run"), ["hello from a copy"]);

    workspace.depend(&dependency.replace(" }", ", default-features = false }"));
    workspace.cargo("check --package app");
    let lock = fs::read_to_string(workspace.0.join("Cargo.lock")).expect("cargo wrote it");
    assert_eq!(lock.matches("[[package]]").count(), 2, "{lock}");
}

/// What the README gives as the copy's manifest says the same as ours.
#[test]
fn the_manifest_of_a_copy_agrees_with_ours() {
    let [copy, _, _] = manifests();
    let ours = read("Cargo.toml");
    let only_a_copys = [
        "autobins = false",
        "[lib]",
        "test = false",
        "doctest = false",
        "",
    ];
    for line in copy.lines().filter(|line| !only_a_copys.contains(line)) {
        assert!(
            ours.lines().any(|it| it == line),
            "Cargo.toml has no {line}"
        );
    }
}
