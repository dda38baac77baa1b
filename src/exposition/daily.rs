//! The stored days as OpenMetrics text with timestamps, which Prometheus can import as blocks.
//!
//! All samples of a series stand together, in the order of time, as OpenMetrics requires.

use jiff::civil::Date;

use crate::account::AccountName;
use crate::store::series::{Kind, Series};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::Names;
use gcore_api::billing::period::Period;

use super::catalog;
use super::catalog::Family;
use super::sums::GroupLabels;
use super::text::Text;

/// The end of the text. A text without it is incomplete.
pub const END: &str = "# EOF\n";

/// The lines that begin a family. The samples of all its days must follow before another family begins.
#[must_use]
pub fn head(kind: Kind) -> String {
    let mut text = Text::with_capacity(0);
    text.family(&family(kind));
    text.finish()
}

/// The samples of one series, each at the last second of its day. A day without an amount gets no sample: the cost was
/// zero, and sums stay correct.
#[must_use]
pub fn series(kind: Kind, account: &AccountName, names: &Names, series: &Series, amounts: &[(Date, Amount)]) -> String {
    let family = family(kind);
    let Series { group, measure } = series;
    let group = GroupLabels::of(account.as_str(), names, group);
    let mut text = Text::with_capacity(0);
    for (date, amount) in amounts {
        let last_second = Period::of(*date).ends_at().as_second() - 1;
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
