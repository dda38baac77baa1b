//! The costs in one currency: today, yesterday, the month with its forecast, the last days as bars.

use jiff::ToSpan as _;
use jiff::civil::Date;
use maud::{Markup, html};

use crate::aggregate::group::Group;
use crate::http::cost_sums;
use crate::http::cost_sums::{Dimension, Named, WindowSums};
use crate::insights::recent_days::{Amounts, CurrencyDays, DAYS};
use crate::insights::{JudgedDay, Subject, Whole};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId};

use super::View;
use super::budgets;
use super::chart;
use super::chart::Bar;
use super::format;

/// The sums of three windows over everything that the page shows.
pub(super) struct Windows<'a> {
    pub(super) today: WindowSums<'a>,
    pub(super) yesterday: WindowSums<'a>,
    pub(super) month: WindowSums<'a>,
    /// The accounts whose costs are in the sums, or are unknown.
    accounts: Vec<Named<'a>>,
    /// The project of the page. `None`: all of them.
    project: Option<ProjectId>,
}

/// A forecast with its band.
struct Outlook {
    estimate: f64,
    lower: f64,
    upper: f64,
}

impl<'a> Windows<'a> {
    /// The sums of all accounts. `month` has those of the month.
    pub(super) fn of_all(view: View<'a>, month: WindowSums<'a>) -> Self {
        let accounts: Vec<Named<'_>> = cost_sums::with_costs(view.snapshot).collect();
        let [today, yesterday] = [Window::Today, Window::Yesterday]
            .map(|window| cost_sums::sums(accounts.iter().copied(), window, &[], |_| true, view.now));
        Self { today, yesterday, month, accounts, project: None }
    }

    /// The sums of one project of accounts, by region and type.
    pub(super) fn of_project(view: View<'a>, accounts: Vec<Named<'a>>, project: ProjectId) -> Self {
        let dimensions = [Dimension::Region, Dimension::ResourceType];
        let is_meant = |group: &Group| group.project == project;
        let [today, yesterday, month] = [Window::Today, Window::Yesterday, Window::MonthToDate]
            .map(|window| cost_sums::sums(accounts.iter().copied(), window, &dimensions, is_meant, view.now));
        Self { today, yesterday, month, accounts, project: Some(project) }
    }

