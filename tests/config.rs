//! The configuration as its users see it: files and variables in, settings or faults out.

#![expect(clippy::unwrap_used, reason = "a test that cannot be prepared has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use gcore_api::billing::period::Window;
use gcore_api::billing::resource::ResourceType;
use gcore_billing_exporter::alert;
use gcore_billing_exporter::collect;
use gcore_billing_exporter::config::{Config, Environment, Faults, Loaded};
use gcore_billing_exporter::exposition;
use gcore_billing_exporter::insights::budget::Budget;
use secrecy::{ExposeSecret, SecretString};

/// The folder of relative paths.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A text in place of an API key. No output may hold it.
const SENTINEL: &str = "SENTINEL";

/// The same as a signing secret.
const SENTINEL_KEY: &str = "whsec_SENTINEL0123456789SENTINEL0123456789";

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    fs::write(&file, toml).unwrap();
    Config::load(Some(&file), &environment(variables))
}

fn load_variables(variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    Config::load(None, &environment(variables))
}

/// The faulty files, sorted by name.
fn fixtures() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_bad_file_gets_its_exact_message() {
    let files = fixtures();
    assert!(files.len() > 40, "{} fixtures", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# => ")).collect();
        let expected = expected.join("\n").replace("<file>", &file.display().to_string()).replace("<here>", HERE);
        let faults = Config::load(Some(&file), &Environment::new()).expect_err(&file.display().to_string());
        assert_eq!(faults.to_string(), expected, "{}", file.display());
    }
}

/// Variables and the exact message for them.
type Case = (&'static [(&'static str, &'static str)], &'static str);

const KEY: (&str, &str) = ("GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY", SENTINEL);

const BAD_VARIABLES: &[Case] = &[
    (&[("GCORE_API_KEY", "")], "GCORE_API_KEY: the API key is empty: give a permanent API token of the Gcore portal"),
    (
        &[("GCORE_API_KEY", SENTINEL), ("GCORE_BASE_URL", "http://user:SENTINEL@api.gcore.com")],
        "GCORE_BASE_URL: must hold no user name or password: the API key has a setting of its own",
    ),
    (
        &[("GCORE_API_KEY", "SENTINEL \"SENTINEL"), ("GCORE_BASE_URL", "http://api.gcore.com")],
        "GCORE_API_KEY: the API key has white space inside: it must be a single word\n\
             GCORE_BASE_URL: must begin with https://, or the API key could be read on the way; only a loopback host, or \
             an account with allow_http = true, may use http",
    ),
    (
        &[("GCORE_BASE_URL", "https://api.gcore.com")],
        "accounts: no account is configured: set GCORE_API_KEY, or add a table [accounts.NAME] with api_key_file, \
             api_key_credential or api_key to the configuration file, or set GCORE_EXPORTER_ACCOUNTS__NAME__API_KEY_FILE",
    ),
    (
        &[KEY, ("GCORE_EXPORTER_COLLECT__COST__INTERVALL", "SENTINEL"), ("GCORE_EXPORTER_STORE__PATH", SENTINEL)],
        "collect.cost.intervall (GCORE_EXPORTER_COLLECT__COST__INTERVALL): unknown key; did you mean \"interval\"?\n\
             store.path (GCORE_EXPORTER_STORE__PATH): unknown key; did you mean \"storage\"?",
    ),
    (
        &[KEY, ("GCORE_EXPORTER_COLLECT__COST__INTERVAL", "90")],
        "collect.cost.interval (GCORE_EXPORTER_COLLECT__COST__INTERVAL): 90 has no unit: write \"90s\" for seconds, \
             \"90m\", \"90h\" or \"90d\"",
    ),
    (
        &[KEY, ("GCORE_EXPORTER_collect__Cost__interval", "15m")],
        "GCORE_EXPORTER_collect__Cost__interval: variables are in capital letters: write \
             GCORE_EXPORTER_COLLECT__COST__INTERVAL",
    ),
    (
        &[KEY, ("GCORE_EXPORTER_COLLECT", "{cost={enabled=false}}")],
        "collect (GCORE_EXPORTER_COLLECT): must be a table whose keys are set one by one, found text",
    ),
    (
        &[KEY, ("GCORE_EXPORTER_COLLECT__COST__INTERVAL", "15m"), ("GCORE_EXPORTER_COLLECT__COST__INTERVAL__X", "1")],
        "GCORE_EXPORTER_COLLECT__COST__INTERVAL__X: another variable, whose name this one continues, sets a value; \
             a key is a table or a value",
    ),
    (
        &[KEY, ("GCORE_EXPORTER_PORT_10061_TCP", "tcp://10.0.0.1:10061")],
        "port_10061_tcp (GCORE_EXPORTER_PORT_10061_TCP): unknown key; known here: accounts, alerts, collect, metrics, notify, storage; if Kubernetes \
             set it for a service named gcore-exporter, set enableServiceLinks: false in the pod",
    ),
    (
        &[("GCORE_API_KEY", SENTINEL), ("GCORE_EXPORTER_ACCOUNTS__MAIN__PROJECTS", "16")],
        "accounts.main (GCORE_EXPORTER_ACCOUNTS__MAIN__PROJECTS): has no API key: set api_key_file, \
             api_key_credential or api_key; GCORE_API_KEY is read only where no account is configured\n\
             accounts.main.projects (GCORE_EXPORTER_ACCOUNTS__MAIN__PROJECTS): must be a list of ids, such as [16] or \
             [16, 17], found a number",
    ),
    (
        &[
            ("GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_CREDENTIAL", "api-key"),
            ("CREDENTIALS_DIRECTORY", "tests/config/nowhere"),
        ],
        "accounts.main.api_key_credential (GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_CREDENTIAL): cannot read \
             tests/config/nowhere/api-key (relative to <here>): No such file or directory (os error 2); the daemon's user must be able to read it",
    ),
];

