//! The counted failed report tasks, so that each counts once, also across restarts.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::account::AccountName;
use gcore_api::billing::report_task::TaskType;

use super::{Error, Store};

impl Store {
    /// Counts the failed tasks in `listed` that were not counted before, and returns the total for each type. Tasks
    /// that are no longer listed are deleted, but their count stays.
    ///
    /// # Errors
    /// [`Error`]; then nothing was counted.
    pub async fn count_failures(
        &self,
        account: &AccountName,
        listed: Vec<(String, TaskType)>,
    ) -> Result<BTreeMap<TaskType, u64>, Error> {
        let account = account.clone();
        self.transact(move |transaction| {
            let account = account.as_str();
            let mut known = transaction.prepare_cached("SELECT 1 FROM failed_task WHERE account = ?1 AND uuid = ?2")?;
            let mut count = transaction.prepare_cached(
                "INSERT INTO failures (account, task_type, total) VALUES (?1, ?2, 1) \
                 ON CONFLICT DO UPDATE SET total = total + 1",
            )?;
            for (uuid, task_type) in &listed {
                if !known.exists([account, uuid])? {
                    count.execute([account, task_type.as_str()])?;
                }
            }
            transaction.execute("DELETE FROM failed_task WHERE account = ?1", [account])?;
            let mut insert = transaction
                .prepare_cached("INSERT OR IGNORE INTO failed_task (account, uuid, task_type) VALUES (?1, ?2, ?3)")?;
            for (uuid, task_type) in &listed {
                insert.execute(params![account, uuid, task_type.as_str()])?;
            }
            let mut totals = transaction.prepare_cached("SELECT task_type, total FROM failures WHERE account = ?1")?;
            let mut rows = totals.query([account])?;
            let mut counted = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let task_type = TaskType::new(row.get_ref(0)?.as_str().unwrap_or_default());
                counted.insert(task_type, row.get::<_, i64>(1)?.cast_unsigned());
            }
            Ok(counted)
        })
        .await
    }
}
