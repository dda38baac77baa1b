//! The bodies of reports and the parameters of lists, checked key by key.

use std::ops::Range;

use form_urlencoded::Serializer;
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::refusal::{Faults, Refusal};
use crate::api::RESOURCE_TYPES;
use crate::days::{each_day, utc_date};

/// The documents give no limit for cloud reports. Similar endpoints have this one.
const MAX_REPORT_LIMIT: u64 = 1_000;
/// The longest period of a cost report, in days.
const MAX_COST_DAYS: usize = 31;

/// A kind of report, with its keys besides period and filters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// Paginated and sorted, at most 31 days.
    CostResources,
    /// One answer, at most 31 days.
    CostTotals,
    /// Paginated and sorted, any number of days, `projects` may be null.
    Usage,
}

/// The parsed body of a report.
pub(super) struct ReportQuery {
    pub(super) period: Range<Date>,
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) descending: bool,
    projects: Vec<u64>,
    regions: Vec<u64>,
    types: Vec<String>,
}

impl ReportQuery {
    /// Parses a body.
    ///
    /// It does not simulate `schema_filter`, `tags`, `response_format` and the newer `order_by` and `rounding`.
    ///
    /// # Errors
    /// All faults together, each with its key. An unknown key is a fault.
    pub(super) fn parse(report: Report, body: &[u8]) -> Result<Self, Refusal> {
        let mut body = Body::parse(body)?;
        let time_from = body.required("time_from", day);
        let time_to = body.required("time_to", day);
        let last_day = body.optional("enable_last_day", boolean).unwrap_or(false);
        if report == Report::Usage && body.keys.get("projects") == Some(&Value::Null) {
            body.keys.remove("projects");
        }
        let projects = body.optional("projects", |value| list(value, unsigned)).unwrap_or_default();
        let regions = body.optional("regions", |value| list(value, unsigned)).unwrap_or_default();
        let types = body.optional("types", |value| list(value, resource_type)).unwrap_or_default();
        let (mut limit, mut offset, mut descending) = (u64::MAX, 0, false);
        if report != Report::CostTotals {
            limit = body.optional("limit", |value| unsigned(value).and_then(report_limit)).unwrap_or(10);
            offset = body.optional("offset", unsigned).unwrap_or(0);
            descending = body.optional("sorting", sorting).unwrap_or(false);
        }
        let period = time_from.zip(time_to).and_then(|(first, to)| {
            let end = if last_day { to.saturating_add(1.day()) } else { to };
            let period = Some(first..end).filter(|days| !days.is_empty());
            match &period {
                None => body.fault("time_to", "The report period must be at least one day"),
                Some(days) if report != Report::Usage && each_day(days).count() > MAX_COST_DAYS => {
                    body.fault("time_to", "The report period must not be longer than 31 days");
                }
                Some(_) => {}
            }
            period
        });
        body.finish()?;
        let period = period.ok_or_else(|| Refusal::invalid("time_to", "Field required"))?;
        let as_index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Self { period, limit: as_index(limit), offset: as_index(offset), descending, projects, regions, types })
    }

    /// Whether a row passes the filters. An empty list is no filter.
    pub(super) fn wants(&self, project: u64, region: u64, resource_type: &str) -> bool {
        (self.projects.is_empty() || self.projects.contains(&project))
            && (self.regions.is_empty() || self.regions.contains(&region))
            && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == resource_type))
    }
}

/// The parsed body of the report on commitments.
pub(super) struct MonthQuery {
    /// The first day of the month.
    pub(super) month: Date,
    regions: Vec<u64>,
    types: Vec<String>,
}

impl MonthQuery {
    /// Parses a body.
    ///
    /// # Errors
    /// All faults together, each with its key. An unknown key is a fault.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut body = Body::parse(body)?;
        let month = body.required("year_month", month);
        let regions = body.optional("regions", |value| list(value, unsigned)).unwrap_or_default();
        let types = body.optional("types", |value| list(value, resource_type)).unwrap_or_default();
        body.finish()?;
        let month = month.ok_or_else(|| Refusal::invalid("year_month", "Field required"))?;
        Ok(Self { month, regions, types })
    }

    /// Whether a line passes the filters. An empty list is no filter.
    pub(super) fn wants(&self, region: u64, resource_type: &str) -> bool {
        (self.regions.is_empty() || self.regions.contains(&region))
            && (self.types.is_empty() || self.types.iter().any(|wanted| wanted == resource_type))
    }
}

/// A body whose keys are removed one by one.
struct Body {
    keys: Map<String, Value>,
    faults: Faults,
}

impl Body {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| Refusal::invalid("body", format!("Invalid JSON: {error}")))?;
        match body {
            Value::Object(keys) => Ok(Self { keys, faults: Faults::new() }),
            _ => Err(Refusal::invalid("body", "Input should be an object")),
        }
    }

    fn fault(&mut self, key: &str, text: impl Into<String>) {
        self.faults.entry(key.to_owned()).or_default().push(text.into());
    }

    fn optional<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.keys.remove(key)?;
        read(&value).map_err(|fault| self.fault(key, fault)).ok()
    }

    fn required<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        if !self.keys.contains_key(key) {
            self.fault(key, "Field required");
        }
        self.optional(key, read)
    }

    /// Each remaining key is unknown.
    fn finish(mut self) -> Result<(), Refusal> {
        for (key, _) in std::mem::take(&mut self.keys) {
            self.fault(&key, "Extra inputs are not permitted");
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.faults)) }
    }
}

/// A date-time, cut to the start of its UTC day. A date alone is refused.
fn day(value: &Value) -> Result<Date, String> {
    value
        .as_str()
        .filter(|text| text.contains('T'))
        .and_then(instant)
        .map(utc_date)
        .ok_or_else(|| "Input should be a valid datetime".to_owned())
}

