//! The hub, driven by hand in virtual time.
