//! Writes the stored history of all accounts as OpenMetrics text, which promtool makes into blocks.

use std::collections::BTreeSet;
use std::io;
use std::io::Write;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::account::AccountName;
use crate::config::Config;
use crate::exposition::daily;
use crate::store::days::Kind;
use crate::store::{AccountId, Store};
use gcore_api::billing::names::Names;
use gcore_api::billing::period::{Period, utc_date};

use super::persisted_readings;

/// A request that cannot be fulfilled. A retry does not help.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The last day is before the first.
    #[error("--from {from} is after --to {to}; give the earlier day as --from")]
    Reversed {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
    },
    /// The last day is not over.
    #[error("--to {to} is not over yet (days are UTC days); the last day that can be written is {last}")]
    NotOver {
        /// The requested last day.
        to: Date,
        /// The last day that is over.
        last: Date,
    },
    /// There is no store file.
    #[error(
        "storage.path is \"\", so nothing is stored that could be written; name a file by storage.path and let the daemon \
         fill it"
    )]
    InMemory,
    /// No account has a stored day in the range.
    #[error(
        "nothing is stored from {from} to {to}: {stored}; choose --from and --to among the stored days, or let the daemon \
         read more of them (collect.history.days), as far back as the API keeps them"
    )]
    NothingStored {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
        /// The stored ranges.
        stored: String,
    },
}

/// The stored histories to write.
pub struct Backfill {
    store: Store,
    period: Period,
    histories: Vec<History>,
}

/// The stored days of one account and kind.
struct History {
    account: AccountName,
    names: Names,
    kind: Kind,
    /// `None`: nothing is stored for the account and its current scope.
    id: Option<AccountId>,
    days: BTreeSet<Date>,
}

impl Backfill {
    /// Finds the stored days from `from` to `to` of each account, and warns about missing ones.
    ///
    /// # Errors
    /// A [`Fault`], a [`Refused`](crate::store::Refused), or an error of the store.
    pub async fn open(config: &Config, from: Date, to: Date, now: Timestamp) -> anyhow::Result<Self> {
        let period = Period::new(from, to.saturating_add(1.day())).ok_or(Fault::Reversed { from, to })?;
        let today = utc_date(now);
        if to >= today {
            return Err(Fault::NotOver { to, last: today.saturating_sub(1.day()) }.into());
        }
        let store = Store::open_to_read(config.storage.path.as_ref().ok_or(Fault::InMemory)?)?;
        let mut histories = Vec::new();
        for kind in [Kind::Cost, Kind::Usage] {
            for (account, settings) in &config.accounts {
                let id = store.known_account(account, settings.scope()).await?;
                let days = match id {
                    Some(id) => store.days(id, kind).await?.into_keys().collect(),
                    None => BTreeSet::new(),
                };
                let names = persisted_readings::names(&store.kept(account, &settings.scope()).await?);
                let account = account.clone();
                histories.push(History { account, names, kind, id, days });
            }
        }
        let backfill = Self { store, period, histories };
        backfill.tell_missing(from, to)?;
        Ok(backfill)
    }

    fn tell_missing(&self, from: Date, to: Date) -> Result<(), Fault> {
        let is_missing = |history: &History, day: &Date| !history.days.contains(day);
        if self.histories.iter().all(|history| self.period.days().all(|day| is_missing(history, &day))) {
            let stored = self.histories.iter().map(|history| {
                let History { account, kind, days, .. } = history;
                format!("{} of account {account}: {}", kind.as_str(), stretches(days.iter().copied()))
            });
            return Err(Fault::NothingStored { from, to, stored: stored.collect::<Vec<_>>().join(", ") });
        }
        for history in &self.histories {
            let missing: Vec<_> = self.period.days().filter(|day| is_missing(history, day)).collect();
            if !missing.is_empty() {
                tracing::warn!(
                    account = history.account.as_str(),
                    kind = history.kind.as_str(),
                    days = stretches(missing.into_iter()),
                    "days that are not stored are left out"
                );
            }
        }
        Ok(())
    }

    /// Writes everything, with one day in memory at a time, and returns the writer.
    ///
    /// # Errors
    /// Fails if the store cannot be read or the writer fails. Some days may be written by then.
    pub async fn write<W: Write + Send + 'static>(self, mut to: W) -> anyhow::Result<W> {
        let mut head_of = None;
        for History { account, names, kind, id, .. } in self.histories {
            if head_of.replace(kind) != Some(kind) {
                to.write_all(daily::head(kind).as_bytes())?;
            }
            let Some(id) = id else { continue };
            let days = (self.period.first(), self.period.end());
            let visit = move |(to, outcome): &mut (W, io::Result<()>), series: &[_], date, amounts: &[_]| {
                if outcome.is_ok() {
                    *outcome = to.write_all(daily::day(kind, &account, &names, series, date, amounts).as_bytes());
                }
            };
            let outcome;
            let visited = self.store.visit_days(id, kind, days, (to, Ok(())), visit).await;
            (to, outcome) = visited.context("cannot read the stored days")?;
            outcome?;
        }
        to.write_all(daily::END.as_bytes())?;
        Ok(to)
    }
}

/// Ordered days as ranges: `2026-11-03 to 2026-11-07, 2026-11-09`.
fn stretches(days: impl Iterator<Item = Date>) -> String {
    let mut stretches: Vec<(Date, Date)> = Vec::new();
    for day in days {
        match stretches.last_mut() {
            Some((_, last)) if last.saturating_add(1.day()) == day => *last = day,
            _ => stretches.push((day, day)),
        }
    }
    if stretches.is_empty() {
        return "none".to_owned();
    }
    let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first} to {last}") };
    stretches.into_iter().map(text).collect::<Vec<_>>().join(", ")
}
