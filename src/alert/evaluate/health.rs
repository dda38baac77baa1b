//! Rules on the daemon itself: polls, store and channels.

use std::collections::BTreeMap;
use std::hash::Hash;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::account::AccountName;
use crate::aggregate::group::Sums;
use crate::alert::channels::Delivery;
use crate::shard::Shard;
use crate::snapshot::{Account, Collector, Outcome, Snapshot, Status};
use gcore_api::billing::period::{Period, Window};
use gcore_api::billing::resource::Heap;
use gcore_api::http::error::Reason;

use super::wording::instant;
use super::{Breach, Case, HoldDurations, Judgement, Verdict, Words};

/// A verdict on each collector of each account. `verdict` returns `None` if nothing is known.
fn of_collectors(
    case: &Case<'_>,
    snapshot: &Snapshot,
    holds: HoldDurations,
    verdict: impl Fn(&AccountName, Collector, &Status) -> Option<Option<Breach>>,
) -> Vec<Judgement> {
    let collectors = snapshot.accounts.iter().flat_map(|(name, account)| {
        account.collectors.iter().map(move |(collector, status)| (name, *collector, status))
    });
    let judge = |(name, collector, status): (&AccountName, Collector, &Status)| {
        let known = verdict(name, collector, status).map(Verdict::undated);
        case.judge(&format!("{name}/{}", collector.as_str()), holds, known.unwrap_or(Verdict::Unknown))
    };
    collectors.map(judge).collect()
}