/// The first day of a month such as `2026-11`.
fn month(value: &Value) -> Result<Date, String> {
    let first_day = value.as_str().filter(|text| text.len() == 7).and_then(|text| format!("{text}-01").parse().ok());
    first_day.ok_or_else(|| "Input should be a month such as 2026-11".to_owned())
}

/// A date, or a date-time with `T` or a space. Without an offset it is UTC.
fn instant(text: &str) -> Option<Timestamp> {
    // The parser of civil times ignores an offset, so it comes second.
    text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "Input should be a valid boolean".to_owned())
}

fn unsigned(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| "Input should be a valid integer, not negative".to_owned())
}

fn report_limit(limit: u64) -> Result<u64, String> {
    match limit {
        0 => Err("Input should be greater than 0".to_owned()),
        1..=MAX_REPORT_LIMIT => Ok(limit),
        _ => Err(format!("Input should be less than or equal to {MAX_REPORT_LIMIT}")),
    }
}

fn resource_type(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some(known) if RESOURCE_TYPES.contains(&known) => Ok(known.to_owned()),
        _ => Err(format!("Input should be one of {}", RESOURCE_TYPES.join(", "))),
    }
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    value.as_array().ok_or_else(|| "Input should be a valid list".to_owned())?.iter().map(read).collect()
}

/// `[{"project": "asc"}]` or `desc`, as in the documents. Returns whether it is `desc`.
fn sorting(value: &Value) -> Result<bool, String> {
    let direction = match value.as_array().map(Vec::as_slice) {
        Some([Value::Object(one)]) if one.len() == 1 => one.get("project").and_then(Value::as_str),
        _ => None,
    };
    match direction {
        Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        _ => Err("Input should be [{\"project\": \"asc\"}] or [{\"project\": \"desc\"}]".to_owned()),
    }
}

/// The parameters of a list, in order.
#[derive(Clone)]
pub(super) struct Params(Vec<(String, String)>);

/// Parameters that are removed one by one.
pub(super) struct Checked<'a> {
    left: Vec<&'a (String, String)>,
    faults: Faults,
}

impl Params {
    pub(super) fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned()));
        Self(pairs.collect())
    }

    pub(super) fn check(&self) -> Checked<'_> {
        Checked { left: self.0.iter().collect(), faults: Faults::new() }
    }

    /// A link with the same parameters, another offset, an explicit limit, and another host.
    ///
    /// The vendor's billing lists link to a different host. A client that follows the link leaks its key.
    pub(super) fn link(&self, path: &str, limit: usize, offset: usize) -> String {
        let rest = self.0.iter().filter(|(key, _)| key != "limit" && key != "offset");
        let query = Serializer::new(String::new())
            .append_pair("limit", &limit.to_string())
            .append_pair("offset", &offset.to_string())
            .extend_pairs(rest)
            .finish();
        format!("http://api.example.org{path}?{query}")
    }
}

impl<'a> Checked<'a> {
    pub(super) fn fault(&mut self, key: &str, text: impl Into<String>) {
        self.faults.entry(key.to_owned()).or_default().push(text.into());
    }

    /// All values of a parameter.
    pub(super) fn all(&mut self, key: &str) -> Vec<&'a str> {
        let (taken, left) = self.left.drain(..).partition(|(name, _)| name == key);
        self.left = left;
        let taken: Vec<&(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value.as_str()).collect()
    }

    /// The single value of a parameter.
    pub(super) fn one(&mut self, key: &str) -> Option<&'a str> {
        let values = self.all(key);
        if values.len() > 1 {
            self.fault(key, "Enter one value.");
        }
        values.first().copied()
    }

    pub(super) fn number(&mut self, key: &str) -> Option<usize> {
        let text = self.one(key)?;
        text.parse().map_err(|_| self.fault(key, "A valid integer is required.")).ok()
    }

    /// `limit` within `1..=max`, and `offset`.
    pub(super) fn paging(&mut self, default: usize, max: usize) -> (usize, usize) {
        let limit = self.number("limit").unwrap_or(default);
        if limit == 0 {
            self.fault("limit", "Ensure this value is greater than or equal to 1.");
        } else if limit > max {
            self.fault("limit", format!("Ensure this value is less than or equal to {max}."));
        }
        (limit, self.number("offset").unwrap_or(0))
    }

    /// The keys of `ordering`, separated by commas, descending with a `-`. `default` without the parameter.
    pub(super) fn ordering(&mut self, default: &'a str, simulated: &[&str]) -> Vec<&'a str> {
        let keys: Vec<&str> = self.one("ordering").unwrap_or(default).split(',').collect();
        for key in &keys {
            if !simulated.contains(&key.trim_start_matches('-')) {
                self.fault("ordering", format!("{key} is none of {}.", simulated.join(", ")));
            }
        }
        keys
    }

    pub(super) fn boolean(&mut self, key: &str) -> bool {
        match self.one(key) {
            None | Some("false" | "False" | "0") => false,
            Some("true" | "True" | "1") => true,
            Some(_) => {
                self.fault(key, "Input should be a valid boolean");
                false
            }
        }
    }

    /// An instant in any of the three formats of billing filters.
    pub(super) fn instant(&mut self, key: &str) -> Option<Timestamp> {
        let text = self.one(key)?;
        let at = instant(text);
        if at.is_none() {
            self.fault(key, "Enter a valid date/time.");
        }
        at
    }

    /// Each remaining parameter is not simulated.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        for (key, _) in std::mem::take(&mut self.left) {
            self.fault(key, "This parameter is unknown or not simulated.");
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.faults)) }
    }
}
