//! Tests through the front door: an API on one side, `/metrics` on the other, nothing in between replaced.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod alert_commands;
mod alertmanager;
mod alerts;
mod authority;
mod backfill;
mod backtest;
mod calendar;
mod channels;
mod collectors;
mod commands;
mod dashboard;
mod details;
mod faults;
mod harness;
mod history;
mod killed;
mod logs;
mod manners;
mod network;
mod office;
mod online;
mod outlook;
mod parity;
mod paths;
mod program;
mod prometheus;
mod reading;
mod refusals;
mod reload;
mod replicas;
mod runbooks;
mod scrape;
mod store;
mod trust;
mod warm;
