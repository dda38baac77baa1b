//! `[accounts.NAME]`, or the single account of `GCORE_API_KEY`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;

use crate::account::AccountName;
use crate::config::env::Environment;
use crate::config::fault::{Fault, Origin};
use crate::config::file;
use crate::config::key_path::{Key, hint};
use crate::config::key_reader::{LONGEST, Reader};
use crate::config::url;
use common::transport;
use common::wording::shown;
use gcore_api::billing::resource::RESOURCE_TYPES;
use gcore_api::http::api_key::ApiKey;
use gcore_api::http::settings::{DEFAULT_API_URL, DEFAULT_AUTH_SCHEME, Filter, Settings};

const API_KEY: &str = "GCORE_API_KEY";
const BASE_URL: &str = "GCORE_BASE_URL";
/// The folder in which systemd puts the files of `LoadCredential=`.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// All accounts without faults.
pub(super) fn read(
    reader: &mut Reader,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> BTreeMap<AccountName, Settings> {
    let table = Key::new(["accounts"]);
    let names = reader.table(&table);
    if names.is_empty() {
        if reader.is_faulty(&table) {
            return BTreeMap::new();
        }
        return from_environment(reader, environment, warnings)
            .map(|settings| (AccountName::default(), settings))
            .into_iter()
            .collect();
    }
    for name in [API_KEY, BASE_URL] {
        if environment.get(name).is_some_and(|value| !value.is_empty()) {
            warnings.push(format!("{name} is ignored, since accounts are configured"));
        }
    }
    let mut accounts = BTreeMap::new();
    for name in names {
        let key = table.child(&name);
        let settings = Account { reader, environment, warnings, table: &key }.read();
        match (name.parse::<AccountName>(), settings) {
            (Err(error), _) => reader.fault(&key, error.to_string()),
            (Ok(_), None) => {}
            (Ok(name), Some(settings)) => {
                if let Some((twin, shared)) = twin(&accounts, &settings) {
                    let problem = format!(
                        "duplicate account: it has the same API key and URL as accounts.{twin}, so {shared} would be counted \
                         twice; remove one of them, or give each of them other projects"
                    );
                    reader.fault(&key, problem);
                }
                accounts.insert(name, settings);
            }
        }
    }
    accounts
}

/// An account that reads some of the same costs as `settings`, and which costs.
fn twin<'a>(accounts: &'a BTreeMap<AccountName, Settings>, settings: &Settings) -> Option<(&'a AccountName, String)> {
    let identity = |settings: &Settings| {
        (
            settings.api_key.current().expose_secret().to_owned(),
            settings.api_url.as_str().trim_end_matches('/').to_owned(),
        )
    };
    let wanted = identity(settings);
    let mine = &settings.filter.projects;
    let shared = |theirs: &[u64]| match theirs.iter().find(|project| mine.contains(project)) {
        // An empty list is no restriction.
        _ if mine.is_empty() || theirs.is_empty() => Some("everything".to_owned()),
        project => project.map(|project| format!("project {project}")),
    };
    let same = |(_, other): &(_, &Settings)| identity(other) == wanted;
    accounts.iter().filter(same).find_map(|(name, other)| Some((name, shared(&other.filter.projects)?)))
}

/// The account `default`, from the variables that Gcore's own tools use.
fn from_environment(reader: &mut Reader, environment: &Environment, warnings: &mut Vec<String>) -> Option<Settings> {
    let Some(text) = environment.get(API_KEY) else {
        let problem = "no account is configured: set GCORE_API_KEY, or add a table [accounts.NAME] with api_key_file, \
                       api_key_credential or api_key to the configuration file, or set \
                       GCORE_EXPORTER_ACCOUNTS__NAME__API_KEY_FILE";
        reader.fault(&Key::new(["accounts"]), problem);
        return None;
    };
    let mut note = |variable: &str, problem| {
        reader.push(Fault { key: None, origin: Origin::Variable(variable.into()), problem });
    };
    let key = ApiKey::fixed(text, DEFAULT_AUTH_SCHEME).map_err(|error| note(API_KEY, error.to_string())).ok();
    let base_url = environment.get(BASE_URL).map_or(DEFAULT_API_URL, String::as_str);
    let url = url::parse(base_url, false).map_err(|problem| note(BASE_URL, problem)).ok();
    key.iter().for_each(|key| warn_of_cut(warnings, API_KEY, key));
    Some(Settings::new(key?, url?))
}

