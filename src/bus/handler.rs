//! Handler: code of a user's, whose panic ends nothing but itself.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls it; a panic comes back as what it said.
pub(crate) fn call(handler: impl FnOnce()) -> Result<(), String> {
    let panic = match catch_unwind(AssertUnwindSafe(handler)) {
        Ok(()) => return Ok(()),
        Err(panic) => panic,
    };
    let text = said(&*panic).to_owned();
    // What it panicked with may panic again as it is dropped, and that too, so it is left alone.
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    mem::forget(dropped);
    Err(text)
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("the handler panicked")
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Something to panic with that panics again.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(Bomb);
        }
    }

    #[test]
    fn a_panic_comes_back_as_what_it_said() {
        assert_eq!(call(|| ()), Ok(()));
        assert_eq!(call(|| panic!("one")), Err("one".to_owned()));
        assert_eq!(call(|| panic!("{}", 2)), Err("2".to_owned()));
        let unsaid = Err("the handler panicked".to_owned());
        assert_eq!(call(|| panic_any(3)), unsaid);
    }

    #[test]
    fn what_panics_as_it_is_dropped_ends_nothing_either() {
        let unsaid = Err("the handler panicked".to_owned());
        assert_eq!(call(|| panic_any(Bomb)), unsaid);
    }
}
