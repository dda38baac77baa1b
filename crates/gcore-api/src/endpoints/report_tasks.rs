//! `GET /billing/org/v1/reports`: report tasks of the billing system.

use jiff::Timestamp;

use crate::billing::record::{Fold, RejectReason};
use crate::billing::report_task::{ReportTask, TaskStatus, TaskType};

use crate::endpoints::pagination;
use crate::endpoints::pagination::{FirstPage, Listing, PlainQuery, RowSchema};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::Field;
use crate::json::lenient_json::Instants;

/// The largest page of billing lists.
const PAGE_SIZE: u32 = 100;

const fn layout<F: Fold<ReportTask>>() -> RowSchema<F, 6> {
    RowSchema {
        endpoint: Endpoint::Reports,
        rows_key: "results",
        fields: ["uuid", "task_type", "status", "created_at", "updated_at", "processing_notes"],
        identity: &[0],
        weight: None,
        records: |fields, intake| {
            let mut instants = Instants::default();
            intake.add(task(fields, &mut instants));
            instants.unread.into_iter().for_each(|reason| intake.reject(reason));
        },
    }
}

/// Reads the tasks that were created after an instant.
///
/// # Errors
/// Fails when the list cannot be read completely.
pub async fn read<F: Fold<ReportTask>>(
    client: &Client,
    created_after: Timestamp,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    let parameters = [("created_after", format!("{created_after:.0}")), ("ordering", "created_at,uuid".to_owned())];
    pagination::read(client, &layout(), PlainQuery { parameters: &parameters, page_size: Some(PAGE_SIZE) }, deadline)
        .await
}

/// Counts the tasks that were created after an instant, and reads the newest of them.
///
/// # Errors
/// Fails when the page cannot be read.
pub async fn probe<F: Fold<ReportTask>>(
    client: &Client,
    created_after: Timestamp,
    deadline: PollDeadline,
) -> Result<FirstPage<F>, Error> {
    let parameters = [("created_after", format!("{created_after:.0}")), ("ordering", "-created_at".to_owned())];
    pagination::probe(client, &layout(), PlainQuery { parameters: &parameters, page_size: Some(1) }, deadline).await
}

fn task(fields: &[Field<'_>; 6], instants: &mut Instants) -> Result<ReportTask, RejectReason> {
    let [uuid, task_type, status, created_at, updated_at, notes] = fields;
    let [errors, warnings] = notes.object(["errors", "warnings"]);
    Ok(ReportTask {
        uuid: uuid.identity()?.ok_or(RejectReason::NoId)?,
        task_type: TaskType::new(&task_type.word()?.unwrap_or_default()),
        status: TaskStatus::new(&status.word()?.unwrap_or_default()),
        created_at: instants.read(created_at),
        updated_at: instants.read(updated_at),
        errors: errors.elements().len() as u64,
        warnings: warnings.elements().len() as u64,
    })
}
