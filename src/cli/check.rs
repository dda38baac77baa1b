//! `check-config`: checks the configuration, and whether a daemon can run with it on this machine.

use std::io;

use crate::app;
use crate::app::Web;
use crate::config::{ChosenBy, Loaded};
use common::wording::counted;

use super::exit::ExitCode;
use super::screen::Screen;
use super::{check_online, say};

/// Prints the configuration and a verdict. Probes the API only if the configuration is valid.
pub(super) async fn run(
    loaded: &Loaded,
    web: &Web,
    web_warnings: &[String],
    asks: bool,
    screen: Screen,
) -> anyhow::Result<ExitCode> {
    let Loaded { config, storage_chosen_by: chosen_by, .. } = loaded;
    let mut faults = Vec::new();
    let examined = config.storage.examine(chosen_by.makes_the_folder());
    faults.extend(examined.err().map(|fault| format!("storage.path: {fault}\n")));
    faults.extend(app::prove(config).err().map(|fault| format!("{fault}\n")));
    if !faults.is_empty() {
        say(&mut io::stderr(), &faults.concat());
        return Ok(ExitCode::Usage);
    }
    let place = match chosen_by {
        ChosenBy::Setting => String::new(),
        by => format!("  chosen by {by}; storage.path names another place\n"),
    };
    let links = web.misleading_links(&config.notify);
    if let Some(warning) = &links {
        tracing::warn!("{warning}");
    }
    let verdict = match loaded.warnings.len() + web_warnings.len() + links.iter().len() {
        0 => "The configuration is good.".to_owned(),
        number => format!("The configuration can be used; mind the {} above.", counted(number as u64, "warning")),
    };
    say(&mut io::stdout(), &format!("{config}{place}\n{verdict}\n"));
    if asks { check_online::check(config, screen).await } else { Ok(ExitCode::Success) }
}
