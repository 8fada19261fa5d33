//! Loan: the reader of the only connection, lent to a thread that waits for what it brings, so
//! that a message need not cross from one thread to another on its way in.

/// Where the reader is. Its own thread keeps it most of the time.
enum Place<R> {
    Home,
    /// For whoever comes first: a thread that waits in `recv`, or its own, if nobody does.
    Offered(R),
    Lent,
    Returned(R),
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

    pub(crate) fn offers(&self) -> u64 {
        self.offers
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

    /// For its own thread: what came back, and what was on offer all the time since `offers`.
    pub(crate) fn take_back(&mut self, offers: u64) -> Option<R> {
        let is_back = |loan: &Loan<R>| match loan.place {
            Place::Returned(_) => true,
            Place::Offered(_) => loan.offers == offers,
            Place::Home | Place::Lent => false,
        };
        self.take_if(is_back, Place::Home)
    }

    fn take_if(&mut self, may: impl FnOnce(&Loan<R>) -> bool, then: Place<R>) -> Option<R> {
        if !may(self) {
            return None;
        }
        match std::mem::replace(&mut self.place, then) {
            Place::Offered(reader) | Place::Returned(reader) => Some(reader),
            Place::Home | Place::Lent => None,
        }
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
        assert_eq!(loan.take_back(loan.offers()), None);
        loan.give_back('r');
        assert_eq!(loan.borrow(), None);
        assert_eq!(loan.take_back(loan.offers()), Some('r'));
        assert_eq!(loan.take_back(loan.offers()), None);
    }

    #[test]
    fn an_offer_that_nobody_takes_up_is_taken_back() {
        let mut loan = Loan::default();
        loan.offer('r');
        let before = loan.offers();
        assert_eq!(loan.borrow(), Some('r'));
        loan.offer('r');
        assert_eq!(loan.take_back(before), None, "it was in use since");
        assert_eq!(loan.take_back(loan.offers()), Some('r'));
        assert!(!loan.is_offered());
    }
}
