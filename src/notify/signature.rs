//! Signatures by Standard Webhooks 1.0: `v1,` and HMAC-SHA256 over id, time and body, in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// The prefix of a secret.
const PREFIX: &str = "whsec_";
/// The length of a key in bytes, by the standard.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The key in a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
///
/// # Errors
/// The fault of the secret, without any of its text.
pub fn key(secret: &SecretString) -> Result<Vec<u8>, String> {
    let form = "must be \"whsec_\" and 24 to 64 random bytes in base64; make one with: \
                echo \"whsec_$(head -c 32 /dev/urandom | base64)\"";
    let encoded = secret.expose_secret().strip_prefix(PREFIX).ok_or(form)?;
    let key = STANDARD.decode(encoded).map_err(|_| form)?;
    if LENGTHS.contains(&key.len()) { Ok(key) } else { Err(form.into()) }
}

/// The value of `webhook-signature`: one signature for each key. A receiver needs only one of the keys.
#[must_use]
pub fn sign(keys: &[Vec<u8>], id: &str, at: Timestamp, body: &str) -> String {
    let signed = format!("{id}.{}.{body}", at.as_second());
    let sign = |key: &Vec<u8>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    };
    keys.iter().map(sign).collect::<Vec<_>>().join(" ")
}