    /// The currencies of these sums.
    pub(super) fn currencies(&self) -> impl Iterator<Item = &'a Currency> {
        [&self.today, &self.yesterday, &self.month]
            .into_iter()
            .flat_map(|window| &window.sums)
            .map(|(key, _)| key.currency)
    }

    /// The tiles, the bars and the budgets of a currency.
    pub(super) fn section(&self, view: View<'_>, currency: &Currency) -> Markup {
        let budgets = if self.project.is_none() {
            budgets::list(view, currency)
        } else {
            html! {}
        };
        html! {
            (self.tiles(view, currency))
            (self.days(view, currency))
            (budgets)
        }
    }

    fn tiles(&self, view: View<'_>, currency: &Currency) -> Markup {
        let today = utc_date(view.now);
        let month = self.month.sum(currency);
        let yesterday = today.saturating_sub(1.day());
        html! {
            dl.tiles {
                div {
                    dt { "This month" }
                    dd {
                        strong.figure { (format::amount(month)) }
                        span.note { (format::month_so_far(view.now)) ", today so far" (format::without(&self.month)) }
                    }
                }
                div {
                    dt { "Forecast for " (today.strftime("%B")) }
                    dd { (self.forecast(view, currency, month)) }
                }
                div {
                    dt { "Today so far" }
                    dd {
                        strong.figure { (format::amount(self.today.sum(currency))) }
                        span.note { (format::day(today)) ", provisional" (format::without(&self.today)) }
                    }
                }
                div {
                    dt { "Yesterday" }
                    dd {
                        strong.figure { (format::amount(self.yesterday.sum(currency))) }
                        span.note {
                            (format::day(yesterday))
                            @if let Some(expected) = self.expected(view, currency, yesterday) {
                                ", expected " (format::estimate(expected))
                            }
                            (format::without(&self.yesterday))
                        }
                    }
                }
            }
        }
    }

    fn forecast(&self, view: View<'_>, currency: &Currency, month: Option<Amount>) -> Markup {
        let Some(outlook) = self.outlook(view, currency) else {
            return html! {
                strong.figure { (format::unknown()) }
                span.note { "It needs the history of past days" }
            };
        };
        let spent = month.filter(|_| self.month.unknown.is_empty()).map(Amount::to_f64);
        // The forecast knows closed days only. The month costs at least its costs so far.
        let least = month.map_or(f64::NEG_INFINITY, Amount::to_f64);
        let [lower, estimate, upper] = [outlook.lower, outlook.estimate, outlook.upper].map(|edge| edge.max(least));
        let band = format!("{} – {}", format::estimate(lower), format::estimate(upper));
        let label = format!(
            "Spent so far {} of an expected {} {}; band {band}",
            spent.map_or_else(|| "unknown".to_owned(), format::estimate),
            format::estimate(estimate),
            currency.as_str()
        );
        html! {
            strong.figure { (format::estimate(estimate)) }
            (chart::month(spent, [lower, estimate, upper], &format::shortened(&label, 200)))
            span.note { (band) " in four of five months" }
        }
    }

    /// The forecast of the current month over all accounts. `None` when that of an account is unknown.
    fn outlook(&self, view: View<'_>, currency: &Currency) -> Option<Outlook> {
        let mut all: Option<Outlook> = None;
        for (_, account) in &self.accounts {
            let findings = &account.insights.as_ref()?.findings;
            if !findings.foretells(view.now) {
                return None;
            }
            let found = match self.project {
                None => findings.account.get(currency),
                Some(project) => findings.forecasts.get(&(project, currency.clone())),
            };
            let Some(found) = found else { continue };
            let sum = all.get_or_insert(Outlook { estimate: 0.0, lower: 0.0, upper: 0.0 });
            sum.estimate += found.estimate;
            sum.lower += found.lower;
            sum.upper += found.upper;
        }
        all.filter(|sum| [sum.estimate, sum.lower, sum.upper].iter().all(|edge| edge.is_finite()))
    }

    /// The expected costs of a day, by the detector.
    fn expected(&self, view: View<'_>, currency: &Currency, day: Date) -> Option<f64> {
        let subject = self.project.map_or(Subject::Account, Subject::Project);
        let mut expected = None;
        for (_, account) in &self.accounts {
            let judged = account.insights.as_ref()?.findings.news(view.now).filter(|judged| judged.day == day)?;
            if let Some(judgement) = judged.of(&subject, currency) {
                *expected.get_or_insert(0.0) += judgement.expected;
            }
        }
        expected.filter(|expected: &f64| expected.is_finite())
    }

    /// The last judged day, if it was an anomaly.
    fn unusual(&self, view: View<'_>, currency: &Currency) -> Option<Date> {
        let subject = self.project.map_or(Subject::Account, Subject::Project);
        let mut news =
            self.accounts.iter().filter_map(|(_, account)| account.insights.as_ref()?.findings.news(view.now));
        let is_meant = |of: &&JudgedDay| of.of(&subject, currency).is_some_and(|judgement| judgement.anomaly);
        news.find(is_meant).map(|judged| judged.day)
    }

    /// The costs of a closed day. `None`: the day of an account is not stored, or its costs vanished at once.
    fn amount_on(&self, currency: &Currency, day: Date) -> Option<Amount> {
        let mut sum = Amount::ZERO;
        for (_, account) in &self.accounts {
            let insights = account.insights.as_ref()?;
            let recent = &insights.recent;
            if !recent.is_known(day) || insights.findings.is_missing(self.project.map(Whole::Project), currency, day) {
                return None;
            }
            let Some(costs) = recent.currency(currency.as_str()) else { continue };
            sum = sum.checked_add(recent.on(amounts(costs, self.project), day)?)?;
        }
        Some(sum)
    }

    fn days(&self, view: View<'_>, currency: &Currency) -> Markup {
        let today = utc_date(view.now);
        let length = i32::try_from(DAYS).unwrap_or_default();
        let closed = (1..=length).rev().map(|back| today.saturating_sub(back.days()));
        let mut days: Vec<(Date, Option<Amount>)> = closed.map(|day| (day, self.amount_on(currency, day))).collect();
        days.push((today, self.today.whole(currency)));
        let unusual = self.unusual(view, currency);
        let bar = |(day, amount): &(Date, Option<Amount>)| {
            let weekday = day.strftime("%a");
            let shown = amount.map_or_else(|| "unknown".to_owned(), format::money);
            let class = match day.weekday() {
                _ if *day == today => "today",
                _ if Some(*day) == unusual => "unusual",
                jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday => "weekend",
                _ => "day",
            };
            let note = if class == "unusual" { ", anomaly" } else { "" };
            let title = format!("{weekday} {}: {shown}{note}", format::day(*day));
            Bar { title, value: amount.map(Amount::to_f64), class }
        };
        let bars: Vec<Bar> = days.iter().map(bar).collect();
        let first = days.first().map_or(today, |(day, _)| *day);
        let range = format!("{} – {}", format::day(first), format::day(today));
        let unknown = days.iter().filter(|(_, amount)| amount.is_none()).count();
        let most = chart::most(&bars).map_or_else(|| "unknown".to_owned(), format::estimate);
        let word = format::shortened(currency.as_str(), 20);
        let label = format!("Bars: costs per day in {word}, {range}. The largest is {most}.");
        html! {
            figure.days {
                figcaption {
                    "Costs per day in " (format::name(currency.as_str())) ", " (range)
                    @if unknown > 0 { "; " (unknown) " of " (days.len()) " days unknown" }
                    span.legend {
                        span.key.weekend { "weekend" }
                        @if unusual.is_some() { span.key.unusual { "anomaly" } }
                        span.key.today { "today so far" }
                    }
                }
                div.plot {
                    span.top aria-hidden="true" { (most) }
                    (chart::bars(&bars, &label))
                    div.axis aria-hidden="true" { span { (format::day(first)) } span { "today" } }
                }
                details {
                    summary { "These days as a table" }
                    (table(&days, today, currency))
                }
            }
        }
    }
}

/// The amounts of the bars as a table.
fn table(days: &[(Date, Option<Amount>)], today: Date, currency: &Currency) -> Markup {
    html! {
        table.narrow {
            caption { "Costs per day in " (format::name(currency.as_str())) ", the newest first" }
            thead { tr { th scope="col" { "Day" } th.number scope="col" { "Costs" } } }
            tbody {
                @for (day, amount) in days.iter().rev() {
                    tr {
                        th scope="row" {
                            (day.strftime("%a")) " " (format::day(*day))
                            @if *day == today { " (so far)" }
                        }
                        td.number { (format::amount(*amount)) }
                    }
                }
            }
        }
    }
}

fn amounts(costs: &CurrencyDays, project: Option<ProjectId>) -> &Amounts {
    project.map_or(&costs.account, |project| costs.project(project))
}
