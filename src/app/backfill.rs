//! Writes the stored history of all accounts as OpenMetrics text, which promtool makes into blocks.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::mem;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::account::AccountName;
use crate::config::Config;
use crate::exposition::daily;
use crate::store::series::{Kind, Series};
use crate::store::{AccountId, Store};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::Names;
use gcore_api::billing::period::{Period, utc_date};

use super::persisted_readings;

/// Amounts that are in memory at once: some 40 MB. The store has them by day and the text by series, so the store is read
/// once for each portion of series.
const AMOUNTS_AT_ONCE: usize = 1 << 20;

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

    /// Writes everything, with a bounded number of amounts in memory, and returns the writer. `progress` gets the number
    /// of series that are written and that of all series of the same account and kind.
    ///
    /// # Errors
    /// Fails if the store cannot be read or the writer fails. Some series may be written by then.
    pub async fn write<W: Write>(self, to: W, progress: impl FnMut(usize, usize)) -> anyhow::Result<W> {
        self.write_in_portions(AMOUNTS_AT_ONCE, to, progress).await
    }

    async fn write_in_portions<W: Write>(
        self,
        at_once: usize,
        mut to: W,
        mut progress: impl FnMut(usize, usize),
    ) -> anyhow::Result<W> {
        let mut head_of = None;
        for history in self.histories {
            if head_of.replace(history.kind) != Some(history.kind) {
                to.write_all(daily::head(history.kind).as_bytes())?;
            }
            let Some(id) = history.id else { continue };
            let (account, names, kind) = (history.account, history.names, history.kind);
            let (first, end) = (self.period.first(), self.period.end());
            let days: Arc<BTreeSet<Date>> = Arc::new(history.days.range(first..end).copied().collect());
            let number_at_once = (at_once / days.len().max(1)).max(1);
            let mut portion = Portion { days, ..Portion::default() };
            loop {
                portion = portion.filled(&self.store, id, kind, &self.period, number_at_once).await?;
                if portion.wanted.is_empty() {
                    break;
                }
                for (series, amounts) in portion.taken() {
                    to.write_all(daily::series(kind, &account, &names, &series, &amounts).as_bytes())?;
                }
                progress(portion.done, portion.all.len());
            }
        }
        to.write_all(daily::END.as_bytes())?;
        Ok(to)
    }
}

/// A portion of the series of one account and kind, with their amounts.
#[derive(Default)]
struct Portion {
    /// The days to write. Days that a running daemon adds meanwhile are left out, or only some series would have them.
    days: Arc<BTreeSet<Date>>,
    /// All series, in the order of the text. Known after the first look at the store.
    all: Vec<Series>,
    /// The number of series in this portion and those before.
    done: usize,
    /// The series of this portion with their amounts.
    wanted: Vec<(Series, Vec<(Date, Amount)>)>,
    /// For each series of the store its place in this portion. Empty before the first day of a look.
    places: Vec<Option<usize>>,
}

impl Portion {
    /// The next portion, with at most `at_most` series. Empty after the last one.
    async fn filled(
        mut self,
        store: &Store,
        id: AccountId,
        kind: Kind,
        period: &Period,
        at_most: usize,
    ) -> anyhow::Result<Self> {
        let days = (period.first(), period.end());
        if self.all.is_empty() {
            self.all = store.series(id, kind).await.context("cannot read the stored days")?;
            // The same days give the same text.
            self.all.sort_unstable();
        }
        let end = (self.done + at_most).min(self.all.len());
        self.wanted = self.all[self.done..end].iter().map(|series| (series.clone(), Vec::new())).collect();
        self.done = end;
        self.places.clear();
        if self.wanted.is_empty() {
            return Ok(self);
        }
        let visited = store.visit_days(id, kind, days, self, Self::add).await;
        visited.context("cannot read the stored days")
    }

    /// Takes the amounts of one day.
    fn add(&mut self, series: &[Series], date: Date, amounts: &[(usize, Amount)]) {
        if !self.days.contains(&date) {
            return;
        }
        if self.places.is_empty() {
            // Between two looks the daemon may have added series, so positions in the store may have moved.
            let places: HashMap<&Series, usize> = self.wanted.iter().map(|(series, _)| series).zip(0..).collect();
            self.places = series.iter().map(|series| places.get(series).copied()).collect();
        }
        for (position, amount) in amounts {
            if let Some(place) = self.places[*position] {
                self.wanted[place].1.push((date, *amount));
            }
        }
    }

    /// The series of this portion, whose memory is free again.
    fn taken(&mut self) -> Vec<(Series, Vec<(Date, Amount)>)> {
        let taken = mem::take(&mut self.wanted);
        taken.into_iter().filter(|(_, amounts)| !amounts.is_empty()).collect()
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

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use crate::aggregate::group::Group;
    use crate::store::Settings;
    use crate::store::days::Day;
    use gcore_api::billing::resource::{ProjectId, ResourceType};

    use super::*;

    #[tokio::test]
    async fn portions_of_any_size_give_the_same_text() {
        let store = Store::open(&Settings { path: None }, &Registry::new()).unwrap();
        let name: AccountName = "main".parse().unwrap();
        let id = store.account(&name, String::new()).await.unwrap();
        let first: Date = "2026-11-01".parse().unwrap();
        let series = |project| {
            let group = Group { project: ProjectId(project), region: None, resource_type: ResourceType::new("volume") };
            Series { group, measure: "EUR".into() }
        };
        for (at, date) in (0..).zip(first.series(1.day()).take(6)) {
            let of_day = (0..5).filter(|project| (project + at) % 3 != 0);
            let amounts = of_day.map(|project| (series(project), format!("{project}.{at}").parse().unwrap())).collect();
            let day = Day { date, read_at: Timestamp::UNIX_EPOCH, is_settled: true, rounding: Amount::ZERO, amounts };
            store.write_day(id, Kind::Cost, day, usize::MAX).await.unwrap();
        }
        let mut texts = BTreeSet::new();
        for at_once in [1, 4, 7, 12, 1000] {
            // The third day has come since the command began.
            let days = first.series(1.day()).take(6).filter(|day| day.day() != 3).collect();
            let history =
                History { account: name.clone(), names: Names::default(), kind: Kind::Cost, id: Some(id), days };
            let period = Period::new(first, first.saturating_add(5.days())).unwrap();
            let backfill = Backfill { store: store.clone(), period, histories: vec![history] };
            let mut steps = Vec::new();
            let text =
                backfill.write_in_portions(at_once, Vec::new(), |done, all| steps.push((done, all))).await.unwrap();
            assert_eq!(steps.last(), Some(&(5, 5)), "{at_once}");
            texts.insert(String::from_utf8(text).unwrap());
        }
        assert_eq!(texts.len(), 1, "{texts:#?}");
        let text = texts.first().unwrap();
        let projects: Vec<&str> =
            text.lines().filter_map(|line| line.split("project_id=\"").nth(1)?.get(..1)).collect();
        assert!(projects.is_sorted(), "each series is in one piece: {projects:?}");
        // Of the days 1, 2, 4 and 5, on which each series is missing once or twice.
        assert_eq!(projects.len(), 14, "{text}");
    }
}
