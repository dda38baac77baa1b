//! Rules on spend: anomalies of a closed day, high costs today, and new costs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use smol_str::{SmolStr, format_smolstr};

use crate::account::AccountName;
use crate::aggregate::group::Group;
use crate::insights::{Contributor, Judged, JudgedDay, Subject};
use crate::snapshot::{Account, Collector};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Window, midnight, next_midnight, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use super::wording::{self, money, percent};
use super::{Breach, Case, Strength, Verdict, Words};

/// If one child makes up this share of a roll-up's excess, the child replaces the roll-up.
const DOMINANT: f64 = 0.7;
/// An excess of this many times `min_excess` is critical.
const CRITICAL_MINIMA: f64 = 5.0;

/// The judged day, once the history is complete or cannot become so. Half of a history gives false anomalies.
fn judged(account: &Account, now: Timestamp) -> Option<&JudgedDay> {
    account.collectors.get(&Collector::History)?.last_outcome?;
    account.insights.as_ref()?.findings.news(now)
}

pub(super) fn anomalies(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let Some(judged) = judged(account, case.now) else { return Verdict::Unknown };
    let (day, least) = (judged.day, case.set.number("min_excess"));
    let anomalies: Vec<&Judged> = judged.anomalies().filter(|anomaly| anomaly.judgement.excess() >= least).collect();
    let is_provisional = account.cost.get(&Window::Yesterday).is_none_or(|reading| case.now < reading.settled_at);
    let breaches = worth_telling(&anomalies).into_iter().map(|anomaly| {
        let breach = spike(case, name, account, day, anomaly);
        Breach {
            annotations: with(breach.annotations, "provisional", if is_provisional { "yes" } else { "no" }),
            ..breach
        }
    });
    Verdict::known(midnight(day), breaches)
}

fn with(mut annotations: super::Labels, name: &'static str, text: &str) -> super::Labels {
    annotations.insert(SmolStr::new_static(name), SmolStr::new(text));
    annotations
}

/// One anomaly for each cause. A roll-up replaces many children that it explains; a dominant child replaces its
/// roll-ups.
fn worth_telling<'a>(anomalies: &[&'a Judged]) -> Vec<&'a Judged> {
    let (mut told, mut wholes): (Vec<&Judged>, Vec<&Judged>) = Default::default();
    // Subjects are ordered from wide to narrow.
    for anomaly in anomalies {
        let is_whole = !matches!(anomaly.subject, Subject::Group(_));
        let is_part_of =
            |whole: &Judged| whole.currency == anomaly.currency && contains(&whole.subject, &anomaly.subject);
        let makes_up = |part: &&&Judged| {
            part.currency == anomaly.currency
                && contains(&anomaly.subject, &part.subject)
                && part.judgement.excess() >= DOMINANT * anomaly.judgement.excess()
        };
        if wholes.iter().any(|whole| is_part_of(whole)) || (is_whole && anomalies.iter().any(|part| makes_up(&part))) {
            continue;
        }
        told.push(anomaly);
        wholes.extend(is_whole.then_some(*anomaly));
    }
    told
}

/// Whether the costs of `whole` include those of `part`.
fn contains(whole: &Subject, part: &Subject) -> bool {
    match (whole, part) {
        (Subject::Account, part) => *part != Subject::Account,
        (Subject::Project(project), Subject::Group(group)) => group.project == *project,
        (Subject::Type(word), Subject::Group(group)) => group.resource_type == *word,
        _ => false,
    }
}

fn spike(case: &Case<'_>, name: &AccountName, account: &Account, day: Date, anomaly: &Judged) -> Breach {
    let Judged { currency, subject, judgement, contributors } = anomaly;
    let (names, currency) = (&account.names, currency.as_str());
    let least = CRITICAL_MINIMA * case.set.number("min_excess");
    let is_critical =
        judgement.actual >= case.set.number("critical_factor") * judgement.expected && judgement.excess() >= least;
    let [project, region, resource_type] = subject.places();
    let own = [
        ("currency", SmolStr::new(currency)),
        ("project_id", project),
        ("region_id", region),
        ("resource_type", resource_type),
    ];
    let what = wording::subject(names, subject);
    let (actual, expected) = (money(judgement.actual, currency), money(judgement.expected, currency));
    let explanation = judgement.explanation(currency);
    let mut description = format!("On {day} (UTC), {what} of account {name} {explanation}.");
    if !contributors.is_empty() {
        let part = |part: &Contributor| {
            let excess = money(part.excess, currency);
            format!("{} +{excess} ({})", wording::group(names, &part.group), percent(part.share))
        };
        let parts: Vec<String> = contributors.iter().take(wording::NAMED).map(part).collect();
        description += &format!(" The excess comes from {}.", parts.join("; "));
    }
    let summary = format!("Account {name}: {what} cost {actual} on {day}, expected {expected}");
    let starts_at = midnight(day.saturating_add(1.day()));
    case.breach(usize::from(is_critical), Some(name), own, starts_at, Words { summary, description })
        .measured(judgement.actual, judgement.upper)
}