#[test]
fn every_bad_variable_gets_its_exact_message() {
    for (variables, expected) in BAD_VARIABLES {
        let faults = load_variables(variables).expect_err(expected);
        assert_eq!(faults.to_string(), expected.replace("<here>", HERE));
    }
}

#[test]
fn a_variable_and_the_file_together_are_one_configuration() {
    let toml = "[accounts.main]\napi_key = \"SENTINEL\"\n\n[collect.cost]\ninterval = \"5m\"\ntimeout = \"1m\"\n";
    let loaded = load(toml, &[("GCORE_EXPORTER_COLLECT__COST__INTERVAL", "30m")]).unwrap();
    let schedule = loaded.config.collect.cost.schedule;
    assert_eq!((schedule.interval.as_secs(), schedule.timeout.as_secs()), (1_800, 60), "the variable wins, by key");

    let faults = load(toml, &[("GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_FILE", "/run/key")]).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "accounts.main.api_key_file (GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_FILE): the API key is given by \
         accounts.main.api_key already: keep exactly one of them"
    );
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let at = |path: &Path| Config::load(Some(path), &Environment::new()).unwrap_err().to_string();
    assert_eq!(
        at(Path::new("tests/config/nowhere.toml")),
        format!(
            "tests/config/nowhere.toml: cannot read the configuration file, relative to {HERE}: No such file or directory \
             (os error 2); name one that can be read, or none at all"
        )
    );
    assert_eq!(
        at(Path::new("tests/config")),
        format!(
            "tests/config: cannot read the configuration file, relative to {HERE}: Is a directory (os error 21); name one \
             that can be read, or none at all"
        )
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("latin\n1.toml");
    fs::write(&file, b"[accounts.main]\napi_key = \"SENTINEL\xe9\"\n").unwrap();
    let shown = file.display().to_string().replace('\n', "\\n");
    assert_eq!(at(&file), format!("{shown}: line 2: the configuration file must be UTF-8 text"));
}

#[test]
fn one_variable_is_a_whole_configuration() {
    let loaded = load_variables(&[("GCORE_API_KEY", "apikey 1234$abc"), ("PATH", "/bin")]).unwrap();
    let account = &loaded.config.accounts[&"default".parse().unwrap()];
    assert_eq!(account.api_key.current().expose_secret(), "1234$abc");
    assert_eq!(account.api_url.as_str(), "https://api.gcore.com/");
    assert_eq!(loaded.config.collect, collect::settings::Settings::default());
    assert_eq!(loaded.warnings, [""; 0]);

    let elsewhere = [("GCORE_API_KEY", "key"), ("GCORE_BASE_URL", "http://127.0.0.1:8080")];
    let loaded = load_variables(&elsewhere).unwrap();
    assert_eq!(loaded.config.accounts[&"default".parse().unwrap()].api_url.as_str(), "http://127.0.0.1:8080/");
}

