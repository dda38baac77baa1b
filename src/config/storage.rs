//! `[storage]`: what outlives the process.

use crate::config::key::Key;
use crate::config::keys::Reader;
use crate::store::Settings;

/// The table; an empty path keeps everything in memory.
pub(super) fn read(reader: &mut Reader) -> Settings {
    let table = Key::new(["storage"]);
    reader.table(&table);
    match reader.text(&table.child("path")) {
        None => Settings::default(),
        Some(path) => Settings { path: (!path.is_empty()).then(|| path.into()) },
    }
}