/// Sums of today's costs by key and currency.
fn sums<'a, K: Ord>(costs: impl Iterator<Item = (K, &'a Currency, Amount)>) -> BTreeMap<(K, &'a Currency), Amount> {
    let mut sums = BTreeMap::new();
    for (key, currency, amount) in costs {
        let sum: &mut Amount = sums.entry((key, currency)).or_default();
        *sum = sum.plus(amount);
    }
    sums
}

pub(super) fn today(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let now = case.now;
    let reading = account.cost.get(&Window::Today);
    let costs = reading.and_then(|reading| Some((reading.read_at(), account.costs(Window::Today, now)?)));
    let (Some((read_at, costs)), Some(judged)) = (costs, judged(account, now)) else { return Verdict::Unknown };
    let typical: BTreeMap<(ProjectId, &Currency), f64> = judged
        .judgements()
        .iter()
        .filter_map(|judged| match &judged.subject {
            Subject::Project(project) => Some(((*project, &judged.currency), typical_day(judged)?)),
            _ => None,
        })
        .collect();
    let by_project = sums(costs.amounts.iter().map(|(group, currency, amount)| (group.project, currency, amount)));
    let mut above = BTreeMap::new();
    for (key, sum) in by_project {
        let Some(typical) = typical.get(&key).copied() else { continue };
        let threshold = (case.set.number("factor") * typical).max(typical + case.set.number("min_excess"));
        let spent = sum.to_f64();
        if let Some(strength) = Strength::of(spent, threshold) {
            above.insert(key, Above { spent, typical, threshold, strength, groups: Vec::new() });
        }
    }
    let groups = if above.is_empty() { None } else { Some(costs.amounts.iter()) };
    for (group, currency, amount) in groups.into_iter().flatten() {
        if let Some(above) = above.get_mut(&(group.project, currency)) {
            above.groups.push((group, amount.to_f64()));
        }
    }
    let breaches =
        above.into_iter().map(|((project, currency), above)| above.told(case, name, account, project, currency));
    Verdict::known(read_at, breaches)
}

/// A project whose costs today are above those of an ordinary whole day.
struct Above<'a> {
    spent: f64,
    typical: f64,
    threshold: f64,
    strength: Strength,
    groups: Vec<(&'a Group, f64)>,
}

impl Above<'_> {
    fn told(
        self,
        case: &Case<'_>,
        name: &AccountName,
        account: &Account,
        project: ProjectId,
        currency: &Currency,
    ) -> Breach {
        let (today, currency) = (utc_date(case.now), currency.as_str());
        let what = wording::project(&account.names, project);
        let [spent, typical] = [self.spent, self.typical].map(|amount| money(amount, currency));
        let most = wording::most(self.groups, currency, |group| {
            format!("{} in region {}", group.resource_type.as_str(), account.names.region(group.region))
        });
        let summary = format!("Account {name}: {what} has cost {spent} today already");
        let description = format!(
            "{today} (UTC) is not over, and {what} has cost {spent} so far; a whole day usually costs {typical}.{most}",
        );
        let own = [("currency", SmolStr::new(currency)), ("project_id", format_smolstr!("{}", project.0))];
        case.breach(0, Some(name), own, midnight(today), Words { summary, description })
            .measured(self.spent, self.threshold)
            .strength(self.strength)
            .until(next_midnight(case.now))
    }
}

/// The cost of an ordinary whole day: the expectation of the last day, or its amount if that is higher and no anomaly.
fn typical_day(judged: &Judged) -> Option<f64> {
    let judgement = &judged.judgement;
    let expected = Some(judgement.expected).filter(|expected| expected.is_finite())?;
    Some(if judgement.anomaly { expected } else { expected.max(judgement.actual) })
}

