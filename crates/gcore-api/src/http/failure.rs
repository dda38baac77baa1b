//! A failed attempt of a request.

use std::time::Duration;

use crate::http::error::Reason;

/// A failed attempt.
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    pub(crate) may_pass: bool,
    /// The wait that the server asks for.
    pub(crate) wait: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(reason: Reason, may_pass: bool, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), may_pass, wait: None }
    }
}
