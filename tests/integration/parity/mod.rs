//! The daemon's rules and the shipped Prometheus rules, on the same course of the same account.

mod course;
mod scrapes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gcore_billing_exporter::alert::rule::Rule;
use gcore_billing_exporter::alert::settings::THRESHOLD;
use jiff::{SignedDuration, Timestamp};

use course::{Daemon, START, TICKS};
use scrapes::{Labels, Said, Scrapes};

use crate::prometheus::shipped_rules;

/// One line of the table: the rules for the same condition, and their differences.
struct Row {
    shipped: &'static str,
    native: &'static str,
    differs: &'static str,
    /// The labels that identify an alert on both sides, if these are not all labels.
    labels: Option<&'static [&'static str]>,
    excuses: &'static [Excuse],
}

/// Why only one side may fire at a tick. Each excuse must occur on the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Excuse {
    /// Prometheus has a `for` and the daemon has none.
    Waits,
    /// Prometheus keeps firing for this number of minutes.
    Keeps(usize),
    /// The daemon keeps the alert's state while this family is missing.
    Holds(&'static str),
}

/// The same alerts with the same labels, which Alertmanager merges.
const fn both(name: &'static str, differs: &'static str) -> Row {
    Row { shipped: name, native: name, differs, labels: None, excuses: &[] }
}

const fn shipped(name: &'static str, differs: &'static str) -> Row {
    Row { native: "", ..both(name, differs) }
}

const fn native(name: &'static str, differs: &'static str) -> Row {
    Row { shipped: "", ..both(name, differs) }
}

/// Every rule of both sides, as in docs/runbooks.md.
const TABLE: &[Row] = &[
    both("GcoreSpendAnomaly", ""),
    shipped(
        "GcoreSpendAboveMedian",
        "This rule uses the median of a week as Prometheus scraped it. The daemon has its own history",
    ),
    both("GcoreSpendToday", "Ends after two readings below nine tenths of the limit. Prometheus ends at the limit"),
    both("GcoreBudgetUsed", "A step stays until the end of the month, even if the budget is raised"),
    Row {
        // For Prometheus the month ends when the next month is read.
        excuses: &[Excuse::Waits, Excuse::Keeps(2)],
        ..both("GcoreBudgetForecast", "Fires without the hour that Prometheus waits, and ends after two readings")
    },
    native("GcoreNewSpend", "This rule needs every known day. Prometheus may have a shorter past, or none"),
    native(
        "GcoreCostUnpriced",
        "This rule covers yesterday, and no metric counts its records. Prometheus has GcoreMonthUnpriced",
    ),
    shipped("GcoreMonthUnpriced", "This rule covers the month to date. The daemon has GcoreCostUnpriced"),
    shipped("GcorePriceStatus", "The daemon shows the status as a metric"),
    Row {
        excuses: &[Excuse::Waits],
        ..both("GcoreCostMismatch", "Fires and ends after two readings. Prometheus waits 30 minutes, then 15")
    },
    both("GcoreCostRevised", ""),
    both("GcoreCommitmentActive", ""),
    Row {
        labels: Some(&["account", "task_type"]),
        excuses: &[Excuse::Holds("gcore_report_tasks{")],
        ..both(
            "GcoreReportTaskFailed",
            "One for each task, with its uuid. Prometheus has one for the newest failure of a type",
        )
    },
    Row {
        labels: Some(&["account", "task_type"]),
        excuses: &[Excuse::Holds("gcore_report_tasks{")],
        ..both("GcoreReportTaskStuck", "One for each task, with its uuid. Prometheus has one for each type")
    },
    Row {
        labels: Some(&["account", "task_type"]),
        excuses: &[Excuse::Holds("gcore_report_tasks{")],
        ..both(
            "GcoreReportTaskErrors",
            "One for each task, with its uuid. Prometheus has one for the newest task of a type",
        )
    },
    both("GcoreSubscriptionExpiring", ""),
    both("GcoreSubscriptionExpired", ""),
    both("GcoreCollectorFailing", ""),
    both(
        "GcoreDataStale",
        "Leaves out the history, which reads long behind the others. Prometheus gives it 30 minutes",
    ),
    both("GcoreKeyRefused", "Ends with the next poll that fails for another reason. Prometheus looks back 3 hours"),
    both("GcoreAccessLost", ""),
    both(
        "GcoreCostsUnreadable",
        "A poll that fails for another reason changes nothing. In Prometheus it restarts the 30 minutes, unless the alert fires already",
    ),
    both("GcoreRateLimited", "Judges the last poll. Prometheus looks back 3 hours while polls fail"),
    both("GcoreSeriesLimit", ""),
    shipped("GcoreSeriesDropped", "This rule covers all other families"),
    both("GcoreStoreNotWritable", ""),
    both("GcoreNotificationsFailing", ""),
    shipped("GcoreStoreDamaged", "The log and the metric show it. The daemon's states of alerts were in that file"),
    shipped("GcoreConfigReloadFailed", "The log and the answer to the reload show it"),
    shipped("GcoreExporterDown", "The daemon cannot report its own absence. See GcoreWatchdog"),
    shipped("GcoreShardMissing", "A shard does not know the others"),
    native("GcoreWatchdog", "With the same labels on both sides, one side would hide that the other is silent"),
    native(THRESHOLD, "The limits are in `[[alerts.threshold]]`. Prometheus does not know that configuration"),
];

