//! The configuration: defaults, then a TOML file, then the environment.
//!
//! A key `collect.cost.interval` of the file is the variable `GCORE_EXPORTER_COLLECT__COST__INTERVAL`. Each setting is
//! checked once, here; nothing that is wrong is repaired, and everything that is wrong is told at once. The settings
//! and their defaults belong to the parts that use them. `config.example.toml` explains every key to its reader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;

use crate::alert;
use crate::billing::account::AccountName;
use crate::collect;
use crate::exposition;
use crate::gcore;
use crate::store;

mod accounts;
mod alerts;
mod collectors;
mod duration;
mod env;
mod fault;
mod file;
mod key;
mod keys;
mod metrics;
mod notify;
mod rules;
mod storage;
mod summary;
mod url;

pub use env::Environment;
pub use fault::Faults;
pub(crate) use key::hint;
pub use storage::ChosenBy;

/// Everything that can be set, checked.
///
/// `Display` is the summary that `check-config` prints; neither it nor `Debug` shows an API key.
#[derive(Clone, Debug)]
pub struct Config {
    /// The accounts that are read; at least one.
    pub accounts: BTreeMap<AccountName, gcore::settings::Settings>,
    /// What is read of each account, and when.
    pub collect: collect::settings::Settings,
    /// What somebody wants to be told of.
    pub alerts: alert::settings::Settings,
    /// How much is exported.
    pub metrics: exposition::settings::Settings,
    /// What outlives the process.
    pub storage: store::Settings,
    /// Whom alerts are told.
    pub notify: crate::notify::settings::Settings,
}

/// A good configuration and what was noticed while it was read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What says where the store is.
    pub storage_chosen_by: ChosenBy,
    /// What is allowed but most likely not meant, a line each.
    pub warnings: Vec<String>,
    /// Every key that was looked for, set or not, such as `collect.cost.interval`.
    pub keys: Vec<String>,
}

/// Where a configuration comes from, so that it can be read again. Holds the environment, keys included.
pub struct Source {
    /// The TOML file, if one was given.
    pub file: Option<PathBuf>,
    /// The environment as it was when the process started.
    pub environment: Environment,
}

impl Source {
    /// Reads all of it: the file, the environment and every file that these name.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self) -> Result<Loaded, Faults> {
        Config::load(self.file.as_deref(), &self.environment)
    }
}

impl Config {
    /// Reads the configuration from `file`, if one is given, and `environment`.
    ///
    /// # Errors
    /// All faults at once, so that one correction suffices; but of a file that cannot be read or is no TOML only
    /// that is told.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Loaded, Faults> {
        let toml = file.map_or_else(|| Ok(file::TomlFile::default()), file::TomlFile::read);
        let toml = toml.map_err(|fault| Faults::new([fault]))?;
        let (variables, misplaced) = env::Variables::read(environment);
        let origin = file.map_or(fault::Origin::Unset, fault::Origin::file);
        let mut reader = keys::Reader::new(Figment::new().merge(toml).merge(variables), origin);

        let mut warnings = Vec::new();
        let accounts = accounts::read(&mut reader, environment, &mut warnings);
        let mut collect = collectors::read(&mut reader);
        let metrics = metrics::read(&mut reader, &mut collect);
        collect.history.series_limit = collect::settings::History::series_limit(metrics.series_limit, accounts.len());
        let (storage, storage_chosen_by) = storage::read(&mut reader, environment);
        collect.history.budgets = alerts::budgets(&mut reader, &accounts, &collect, &mut warnings);
        let alerts = rules::read(&mut reader, &accounts, &collect, &mut warnings);
        let notify = notify::read(&mut reader, &mut warnings);
        let (keys, faults) = reader.finish();
        if faults.is_empty() && misplaced.is_empty() {
            let config = Self { accounts, collect, alerts, metrics, storage, notify };
            Ok(Loaded { config, storage_chosen_by, warnings, keys })
        } else {
            Err(Faults::new(faults.into_iter().chain(misplaced)))
        }
    }
}
