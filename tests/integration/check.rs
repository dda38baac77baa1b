//! `check-config`: problems of a valid configuration that would stop the daemon.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::KEY;
use crate::program::{Ended, bound, config_flag, file, finish, program};

/// An account, and more settings.
fn settings(more: &str) -> String {
    format!("[accounts.main]\napi_key = '{KEY}'\n{more}\n")
}

fn stored_at(path: &Path) -> String {
    settings(&format!("[storage]\npath = '{}'", path.display()))
}

async fn check(text: &str, flags: &[&str]) -> Ended {
    let config = file(text);
    finish(program(&[&["check-config", &config_flag(&config)], flags].concat())).await
}

fn database(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_store_that_the_daemon_could_not_use_is_a_fault() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    database(&at("foreign.db"), "CREATE TABLE theirs (id INTEGER)");
    database(&at("newer.db"), "PRAGMA application_id = 1734566501; PRAGMA user_version = 99");
    fs::write(at("text"), "no database, ".repeat(100)).unwrap();
    for (name, path, fault) in [
        ("no such folder", at("nowhere/state.db"), "its folder does not exist; create it for the daemon's user"),
        ("a file as the folder", at("text/state.db"), "its folder is a file; "),
        ("a folder as the file", folder.path().to_owned(), "it is a folder; name a file in it"),
        ("another program's", at("foreign.db"), "it is a database of another program; name another file"),
        ("a later version's", at("newer.db"), "it was written by a newer version (its format is 99"),
        ("no database", at("text"), "file is not a database; start the daemon, which sets a damaged file aside"),
    ] {
        let ended = check(&stored_at(&path), &[]).await;
        let said = format!("storage.path: cannot use {} as the store: {fault}", path.display());
        assert!(ended.stderr.starts_with(&said), "{name}: {}", ended.stderr);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{name}");
    }
}

#[tokio::test]
async fn a_store_that_the_daemon_can_use_is_none_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let older = folder.path().join("older.db");
    database(&older, "PRAGMA application_id = 1734566501; PRAGMA user_version = 0");
    let before = fs::read(&older).unwrap();
    for path in [folder.path().join("state.db"), older.clone()] {
        let ended = check(&stored_at(&path), &[]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", path.display());
        assert!(ended.stdout.ends_with("\nThe configuration is good.\n"), "{}", ended.stdout);
    }
    assert_eq!(fs::read(&older).unwrap(), before);
    assert!(!folder.path().join("state.db").exists());
}

#[tokio::test]
async fn a_folder_or_a_file_that_may_not_be_written_is_a_fault() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let config = file(&stored_at(&path));
    let arguments = ["check-config", &config_flag(&config)];
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(folder.path(), 0o555);
    let ended = finish(bound(&arguments)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert!(ended.stderr.contains("this user may not write its folder; "), "{}", ended.stderr);
    allow(folder.path(), 0o755);
    database(&path, "PRAGMA application_id = 1734566501");
    allow(&path, 0o444);
    let ended = finish(bound(&arguments)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    assert!(ended.stderr.contains("this user may not write it; "), "{}", ended.stderr);
}

#[tokio::test]
async fn a_certificate_that_is_none_is_a_fault_and_keeps_the_daemon_from_starting_again_and_again() {
    let broken = file("-----BEGIN CERTIFICATE-----\nnot base64 at all!\n-----END CERTIFICATE-----\n");
    let path = broken.path().display();
    let account = format!("[accounts.main]\napi_key = '{KEY}'\nca_file = '{path}'\n[storage]\npath = ''\n");
    let channel = format!("[notify.webhook.ops]\nurl = 'https://hooks.example'\nca_file = '{path}'\n");
    let channel = settings(&format!("{channel}[storage]\npath = ''"));
    for (text, fault) in [
        (&account, format!("account main: cannot use ca_file {path}: ")),
        (&channel, format!("channel webhook.ops: cannot use ca_file {path}: ")),
    ] {
        let ended = check(text, &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{}", ended.stderr);
        assert!(ended.stderr.starts_with(&fault), "{}", ended.stderr);
        let config = file(text);
        let daemon = finish(program(&["run", "--web.listen-address=127.0.0.1:0", &config_flag(&config)])).await;
        assert_eq!(daemon.code, Some(2), "{}", daemon.stderr);
    }
}

#[tokio::test]
async fn what_most_likely_is_not_meant_is_a_warning_and_the_verdict_says_so() {
    let memory = "[storage]\npath = ''\n";
    let cut = "the API key is digits only, as 1234$abcdef is where a shell, an env file or a compose file has taken \
               $abcdef for a variable: put it in single quotes, or use api_key_file";
    let slack = file("https://hooks.slack.example/services/x");
    let slack = format!("[notify.slack.ops]\nurl_file = '{}'\n", slack.path().display());
    let away = |url: &str| {
        format!(
            "links in notifications lead to {url}, which only this machine reaches, but slack.ops is read elsewhere: set \
             it to where its readers reach this daemon"
        )
    };
    let at_home = "[notify.webhook.ops]\nurl = 'http://127.0.0.1:9'\n";
    let named = |url: &str| format!("[notify]\nexternal_url = '{url}'\n");
    for (name, text, flags, warning) in [
        (
            "a key without what follows its $",
            format!("[accounts.main]\napi_key = '1234'\n{memory}"),
            vec![],
            Some(format!("accounts.main.api_key: {cut}")),
        ),
        (
            "links to this machine, by default",
            settings(&format!("{memory}{slack}")),
            vec![],
            Some(format!("notify.external_url: {}", away("http://127.0.0.1:10061"))),
        ),
        (
            "links to this machine, by a setting",
            settings(&format!("{memory}{slack}{}", named("http://localhost:8080"))),
            vec![],
            Some(format!("notify.external_url: {}", away("http://localhost:8080"))),
        ),
        ("links to a host", settings(&format!("{memory}{slack}{}", named("https://a.example"))), vec![], None),
        ("any address", settings(&format!("{memory}{slack}")), vec!["--web.listen-address=0.0.0.0:10061"], None),
        ("a channel on this machine", settings(&format!("{memory}{at_home}")), vec![], None),
        ("no channel", settings(memory), vec![], None),
    ] {
        let ended = check(&text, &flags).await;
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        let log = ended.stderr.replace("\\\"", "\"");
        match warning {
            Some(warning) => {
                assert!(log.contains(&format!("level=warn message=\"{warning}\"")), "{name}: {log}");
                let verdict = "\nThe configuration can be used; mind the 1 warning above.\n";
                assert!(ended.stdout.ends_with(verdict), "{name}: {}", ended.stdout);
            }
            None => {
                assert_eq!(ended.stderr, "", "{name}");
                assert!(ended.stdout.ends_with("\nThe configuration is good.\n"), "{name}: {}", ended.stdout);
            }
        }
    }
}
