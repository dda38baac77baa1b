//! `[notify]`: the channels.

use std::collections::BTreeMap;

use reqwest::Url;
use secrecy::SecretString;

use crate::alert::Route;
use crate::config::accounts::ca_file;
use crate::config::alerts::required;
use crate::config::key_path::Key;
use crate::config::key_reader::Reader;
use crate::config::rules::named_texts;
use crate::notify::secret::Secret;
use crate::notify::settings::{Alertmanager, Credentials, Settings, Slack, Webhook};
use crate::notify::signature;
use common::transport::{destination, is_open};

/// Every channel without faults.
pub(super) fn read(reader: &mut Reader, warnings: &mut Vec<String>) -> Settings {
    let table = Key::new(["notify"]);
    reader.table(&table);
    let external_url = table.child("external_url");
    let external_url = reader.text(&external_url).and_then(|text| {
        let url = url(reader, &external_url, &text, true)?;
        if url.query().is_some() {
            reader.fault(&external_url, "must end before any ?");
        }
        Some(url)
    });
    Settings {
        external_url,
        alertmanagers: channels(reader, warnings, &table.child("alertmanager"), alertmanager),
        webhooks: channels(reader, warnings, &table.child("webhook"), webhook),
        slacks: channels(reader, warnings, &table.child("slack"), slack),
    }
}

/// The channels of one kind.
fn channels<T>(
    reader: &mut Reader,
    warnings: &mut Vec<String>,
    table: &Key,
    read: fn(&mut Reader, &mut Vec<String>, &Key) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut channels = BTreeMap::new();
    for name in reader.table(table) {
        let key = table.child(&name);
        reader.table(&key);
        if reader.is_faulty(&key) {
            continue;
        }
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            reader.fault(&key, "the name of a channel is made of a-z, 0-9 and _");
        }
        if let Some(channel) = read(reader, warnings, &key) {
            channels.insert(name, channel);
        }
    }
    channels
}

fn alertmanager(reader: &mut Reader, warnings: &mut Vec<String>, table: &Key) -> Option<Alertmanager> {
    let (route, allow_http) = (route(reader, table), allow_http(reader, table));
    let key = table.child("urls");
    let example = "[\"https://alertmanager.example.com\"]";
    let what = format!("name every member of the cluster, such as {example}");
    let texts = required(reader, &key, &what, |reader, key| reader.words(key, example));
    let mut urls = Vec::new();
    for (index, text) in texts.iter().flatten().enumerate() {
        match destination(text, allow_http) {
            Ok(url) if url.query().is_none() => urls.push(url),
            Ok(_) => reader.fault(&key, format!("entry {} must end before any ?", index + 1)),
            Err(problem) => reader.fault(&key, format!("entry {} {problem}", index + 1)),
        }
    }
    if texts.as_ref().is_some_and(Vec::is_empty) {
        reader.fault(&key, format!("is empty: {what}"));
    }
    urls.iter().for_each(|url| warn_of_plain_http(warnings, &key, url));
    let credentials = credentials(reader, table);
    let ca_file = ca_file(reader, &table.child("ca_file"));
    (!urls.is_empty()).then_some(Alertmanager { route, urls, credentials, ca_file })
}

fn credentials(reader: &mut Reader, table: &Key) -> Option<Credentials> {
    let username = reader.text(&table.child("username"));
    let password = secret(reader, table, "password");
    let token = secret(reader, table, "bearer_token");
    match (username, password, token) {
        (None, None, token) => token.map(Credentials::Bearer),
        (Some(username), Some(password), None) => Some(Credentials::Basic { username, password }),
        (_, _, Some(_)) => {
            let problem = "a user name or a password is given already: keep either these or the token";
            reader.fault(&table.child("bearer_token"), problem);
            None
        }
        (username, ..) => {
            let (missing, given) = if username.is_some() { ("password", "username") } else { ("username", "password") };
            if !["password", "password_file"].iter().any(|name| reader.is_faulty(&table.child(name))) {
                reader.fault(&table.child(missing), format!("is not set, although the {given} is"));
            }
            None
        }
    }
}

