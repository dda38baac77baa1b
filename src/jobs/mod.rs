//! Tasks that work beside the pollers.

pub mod insights;
