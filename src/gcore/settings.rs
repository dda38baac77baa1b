//! How one account's API is reached.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::api_key::ApiKey;

/// Where the public API is.
pub const DEFAULT_API_URL: &str = "https://api.gcore.com";

/// The word before the token in the `Authorization` header, as the vendor's libraries send it.
pub const DEFAULT_AUTH_SCHEME: &str = "APIKey";

/// Settings of one account (`[accounts.NAME]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The permanent API token, without the scheme word before it.
    pub api_key: ApiKey,
    /// The word before the token in the `Authorization` header. Default [`DEFAULT_AUTH_SCHEME`].
    pub auth_scheme: String,
    /// Where the API is. Default [`DEFAULT_API_URL`].
    pub api_url: Url,
    /// A PEM file with certificate authorities to trust besides the system's, for a proxy that opens TLS.
    pub ca_file: Option<PathBuf>,
    /// Requests that may start within a second. Default 2.
    pub max_requests_per_second: f64,
    /// Requests that may be under way at once. Default 4.
    pub concurrency: usize,
    /// How long one request may take, its body included. Default 120 s.
    pub request_timeout: Duration,
    /// Rows asked for at once in cloud reports; billing lists never ask for more than 100. Default 1000.
    pub page_size: u32,
    /// What the reports are restricted to.
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
    /// What of which API the account's reports tell, in one line: with another scope they tell another story.
    #[must_use]
    pub fn scope(&self) -> String {
        let Filter { projects, regions, types } = &self.filter;
        format!("{} projects={projects:?} regions={regions:?} types={types:?}", self.api_url)
    }

    /// Settings for a key, with the default of everything else.
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
