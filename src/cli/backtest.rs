//! `backtest`: runs detector and forecast over the stored history or a file of daily costs.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use jiff::civil::Date;

use crate::config::Config;
use crate::store::Store;
use crate::store::series::{Kind, Series};
use common::clock::Clock;
use common::wording::shown;
use cost_insights::Rule;
use cost_insights::backtest;
use cost_insights::backtest::Outputs;
use cost_insights::backtest::history::Builder;
use cost_insights::backtest::table;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::utc_date;

use super::exit::ExitCode;
use super::progress::Progress;
use super::say;

/// The input and the outputs of a backtest.
#[derive(Args, Debug)]
pub(super) struct BacktestFlags {
    /// Read daily costs from this CSV file instead of the store: columns day,group,amount and, for several currencies,
    /// currency
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Read this store instead of storage.path of the configuration
    #[arg(long, value_name = "FILE", conflicts_with = "csv")]
    store: Option<PathBuf>,
    /// Score the detector by these true spikes: a CSV file with the columns group,from,to, both days included
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Leave out one rule of the detector, to measure its effect: weekday_share, sparse, same_day_of_month,
    /// often_lately or other_weekday
    #[arg(long, value_name = "RULE", value_parser = rule)]
    without: Option<Rule>,
    /// Write every judged day: day,group,actual,expected,upper,score,anomaly,reason,explanation
    #[arg(long, value_name = "OUT")]
    detections: Option<PathBuf>,
    /// Write every forecast: day,group,month,forecast,lower,upper,actual
    #[arg(long, value_name = "OUT")]
    forecasts: Option<PathBuf>,
}

/// The rule with a name.
fn rule(name: &str) -> Result<Rule, String> {
    let known = || Rule::ALL.map(Rule::as_str).join(", ");
    Rule::ALL.into_iter().find(|rule| rule.as_str() == name).ok_or_else(|| format!("the rules are {}", known()))
}

impl BacktestFlags {
    /// Whether the configuration names the input.
    pub(super) fn needs_configuration(&self) -> bool {
        self.csv.is_none() && self.store.is_none()
    }
}

/// Reads the input, judges and forecasts every day, and prints the table. `config` is `Some` if it names the input.
pub(super) async fn run(flags: &BacktestFlags, config: Option<&Config>) -> anyhow::Result<ExitCode> {
    let histories = match &flags.csv {
        Some(path) => read(path).and_then(|text| table::history(&name(path), &text).map_err(|fault| fault.to_string())),
        None => match flags.store.as_deref().or(config.and_then(|config| config.storage.path.as_deref())) {
            Some(path) => stored(path, config).await?,
            None => {
                Err("storage.path: is \"\", so nothing is stored; name a store by --store, or a file by --csv".into())
            }
        },
    };
    let prepared = histories.and_then(|histories| prepare(flags, &histories).map(|prepared| (histories, prepared)));
    let (histories, (spikes, mut outputs)) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => {
            say(&mut io::stderr(), &format!("{problem}\n"));
            return Ok(ExitCode::Usage);
        }
    };
    let progress = Progress::new("days judged");
    let step = |done, all| progress.step(done, all);
    let report = backtest::run(&histories, spikes.as_deref(), flags.without, &mut outputs, step)
        .context("the rows of --detections or --forecasts cannot be written; is the disk full?")?;
    drop(progress);
    say(&mut io::stdout(), &report.to_string());
    Ok(ExitCode::Success)
}

type Prepared = (Option<Vec<backtest::Spike>>, Outputs<BufWriter<File>>);

/// The stored history of every account, or of the configured ones. Groups are named `ACCOUNT/PROJECT/REGION/TYPE`.
async fn stored(path: &Path, config: Option<&Config>) -> anyhow::Result<Result<Vec<backtest::History>, String>> {
    let store = Store::open_to_read(path)?;
    let mut accounts = BTreeMap::new();
    match config {
        Some(config) => {
            for (name, settings) in &config.accounts {
                let account = store.known_account(name, settings.scope()).await?;
                accounts.extend(account.map(|account| (name.as_str().to_owned(), account)));
            }
        }
        None => accounts = store.accounts().await?,
    }
    let mut histories = Vec::new();
    for (name, account) in accounts {
        let visit = move |builder: &mut Builder, series: &[Series], day, amounts: &[(usize, Amount)]| {
            for (row, (place, amount)) in (0..).zip(amounts) {
                let Series { group, measure } = &series[*place];
                let region = group.region_id();
                let group = format!("{name}/{}/{region}/{}", group.project.0, group.resource_type.as_str());
                if builder.add(row, day, &group, measure, amount.to_f64()).is_err() {
                    // Each series has one amount for a day, so a group that occurs twice has two currencies.
                    let _ = builder.add(row, day, &format!("{group}/{measure}"), measure, amount.to_f64());
                }
            }
        };
        // A clock that was ahead may have stored days that are not over.
        let closed = (Date::MIN, utc_date(Clock::system().now()));
        let builder = store.visit_days(account, Kind::Cost, closed, Builder::default(), visit).await?;
        histories.extend(builder.finish());
    }
    Ok(if histories.is_empty() {
        let whose = if config.is_some() { " of the configured accounts" } else { "" };
        Err(format!("{}: holds no day{whose} yet; let the daemon run for a while", path.display()))
    } else {
        Ok(histories)
    })
}

/// Checks all inputs and opens the outputs before any day is judged.
fn prepare(flags: &BacktestFlags, histories: &[backtest::History]) -> Result<Prepared, String> {
    let fault = |fault: table::Fault| fault.to_string();
    let spikes = match &flags.labels {
        Some(path) => Some(table::spikes(&name(path), &read(path)?, histories).map_err(fault)?),
        None => None,
    };
    distinct(flags)?;
    let create = |path: &Option<PathBuf>| path.as_deref().map(create).transpose();
    let (detections, forecasts) = (create(&flags.detections)?, create(&flags.forecasts)?);
    let outputs = Outputs::new(detections, forecasts).map_err(|error| format!("cannot write: {error}"))?;
    Ok((spikes, outputs))
}

/// Refuses two outputs or inputs in the same file, because one would overwrite the other.
fn distinct(flags: &BacktestFlags) -> Result<(), String> {
    let given = [
        flags.csv.as_ref(),
        flags.store.as_ref(),
        flags.labels.as_ref(),
        flags.detections.as_ref(),
        flags.forecasts.as_ref(),
    ];
    let given: Vec<&PathBuf> = given.into_iter().flatten().collect();
    match given.iter().enumerate().find(|(at, path)| given[..*at].contains(path)) {
        Some((_, path)) => Err(format!("{}: is given twice; each flag needs a file of its own", path.display())),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: cannot be read: {error}; give the path of a CSV file", shown(path)))
}

fn create(path: &Path) -> Result<BufWriter<File>, String> {
    let file = File::create(path);
    file.map(BufWriter::new).map_err(|error| {
        format!(
            "{}: cannot be written: {error}; give a path in a folder that exists and that you may write to",
            shown(path)
        )
    })
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
