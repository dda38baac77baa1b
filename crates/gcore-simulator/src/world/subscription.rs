//! The account's subscriptions, as in `GET /billing/org/v1/subscriptions`.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::company::CLIENT_ID;
use super::task::rfc3339;

/// One subscription.
#[derive(Clone, Debug, Serialize)]
pub struct Subscription {
    /// The subscription id.
    pub id: u64,
    client_id: u64,
    client: Client,
    feature: Feature,
    metric_ext_name: &'static str,
    calc_rule_type: Option<&'static str>,
    active_range: ActiveRange,
    price: Option<Price>,
    product: Product,
    product_category: Category,
    regions: Vec<Place>,
    #[serde(serialize_with = "rfc3339")]
    created_at: Timestamp,
    description: &'static str,
    comment: Option<&'static str>,
}

impl Subscription {
    /// The start, included. `None`: always.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.active_range.start
    }

    /// The end, excluded. `None`: open-ended.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.active_range.end
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Client {
    id: u64,
    company_name: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Feature {
    id: u64,
    name: &'static str,
    erp_sku_id: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ActiveRange {
    #[serde(serialize_with = "rfc3339_or_null")]
    start: Option<Timestamp>,
    #[serde(serialize_with = "rfc3339_or_null")]
    end: Option<Timestamp>,
}

/// A string of 12 decimals by the documents, and an object for a price with steps.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum Price {
    Flat(&'static str),
    Stepped {
        #[serde(rename = "type")]
        kind: &'static str,
        money_value: Option<&'static str>,
        steps: [Step; 2],
    },
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Step {
    threshold: &'static str,
    money_value: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Product {
    id: u64,
    name: &'static str,
    internal_name: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Category {
    id: u64,
    name: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Place {
    id: u64,
    name: &'static str,
    external_name: &'static str,
}

const CLOUD: Product = Product { id: 5, name: "Cloud", internal_name: "CLOUD" };
const CDN: Product = Product { id: 1, name: "CDN", internal_name: "CDN" };
const STORAGE: Product = Product { id: 2, name: "Object Storage", internal_name: "STORAGE" };
const STREAMING: Product = Product { id: 4, name: "Streaming", internal_name: "STREAMING" };
const DNS: Product = Product { id: 10, name: "Managed DNS", internal_name: "DNS" };
const SUPPORT: Product = Product { id: 12, name: "Premium Support", internal_name: "PREMIUM_SUPPORT" };
const WAAP: Product = Product { id: 23, name: "WAAP", internal_name: "WAAP" };

const STEPPED: Price = Price::Stepped {
    kind: "SteppedPrice",
    money_value: None,
    steps: [
        Step { threshold: "0.00", money_value: "0.030000000000" },
        Step { threshold: "1000.00", money_value: "0.020000000000" },
    ],
};

/// Product, feature, metric, rule, start and end in days from the birth, price.
type Line = (Product, &'static str, &'static str, Option<&'static str>, Option<i64>, Option<i64>, Option<Price>);

#[rustfmt::skip]
const BOOK: [Line; 11] = [
    // Ends in five days.
    (CLOUD, "Instance Type: bm2-hf-medium Luxembourg-2", "bm2-hf-medium_min", Some("commit"),
     Some(-360), Some(5), Some(Price::Flat("229.000000000000"))),
    (CDN, "CDN traffic", "cdn_traffic_gb", Some("stepped"), Some(-250), None, Some(STEPPED)),
    (STREAMING, "Video on demand", "vod_minutes", Some("unit"), Some(-90), None, None),
    // Ended three days ago.
    (STORAGE, "Object Storage - 10 TB", "storage_gb", Some("commit"),
     Some(-368), Some(-3), Some(Price::Flat("99.500000000000"))),
    // Starts in the future.
    (WAAP, "WAAP Enterprise", "waap_enterprise", Some("commit"),
     Some(14), Some(379), Some(Price::Flat("1200.000000000000"))),
    (SUPPORT, "Support plan \"Gold\"", "support_gold", Some("post_invoice"),
     None, None, Some(Price::Flat("0.000000000000"))),
    (DNS, "Managed DNS zones", "dns_zones", None, Some(-700), Some(200), Some(Price::Flat("2.990000000000"))),
    (CLOUD, "GPU reservation L40S", "g3-ai-32-192-1500-l40s-48-1_min", Some("commit"),
     Some(-65), Some(25), Some(Price::Flat("870.123456789012"))),
    // Ended so long ago that only the count includes it.
    (CDN, "CDN trial", "cdn_trial", Some("unit"), Some(-75), Some(-45), Some(Price::Flat("0.000000000000"))),
    (CLOUD, "Overcommit rate", "bm2-hf-medium_min", Some("overcommit"),
     Some(-360), None, Some(Price::Flat("0.005300950000"))),
    (STORAGE, "Object Storage, pay as you go", "storage_gb_payg", Some("unit"),
     Some(-3), None, Some(Price::Flat("0.010000000000"))),
];

/// Every subscription of a company born at `born`.
pub(super) fn subscriptions(born: Timestamp) -> Vec<Subscription> {
    let at = |days: i64| born + SignedDuration::from_hours(24 * days);
    (1..)
        .zip(BOOK)
        .map(|(number, (product, feature, metric, rule, start, end, price))| Subscription {
            id: 9_100 + number,
            client_id: CLIENT_ID,
            client: Client { id: CLIENT_ID, company_name: "Example Shop Ltd" },
            feature: Feature { id: 3_300 + number, name: feature, erp_sku_id: (number % 3 == 0).then_some("SKU-1") },
            metric_ext_name: metric,
            calc_rule_type: rule,
            active_range: ActiveRange { start: start.map(at), end: end.map(at) },
            price,
            product,
            product_category: Category { id: product.id, name: product.name },
            regions: if product.id == CLOUD.id {
                vec![Place { id: 76, name: "LUX-2", external_name: "Luxembourg-2" }]
            } else {
                Vec::new()
            },
            created_at: at(start.unwrap_or(-800).min(0) - 10),
            description: if rule == Some("commit") { "annual commit" } else { "" },
            comment: None,
        })
        .collect()
}

fn rfc3339_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}
