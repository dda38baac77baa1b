//! The domain: money, days, resources, report tasks and subscriptions.
//!
//! Pure values without I/O, HTTP or Prometheus. `now` is always an argument.

pub mod amount;
pub mod commitment;
pub mod names;
pub mod period;
pub mod record;
pub mod report_task;
pub mod resource;
pub mod subscription;
