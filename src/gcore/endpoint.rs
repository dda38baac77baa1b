//! The endpoints that are read.

use reqwest::Method;

/// One endpoint of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Billed resources with their costs.
    CostReportResources,
    /// Metered resources with their quantities.
    UsageReport,
    /// Background tasks of the billing system.
    Reports,
    /// Subscriptions.
    Subscriptions,
    /// Names of projects.
    Projects,
    /// Names of regions.
    Regions,
}

impl Endpoint {
    /// The word for the `endpoint` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CostReportResources => "cost_report_resources",
            Self::UsageReport => "usage_report",
            Self::Reports => "reports",
            Self::Subscriptions => "subscriptions",
            Self::Projects => "projects",
            Self::Regions => "regions",
        }
    }

    /// The path below the API's base URL, without a leading slash.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::CostReportResources => "cloud/v1/cost_report/resources",
            Self::UsageReport => "cloud/v1/usage_report",
            Self::Reports => "billing/org/v1/reports",
            Self::Subscriptions => "billing/org/v1/subscriptions",
            Self::Projects => "cloud/v1/projects",
            Self::Regions => "cloud/v1/regions",
        }
    }

    /// How it is asked. The two reports are POSTs that change nothing, so they may be repeated.
    #[must_use]
    pub fn method(self) -> Method {
        match self {
            Self::CostReportResources | Self::UsageReport => Method::POST,
            Self::Reports | Self::Subscriptions | Self::Projects | Self::Regions => Method::GET,
        }
    }
}
