//! Server: a broker in a process of its own, ours or another one.

use std::error::Error;
use std::process::{Child, Command, Stdio};

use crate::arguments::Arguments;

/// It ends with whoever started it.
pub struct Server(Child);

impl Server {
    /// Starts the broker of the clients that are asked for, at the address that is told.
    pub fn start(arguments: &Arguments) -> Result<Server, Box<dyn Error>> {
        let clients = arguments.option("clients");
        let port = arguments.address.rsplit(':').next().unwrap_or_default();
        let mut command = Command::new(program(clients));
        match clients {
            Some("nats") => command.args(["-a", "127.0.0.1", "-p", port]),
            Some("redis") => command.args(["--bind", "127.0.0.1", "--port", port]).args([
                "--save",
                "",
                "--client-output-buffer-limit",
                "pubsub 0 0 0",
            ]),
            _ => command.args(["broker", &arguments.address]),
        };
        let quiet = Stdio::null;
        command.stdin(quiet()).stdout(quiet()).stderr(quiet());
        Ok(Server(command.spawn()?))
    }

    /// Whether the broker of these clients can be had on this machine.
    pub fn is_there(clients: Option<&str>) -> bool {
        let mut command = Command::new(program(clients));
        let asked = command.arg("--version").output();
        asked.is_ok_and(|output| output.status.success())
    }
}

/// The broker's program.
pub fn program(clients: Option<&str>) -> &'static str {
    match clients {
        Some("nats") => "nats-server",
        Some("redis") => "redis-server",
        _ => env!("CARGO_BIN_EXE_jackfield"),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
