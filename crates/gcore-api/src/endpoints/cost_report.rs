//! `POST /cloud/v1/cost_report/resources`: the cost of each resource in a period, at pay-as-you-go prices.

use smol_str::SmolStr;

use crate::billing::period::Period;
use crate::billing::record::{CostRecord, DetailedCost, Fold, Price, RejectReason, UnpricedReason};
use crate::billing::resource::{ProjectId, RegionId, Word};

use crate::endpoints::pagination;
use crate::endpoints::pagination::{FirstPage, Listing, RecordSink, RowSchema};
use crate::endpoints::report_query::ReportQuery;
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::{Field, MAX_NAME, MAX_TEXT};

const ENDPOINT: Endpoint = Endpoint::CostReportResources;
const FIELDS: [&str; 14] = [
    "type",
    "cost",
    "currency",
    "err",
    "last_seen",
    "project_id",
    "region_id",
    "region",
    // With type and amount, these identify a row.
    "uuid",
    "port_id",
    "last_name",
    "ip_address",
    "instance_name",
    "tags",
];
const IDENTITY: &[usize] = &[0, 1, 5, 6, 8, 9, 10, 11];

const fn layout<F: for<'a> Fold<CostRecord<'a>>>() -> RowSchema<F, 12> {
    layout_of(F::weight, |fields, intake| intake.add(record(fields)))
}

/// The same rows with the identity, name and tags of the resource. Only some readings ask for them, because they take
/// longer.
const fn detailed_layout<F: for<'a> Fold<DetailedCost<'a>>>() -> RowSchema<F, 14> {
    layout_of(F::weight, |fields, intake| intake.add(detailed(fields)))
}

const fn layout_of<F, const N: usize>(
    weight: fn(&F) -> usize,
    records: fn(&[Field<'_>; N], &mut RecordSink<'_, F>),
) -> RowSchema<F, N> {
    let (endpoint, fields) = (ENDPOINT, pagination::first(FIELDS));
    RowSchema { endpoint, rows_key: "results", fields, identity: IDENTITY, weight: Some(weight), records }
}

/// Reads the report for `period` and folds its rows as pages arrive. `project` replaces the projects of the account's
/// filter.
///
/// # Errors
/// Fails when the report cannot be read completely.
pub async fn read<F: for<'a> Fold<CostRecord<'a>>>(
    client: &Client,
    period: Period,
    project: Option<ProjectId>,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    pagination::read(client, &layout(), ReportQuery::new(client, ENDPOINT, period, project), deadline).await
}

/// Reads the report for `period` with the details of each resource. Folds its rows into the value of `empty`.
///
/// # Errors
/// Fails when the report cannot be read completely.
pub async fn read_detailed<F: for<'a> Fold<DetailedCost<'a>>>(
    client: &Client,
    period: Period,
    deadline: PollDeadline,
    empty: impl Fn() -> F,
) -> Result<Listing<F>, Error> {
    let query = ReportQuery::new(client, ENDPOINT, period, None);
    pagination::read_into(client, &detailed_layout(), query, deadline, empty).await
}

/// Reads the first page of the report for `period`.
///
/// # Errors
/// Fails when the page cannot be read.
pub async fn probe<F: for<'a> Fold<CostRecord<'a>>>(
    client: &Client,
    period: Period,
    deadline: PollDeadline,
) -> Result<FirstPage<F>, Error> {
    pagination::probe(client, &layout(), ReportQuery::new(client, ENDPOINT, period, None), deadline).await
}

fn record<'a>(fields: &[Field<'a>; 12]) -> Result<CostRecord<'a>, RejectReason> {
    let [resource_type, cost, currency, err, last_seen, project, region_id, region, ..] = fields;
    Ok(CostRecord {
        project: project.id().map(ProjectId).ok_or(RejectReason::NoProject)?,
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: Word::new(resource_type.word()?),
        price: price(cost, err)?,
        currency: Word::new(currency.word()?),
        // A cost counts, even without a readable metering time.
        last_seen: last_seen.timestamp().unwrap_or_default(),
    })
}

