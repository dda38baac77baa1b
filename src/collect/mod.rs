//! Collectors: one loop per account and source that polls the API and publishes readings.

pub mod settings;