#[test]
fn keys_of_the_environment_stay_as_they_are() {
    for key in ["00123", "1234$abc", "1e5", "true", "[1]", "{a=1}", "0x10", "12.50"] {
        let loaded = load_variables(&[("GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY", key)]).unwrap();
        assert_eq!(loaded.config.accounts[&"main".parse().unwrap()].api_key.current().expose_secret(), key);
    }
}

#[test]
fn the_environment_can_set_every_kind_of_value() {
    let loaded = load_variables(&[
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_CREDENTIAL", "two-lines.txt"),
        ("CREDENTIALS_DIRECTORY", "tests/config"),
    ]);
    let fault = loaded.unwrap_err().to_string();
    assert!(
        fault.ends_with("tests/config/two-lines.txt: the API key has white space inside: it must be a single word")
    );

    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("api-key"), "APIKey from-a-file\n").unwrap();
    let loaded = load_variables(&[
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_CREDENTIAL", "api-key"),
        ("CREDENTIALS_DIRECTORY", directory.path().to_str().unwrap()),
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__PROJECTS", "[16, 17]"),
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__TYPES", "[instance, volume]"),
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__MAX_REQUESTS_PER_SECOND", "0.5"),
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__PAGE_SIZE", "100"),
        ("GCORE_EXPORTER_ACCOUNTS__MAIN__REQUEST_TIMEOUT", "1m30s"),
        ("GCORE_EXPORTER_COLLECT__USAGE__ENABLED", "false"),
        ("GCORE_EXPORTER_COLLECT__COST__WINDOWS", "[today]"),
        ("GCORE_EXPORTER_METRICS__SERIES_LIMIT", "500"),
        ("GCORE_EXPORTER_METRICS__BILLING_METRIC", "true"),
        ("GCORE_EXPORTER_METRICS__TAG_KEYS", "[]"),
    ])
    .unwrap();
    let account = &loaded.config.accounts[&"main".parse().unwrap()];
    assert_eq!(account.api_key.current().expose_secret(), "from-a-file");
    assert_eq!(account.filter.projects, [16, 17]);
    assert_eq!(account.filter.types, ["instance", "volume"]);
    assert!((account.max_requests_per_second - 0.5).abs() < f64::EPSILON);
    assert_eq!((account.page_size, account.request_timeout.as_secs()), (100, 90));
    assert!(!loaded.config.collect.usage.schedule.enabled);
    assert_eq!(loaded.config.collect.cost.windows, [Window::Today]);
    assert_eq!(loaded.config.metrics.series_limit, 500);
    assert!(loaded.config.collect.usage_by_metric);
    assert!(loaded.config.collect.cost_details.is_empty());
}

#[test]
fn what_is_allowed_but_hardly_meant_is_a_warning() {
    let toml = "[accounts.main]\napi_key = \"SENTINEL\"\napi_url = \"http://api.example\"\nallow_http = true\n\
                types = [\"instnce\", \"moon_base\"]\n";
    let loaded = load(toml, &[("GCORE_API_KEY", SENTINEL), ("GCORE_BASE_URL", "")]).unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "GCORE_API_KEY is ignored, since accounts are configured",
            "accounts.main.api_url: the API key is sent over plain http, as allow_http permits",
            "accounts.main.types: entry 1 is no resource type that the API documents; did you mean \"instance\"?",
            "accounts.main.types: entry 2 is no resource type that the API documents",
        ]
    );
}

#[test]
fn a_summary_tells_accounts_and_collectors() {
    let toml = "[accounts.main]\napi_key = \"SENTINEL\"\n\n\
                [accounts.other]\napi_key = \"SENTINEL\"\napi_url = \"http://[::1]:8080/gcore/\"\nprojects = [16, 17]\n\
                types = [\"volume\"]\nmax_requests_per_second = 0.5\n\n\
                [collect.reports]\ninterval = \"90s\"\n\n[collect.names]\nenabled = false\n";
    let summary = load(toml, &[("STATE_DIRECTORY", "/var/lib/here")]).unwrap().config.to_string();
    assert_eq!(
        summary,
        "accounts:\n  \
           main: https://api.gcore.com, all projects, regions and types, at most 2 requests/s\n  \
           other: http://[::1]:8080/gcore, only projects 16, 17, only types volume, at most 0.5 requests/s\n\
         collectors:\n  \
           cost: every 15m, today, yesterday, month_to_date, previous_month, method auto\n  \
           usage: every 15m, today, yesterday, month_to_date\n  \
           reports: every 1m30s, tasks of the last 7d\n  \
           subscriptions: every 1h\n  \
           commitments: every 1h\n  \
           names: off\n  \
           history: every 1m, 35 days, behind all others\n\
         alerts: 24 of 24 rules, 0 thresholds, 0 mutes\n\
         storage: /var/lib/here/state.db\n"
    );
}

