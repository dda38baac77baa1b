//! The projects and regions of the imaginary company.
//!
//! The types serialize as in the API's lists of projects and regions.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use crate::days::{midnight, utc_date};

/// The client id of the simulated account.
pub(super) const CLIENT_ID: u64 = 700_123;

pub(super) const SHOP: u64 = 41_001;
pub(super) const DATA: u64 = 41_002;
pub(super) const ML_LAB: u64 = 41_003;
pub(super) const GAMES: u64 = 41_004;
pub(super) const LAUNCH: u64 = 41_005;
pub(super) const MEDIA: u64 = 41_006;
pub(super) const TOOLS: u64 = 41_007;
pub(super) const PARTNER: u64 = 41_008;
pub(super) const ARCHIVE: u64 = 41_009;
pub(super) const CAMPAIGN: u64 = 41_010;
pub(super) const PROTOTYPE: u64 = 41_011;

pub(super) const LUXEMBOURG: u64 = 76;
pub(super) const MANASSAS: u64 = 18;
pub(super) const FRANKFURT: u64 = 38;
pub(super) const TOKYO: u64 = 46;
pub(super) const SINGAPORE: u64 = 84;
pub(super) const SAO_PAULO: u64 = 64;

/// A project, as in `GET /cloud/v1/projects`.
#[derive(Clone, Debug, Serialize)]
pub struct Project {
    client_id: u64,
    #[serde(serialize_with = "without_offset")]
    created_at: Timestamp,
    #[serde(serialize_with = "without_offset_or_null")]
    pub(super) deleted_at: Option<Timestamp>,
    description: Option<&'static str>,
    /// The project id.
    pub id: u64,
    is_default: bool,
    /// The name, which may have any characters.
    pub name: &'static str,
    /// `ACTIVE` or `DELETED`.
    pub state: &'static str,
    task_id: Option<&'static str>,
    /// The currency of its prices.
    #[serde(skip)]
    pub(super) currency: &'static str,
}

impl Project {
    /// Whether it was deleted. Its costs remain.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Its age in whole days at an instant.
    pub(super) fn age_days(&self, at: Timestamp) -> i64 {
        at.duration_since(self.created_at).as_hours() / 24
    }
}

/// Every project of a company born at `born`.
pub(super) fn projects(born: Timestamp) -> Vec<Project> {
    let days_ago = |days: i64| born - SignedDuration::from_hours(24 * days);
    // The deleted project ended before `born`, and has costs this month even if `born` is on the 1st.
    let month = midnight(utc_date(born).first_of_month());
    let half_a_month_so_far = month + born.duration_since(month) / 2;
    let recently = half_a_month_so_far.max(born - SignedDuration::from_hours(36));

    // Some names are odd on purpose, like real ones.
    [
        (SHOP, "shop", Some("the default project"), "EUR", 820, None),
        (DATA, "data-platform", Some("databases"), "EUR", 700, None),
        (ML_LAB, "ml \"lab\" \\ west", Some("GPU training"), "USD", 410, None),
        (GAMES, "games\nEU & Asia", None, "EUR", 640, None),
        (LAUNCH, "🚀 launch", None, "USD", 300, None),
        (MEDIA, "media-spike", Some("traffic multiplies on one day"), "EUR", 520, None),
        (TOOLS, "internal-tools", Some("runs in office hours"), "EUR", 760, None),
        (PARTNER, "partner-us", Some(""), "USD", 450, None),
        (ARCHIVE, "archive", None, "EUR", 800, None),
        (CAMPAIGN, "summer-campaign", Some("was over early"), "EUR", 90, Some(recently)),
        (PROTOTYPE, "old-prototype", None, "EUR", 600, Some(days_ago(70))),
    ]
    .into_iter()
    .map(|(id, name, description, currency, age, deleted_at)| Project {
        client_id: CLIENT_ID,
        created_at: days_ago(age),
        deleted_at,
        description,
        id,
        is_default: id == SHOP,
        name,
        state: if deleted_at.is_some() { "DELETED" } else { "ACTIVE" },
        task_id: None,
        currency,
    })
    .collect()
}

/// A region, as in `GET /cloud/v1/regions`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Region {
    access_level: &'static str,
    coordinates: Option<Coordinates>,
    /// The ISO 3166 code of its country.
    pub country: &'static str,
    created_at: &'static str,
    /// The name for people.
    pub display_name: &'static str,
    endpoint_type: &'static str,
    has_ai: bool,
    has_baremetal: bool,
    has_basic_vm: bool,
    has_dbaas: bool,
    has_k8s: bool,
    has_kvm: bool,
    has_sfs: bool,
    /// The region id.
    pub id: u64,
    keystone_id: u64,
    /// The technical name.
    pub keystone_name: &'static str,
    /// A newer field than the other names. One region has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'static str>,
    /// `ACTIVE`, or `MAINTENANCE` for one region.
    pub state: &'static str,
    zone: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Coordinates {
    latitude: f64,
    longitude: f64,
}

/// The regions that the company uses.
pub(super) fn regions() -> Vec<Region> {
    let at = |latitude, longitude| Some(Coordinates { latitude, longitude });
    [
        (MANASSAS, "Manassas", "ED-16", Some("manassas"), "US", "ACTIVE", Some("AMERICAS"), at(38.7509, -77.4753)),
        (FRANKFURT, "Frankfurt", "ED-21", Some("frankfurt"), "DE", "ACTIVE", Some("EMEA"), at(50.1109, 8.6821)),
        (TOKYO, "Tokyo", "ED-26", Some("tokyo"), "JP", "ACTIVE", Some("APAC"), at(35.6764, 139.65)),
        (SAO_PAULO, "São Paulo", "ED-38", None, "BR", "MAINTENANCE", Some("AMERICAS"), None),
        (LUXEMBOURG, "Luxembourg-2", "ED-9", Some("luxembourg-2"), "LU", "ACTIVE", Some("EMEA"), at(49.6116, 6.1319)),
        (SINGAPORE, "Singapore-2", "ED-43", Some("singapore-2"), "SG", "ACTIVE", None, at(1.3521, 103.8198)),
    ]
    .into_iter()
    .map(|(id, display_name, keystone_name, slug, country, state, zone, coordinates)| Region {
        access_level: "core",
        coordinates,
        country,
        created_at: "2021-03-01T09:00:00",
        display_name,
        endpoint_type: "public",
        has_ai: id == LUXEMBOURG || id == MANASSAS,
        has_baremetal: true,
        has_basic_vm: true,
        has_dbaas: id != TOKYO,
        has_k8s: true,
        has_kvm: true,
        has_sfs: true,
        id,
        keystone_id: id + 3,
        keystone_name,
        slug,
        state,
        zone,
    })
    .collect()
}

/// The list of projects gives UTC instants without an offset.
fn without_offset<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn without_offset_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => without_offset(at, serializer),
        None => serializer.serialize_none(),
    }
}
