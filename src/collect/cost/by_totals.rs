//! Reads costs by the totals of each project.

use futures_util::future::try_join_all;

use crate::aggregate::cost::{CostTotals, differences, is_between};
use gcore_api::billing::period::{Period, utc_date};
use gcore_api::billing::record::{CostTotal, Fold as _, Price};
use gcore_api::billing::resource::ProjectId;
use gcore_api::endpoints::cost_report;
use gcore_api::endpoints::cost_totals;
use gcore_api::endpoints::pagination::{Listing, worse};
use gcore_api::http::client::Client;
use gcore_api::http::endpoint::Endpoint;
use gcore_api::http::error::{Error, Reason};

use super::super::poll::Poll;

/// Reads the totals of every project. `None` when they do not add up to the account's totals, and resources must be
/// read.
///
/// - A project with an unpriced or faulty line is read by its resources. Missing rows show in the difference. A project
///   without any row is not accepted.
/// - The sum of all projects must lie between the account's totals before and after, within the API's rounding of each
///   line. Otherwise a project without a name would be lost silently. There are two totals because a running day grows
///   while it is read.
pub(super) async fn read(
    client: &Client,
    period: Period,
    projects: &[ProjectId],
    poll: &Poll<'_>,
) -> Result<Option<CostTotals>, Error> {
    let deadline = poll.deadline;
    let before = cost_totals::read(client, period, None, deadline).await?;
    let lines_of = |&project: &ProjectId| async move {
        let listing = cost_totals::read(client, period, Some(project), deadline).await?;
        poll.reject(&listing.rejected);
        Ok::<_, Error>((project, listing))
    };
    let by_project = match try_join_all(projects.iter().map(lines_of)).await {
        Ok(by_project) => by_project,
        // A project that this key may not read alone may still be in the account's report.
        Err(error) if matches!(error.reason, Reason::Unsupported | Reason::BadRequest) => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_running = period.end() > utc_date(client.now());
    let after = if is_running { cost_totals::read(client, period, None, deadline).await? } else { before.clone() };

    let mut totals = CostTotals { price_status: after.price_status, ..CostTotals::default() };
    let mut lines = 0;
    for (project, Listing { data: priced, .. }) in &by_project {
        lines += priced.len() as u64;
        for line in priced {
            if totals.add_line(*project, line).is_err() {
                return Ok(None);
            }
        }
    }
    if !is_between(&totals, lines, &before.data, &after.data) {
        return Ok(None);
    }
    let unclear: Vec<(ProjectId, u64)> = by_project
        .iter()
        .filter(|(_, lines)| lines.data.iter().any(is_unclear))
        .map(|(project, lines)| (*project, lines.data.len() as u64))
        .collect();
    for (project, its_lines) in unclear {
        totals.amounts.remove(project);
        let listing = cost_report::read::<CostTotals>(client, period, Some(project), deadline).await?;
        // The project's totals have lines, so it has resources. A report without rows is wrong.
        if listing.rows == 0 {
            return Ok(None);
        }
        poll.reject(&listing.rejected);
        totals.price_status = worse(totals.price_status.take(), listing.price_status);
        lines = lines - its_lines + listing.rows;
        if totals.merge(listing.data).is_err() {
            return Ok(None);
        }
    }
    // The differences are computed last, because they must match the published sums.
    totals.differences = differences(&totals, lines, &after.data);
    // Records of some projects do not show how far all data reach.
    totals.data_through = None;
    totals.share = client.hold(Endpoint::CostReportTotals, totals.weight())?;
    Ok(Some(totals))
}

fn is_unclear(line: &CostTotal) -> bool {
    line.has_error || matches!(line.price, Price::Unknown(_))
}
