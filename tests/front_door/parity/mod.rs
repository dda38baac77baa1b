//! The daemon's own rules and the shipped ones of Prometheus, on the same course of the same account.

mod course;
mod scrapes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gcore_billing_exporter::alert::rule::Rule;
use gcore_billing_exporter::alert::settings::THRESHOLD;
use jiff::{SignedDuration, Timestamp};

use course::{Daemon, START, TICKS};
use scrapes::{Labels, Said, Scrapes};

/// One line of the table: what tells of the same, and where the two differ.
struct Row {
    shipped: &'static str,
    native: &'static str,
    differs: &'static str,
    /// The labels by which both sides tell the same alerts apart; none where there is only one side.
    labels: &'static [&'static str],
    excuses: &'static [Excuse],
}

/// Why one side may fire at a tick and the other not. Each comes true on the course, or it would excuse nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Excuse {
    /// Prometheus has a `for` that the daemon has not.
    Waits,
    /// Prometheus goes on for so many minutes.
    Keeps(usize),
    /// The daemon needs so many minutes to believe an end.
    Lingers(usize),
    /// The daemon holds what it told before while this family is not there.
    Holds(&'static str),
    /// The daemon goes on where a budget is used up.
    UsedUp,
}

const fn both(name: &'static str, labels: &'static [&'static str], differs: &'static str) -> Row {
    Row { shipped: name, native: name, differs, labels, excuses: &[] }
}

const fn shipped(name: &'static str, differs: &'static str) -> Row {
    Row { shipped: name, native: "", differs, labels: &[], excuses: &[] }
}

const fn native(name: &'static str, differs: &'static str) -> Row {
    Row { shipped: "", native: name, differs, labels: &[], excuses: &[] }
}

/// Every rule of either side. docs/runbooks.md shows it.
const TABLE: &[Row] = &[
    Row {
        shipped: "GcoreSpendAnomaly",
        native: "GcoreSpendSpike",
        ..both(
            "",
            &["account", "currency", "project_id", "region_id", "resource_type"],
            "Each cause is told once: a project, a type or the whole account instead of the groups that it explains. \
             `critical` from twice the expectation",
        )
    },
    shipped(
        "GcoreSpendSpike",
        "Takes the median of what Prometheus has seen of a week; the daemon has its own history",
    ),
    native("GcoreSpendToday", "Prometheus does not know a full day's usual cost before the day is over"),
    Row {
        excuses: &[Excuse::Keeps(30)],
        ..both(
            "GcoreBudgetUsed",
            &["account", "budget", "currency", "step"],
            "A step (label `step`) at 50, 80, 100 and 120 %, each told once a month and standing until the month is over; \
             Prometheus has 80 and 100 % as severities, and keeps one for 30 minutes",
        )
    },
    Row {
        excuses: &[Excuse::Waits, Excuse::UsedUp],
        ..both(
            "GcoreBudgetForecast",
            &["account", "budget", "currency"],
            "Without the hour that Prometheus waits, and on until the month is over where the budget is used up: an end \
             would sound like good news",
        )
    },
    native("GcoreNewSpend", "Needs the whole history"),
    native("GcoreCostUnpriced", "`gcore_cost_unpriced_records` is there for a rule of your own"),
    Row {
        excuses: &[Excuse::Waits, Excuse::Lingers(15)],
        ..both(
            "GcoreCostMismatch",
            &["account", "currency", "window"],
            "Only of windows that have settled, after two readings, and over after two; Prometheus judges what has ended, \
             and waits 2 hours",
        )
    },
    Row {
        excuses: &[Excuse::Waits],
        ..both(
            "GcoreCostRevised",
            &["account", "currency"],
            "Of an account and currency, by all that was moved, without the hour that Prometheus waits; Prometheus takes a \
             project's balance, and 1 % of the month before as a floor",
        )
    },
    native("GcoreCommitmentActive", "`gcore_plan_has_commits` is there for a rule of your own"),
    Row {
        excuses: &[Excuse::Holds("gcore_report_tasks{")],
        ..both("GcoreReportTaskFailed", &["account", "task_type"], "One for each task, with its uuid")
    },
    Row {
        excuses: &[Excuse::Holds("gcore_report_tasks{")],
        ..both("GcoreReportTaskStuck", &["account", "task_type"], "One for each task, with its uuid")
    },
    native("GcoreReportTaskErrors", "`gcore_report_task_notes` is there for a rule of your own"),
    both(
        "GcoreSubscriptionExpiring",
        &["account", "subscription_id", "severity"],
        "A step of one day as well (label `days`), each instead of the one before",
    ),
    native("GcoreSubscriptionExpired", "For a week; Prometheus has the step before alone"),
    both("GcoreCollectorFailing", &["account", "collector"], ""),
    both(
        "GcoreDataStale",
        &["account", "collector"],
        "Leaves out the history, which reads for long behind the others; Prometheus gives it 30 minutes",
    ),
    both(
        "GcoreKeyRefused",
        &["account"],
        "Over with the next poll that fails for another reason; Prometheus looks back 3 hours",
    ),
    native(
        "GcoreAccessLost",
        "Prometheus would need to remember what was readable; `gcore_collector_access_lost` is there for a rule of your own",
    ),
    native(
        "GcoreCostsUnreadable",
        "Holds while polls fail for another reason; `gcore_collector_supported` is there for a rule of your own",
    ),
    native("GcoreRateLimited", "GcoreCollectorFailing tells it too, later"),
    native("GcoreSeriesLimit", "`gcore_series_dropped` is there for a rule of your own"),
    both("GcoreStoreNotWritable", &[], ""),
    both("GcoreNotificationsFailing", &["channel"], ""),
    shipped("GcoreStoreDamaged", "The log and the metric tell; what the daemon knew of its alerts was in that file"),
    shipped("GcoreExporterDown", "The one thing that the daemon cannot say of itself; see GcoreWatchdog"),
    native("GcoreWatchdog", "Prometheus would need one of its own"),
    native(THRESHOLD, "Yours, by `[[alerts.threshold]]`"),
];

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/rules.yml")
}

