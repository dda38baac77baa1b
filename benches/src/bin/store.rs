//! The product's store with a long history: its size on disk, and the time for the sum of a month.
//!
//! Usage: store FILE --api-url=URL --last=YYYY-MM-DD [--days=N] [--projects=N] [--regions=N]
//!
//! It fills the file with days up to the last one, for the account `main` at this URL. Then it prints as JSON the `bytes`
//! of the file and the number of `amounts` in it. It also prints the `seconds` of several sums over the last 30 days. It
//! uses the product as a library, because no command computes such a sum.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::midnight;
use gcore_api::billing::resource::{ProjectId, RegionId, ResourceType};
use gcore_api::http::settings::Settings as Account;
use gcore_billing_bench::estate::Shape;
use gcore_billing_bench::price_list::PRODUCTS;
use gcore_billing_bench::row::Dice;
use gcore_billing_exporter::aggregate::group::Group;
use gcore_billing_exporter::store::days::Day;
use gcore_billing_exporter::store::series::{Kind, Series};
use gcore_billing_exporter::store::{AccountId, Settings, Store};
use jiff::ToSpan as _;
use jiff::civil::Date;
use prometheus::Registry;
use secrecy::SecretString;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let days: i32 = args.opt_value_from_str("--days")?.unwrap_or(400);
    let shape = Shape::from_args(&mut args)?;
    let (api_url, last): (String, Date) = (args.value_from_str("--api-url")?, args.value_from_str("--last")?);
    let path: PathBuf = args.free_from_str()?;
    let store = Store::open(&Settings { path: Some(path.clone()) }, &Registry::new())?;
    ensure!(!store.is_in_memory(), "{} cannot be written", path.display());
    let account =
        store.account(&"main".parse()?, Account::new(SecretString::from("bench"), api_url.parse()?).scope()).await?;
    let truth = fill(&store, account, &shape, (last, days)).await?;
    let mut seconds = Vec::new();
    for _ in 0..9 {
        let started = Instant::now();
        let sum = month(&store, account, last).await?;
        seconds.push(started.elapsed().as_secs_f64());
        ensure!(sum == truth, "the store sums up {sum}, and holds {truth}");
    }
    // SQLite writes the journal into the file when the last connection closes.
    drop(store);
    let bytes = std::fs::metadata(&path)?.len();
    let amounts = days.unsigned_abs() as usize * shape.groups().count();
    println!("{}", json!({ "bytes": bytes, "amounts": amounts, "seconds": seconds }));
    Ok(())
}

/// Writes the days, newest first as the product does, and returns the sum of the last 30.
async fn fill(store: &Store, account: AccountId, shape: &Shape, (last, days): (Date, i32)) -> anyhow::Result<Amount> {
    let mut dice = Dice(7);
    let series: Vec<Series> = shape
        .groups()
        .map(|(project, region, kind)| {
            let resource_type = ResourceType::new(PRODUCTS[kind].resource_type);
            let group = Group { project: ProjectId(project), region: Some(RegionId(region)), resource_type };
            Series { group, measure: "EUR".into() }
        })
        .collect();
    let mut truth = Amount::ZERO;
    for back in 0..days {
        let mut amounts = Vec::with_capacity(series.len());
        for series in &series {
            let amount: Amount = format!("{}e-5", dice.below(40_000_000)).parse()?;
            if back < 30 {
                truth = truth.checked_add(amount).context("the sum is out of range")?;
            }
            amounts.push((series.clone(), amount));
        }
        let date = last.checked_sub(back.days())?;
        let read_at = midnight(last.checked_add(1.day())?);
        store
            .write_day(
                account,
                Kind::Cost,
                Day { date, read_at, is_settled: true, rounding: Amount::ZERO, amounts },
                series.len(),
            )
            .await?;
    }
    Ok(truth)
}

async fn month(store: &Store, account: AccountId, last: Date) -> anyhow::Result<Amount> {
    let period = (last.checked_sub(29.days())?, last.checked_add(1.day())?);
    let add = |sum: &mut Amount, _: &[Series], _: Date, amounts: &[(usize, Amount)]| {
        for (_, amount) in amounts {
            *sum = sum.checked_add(*amount).unwrap_or(*sum);
        }
    };
    Ok(store.visit_days(account, Kind::Cost, period, Amount::ZERO, add).await?)
}
