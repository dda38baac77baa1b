//! Serving HTTP: listeners with a graceful stop, and what stands behind each path.

mod accept;
mod alerts;
mod anomalies;
pub mod body;
mod connections;
mod page;
pub mod reload;
pub mod routes;
pub mod runbooks;
pub mod server;
