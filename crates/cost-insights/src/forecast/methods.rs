//! Four methods to forecast the open days of a month. Each is right about some series and wrong about others.

use crate::calendar::MONTHS;
use crate::detector::NEW_LEVEL_DAYS;
use crate::series::{Series, middle};

use super::plan::Plan;

pub(super) const METHODS: usize = 4;

/// The largest and the smallest number of weeks of a trend. From 6 to 8 nothing changes.
const TREND_WEEKS: usize = 8;
const FEWEST_WEEKS: usize = 3;
/// The weight of the part of a slope that noise explains. An unsure slope counts as none. From 1 to 4 nothing changes.
const DOUBT: f64 = 2.0;
/// The delay of the level behind a trend, in days.
const BEHIND: f64 = 6.0;
/// The lowest trend of a series, as a share of the level.
const LEAST_OF_LEVEL: f64 = 0.2;
/// The largest forecast of an open day, in units of the level, without the charges of earlier months.
const MOST_OF_LEVEL: f64 = 4.0;

/// The forecasts of the open days by four methods: the level; the trend; the trend with the charges of earlier months;
/// the same part of earlier months.
///
/// A sparse series has no trend. Its cost in a part of the month is already a charge.
pub(super) fn all(series: &Series, plan: &Plan) -> [f64; METHODS] {
    let level = level_ahead(series);
    let level = level * weight(series, plan);
    let trend = level * growth(series, plan);
    let months = earlier(series, plan);
    let of_months = months.typical.unwrap_or(level);
    let open = if series.is_sparse && series.is_new() {
        [of_months; METHODS]
    } else if series.is_sparse {
        [level, of_months, f64::midpoint(level, of_months), of_months]
    } else {
        [level, trend, trend + months.charges, of_months]
    };
    let most = MOST_OF_LEVEL * series.level * plan.open + of_months.max(months.charges);
    open.map(|amount| amount.clamp(0.0, most.max(0.0)))
}

/// The cost of the open days in units of the level: the shares of their weekdays. Past days of the month with an
/// unknown cost are open, too.
pub(super) fn weight(series: &Series, plan: &Plan) -> f64 {
    let to_come: f64 = plan.weekdays.iter().enumerate().map(|(weekday, days)| days * series.share(weekday)).sum();
    to_come + unknown(series, plan)
}

/// The same for past days with an unknown cost.
pub(super) fn unknown(series: &Series, plan: &Plan) -> f64 {
    let is_unknown = |lag: &usize| *lag < series.age && series.amount(plan.at, *lag).is_nan();
    (0..plan.elapsed).filter(is_unknown).map(|lag| series.share(plan.weekday_at(lag))).sum()
}

/// The average cost of a day. A sparse series has costs on the same share of days as in the last four weeks.
fn level_ahead(series: &Series) -> f64 {
    let (known, paid) = series.presence();
    if series.is_sparse {
        series.level * f64::from(paid) / f64::from(known.max(1))
    } else if series.quiet >= u16::from(NEW_LEVEL_DAYS) {
        0.0
    } else {
        series.level
    }
}

/// The factor of the open days on the level: along a straight line through the last weeks at this level.
fn growth(series: &Series, plan: &Plan) -> f64 {
    let days = if series.previous > 0.0 { series.age.min(series.at_level) } else { series.age };
    let weeks = (days / 7).min(TREND_WEEKS);
    if series.is_sparse || weeks < FEWEST_WEEKS || series.level <= 0.0 {
        return 1.0;
    }
    let count = weeks as f64;
    let mut means = [0.0; TREND_WEEKS];
    for (week, mean) in means.iter_mut().enumerate().take(weeks) {
        *mean = (0..7).map(|day| series.usual(plan.at, 7 * week + day)).sum::<f64>() / 7.0;
    }
    let means = &means[..weeks];
    let (mean, centre) = (means.iter().sum::<f64>() / count, (count - 1.0) / 2.0);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (week, amount) in means.iter().enumerate() {
        // The newest week comes first.
        let (x, y) = (centre - week as f64, amount - mean);
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    let slope = xy / xx;
    if slope.abs() <= f64::MIN_POSITIVE {
        return 1.0;
    }
    let doubt = (yy - slope * xy).max(0.0) / ((count - 2.0) * xx) / (slope * slope);
    let sure = slope * (1.0 - DOUBT * doubt).max(0.0);
    (1.0 + sure / 7.0 * (plan.distance + BEHIND) / series.level).max(LEAST_OF_LEVEL)
}

/// The same part of earlier months.
struct Earlier {
    /// The charges above the band, beyond the usual cost.
    charges: f64,
    /// Its cost. `None` when no month is known.
    typical: Option<f64>,
}

fn earlier(series: &Series, plan: &Plan) -> Earlier {
    let (mut charges, mut totals, mut found) = ([0.0; MONTHS], [0.0; MONTHS], 0);
    for (from, to) in plan.parts.iter().take_while(|(from, _)| *from < series.age) {
        let (mut charge, mut total, mut days) = (0.0, 0.0, 0.0);
        for lag in *to..=*from {
            let amount = series.amount(plan.at, lag);
            if !amount.is_nan() {
                total += amount;
                days += 1.0;
                charge += if series.was_above(plan.at, lag) { series.excess(plan.at, lag) } else { 0.0 };
            }
        }
        if days > 0.0 {
            charges[found] = charge;
            totals[found] = if series.is_sparse { total } else { total / days * plan.open };
            found += 1;
        }
    }
    if found > 0 {
        return Earlier {
            charges: least_or_middle(&mut charges[..found]),
            typical: Some(middle(&mut totals[..found])),
        };
    }
    // A new series with only a fee has no level for weeks, so the last month decides.
    let began = plan.parts.first().filter(|(_, to)| series.is_new() && *to < series.age);
    let typical = began.map(|(from, to)| (*to..=*from).map(|lag| series.amount(plan.at, lag).max(0.0)).sum());
    Earlier { charges: 0.0, typical: typical.filter(|_| series.is_sparse) }
}

/// The smaller of two months, because a spike is no charge. The median of three.
fn least_or_middle(values: &mut [f64]) -> f64 {
    if values.len() == 2 { values[0].min(values[1]) } else { middle(values) }
}
