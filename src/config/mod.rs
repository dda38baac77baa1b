//! The configuration: defaults, then a TOML file, then the environment.
//!
//! The key `collect.cost.interval` of the file is the variable `GCORE_EXPORTER_COLLECT__COST__INTERVAL`. This module
//! checks each setting once. It repairs nothing and reports all faults together. The types and defaults of settings
//! belong to the modules that use them. `config.example.toml` explains every key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;

use crate::account::AccountName;
use crate::alert;
use crate::collect;
use crate::exposition;
use crate::shard::Shard;
use crate::store;

mod accounts;
mod alerts;
mod collectors;
mod duration;
mod env;
mod fault;
mod file;
mod key_path;
mod key_reader;
mod metrics;
mod notify;
mod rules;
mod storage;
mod summary;
mod url;

pub use env::Environment;
pub use fault::Faults;
pub(crate) use key_path::hint;
pub use storage::ChosenBy;

/// The complete and checked configuration.
///
/// `Display` is the summary that `check-config` prints. Neither it nor `Debug` shows an API key.
#[derive(Clone, Debug)]
pub struct Config {
    /// The accounts; at least one.
    pub accounts: BTreeMap<AccountName, gcore_api::http::settings::Settings>,
    /// The collectors and their schedules.
    pub collect: collect::settings::Settings,
    /// The rules, thresholds, budgets and mutes.
    pub alerts: alert::settings::Settings,
    /// The exported metrics.
    pub metrics: exposition::settings::Settings,
    /// The store.
    pub storage: store::Settings,
    /// The channels.
    pub notify: crate::notify::settings::Settings,
}

/// A valid configuration with its warnings.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The source of the store's path.
    pub storage_chosen_by: ChosenBy,
    /// Settings that are allowed but most likely a mistake, one line each.
    pub warnings: Vec<String>,
    /// Every key that was read, set or not, such as `collect.cost.interval`.
    pub keys: Vec<String>,
}

/// The sources of a configuration, for reloads. They include the environment with its API keys.
pub struct Source {
    /// The TOML file, if one was given.
    pub file: Option<PathBuf>,
    /// The environment as it was when the process started.
    pub environment: Environment,
    /// The shard that the command line gives.
    pub shard: Shard,
}

impl Source {
    /// Reads the file, the environment and all files that they name.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self) -> Result<Loaded, Faults> {
        let mut loaded = Config::load(self.file.as_deref(), &self.environment)?;
        loaded.config.metrics.shard = self.shard;
        if !self.shard.is_first() {
            // The first shard judges all alerts and sends them.
            loaded.config.notify = crate::notify::settings::Settings::default();
        }
        Ok(loaded)
    }
}

impl Config {
    /// Reads the configuration from `file`, if one is given, and `environment`.
    ///
    /// # Errors
    /// All faults together. If the file cannot be read or parsed, only that fault.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Loaded, Faults> {
        let toml = file.map_or_else(|| Ok(file::TomlFile::default()), file::TomlFile::read);
        let toml = toml.map_err(|fault| Faults::new([fault]))?;
        let (variables, misplaced) = env::Variables::read(environment);
        let origin = file.map_or(fault::Origin::Unset, fault::Origin::file);
        let mut reader = key_reader::Reader::new(Figment::new().merge(toml).merge(variables), origin);

        let mut warnings = Vec::new();
        let accounts = accounts::read(&mut reader, environment, &mut warnings);
        let mut collect = collectors::read(&mut reader);
        let metrics = metrics::read(&mut reader, &mut collect);
        collect.history.series_limit = metrics.series_limit;
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
