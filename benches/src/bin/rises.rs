//! What the detector weighs on each day above the usual, for growing its forest.
//!
//! Usage: rises COSTS
//!
//! Reads a table of `day,group,amount` and prints one of `group,day,age` and the numbers of the evidence, `age` being the
//! days since the group's first cost.

use std::io::{BufWriter, Write as _};

use anyhow::Context as _;
use gcore_billing_exporter::analysis::{Model, NAMES, Settings};
use gcore_billing_exporter::backtest::table;

fn main() -> anyhow::Result<()> {
    let path: String = pico_args::Arguments::from_env().free_from_str()?;
    let histories = table::history(&path, &std::fs::read(&path)?)?;
    let history = histories.first().context("no history")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "group,day,age,{}", NAMES.join(","))?;
    let mut model = Model::new(Settings { forecasts: false, ..Settings::default() });
    let mut first = vec![None; history.groups().len()];
    for (number, (day, amounts)) in history.days().iter().enumerate() {
        let mut rows = Vec::new();
        model.step_watched(*day, amounts, |index, evidence| rows.push((index, *evidence)));
        for (first, amount) in first.iter_mut().zip(amounts) {
            if first.is_none() && *amount > 0.0 {
                *first = Some(number);
            }
        }
        for (index, evidence) in rows {
            let age = number - first[index].unwrap_or(number);
            write!(out, "{},{day},{age}", history.groups()[index])?;
            for number in evidence.numbers() {
                write!(out, ",{number}")?;
            }
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(())
}
