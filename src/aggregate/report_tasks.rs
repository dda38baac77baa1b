//! The totals of a list of report tasks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use gcore_api::billing::report_task::{ReportTask, TaskStatus, TaskType};

/// The largest number of listed tasks of a kind: more than a person reads one by one.
pub const MOST_LISTED: usize = 100;

/// A summary of the tasks within the look-back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTaskTotals {
    /// Tasks per type and status. Every documented pair is present, with zero when no task has it.
    #[serde(with = "super::serde_pairs")]
    pub tasks: BTreeMap<(TaskType, TaskStatus), u64>,
    /// The time when the newest task of a type completed.
    pub last_completed: BTreeMap<TaskType, Timestamp>,
    /// The time when the newest task of a type failed.
    pub last_failed: BTreeMap<TaskType, Timestamp>,
    /// The creation time of the oldest unfinished task, by type and status.
    #[serde(with = "super::serde_pairs")]
    pub oldest_unfinished: BTreeMap<(TaskType, TaskStatus), Timestamp>,
    /// Errors and warnings of the newest task of a type.
    pub notes: BTreeMap<TaskType, Notes>,
    /// The failed tasks: the newest [`MOST_LISTED`], by their last change.
    #[serde(with = "super::serde_pairs")]
    pub failed: Ranked,
    /// The unfinished tasks: the oldest [`MOST_LISTED`], by their creation.
    #[serde(with = "super::serde_pairs")]
    pub unfinished: Ranked,
    /// The completed tasks with errors: the newest [`MOST_LISTED`], by their last change.
    #[serde(with = "super::serde_pairs")]
    pub with_errors: Ranked,
}

/// Tasks in the order of an instant, then of their uuid. The order of arrival does not matter.
pub type Ranked = BTreeMap<(Option<Timestamp>, SmolStr), ReportTask>;

/// Notes on one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// The creation time of the task.
    created_at: Option<Timestamp>,
    /// Entries in its list of errors.
    pub errors: u64,
    /// Entries in its list of warnings.
    pub warnings: u64,
}

impl Default for ReportTaskTotals {
    fn default() -> Self {
        let pairs = TaskType::KNOWN.iter().flat_map(|task_type| {
            TaskStatus::KNOWN.iter().map(|status| ((TaskType::new(task_type), TaskStatus::new(status)), 0))
        });
        Self {
            tasks: pairs.collect(),
            last_completed: BTreeMap::new(),
            last_failed: BTreeMap::new(),
            oldest_unfinished: BTreeMap::new(),
            notes: BTreeMap::new(),
            failed: Ranked::new(),
            unfinished: Ranked::new(),
            with_errors: Ranked::new(),
        }
    }
}

impl ReportTaskTotals {
    /// Adds one task.
    pub fn add(&mut self, task: &ReportTask) {
        let kind = (task.task_type.clone(), task.status.clone());
        if let Some(at) = task.updated_at {
            let newest = if task.status.is_completed() {
                Some(&mut self.last_completed)
            } else if task.status.is_failed() {
                Some(&mut self.last_failed)
            } else {
                None
            };
            if let Some(newest) = newest {
                newest.entry(task.task_type.clone()).and_modify(|last| *last = at.max(*last)).or_insert(at);
            }
        }
        if let Some(at) = task.created_at.filter(|_| task.status.is_unfinished()) {
            self.oldest_unfinished.entry(kind.clone()).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
        let notes = Notes { created_at: task.created_at, errors: task.errors, warnings: task.warnings };
        self.notes
            .entry(task.task_type.clone())
            .and_modify(|newest| {
                if notes.created_at >= newest.created_at {
                    *newest = notes;
                }
            })
            .or_insert(notes);
        *self.tasks.entry(kind).or_default() += 1;
        self.list(task);
    }

    /// Lists a task that may need attention.
    fn list(&mut self, task: &ReportTask) {
        let (at, list) = if task.status.is_failed() {
            (task.updated_at, &mut self.failed)
        } else if task.status.is_unfinished() {
            (task.created_at, &mut self.unfinished)
        } else if task.status.is_completed() && task.errors > 0 {
            (task.updated_at, &mut self.with_errors)
        } else {
            return;
        };
        list.insert((at, task.uuid.clone()), task.clone());
        if list.len() > MOST_LISTED {
            // The newest ended tasks and the oldest unfinished tasks stay.
            drop(if task.status.is_unfinished() { list.pop_last() } else { list.pop_first() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(status: &str, created_at: &str, errors: u64) -> ReportTask {
        let created_at: Timestamp = created_at.parse().unwrap();
        ReportTask {
            uuid: created_at.to_string().into(),
            task_type: TaskType::new("Report"),
            status: TaskStatus::new(status),
            created_at: Some(created_at),
            updated_at: Some(created_at),
            errors,
            warnings: 0,
        }
    }

    #[test]
    fn the_newest_and_the_oldest_do_not_depend_on_order() {
        let (day1, day2, day3) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z");
        let mut tasks = [
            task("Failed", day1, 1),
            task("Failed", day3, 3),
            task("Completed", day2, 0),
            task("InProgress", day2, 0),
            task("InProgress", day1, 0),
            task("Paused", day1, 0),
        ];
        for _ in 0..2 {
            let mut totals = ReportTaskTotals::default();
            tasks.iter().for_each(|task| totals.add(task));
            let report = TaskType::new("Report");
            let status = |word| (report.clone(), TaskStatus::new(word));
            assert_eq!(totals.last_failed[&report], day3.parse().unwrap());
            assert_eq!(totals.last_completed[&report], day2.parse().unwrap());
            assert_eq!(totals.oldest_unfinished[&status("InProgress")], day1.parse().unwrap());
            assert_eq!(totals.notes[&report].errors, 3);
            assert_eq!(totals.tasks[&status("Failed")], 2);
            assert_eq!(totals.tasks[&status("Paused")], 1, "an undocumented status");
            assert_eq!(totals.tasks[&status("Pending")], 0, "a documented one that no task has");
            tasks.reverse();
        }
    }

    #[test]
    fn of_many_tasks_those_are_listed_that_matter_most() {
        let at = |number: usize| format!("2026-11-{:02}T{:02}:00:00Z", 1 + number / 24, number % 24);
        let mut tasks: Vec<ReportTask> = (0..MOST_LISTED + 20)
            .flat_map(|number| {
                [("Failed", 0), ("Pending", 0), ("Completed", 1), ("Completed", 0), ("Cancelled", 1)]
                    .map(|(status, errors)| task(status, &at(number), errors))
            })
            .collect();
        for _ in 0..2 {
            let mut totals = ReportTaskTotals::default();
            tasks.iter().for_each(|task| totals.add(task));
            let first = |list: &Ranked| list.keys().next().unwrap().0.unwrap().to_string();
            let lists = [&totals.failed, &totals.unfinished, &totals.with_errors];
            assert_eq!(lists.map(BTreeMap::len), [MOST_LISTED; 3]);
            assert_eq!(lists.map(first), [at(20), at(0), at(20)]);
            tasks.reverse();
        }
    }
}
