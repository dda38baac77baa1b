//! Tables of projects, regions and types: their costs, and their change against the week before.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use maud::{Markup, html};

use crate::http::cost_sums;
use crate::http::cost_sums::{Key, Named, WindowSums};
use crate::insights::Whole;
use crate::insights::recent_days::{Amounts, CurrencyDays, Weeks};
use crate::insights::wording;
use crate::snapshot::{Account, Snapshot};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use super::View;
use super::format;
use super::layout::Depth;

/// The largest number of rows. The rest is one row.
const MOST: usize = 12;

/// A kind of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Project,
    Region,
    Type,
}

/// A project, a region or a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part<'a> {
    Project(ProjectId),
    Region(Option<RegionId>),
    Type(&'a ResourceType),
}

/// A sum of which a part may be unknown. Then the whole is.
#[derive(Clone, Copy, Debug)]
struct Sum(Option<Amount>);

#[derive(Clone, Copy, Debug)]
struct Row {
    /// The costs of the known accounts. `None` when only unknown accounts have the part.
    month: Option<Amount>,
    last: Sum,
    before: Sum,
}

/// The costs of the month in one currency. A table for each kind is several times as fast as one for all.
#[derive(Default)]
struct MonthSums<'a> {
    projects: HashMap<ProjectId, Amount, RandomState>,
    regions: HashMap<Option<RegionId>, Amount, RandomState>,
    types: HashMap<&'a ResourceType, Amount, RandomState>,
}

/// The parts of all currencies and kinds.
pub(super) struct Parts<'a> {
    rows: HashMap<(&'a Currency, Part<'a>), Row, RandomState>,
    weeks: Option<Weeks>,
    /// The sums of the month in each currency. Its accounts are those of the rows.
    pub(super) month: WindowSums<'a>,
}

/// The path of a project's page.
pub(super) fn project_path(id: ProjectId) -> String {
    format!("/projects/{}", id.0)
}

impl Sum {
    const ZERO: Self = Self(Some(Amount::ZERO));

    fn add(&mut self, amount: Option<Amount>) {
        self.0 = self.0.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
    }
}

impl Row {
    fn add_month(&mut self, amount: Option<Amount>) {
        if let Some(amount) = amount {
            self.month = Some(self.month.unwrap_or_default().plus(amount));
        }
    }
}

impl Part<'_> {
    fn kind(self) -> Kind {
        match self {
            Self::Project(_) => Kind::Project,
            Self::Region(_) => Kind::Region,
            Self::Type(_) => Kind::Type,
        }
    }

    /// The part whose costs can vanish together.
    fn whole(self) -> Option<Whole> {
        match self {
            Self::Project(id) => Some(Whole::Project(id)),
            Self::Region(id) => id.map(Whole::Region),
            Self::Type(_) => None,
        }
    }
}

impl<'a> Parts<'a> {
    /// The parts of all accounts.
    pub(super) fn new(view: View<'a>) -> Self {
        let accounts = || cost_sums::with_costs(view.snapshot);
        let weeks = |account: &Account| account.insights.as_ref()?.recent.weeks(view.now);
        let weeks = accounts().filter_map(|(_, account)| weeks(account)).min_by_key(|weeks| weeks.last.end());
        let mut parts = Self { rows: HashMap::default(), weeks, month: WindowSums::default() };
        let mut month = BTreeMap::new();
        accounts().for_each(|account| parts.add(view, account, &mut month));
        let of_currency = |currency| Key { account: None, project: None, region: None, resource_type: None, currency };
        parts.month.sums = month.into_iter().map(|(currency, sum)| (of_currency(currency), sum)).collect();
        parts
    }

