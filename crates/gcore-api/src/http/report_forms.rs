//! The form of a report's request that each endpoint accepted last.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::http::endpoint::Endpoint;

/// The form that each endpoint accepted last.
#[derive(Debug, Default)]
pub(crate) struct Forms(Mutex<BTreeMap<Endpoint, Form>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) page_size: u32,
    /// Whether a running period is sent as "until today, the last day included", which avoids a date in the future.
    /// Otherwise it is sent as "until before tomorrow".
    pub(crate) last_day_included: bool,
}

impl Forms {
    pub(crate) fn get(&self, endpoint: Endpoint) -> Option<Form> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&endpoint).copied()
    }

    /// Remembers the accepted form. A closed period says nothing about the form of a running one.
    pub(crate) fn learn(&self, endpoint: Endpoint, form: Form, is_running: bool) {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last_day_included = if is_running {
            form.last_day_included
        } else {
            forms.get(&endpoint).is_none_or(|known| known.last_day_included)
        };
        forms.insert(endpoint, Form { last_day_included, ..form });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_period_does_not_unlearn_the_running_one() {
        let (forms, endpoint) = (Forms::default(), Endpoint::UsageReport);
        forms.learn(endpoint, Form { page_size: 100, last_day_included: false }, false);
        assert_eq!(forms.get(endpoint), Some(Form { page_size: 100, last_day_included: true }));
        forms.learn(endpoint, Form { page_size: 100, last_day_included: false }, true);
        forms.learn(endpoint, Form { page_size: 100, last_day_included: false }, false);
        assert_eq!(forms.get(endpoint), Some(Form { page_size: 100, last_day_included: false }));
    }
}
