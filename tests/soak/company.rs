//! Company: all child processes, and the proxies that some of them reach the others through.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::books::Books;
use crate::cast::{self, Line, Role, Way};
use crate::chaos::Proxy;
use crate::meter::{self, Sample};
use crate::process::{Process, Script};
use crate::random::Random;
use crate::stage::{Act, pulse};

pub struct Company {
    pub books: Arc<Mutex<Books>>,
    pub directory: PathBuf,
    pub players: BTreeMap<u8, Player>,
    /// By the member that they belong to.
    pub proxies: BTreeMap<u8, Vec<Proxy>>,
    /// Where each socket that binds does so: TCP and Unix.
    places: BTreeMap<(u8, Line), [String; 2]>,
    random: Random,
    act: Act,
    began: Instant,
    log: File,
    pub restarts: u64,
}

pub struct Player {
    pub process: Option<Process>,
    pub instance: u32,
    is_dismissed: bool,
    /// Of its current instance.
    pub samples: Vec<Sample>,
    /// Processor time of those that ended.
    spent: f64,
}

impl Company {
    pub fn assemble(directory: PathBuf, seed: u64) -> Company {
        fs::create_dir_all(&directory).expect("a directory for the logs");
        let log = File::create(directory.join("run.log")).expect("a log");
        let mut company = Company {
            books: Arc::default(),
            players: BTreeMap::new(),
            proxies: BTreeMap::new(),
            places: BTreeMap::new(),
            random: Random::new(seed),
            act: Act::Arriving,
            began: Instant::now(),
            log,
            restarts: 0,
            directory,
        };
        for who in cast::hubs() {
            for (line, _) in cast::of(who).sockets() {
                let places = company.reserve(who, line);
                company.places.insert((who, line), places);
            }
        }
        for who in cast::members() {
            let proxies = company.wires(who);
            company.proxies.insert(who, proxies);
        }
        cast::all().for_each(|who| company.start(who));
        let books = company.books.clone();
        thread::spawn(move || pulse(|_| lock(&books).starved.push(Instant::now())));
        company
    }

    /// A port and a path that stay the same when the process is started again. The address is
    /// this run's own, so that nobody takes the port meanwhile.
    fn reserve(&self, who: u8, line: Line) -> [String; 2] {
        let [high, low] = (std::process::id() as u16).to_be_bytes();
        let host = std::net::Ipv4Addr::new(127, 251, high, low.max(1));
        let reserved = TcpListener::bind((host, 0)).expect("a free port");
        let address = reserved.local_addr().expect("its address");
        let name = format!("{}-{}.sock", cast::of(who).name, line.name());
        let path = self.directory.join(name);
        [
            format!("tcp://{address}"),
            format!("unix://{}", path.display()),
        ]
    }

    fn wires(&self, who: u8) -> Vec<Proxy> {
        let kind = match cast::of(who).way {
            Way::WireTcp => 0,
            Way::WireUnix => 1,
            _ => return Vec::new(),
        };
        let all = self.places.values();
        all.map(|places| Proxy::to(&places[kind])).collect()
    }

    /// `LINE ENDPOINT` pairs: what it binds, or what it dials.
    fn endpoints(&self, who: u8) -> String {
        let character = cast::of(who);
        let mut pairs = Vec::new();
        for (index, ((owner, line), [tcp, unix])) in self.places.iter().enumerate() {
            let wired = || self.proxies[&who][index].endpoint();
            let mine = match (character.role, character.way) {
                (Role::Member, Way::Tcp) => vec![tcp.clone()],
                (Role::Member, Way::Unix) => vec![unix.clone()],
                (Role::Member, _) => vec![wired()],
                _ if *owner == who => vec![tcp.clone(), unix.clone()],
                _ => vec![],
            };
            let name = line.name();
            pairs.extend(mine.into_iter().map(|place| format!("{name} {place}")));
        }
        pairs.join(";")
    }

    /// Starts a process, once more if it was started before.
    pub fn start(&mut self, who: u8) {
        let name = cast::of(who).name;
        if self.players.contains_key(&who) {
            self.kill(who);
        }
        let before = self.players.remove(&who);
        let instance = before.as_ref().map_or(0, |player| player.instance + 1);
        let script = Script {
            who,
            instance,
            seed: self.random.next(),
            endpoints: self.endpoints(who),
        };
        let books = self.books.clone();
        let log = self.directory.join(format!("{name}.log"));
        let mut process = Process::start(&script, &log, move |line| {
            lock(&books).hear(who, instance, line);
        });
        if self.act > Act::Arriving {
            process.tell(self.act);
        }
        let player = Player {
            process: Some(process),
            instance,
            is_dismissed: false,
            samples: Vec::new(),
            spent: before.map_or(0.0, |player| player.spent),
        };
        self.players.insert(who, player);
        self.restarts += u64::from(instance > 0);
    }

    pub fn kill(&mut self, who: u8) {
        let at = self.began.elapsed().as_secs_f64();
        let player = self.players.get_mut(&who).expect("one of the cast");
        if let Some(mut process) = player.process.take() {
            let last = meter::sample(process.id(), at);
            player.spent += last.map_or(0.0, |sample| sample.busy);
            process.kill();
        }
    }

    /// It closes its sockets and ends by itself, however busy it is.
    pub fn dismiss(&mut self, who: u8) {
        let player = self.players.get_mut(&who).expect("one of the cast");
        player.is_dismissed = true;
        if let Some(process) = &mut player.process {
            process.tell(Act::Leaving);
        }
    }

    pub fn signal(&self, who: u8, signal: &str) {
        if let Some(process) = &self.players[&who].process {
            process.signal(signal);
        }
    }

    /// Tells everybody how far the run is.
    pub fn tell(&mut self, act: Act) {
        self.act = act;
        self.note(&format!("{act:?}"));
        let all = self.players.values_mut();
        all.filter_map(|player| player.process.as_mut())
            .for_each(|process| process.tell(act));
    }

    /// Takes a sample of every process, while the trouble lasts.
    pub fn sample(&mut self) {
        if self.act != Act::Going {
            return;
        }
        let at = self.began.elapsed().as_secs_f64();
        for player in self.players.values_mut() {
            let id = player.process.as_ref().map(Process::id);
            player
                .samples
                .extend(id.and_then(|id| meter::sample(id, at)));
        }
    }

    /// A process that ended by itself is a fault.
    pub fn check_alive(&mut self) {
        for (who, player) in &mut self.players {
            let status = player.process.as_mut().and_then(Process::has_ended);
            let Some(status) = status else { continue };
            if let Some(mut process) = player.process.take() {
                process.bury();
            }
            if !player.is_dismissed || !status.success() {
                let name = cast::of(*who).name;
                lock(&self.books).fault(format!("death: {name} ended by itself: {status}"));
            }
        }
    }

    /// Processor time of all of them and of ourselves.
    pub fn busy(&self) -> f64 {
        let mine = meter::sample(std::process::id(), 0.0);
        let own = mine.map_or(0.0, |sample| sample.busy);
        let all = self.players.values();
        own + all.map(Player::busy).sum::<f64>()
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Writes to the log of the run, with the time.
    pub fn note(&mut self, text: &str) {
        let at = self.began.elapsed().as_secs_f64();
        writeln!(self.log, "{at:9.3} {text}").expect("the log can be written");
    }
}

impl Player {
    pub fn busy(&self) -> f64 {
        self.spent + self.samples.last().map_or(0.0, |sample| sample.busy)
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
