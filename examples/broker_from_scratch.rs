//! A broker that shares jobs out among workers, made of two sockets.
//!
//! Workers ask for work; who has waited longest gets the next job. A worker that leaves is noticed
//! at once, and one that hangs by its silence. Either way another one gets its job.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use std::{mem, thread};

use jackfield::{Config, Endpoint, Error, Event, Identity, Message, Socket, recv_any};

const BEAT: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(1); // more than a job takes

#[derive(Default)]
struct Broker {
    jobs: VecDeque<(usize, Message)>, // numbered, so that late answers are told from others
    idle: VecDeque<Identity>,
    busy: BTreeMap<Identity, (usize, Message)>,
    heard: BTreeMap<Identity, Instant>,
}

impl Broker {
    fn run(mut self, clients: &Socket, workers: &Socket) -> Result<(), Error> {
        for number in 1.. {
            match recv_any(&[clients, workers], BEAT) {
                Ok((0, job)) => self.jobs.push_back((number, job)),
                Ok((_, word)) => self.handle_worker(word.sender(), &word.text(), clients),
                Err(Error::Timeout) => {}
                Err(error) => return Err(error),
            }
            while let Ok(event) = workers.events().try_recv() {
                if let Event::PeerDown { peer, .. } = event {
                    self.forget(peer, "has left");
                }
            }
            let silent = self.heard.iter().filter(|it| it.1.elapsed() > PATIENCE);
            for worker in silent.map(|it| *it.0).collect::<Vec<_>>() {
                self.forget(worker, "says nothing");
            }
            while let (Some(worker), Some(job)) = (self.idle.front().copied(), self.jobs.front()) {
                let text = format!("{} {}", job.0, job.1.text());
                self.idle.pop_front();
                if workers.try_send_to(worker, text).is_ok() {
                    let job = self.jobs.pop_front().expect("it was in front");
                    self.busy.insert(worker, job);
                }
            }
        }
        Ok(())
    }

    /// A worker says `ready`, or the number of a job and its answer.
    fn handle_worker(&mut self, worker: Identity, word: &str, clients: &Socket) {
        self.heard.insert(worker, Instant::now());
        if let Some((number, job)) = self.busy.get(&worker) {
            if let Some(answer) = word.strip_prefix(&format!("{number} ")) {
                clients.send_to(job.sender(), answer).ok(); // the client may have left
                self.busy.remove(&worker);
            }
        } else if !self.idle.contains(&worker) {
            self.idle.push_back(worker);
        }
    }

    fn forget(&mut self, worker: Identity, why: &str) {
        self.heard.remove(&worker);
        self.idle.retain(|idle| *idle != worker);
        if let Some(job) = self.busy.remove(&worker) {
            println!("broker: a worker {why}, another one gets {}", job.1.text());
            self.jobs.push_front(job);
        }
    }
}

fn worker(name: &str, broker: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(broker)?;
    loop {
        socket.send("ready")?; // in each beat: it is how the broker knows that we live
        match (name, socket.recv_timeout(BEAT)) {
            (_, Err(Error::Timeout)) => continue,
            ("frail", _) => return Ok(()),
            ("stuck", _) => break mem::forget(socket), // connected still, and silent for ever
            (_, job) => socket.send(format!("{} is done by {name}", job?.text()))?,
        };
    }
    Ok(())
}

fn client(name: &str, broker: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default())?;
    socket.connect(broker)?;
    for number in 1..=3 {
        socket.send(format!("{name}'s job {number}"))?;
    }
    for answer in socket.messages().take(3) {
        println!("{name}: {}", answer.text());
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let clients = Socket::new(Config::default())?;
    let workers = Socket::new(Config::default())?;
    let front = clients.bind("tcp://127.0.0.1:0")?;
    let back = workers.bind("tcp://127.0.0.1:0")?;
    thread::spawn(move || Broker::default().run(&clients, &workers));
    let asking = [("ann", front.clone()), ("bob", front)];
    let asking = asking.map(|(name, front)| thread::spawn(move || client(name, &front)));
    worker("frail", &back)?; // dies with a job in its hands
    worker("stuck", &back)?; // hangs with another
    for name in ["steady", "swift"] {
        let back = back.clone();
        thread::spawn(move || worker(name, &back));
    }
    let mut ends = asking.into_iter().map(|client| client.join());
    ends.try_for_each(|end| end.expect("no panic"))
}
