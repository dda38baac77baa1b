//! A generated account of any size. Its rows are rendered once, and its total is known exactly.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use anyhow::ensure;
use bytes::Bytes;

use crate::price_list::{PRODUCTS, REGION_NAMES};
use crate::row::{Cost, Dice, Row, grouping};

/// The size of an account.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Rows of the cost report.
    pub rows: usize,
    /// Projects, all with the same number of rows.
    pub projects: usize,
    /// Regions; every project has all resource types in each.
    pub regions: usize,
    /// The day of the rows, such as `2026-05-14`.
    pub day: String,
}

impl Shape {
    /// Reads `--rows`, `--projects`, `--regions` and `--day`.
    ///
    /// # Errors
    /// Fails if one of them is no number, or if there are fewer rows than groups.
    pub fn from_args(args: &mut pico_args::Arguments) -> anyhow::Result<Self> {
        let projects = args.opt_value_from_str("--projects")?.unwrap_or(20);
        let regions = args.opt_value_from_str("--regions")?.unwrap_or(6);
        let groups = projects * regions * PRODUCTS.len();
        let rows = args.opt_value_from_str("--rows")?.unwrap_or(groups);
        ensure!(rows >= groups, "{rows} rows are too few for {groups} groups");
        Ok(Self { rows, projects, regions, day: args.opt_value_from_str("--day")?.unwrap_or("2026-05-14".into()) })
    }

    /// The project, region and product of every group, in this order.
    pub fn groups(&self) -> impl Iterator<Item = (u64, u64, usize)> {
        let regions = self.regions;
        (0..self.projects).flat_map(move |project| {
            (0..regions).flat_map(move |region| {
                (0..PRODUCTS.len()).map(move |kind| (project_id(project), region_id(region), kind))
            })
        })
    }
}

/// The id of a project, by its index.
#[must_use]
pub fn project_id(index: usize) -> u64 {
    41_001 + index as u64
}

/// The id of a region, by its index.
#[must_use]
pub fn region_id(index: usize) -> u64 {
    7 + 3 * index as u64
}

/// The name of a project.
#[must_use]
pub fn project_name(id: u64) -> String {
    format!("team-{id}-production")
}

/// The name of a region.
#[must_use]
pub fn region_name(id: u64) -> String {
    let index = (id - region_id(0)) / 3;
    REGION_NAMES.get(index as usize).map_or_else(|| format!("Region-{index}"), |name| (*name).to_owned())
}

/// One line of the totals report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TotalKey {
    region: u64,
    product: usize,
    variant: usize,
}

/// The account.
pub struct Estate {
    /// Its size.
    pub shape: Shape,
    /// All rows, sorted by project, each followed by a comma.
    rendered: Bytes,
    /// The start of each row in `rendered`, and the end of the last row.
    starts: Vec<usize>,
    totals: BTreeMap<u64, BTreeMap<TotalKey, (u64, i64)>>,
}

impl Estate {
    /// Makes an account. The same shape makes the same account.
    ///
    /// # Errors
    /// Never in practice, because rows are written to memory.
    pub fn new(shape: Shape) -> anyhow::Result<Self> {
        let mut rendered = String::with_capacity(shape.rows * 600);
        let mut starts = Vec::with_capacity(shape.rows + 1);
        let mut totals: BTreeMap<u64, BTreeMap<TotalKey, (u64, i64)>> = BTreeMap::new();
        let region_names: Vec<String> = (0..shape.regions).map(|index| region_name(region_id(index))).collect();
        let mut dice = Dice(2026);
        for index in 0..shape.projects {
            let project = project_id(index);
            let range = rows_of(&shape, index);
            let stride = coprime_stride(range.len());
            for place in 0..range.len() {
                // An irregular order of all groups. The API promises no order within a project, so no reader may rely
                // on one.
                let slot = (place * stride + index) % range.len();
                let (region, slot) = (slot % shape.regions, slot / shape.regions);
                let (product, slot) = (slot % PRODUCTS.len(), slot / PRODUCTS.len());
                let variant = slot % PRODUCTS[product].variants.len();
                let cost = 1 + i64::try_from(dice.below(2_000_000))?;
                let row = Row {
                    project,
                    region: region_id(region),
                    region_name: &region_names[region],
                    product,
                    variant,
                    cost: Cost(cost),
                    day: &shape.day,
                };
                starts.push(rendered.len());
                row.write(&mut rendered, &mut dice)?;
                rendered.push(',');
                let key = TotalKey { region: row.region, product, variant };
                let (rows, units) = totals.entry(project).or_default().entry(key).or_default();
                *rows += 1;
                *units += cost;
            }
        }
        starts.push(rendered.len());
        Ok(Self { shape, rendered: rendered.into(), starts, totals })
    }

