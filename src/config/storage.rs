//! `[storage]`: the store, and its default path.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::env::Environment;
use crate::config::key_path::Key;
use crate::config::key_reader::Reader;
use crate::store::{Settings, may_write};

/// The folder of the systemd unit.
const SERVICE: &str = "/var/lib/gcore-billing-exporter";
const FOLDER: &str = "gcore-billing-exporter";
const FILE: &str = "state.db";

/// The source of the store's path, in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// `storage.path`.
    Setting,
    /// `STATE_DIRECTORY`: systemd sets it for a unit with `StateDirectory=`.
    StateDirectory,
    /// The unit's folder exists and this user may write into it. Root may do so without the unit.
    Service,
    /// `XDG_STATE_HOME`.
    StateHome,
    /// `HOME`: the folder for states below it, by the XDG specification.
    Home,
    /// None of these: the unit's folder, even if it is missing.
    Nothing,
}

impl ChosenBy {
    /// Whether the daemon creates the folder. For a unit, systemd does.
    #[must_use]
    pub fn makes_the_folder(self) -> bool {
        matches!(self, Self::StateHome | Self::Home)
    }
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "storage.path",
            Self::StateDirectory => "STATE_DIRECTORY",
            Self::Service => "its_folder",
            Self::StateHome => "XDG_STATE_HOME",
            Self::Home => "HOME",
            Self::Nothing => "default",
        })
    }
}

/// The table. An empty path keeps everything in memory.
pub(super) fn read(reader: &mut Reader, environment: &Environment) -> (Settings, ChosenBy) {
    let table = Key::new(["storage"]);
    reader.table(&table);
    match reader.text(&table.child("path")) {
        None => {
            let (folder, chosen_by) = default_folder(environment, may_write);
            (Settings { path: Some(folder.join(FILE)) }, chosen_by)
        }
        Some(path) => (Settings { path: (!path.is_empty()).then(|| path.into()) }, ChosenBy::Setting),
    }
}

fn default_folder(environment: &Environment, may_write: impl Fn(&Path) -> bool) -> (PathBuf, ChosenBy) {
    // The XDG Base Directory Specification ignores relative paths.
    let variable = |name| environment.get(name).map(Path::new).filter(|path| path.is_absolute());
    // Colons separate several folders.
    let unit = environment.get("STATE_DIRECTORY").and_then(|folders| folders.split(':').next()).map(Path::new);
    if let Some(folder) = unit.filter(|path| path.is_absolute()) {
        (folder.to_owned(), ChosenBy::StateDirectory)
    } else if may_write(Path::new(SERVICE)) {
        (SERVICE.into(), ChosenBy::Service)
    } else if let Some(states) = variable("XDG_STATE_HOME") {
        (states.join(FOLDER), ChosenBy::StateHome)
    } else if let Some(home) = variable("HOME") {
        (home.join(".local/state").join(FOLDER), ChosenBy::Home)
    } else {
        (SERVICE.into(), ChosenBy::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_a_place_is_obeyed() {
        use ChosenBy::{Home, Nothing, Service, StateDirectory, StateHome};
        let all = [("STATE_DIRECTORY", "/s/a:/s/b"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        for (name, variables, is_there, want) in [
            ("a unit of one's own with two folders", &all[..], true, ("/s/a", StateDirectory)),
            ("root beside the unit, or a volume", &all[1..], true, (SERVICE, Service)),
            ("a folder for states", &all[1..], false, ("/x/gcore-billing-exporter", StateHome)),
            ("a home", &all[2..], false, ("/h/.local/state/gcore-billing-exporter", Home)),
            ("nothing", &[], false, (SERVICE, Nothing)),
            ("relative paths", &[("STATE_DIRECTORY", "s"), ("XDG_STATE_HOME", "x")], false, (SERVICE, Nothing)),
            ("empty ones", &[("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", ""), ("HOME", "")], false, (SERVICE, Nothing)),
        ] {
            let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let (folder, chosen_by) = default_folder(&environment, |_| is_there);
            assert_eq!((folder.to_str().unwrap(), chosen_by), want, "{name}");
        }
    }
}
