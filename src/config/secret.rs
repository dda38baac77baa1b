//! From configured text to an API key. Nothing here ever puts a part of the text into a message.

use std::path::Path;

use secrecy::SecretString;

use crate::config::file;

/// Longer text is no API key, but most likely a wrong file.
const MAX_LENGTH: usize = 4096;

/// Reads an API key from a file.
pub(super) fn from_file(path: &Path, scheme: &str) -> Result<SecretString, String> {
    let bytes = file::read(path).map_err(|error| {
        format!("cannot read {}: {error}; the daemon's user must be able to read it", path.display())
    })?;
    let text = String::from_utf8_lossy(&bytes);
    from_text(&text, scheme).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Checks an API key, without the white space around it and the scheme word before it.
pub(super) fn from_text(text: &str, scheme: &str) -> Result<SecretString, String> {
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
    Err(problem.into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

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
            let read = from_text(text, "Token").ok();
            assert_eq!(read.as_ref().map(|key| key.expose_secret()), key, "{name}");
        }
    }
}
