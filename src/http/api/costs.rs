//! `/api/v1/costs`: the costs of a window, grouped as asked, as JSON or CSV.

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

use crate::account::AccountName;
use crate::http::cost_sums;
use crate::http::cost_sums::{Dimension, Key, WindowSums};
use crate::snapshot::Snapshot;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, Window};

use super::query::{BadQuery, Query};
use super::{Answer, CSV, Text, json};

const KEYS: [&str; 4] = ["window", "group_by", "account", "format"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

#[derive(Serialize)]
struct Costs<'a> {
    window: &'static str,
    from: String,
    to: String,
    group_by: Vec<&'static str>,
    costs: Vec<Row<'a>>,
    unknown: Vec<&'a str>,
}

/// A sum. Only the dimensions that were asked for are present.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_name: Option<SmolStr>,
    /// Null for costs without a region.
    #[serde(skip_serializing_if = "Option::is_none")]
    region_id: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region_name: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<&'a str>,
    currency: &'a str,
    amount: Amount,
}

/// The answer to a query.
pub(super) fn answer(snapshot: &Snapshot, mut query: Query, is_csv: bool, now: Timestamp) -> Answer {
    let window = query.one_of("window", &Window::ALL.map(|window| (window.as_str(), window)))?;
    let dimensions = dimensions(query.take("group_by"))?;
    let accounts = query.accounts(snapshot)?;
    let format = query.one_of("format", &[("json", Format::Json), ("csv", Format::Csv)])?;
    query.end(&KEYS)?;
    let window = window.unwrap_or(Window::MonthToDate);
    let accounts = accounts.filter(|(_, account)| cost_sums::has_costs(account));
    let found = cost_sums::sums(accounts, window, &dimensions, |_| true, now);
    let period = window.period(now);
    Ok(match format.unwrap_or(if is_csv { Format::Csv } else { Format::Json }) {
        Format::Csv => Text::good(CSV, csv(snapshot, &dimensions, &found, window, period)),
        Format::Json => json(&Costs {
            window: window.as_str(),
            from: period.first().to_string(),
            to: period.last().to_string(),
            group_by: dimensions.iter().map(|dimension| dimension.as_str()).collect(),
            costs: found.sums.iter().map(|(key, amount)| row(snapshot, key, *amount)).collect(),
            unknown: found.unknown.iter().map(|name| name.as_str()).collect(),
        }),
    })
}

/// The dimensions of `group_by`, in the order of the columns. By default, one sum for each account.
fn dimensions(text: Option<String>) -> Result<Vec<Dimension>, BadQuery> {
    let Some(text) = text else { return Ok(vec![Dimension::Account]) };
    let mut all = Vec::new();
    for word in text.split(',').filter(|_| !text.is_empty()) {
        let Some(dimension) = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == word) else {
            return Err(BadQuery::value("group_by", word, Dimension::ALL.iter().map(|dimension| dimension.as_str())));
        };
        if all.contains(&dimension) {
            return Err(BadQuery::twice("group_by", word));
        }
        all.push(dimension);
    }
    all.sort_unstable();
    Ok(all)
}

fn row<'a>(snapshot: &Snapshot, key: &Key<'a>, amount: Amount) -> Row<'a> {
    Row {
        account: key.account.map(AccountName::as_str),
        project_id: key.project.map(|id| id.0),
        project_name: key.project.map(|id| snapshot.project_name(key.account, id)),
        region_id: key.region.map(|id| id.map(|id| id.0)),
        region_name: key.region.map(|id| snapshot.region_name(key.account, id)),
        resource_type: key.resource_type.map(|word| word.as_str()),
        currency: key.currency.as_str(),
        amount,
    }
}

/// A header and a line for each sum. An unknown account has a line without currency and amount.
fn csv(
    snapshot: &Snapshot,
    dimensions: &[Dimension],
    found: &WindowSums<'_>,
    window: Window,
    period: Period,
) -> String {
    let mut header = vec!["window", "from", "to"];
    for dimension in dimensions {
        header.extend_from_slice(match dimension {
            Dimension::Account => &["account"][..],
            Dimension::Project => &["project_id", "project_name"],
            Dimension::Region => &["region_id", "region_name"],
            Dimension::ResourceType => &["resource_type"],
        });
    }
    header.extend(["currency", "amount"]);
    let (from, to) = (period.first().to_string(), period.last().to_string());
    let begin = || vec![window.as_str().to_owned(), from.clone(), to.clone()];
    let mut lines = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (key, amount) in &found.sums {
        let row = row(snapshot, key, *amount);
        let number = |id: Option<u64>| id.map(|id| id.to_string());
        let words = [
            row.account.map(inert),
            number(row.project_id),
            row.project_name.as_deref().map(inert),
            row.region_id.map(|id| number(id).unwrap_or_default()),
            row.region_name.as_deref().map(inert),
            row.resource_type.map(inert),
        ];
        let mut line = begin();
        line.extend(words.into_iter().flatten().chain([inert(row.currency), row.amount.to_string()]));
        lines.push(line);
    }
    for account in &found.unknown {
        let mut line = begin();
        let is_named = dimensions.contains(&Dimension::Account);
        line.extend(is_named.then(|| inert(account.as_str())));
        line.resize(lines[0].len(), String::new());
        lines.push(line);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail, and all lines have one length.
    for line in lines {
        let _ = writer.write_record(line);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_a_list_without_repetition() {
        let words = |text: &str| dimensions(Some(text.to_owned())).map_err(|bad| bad.body().to_string());
        assert_eq!(words("resource_type,account"), Ok(vec![Dimension::Account, Dimension::ResourceType]));
        assert_eq!(words(""), Ok(vec![]), "one sum for each currency");
        assert_eq!(dimensions(None).unwrap(), [Dimension::Account]);
        assert!(words("account,").unwrap_err().contains("not allowed"));
        assert!(words("region,region").unwrap_err().contains("repeated"));
    }

    #[test]
    fn a_name_is_no_formula_in_a_spreadsheet() {
        assert_eq!(inert("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(inert("shop"), "shop");
    }
}
