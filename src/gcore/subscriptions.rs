//! `GET /billing/org/v1/subscriptions`: what was bought for a stretch of time.
//!
//! Two shapes of this list have been published. In the first a row is a subscription with its own `id`, `price` and
//! `active_range`. In the second a row is a feature whose `prices` each carry these; there, each price is one
//! subscription.

use smol_str::{SmolStr, format_smolstr};

use crate::billing::record::{Fold, RejectReason};
use crate::billing::subscription::Subscription;

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing;
use super::listing::{Glance, Layout, Listing, PlainQuery};
use super::patience::Patience;
use super::wire::Field;

/// The most that billing lists give at once.
const PAGE_SIZE: u32 = 100;
const FIELDS: [&str; 9] =
    ["id", "client_id", "product", "feature", "metric_ext_name", "calc_rule_type", "active_range", "price", "prices"];

const fn layout<F: Fold<Subscription>>() -> Layout<F, 9> {
    Layout {
        endpoint: Endpoint::Subscriptions,
        rows_key: "results",
        fields: FIELDS,
        identity: &[0, 1, 2, 3, 4, 5, 6, 7, 8],
        weight: None,
        records: |fields, intake| subscriptions(fields, &mut |subscription| intake.add(subscription)),
    }
}

/// Reads all subscriptions.
///
/// # Errors
/// Whatever keeps the list from being read whole.
pub async fn read<F: Fold<Subscription>>(client: &Client, patience: Patience) -> Result<Listing<F>, Error> {
    let parameters = [("ordering", "id".to_owned())];
    listing::read(client, &layout(), PlainQuery { parameters: &parameters, page_size: Some(PAGE_SIZE) }, patience).await
}

/// Counts the subscriptions, and reads one of them.
///
/// # Errors
/// Whatever keeps the page from being read.
pub async fn peek<F: Fold<Subscription>>(client: &Client, patience: Patience) -> Result<Glance<F>, Error> {
    let parameters = [("ordering", "id".to_owned())];
    listing::peek(client, &layout(), PlainQuery { parameters: &parameters, page_size: Some(1) }, patience).await
}

fn subscriptions(fields: &[Field<'_>; 9], each: &mut dyn FnMut(Result<Subscription, RejectReason>)) {
    let [id, client, product, feature, metric, calc_rule_type, active_range, price, prices] = fields;
    let [product] = product.object(["name"]);
    let [feature_id, feature] = feature.object(["id", "name"]);
    let subscription = |id: &Field<'_>, active_range: &Field<'_>, price: &Field<'_>, currency: SmolStr| {
        let [start, end] = active_range.object(["start", "end"]);
        let id = match id.word()? {
            Some(id) => id.into(),
            None => made_up_id(&feature_id, metric, &start)?,
        };
        Ok(Subscription {
            id,
            client_id: client.small(),
            product: product.small(),
            feature: feature.small(),
            calc_rule_type: calc_rule_type.small(),
            start: start.timestamp(),
            end: end.timestamp(),
            // A stepped price is an object: no single number would be true of it.
            price: price.amount().unwrap_or(None),
            currency,
        })
    };
    let prices = prices.elements();
    if prices.is_empty() {
        each(subscription(id, active_range, price, SmolStr::default()));
    }
    for entry in prices {
        let [own_id, active_range, price] = entry.object(["subscription", "active_range", "price"]);
        let [money_value, net_value, currency] = price.object(["money_value", "net_value", "currency"]);
        let [currency] = currency.object(["char_code"]);
        let [nested_id] = own_id.object(["id"]);
        each(subscription(nested_id.or(&own_id), &active_range, money_value.or(&net_value), currency.small()));
    }
}

/// The second shape may lack an id; feature or metric, with the start, tell two rows apart.
fn made_up_id(feature_id: &Field<'_>, metric: &Field<'_>, start: &Field<'_>) -> Result<SmolStr, RejectReason> {
    let what = feature_id.or(metric).word()?.ok_or(RejectReason::NoId)?;
    Ok(format_smolstr!("{what}@{}", start.word()?.unwrap_or_default()))
}
