//! Requests and answers: the key, connections, limits, retries, deadlines and failures. It knows no list. Of reports
//! it knows the form that each endpoint accepted last, and which part a refusal names.

pub mod api_key;
pub mod client;
pub mod connection;
pub(crate) mod encoding;
pub mod endpoint;
pub mod error;
pub(crate) mod exchange;
pub(crate) mod failure;
pub mod memory_limit;
pub mod metrics;
pub(crate) mod payload;
pub mod poll_deadline;
pub(crate) mod rate_limiter;
pub(crate) mod refusal;
pub(crate) mod report_forms;
pub(crate) mod response_body;
pub(crate) mod retry;
pub mod settings;
