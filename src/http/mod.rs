//! The HTTP server: listeners with a graceful stop, and the routes.

mod accept;
mod alerts;
mod anomalies;
mod basic_auth;
pub mod body;
mod connections;
pub mod guard;
mod page;
pub mod reload;
pub mod routes;
pub mod runbooks;
pub mod server;
pub mod web_config;
