//! The days of the stored history as OpenMetrics text with timestamps, which Prometheus can take in as blocks.
//!
//! All series of a day stand together, then those of the next day, so that no more than a day is ever in memory.
//! Prometheus asks only that the samples of each series come in the order of time.

use jiff::civil::Date;

use crate::billing::account::AccountName;
use crate::billing::amount::Amount;
use crate::billing::names::Names;
use crate::billing::period::Period;
use crate::store::days::{Kind, Series};

use super::catalog;
use super::catalog::Family;
use super::sums::GroupLabels;
use super::text::Text;

/// What ends the text; without it, it counts as cut off.
pub const END: &str = "# EOF\n";

/// The lines that begin a family; the samples of all its days must follow before another family begins.
#[must_use]
pub fn head(kind: Kind) -> String {
    let mut text = Text::with_capacity(0);
    text.family(&family(kind));
    text.finish()
}

/// The samples of one day, each at the day's last second. A series that the day does not name gets none: it was zero,
/// and adds as much to a sum.
#[must_use]
pub fn day(
    kind: Kind,
    account: &AccountName,
    names: &Names,
    series: &[Series],
    date: Date,
    amounts: &[(usize, Amount)],
) -> String {
    let family = family(kind);
    let last_second = Period::of(date).ends_at().as_second() - 1;
    let mut text = Text::with_capacity(0);
    for (position, amount) in amounts {
        let Series { group, measure } = &series[*position];
        let group = GroupLabels::of(account.as_str(), names, group);
        let values = group.values().into_iter().chain([measure.as_str()]);
        text.series(&family, values, format_args!("{amount} {last_second}"));
    }
    text.finish()
}

fn family(kind: Kind) -> Family {
    match kind {
        Kind::Cost => catalog::COST_DAILY,
        Kind::Usage => catalog::USAGE_DAILY,
    }
}
