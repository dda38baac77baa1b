//! The YAML text of a web configuration, as settings.

use std::path::{Path, PathBuf};

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use serde_json::Value;

use common::wording::working_folder;

use super::fault::Faults;
use super::files::Files;
use super::section::Section;
use super::users::Users;

const USERS: &str = "basic_auth_users";

/// The headers that may be set, with their only values if there are such.
const HEADERS: [(&str, HeaderName, &[&str]); 5] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
    ("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    ("X-Content-Type-Options", X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    ("X-XSS-Protection", X_XSS_PROTECTION, &[]),
    ("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
];

/// All settings of a file.
#[derive(Default)]
pub(super) struct Document {
    pub(super) tls: Option<TlsSettings>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) users: Users,
    pub(super) warnings: Vec<String>,
}

/// Where PEM text is.
#[derive(Clone)]
pub(super) enum Pem {
    /// In this file.
    File(PathBuf),
    /// In the configuration itself.
    Inline(String),
}

/// A key of the file, and the PEM text that it names.
pub(super) struct Named {
    pub(super) key: String,
    pub(super) pem: Pem,
}

/// The settings of `tls_server_config`, before any of its files is read.
pub(super) struct TlsSettings {
    pub(super) section: &'static str,
    pub(super) certificate: Option<Named>,
    pub(super) private_key: Option<Named>,
    pub(super) client_ca: Option<Named>,
    pub(super) client_auth: Option<String>,
    pub(super) allowed_sans: Vec<String>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
    pub(super) cipher_suites: Vec<String>,
    pub(super) curves: Vec<String>,
    pub(super) prefers_own_order: bool,
}

impl Document {
    /// Reads a file. Its faults are added to `faults`.
    pub(super) fn read(path: &Path, files: &mut Files, faults: &mut Faults) -> Self {
        let Some(value) = parse(path, files, faults) else { return Self::default() };
        let mut root = Section::new("", value, faults);
        let (mut tls, mut http, users) =
            (root.section(TLS, faults), root.section("http_server_config", faults), root.section(USERS, faults));
        if root.take("rate_limit").is_some() {
            faults.add("rate_limit", "is not supported: remove it; connections and their times have fixed bounds");
        }
        let mut document = Self::default();
        let (has_tls, has_users) = (!tls.is_empty(), !users.is_empty());
        if has_tls {
            document.tls = Some(tls_settings(path, &mut tls, faults));
        }
        if http.flag("http2", faults) == Some(true) {
            let http2 = "http_server_config.http2: HTTP/2 is not supported, and HTTP/1.1 is served: remove the key, or set \
                         it to false";
            document.warnings.push(http2.to_owned());
        }
        document.headers = headers(http.section("headers", faults), faults);
        document.users = Users::new(USERS, users.texts(faults), faults, &mut document.warnings);
        if has_users && !has_tls {
            let open = "basic_auth_users: without tls_server_config, passwords can be read on the network";
            document.warnings.push(open.to_owned());
        }
        if !has_tls && !has_users && document.headers.is_empty() && faults.are_none() {
            faults
                .add("", "protects nothing: set tls_server_config or basic_auth_users, or leave out --web.config.file");
        }
        for section in [root, tls, http] {
            section.finish(faults);
        }
        document
    }
}

const TLS: &str = "tls_server_config";

/// The parsed file. `None` after a fault. The parser's own message may quote a password, so only the line is shown.
fn parse(path: &Path, files: &mut Files, faults: &mut Faults) -> Option<Value> {
    let bytes = files.read(path);
    let bytes = bytes.map_err(|error| {
        let folder =
            working_folder(path).map_or_else(String::new, |folder| format!(", relative to {}", folder.display()));
        faults.add("", format!("cannot read the web configuration{folder}: {error}; name a file that can be read"));
    });
    let Ok(text) = String::from_utf8(bytes.ok()?) else {
        faults.add("", "the web configuration must be UTF-8 text");
        return None;
    };
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(is_blank) {
        return Some(Value::Null);
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            let problem = match error.without_snippet() {
                serde_saphyr::Error::DuplicateMappingKey { .. } => {
                    "a key is set twice: each key stands in a table once"
                }
                _ => "not valid YAML: a line is `key: value`, and text with special characters is in quotes",
            };
            faults.add("", format!("line {line}: {problem}"));
        })
        .ok()
}

fn tls_settings(path: &Path, tls: &mut Section, faults: &mut Faults) -> TlsSettings {
    // Relative paths are relative to the file that names them.
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut pem = |inline: &'static str, of_file: &'static str| {
        let (text, file) = (tls.text(inline, faults), tls.text(of_file, faults));
        match (text, file) {
            (Some(_), Some(_)) => {
                faults.add(tls.key(inline), format!("stands beside {of_file}: keep one of them"));
                None
            }
            (Some(text), None) => Some(Named { key: tls.key(inline), pem: Pem::Inline(text) }),
            (None, Some(file)) => Some(Named { key: tls.key(of_file), pem: Pem::File(folder.join(file)) }),
            (None, None) => None,
        }
    };
    let (certificate, private_key, client_ca) =
        (pem("cert", "cert_file"), pem("key", "key_file"), pem("client_ca", "client_ca_file"));
    TlsSettings {
        section: TLS,
        certificate,
        private_key,
        client_ca,
        client_auth: tls.text("client_auth_type", faults),
        allowed_sans: tls.list("client_allowed_sans", faults),
        min_version: tls.text("min_version", faults),
        max_version: tls.text("max_version", faults),
        cipher_suites: tls.list("cipher_suites", faults),
        curves: tls.list("curve_preferences", faults),
        prefers_own_order: tls.flag("prefer_server_cipher_suites", faults).unwrap_or(true),
    }
}

/// The headers that are set. A blank value sets none.
fn headers(mut section: Section, faults: &mut Faults) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (key, name, values) in HEADERS {
        let Some(text) = section.text(key, faults) else { continue };
        if !values.is_empty() && !values.contains(&text.as_str()) {
            faults.add(section.key(key), format!("must be {}", values.join(" or ")));
            continue;
        }
        match HeaderValue::try_from(text) {
            Ok(value) => headers.push((name, value)),
            Err(_) => faults.add(section.key(key), "must be one line without control characters"),
        }
    }
    section.finish(faults);
    headers
}