    fn add(&mut self, view: View<'a>, (name, account): Named<'a>, all: &mut BTreeMap<&'a Currency, Amount>) {
        let totals = account.costs(Window::MonthToDate, view.now);
        let accounts = if totals.is_some() { &mut self.month.known } else { &mut self.month.unknown };
        accounts.push(name);
        let mut sums = BTreeMap::<&Currency, MonthSums<'_>>::new();
        for (group, currency, amount) in totals.iter().flat_map(|totals| totals.amounts.iter()) {
            let sums = sums.entry(currency).or_default();
            cost_sums::add(&mut sums.projects, group.project, amount);
            cost_sums::add(&mut sums.regions, group.region, amount);
            cost_sums::add(&mut sums.types, &group.resource_type, amount);
        }
        let mut month = HashMap::<(&Currency, Part<'_>), Amount, RandomState>::default();
        for (currency, MonthSums { projects, regions, types }) in sums {
            let sum = all.entry(currency).or_default();
            *sum = regions.values().copied().fold(*sum, Amount::plus);
            let projects = projects.into_iter().map(|(id, sum)| (Part::Project(id), sum));
            let regions = regions.into_iter().map(|(id, sum)| (Part::Region(id), sum));
            let types = types.into_iter().map(|(word, sum)| (Part::Type(word), sum));
            month.extend(projects.chain(regions).chain(types).map(|(part, sum)| ((currency, part), sum)));
        }
        let recent = account.insights.as_ref().map(|insights| &*insights.recent);
        for (currency, costs) in recent.iter().flat_map(|recent| recent.currencies()) {
            let projects = costs.projects().map(Part::Project);
            let parts = projects.chain(costs.regions().map(Part::Region)).chain(costs.resource_types().map(Part::Type));
            for part in parts {
                month.entry((currency, part)).or_default();
            }
        }
        for ((currency, part), amount) in month {
            let [last, before] = self.compared(account, currency, part);
            let zero = Row { month: None, last: Sum::ZERO, before: Sum::ZERO };
            let row = self.rows.entry((currency, part)).or_insert(zero);
            row.add_month(totals.map(|_| amount));
            row.last.add(last);
            row.before.add(before);
        }
    }

    /// The sums of a part in the two weeks. `None`: a day is not stored, or the costs vanished at once.
    fn compared(&self, account: &Account, currency: &Currency, part: Part<'_>) -> [Option<Amount>; 2] {
        let (Some(weeks), Some(insights)) = (self.weeks, &account.insights) else { return [None; 2] };
        let recent = &insights.recent;
        [weeks.last, weeks.before].map(|week| {
            if week.days().any(|day| !recent.is_known(day))
                || insights.findings.is_missing(part.whole(), currency, week.last())
            {
                return None;
            }
            let Some(costs) = recent.currency(currency.as_str()) else { return Some(Amount::ZERO) };
            recent.sum(amounts(costs, part), week)
        })
    }

    /// The table of a kind. Empty without a row.
    pub(super) fn table(&self, view: View<'_>, depth: Depth, currency: &Currency, kind: Kind) -> Markup {
        let mut rows: Vec<(Part<'a>, Row)> = self
            .rows
            .iter()
            .filter(|((of, part), _)| *of == currency && part.kind() == kind)
            .map(|((_, part), row)| (*part, *row))
            .collect();
        if rows.is_empty() {
            return html! {};
        }
        let rank = |row: &Row| (row.month, row.last.0);
        rows.sort_unstable_by(|(one, a), (other, b)| rank(b).cmp(&rank(a)).then_with(|| one.cmp(other)));
        let (shown, rest) = rows.split_at(rows.len().min(MOST));
        let most = shown.iter().filter_map(|(_, row)| row.month).max().map_or(0.0, Amount::to_f64);
        let title = match kind {
            Kind::Project => "Projects",
            Kind::Region => "Regions",
            Kind::Type => "Resource types",
        };
        html! {
            div.part {
                h3 { (title) }
                table.parts {
                    caption { (self.caption(view, currency)) }
                    thead {
                        tr {
                            th scope="col" { (title.trim_end_matches('s')) }
                            th.number scope="col" { "This month" }
                            th.number.wide scope="col" { "Last 7 days" }
                            th.number scope="col" { "Change" }
                        }
                    }
                    tbody {
                        @for (part, row) in shown {
                            tr {
                                th scope="row" {
                                    (label(view.snapshot, *part, depth))
                                    @if let Some(amount) = row.month.filter(|_| most > 0.0) {
                                        (share(amount.to_f64() / most))
                                    }
                                }
                                (cells(row))
                            }
                        }
                        @if !rest.is_empty() { tr.rest { th scope="row" { "and " (rest.len()) " more" } (cells(&total(rest))) } }
                    }
                }
            }
        }
    }

    /// The days of the columns.
    fn caption(&self, view: View<'_>, currency: &Currency) -> Markup {
        html! {
            "In " (format::name(currency.as_str())) (format::without(&self.month)) ". This month: " (format::month_so_far(view.now)) ". "
            @match self.weeks {
                Some(weeks) => {
                    "Change: " (format::period(weeks.last)) " against " (format::period(weeks.before)) "."
                },
                None => "Change: unknown, since no stored day is recent.",
            }
        }
    }

    /// The currencies of the rows.
    pub(super) fn currencies(&self) -> impl Iterator<Item = &'a Currency> {
        self.rows.keys().map(|(currency, _)| *currency)
    }
}

fn amounts<'c>(costs: &'c CurrencyDays, part: Part<'_>) -> &'c Amounts {
    match part {
        Part::Project(id) => costs.project(id),
        Part::Region(id) => costs.region(id),
        Part::Type(word) => costs.resource_type(word),
    }
}

fn label(snapshot: &Snapshot, part: Part<'_>, depth: Depth) -> Markup {
    match part {
        Part::Project(id) => {
            html! { a href=(depth.link(&project_path(id))) { (format::name(&snapshot.project_name(None, id))) } }
        }
        Part::Region(id) => format::name(&snapshot.region_name(None, id)),
        Part::Type(word) => format::name(word.as_str()),
    }
}

/// The part of the largest row as a line. The figure stands beside it.
fn share(share: f64) -> Markup {
    let width = format!("{:.0}", share.clamp(0.0, 1.0) * 100.0);
    html! {
        svg.share viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true" {
            rect x="0" y="0" width=(width) height="2" {}
        }
    }
}

