//! Idle: what a peer that says nothing costs the socket it is connected to. Reads `/proc`.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use jackfield::{Config, Endpoint, Heartbeat, Socket};

use crate::Outcome;
use crate::bare::{self, HEARTBEAT};
use crate::figure::Unit;
use crate::harness::{Plan, Run, kept};

pub fn run(run: &Run) -> Outcome {
    if processor_time().is_err() {
        eprintln!("idle: left out, because there is no /proc/self/task/*/schedstat");
        return Ok(());
    }
    let (count, peers) = bare::many();
    let mut idle = None;
    run.figure(&format!("{peers}, memory of each"), Unit::Bytes, |plan| {
        let idle = kept(&mut idle, || Idle::new(plan))?;
        let steps = 1..=plan.repetitions;
        steps
            .map(|step| idle.grow(count * step / plan.repetitions))
            .collect()
    })?;
    run.figure(&format!("{peers}, threads"), Unit::Pieces, |plan| {
        let idle = Idle::grown(&mut idle, plan, count)?;
        let threads = fs::read_dir("/proc/self/task")?.count() - 1;
        assert_eq!(idle.socket.peers().len(), count, "all are still up");
        Ok(vec![threads as f64])
    })?;
    let name = format!("{peers}, processor time of each in a heartbeat");
    run.figure(&name, Unit::Seconds, |plan| {
        let idle = Idle::grown(&mut idle, plan, count)?;
        let used = plan.repeat(|| idle.rest());
        assert_eq!(idle.socket.peers().len(), count, "all are still up");
        used
    })
}

/// A socket and its idle peers.
struct Idle {
    /// They go first, so that nobody waits for them when the socket closes.
    peers: Vec<TcpStream>,
    socket: Socket,
    here: Endpoint,
    heartbeat: Duration,
}

impl Idle {
    fn new(plan: &Plan) -> Outcome<Idle> {
        // Each heartbeat is the same work, so a quick run has shorter ones.
        let heartbeat = Duration::from_millis(if plan.is_quick { 500 } else { 5_000 });
        let config = Config::default().heartbeat(Heartbeat {
            interval: heartbeat,
            timeout: 60 * heartbeat,
        });
        let socket = Socket::new(config)?;
        let here = socket.bind("tcp://127.0.0.1:0")?;
        Ok(Idle {
            peers: Vec::new(),
            socket,
            here,
            heartbeat,
        })
    }

    /// The one there is, or a new one, with so many peers.
    fn grown<'a>(idle: &'a mut Option<Idle>, plan: &Plan, count: usize) -> Outcome<&'a mut Idle> {
        let idle = kept(idle, || Idle::new(plan))?;
        idle.grow(count)?;
        Ok(idle)
    }

    /// Bytes of resident memory for each peer that came.
    fn grow(&mut self, count: usize) -> Outcome<f64> {
        let (more, before) = (count - self.peers.len(), resident()?);
        self.peers.extend(bare::connect(&self.here, more)?);
        self.socket.wait_for_peers(count, Duration::from_secs(30))?;
        // Their threads have something to do yet before they wait.
        thread::sleep(Duration::from_millis(200));
        Ok((resident()? - before) / more.max(1) as f64)
    }

    /// Seconds of processor time for each peer while one heartbeat goes each way.
    fn rest(&mut self) -> Outcome<f64> {
        let (until, before) = (Instant::now() + self.heartbeat, processor_time()?);
        for peer in &mut self.peers {
            peer.write_all(&HEARTBEAT)?;
        }
        thread::sleep(until.saturating_duration_since(Instant::now()));
        Ok((processor_time()? - before) / self.peers.len() as f64)
    }
}

/// Bytes of resident memory.
fn resident() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(1_024.0 * number.ok_or("the system does not tell resident memory")?)
}

/// Seconds of processor time of all threads but this first one, which plays the peers.
fn processor_time() -> Outcome<f64> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name().to_str() != Some(&process::id().to_string()) {
            let text = fs::read_to_string(task.path().join("schedstat"))?;
            let used = text.split(' ').next().and_then(|it| it.parse::<f64>().ok());
            nanoseconds += used.ok_or("the system does not tell processor time")?;
        }
    }
    Ok(nanoseconds / 1e9)
}
