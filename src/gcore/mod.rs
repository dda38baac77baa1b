//! The Gcore API: everything that knows its paths, JSON, limits and quirks.
//!
//! One file per endpoint turns wire rows into values of [`crate::billing`]; nothing above this module sees JSON.

pub mod settings;