pub(super) fn novelties(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let now = case.now;
    let today = account.costs(Window::Today, now);
    let (Some(today), Some(judged)) = (today, judged(account, now)) else { return Verdict::Unknown };
    let (day, judged) = (judged.day, judged.judgements());
    // If the whole account is young, every cost is new and the alert would be noise.
    let is_grown = |judged: &&Judged| judged.subject == Subject::Account && !judged.judgement.low_confidence;
    let grown: BTreeSet<&Currency> = judged.iter().filter(is_grown).map(|judged| &judged.currency).collect();
    if grown.is_empty() {
        return Verdict::Unknown;
    }
    let mut known: BTreeSet<(Place, &Currency)> = BTreeSet::new();
    let mut spent: BTreeMap<(Place, &Currency), New> = BTreeMap::new();
    for Judged { currency, subject, judgement, .. } in judged {
        let place = match subject {
            Subject::Type(word) => Place::Type(word),
            Subject::Group(group) => match group.region {
                Some(region) => Place::Region(region),
                None => continue,
            },
            _ => continue,
        };
        if judgement.expected.is_nan() && judgement.low_confidence {
            spent.entry((place, currency)).or_insert(New::on(day)).amount += judgement.actual;
        } else {
            known.insert((place, currency));
        }
    }
    let of_today = today.amounts.iter();
    let places = of_today.flat_map(|(group, currency, amount)| {
        let region = group.region.map(Place::Region);
        [Some(Place::Type(&group.resource_type)), region]
            .into_iter()
            .flatten()
            .map(move |place| (place, currency, amount))
    });
    for (key, amount) in sums(places) {
        let (new, amount) = (spent.entry(key).or_insert(New::on(utc_date(now))), amount.to_f64());
        if amount > new.amount {
            (new.amount, new.day) = (amount, utc_date(now));
        }
    }
    let least = case.set.number("min_amount");
    let is_new = |((place, currency), new): &(&(Place, &Currency), &New)| {
        new.amount >= least && grown.contains(currency) && !known.contains(&(*place, *currency))
    };
    let breaches = spent.iter().filter(is_new).map(|((place, currency), new)| {
        let parts = if new.day == day {
            judged.iter().filter_map(|judged| place.part(judged, currency)).collect()
        } else {
            let of_place = today.amounts.iter().filter(|(group, other, _)| other == currency && place.holds(group));
            of_place.map(|(group, _, amount)| (group, amount.to_f64())).collect()
        };
        new.told(case, name, account, *place, currency.as_str(), parts)
    });
    Verdict::known(midnight(day), breaches)
}

/// The costs of something new.
struct New {
    /// The larger of the costs of the closed day and of today.
    amount: f64,
    /// The first day with costs.
    first: Date,
    /// The day of the amount.
    day: Date,
}

impl New {
    fn on(day: Date) -> Self {
        Self { amount: 0.0, first: day, day }
    }

    fn told(
        &self,
        case: &Case<'_>,
        name: &AccountName,
        account: &Account,
        place: Place<'_>,
        currency: &str,
        parts: Vec<(&Group, f64)>,
    ) -> Breach {
        let (label, id, what) = place.words(account);
        let most = wording::most(parts, currency, |group| wording::group(&account.names, group));
        let summary = format!("Account {name} pays for {what} for the first time");
        let description = format!(
            "On {} (UTC) {what} cost {}; no day before {} that is known had costs of it in this account.{most}",
            self.day,
            money(self.amount, currency),
            self.first,
        );
        let own = [("currency", SmolStr::new(currency)), (label, id)];
        case.breach(0, Some(name), own, midnight(self.first), Words { summary, description })
            .measured(self.amount, case.set.number("min_amount"))
    }
}

/// A place that can be new: a resource type or a region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Type(&'a ResourceType),
    Region(RegionId),
}

impl<'a> Place<'a> {
    fn holds(self, group: &Group) -> bool {
        match self {
            Self::Type(word) => group.resource_type == *word,
            Self::Region(region) => group.region == Some(region),
        }
    }

    /// The group and its costs on the closed day, if it belongs to this place and currency.
    fn part(self, judged: &'a Judged, currency: &Currency) -> Option<(&'a Group, f64)> {
        let Subject::Group(group) = &judged.subject else { return None };
        (judged.currency == *currency && self.holds(group)).then_some((group, judged.judgement.actual))
    }

    /// The label, the id and the name of the place.
    fn words(self, account: &Account) -> (&'static str, SmolStr, String) {
        match self {
            Self::Type(word) => {
                ("resource_type", SmolStr::new(word.as_str()), format!("resource type {}", word.as_str()))
            }
            Self::Region(region) => {
                let region_name = account.names.region(Some(region));
                ("region_id", format_smolstr!("{}", region.0), format!("region {region_name}"))
            }
        }
    }
}
