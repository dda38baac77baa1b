//! Settings of one account's API.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::http::api_key::ApiKey;

/// The address of the public API.
pub const DEFAULT_API_URL: &str = "https://api.gcore.com";

/// The word before the token in the `Authorization` header, as in the vendor's libraries.
pub const DEFAULT_AUTH_SCHEME: &str = "APIKey";

/// Settings of one account (`[accounts.NAME]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The permanent API token, without the scheme word before it.
    pub api_key: ApiKey,
    /// The word before the token in the `Authorization` header. Default [`DEFAULT_AUTH_SCHEME`].
    pub auth_scheme: String,
    /// The base URL of the API. Default [`DEFAULT_API_URL`].
    pub api_url: Url,
    /// A PEM file of certificate authorities, trusted besides the system's. It serves proxies that inspect TLS.
    pub ca_file: Option<PathBuf>,
    /// The request rate, in requests per second. Default 2.
    pub max_requests_per_second: f64,
    /// The in-flight limit, in requests. Default 4.
    pub concurrency: usize,
    /// The timeout of one request, its body included. Default 120 s.
    pub request_timeout: Duration,
    /// The page size of cloud reports, in rows. Billing lists use at most 100. Default 1000.
    pub page_size: u32,
    /// The filter of the reports.
    pub filter: Filter,
}

/// A restriction of the cost and usage reports. An empty list restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Project ids.
    pub projects: Vec<u64>,
    /// Region ids.
    pub regions: Vec<u64>,
    /// Resource types.
    pub types: Vec<String>,
}

impl Settings {
    /// The API address and the filter in one line. Amounts of different scopes are not comparable.
    #[must_use]
    pub fn scope(&self) -> String {
        let Filter { projects, regions, types } = &self.filter;
        format!("{} projects={projects:?} regions={regions:?} types={types:?}", self.api_url)
    }

    /// Settings for a key, with defaults for the rest.
    #[must_use]
    pub fn new(api_key: impl Into<ApiKey>, api_url: Url) -> Self {
        Self {
            api_key: api_key.into(),
            auth_scheme: DEFAULT_AUTH_SCHEME.into(),
            api_url,
            ca_file: None,
            max_requests_per_second: 2.0,
            concurrency: 4,
            request_timeout: Duration::from_secs(120),
            page_size: 1000,
            filter: Filter::default(),
        }
    }
}
