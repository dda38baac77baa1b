//! `backfill`: writes the stored history to standard output or to a file.

use std::fs;
use std::fs::File;
use std::io;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::civil::Date;

use crate::app::backfill::Backfill;
use crate::config::Config;
use common::clock::Clock;
use common::wording::shown;

use super::progress::Progress;

/// Writes the days from `from` to `to`. A file appears only when it is complete.
pub(super) async fn run(config: &Config, from: Date, to: Date, out: Option<&Path>) -> anyhow::Result<()> {
    let backfill = Backfill::open(config, from, to, Clock::system().now()).await?;
    let Some(path) = out else {
        return write(backfill, io::stdout())
            .await
            .map(drop)
            .map_err(|error| told(error, "cannot write to standard output"));
    };
    let cannot = format!("cannot write {}; free some space or name another file by --out", shown(path));
    // A pipe or a device is written directly; a rename would replace it by a file.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let file = File::options().write(true).open(path).context(cannot.clone())?;
        return write(backfill, file).await.map(drop).map_err(|error| told(error, &cannot));
    }
    let partial = PathBuf::from(format!("{}.partial", path.display()));
    let file = File::create(&partial).context(cannot.clone())?;
    let outcome = write(backfill, file).await.and_then(|file| {
        file.sync_all()?;
        Ok(fs::rename(&partial, path)?)
    });
    if outcome.is_err() {
        // The first error matters more than a file that cannot be removed.
        let _ = fs::remove_file(&partial);
    }
    outcome.map_err(|error| told(error, &cannot))
}

/// Adds the output to the error, if the output caused it.
fn told(error: anyhow::Error, cannot: &str) -> anyhow::Error {
    if error.is::<io::Error>() { error.context(cannot.to_owned()) } else { error }
}

async fn write<W: Write + Send + 'static>(backfill: Backfill, to: W) -> anyhow::Result<W> {
    let progress = Progress::new("series of an account written");
    let buffered = backfill.write(BufWriter::new(to), |done, all| progress.step(done, all)).await?;
    Ok(buffered.into_inner().map_err(io::IntoInnerError::into_error)?)
}