fn total(rows: &[(Part<'_>, Row)]) -> Row {
    let mut all = Row { month: None, last: Sum::ZERO, before: Sum::ZERO };
    for (_, row) in rows {
        all.add_month(row.month);
        all.last.add(row.last.0);
        all.before.add(row.before.0);
    }
    all
}

fn cells(row: &Row) -> Markup {
    html! {
        td.number { (format::amount(row.month)) }
        td.number.wide { (format::amount(row.last.0)) }
        td.number { (change(row.last.0, row.before.0)) }
    }
}

/// The change between two weeks. Unknown when a week is.
fn change(last: Option<Amount>, before: Option<Amount>) -> Markup {
    let difference = last.zip(before).and_then(|(last, before)| last.checked_sub(before));
    let (Some(difference), Some(before)) = (difference, before) else { return format::unknown() };
    let is_up = difference > Amount::ZERO;
    if difference == Amount::ZERO {
        return html! { "0.00" };
    }
    let amount = format!("{}{}", if is_up { "+" } else { "" }, format::money(difference));
    let class = if is_up { "up" } else { "down" };
    if before <= Amount::ZERO {
        return html! { span class=(class) { "new" } span.sub { (amount) } };
    }
    let share = difference.to_f64() / before.to_f64();
    let percent = wording::percent(share.abs());
    let (class, sign) = match (percent.starts_with("0.0"), is_up) {
        (true, _) => ("same", ""),
        (false, true) => (class, "+"),
        (false, false) => (class, "−"),
    };
    html! {
        span class=(class) { (sign) (percent) }
        span.sub { (amount) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_both_weeks() {
        let known = |text: &str| Some(text.parse().unwrap());
        for (last, before, want) in [
            (known("110"), known("100"), r#"<span class="up">+10 %</span><span class="sub">+10.00</span>"#),
            (known("90.5"), known("100"), r#"<span class="down">−9.5 %</span><span class="sub">−9.50</span>"#),
            (known("3"), known("0"), r#"<span class="up">new</span><span class="sub">+3.00</span>"#),
            (known("0"), known("0"), "0.00"),
            (known("99.99"), known("100"), r#"<span class="same">0.0 %</span><span class="sub">−0.01</span>"#),
            (None, known("100"), r#"<span class="unknown">unknown</span>"#),
            (known("100"), None, r#"<span class="unknown">unknown</span>"#),
        ] {
            assert_eq!(change(last, before).into_string(), want);
        }
    }
}
