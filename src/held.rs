//! Held: code of the program's own runs here, and debug builds see to it that it is under no lock of
//! a hub.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(debug_assertions)]
use std::cell::Cell;

#[cfg(debug_assertions)]
thread_local! {
    static LOCKS: Cell<usize> = const { Cell::new(0) };
}

/// Goes with the guard of a hub's lock and counts it for its thread. Release builds count nothing.
pub(crate) struct Held(());

impl Held {
    #[inline(always)]
    pub(crate) fn new() -> Held {
        #[cfg(debug_assertions)]
        LOCKS.set(LOCKS.get() + 1);
        Held(())
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        LOCKS.set(LOCKS.get() - 1);
    }
}

/// Runs code of the program's own. It may call us, or block; its panics are its own and end here.
pub(crate) fn run_outside<T>(what: &str, call: impl FnOnce() -> T) -> Option<T> {
    assert_none(what);
    let panic = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(it) => return Some(it),
        Err(panic) => panic,
    };
    // What it was thrown with is the program's as well.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(another);
    }
    None
}

#[inline(always)]
fn assert_none(what: &str) {
    #[cfg(debug_assertions)]
    assert!(
        LOCKS.get() == 0 || std::thread::panicking(),
        "{what} runs under a lock"
    );
    let _ = what;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_code_under_a_lock_is_a_panic_in_debug_builds() {
        assert_eq!(run_outside("a hook", || 1), Some(1));
        let held = [Held::new(), Held::new()];
        let result = catch_unwind(|| run_outside("a hook", || 1));
        assert_eq!(result.is_err(), cfg!(debug_assertions));
        drop(held);
        assert_eq!(run_outside("a hook", || 1), Some(1));
    }

    #[test]
    fn what_a_panic_is_thrown_with_may_panic_as_well() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(Bomb);
            }
        }
        let thrown = run_outside("a hook", || std::panic::panic_any(Bomb));
        assert_eq!(thrown, None::<()>);
    }
}
