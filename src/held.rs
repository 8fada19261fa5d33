//! Held: how many of our locks a thread holds, so that debug builds see user code run under one.

#[cfg(debug_assertions)]
use std::cell::Cell;

#[cfg(debug_assertions)]
thread_local! {
    static LOCKS: Cell<usize> = const { Cell::new(0) };
}

/// Goes with the guard of a lock and counts it for its thread. Release builds count nothing.
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

/// To be called wherever code of the program's own is entered: it may call us, or block.
#[inline(always)]
pub(crate) fn assert_none(what: &str) {
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
        assert_none("a hook");
        let held = [Held::new(), Held::new()];
        let result = std::panic::catch_unwind(|| assert_none("a hook"));
        assert_eq!(result.is_err(), cfg!(debug_assertions));
        drop(held);
        assert_none("a hook");
    }
}
