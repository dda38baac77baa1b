//! The TOML file as a source of the configuration, and the reader of other small files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};

use crate::config::fault::{Fault, Origin};
use common::wording::working_folder;

/// The largest file that is read. Bundles of certificate authorities have some hundred kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// The values of a TOML file.
#[derive(Default)]
pub(super) struct TomlFile(Dict);

impl TomlFile {
    /// Reads a file. A file that cannot be read or parsed is a fault.
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let fault = |problem| Fault { key: None, origin: Origin::file(path), problem };
        let bytes = read(path).map_err(|error| {
            let where_from =
                working_folder(path).map_or_else(String::new, |folder| format!(", relative to {}", folder.display()));
            fault(format!(
                "cannot read the configuration file{where_from}: {error}; name one that can be read, or none at all"
            ))
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = line(error.as_bytes(), error.utf8_error().valid_up_to());
            fault(format!("line {line}: the configuration file must be UTF-8 text"))
        })?;
        // The parser's own message quotes the line, which may hold an API key.
        let dict = <Toml as Format>::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(text.as_bytes(), span.start));
            let message = error.message().trim().replace('\n', ", ");
            let hint = if message.contains("duplicate") {
                "each table and each key stands in the file once"
            } else {
                "a line is key = value, and text is in quotes"
            };
            fault(format!("line {line}: not valid TOML: {message}; {hint}"))
        })?;
        Ok(Self(dict))
    }
}

impl Provider for TomlFile {
    fn metadata(&self) -> Metadata {
        Metadata::named("TOML file")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// Reads a whole file, except if it is far too large, such as an endless device.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
    }
    Ok(bytes)
}

/// The line number, from 1, of a position in a text.
fn line(text: &[u8], position: usize) -> usize {
    1 + text.iter().take(position).filter(|byte| **byte == b'\n').count()
}