fn detailed<'a>(fields: &[Field<'a>; 14]) -> Result<DetailedCost<'a>, RejectReason> {
    let [common @ .., instance_name, tags] = fields;
    let [.., uuid, port_id, last_name, ip_address] = common;
    // Ids identify resources, so they are not cut like names.
    let first = |fields: &[&Field<'_>], most| {
        let mut words = fields.iter().map(|field| field.cut(most));
        words.find(|word| !word.is_empty()).unwrap_or_default()
    };
    Ok(DetailedCost {
        cost: record(common)?,
        id: first(&[uuid, port_id, ip_address, last_name], MAX_TEXT),
        name: first(&[last_name, instance_name, ip_address], MAX_NAME),
        tags: tags_of(tags),
    })
}

/// Tags are null, a list of small maps, or one map.
fn tags_of(field: &Field<'_>) -> Vec<(SmolStr, SmolStr)> {
    let maps = field.elements();
    if maps.is_empty() { field.words() } else { maps.iter().flat_map(Field::words).collect() }
}

/// The price of a row, from its `cost` and `err`.
pub(crate) fn price(cost: &Field<'_>, err: &Field<'_>) -> Result<Price, RejectReason> {
    Ok(match cost.amount()? {
        Some(amount) => Price::Known(amount),
        None if err.is_some() => Price::Unknown(UnpricedReason::RowError),
        None => Price::Unknown(UnpricedReason::NullCost),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_in_every_form() {
        for (name, raw, want) in [
            ("none", "null", ""),
            ("an empty list", "[]", ""),
            ("an empty map", "{}", ""),
            ("one map", r#"{"env":"prod","team":"a b"}"#, "env=prod team=a b"),
            ("small maps", r#"[{"env":"prod"},{"team":"x"},{}]"#, "env=prod team=x"),
            ("one larger map in a list", r#"[{"env":"prod","team":"x"}]"#, "env=prod team=x"),
            ("a key twice", r#"[{"env":"first"},{"env":"second"}]"#, "env=first env=second"),
            ("odd entries", r#"[null,7,"env",["env"],{"env":"prod"}]"#, "env=prod"),
            ("odd values", r#"{"a":null,"b":[],"c":{},"d":1.5,"e":true,"f":""}"#, "d=1.5 e=true f="),
            ("no list at all", "\"env=prod\"", ""),
            ("broken", r#"[{"env":}]"#, ""),
        ] {
            let tags: Vec<_> = tags_of(&Field::new(raw)).iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(tags.join(" "), want, "{name}");
        }
    }

    #[test]
    fn a_resource_is_known_by_the_best_it_has() {
        for (name, [uuid, port_id, last_name, ip_address, instance_name], want) in [
            ("all", ["u", "p", "n", "1.2.3.4", "i"], ("u", "n")),
            ("traffic", ["", "p", "", "", "i"], ("p", "i")),
            ("an address", ["", "p", "", "1.2.3.4", ""], ("p", "1.2.3.4")),
            ("an address alone", ["", "", "", "1.2.3.4", ""], ("1.2.3.4", "1.2.3.4")),
            ("a name alone", ["", "", "n", "", ""], ("n", "n")),
            ("nothing", ["", "", "", "", ""], ("", "")),
        ] {
            let words = [uuid, port_id, last_name, ip_address, instance_name].map(|word| format!("{word:?}"));
            let mut fields: [Field<'_>; 14] = Default::default();
            fields[5] = Field::new("1");
            fields[8..13].copy_from_slice(&words.each_ref().map(|word| Field::new(word)));
            let record = detailed(&fields).unwrap();
            assert_eq!((record.id.as_str(), record.name.as_str()), want, "{name}");
        }
    }

    #[test]
    fn a_name_is_cut_and_neither_an_id_nor_a_tag_is() {
        let long = "é".repeat(110);
        let word = format!("{long:?}");
        let mut fields: [Field<'_>; 14] = Default::default();
        (fields[5], fields[8], fields[10]) = (Field::new("1"), Field::new(&word), Field::new(&word));
        let record = detailed(&fields).unwrap();
        assert_eq!((record.id.as_str(), record.name.as_str()), (long.as_str(), &long[..MAX_NAME]));

        let longest = "网".repeat(256);
        let tags = format!("{{\"env\":{longest:?}}}");
        assert_eq!(tags_of(&Field::new(&tags)), [("env".into(), longest.into())]);
    }
}