fn webhook(reader: &mut Reader, warnings: &mut Vec<String>, table: &Key) -> Option<Webhook> {
    let (route, allow_http) = (route(reader, table), allow_http(reader, table));
    let key = table.child("url");
    let text =
        required(reader, &key, "say where messages go, such as \"https://hooks.example.com/gcore\"", Reader::text);
    let url = text.and_then(|text| url(reader, &key, &text, allow_http));
    url.iter().for_each(|url| warn_of_plain_http(warnings, &key, url));
    let secret = signing_secret(reader, table, "secret");
    let old_secret = signing_secret(reader, table, "old_secret");
    let is_faulty = ["secret", "secret_file"].iter().any(|name| reader.is_faulty(&table.child(name)));
    if secret.is_none() && old_secret.is_some() && !is_faulty {
        reader.fault(&table.child("old_secret"), "stands beside a new one: set secret or secret_file as well");
    }
    let ca_file = ca_file(reader, &table.child("ca_file"));
    let secrets = secret.into_iter().chain(old_secret).collect();
    Some(Webhook { route, url: url?.into(), secrets, ca_file })
}

fn slack(reader: &mut Reader, warnings: &mut Vec<String>, table: &Key) -> Option<Slack> {
    let route = Route { for_people: true, ..route(reader, table) };
    let allow_http = allow_http(reader, table);
    let key = table.child("url_file");
    let what = "name a file that holds the URL of the incoming webhook";
    let path = required(reader, &key, what, Reader::text)?;
    let slack = Slack { route, url: Secret::File(path.into()), allow_http };
    match slack.address() {
        Ok(address) => warn_of_plain_http(warnings, &key, address.url()),
        Err(problem) => reader.fault(&key, problem),
    }
    Some(slack)
}

/// The route of a channel: `severities` and `matchers`.
fn route(reader: &mut Reader, table: &Key) -> Route {
    let key = table.child("severities");
    let severities = reader.words(&key, "[\"critical\", \"warning\"]").unwrap_or_default();
    if let Some(index) = severities.iter().position(String::is_empty) {
        reader.fault(&key, format!("entry {} is empty: name a severity, such as \"critical\"", index + 1));
    }
    let matchers = named_texts(reader, &table.child("matchers"), r#"{ account = "main" }"#);
    Route {
        channel: format!("{}.{}", table.parent().last().map_or("", String::as_str), table.name()),
        severities,
        matchers,
        for_people: false,
    }
}

fn allow_http(reader: &mut Reader, table: &Key) -> bool {
    let key = table.child("allow_http");
    // If this key has a fault, only that is reported, not the URL.
    reader.flag(&key).unwrap_or(reader.is_faulty(&key))
}

fn url(reader: &mut Reader, key: &Key, text: &str, allow_http: bool) -> Option<Url> {
    destination(text, allow_http).map_err(|problem| reader.fault(key, problem.to_string())).ok()
}

fn warn_of_plain_http(warnings: &mut Vec<String>, key: &Key, url: &Url) {
    if is_open(url) {
        warnings.push(format!("{key}: alerts are sent over plain http, as allow_http permits"));
    }
}

/// A signing secret in a valid form.
fn signing_secret(reader: &mut Reader, table: &Key, name: &str) -> Option<Secret> {
    let secret = secret(reader, table, name)?;
    let key = if matches!(secret, Secret::File(_)) { table.child(&format!("{name}_file")) } else { table.child(name) };
    if let Err(problem) = secret.read().and_then(|text| signature::key(&text)) {
        reader.fault(&key, problem);
    }
    Some(secret)
}

/// A secret in the key with this name, or in the file of the key with the suffix `_file`.
fn secret(reader: &mut Reader, table: &Key, name: &str) -> Option<Secret> {
    let (key, file_key) = (table.child(name), table.child(&format!("{name}_file")));
    let (text, path) = (reader.text(&key), reader.text(&file_key));
    match (text, path) {
        (Some(_), Some(_)) => {
            reader.fault(&file_key, format!("{key} gives it already: keep one of them"));
            None
        }
        (Some(text), None) if text.is_empty() => {
            reader.fault(&key, "is empty: leave it out, or give the secret");
            None
        }
        (Some(text), None) => Some(Secret::Text(SecretString::from(text))),
        (None, Some(path)) => {
            let secret = Secret::File(path.into());
            if let Err(problem) = secret.read() {
                reader.fault(&file_key, problem);
                return None;
            }
            Some(secret)
        }
        (None, None) => None,
    }
}