    /// One page of the resources report, of one project or of all: the count, then the page in three parts.
    ///
    /// The parts share the rendered bytes.
    #[must_use]
    pub fn page(&self, project: Option<u64>, offset: usize, limit: usize) -> [Bytes; 3] {
        let rows = match project.map(|id| id.checked_sub(project_id(0))) {
            None => 0..self.shape.rows,
            Some(Some(index)) if (index as usize) < self.shape.projects => rows_of(&self.shape, index as usize),
            Some(_) => 0..0,
        };
        let first = (rows.start + offset).min(rows.end);
        let last = first.saturating_add(limit).min(rows.end);
        // Without the comma after the last row.
        let text = self.rendered.slice(self.starts[first]..self.starts[last] - usize::from(last > first));
        let head = format!(r#"{{"count":{},"price_status":"show","results":["#, rows.len());
        [head.into(), text, Bytes::from_static(b"]}")]
    }

    /// The totals report of one project, or of all.
    #[must_use]
    pub fn totals(&self, project: Option<u64>) -> Bytes {
        let mut merged: BTreeMap<TotalKey, (u64, i64)> = BTreeMap::new();
        for totals in self.totals.iter().filter(|(id, _)| project.is_none_or(|wanted| wanted == **id)).map(|(_, t)| t) {
            for (key, (rows, units)) in totals {
                let sum = merged.entry(*key).or_default();
                *sum = (sum.0 + rows, sum.1 + units);
            }
        }
        let mut text = format!(r#"{{"count":{},"price_status":"show","results":["#, merged.len());
        for (index, (TotalKey { region, product, variant }, (rows, units))) in merged.into_iter().enumerate() {
            let product = &PRODUCTS[product];
            let variant = product.variants[variant];
            let comma = if index > 0 { "," } else { "" };
            let field = match grouping(product) {
                Some(name) => format!(r#""{name}":"{variant}","#),
                None if product.resource_type == "backup" => r#""last_size":46137344,"#.to_owned(),
                None => String::new(),
            };
            let _ = write!(
                text,
                r#"{comma}{{"billing_feature_name":"{} {variant} {} - PAYG","billing_metric_name":"{variant}{}","billing_value":{},"billing_value_unit":"{}","region":{region},"region_id":{region},"type":"{}",{field}"cost":{},"currency":"EUR","err":null}}"#,
                product.feature,
                region_name(region),
                product.metric_suffix,
                rows * 720,
                product.unit,
                product.resource_type,
                Cost(units),
            );
        }
        text.push_str("]}");
        text.into()
    }

    /// The sum of every group in 1e-5: project, region, resource type, sum.
    #[must_use]
    pub fn ledger(&self) -> BTreeMap<(u64, u64, &'static str), i64> {
        let mut ledger = BTreeMap::new();
        for (project, totals) in &self.totals {
            for (key, (_, units)) in totals {
                *ledger.entry((*project, key.region, PRODUCTS[key.product].resource_type)).or_default() += units;
            }
        }
        ledger
    }
}

fn rows_of(shape: &Shape, project: usize) -> Range<usize> {
    let start = |index: usize| shape.rows * index / shape.projects;
    start(project)..start(project + 1)
}

/// A step that visits every index of a ring once, and never two neighbours in turn.
fn coprime_stride(length: usize) -> usize {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let start = length * 382 / 1000 + 1;
    (start..).find(|stride| gcd(*stride, length) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn estate() -> Estate {
        Estate::new(Shape { rows: 1_003, projects: 2, regions: 3, day: "2026-05-14".into() }).unwrap()
    }

    fn rows(page: &[Bytes; 3]) -> Vec<serde_json::Value> {
        let page: serde_json::Value = serde_json::from_slice(&page.concat()).unwrap();
        page["results"].as_array().unwrap().clone()
    }

    #[test]
    fn pages_hold_every_row_once_and_add_up_to_the_ledger() {
        let estate = estate();
        let mut sums: BTreeMap<(u64, u64, String), i64> = BTreeMap::new();
        let mut count = 0;
        for offset in (0..2_000).step_by(100) {
            for row in rows(&estate.page(None, offset, 100)) {
                let units = (row["cost"].as_f64().unwrap() * 1e5).round() as i64;
                let word = row["type"].as_str().unwrap().to_owned();
                let key = (row["project_id"].as_u64().unwrap(), row["region_id"].as_u64().unwrap(), word);
                *sums.entry(key).or_default() += units;
                count += 1;
            }
        }
        assert_eq!(count, 1_003);
        let ledger: BTreeMap<_, _> =
            estate.ledger().into_iter().map(|((p, r, t), u)| ((p, r, t.to_owned()), u)).collect();
        assert_eq!(sums, ledger);
        assert_eq!(ledger.len(), 2 * 3 * 25);
    }

    #[test]
    fn a_project_has_pages_and_totals_of_its_own() {
        let estate = estate();
        let of_one = rows(&estate.page(Some(41_002), 0, 10_000));
        assert_eq!(of_one.len(), 502);
        assert!(of_one.iter().all(|row| row["project_id"] == 41_002));
        assert!(rows(&estate.page(Some(1), 0, 10)).is_empty());
        let units = |body: Bytes| -> i64 {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["count"], body["results"].as_array().unwrap().len());
            let costs = body["results"].as_array().unwrap().iter().map(|row| row["cost"].as_f64().unwrap());
            costs.map(|cost| (cost * 1e5).round() as i64).sum()
        };
        let parts = units(estate.totals(Some(41_001))) + units(estate.totals(Some(41_002)));
        assert_eq!(parts, estate.ledger().values().sum::<i64>());
        assert_eq!(parts, units(estate.totals(None)));
    }

    #[test]
    fn costs_are_printed_as_python_prints_them() {
        let printed = [3_124_416, 1_190_000, 1_200_000, 7, 10].map(|units| Cost(units).to_string());
        assert_eq!(printed, ["31.24416", "11.9", "12.0", "7e-05", "0.0001"]);
    }
}