/// The reader of one account.
struct Account<'a> {
    reader: &'a mut Reader,
    environment: &'a Environment,
    warnings: &'a mut Vec<String>,
    table: &'a Key,
}

impl Account<'_> {
    /// Reads every key, also after a fault, so that all faults are found.
    fn read(mut self) -> Option<Settings> {
        self.reader.table(self.table);
        if self.reader.is_faulty(self.table) {
            return None;
        }
        let scheme = self.auth_scheme();
        let api_key = self.api_key(&scheme);
        let api_url = self.api_url();
        let ca_file = self.key("ca_file");
        let ca_file = self::ca_file(self.reader, &ca_file);
        let filter = self.filter();
        let rate = self.rate();
        let concurrency = self.key("concurrency");
        let concurrency = self.reader.whole(&concurrency, 1..=64);
        let request_timeout = self.key("request_timeout");
        let request_timeout = self.reader.duration(&request_timeout, Duration::from_secs(1)..=LONGEST);
        let page_size = self.key("page_size");
        let page_size = self.reader.whole(&page_size, 1..=1000);

        let defaults = Settings::new(api_key?, api_url?);
        Some(Settings {
            auth_scheme: scheme,
            ca_file,
            max_requests_per_second: rate.unwrap_or(defaults.max_requests_per_second),
            concurrency: concurrency.unwrap_or(defaults.concurrency),
            request_timeout: request_timeout.unwrap_or(defaults.request_timeout),
            page_size: page_size.unwrap_or(defaults.page_size),
            filter,
            ..defaults
        })
    }

    fn key(&self, name: &str) -> Key {
        self.table.child(name)
    }

    fn auth_scheme(&mut self) -> String {
        let key = self.key("auth_scheme");
        let Some(scheme) = self.reader.text(&key) else { return DEFAULT_AUTH_SCHEME.into() };
        if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            let problem =
                format!("must be one word of letters and digits, such as {DEFAULT_AUTH_SCHEME:?} or \"apikey\"");
            self.reader.fault(&key, problem);
        }
        scheme
    }

    fn api_key(&mut self, scheme: &str) -> Option<ApiKey> {
        let keys = ["api_key", "api_key_file", "api_key_credential"].map(|name| self.key(name));
        let values = keys.each_ref().map(|key| self.reader.text(key));
        let set: Vec<&Key> = keys.iter().filter(|key| self.reader.is_set(key)).collect();
        match set[..] {
            [] => {
                let mut problem = "has no API key: set api_key_file, api_key_credential or api_key".to_owned();
                if self.environment.contains_key(API_KEY) {
                    problem += "; GCORE_API_KEY is read only where no account is configured";
                }
                self.reader.fault(self.table, problem);
                return None;
            }
            [_] => {}
            [_, ref more @ ..] => {
                for key in more {
                    let problem = format!("the API key is given by {} already: keep exactly one of them", set[0]);
                    self.reader.fault(key, problem);
                }
                return None;
            }
        }
        let [text, path, credential] = values;
        let in_file = |path: &Path| ApiKey::in_file(path, scheme).map_err(|error| error.to_string());
        let read = match (text, path, credential) {
            (Some(text), ..) => ApiKey::fixed(&text, scheme).map_err(|error| error.to_string()),
            (_, Some(path), _) if path.is_empty() => Err("must be the path of a file, but is empty".into()),
            (_, Some(path), _) => in_file(Path::new(&path)),
            (.., Some(name)) => self.credential(&name).and_then(|path| in_file(&path)),
            (None, None, None) => return None,
        };
        let key = read.map_err(|problem| self.reader.fault(set[0], problem)).ok()?;
        warn_of_cut(self.warnings, &set[0].to_string(), &key);
        Some(key)
    }

    /// The file of a systemd credential.
    fn credential(&self, name: &str) -> Result<PathBuf, String> {
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err("must be the name of a systemd credential, not a path: for a path there is api_key_file".into());
        }
        let directory = self.environment.get(CREDENTIALS_DIRECTORY).filter(|directory| !directory.is_empty());
        let directory = directory.ok_or(
            "CREDENTIALS_DIRECTORY is not set, which systemd does for a unit with LoadCredential=; \
             outside of systemd use api_key_file",
        )?;
        Ok(Path::new(directory).join(name))
    }

    fn api_url(&mut self) -> Option<Url> {
        let [key, allow] = ["api_url", "allow_http"].map(|name| self.key(name));
        let allow_http = self.reader.flag(&allow);
        let text = self.reader.text(&key);
        let text = match text {
            Some(text) => text,
            None if self.reader.is_set(&key) => return None,
            None => DEFAULT_API_URL.into(),
        };
        // If allow_http has a fault, only that is reported, not the URL.
        let allow_http = allow_http.unwrap_or(self.reader.is_faulty(&allow));
        match url::parse(&text, allow_http) {
            Ok(url) => {
                if transport::is_open(&url) {
                    self.warnings.push(format!("{key}: the API key is sent over plain http, as allow_http permits"));
                }
                Some(url)
            }
            Err(problem) => {
                self.reader.fault(&key, problem);
                None
            }
        }
    }

    fn filter(&mut self) -> Filter {
        let [projects, regions, types] = ["projects", "regions", "types"].map(|name| self.key(name));
        Filter {
            projects: self.reader.integers(&projects).unwrap_or_default(),
            regions: self.reader.integers(&regions).unwrap_or_default(),
            types: self::types(self.reader, &types, self.warnings),
        }
    }

    fn rate(&mut self) -> Option<f64> {
        let key = self.key("max_requests_per_second");
        let rate = self.reader.number(&key)?;
        // The pause between requests is 1/rate, so a rate near 0 would be an endless pause.
        if !(0.001..=10_000.0).contains(&rate) {
            self.reader.fault(&key, format!("must be between 0.001 and 10000, is {rate}"));
        }
        Some(rate)
    }
}

