//! Rules on report tasks: one alert for each task.

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::account::AccountName;
use crate::aggregate::report_tasks::{MOST_LISTED, Ranked, ReportTaskTotals};
use crate::snapshot::Account;
use common::wording::counted;
use gcore_api::billing::report_task::ReportTask;

use super::wording::instant;
use super::{Breach, Case, Verdict, Words};

/// A verdict on a list of tasks, if it was read.
fn of_tasks(
    case: &Case<'_>,
    account: &Account,
    list: fn(&ReportTaskTotals) -> &Ranked,
    breach: impl Fn(&ReportTask, &str) -> Option<Breach>,
) -> Verdict {
    let Some(reading) = &account.reports else { return Verdict::Unknown };
    let Some(totals) = reading.current(case.now) else { return Verdict::Unknown };
    let tasks = list(totals);
    let more =
        if tasks.len() < MOST_LISTED { "" } else { " The list of such tasks is full, so others may be missing." };
    Verdict::known(reading.read_at(), tasks.values().filter_map(|task| breach(task, more)))
}

fn own(task: &ReportTask) -> [(&'static str, SmolStr); 2] {
    [("report_uuid", task.uuid.clone()), ("task_type", SmolStr::new(task.task_type.as_str()))]
}

/// An instant in words.
fn when(at: Option<Timestamp>) -> String {
    at.map_or("at an unknown time".into(), |at| format!("on {}", instant(at)))
}

/// When a task reached its status.
fn start(case: &Case<'_>, task: &ReportTask) -> Timestamp {
    task.updated_at.or(task.created_at).unwrap_or(case.first_seen())
}

#[expect(clippy::cast_precision_loss, reason = "no task notes 2^53 errors")]
fn noted(task: &ReportTask) -> f64 {
    task.errors as f64
}

pub(super) fn failed(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    of_tasks(
        case,
        account,
        |totals| &totals.failed,
        |task, more| {
            let (word, uuid) = (task.task_type.as_str(), &task.uuid);
            let summary = format!("Account {name}: billing task {word} failed {}", when(task.updated_at));
            let description = format!(
                "Task {uuid} of type {word}, created {}, failed {}. It noted {} and {}. A report can be requested again. For \
                 other types, ask Gcore's support and give the uuid.{more}",
                when(task.created_at),
                when(task.updated_at),
                counted(task.errors, "error"),
                counted(task.warnings, "warning"),
            );
            let starts_at = start(case, task);
            let breach = case.breach(0, Some(name), own(task), starts_at, Words { summary, description });
            Some(Breach { value: Some(noted(task)), ..breach })
        },
    )
}

pub(super) fn with_errors(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    of_tasks(
        case,
        account,
        |totals| &totals.with_errors,
        |task, more| {
            let (word, uuid) = (task.task_type.as_str(), &task.uuid);
            let summary =
                format!("Account {name}: billing task {word} completed with {}", counted(task.errors, "error"));
            let description = format!(
                "Task {uuid} of type {word} completed {}, but noted {} and {}, so its result may be \
             incomplete.{more}",
                when(task.updated_at),
                counted(task.errors, "error"),
                counted(task.warnings, "warning"),
            );
            let starts_at = start(case, task);
            let breach = case.breach(0, Some(name), own(task), starts_at, Words { summary, description });
            Some(breach.measured(noted(task), 0.0))
        },
    )
}

pub(super) fn stuck(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let after = case.set.length("after");
    of_tasks(
        case,
        account,
        |totals| &totals.unfinished,
        |task, more| {
            let created_at = task.created_at?;
            let late_at = created_at.checked_add(after).ok().filter(|late_at| *late_at < case.now)?;
            let (word, uuid, status) = (task.task_type.as_str(), &task.uuid, task.status.as_str());
            let hours = after.as_secs_f64() / 3_600.0;
            let summary = format!("Account {name}: billing task {word} has not ended within {hours} h");
            let description = format!(
                "Task {uuid} of type {word} was created {} and is still {status}; such a task should end within \
                 {hours} h. If newer tasks complete, cancel this one and request it again.{more}",
                when(Some(created_at)),
            );
            let breach = case.breach(0, Some(name), own(task), late_at, Words { summary, description });
            Some(Breach { threshold: Some(after.as_secs_f64()), ..breach })
        },
    )
}
