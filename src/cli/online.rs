//! `check-config --online`: what each key may read, as a table for people.

use std::io;

use crate::app::online;
use crate::app::online::{Account, Finding, Naming, Seen};
use crate::clock::Clock;
use crate::config::Config;
use crate::gcore::endpoint::Endpoint;
use crate::gcore::error::Reason;
use crate::snapshot::Collector;

use super::exit::ExitCode;
use super::say;

const HEAD: [&str; 6] = ["collector", "reachable", "allowed", "rows", "newest data", "hint"];
/// The one column of numbers.
const ROWS: usize = 3;

/// Asks the API, prints what came of it, and says how it went.
pub(super) async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let accounts = online::check(config, &Clock::system()).await?;
    let findings = || accounts.iter().flat_map(|account| account.findings.iter().map(move |one| (account, one)));
    for (account, finding) in findings() {
        if let Err(error) = &finding.outcome {
            tracing::warn!(account = account.name.as_str(), reason = error.reason.as_str(), %error, "cannot read");
        }
    }
    let (verdict, code) = if findings().all(|(_, finding)| finding.outcome.is_ok()) {
        ("Everything that is enabled can be read.", ExitCode::Success)
    } else if findings().all(|(_, finding)| finding.is_fine()) {
        ("What cannot be read is closed to most keys; the daemon does its other work without it.", ExitCode::Success)
    } else {
        ("Not everything that is enabled can be read; the hints say what to do.", ExitCode::Incomplete)
    };
    let tables: String = accounts.iter().map(|account| format!("\n{}", table(account))).collect();
    say(&mut io::stdout(), &format!("{tables}\n{verdict}\n"));
    Ok(code)
}

/// The findings of an account, aligned.
fn table(account: &Account) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(account.findings.iter().map(|finding| line(finding, account)));
    let mut widths = [0; HEAD.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = format!("{} at {}\n", account.name, account.api_url.trim_end_matches('/'));
    for line in &lines {
        let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            ROWS => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        text += &format!("  {}", cells.collect::<Vec<_>>().join("  "));
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn line(finding: &Finding, account: &Account) -> [String; 6] {
    let collector = match finding.endpoint {
        Endpoint::Projects | Endpoint::Regions => {
            format!("{} ({})", finding.collector.as_str(), finding.endpoint.as_str())
        }
        Endpoint::ReservationCostReportTotals => format!("{} (month)", finding.collector.as_str()),
        _ => finding.collector.as_str().to_owned(),
    };
    let unknown = || "-".to_owned();
    match &finding.outcome {
        Ok(seen) => {
            let newest = seen.newest.map_or_else(unknown, |newest| format!("{newest:.0}"));
            let hint = remarks(finding.endpoint, seen, account);
            [collector, "yes".into(), "yes".into(), seen.rows.to_string(), newest, hint]
        }
        Err(error) => {
            let reachable = !matches!(error.reason, Reason::Connect | Reason::Tls | Reason::Timeout | Reason::Late);
            let allowed = if error.reason.concerns_the_key() { "no" } else { "-" };
            let reachable = if reachable { "yes" } else { "no" };
            [collector, reachable.into(), allowed.into(), unknown(), unknown(), advice(finding.collector, error.reason)]
        }
    }
}

/// What is worth saying about an answer.
fn remarks(endpoint: Endpoint, seen: &Seen, account: &Account) -> String {
    let rejected = match seen.rejected {
        0 => String::new(),
        rejected => format!("{rejected} of the rows looked at cannot be read"),
    };
    let told = match endpoint {
        Endpoint::CostReportResources if seen.price_status.as_deref() == Some("hide") => {
            "the API hides prices from this key: give it a role that may see them".into()
        }
        Endpoint::CostReportResources if seen.price_status.as_deref() == Some("error") => {
            "the API says that some prices could not be worked out (price_status error)".into()
        }
        Endpoint::CostReportResources | Endpoint::UsageReport if seen.rows == 0 => {
            "nothing for yesterday; a key sees only the projects that its role covers".into()
        }
        Endpoint::Reservations if seen.commitments > 0 => format!(
            "{} running: pay-as-you-go costs overstate what is paid, gcore_commit_month_amount does not",
            seen.commitments
        ),
        Endpoint::Reservations => "no commitment runs now, so gcore_plan_has_commits is 0".into(),
        Endpoint::Reports if seen.rows == 0 => "no task within the look-back".into(),
        Endpoint::Projects => covered("projects", account.projects),
        Endpoint::Regions => covered("regions", account.regions),
        _ => String::new(),
    };
    [rejected, told].into_iter().filter(|remark| !remark.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Whether what the cost report numbers has a name.
fn covered(what: &str, naming: Option<Naming>) -> String {
    match naming {
        Some(Naming { billed, nameless: 0 }) if billed > 0 => {
            format!("all {billed} {what} seen in the cost report have a name")
        }
        Some(Naming { billed, nameless }) if nameless > 0 => {
            format!("{nameless} of {billed} {what} seen in the cost report have no name; numbers stand in for them")
        }
        _ => String::new(),
    }
}

/// What to do about a refusal.
fn advice(collector: Collector, reason: Reason) -> String {
    let advice = match reason {
        Reason::Unauthorized => {
            "the key is wrong, expired or cut short: a `$` is eaten by shells, env files and compose files, so put the \
             key in single quotes or use api_key_file"
        }
        Reason::Unsupported => return unsupported(collector),
        Reason::RateLimited => "the API limits the rate: try later, or lower max_requests_per_second",
        Reason::Timeout | Reason::Late => {
            "no answer in time: try again, or raise request_timeout; is a firewall in between?"
        }
        Reason::Connect => "no connection: check api_url, the name's resolution, the firewall and HTTPS_PROXY",
        Reason::Tls => {
            "the server's certificate is not trusted: name a private authority by ca_file, and check the host in \
             api_url and the clock"
        }
        Reason::Redirect => "redirected elsewhere, where the key does not go: correct api_url",
        Reason::BadRequest => "the API does not take the request: check projects, regions and types of the account",
        Reason::ServerError => "the API is out of order: try later",
        Reason::BadBody | Reason::Inconsistent => {
            "the answer is not what the API gives: is there a proxy or a login page at api_url?"
        }
    };
    advice.into()
}

fn unsupported(collector: Collector) -> String {
    let name = collector.as_str();
    match collector {
        Collector::Reports | Collector::Subscriptions => format!(
            "this key may not read billing: reports and subscriptions are reseller endpoints; set enabled = false in \
             [collect.{name}], or ask for a role that may"
        ),
        Collector::Commitments => format!(
            "this key may not read commitments, which only a Client Administrator may: ask for that role, or set \
             enabled = false in [collect.{name}]"
        ),
        Collector::Cost | Collector::Usage | Collector::Names | Collector::History => format!(
            "this key may not read it: ask for a role in the cloud, such as Client Administrator, or set enabled = \
             false in [collect.{name}]; is api_url right?"
        ),
    }
}