#[test]
fn a_summary_tells_channels_without_their_secrets() {
    let toml = "[accounts.main]\napi_key = \"SENTINEL\"\n\
                [notify.alertmanager.am]\nurls = [\"http://10.0.0.1:9093/\", \"https://am.example/x\"]\n\
                allow_http = true\nbearer_token = \"SENTINEL\"\n\
                [notify.webhook.ops]\nurl = \"https://hooks.example:444/SENTINEL\"\nseverities = [\"critical\"]\n\
                matchers = { account = \"main\" }\n\
                [notify.slack.ops]\nurl_file = \"tests/config/slack-url.txt\"\n";
    let loaded = load(toml, &[]).unwrap();
    let summary = loaded.config.to_string();
    let channels = "channels:\n  \
           alertmanager.am: http://10.0.0.1:9093/, https://am.example/x\n  \
           webhook.ops: https://hooks.example:444, unsigned, only severities critical, only account main\n  \
           slack.ops: https://hooks.slack.example\n";
    assert!(summary.contains(channels), "{summary}");
    let warning = "notify.alertmanager.am.urls: alerts are sent over plain http, as allow_http permits";
    assert_eq!(loaded.warnings, [warning]);
}

#[test]
fn what_the_metrics_need_is_read() {
    let toml = "[metrics]\nbilling_metric = true\ntag_keys = [\"env\", \"cost-center\"]\ntop_resources = 20\n";
    let config = load(toml, &[("GCORE_API_KEY", "key")]).unwrap().config;
    assert!(config.collect.usage_by_metric);
    let details = collect::settings::Details { tag_keys: vec!["env".into(), "cost-center".into()], top_resources: 20 };
    assert_eq!(config.collect.cost_details, details);
    let summary = config.to_string();
    let cost = "cost: every 15m, today, yesterday, month_to_date, previous_month, method auto, by tags env, cost-center, \
                20 most expensive resources\n";
    assert!(summary.contains(cost), "{summary}");
    assert!(summary.contains("usage: every 15m, today, yesterday, month_to_date, by billing metric\n"), "{summary}");

    let toml = "[metrics]\ntop_resources = 1\n";
    let config = load(toml, &[("GCORE_API_KEY", "key"), ("GCORE_EXPORTER_METRICS__TAG_KEYS", "[env]")]).unwrap().config;
    assert_eq!(config.collect.cost_details.tag_keys, ["env"]);
}

#[test]
fn alerts_that_are_switched_off_leave_the_judging_to_prometheus() {
    let toml = "accounts.main.api_key = \"SENTINEL\"\n\
                [alerts]\nenabled = false\n\
                [[alerts.threshold]]\nname = \"day\"\nwindow = \"today\"\namount = 5\ncurrency = \"EUR\"\n\
                [alerts.rules.watchdog]\nenabled = true\n\
                [notify.webhook.ops]\nurl = \"https://hooks.example.com\"\n";
    let loaded = load(toml, &[]).unwrap();
    let alerts = &loaded.config.alerts;
    assert!(alerts.rules.values().all(|rule| !rule.enabled), "no rule is judged");
    assert!(alerts.thresholds.is_empty(), "no threshold either");
    let warning = "alerts.enabled is false: the channels of [notify] are sent no alert";
    assert_eq!(loaded.warnings.iter().filter(|told| *told == warning).count(), 1, "{:?}", loaded.warnings);
    assert!(
        load("accounts.main.api_key = \"SENTINEL\"\n", &[]).unwrap().config.alerts.rules.values().all(|r| r.enabled)
    );
}

#[test]
fn a_mute_of_projects_and_types_looks_for_them_in_labels() {
    let toml = "accounts.main.api_key = \"SENTINEL\"\n\
                [[alerts.mute]]\nalertnames = [\"GcoreSpendAnomaly\"]\nprojects = [16, 17]\ntypes = [\"volume\"]\n";
    let mutes = load(toml, &[]).unwrap().config.alerts.mutes;
    let one_of = [("project_id", vec!["16".into(), "17".into()]), ("resource_type", vec!["volume".into()])];
    assert_eq!((mutes.len(), &mutes[0].one_of), (1, &one_of.into()));
}

