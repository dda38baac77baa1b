//! An account's API key: a fixed text, or a file whose content may change at any time.
//!
//! A key file is read again for every request, so a rotated key is used at once. The file is tiny, and two writes can
//! have the same modification time. While the file cannot be used, the last good key is used. No message of this module
//! holds a part of a key.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use common::wording::shown;

/// A longer text is no API key, but most likely the wrong file.
const MAX_LENGTH: usize = 4096;
/// The bytes that are read of a file: enough to see that it is too long.
const MAX_FILE: u64 = 64 << 10;

/// The source of an account's key. Clones share the key that was read last. `Debug` shows no key.
///
/// Two sources are equal when they always give the same key: the same text, or the same file.
#[derive(Clone, Debug)]
pub struct ApiKey(Source);

#[derive(Clone, Debug)]
enum Source {
    Fixed(SecretString),
    File(Arc<KeyFile>),
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    scheme: String,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    key: SecretString,
    /// The previous key, which a response in flight may still repeat.
    before: Option<SecretString>,
    /// Whether the last read of the file failed. The failure is logged once.
    is_unusable: bool,
}

/// The reason why a text or a file is no API key. The text holds no part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(String);

impl ApiKey {
    /// A fixed key, without the surrounding white space and without the scheme word before it.
    ///
    /// # Errors
    /// [`InvalidKey`] when the text is not one word of plain characters.
    pub fn fixed(text: &str, scheme: &str) -> Result<Self, InvalidKey> {
        parse(text, scheme).map(Self::from)
    }

    /// A key in a file. The file is read now, and again for every request.
    ///
    /// A path that is no regular file, such as a pipe, can be read only once. Its key stays fixed.
    ///
    /// # Errors
    /// [`InvalidKey`] when the file cannot be read, or does not hold one word of plain characters.
    pub fn in_file(path: &Path, scheme: &str) -> Result<Self, InvalidKey> {
        let key = read(path, scheme)?;
        if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            return Ok(Self::from(key));
        }
        let last = Mutex::new(Last { key, before: None, is_unusable: false });
        Ok(Self(Source::File(Arc::new(KeyFile { path: path.to_owned(), scheme: scheme.to_owned(), last }))))
    }

    /// The key for the next request.
    #[must_use]
    pub fn current(&self) -> SecretString {
        match &self.0 {
            Source::Fixed(key) => key.clone(),
            Source::File(file) => file.current(),
        }
    }

    /// Whether the key looks incomplete: a shell or a compose file expands the part from its `$` on as a variable, and
    /// leaves digits only.
    #[must_use]
    pub fn looks_cut(&self) -> bool {
        let key = self.current();
        let key = key.expose_secret();
        key.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// A text of the server without the key, which it may repeat.
    pub(crate) fn blot_out(&self, text: &str) -> String {
        let blot_out = |text: &str, key: &SecretString| {
            let key = key.expose_secret();
            // Quoted text has a backslash before quotes and backslashes.
            text.replace(key, "***").replace(&key.escape_debug().to_string(), "***")
        };
        match &self.0 {
            Source::Fixed(key) => blot_out(text, key),
            Source::File(file) => {
                let last = file.last.lock().unwrap_or_else(PoisonError::into_inner);
                last.before.iter().fold(blot_out(text, &last.key), |text, before| blot_out(&text, before))
            }
        }
    }

    /// Whether the current key differs from `used`.
    pub(crate) fn has_changed_from(&self, used: &SecretString) -> bool {
        !same(&self.current(), used)
    }
}

/// A fixed key that was validated elsewhere.
impl From<SecretString> for ApiKey {
    fn from(key: SecretString) -> Self {
        Self(Source::Fixed(key))
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Source::Fixed(key), Source::Fixed(other)) => same(key, other),
            (Source::File(file), Source::File(other)) => file.path == other.path && file.scheme == other.scheme,
            _ => false,
        }
    }
}

impl KeyFile {
    fn current(&self) -> SecretString {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read(&self.path, &self.scheme) {
            Ok(key) => {
                last.is_unusable = false;
                if !same(&last.key, &key) {
                    tracing::info!(file = %self.path.display(), "the API key was exchanged; the new one is used");
                    last.before = Some(std::mem::replace(&mut last.key, key));
                }
            }
            Err(problem) if !last.is_unusable => {
                last.is_unusable = true;
                tracing::warn!(%problem, "the file of the API key cannot be used; the last good key is");
            }
            Err(_) => {}
        }
        last.key.clone()
    }
}

fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

fn read(path: &Path, scheme: &str) -> Result<SecretString, InvalidKey> {
    let bytes = read_bytes(path).map_err(|error| {
        InvalidKey(format!("cannot read {}: {error}; the daemon's user must be able to read it", shown(path)))
    })?;
    parse(&String::from_utf8_lossy(&bytes), scheme)
        .map_err(|InvalidKey(problem)| InvalidKey(format!("{}: {problem}", path.display())))
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(text: &str, scheme: &str) -> Result<SecretString, InvalidKey> {
    let text = text.trim();
    let is_scheme = |word: &str| word.eq_ignore_ascii_case(scheme) || word.eq_ignore_ascii_case("apikey");
    let key = match text.split_once(char::is_whitespace) {
        Some((word, rest)) if is_scheme(word) => rest.trim_start(),
        None if is_scheme(text) => "",
        _ => text,
    };
    let problem = if key.is_empty() {
        "the API key is empty: give a permanent API token of the Gcore portal"
    } else if key.len() > MAX_LENGTH {
        "the API key is longer than 4096 characters: is it another file or text?"
    } else if key.chars().any(char::is_whitespace) {
        "the API key has white space inside: it must be a single word"
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        "the API key has control or non-ASCII characters: copy the token again, as plain text"
    } else if ['"', '\''].iter().any(|quote| key.starts_with(*quote) || key.ends_with(*quote)) {
        "the API key has quotation marks around it: remove them"
    } else {
        return Ok(SecretString::from(key));
    };
    Err(InvalidKey(problem.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_of_plain_characters() {
        for (name, text, key) in [
            ("as copied from the portal", "1234$abcdef", Some("1234$abcdef")),
            ("digits only", "00123", Some("00123")),
            ("file with a newline", "key\r\n", Some("key")),
            ("scheme word of the documents", "apikey key", Some("key")),
            ("scheme word of the libraries", "APIKey  key\n", Some("key")),
            ("configured scheme word", "Token key", Some("key")),
            ("key that begins like a scheme", "apikey1234", Some("apikey1234")),
            ("nothing", "", None),
            ("white space", " \n", None),
            ("only the scheme word", "APIKey ", None),
            ("two words", "one two", None),
            ("two lines", "one\ntwo", None),
            ("control character", "one\u{7}two", None),
            ("byte order mark", "\u{feff}key", None),
            ("not ASCII", "schlüssel", None),
            ("quotation marks", "\"key\"", None),
        ] {
            let read = parse(text, "Token").ok();
            assert_eq!(read.as_ref().map(|key| key.expose_secret()), key, "{name}");
        }
    }

    #[test]
    fn a_file_gives_its_newest_good_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "first\n").unwrap();
        let key = ApiKey::in_file(&path, "APIKey").unwrap();
        let now = || key.current().expose_secret().to_owned();
        assert_eq!(now(), "first");
        fs::write(&path, "apikey other\n").unwrap();
        assert_eq!(now(), "other", "as long as the one before, written in the same instant");
        for unusable in ["", "two words", "\0", &"long".repeat(50_000)] {
            fs::write(&path, unusable).unwrap();
            assert_eq!(now(), "other", "the file holds {} bytes of nonsense", unusable.len());
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(now(), "other", "the file is gone");
        fs::write(&path, "third").unwrap();
        assert_eq!(now(), "third");
        assert_eq!(key.blot_out("either third or other"), "either *** or ***");
        assert!(!format!("{key:?}").contains("third"));
    }

    #[test]
    fn what_can_be_read_only_once_is() {
        let key = ApiKey::in_file(Path::new("/dev/null"), "APIKey");
        assert_eq!(
            key.unwrap_err().to_string(),
            "/dev/null: the API key is empty: give a permanent API token of the Gcore portal"
        );
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"piped").unwrap();
        drop(writer);
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&reader);
        let key = ApiKey::in_file(Path::new(&format!("/dev/fd/{descriptor}")), "APIKey").unwrap();
        assert_eq!(key.current().expose_secret(), "piped");
        assert_eq!(key, ApiKey::fixed("piped", "APIKey").unwrap());
    }
}
