//! Wanted.