#[test]
fn nothing_ever_shows_an_api_key() {
    let mut shown = String::new();
    for file in fixtures() {
        let faults = Config::load(Some(&file), &Environment::new()).unwrap_err();
        shown += &format!("{faults}\n{faults:?}\n{faults:#?}\n");
    }
    let toml = format!(
        "[accounts.main]\napi_key = \"SENTINEL\"\n\
         [notify.alertmanager.a]\nurls = [\"https://a.example\"]\nusername = \"us\"\npassword = \"SENTINEL\"\n\
         [notify.alertmanager.b]\nurls = [\"https://a.example\"]\nbearer_token = \"SENTINEL\"\n\
         [notify.webhook.a]\nurl = \"https://a.example/SENTINEL?SENTINEL\"\nsecret = \"{SENTINEL_KEY}\"\n\
         [notify.slack.a]\nurl_file = \"tests/config/slack-url.txt\"\n"
    );
    let loaded = load(&toml, &[("GCORE_API_KEY", SENTINEL)]).unwrap();
    shown += &format!("{}\n{loaded:?}\n{loaded:#?}\n", loaded.config);
    // The sentinel as the value of every key from the environment: of valid, wrong and misspelt keys.
    for key in
        loaded.keys.iter().map(String::as_str).chain(["accounts.main.apikey", "accounts", "collect", "no_such_key"])
    {
        let variable = format!("GCORE_EXPORTER_{}", key.replace('.', "__").to_uppercase());
        // Messages show paths, so that a wrong path can be found.
        if key.ends_with("_file") {
            continue;
        }
        for value in
            [SENTINEL, SENTINEL_KEY, "[SENTINEL]", "SENTINEL SENTINEL", "\"SENTINEL\"", "http://SENTINEL:SENTINEL@x"]
        {
            match load("", &[(&variable, value)]) {
                Ok(loaded) => shown += &format!("{loaded:?}\n{}\n{:?}\n", loaded.config, loaded.warnings),
                Err(faults) => shown += &format!("{faults}\n{faults:?}\n"),
            }
        }
    }
    let leak = shown.lines().find(|line| line.contains(SENTINEL));
    assert_eq!(leak, None);
}

/// The keys of the example, commented ones included.
fn keys_of(example: &str) -> BTreeSet<String> {
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for line in example.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').unwrap();
            table = match name.strip_prefix('[') {
                Some(list) => list.replace(']', "[1]"),
                None => name.to_owned(),
            };
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            assert!(keys.insert(format!("{table}.{key}")), "{table}.{key} stands there twice");
        }
    }
    keys
}

/// The example with its commented settings enabled, except those without a default.
fn switched_on(example: &str) -> String {
    let without_default = [
        "api_key_file",
        "api_key_credential",
        "ca_file",
        "password_file",
        "bearer_token",
        "bearer_token_file",
        "secret_file",
        "old_secret_file",
    ];
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting)
            if setting.starts_with(|first: char| first == '[' || first.is_ascii_lowercase())
                && !without_default.iter().any(|key| setting.starts_with(&format!("{key} ="))) =>
        {
            format!("{setting}\n")
        }
        _ => format!("{line}\n"),
    };
    // The only file that must exist.
    let example = example.replace("/etc/gcore-billing-exporter/slack-url", "tests/config/slack-url.txt");
    example.lines().map(line).collect()
}

/// A key that every rule has, for any rule.
fn of_every_rule(key: &str) -> String {
    match key.strip_prefix("alerts.rules.").and_then(|key| key.split_once('.')) {
        Some((_, name)) if ["enabled", "labels", "annotations"].contains(&name) => format!("alerts.rules.NAME.{name}"),
        _ => key.to_owned(),
    }
}

