//! The cloud service: cost and usage reports, projects, regions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::json_rows::{CostRow, CostTotal, Decimal, Money, UsageRow, UsageTotal};
use super::query::{Report, ReportQuery};
use super::refusal::Refusal;
use super::{Account, Asked, to_json};
use crate::world::{Grouping, Measured, Meter, rounded_cost};

/// Prices are visible to this account. A row without a price has a null cost; the vendor's `error` is only a hint for
/// its portal.
pub(super) const PRICE_STATUS: &str = "show";

/// An answer of the cost reports.
#[derive(Serialize)]
pub(super) struct CostPage<T> {
    pub(super) count: usize,
    pub(super) price_status: &'static str,
    pub(super) results: Vec<T>,
}

/// An answer of the usage report.
#[derive(Serialize)]
struct UsagePage<'a> {
    count: usize,
    resources: Vec<UsageRow<'a>>,
    totals: Vec<UsageTotal<'a>>,
}

/// An answer of the lists.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) count: usize,
    pub(super) results: Vec<T>,
}

/// `POST /cloud/v1/cost_report/resources`
pub(super) fn cost_resources(account: &Account, now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let query = parse(Report::CostResources, asked)?;
    let rows = matching(account, now, &query);
    let count = rows.len();
    let results = page(rows, query.offset, query.limit).map(CostRow::new).collect();
    to_json(&CostPage { count, price_status: PRICE_STATUS, results })
}

/// `POST /cloud/v1/cost_report/totals`. Each sum is rounded once, so it differs a little from the sum of the rounded
/// resources.
pub(super) fn cost_totals(account: &Account, now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let query = parse(Report::CostTotals, asked)?;
    let mut groups: BTreeMap<_, (i128, Option<i128>)> = BTreeMap::new();
    for (meter, measured) in matching(account, now, &query) {
        let money = (meter.feature.as_deref(), meter.currency(), meter.err(), measured.exact_cost.is_some());
        let (value, cost) = groups.entry((Group::of(meter), money)).or_default();
        *value += measured.value;
        *cost = measured.exact_cost.map(|exact| cost.unwrap_or(0) + exact);
    }
    let results: Vec<CostTotal<'_>> = groups
        .into_iter()
        .map(|((group, (billing_feature_name, currency, err, _)), (value, exact))| {
            let cost = exact.map(|exact| Decimal::cost(rounded_cost(exact)));
            CostTotal { money: Money { billing_feature_name, cost, currency, err }, usage: group.total(value) }
        })
        .collect();
    to_json(&CostPage { count: results.len(), price_status: PRICE_STATUS, results })
}

/// `POST /cloud/v1/usage_report`. Limit and offset apply to the resources; the totals are always complete. Backups have
/// no totals.
pub(super) fn usage(account: &Account, now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let query = parse(Report::Usage, asked)?;
    let rows = matching(account, now, &query);
    let mut groups: BTreeMap<Group<'_>, i128> = BTreeMap::new();
    for (meter, measured) in rows.iter().filter(|(meter, _)| meter.resource_type != "backup") {
        *groups.entry(Group::of(meter)).or_default() += measured.value;
    }
    let totals = groups.into_iter().map(|(group, value)| group.total(value)).collect();
    let count = rows.len();
    let resources = page(rows, query.offset, query.limit).map(UsageRow::new).collect();
    to_json(&UsagePage { count, resources, totals })
}

/// `GET /cloud/v1/projects`
pub(super) fn projects(account: &Account, _now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let mut params = asked.params.check();
    let deleted_too = params.boolean("include_deleted");
    let (limit, offset) = params.paging(100, 1_000);
    params.finish()?;
    let rows: Vec<_> =
        account.simulator.projects().iter().filter(|project| deleted_too || !project.is_deleted()).collect();
    to_json(&List { count: rows.len(), results: page(rows, offset, limit).collect() })
}

/// `GET /cloud/v1/regions`
pub(super) fn regions(account: &Account, _now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let mut params = asked.params.check();
    let (limit, offset) = params.paging(100, 1_000);
    params.finish()?;
    let rows: Vec<_> = account.simulator.regions().iter().collect();
    to_json(&List { count: rows.len(), results: page(rows, offset, limit).collect() })
}

/// The key of a total: region, type, metric, unit, and the type's own field.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    region: u64,
    resource_type: &'a str,
    metric: &'a str,
    unit: &'a str,
    grouping: Option<Grouping>,
}

impl<'a> Group<'a> {
    fn of(meter: &'a Meter) -> Self {
        Self {
            region: meter.region,
            resource_type: meter.resource_type,
            metric: meter.metric,
            unit: meter.unit,
            grouping: meter.details.grouping(),
        }
    }

    fn total(self, value: i128) -> UsageTotal<'a> {
        UsageTotal {
            billing_metric_name: self.metric,
            billing_value: Decimal::value(value, self.unit),
            billing_value_unit: self.unit,
            region: self.region,
            region_id: self.region,
            resource_type: self.resource_type,
            grouping: self.grouping,
        }
    }
}

fn parse(report: Report, asked: &Asked) -> Result<ReportQuery, Refusal> {
    asked.params.check().finish()?;
    ReportQuery::parse(report, &asked.body)
}

/// Every row that passes the filters, in the requested order.
fn matching<'a>(account: &'a Account, now: Timestamp, query: &ReportQuery) -> Vec<(&'a Meter, Measured)> {
    let mut rows: Vec<_> = account
        .simulator
        .measured(&query.period, now)
        .filter(|(meter, _)| query.wants(meter.project, meter.region, meter.resource_type))
        .collect();
    if query.descending {
        rows.sort_by_key(|(meter, _)| std::cmp::Reverse(meter.project));
    }
    rows
}

fn page<T>(rows: Vec<T>, offset: usize, limit: usize) -> impl Iterator<Item = T> {
    rows.into_iter().skip(offset).take(limit)
}
