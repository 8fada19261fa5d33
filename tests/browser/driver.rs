//! Driver: a headless Chromium, steered by WebDriver over plain HTTP.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::json;
use crate::process::{DEADLINE, Process};

/// A browser starts slowly on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Chromium is started with, besides a directory of its own.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

pub struct Driver {
    process: Process,
    port: u16,
    session: String,
    /// The browser's process; its driver is its parent.
    browser: String,
    profile: PathBuf,
}

impl Driver {
    /// Starts a browser with nothing in it.
    pub fn start() -> Driver {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("browser-{}-{number}", std::process::id());
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&profile).expect("a directory of its own");
        let process = Process::start(Command::new("chromedriver").arg("--port=0"));
        let port = port_of(&process);
        let mut driver = Driver {
            process,
            port,
            session: String::new(),
            browser: String::new(),
            profile,
        };
        let directory = format!("--user-data-dir={}", driver.profile.display());
        let arguments = ARGUMENTS.into_iter().chain([directory.as_str()]);
        let arguments: Vec<String> = arguments.map(json::quote).collect();
        let capabilities = format!(
            r#"{{"capabilities":{{"alwaysMatch":{{"acceptInsecureCerts":true,"goog:chromeOptions":{{"args":[{}]}}}}}}}}"#,
            arguments.join(",")
        );
        let answer = driver.request("POST", "/session", &capabilities);
        driver.session = json::string(&answer, "sessionId");
        driver.browser = json::number(&answer, "goog:processID");
        driver
    }

    pub fn open(&self, url: &str) {
        self.command("/url", &format!(r#"{{"url":{}}}"#, json::quote(url)));
    }

    /// What an expression of JavaScript is, as text.
    pub fn eval(&self, expression: &str) -> String {
        let script = json::quote(&format!("return String({expression})"));
        let body = format!(r#"{{"script":{script},"args":[]}}"#);
        json::string(&self.command("/execute/sync", &body), "value")
    }

    pub fn eventually(&self, expression: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.eval(expression);
            if value == expected {
                return;
            }
            let page = || self.eval("document.body.innerText");
            assert!(
                Instant::now() < deadline,
                "{expression} is {value:?}, never {expected:?}, on:\n{}",
                page()
            );
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Types into the first element that fits.
    pub fn type_into(&self, selector: &str, text: &str) {
        let body = format!(r#"{{"text":{}}}"#, json::quote(text));
        self.command(&format!("/element/{}/value", self.find(selector)), &body);
    }

    pub fn click(&self, selector: &str) {
        self.command(&format!("/element/{}/click", self.find(selector)), "{}");
    }

    fn find(&self, selector: &str) -> String {
        let value = json::quote(selector);
        let body = format!(r#"{{"using":"css selector","value":{value}}}"#);
        json::string(
            &self.command("/element", &body),
            "element-6066-11e4-a52e-4f735466cecf",
        )
    }

    /// A command of the browser's own developer tools.
    pub fn devtools(&self, command: &str, parameters: &str) {
        let body = format!(r#"{{"cmd":"{command}","params":{parameters}}}"#);
        self.command("/goog/cdp/execute", &body);
    }

    /// Looks like a screen of this size, with this colour scheme.
    pub fn look_like(&self, width: u32, height: u32, is_phone: bool, scheme: &str) {
        let scale = if is_phone { 2 } else { 1 };
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &format!(
                r#"{{"width":{width},"height":{height},"deviceScaleFactor":{scale},"mobile":{is_phone}}}"#
            ),
        );
        self.devtools(
            "Emulation.setEmulatedMedia",
            &format!(r#"{{"features":[{{"name":"prefers-color-scheme","value":"{scheme}"}}]}}"#),
        );
    }

    /// Keeps a picture of the page below `target/tmp`.
    pub fn keep_picture(&self, name: &str) {
        let answer = self.request("GET", &format!("/session/{}/screenshot", self.session), "");
        let picture = json::base64(&json::string(&answer, "value"));
        assert!(picture.starts_with(b"\x89PNG"), "a picture");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
        fs::write(path, picture).expect("a picture can be kept");
    }

    fn command(&self, path: &str, body: &str) -> String {
        self.request("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self
            .try_request(method, path, body)
            .expect("chromedriver answers");
        let said = || self.process.said();
        assert_eq!(status, 200, "{method} {path} {body}: {answer}\n{}", said());
        answer
    }

    fn try_request(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nContent-Length: {}\r\n\
             Content-Type: application/json\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        let mut portion = vec![0; 64 * 1024];
        loop {
            if let Some(whole) = whole_answer(&answer) {
                return Some(whole);
            }
            match stream.read(&mut portion).ok()? {
                0 => return None,
                count => answer.extend_from_slice(&portion[..count]),
            }
        }
    }
}

/// The status and body of an HTTP response, when all of it is there.
fn whole_answer(answer: &[u8]) -> Option<(u16, String)> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let len = head.split("content-length:").nth(1)?.lines().next()?;
    let len: usize = len.trim().parse().ok()?;
    let body = answer.get(end + 4..end + 4 + len)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, String::from_utf8_lossy(body).into_owned()))
}

fn port_of(process: &Process) -> u16 {
    loop {
        let line = match process.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(error) => panic!("chromedriver tells no port: {error}; {}", process.said()),
        };
        if let Some(port) = line.split("successfully on port ").nth(1) {
            return port.trim_end_matches('.').parse().expect("a port");
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The browser would outlive its driver, so it is asked to end, and made to if it does not.
        let path = format!("/session/{}", self.session);
        if self.try_request("DELETE", &path, "").is_none() && !self.browser.is_empty() {
            Command::new("kill").arg(&self.browser).status().ok();
        }
        fs::remove_dir_all(&self.profile).ok();
    }
}