#[test]
fn budgets_are_of_their_account_and_what_they_select() {
    let toml = r#"
        accounts.main.api_key = "SENTINEL"
        accounts.lab.api_key = "SENTINEL2"
        [[alerts.budget]]
        name = "all"
        account = "main"
        amount = 2500
        currency = "EUR"
        [[alerts.budget]]
        name = "all"
        account = "lab"
        amount = "99.50"
        currency = "USD"
        projects = [16, 17]
        regions = [76]
        types = ["instance", "volume"]
    "#;
    let loaded = load(toml, &[]).unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    let said: Vec<_> = loaded
        .config
        .collect
        .history
        .budgets
        .iter()
        .map(|budget| {
            let Budget { name, account, selector, amount, currency } = budget;
            let projects: Vec<_> = selector.projects.iter().map(|project| project.0).collect();
            let regions: Vec<_> = selector.regions.iter().map(|region| region.0).collect();
            let types: Vec<_> = selector.types.iter().map(ResourceType::as_str).collect();
            format!("{account} {name}: {amount} {} {projects:?} {regions:?} {types:?}", currency.as_str())
        })
        .collect();
    assert_eq!(said, ["main all: 2500 EUR [] [] []", r#"lab all: 99.5 USD [16, 17] [76] ["instance", "volume"]"#,]);
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let example = fs::read_to_string("config.example.toml").unwrap();
    let defaults = |key: &str| {
        let url = gcore_api::http::settings::DEFAULT_API_URL.parse().unwrap();
        gcore_api::http::settings::Settings::new(SecretString::from(key), url)
    };

    let shipped = load(&example, &[("GCORE_API_KEY", "key")]).unwrap();
    assert_eq!(shipped.config.collect, collect::settings::Settings::default());
    assert_eq!(shipped.config.metrics, exposition::settings::Settings::default());
    assert_eq!(shipped.warnings, [""; 0]);

    let whole = load(&switched_on(&example), &[]).unwrap();
    let mut collect = whole.config.collect;
    let budgets = std::mem::take(&mut collect.history.budgets);
    assert_eq!(collect, collect::settings::Settings::default());
    assert_eq!((budgets.len(), budgets[0].amount.to_string()), (1, "2500".into()));
    assert_eq!(whole.config.metrics, exposition::settings::Settings::default());
    assert_eq!(whole.config.notify.channels(), ["alertmanager.main", "webhook.ops", "slack.ops"]);
    // Settings with secrets have no equality, so their texts are compared.
    let accounts: BTreeMap<_, _> =
        whole.config.accounts.iter().map(|(name, account)| (name.as_str(), format!("{account:?}"))).collect();
    assert_eq!(accounts, BTreeMap::from([("main", format!("{:?}", defaults("1234$abcdef")))]));
    let mut alerts = whole.config.alerts;
    let (thresholds, mutes) = (std::mem::take(&mut alerts.thresholds), std::mem::take(&mut alerts.mutes));
    assert_eq!((thresholds.len(), mutes.len()), (1, 1));
    assert_eq!(alerts.runbook_url.take().as_deref(), Some("https://wiki.example.com/gcore-alerts"));
    assert_eq!(alerts, alert::settings::Settings::default());
    let keys: BTreeSet<String> = whole.keys.iter().map(|key| of_every_rule(key)).collect();
    let shown: BTreeSet<String> = keys_of(&example).iter().map(|key| of_every_rule(key)).collect();
    assert_eq!(shown, keys, "the example and the keys that are read");
}

#[test]
fn two_accounts_of_one_key_share_no_project() {
    let toml = "[accounts.shop]\napi_key = \"SENTINEL\"\nprojects = [16, 17]\n\n\
                [accounts.media]\napi_key = \"SENTINEL\"\nprojects = [18]\n";
    let loaded = load(toml, &[]).unwrap();
    assert_eq!((loaded.config.accounts.len(), loaded.warnings), (2, Vec::new()));
}

#[test]
fn a_key_cut_at_its_dollar_is_a_warning_that_shows_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    fs::write(&file, "7711\n").unwrap();
    let variable = "GCORE_EXPORTER_ACCOUNTS__MAIN__API_KEY_FILE";
    for (name, variables, by) in [
        ("alone", [("GCORE_API_KEY", "7711")], "GCORE_API_KEY"),
        ("in a file", [(variable, file.to_str().unwrap())], "accounts.main.api_key_file"),
    ] {
        let warnings = load_variables(&variables).unwrap().warnings;
        let said =
            format!("{by}: the API key is digits only, as 1234$abcdef is where a shell, an env file or a compose");
        assert!(warnings.len() == 1 && warnings[0].starts_with(&said), "{name}: {warnings:?}");
        assert!(!warnings[0].contains("7711"), "{name}: {warnings:?}");
    }
    for whole in ["7711$abcdef", "7711_abcdef", "abcdef"] {
        assert_eq!(load_variables(&[("GCORE_API_KEY", whole)]).unwrap().warnings, [""; 0], "{whole}");
    }
}
