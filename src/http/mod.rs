//! Serving HTTP: listeners with a graceful stop, and what stands behind each path.

pub mod server;