fn text_of_the_rules() -> String {
    shipped_rules().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn the_table_has_every_rule_and_is_documented() {
    let text = text_of_the_rules();
    let in_rules: BTreeSet<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let listed = |side: fn(&Row) -> &'static str| {
        let names: Vec<&str> = TABLE.iter().map(side).filter(|name| !name.is_empty()).collect();
        let once: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(once.len(), names.len(), "each once: {names:?}");
        once
    };
    assert_eq!(listed(|row| row.shipped), in_rules);
    let own = Rule::ALL.map(|rule| rule.profile().alertname).into_iter().chain([THRESHOLD]);
    assert_eq!(listed(|row| row.native), own.collect());

    let cell = |name: &str| if name.is_empty() { "none".to_owned() } else { format!("`{name}`") };
    let mut table = "| Prometheus | Daemon | Difference of the daemon's rule |\n|---|---|---|\n".to_owned();
    for Row { shipped, native, differs, .. } in TABLE {
        let differs = if differs.is_empty() { "None" } else { *differs };
        table += &format!("| {} | {} | {differs} |\n", cell(shipped), cell(native));
    }
    let runbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks.md");
    let runbooks = std::fs::read_to_string(runbooks).unwrap();
    assert!(runbooks.contains(&table), "docs/runbooks.md does not have this table:\n{table}");
}

/// The results of both sides on the whole course.
struct Heard {
    native: Vec<BTreeSet<Labels>>,
    shipped: Vec<Said>,
    scrapes: Scrapes,
}

/// The alerts of one pair of rules at each tick.
struct Pair {
    native: Vec<BTreeSet<Labels>>,
    shipped: Vec<BTreeSet<Labels>>,
    pending: Vec<BTreeSet<Labels>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_and_shipped_rules_agree_at_every_tick() {
    let text = text_of_the_rules();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_family = |word: &&str| word.starts_with("gcore_") || word.starts_with("process_") || *word == "up";
    let families: BTreeSet<String> = words.filter(is_family).map(str::to_owned).collect();
    let (mut daemon, mut scrapes, mut native) = (Daemon::start().await, Scrapes::default(), Vec::new());
    for number in 0..TICKS {
        let tick = daemon.tick(number).await;
        scrapes.take(&tick.exposition, &families, START.parse().unwrap());
        native.push(tick.firing);
    }
    let shipped = scrapes.judged(&shipped_rules()).await;
    let heard = Heard { native, shipped, scrapes };
    let faults: Vec<String> = TABLE
        .iter()
        .filter(|row| !row.shipped.is_empty() && !row.native.is_empty())
        .flat_map(|row| heard.compare(row))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

impl Heard {
    /// The disagreements of a row's two rules without an excuse, and the excuses that do not occur.
    fn compare(&self, row: &Row) -> Vec<String> {
        let pair = Pair {
            native: self.native.iter().map(|alerts| keys(row, row.native, alerts)).collect(),
            shipped: self.shipped.iter().map(|said| keys(row, row.shipped, &said.firing)).collect(),
            pending: self.shipped.iter().map(|said| keys(row, row.shipped, &said.pending)).collect(),
        };
        let (mut faults, mut used) = (BTreeMap::new(), BTreeSet::new());
        for tick in 0..TICKS {
            for key in pair.native[tick].symmetric_difference(&pair.shipped[tick]) {
                let excuse = row.excuses.iter().find(|excuse| self.excuses(**excuse, &pair, key, tick));
                if let Some(excuse) = excuse {
                    used.insert(*excuse);
                } else {
                    let who = if pair.native[tick].contains(key) { row.native } else { "only Prometheus'" };
                    let span = faults.entry((who, key.clone())).or_insert((tick, 0));
                    span.1 += 1;
                }
            }
        }
        let mut told: Vec<String> = faults
            .into_iter()
            .map(|((who, key), (first, ticks))| {
                let at = START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(i64::try_from(first).unwrap());
                format!("{}: {who} fires alone for {ticks} ticks, first at {at}: {key:?}", row.shipped)
            })
            .collect();
        let unused = row.excuses.iter().filter(|excuse| !used.contains(*excuse));
        told.extend(unused.map(|excuse| format!("{}: {excuse:?} excuses nothing", row.shipped)));
        for (side, keys) in [("Prometheus'", &pair.shipped), ("the daemon's", &pair.native)] {
            if keys.iter().all(BTreeSet::is_empty) {
                told.push(format!("{}: {side} never fires", row.shipped));
            }
        }
        told
    }

    fn excuses(&self, excuse: Excuse, pair: &Pair, key: &Labels, tick: usize) -> bool {
        let is_native = pair.native[tick].contains(key);
        let recently = |side: &[BTreeSet<Labels>], ticks: usize| {
            side[tick.saturating_sub(ticks)..tick].iter().any(|keys| keys.contains(key))
        };
        match excuse {
            Excuse::Waits => is_native && pair.pending[tick].contains(key),
            Excuse::Keeps(minutes) => !is_native && recently(&pair.native, minutes),
            Excuse::Holds(family) => is_native && recently(&pair.native, 1) && !self.scrapes.has(family, tick),
        }
    }
}

/// The alerts of a rule, by the labels that identify them on both sides.
fn keys(row: &Row, name: &str, alerts: &BTreeSet<Labels>) -> BTreeSet<Labels> {
    let key = |labels: &Labels| -> Labels {
        let counts = |label: &String| row.labels.is_none_or(|labels| labels.contains(&label.as_str()));
        labels.iter().filter(|(label, _)| counts(label)).map(|(label, text)| (label.clone(), text.clone())).collect()
    };
    alerts.iter().filter(|labels| labels["alertname"] == name).map(key).collect()
}
