//! Loan: the reader of the only connection, lent to a thread that waits for what it brings, so
//! that a message need not cross from one thread to another on its way in.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was offered and not used for so long goes back to its own thread.
pub(crate) const GRACE: Duration = Duration::from_millis(2);

/// Who waits for less than this does not borrow: a read ends with the system's tick, which may be
/// late by several milliseconds.
const PATIENT: Duration = Duration::from_millis(50);

/// Whether whoever waits until then may borrow in the meantime.
pub(crate) fn is_patient(deadline: Option<Instant>) -> bool {
    deadline.is_none_or(|at| at.saturating_duration_since(Instant::now()) >= PATIENT)
}

/// Where the reader is. Its own thread keeps it most of the time.
enum Place<R> {
    Home,
    /// For whoever comes first: a thread that waits for what it brings, or its own, if none does.
    Offered(R),
    Lent,
    Returned(R),
    /// Whoever had it has panicked.
    Lost,
}

pub(crate) struct Loan<R> {
    place: Place<R>,
    /// Offers so far, by which its own thread sees whether it is in use.
    offers: u64,
}

impl<R> Default for Loan<R> {
    fn default() -> Loan<R> {
        Loan {
            place: Place::Home,
            offers: 0,
        }
    }
}

impl<R> Loan<R> {
    pub(crate) fn offer(&mut self, reader: R) {
        self.offers += 1;
        self.place = Place::Offered(reader);
    }

    pub(crate) fn is_offered(&self) -> bool {
        matches!(self.place, Place::Offered(_))
    }

    pub(crate) fn borrow(&mut self) -> Option<R> {
        self.take_if(Loan::is_offered, Place::Lent)
    }

    /// Its own thread has to go on with it.
    pub(crate) fn give_back(&mut self, reader: R) {
        self.place = Place::Returned(reader);
    }

    /// If somebody has it, it does not come back.
    pub(crate) fn lose(&mut self) {
        if let Place::Lent = self.place {
            self.place = Place::Lost;
        }
    }

    /// For its own thread: what came back, and what was on offer all the time since `offers`.
    fn take_back(&mut self, offers: u64) -> Option<R> {
        let is_back = |loan: &Loan<R>| match loan.place {
            Place::Returned(_) => true,
            Place::Offered(_) => loan.offers == offers,
            Place::Home | Place::Lent | Place::Lost => false,
        };
        self.take_if(is_back, Place::Home)
    }

    fn take_if(&mut self, may: impl FnOnce(&Loan<R>) -> bool, then: Place<R>) -> Option<R> {
        if !may(self) {
            return None;
        }
        match std::mem::replace(&mut self.place, then) {
            Place::Offered(reader) | Place::Returned(reader) => Some(reader),
            Place::Home | Place::Lent | Place::Lost => None,
        }
    }
}

/// For its own thread: waits where it is told that the reader is `returned`, or until it was on offer
/// all the time; `None` if it is lost.
pub(crate) fn wait_for_return<S, R>(
    mut shared: MutexGuard<'_, S>,
    returned: &Condvar,
    loan: impl Fn(&mut S) -> &mut Loan<R>,
) -> Option<R> {
    // At first it may have come back before.
    let mut offers = 0;
    loop {
        let loan = loan(&mut shared);
        if let Some(reader) = loan.take_back(offers) {
            return Some(reader);
        }
        if let Place::Lost = loan.place {
            return None;
        }
        offers = loan.offers;
        let woken = returned.wait_timeout(shared, GRACE);
        shared = woken.unwrap_or_else(PoisonError::into_inner).0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_offer_goes_to_one_who_brings_it_back() {
        let mut loan = Loan::default();
        assert_eq!(loan.borrow(), None);
        loan.offer('r');
        assert_eq!(loan.borrow(), Some('r'));
        assert_eq!(loan.borrow(), None);
        assert_eq!(loan.take_back(loan.offers), None);
        loan.give_back('r');
        assert_eq!(loan.borrow(), None);
        assert_eq!(loan.take_back(loan.offers), Some('r'));
        assert_eq!(loan.take_back(loan.offers), None);
    }

    #[test]
    fn nobody_waits_for_what_is_lost() {
        let mut loan = Loan::default();
        loan.offer('r');
        assert_eq!(loan.borrow(), Some('r'));
        loan.lose();
        let (place, returned) = (std::sync::Mutex::new(loan), Condvar::new());
        let shared = place.lock().unwrap();
        assert_eq!(wait_for_return(shared, &returned, |loan| loan), None);
    }

    #[test]
    fn an_offer_that_nobody_takes_up_is_taken_back() {
        let mut loan = Loan::default();
        loan.offer('r');
        let before = loan.offers;
        assert_eq!(loan.borrow(), Some('r'));
        loan.offer('r');
        assert_eq!(loan.take_back(before), None, "it was in use since");
        assert_eq!(loan.take_back(loan.offers), Some('r'));
        assert!(!loan.is_offered());
    }
}