fn warn_of_cut(warnings: &mut Vec<String>, name: &str, key: &ApiKey) {
    if key.looks_cut() {
        warnings.push(format!(
            "{name}: the API key is digits only, as 1234$abcdef is where a shell, an env file or a compose file has taken \
             $abcdef for a variable: put it in single quotes, or use api_key_file"
        ));
    }
}

/// The path of a file with certificate authorities.
pub(super) fn ca_file(reader: &mut Reader, key: &Key) -> Option<PathBuf> {
    let path = PathBuf::from(reader.text(key)?);
    let problem = match file::read(&path) {
        Err(error) => format!("cannot read {}: {error}", shown(&path)),
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----") => return Some(path),
        Ok(_) => format!("{} holds no certificate: it must be a PEM file", path.display()),
    };
    reader.fault(key, problem);
    None
}

/// A list of resource types. An undocumented type is only a warning, because Gcore adds types.
pub(super) fn types(reader: &mut Reader, key: &Key, warnings: &mut Vec<String>) -> Vec<String> {
    let words = reader.words(key, r#"["instance", "volume"]"#).unwrap_or_default();
    for (index, word) in words.iter().enumerate() {
        let entry = index + 1;
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            reader.fault(key, format!("entry {entry} must be a resource type, such as \"instance\""));
        } else if !RESOURCE_TYPES.contains(&word.as_str()) {
            let hint = hint(word, RESOURCE_TYPES);
            warnings.push(format!("{key}: entry {entry} is no resource type that the API documents{hint}"));
        }
    }
    words
}
