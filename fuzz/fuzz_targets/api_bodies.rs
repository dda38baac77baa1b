//! Bodies of the Gcore API: of each list and report, from the bytes of its pages to records and their sums.
//!
//! The first byte chooses the list. A line of `---` separates pages.
#![no_main]

use std::collections::BTreeMap;

use gcore_api::billing::names::{Project, Region};
use gcore_api::billing::report_task::ReportTask;
use gcore_api::billing::resource::{ProjectId, RegionId};
use gcore_api::billing::subscription::Subscription;
use gcore_api::endpoints::pagination::Listing;
use gcore_api::endpoints::{cost_report, cost_totals, names, report_tasks, reservations, subscriptions, usage_report};
use gcore_api::http::client::Client;
use gcore_api::http::error::Error;
use gcore_billing_exporter::aggregate::cost::CostTotals;
use gcore_billing_exporter::aggregate::detailed_totals::DetailedTotals;
use gcore_billing_exporter::aggregate::report_tasks::ReportTaskTotals;
use gcore_billing_exporter::aggregate::usage::UsageTotals;
use gcore_billing_fuzz::{Api, deadline, noon, runtime, yesterday};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

thread_local! {
    static SITE: (Runtime, Api) = {
        let runtime = runtime();
        let api = Api::start(&runtime);
        (runtime, api)
    };
}

/// Reads a list. Returns the number of its rows.
async fn read(client: &Client, list: u8) -> Result<u64, Error> {
    fn rows<F>(listing: Listing<F>) -> u64 {
        listing.rows
    }
    let (period, until) = (yesterday(), deadline());
    Ok(match list {
        b'a' => rows(cost_report::read::<CostTotals>(client, period, None, until).await?),
        b'b' => {
            let empty = || DetailedTotals::new(&["env".into()], 2);
            let listing = cost_report::read_detailed(client, period, until, empty).await?;
            std::hint::black_box(listing.data.finish());
            listing.rows
        }
        b'c' => rows(cost_totals::read(client, period, None, until).await?),
        b'd' => rows(usage_report::read::<UsageTotals>(client, period, until).await?),
        b'e' => rows(usage_report::read_metered::<UsageTotals>(client, period, until).await?),
        b'f' => rows(names::projects::<BTreeMap<ProjectId, Project>>(client, until).await?),
        b'g' => rows(names::regions::<BTreeMap<RegionId, Region>>(client, until).await?),
        b'h' => {
            let listing = report_tasks::read::<Vec<ReportTask>>(client, noon(), until).await?;
            let mut totals = ReportTaskTotals::default();
            listing.data.iter().for_each(|task| totals.add(task));
            listing.rows
        }
        b'i' => rows(subscriptions::read::<Vec<Subscription>>(client, until).await?),
        b'j' => rows(reservations::commitments(client, period, until).await?),
        _ => rows(reservations::month_totals(client, period.first(), until).await?),
    })
}

fuzz_target!(|input: &[u8]| {
    let Some((list, text)) = input.split_first() else { return };
    let mut pages = vec![Vec::new()];
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line == b"---\n" {
            pages.push(Vec::new());
        } else if let Some(page) = pages.last_mut() {
            page.extend_from_slice(line);
        }
    }
    SITE.with(|(runtime, api)| {
        api.set_pages(pages);
        if let Ok(rows) = runtime.block_on(read(&api.client, *list)) {
            // A list with more rows than bytes was made up.
            assert!(rows <= text.len() as u64, "{rows} rows");
        }
    });
});
