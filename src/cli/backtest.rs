//! Detector and forecast over a file of daily costs.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::backtest;
use crate::backtest::Outputs;
use crate::backtest::table;

use super::exit::ExitCode;
use super::say;

/// What to judge, and where to write what was found.
#[derive(Args, Debug)]
pub(super) struct BacktestFlags {
    /// Daily costs: a CSV file with the columns day,group,amount and, where there are several, currency
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// The true spikes, to score the detector by: a CSV file with the columns group,from,to, both days included
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Write every judged day: day,group,actual,expected,upper,score,anomaly
    #[arg(long, value_name = "OUT")]
    detections: Option<PathBuf>,
    /// Write every forecast: day,group,month,forecast,lower,upper,actual
    #[arg(long, value_name = "OUT")]
    forecasts: Option<PathBuf>,
}

/// Reads the files, judges and forecasts every day, and prints the table.
pub(super) fn run(flags: &BacktestFlags) -> anyhow::Result<ExitCode> {
    let (histories, spikes, mut outputs) = match prepare(flags) {
        Ok(prepared) => prepared,
        Err(problem) => {
            say(&mut io::stderr(), &format!("{problem}\n"));
            return Ok(ExitCode::Usage);
        }
    };
    let report = backtest::run(&histories, spikes.as_deref(), &mut outputs)
        .context("the rows of --detections or --forecasts cannot be written; is the disk full?")?;
    say(&mut io::stdout(), &report.to_string());
    Ok(ExitCode::Success)
}

type Prepared = (Vec<backtest::History>, Option<Vec<backtest::Spike>>, Outputs<BufWriter<File>>);

/// Everything that can be wrong by what the user gave, before anything is judged or written.
fn prepare(flags: &BacktestFlags) -> Result<Prepared, String> {
    let fault = |fault: table::Fault| fault.to_string();
    let histories = table::history(&name(&flags.csv), &read(&flags.csv)?).map_err(fault)?;
    let spikes = match &flags.labels {
        Some(path) => Some(table::spikes(&name(path), &read(path)?, &histories).map_err(fault)?),
        None => None,
    };
    distinct(flags)?;
    let create = |path: &Option<PathBuf>| path.as_deref().map(create).transpose();
    let (detections, forecasts) = (create(&flags.detections)?, create(&flags.forecasts)?);
    let outputs = Outputs::new(detections, forecasts).map_err(|error| format!("cannot write: {error}"))?;
    Ok((histories, spikes, outputs))
}

/// Two of the files in one would destroy each other.
fn distinct(flags: &BacktestFlags) -> Result<(), String> {
    let given = [Some(&flags.csv), flags.labels.as_ref(), flags.detections.as_ref(), flags.forecasts.as_ref()];
    let given: Vec<&PathBuf> = given.into_iter().flatten().collect();
    match given.iter().enumerate().find(|(at, path)| given[..*at].contains(path)) {
        Some((_, path)) => Err(format!("{}: is given twice; each flag needs a file of its own", path.display())),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: cannot be read: {error}; give the path of a CSV file", path.display()))
}

fn create(path: &Path) -> Result<BufWriter<File>, String> {
    let file = File::create(path);
    file.map(BufWriter::new).map_err(|error| {
        format!(
            "{}: cannot be written: {error}; give a path in a folder that exists and that you may write to",
            path.display()
        )
    })
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
