//! One message for a receiver.

use crate::alert::Alert;

/// One message for a receiver.
pub(super) struct Notification<'a> {
    /// The id, the same at each try.
    pub(super) id: &'a str,
    pub(super) alert: &'a Alert,
    /// The other alerts of the first evaluation. Only channels for people get them in one message.
    pub(super) others: &'a [Alert],
}
