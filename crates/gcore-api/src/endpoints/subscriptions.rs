//! `GET /billing/org/v1/subscriptions`: products that are billed for a range of time.
//!
//! Two shapes of this list are published. In the first, a row is a subscription with its own `id`, `price` and
//! `active_range`. In the second, a row is a feature with several `prices`, and each price is one subscription.

use smol_str::{SmolStr, format_smolstr};

use crate::billing::record::{Fold, RejectReason};
use crate::billing::subscription::Subscription;

use crate::endpoints::pagination;
use crate::endpoints::pagination::{FirstPage, Listing, PlainQuery, RowSchema};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::Field;
use crate::json::lenient_json::Instants;

/// The largest page of billing lists.
const PAGE_SIZE: u32 = 100;
const FIELDS: [&str; 10] = [
    "id",
    "client_id",
    "client",
    "product",
    "feature",
    "metric_ext_name",
    "calc_rule_type",
    "active_range",
    "price",
    "prices",
];

const fn layout<F: Fold<Subscription>>() -> RowSchema<F, 10> {
    RowSchema {
        endpoint: Endpoint::Subscriptions,
        rows_key: "results",
        fields: FIELDS,
        identity: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        weight: None,
        records: |fields, intake| {
            subscriptions(fields, &mut |subscription, unread| {
                intake.add(subscription);
                unread.into_iter().for_each(|reason| intake.reject(reason));
            });
        },
    }
}

/// Reads all subscriptions.
///
/// # Errors
/// Fails when the list cannot be read completely.
pub async fn read<F: Fold<Subscription>>(client: &Client, deadline: PollDeadline) -> Result<Listing<F>, Error> {
    let parameters = [("ordering", "id".to_owned())];
    pagination::read(client, &layout(), PlainQuery { parameters: &parameters, page_size: Some(PAGE_SIZE) }, deadline)
        .await
}

/// Counts the subscriptions, and reads one of them.
///
/// # Errors
/// Fails when the page cannot be read.
pub async fn probe<F: Fold<Subscription>>(client: &Client, deadline: PollDeadline) -> Result<FirstPage<F>, Error> {
    let parameters = [("ordering", "id".to_owned())];
    pagination::probe(client, &layout(), PlainQuery { parameters: &parameters, page_size: Some(1) }, deadline).await
}

/// Passes each subscription of a row to `each`, with the reason why a part of it is unreadable.
fn subscriptions(
    fields: &[Field<'_>; 10],
    each: &mut dyn FnMut(Result<Subscription, RejectReason>, Option<RejectReason>),
) {
    let [id, client_id, client, product, feature, metric, calc_rule_type, active_range, price, prices] = fields;
    let [nested_client_id] = client.object(["id"]);
    let client_id = client_id.or(&nested_client_id).small();
    let [product] = product.object(["name"]);
    let [feature_id, feature] = feature.object(["id", "name"]);
    let mut add = |id: &Field<'_>, active_range: &Field<'_>, price: &Field<'_>, currency: SmolStr| {
        let mut instants = Instants::default();
        let [start, end] = instants.read_range(active_range, ["start", "end"]);
        let made_up = || {
            let [start] = active_range.object(["start"]);
            made_up_id(&client_id, feature_id.or(metric), &start)
        };
        let id = id.identity().and_then(|id| id.map_or_else(made_up, Ok));
        let subscription = id.map(|id| Subscription {
            id,
            client_id: client_id.clone(),
            product: product.small(),
            feature: feature.small(),
            calc_rule_type: calc_rule_type.small(),
            start,
            end,
            has_unknown_edge: instants.unread.is_some(),
            // A stepped price is an object, and no single number is correct for it.
            price: price.amount().unwrap_or(None),
            currency,
        });
        each(subscription, instants.unread);
    };
    let prices = prices.elements();
    if prices.is_empty() {
        add(id, active_range, price, SmolStr::default());
    }
    for entry in prices {
        let [own_id, active_range, price] = entry.object(["subscription", "active_range", "price"]);
        let [money_value, net_value, currency] = price.object(["money_value", "net_value", "currency"]);
        let [currency] = currency.object(["char_code"]);
        let [nested_id] = own_id.object(["id"]);
        add(nested_id.or(&own_id), &active_range, money_value.or(&net_value), currency.small());
    }
}

/// An id for the second shape, which may lack one. Client, feature or metric, and start identify most rows.
fn made_up_id(client_id: &str, what: &Field<'_>, start: &Field<'_>) -> Result<SmolStr, RejectReason> {
    let what = what.word()?.ok_or(RejectReason::NoId)?;
    let start = start.word()?.unwrap_or_default();
    Ok(if client_id.is_empty() {
        format_smolstr!("{what}@{start}")
    } else {
        format_smolstr!("{client_id}:{what}@{start}")
    })
}