fn own(collector: Collector) -> [(&'static str, SmolStr); 1] {
    [("collector", SmolStr::new_static(collector.as_str()))]
}

/// When the current failures of a collector began.
fn since(case: &Case<'_>, status: &Status) -> Timestamp {
    status.last_success.or(status.last_attempt).unwrap_or(case.now).min(case.now)
}

fn last_success(status: &Status) -> String {
    status.last_success.map_or("There was no good poll since the daemon started.".into(), |at| {
        format!("The last good poll began on {}.", instant(at))
    })
}

pub(super) fn failing(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    of_collectors(case, snapshot, case.holds(), |name, collector, status| {
        let breach = (status.last_outcome? == Outcome::Failed).then(|| {
            let (word, reason) = (collector.as_str(), status.last_failure.map_or("unknown", Reason::as_str));
            let summary = format!("Account {name}: polls of collector {word} fail ({reason})");
            let description = format!(
                "The last poll of collector {word} failed with reason {reason}. {} Its readings are shown until they are \
                 too old; the log says more.",
                last_success(status),
            );
            case.breach(0, Some(name), own(collector), since(case, status), Words { summary, description })
        });
        Some(breach)
    })
}

pub(super) fn rate_limited(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    of_collectors(case, snapshot, case.holds(), |name, collector, status| {
        let is_limited = status.last_outcome? == Outcome::Failed && status.last_failure == Some(Reason::RateLimited);
        let breach = is_limited.then(|| {
            let word = collector.as_str();
            let summary = format!("Account {name}: the API holds collector {word} back");
            let description = format!(
                "The API answers polls of collector {word} with 429 and asks for a longer wait than a poll may take. \
                 {} Lower max_requests_per_second or lengthen the interval, and check whether another program uses the \
                 same key.",
                last_success(status),
            );
            case.breach(0, Some(name), own(collector), since(case, status), Words { summary, description })
        });
        Some(breach)
    })
}

/// The rule leaves out the history, which is read slowly in the background. After a start, the first poll gets the time
/// in `for`, because restored readings are as old as the daemon was down.
pub(super) fn stale(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    of_collectors(case, snapshot, case.holds(), |name, collector, status| {
        let longest = status.longest_age(collector, case.set.number("intervals"));
        let Some(longest) = longest.filter(|_| status.last_outcome != Some(Outcome::Unsupported)) else {
            return Some(None);
        };
        // Before the first good poll, nothing is known of the time before the start.
        let good_at = status.last_success.unwrap_or(case.facts.started_at);
        let late_at = good_at.checked_add(longest).ok()?;
        if case.now <= late_at {
            return status.last_success.map(|_| None);
        }
        let (word, minutes) = (collector.as_str(), longest.as_secs() / 60);
        let summary = format!("Account {name}: data of collector {word} are stale");
        let description = format!(
            "Collector {word} has had no good poll for over {minutes} minutes, {} of its intervals. {} Its series are \
             that old, or are withdrawn.",
            case.set.number("intervals"),
            last_success(status),
        );
        let breach = case.breach(0, Some(name), own(collector), late_at, Words { summary, description });
        Some(Some(Breach { threshold: Some(longest.as_secs_f64()), ..breach }))
    })
}

pub(super) fn refused(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let is_refused = |status: &&Status| status.last_failure == Some(Reason::Unauthorized);
    let refused: Vec<&str> = account
        .collectors
        .iter()
        .filter(|(_, status)| is_refused(status))
        .map(|(collector, _)| collector.as_str())
        .collect();
    if refused.is_empty() && account.collectors.values().any(|status| status.last_outcome.is_none()) {
        return Verdict::Unknown;
    }
    let breach = (!refused.is_empty()).then(|| {
        let starts_at = account.collectors.values().filter(is_refused).map(|status| since(case, status)).min();
        let summary = format!("The API refuses the key of account {name}");
        let description = format!(
            "Polls of {} are answered 401: the key is wrong, cut short, expired or deleted. Look the token up in the \
             Gcore Customer Portal.",
            refused.join(", ")
        );
        case.breach(0, Some(name), [], starts_at.unwrap_or(case.now), Words { summary, description })
    });
    Verdict::undated(breach)
}

/// Other failures do not show whether access is allowed, so they neither start nor end this alert.
pub(super) fn access_lost(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    of_collectors(case, snapshot, case.holds(), |name, collector, status| {
        if !status.access_lost {
            return status.last_outcome.map(|_| None);
        }
        let word = collector.as_str();
        let summary = format!("Account {name}: the API refuses collector {word}, which it let read before");
        let description = format!(
            "Polls of collector {word} are answered 403 or 404, and it could be read before. {} A role of the key was \
             changed, the key was exchanged, or the endpoint was withdrawn. Give the key its role back; where it is meant \
             to lose it, set collect.{word}.enabled = false.",
            last_success(status),
        );
        let is_critical = matches!(collector, Collector::Cost | Collector::Usage);
        let step = usize::from(is_critical);
        Some(Some(case.breach(step, Some(name), own(collector), since(case, status), Words { summary, description })))
    })
}

pub(super) fn costs_unreadable(case: &Case<'_>, snapshot: &Snapshot) -> Judgement {
    let statuses = || snapshot.accounts.values().filter_map(|account| account.collectors.get(&Collector::Cost));
    let are_all = |outcome| statuses().all(|status| status.last_outcome == Some(outcome));
    let is_any_good = statuses().any(|status| status.last_outcome == Some(Outcome::Good));
    let verdict = if statuses().next().is_none() || is_any_good {
        Verdict::undated(None)
    } else if are_all(Outcome::Unsupported) {
        let summary = "No account can read its costs".to_owned();
        let description =
            "The API answers 403 or 404 to the cost report of every account, so there are no costs, budgets \
                           or forecasts. The key needs a role in Cloud that reaches the cost report."
                .to_owned();
        let starts_at = statuses().map(|status| since(case, status)).max().unwrap_or(case.now);
        Verdict::undated(Some(case.breach(0, None, [], starts_at, Words { summary, description })))
    } else {
        Verdict::Unknown
    };
    case.judge("", case.holds(), verdict)
}

/// Each window of costs and usage is one family, over all accounts. Each shard has the whole limit.
#[expect(clippy::cast_precision_loss, reason = "no family has 2^53 series")]
pub(super) fn series(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    let (limit, shard) = (case.settings.series_limit, case.settings.shard);
    let accounts = || snapshot.accounts.values();
    let families = Window::ALL.into_iter().flat_map(|window| {
        let costs = || accounts().filter_map(move |account| account.cost.get(&window));
        let usage = || accounts().filter_map(move |account| account.usage.get(&window));
        let starts_at = |period: Period| case.since_when(window, period);
        let of_costs = costs().map(|reading| starts_at(reading.period)).max();
        let of_usage = usage().map(|reading| starts_at(reading.period)).max();
        [
            ("cost", window, of_costs, series_of_fullest(shard, costs().map(|reading| &reading.last().amounts))),
            ("usage", window, of_usage, series_of_fullest(shard, usage().map(|reading| &reading.last().values))),
        ]
    });
    let place_in = if shard.is_only() { "" } else { " in the fullest shard" };
    let judge = |(collector, window, starts_at, count): (&'static str, Window, Option<Timestamp>, usize)| {
        let place = format!("{collector}/{}", window.as_str());
        let Some(starts_at) = starts_at else {
            return case.judge(&place, HoldDurations::NONE, Verdict::Unknown);
        };
        let breach = (count > limit).then(|| {
            let word = window.as_str();
            let summary = format!("Series of {collector}, {word}, are folded: {count} of at most {limit}");
            let description = format!(
                "There are {count} series of {collector}, window {word}{place_in}, and metrics.series_limit is {limit}. \
                 The smallest are folded into \"__other__\", so sums stay true but groups are missing."
            );
            let own = [("collector", SmolStr::new_static(collector)), ("window", SmolStr::new_static(word))];
            case.breach(0, None, own, starts_at, Words { summary, description }).measured(count as f64, limit as f64)
        });
        case.judge(&place, HoldDurations::NONE, Verdict::undated(breach))
    };
    families.map(judge).collect()
}

/// The number of series of the shard with the most, over all readings of a family.
fn series_of_fullest<'a, M: Eq + Hash + Heap + 'a>(shard: Shard, readings: impl Iterator<Item = &'a Sums<M>>) -> usize {
    if shard.is_only() {
        return readings.map(Sums::len).sum();
    }
    let mut counts = BTreeMap::<u64, usize>::new();
    for (group, ..) in readings.flat_map(Sums::iter) {
        *counts.entry(shard.index_of(group.project)).or_default() += 1;
    }
    counts.into_values().max().unwrap_or_default()
}

pub(super) fn store(case: &Case<'_>) -> Judgement {
    let breach = (!case.facts.store_is_writable).then(|| {
        let summary = "The store cannot be written, so nothing new outlives the process".to_owned();
        let description = "The file of storage.path cannot be written. Alerts are judged and sent all the same, but a \
                           restart now would forget them, the history and the counted failures. Look at the disk, the \
                           folder's owner and the log."
            .to_owned();
        case.breach(0, None, [], case.now, Words { summary, description })
    });
    case.judge("", case.holds(), Verdict::undated(breach))
}

/// A failing channel cannot report itself, but the other channels can.
pub(super) fn notifications(case: &Case<'_>) -> Vec<Judgement> {
    let judge = |(channel, delivery): (&String, &Delivery)| {
        let verdict = match *delivery {
            Delivery::Untried => Verdict::Unknown,
            Delivery::Good => Verdict::undated(None),
            Delivery::Failing { since, reason } => {
                let summary = format!("Channel {channel} does not take notifications ({reason})");
                let description = format!(
                    "Channel {channel} has taken nothing since {}; the last request failed with reason {reason}. \
                     Waiting messages are kept and sent again. Until then, this channel delivers no alerts. The log \
                     says more.",
                    instant(since),
                );
                let own = [("channel", SmolStr::new(channel))];
                let breach = case.breach(0, None, own, since.min(case.now), Words { summary, description });
                Verdict::undated(Some(breach))
            }
        };
        case.judge(channel, case.holds(), verdict)
    };
    case.facts.channels.iter().map(judge).collect()
}

pub(super) fn watchdog(case: &Case<'_>) -> Judgement {
    let summary = "Alerts are judged and sent".to_owned();
    let description =
        "This alert always fires. If it stops arriving, alerts do not arrive. Let a system outside this machine watch \
         for that."
            .to_owned();
    let breach = case.breach(0, None, [], case.first_seen(), Words { summary, description });
    case.judge("", HoldDurations::NONE, Verdict::undated([breach]))
}
