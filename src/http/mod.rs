//! The HTTP server: listeners with a graceful stop, the routes, the pages for people and the API for scripts.

mod anomaly_list;
pub mod api;
pub mod app_state;
mod background;
mod basic_auth;
pub mod body;
mod connections;
mod content_negotiation;
mod cost_sums;
pub mod guard;
pub mod pages;
pub mod reload;
mod response;
pub mod routes;
pub mod server;
pub mod web_config;
mod wording;
