//! `check-config --online`: the access of each key, as a table.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::app::probe;
use crate::app::probe::{Account, Finding, Naming, Seen};
use crate::config::Config;
use crate::escaping::escaped;
use crate::snapshot::Collector;
use common::clock::Clock;
use common::wording::counted;
use gcore_api::http::endpoint::Endpoint;
use gcore_api::http::error::Reason;

use super::exit::ExitCode;
use super::progress::Progress;
use super::screen;
use super::screen::Screen;
use super::table::{Cell, Table};

const HEAD: [&str; 6] = ["collector", "reachable", "allowed", "rows", "newest data", "hint"];
/// The index of the only column with numbers.
const ROWS: usize = 3;
const HINT: usize = 5;

/// The message if every answer is 404.
const ELSEWHERE: &str = "every answer is 404, so nothing of the API is at api_url: https://api.gcore.com is right, unless \
    a proxy of your own stands before it";

/// Probes the API and prints the findings.
pub(super) async fn check(config: &Config, screen: Screen) -> anyhow::Result<ExitCode> {
    let progress = Progress::new("collectors probed");
    let accounts = probe::check(config, &Clock::system(), &|done, all| progress.step(done, all)).await?;
    drop(progress);
    let findings = || accounts.iter().flat_map(|account| account.findings.iter().map(move |one| (account, one)));
    accounts.iter().for_each(log);
    let (verdict, code) = if findings().all(|(_, finding)| finding.outcome.is_ok()) {
        ("Everything that is enabled can be read.", ExitCode::Success)
    } else if findings().all(|(_, finding)| finding.is_fine()) {
        ("What cannot be read is closed to most keys; the daemon does its other work without it.", ExitCode::Success)
    } else {
        ("Not everything that is enabled can be read; the hints say what to do.", ExitCode::Incomplete)
    };
    let tables: String = accounts.iter().map(|account| format!("\n{}", table(account, screen))).collect();
    screen::print(&format!("{tables}\n{verdict}\n"));
    Ok(code)
}

/// Logs the errors, each text once.
fn log(account: &Account) {
    let mut stories: BTreeMap<(Reason, &str), Vec<&str>> = BTreeMap::new();
    for finding in &account.findings {
        if let Err(error) = &finding.outcome {
            stories.entry((error.reason, &error.detail)).or_default().push(finding.endpoint.as_str());
        }
    }
    for ((reason, error), endpoints) in stories {
        let (account, endpoints) = (account.name.as_str(), endpoints.join(", "));
        tracing::warn!(account, endpoints, reason = reason.as_str(), error, "cannot read");
    }
}

/// The findings of an account as a table. Equal advice appears once.
fn table(account: &Account, screen: Screen) -> String {
    let mut table = Table::new(2, HEAD).right(ROWS);
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for finding in &account.findings {
        let mut line = line(finding, account);
        if finding.outcome.is_err() {
            match given.entry(std::mem::take(&mut line[HINT])) {
                Entry::Occupied(before) => line[HINT] = format!("as for {}", before.get()),
                Entry::Vacant(new) => {
                    line[HINT] = new.key().clone();
                    new.insert(line[0].clone());
                }
            }
        }
        let mut cells = line.map(|text| match text.as_str() {
            "yes" => Cell::styled(&text, screen::GOOD),
            "no" => Cell::styled(&text, screen::BAD),
            _ => Cell::new(&text),
        });
        cells[ROWS] = std::mem::take(&mut cells[ROWS]).right();
        table.row(cells, []);
    }
    let title = format!("{} at {}", account.name, account.api_url.trim_end_matches('/'));
    format!("{}\n{}", escaped(&title), table.text(screen))
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
            let is_away =
                matches!(error.reason, Reason::Connect | Reason::Proxy | Reason::Tls | Reason::Timeout | Reason::Late);
            let reachable = if is_away { "no" } else { "yes" };
            let (allowed, hint) = match error.reason {
                _ if account.is_elsewhere() => ("-", ELSEWHERE.to_owned()),
                reason if reason.concerns_the_key() => ("no", advice(finding.collector, reason)),
                reason => ("-", advice(finding.collector, reason)),
            };
            [collector, reachable.into(), allowed.into(), unknown(), unknown(), hint]
        }
    }
}

/// Remarks on an answer.
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
        Endpoint::Projects => covered("project", account.projects),
        Endpoint::Regions => covered("region", account.regions),
        _ => String::new(),
    };
    [rejected, told].into_iter().filter(|remark| !remark.is_empty()).collect::<Vec<_>>().join("; ")
}

/// A remark on the ids of the cost report without a name.
fn covered(what: &str, naming: Option<Naming>) -> String {
    match naming {
        Some(Naming { billed: 1, nameless: 0 }) => format!("the one {what} seen in the cost report has a name"),
        Some(Naming { billed, nameless: 0 }) if billed > 0 => {
            format!("all {} seen in the cost report have a name", counted(billed as u64, what))
        }
        Some(Naming { billed, nameless }) if nameless > 0 => {
            let (have, stand) = if nameless == 1 { ("has", "its number stands") } else { ("have", "numbers stand") };
            let billed = counted(billed as u64, what);
            format!("{nameless} of {billed} seen in the cost report {have} no name; {stand} in")
        }
        _ => String::new(),
    }
}

/// The advice for a refusal.
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
        Reason::Proxy => {
            "the proxy asks for a user name and a password (407): put them into its variable, as in \
             HTTPS_PROXY=http://user:password@proxy.example:3128"
        }
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
    let advice = match collector {
        Collector::Reports | Collector::Subscriptions => {
            "this key may not read billing: reports and subscriptions are reseller endpoints; set enabled = false in the \
             collector's table, or ask for a role that may"
        }
        Collector::Commitments => {
            "this key may not read commitments, which only a Client Administrator may: ask for that role, or set \
             enabled = false in [collect.commitments]"
        }
        Collector::Cost | Collector::Usage | Collector::Names | Collector::History => {
            "this key may not read it: ask for a role in the cloud, such as Client Administrator, or set enabled = \
             false in the collector's table; is api_url right?"
        }
    };
    advice.into()
}
