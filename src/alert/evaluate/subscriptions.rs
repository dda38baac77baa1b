//! Rules on the ends of subscriptions.

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use crate::account::AccountName;
use crate::snapshot::Account;
use gcore_api::billing::subscription::{Subscription, SubscriptionState};

use super::wording::instant;
use super::{Breach, Case, Verdict, Words};

const DAY_SECONDS: f64 = 86_400.0;

fn of_subscriptions(
    case: &Case<'_>,
    account: &Account,
    breach: impl Fn(&Subscription, Timestamp) -> Option<Breach>,
) -> Verdict {
    let Some(reading) = &account.subscriptions else { return Verdict::Unknown };
    let Some(list) = reading.current(case.now) else { return Verdict::Unknown };
    let breaches = list.iter().filter_map(|subscription| breach(subscription, subscription.end?));
    Verdict::known(reading.read_at(), breaches)
}

fn named(subscription: &Subscription) -> String {
    let Subscription { id, product, feature, .. } = subscription;
    match (product.as_str(), feature.as_str()) {
        ("", "") => format!("subscription {id}"),
        (product, "") => format!("subscription {id} ({product})"),
        (product, feature) => format!("subscription {id} ({product}, {feature})"),
    }
}

fn price(subscription: &Subscription) -> String {
    let Subscription { price, currency, .. } = subscription;
    price.map_or(String::new(), |price| format!(" Its price is {price} {currency}."))
}

/// Only the nearest step is an alert.
pub(super) fn expiring(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    of_subscriptions(case, account, |subscription, end| {
        // A subscription with an unknown start still ends.
        if !matches!(subscription.state(case.now), SubscriptionState::Active | SubscriptionState::Unknown) {
            return None;
        }
        let days = end.duration_since(case.now).as_secs_f64() / DAY_SECONDS;
        let reached = case.set.steps.iter().enumerate().filter(|(_, step)| days <= **step);
        let (number, step) = reached.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let what = named(subscription);
        let summary = format!("Account {name}: {what} ends on {}", instant(end));
        let description = format!(
            "The active range of {what} ends on {}, within {step} days.{} The contract decides what follows: the \
             service may stop, or continue at pay-as-you-go prices.",
            instant(end),
            price(subscription),
        );
        let starts_at = end.checked_sub(SignedDuration::from_secs_f64(step * DAY_SECONDS)).unwrap_or(case.now);
        let own = [("subscription_id", subscription.id.clone()), ("days", format_smolstr!("{step}"))];
        let breach = case.breach(number, Some(name), own, starts_at, Words { summary, description });
        Some(breach.measured(days.ceil(), *step).until(end))
    })
}

pub(super) fn expired(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let told_for = case.set.length("until");
    of_subscriptions(case, account, |subscription, end| {
        let until = end.checked_add(told_for).unwrap_or(Timestamp::MAX);
        if subscription.state(case.now) != SubscriptionState::Expired || until <= case.now {
            return None;
        }
        let what = named(subscription);
        let summary = format!("Account {name}: {what} ended on {}", instant(end));
        let description = format!(
            "The active range of {what} ended on {}.{} The service may have stopped, or may be charged at \
             pay-as-you-go prices since.",
            instant(end),
            price(subscription),
        );
        let own = [("subscription_id", SmolStr::clone(&subscription.id))];
        Some(case.breach(0, Some(name), own, end, Words { summary, description }).until(until))
    })
}
