//! The account's report tasks, as in `GET /billing/org/v1/reports`.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::company::CLIENT_ID;
use super::rng::{Dice, mix};
use crate::days::utc_date;

/// The interval of new tasks after the birth of the simulator.
const RHYTHM: SignedDuration = SignedDuration::from_mins(10);
/// The time that each task waits. One task is always waiting.
const WAITS: SignedDuration = SignedDuration::from_mins(10);
/// The time that each task runs.
const WORKS: SignedDuration = SignedDuration::from_mins(5);

/// One background job of the billing system.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    /// The task id.
    pub uuid: String,
    /// The time of its request.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// The time of its last change.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
    user_id: u64,
    client_id: u64,
    /// The type of task.
    pub task_type: &'static str,
    /// The status.
    pub status: &'static str,
    processing_notes: Notes,
    parameters: Parameters,
}

/// The API leaves out these members in some answers, and sends null for others.
#[derive(Clone, Debug, Default, Serialize)]
struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    celery_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records_to_process: Option<i64>,
    errors: Option<Vec<Note>>,
    warnings: Option<Vec<Note>>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Note {
    detail: &'static str,
    code: u16,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Parameters {
    Report {
        #[serde(rename = "type")]
        code: &'static str,
        date_from: String,
        date_to: String,
        client_id: Option<u64>,
    },
    None {},
}

/// Minutes before the birth, type, status, minutes of run time, errors, warnings.
type Past = (i64, &'static str, &'static str, i64, usize, usize);

/// Past tasks. The last seven days have each status and each type.
const PAST: [Past; 18] = [
    (25, "ImportData", "InProgress", 20, 0, 0),
    (190, "ClosingPeriod", "InProgress", 8, 0, 1),
    (64, "Report", "Completed", 4, 0, 0),
    (400, "Report", "Failed", 1, 1, 0),
    (900, "ImportData", "Completed", 12, 0, 2),
    (1_500, "StopSubscriptions", "Completed", 2, 0, 0),
    (1_700, "Report", "Cancelled", 3, 0, 0),
    (2_900, "ClosingPeriod", "Failed", 31, 2, 1),
    (3_100, "ClosingPeriod", "Completed", 44, 0, 0),
    (4_400, "Report", "Completed", 5, 0, 0),
    (5_800, "ImportData", "Failed", 7, 3, 0),
    (7_200, "StopSubscriptions", "Cancelled", 1, 0, 0),
    (8_600, "StopSubscriptions", "Failed", 2, 1, 0),
    (9_900, "Report", "Completed", 6, 0, 0),
    // Older than seven days.
    (11_000, "Report", "Failed", 6, 1, 0),
    (17_000, "ClosingPeriod", "Completed", 40, 0, 0),
    (30_000, "ImportData", "Cancelled", 2, 0, 0),
    (61_000, "ClosingPeriod", "Completed", 38, 0, 0),
];

const ERRORS: [Note; 3] = [
    Note { detail: "worker timed out", code: 504 },
    Note { detail: "price list \"2026\" not found", code: 404 },
    Note { detail: "could not store the result", code: 500 },
];
const WARNINGS: [Note; 2] =
    [Note { detail: "late records", code: 206 }, Note { detail: "rounding adjusted", code: 200 }];

/// Every task that exists at `now`, newest first.
pub(super) fn tasks(seed: u64, born: Timestamp, now: Timestamp) -> Vec<Task> {
    let past = PAST.iter().map(|&(minutes_ago, task_type, status, work, errors, warnings)| {
        // Some have fractions of a second, as in the API.
        let micros = if minutes_ago % 100 == 0 { 0 } else { 1_013 * minutes_ago };
        let created_at = born - SignedDuration::from_mins(minutes_ago) - SignedDuration::from_micros(micros);
        (created_at, created_at + SignedDuration::from_mins(work), task_type, status, errors, warnings)
    });
    let live = (0..).map_while(|number| live(born + RHYTHM * number, now, number));
    let mut tasks: Vec<Task> = past
        .chain(live)
        .filter(|(created_at, ..)| *created_at <= now)
        .map(|(created_at, updated_at, task_type, status, errors, warnings)| {
            let key = mix(seed, created_at.as_second().unsigned_abs());
            Task::new(key, (created_at, updated_at), (task_type, status), (errors, warnings))
        })
        .collect();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    tasks
}

type Outline = (Timestamp, Timestamp, &'static str, &'static str, usize, usize);

/// A task that changes its status while the simulator runs. Every fifth fails.
fn live(created_at: Timestamp, now: Timestamp, number: i32) -> Option<Outline> {
    let age = now.duration_since(created_at);
    if age.is_negative() {
        return None;
    }
    let task_type = ["Report", "ImportData", "Report", "StopSubscriptions"][number.unsigned_abs() as usize % 4];
    let (status, changed_after, errors) = if age < WAITS {
        ("Pending", SignedDuration::ZERO, 0)
    } else if age < WAITS + WORKS {
        ("InProgress", WAITS, 0)
    } else if number % 5 == 1 {
        ("Failed", WAITS + WORKS, 1)
    } else {
        ("Completed", WAITS + WORKS, 0)
    };
    Some((created_at, created_at + changed_after, task_type, status, errors, 0))
}

impl Task {
    fn new(
        key: u64,
        (created_at, updated_at): (Timestamp, Timestamp),
        (task_type, status): (&'static str, &'static str),
        (errors, warnings): (usize, usize),
    ) -> Self {
        let mut dice = Dice::new(key);
        let month = utc_date(created_at).first_of_month().yesterday().unwrap_or_else(|_| utc_date(created_at));
        let began = status != "Pending";
        Self {
            uuid: dice.uuid(),
            created_at,
            updated_at,
            user_id: 555_001,
            client_id: CLIENT_ID,
            task_type,
            status,
            processing_notes: Notes {
                celery_group_id: began.then(|| dice.uuid()),
                period: began.then(|| month.strftime("%Y-%m").to_string()),
                records_to_process: began.then(|| dice.between(20, 4_000)),
                errors: began.then(|| ERRORS[..errors].to_vec()),
                // A missing list is as common as an empty one.
                warnings: (warnings > 0).then(|| WARNINGS[..warnings].to_vec()),
            },
            parameters: if task_type == "Report" {
                Parameters::Report {
                    code: dice.pick(&["ResellerExpenses", "ResellerStatistics", "ResellerCredits"]),
                    date_from: month.first_of_month().to_string(),
                    date_to: month.to_string(),
                    client_id: None,
                }
            } else {
                Parameters::None {}
            },
        }
    }
}

/// An instant with `Z`.
pub(super) fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
