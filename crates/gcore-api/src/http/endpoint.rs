//! The endpoints of the API.

use reqwest::Method;

/// One endpoint of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Billed resources with their costs.
    CostReportResources,
    /// Costs summed over resources, without projects.
    CostReportTotals,
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
    /// Commitments.
    Reservations,
    /// Costs of a month under commitments.
    ReservationCostReportTotals,
}

impl Endpoint {
    /// The value of the `endpoint` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CostReportResources => "cost_report_resources",
            Self::CostReportTotals => "cost_report_totals",
            Self::UsageReport => "usage_report",
            Self::Reports => "reports",
            Self::Subscriptions => "subscriptions",
            Self::Projects => "projects",
            Self::Regions => "regions",
            Self::Reservations => "reservations",
            Self::ReservationCostReportTotals => "reservation_cost_report_totals",
        }
    }

    /// The path below the API's base URL, without a leading slash.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::CostReportResources => "cloud/v1/cost_report/resources",
            Self::CostReportTotals => "cloud/v1/cost_report/totals",
            Self::UsageReport => "cloud/v1/usage_report",
            Self::Reports => "billing/org/v1/reports",
            Self::Subscriptions => "billing/org/v1/subscriptions",
            Self::Projects => "cloud/v1/projects",
            Self::Regions => "cloud/v1/regions",
            Self::Reservations => "cloud/v2/reservations",
            Self::ReservationCostReportTotals => "cloud/v1/reservation_cost_report/totals",
        }
    }

    /// The HTTP method. The reports are POSTs that change nothing, so they may be retried.
    #[must_use]
    pub fn method(self) -> Method {
        match self {
            Self::CostReportResources
            | Self::CostReportTotals
            | Self::UsageReport
            | Self::ReservationCostReportTotals => Method::POST,
            Self::Reports | Self::Subscriptions | Self::Projects | Self::Regions | Self::Reservations => Method::GET,
        }
    }
}
