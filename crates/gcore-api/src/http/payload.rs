//! The parts of a request: its payload, and the header with the key.

use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

/// The payload of a request.
pub(crate) enum Payload {
    Query(Vec<(&'static str, String)>),
    Json(String),
}

impl Payload {
    pub(crate) fn json(body: &impl Serialize) -> Self {
        // Bodies are strings, numbers and lists of them, so their serialization cannot fail.
        Self::Json(sonic_rs::to_string(body).unwrap_or_default())
    }
}

/// The value of the header `Authorization`.
pub(crate) fn authorization(scheme: &str, key: &SecretString) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", key.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
}
