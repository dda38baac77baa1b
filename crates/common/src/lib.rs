//! The clock, HTTP clients and wording that all packages share.
//!
//! Nothing here knows costs, Gcore or Prometheus.
//!
//! ```
//! use common::clock::Clock;
//! use common::transport::{self, Misdirected};
//! use common::wording::counted;
//!
//! let clock = Clock::frozen("2026-11-22T12:00:00Z".parse().unwrap());
//! assert_eq!(clock.now().to_string(), "2026-11-22T12:00:00Z");
//!
//! // A secret is never sent over plain http to another machine.
//! let open = transport::destination("http://alerts.example.com", false);
//! assert!(matches!(open, Err(Misdirected::Open)));
//! assert!(transport::destination("https://alerts.example.com", false).is_ok());
//!
//! assert_eq!(counted(2, "day"), "2 days");
//! ```

pub mod clock;
pub mod transport;
pub mod wording;
