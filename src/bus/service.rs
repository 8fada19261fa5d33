//! Service: the calls of one name, in a bounded queue, and the threads that run them.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::bus::client::{Client, Handle};
use crate::bus::job::Job;
use crate::bus::wakes::{Sleepers, Wakes};
use crate::bus::words::{Error, Id};

/// A service to offer, for [`Bus::serve`](crate::bus::Bus::serve): a name, or more.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    pub(crate) name: String,
    pub(crate) workers: usize,
    pub(crate) backlog: usize,
}

impl Service {
    /// A service of that name. `@` is what a client answers under its own name.
    pub fn new(name: impl Into<String>) -> Service {
        Service {
            name: name.into(),
            workers: 1,
            backlog: 1_024,
        }
    }

    /// How many calls run at the same time, each in a thread; default: 1.
    pub fn workers(self, workers: usize) -> Service {
        Service {
            workers: workers.max(1),
            ..self
        }
    }

    /// How many calls may wait for a worker; default: 1 024. One more is answered with
    /// [`Error::Busy`].
    pub fn backlog(self, backlog: usize) -> Service {
        Service { backlog, ..self }
    }
}

impl<T: Into<String>> From<T> for Service {
    fn from(name: T) -> Service {
        Service::new(name)
    }
}

/// A service that is offered, as [`Bus::serve`](crate::bus::Bus::serve) gives it. Dropping it
/// withdraws the service: calls that run go on, those that wait are answered with
/// [`Error::NoService`].
#[must_use = "a service that is dropped is withdrawn"]
pub struct Serving {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) handle: Arc<Handle>,
}

impl Serving {
    /// What is served.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.client.withdraw(self.id);
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serving({:?})", self.name)
    }
}

pub(crate) type Handler = Box<dyn Fn(Job) + Send + Sync>;

/// The desk in front of the workers of one service.
pub(crate) struct Desk {
    queue: Mutex<Queue>,
    backlog: usize,
    handler: Handler,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Workers that wait for a call.
    idle: usize,
    /// Those of them that may sleep, and were not woken for a call yet.
    asleep: Sleepers,
    is_closed: bool,
}

impl Desk {
    /// Starts the workers; they end when the desk is closed.
    pub(crate) fn open(
        service: &Service,
        handler: Handler,
        client: &Arc<Client>,
    ) -> Result<Arc<Desk>, Error> {
        let desk = Arc::new(Desk {
            queue: Mutex::default(),
            backlog: service.backlog,
            handler,
        });
        for _ in 0..service.workers {
            let (own, client) = (desk.clone(), client.clone());
            // Counted before it runs: a call that comes meanwhile finds it idle.
            desk.lock().idle += 1;
            let builder = thread::Builder::new().name("jackfield worker".to_owned());
            if let Err(error) = builder.spawn(move || own.work(&client)) {
                desk.close();
                return Err(Error::no_thread(error));
            }
        }
        Ok(desk)
    }

    /// Takes a call, unless there is no room. One that is not taken is for the caller to answer.
    pub(crate) fn push(&self, job: Job, wakes: &mut Wakes) -> Result<(), Error> {
        let mut queue = self.lock();
        let refused = match queue.is_closed {
            true => Some(Error::NoService),
            false if queue.jobs.len() < self.backlog.saturating_add(queue.idle) => None,
            false => Some(Error::Busy),
        };
        if let Some(error) = refused {
            job.run.take_turn();
            return Err(error);
        }
        queue.jobs.push_back(job);
        if let Some(worker) = queue.asleep.take_one() {
            wakes.owe(&worker);
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        let left = std::mem::take(&mut queue.jobs);
        queue.asleep.take_all().for_each(|worker| worker.unpark());
        drop(queue);
        left.iter().for_each(|job| job.run.fail(&Error::NoService));
    }

    fn work(&self, client: &Arc<Client>) {
        while let Some(job) = self.next(client) {
            let run = job.run.clone();
            if Instant::now() >= job.deadline {
                client.count(|counters| &counters.expired);
                run.fail(&Error::Timeout);
            } else if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.handler)(job))) {
                client.count(|counters| &counters.panicked);
                run.fail(&Error::Remote {
                    kind: "Panic".to_owned(),
                    message: said(&*panic).to_owned(),
                });
            }
            self.lock().idle += 1;
        }
    }

    /// The next call; the worker was idle until then. None when the desk or the socket is closed.
    fn next(&self, client: &Arc<Client>) -> Option<Job> {
        let mut job = client.wait_hearing(None, || self.poll()).ok()??;
        job.worker = Some(thread::current().id());
        Some(job)
    }

    /// A call, or that there will be none; the worker is woken when there may be.
    fn poll(&self) -> Option<Option<Job>> {
        let mut queue = self.lock();
        if queue.jobs.is_empty() && !queue.is_closed {
            queue.asleep.add();
            return None;
        }
        queue.asleep.remove();
        queue.idle -= 1;
        Some(queue.jobs.pop_front())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("the handler panicked")
}
