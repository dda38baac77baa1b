//! The HTTP server: listeners with a graceful stop, and the routes.

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
