//! `alerts`: lists the alerts of a running daemon, with filters, the gravest first.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alert::{Labels, Status, severity_rank};
use crate::escaping::escaped_lines;
use crate::insights::wording;
use crate::shard::Shard;

use super::access::{Access, alerts_url, without_user};
use super::exit::ExitCode;
use super::screen;
use super::screen::Screen;
use super::table::{Cell, Table};

/// The timeout for the daemon's answer.
const PATIENCE: Duration = Duration::from_secs(10);

const HEAD: [&str; 4] = ["SEVERITY", "STATE", "ALERT", "SINCE"];

/// The filters and the format of the list.
#[derive(Args, Debug)]
pub(super) struct ListFlags {
    /// Print JSON in the form of /api/v1/alerts
    #[arg(long)]
    json: bool,
    /// List only this severity; may be repeated
    #[arg(long = "severity", value_name = "SEVERITY")]
    severities: Vec<String>,
    /// List only alerts with this name, such as GcoreBudgetUsed; may be repeated
    #[arg(long = "name", value_name = "ALERTNAME")]
    names: Vec<String>,
    /// List only alerts with this label, such as account=main or severity!=info; may be repeated, all must match
    #[arg(value_name = "LABEL=VALUE", value_parser = matcher)]
    matchers: Vec<Matcher>,
}

/// A condition on a label. A missing label is empty, as in Alertmanager.
#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    value: String,
    is_negated: bool,
}

/// The daemon's answer.
#[derive(Deserialize, Serialize)]
struct Listed {
    judged: bool,
    shard: Option<String>,
    alerts: Vec<Value>,
}

/// The shown parts of an alert.
#[derive(Deserialize)]
struct Shown {
    state: Status,
    starts_at: Timestamp,
    labels: Labels,
    annotations: Labels,
}

/// Prints the alerts of a running daemon.
pub(super) async fn list(url: &str, access: &Access, flags: &ListFlags, screen: Screen) -> anyhow::Result<ExitCode> {
    let mut whole = alerts_url(url)?;
    whole.set_path(&format!("{}/api/v1/alerts", whole.path().trim_end_matches('/')));
    let page = without_user(&whole);
    let asking = || format!("cannot ask {page}; --alerts.url says where the daemon is");
    let response = access.request(whole)?.timeout(PATIENCE).send().await.with_context(asking)?;
    let response = response.error_for_status().with_context(asking)?;
    let body = response.bytes().await.with_context(asking)?;
    let reading = || format!("{page} does not answer as this version does; is that the daemon?");
    let Listed { judged, shard, alerts } = serde_json::from_slice(&body).with_context(reading)?;
    let mut chosen = Vec::new();
    for alert in alerts {
        let shown = Shown::deserialize(&alert).with_context(reading)?;
        if flags.choose(&shown.labels) {
            chosen.push((shown, alert));
        }
    }
    chosen.sort_by(|(one, _), (other, _)| one.rank().cmp(&other.rank()));
    let text = if flags.json {
        let alerts = chosen.into_iter().map(|(_, alert)| alert).collect();
        escaped_lines(&(serde_json::to_string_pretty(&Listed { judged, shard, alerts })? + "\n"))
    } else if !judged {
        unjudged(shard.as_deref())
    } else if chosen.is_empty() {
        "no alerts\n".to_owned()
    } else {
        table(chosen.iter().map(|(shown, _)| shown)).text(screen)
    };
    screen::print(&text);
    Ok(if judged { ExitCode::Success } else { ExitCode::Incomplete })
}

/// The text of a daemon that has judged nothing, which gives its shard as `2/3`.
fn unjudged(shard: Option<&str>) -> String {
    match shard.and_then(|shard| shard.parse::<Shard>().ok()).filter(|shard| !shard.is_first()) {
        Some(shard) => format!("this is shard {shard}; the first shard has the alerts\n"),
        None => "the daemon has not judged yet\n".to_owned(),
    }
}

impl ListFlags {
    /// Whether no filter and no format is set.
    pub(super) fn are_unset(&self) -> bool {
        !self.json && self.severities.is_empty() && self.names.is_empty() && self.matchers.is_empty()
    }

    fn choose(&self, labels: &Labels) -> bool {
        let text = |label: &str| labels.get(label).map_or("", |text| text.as_str());
        let is_among = |list: &[String], label| list.is_empty() || list.iter().any(|wanted| wanted == text(label));
        is_among(&self.severities, "severity")
            && is_among(&self.names, "alertname")
            && self.matchers.iter().all(|matcher| (text(&matcher.label) == matcher.value) != matcher.is_negated)
    }
}

impl Shown {
    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", |text| text.as_str())
    }

    /// The sort key: resolved alerts last, then by severity_rank.
    fn rank(&self) -> (bool, u8, &str, &str, Timestamp) {
        let (severity, name) = (self.label("severity"), self.label("alertname"));
        (self.state == Status::Resolved, severity_rank(severity), severity, name, self.starts_at)
    }

    fn cells(&self) -> [Cell; 4] {
        let since = wording::instant(self.starts_at);
        let severity = self.label("severity");
        [
            Cell::styled(severity, screen::of_severity(severity)),
            Cell::styled(self.state.as_str(), screen::of_state(self.state)),
            Cell::new(self.label("alertname")),
            Cell::new(&since),
        ]
    }
}

/// A row for each alert. Below it the texts and the other labels.
fn table<'a>(alerts: impl Iterator<Item = &'a Shown>) -> Table<4> {
    let mut table = Table::new(0, HEAD);
    for alert in alerts {
        let labels = alert.labels.iter().filter(|(name, _)| !["alertname", "severity"].contains(&name.as_str()));
        let labels = labels.map(|(name, text)| format!("{name}=\"{text}\"")).collect::<Vec<_>>().join(" ");
        let summary = alert.annotations.get("summary").map_or("", |text| text.as_str());
        let below = [summary.to_owned(), labels].into_iter().filter(|part| !part.is_empty());
        table.row(alert.cells(), below);
    }
    table
}

fn matcher(text: &str) -> Result<Matcher, String> {
    let parts = text.split_once('=').map(|(label, value)| match label.strip_suffix('!') {
        Some(label) => (label, value, true),
        None => (label, value, false),
    });
    let is_name = |label: &str| label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match parts {
        Some((label, value, is_negated)) if !label.is_empty() && is_name(label) && !value.starts_with('~') => {
            let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            Ok(Matcher { label: label.to_owned(), value: bare.to_owned(), is_negated })
        }
        _ => {
            Err("expected LABEL=VALUE or LABEL!=VALUE, such as account=main, without regular expressions; or first of \
                  all one of the commands test and dead-letters"
                .to_owned())
        }
    }
}
