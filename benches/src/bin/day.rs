//! Detector and forecast for one new day of many series.
//!
//! Usage: day [--series=N] [--days=N]
//!
//! It takes a long history. Then it prints as JSON the CPU `milliseconds` of each of the last 60 days. A day means to
//! judge every series, to learn from it, and to forecast its month. The daemon forecasts projects and budgets only, so
//! it needs less.

use cost_insights::{Model, Settings};
use gcore_billing_bench::cpu::spent;
use gcore_billing_bench::row::Dice;
use jiff::civil::{Date, date};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let series: u64 = args.opt_value_from_str("--series")?.unwrap_or(10_000);
    let days: usize = args.opt_value_from_str("--days")?.unwrap_or(400);
    let mut model = Model::new(Settings::default());
    let mut milliseconds = Vec::new();
    for (at, day) in date(2025, 9, 10).series(jiff::Span::new().days(1)).take(days).enumerate() {
        let amounts: Vec<f64> = (0..series).map(|index| amount(index, at as u64, day)).collect();
        let before = spent()?;
        let judgements = model.step(day, &amounts);
        let forecasts = model.forecast(day.first_of_month());
        let after = spent()?;
        anyhow::ensure!(judgements.len() == amounts.len() && forecasts.len() == amounts.len(), "a series is missing");
        milliseconds.push((after - before) * 1e3);
    }
    let last = milliseconds.split_off(days.saturating_sub(60));
    println!("{}", json!({ "milliseconds": last }));
    Ok(())
}

/// The cost of a series on a day: its own level, less on weekends, with noise, and more on the first of a month.
fn amount(index: u64, at: u64, day: Date) -> f64 {
    let mut level = Dice(index);
    let mut noise = Dice(index << 32 | at);
    let usual = 1.0 + level.below(10_000) as f64 / 100.0;
    let weekday = if day.weekday().to_monday_zero_offset() > 4 { 0.4 + level.below(60) as f64 / 100.0 } else { 1.0 };
    let monthly = if day.day() == 1 && index.is_multiple_of(5) { 4.0 } else { 1.0 };
    usual * weekday * monthly * (0.95 + noise.below(1_000) as f64 / 10_000.0)
}
