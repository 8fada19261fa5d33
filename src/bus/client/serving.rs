//! Serving: the threads that run the calls of a service.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::bus::client::Client;
use crate::bus::client::desk::Desk;
use crate::bus::client::gate::Want;
use crate::bus::client::saying::service_name;
use crate::bus::client::state::Served;
use crate::bus::end::Waits;
use crate::bus::handler;
use crate::bus::job::Job;
use crate::bus::service::{Handler, Service};
use crate::bus::words::{Error, Id};

impl Client {
    pub(crate) fn serve(
        self: &Arc<Client>,
        service: &Service,
        handler: Handler,
    ) -> Result<(Id, Arc<Desk>), Error> {
        let name = service_name(&service.name)?;
        self.lock().check_open()?;
        let id = self.maker.next();
        let desk = Arc::new(Desk::new(service, handler));
        for _ in 0..service.workers {
            let (client, own) = (self.clone(), desk.clone());
            let builder = thread::Builder::new().name("jackfield worker".to_owned());
            if let Err(error) = builder.spawn(move || client.work(&own)) {
                desk.jobs.end(Error::NoService);
                return Err(Error::no_thread(error));
            }
        }
        let mut state = self.lock();
        if let Err(error) = state.check_open() {
            drop(state);
            desk.jobs.end(Error::NoService);
            return Err(error);
        }
        let served = Served {
            name: name.clone(),
            desk: desk.clone(),
        };
        state.services.insert(id, served);
        drop(state);
        let want = match service.is_only {
            true => Want::AllCalls(name),
            false => Want::Calls(name),
        };
        if let Err(error) = self.announce(id, want) {
            self.withdraw(id);
            return Err(error);
        }
        Ok((id, desk))
    }

    pub(crate) fn withdraw(self: &Arc<Client>, id: Id) {
        let mut state = self.lock();
        let served = state.services.remove(&id);
        state.gate.unwant(id);
        drop(state);
        self.tend();
        if let Some(served) = served {
            self.shut(&served.desk, Error::NoService);
        }
    }

    /// Its workers end, and the calls that wait are answered so.
    pub(super) fn shut(&self, desk: &Desk, why: Error) {
        desk.jobs.end(why);
        let left = desk.jobs.drain();
        left.iter().for_each(|job| job.run.fail(&Error::NoService));
    }

    fn work(self: &Arc<Client>, desk: &Desk) {
        while let Ok(job) = self.take(&desk.jobs, Waits::Hearing, None) {
            self.run(desk, job);
            desk.handle_done();
        }
    }

    fn run(&self, desk: &Desk, job: Job) {
        let run = job.run.clone();
        // Its caller may have said as well that it waits no longer.
        if Instant::now() >= job.deadline {
            self.count(|counters| &counters.expired);
            run.fail(&Error::Timeout);
        } else if run.is_over() {
            run.fail(&Error::NoPeer);
        } else if let Err(message) = handler::call(|| (desk.handler)(job)) {
            self.count(|counters| &counters.panicked);
            let kind = "Panic".to_owned();
            run.fail(&Error::Remote { kind, message });
        }
    }
}
