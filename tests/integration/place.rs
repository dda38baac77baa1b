//! The default path of the store.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use wiremock::MockServer;

use crate::harness::{KEY, REPORTS, asked, json};
use crate::program::{Process, config_flag, file, finish, get, program, value};

/// A configuration without `storage.path`.
fn settings(url: &str) -> String {
    format!("[accounts.main]\napi_key = '{KEY}'\napi_url = '{url}'\n[collect.history]\nenabled = false\n")
}

#[tokio::test]
async fn without_a_setting_the_environment_says_where_the_store_is() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(json(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    for (name, variables, want, chosen_by) in [
        ("the folder of a unit", &["STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"][..], "", "STATE_DIRECTORY"),
        ("a folder for states", &["XDG_STATE_HOME", "HOME"], "gcore-billing-exporter/", "XDG_STATE_HOME"),
        ("a home", &["HOME"], ".local/state/gcore-billing-exporter/", "HOME"),
    ] {
        let folders = TempDir::new().unwrap();
        let of = |variable: &str| folders.path().join(variable);
        let config = file(&settings(&api.uri()));
        let command = |arguments: &[&str]| {
            let mut command = program(&[arguments, &[&config_flag(&config)]].concat());
            command.envs(variables.iter().map(|variable| (*variable, of(variable))));
            command
        };
        variables.iter().for_each(|variable| fs::create_dir(of(variable)).unwrap());
        let path = of(chosen_by).join(want).join("state.db");

        let ended = finish(command(&["check-config"])).await;
        let said = format!("storage: {}\n  chosen by {chosen_by}; storage.path names another place\n", path.display());
        assert!(ended.stdout.contains(&said), "{name}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(0), "{name}");
        assert_eq!(fs::read_dir(of(chosen_by)).unwrap().count(), 0, "{name}: a look makes nothing");

        let daemon = Process::start(&mut command(&["run", "--web.listen-address=127.0.0.1:0"]));
        let url = daemon.url().await;
        let metrics = get(&format!("{url}/metrics")).await;
        assert_eq!(value(&metrics, "gcore_store_writable").as_deref(), Some("1"), "{name}");
        let log = daemon.stop().await.stderr;
        let said = format!("message=\"the store is here\" path={} chosen_by={chosen_by}", path.display());
        assert!(log.contains(&said), "{name}: {said}: {log}");
        assert!(path.is_file(), "{name}: {}", path.display());
        if !want.is_empty() {
            let mode = fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{name}: no other user may read it");
        }
    }
}

#[tokio::test]
async fn a_setting_is_obeyed_and_its_folder_is_not_made() {
    let api = MockServer::start().await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("missing/state.db");
    let text = format!("{}[storage]\npath = '{}'\n", settings(&api.uri()), path.display());
    let config = file(&text);
    let mut command = program(&["run", "--web.listen-address=127.0.0.1:0", &config_flag(&config)]);
    let daemon = Process::start(command.env("HOME", folder.path()));
    daemon.url().await;
    let log = daemon.stop().await.stderr;
    assert!(log.contains("cannot write the store, so history is kept in memory"), "{log}");
    assert!(!log.contains("chosen_by"), "{log}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
