//! Error answers with the bodies of the vendor's services.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// The content type of every answer.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Faults of a request by key.
pub(super) type Faults = BTreeMap<String, Vec<String>>;

/// The service of a path. Each has its own format of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Cloud,
    Billing,
}

impl Family {
    pub(super) fn of(path: &str) -> Self {
        if path.starts_with("/billing/") { Self::Billing } else { Self::Cloud }
    }
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoCredentials,
    WrongScheme,
    /// Holds the first characters of the token.
    BadToken(String),
    NotFound,
    /// Holds the allowed method.
    MethodNotAllowed(Method),
    BodyTooLarge,
    Invalid(Faults),
    Internal(String),
}

impl Refusal {
    /// An error for one key.
    pub(super) fn invalid(key: &str, fault: impl Into<String>) -> Self {
        Self::Invalid(Faults::from([(key.to_owned(), vec![fault.into()])]))
    }

    pub(super) fn into_response(self, family: Family, number: u64) -> Response<Full<Bytes>> {
        let status = self.status();
        let body = match family {
            Family::Cloud => self.cloud_body(number),
            Family::Billing => self.billing_body(),
        };
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        if let Self::MethodNotAllowed(allowed) = &self
            && let Ok(allowed) = HeaderValue::from_str(allowed.as_str())
        {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::WrongScheme | Self::BadToken(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoCredentials => "Authentication credentials were not provided.".to_owned(),
            Self::WrongScheme => "Given token not valid for any token type".to_owned(),
            Self::BadToken(part) => format!("Invalid API token: {part}..."),
            Self::NotFound => "Not found.".to_owned(),
            Self::MethodNotAllowed(allowed) => format!("Method not allowed; use {allowed}."),
            Self::BodyTooLarge => "Request body is too large.".to_owned(),
            Self::Invalid(faults) => {
                let faults: Vec<String> = faults.iter().map(|(key, texts)| format!("'{key}': {texts:?}")).collect();
                format!("Validation Error: {{{}}}", faults.join(", "))
            }
            Self::Internal(text) => format!("Internal server error: {text}"),
        }
    }

    /// The cloud service: class, message, request id, and the faulty fields.
    fn cloud_body(&self, number: u64) -> Value {
        let class = match self {
            Self::NoCredentials => "not_authenticated",
            Self::WrongScheme | Self::BadToken(_) => "token_not_valid",
            Self::NotFound => "NotFoundError",
            Self::MethodNotAllowed(_) => "MethodNotAllowed",
            Self::BodyTooLarge => "PayloadTooLarge",
            Self::Invalid(_) => "ValidationError",
            Self::Internal(_) => "InternalServerError",
        };
        let request_id = format!("{number:06x}");
        let mut body = json!({"exception_class": class, "message": self.message(), "request_id": request_id});
        if let Self::Invalid(faults) = self {
            body["invalid_fields"] = json!(faults);
        }
        body
    }

    /// The billing service: a map of fields, or one `detail`.
    fn billing_body(&self) -> Value {
        match self {
            Self::Invalid(faults) => json!(faults),
            Self::WrongScheme | Self::BadToken(_) => json!({"detail": self.message(), "code": "token_not_valid"}),
            _ => json!({"detail": self.message()}),
        }
    }
}
