//! Report rows as JSON, with numbers printed from integers.

use jiff::Timestamp;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::world::{Details, Grouping, Measured, Meter, decimals};

/// A decimal number: units of 10^-decimals.
#[derive(Clone, Copy)]
pub(super) struct Decimal {
    units: i128,
    decimals: u32,
}

impl Decimal {
    /// Money in units of 1e-5.
    pub(super) fn cost(units: i128) -> Self {
        Self { units, decimals: 5 }
    }

    /// A quantity in 1e-6 of a unit, with the decimals that the API shows for the unit.
    pub(super) fn value(micros: i128, unit: &str) -> Self {
        let decimals = decimals(unit);
        Self { units: micros / 10_i128.pow(6 - decimals), decimals }
    }

    /// The text that the vendor's Python prints: `31.24416`, `12.0`, `20160` without decimals, `7e-05` for tiny
    /// numbers.
    fn text(self) -> String {
        let Self { units, decimals } = self;
        if decimals == 0 {
            return units.to_string();
        }
        let sign = if units < 0 { "-" } else { "" };
        let magnitude = units.unsigned_abs();
        if decimals == 5 && (1..10).contains(&magnitude) {
            return format!("{sign}{magnitude}e-05");
        }
        let one = 10_u128.pow(decimals);
        let fraction = format!("{:0width$}", magnitude % one, width = decimals as usize);
        let fraction = fraction.trim_end_matches('0');
        format!("{sign}{}.{}", magnitude / one, if fraction.is_empty() { "0" } else { fraction })
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.text()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// One resource in a usage report.
#[derive(Serialize)]
pub(super) struct UsageRow<'a> {
    billing_metric_name: &'a str,
    billing_value: Decimal,
    billing_value_unit: &'a str,
    #[serde(serialize_with = "rfc3339")]
    first_seen: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    last_seen: Timestamp,
    project_id: u64,
    region: u64,
    region_id: u64,
    #[serde(rename = "type")]
    resource_type: &'a str,
    #[serde(flatten)]
    details: &'a Details,
}

/// The fields that a cost row has and a usage row lacks.
#[derive(Serialize)]
pub(super) struct Money<'a> {
    pub(super) billing_feature_name: Option<&'a str>,
    pub(super) cost: Option<Decimal>,
    pub(super) currency: Option<&'a str>,
    pub(super) err: Option<&'a str>,
}

/// One resource in a cost report.
#[derive(Serialize)]
pub(super) struct CostRow<'a> {
    #[serde(flatten)]
    money: Money<'a>,
    #[serde(flatten)]
    usage: UsageRow<'a>,
}

/// One group in the totals of a usage report.
#[derive(Serialize)]
pub(super) struct UsageTotal<'a> {
    pub(super) billing_metric_name: &'a str,
    pub(super) billing_value: Decimal,
    pub(super) billing_value_unit: &'a str,
    pub(super) region: u64,
    pub(super) region_id: u64,
    #[serde(rename = "type")]
    pub(super) resource_type: &'a str,
    #[serde(flatten)]
    pub(super) grouping: Option<Grouping>,
}

/// One group in the totals of a cost report.
#[derive(Serialize)]
pub(super) struct CostTotal<'a> {
    #[serde(flatten)]
    pub(super) money: Money<'a>,
    #[serde(flatten)]
    pub(super) usage: UsageTotal<'a>,
}

impl<'a> UsageRow<'a> {
    pub(super) fn new((meter, measured): (&'a Meter, Measured)) -> Self {
        Self {
            billing_metric_name: meter.metric,
            billing_value: Decimal::value(measured.value, meter.unit),
            billing_value_unit: meter.unit,
            first_seen: measured.first_seen,
            last_seen: measured.last_seen,
            project_id: meter.project,
            region: meter.region,
            region_id: meter.region,
            resource_type: meter.resource_type,
            details: &meter.details,
        }
    }
}

impl<'a> CostRow<'a> {
    pub(super) fn new((meter, measured): (&'a Meter, Measured)) -> Self {
        Self {
            money: Money {
                billing_feature_name: meter.feature.as_deref(),
                cost: measured.cost().map(Decimal::cost),
                currency: meter.currency(),
                err: meter.err(),
            },
            usage: UsageRow::new((meter, measured)),
        }
    }
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_python_prints_them() {
        for (units, want) in [
            (3_124_416, "31.24416"),
            (1_190_000, "11.9"),
            (22_900_000, "229.0"),
            (0, "0.0"),
            (10, "0.0001"),
            (7, "7e-05"),
            (-7, "-7e-05"),
            (-150_000, "-1.5"),
        ] {
            assert_eq!(Decimal::cost(units).text(), want);
        }
        for (micros, unit, want) in [
            (20_160_000_000, "minutes", "20160"),
            (418_233, "MLS", "0.418233"),
            (312_250_000, "H", "312.25"),
            (5_230_500_000, "GBS", "5230.5"),
            (0, "GB", "0.0"),
        ] {
            assert_eq!(Decimal::value(micros, unit).text(), want);
        }
    }
}
