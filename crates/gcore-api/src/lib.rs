//! The Gcore API: its paths, JSON, limits and quirks.
//!
//! - [`http`]: the client with its key, rate limiter, retries and deadline.
//! - `json`: fields that tolerate the API's variations, and templates that read equal rows fast.
//! - [`endpoints`]: a file for each list and report of the API, which turns its JSON rows into records.
//! - [`billing`]: the records, as plain values. No user of this crate sees JSON.
//!
//! A report can have millions of rows, so rows are folded into sums while the pages arrive:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use common::clock::Clock;
//! use gcore_api::billing::amount::Amount;
//! use gcore_api::billing::period::Window;
//! use gcore_api::billing::record::{CostRecord, Fold, Price, RejectReason};
//! use gcore_api::endpoints::cost_report;
//! use gcore_api::http::client::Client;
//! use gcore_api::http::memory_limit::MemoryLimit;
//! use gcore_api::http::metrics::Metrics;
//! use gcore_api::http::poll_deadline::PollDeadline;
//! use gcore_api::http::settings::Settings;
//! use secrecy::SecretString;
//!
//! /// The sum of all costs in EUR.
//! #[derive(Default)]
//! struct Euros(Amount);
//!
//! impl Fold<CostRecord<'_>> for Euros {
//!     fn add(&mut self, record: CostRecord<'_>) -> Result<(), RejectReason> {
//!         if let (Price::Known(amount), "EUR") = (record.price, record.currency.as_str()) {
//!             self.0 = self.0.checked_add(amount).ok_or(RejectReason::OutOfRange)?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let now = "2026-11-22T12:00:00Z".parse().unwrap();
//! # let world = gcore_simulator::world::World::new(1, now);
//! # let address = "127.0.0.1:0".parse().unwrap();
//! # let api = gcore_simulator::api::Api::bind(address, world, gcore_simulator::KEY, Clock::frozen(now)).await.unwrap();
//! # let (url, key) = (api.url(), gcore_simulator::KEY);
//! # tokio::spawn(api.run(std::future::pending()));
//! let settings = Settings::new(SecretString::from(key), url.parse().unwrap());
//! let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
//! let memory = Arc::new(MemoryLimit::new(1, 10_000));
//! let client = Client::new("main", settings, Clock::frozen(now), &metrics, &memory).unwrap();
//!
//! let minute = Duration::from_secs(60);
//! let deadline = PollDeadline { until: tokio::time::Instant::now() + minute, longest_wait: minute, yields: false };
//! let yesterday = Window::Yesterday.period(now);
//! let report = cost_report::read::<Euros>(&client, yesterday, None, deadline).await.unwrap();
//! assert!(report.rows > 100 && report.data.0 > Amount::ZERO);
//! # }
//! ```

pub mod billing;
pub mod endpoints;
pub mod http;
mod json;