#[test]
fn the_table_has_every_rule_and_is_documented() {
    let text = std::fs::read_to_string(rules()).unwrap();
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
    let mut table = "| Prometheus | Daemon | Where the daemon's differs |\n|---|---|---|\n".to_owned();
    for Row { shipped, native, differs, .. } in TABLE {
        let differs = if differs.is_empty() { "Nowhere" } else { *differs };
        table += &format!("| {} | {} | {differs} |\n", cell(shipped), cell(native));
    }
    let runbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks.md");
    let runbooks = std::fs::read_to_string(runbooks).unwrap();
    assert!(runbooks.contains(&table), "docs/runbooks.md does not have this table:\n{table}");
}

/// What both sides have said on the whole course.
struct Heard {
    native: Vec<BTreeSet<Labels>>,
    shipped: Vec<Said>,
    scrapes: Scrapes,
}

/// The keys of one pair at each tick.
struct Pair {
    native: Vec<BTreeSet<Labels>>,
    shipped: Vec<BTreeSet<Labels>>,
    pending: Vec<BTreeSet<Labels>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_and_shipped_rules_agree_at_every_tick() {
    let text = std::fs::read_to_string(rules()).unwrap();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_family = |word: &&str| word.starts_with("gcore_") || word.starts_with("process_") || *word == "up";
    let families: BTreeSet<String> = words.filter(is_family).map(str::to_owned).collect();
    let (mut daemon, mut scrapes, mut native) = (Daemon::start().await, Scrapes::default(), Vec::new());
    for number in 0..TICKS {
        let tick = daemon.tick(number).await;
        scrapes.take(&tick.exposition, &families, START.parse().unwrap());
        native.push(tick.firing);
    }
    let shipped = scrapes.judged(&rules()).await;
    let heard = Heard { native, shipped, scrapes };
    let faults: Vec<String> = TABLE
        .iter()
        .filter(|row| !row.shipped.is_empty() && !row.native.is_empty())
        .flat_map(|row| heard.compare(row))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

impl Heard {
    /// Where the two rules of a row disagree without an excuse, and what the course does not show of them.
    fn compare(&self, row: &Row) -> Vec<String> {
        let keys =
            |side: &dyn Fn(usize) -> BTreeSet<Labels>| -> Vec<BTreeSet<Labels>> { (0..TICKS).map(side).collect() };
        let pair = Pair {
            native: keys(&|tick| of_native(row, &self.native[tick])),
            shipped: keys(&|tick| of_shipped(row, &self.shipped[tick].firing)),
            pending: keys(&|tick| of_shipped(row, &self.shipped[tick].pending)),
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
            Excuse::Lingers(minutes) => is_native && recently(&pair.shipped, minutes),
            Excuse::Holds(family) => {
                is_native && recently(&pair.native, 1) && self.scrapes.value(family, "", tick).is_none()
            }
            Excuse::UsedUp => {
                let label = format!("budget=\"{}\"", key["budget"]);
                let used = self.scrapes.value("gcore_budget_used_ratio{", &label, tick);
                is_native && used.is_some_and(|used| used >= 1.0)
            }
        }
    }
}

/// An alert by the labels that both sides have.
fn key(row: &Row, labels: &Labels) -> Labels {
    row.labels.iter().filter_map(|name| Some(((*name).to_owned(), labels.get(*name)?.clone()))).collect()
}

fn of_native(row: &Row, firing: &BTreeSet<Labels>) -> BTreeSet<Labels> {
    let of_rule = firing.iter().filter(|labels| labels["alertname"] == row.native).map(|labels| key(row, labels));
    // Steps that Prometheus does not have.
    of_rule.filter(|labels| !labels.get("step").is_some_and(|step| ["50", "120"].contains(&step.as_str()))).collect()
}

fn of_shipped(row: &Row, alerts: &BTreeSet<Labels>) -> BTreeSet<Labels> {
    let steps = |labels: &Labels| -> Vec<Labels> {
        // What is critical is above the lower step as well.
        let steps: &[&str] = if labels["severity"] == "critical" { &["80", "100"] } else { &["80"] };
        let with = |step: &&str| {
            labels
                .iter()
                .map(|(n, t)| (n.clone(), t.clone()))
                .chain([("step".to_owned(), (*step).to_owned())])
                .collect()
        };
        if row.labels.contains(&"step") { steps.iter().map(with).collect() } else { vec![labels.clone()] }
    };
    let of_rule = alerts.iter().filter(|labels| labels["alertname"] == row.shipped);
    of_rule.flat_map(steps).map(|labels| key(row, &labels)).collect()
}
