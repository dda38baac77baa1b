//! The documents name all families, flags, keys, alerts and reasons of the program, and no others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::clock::Clock;
use cost_insights::{Model, Reason, Settings};
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::Currency;
use gcore_api::http::settings::Settings as Account;
use gcore_billing_exporter::alert::rule::Rule;
use gcore_billing_exporter::alert::settings::{Settings as Alerts, THRESHOLD};
use gcore_billing_exporter::app::{App, Web};
use gcore_billing_exporter::collect::settings::{Details, Settings as Collect};
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::exposition::settings::Settings as Metrics;
use gcore_billing_exporter::insights::budget::{Budget, Selector};
use gcore_billing_exporter::notify::settings::Settings as Notify;
use gcore_billing_exporter::store::Settings as Storage;
use gcore_simulator::api::Api;
use gcore_simulator::world::World;
use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::SecretString;

/// The type of a family, and its label names in the order of the output.
type Shape = (String, Vec<String>);

#[test]
fn every_family_is_documented_and_every_documented_one_exists() {
    let documented = documented_families();
    let documented_own: BTreeSet<String> =
        documented.keys().filter(|name| name.starts_with("gcore_")).cloned().collect();
    assert_eq!(documented_own, families_in_sources(), "docs/metrics.md on the left, the sources on the right");

    for file in documents() {
        for name in words(&without_breaking(&read(&file)), "gcore_").filter(|name| name != "gcore_billing_exporter") {
            assert!(names_a_family(&documented, &name), "{} names {name}, which does not exist", file.display());
        }
    }
}

#[test]
fn rules_and_dashboards_name_families_that_exist_and_leave_none_out() {
    let families = documented_families();
    let mut shipped = found(Path::new("prometheus"), "yml");
    shipped.extend(found(Path::new("grafana/dashboards"), "json"));
    let rules: String = found(Path::new("prometheus/rules"), "yml").iter().map(|file| read(file)).collect();
    let recorded: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    for file in &shipped {
        let text = read(file);
        for name in words(&text, "gcore_") {
            assert!(names_a_family(&families, &name), "{} names {name}, which does not exist", file.display());
        }
        for name in recordings(&text) {
            assert!(recorded.contains(name), "{} reads {name}, which no rule records", file.display());
        }
    }

    // The list of all families does not count as a use, but the queries below it do.
    let metrics = read(Path::new("docs/metrics.md"));
    let (_, queries) = metrics.split_once("## Example queries").unwrap();
    let is_use = |file: &PathBuf| !["docs/metrics.md", "CHANGELOG.md"].map(Path::new).contains(&file.as_path());
    shipped.retain(|file| !file.starts_with("prometheus/tests"));
    shipped.extend(documents().into_iter().filter(is_use));
    let texts: String = shipped.iter().map(|file| read(file)).chain([queries.to_owned()]).collect();
    let mut used: BTreeSet<String> = words(&texts, "gcore_").chain(words(&texts, "process_")).collect();
    used.extend(used.clone().iter().filter_map(|name| base(name)).map(str::to_owned));
    let unused: Vec<&String> = families.keys().filter(|name| !used.contains(*name)).collect();
    assert_eq!(unused, [""; 0], "each family is in a dashboard, a rule, a query or another document");
}

/// The name of a histogram, from the name of one of its series.
fn base(name: &str) -> Option<&str> {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix))
}

/// Whether a word is a family or one of its series. `gcore_cost_*` stands for several families.
fn names_a_family(families: &BTreeMap<String, Shape>, name: &str) -> bool {
    families.contains_key(name)
        || base(name).is_some_and(|base| families.contains_key(base))
        || (name.ends_with('_') && families.keys().any(|family| family.starts_with(name)))
}

/// The names of recorded series in a text: `level:metric:operation`.
fn recordings(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let is_name = |word: &&str| {
        let parts: Vec<&str> = word.split(':').collect();
        parts.len() == 3 && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    text.split(move |c| !is_part(c)).filter(is_name)
}

/// `/metrics` of a daemon on the simulated account, after it has read the history.
async fn demo_exposition() -> String {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let clock = Clock::frozen(now);
    let api = Api::bind("127.0.0.1:0".parse().unwrap(), World::new(1, now), gcore_simulator::KEY, clock.clone())
        .await
        .unwrap();
    let account = |key: &str| {
        let mut account = Account::new(SecretString::from(key), api.url().parse().unwrap());
        account.max_requests_per_second = 1000.0;
        account
    };
    // The second account is refused, so that failures are counted too.
    let accounts =
        [("demo".parse().unwrap(), account(gcore_simulator::KEY)), ("refused".parse().unwrap(), account("wrong"))];
    let mut collect = Collect::default();
    collect.usage.windows = Window::ALL.to_vec();
    collect.cost_details = Details { tag_keys: vec!["env".into()], top_resources: 1 };
    collect.history.budgets = vec![Budget {
        name: "shop".into(),
        account: "demo".parse().unwrap(),
        selector: Selector::default(),
        amount: "1".parse().unwrap(),
        currency: Currency::new("EUR"),
    }];
    let config = Config {
        accounts: accounts.into(),
        collect,
        alerts: Alerts::default(),
        metrics: Metrics::default(),
        storage: Storage { path: None },
        notify: Notify::default(),
    };
    tokio::spawn(api.run(std::future::pending()));

    let web = Web { listen_addresses: vec!["127.0.0.1:0".parse().unwrap()], ..Web::default() };
    let daemon = App::build(&config, web, clock).await.unwrap();
    let url = format!("http://{}/metrics", daemon.addresses()[0]);
    tokio::spawn(daemon.run(std::future::pending()));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    loop {
        let text = http.get(&url).send().await.unwrap().text().await.unwrap();
        // The history comes last, and alerts are evaluated shortly after a reading.
        let last =
            ["gcore_poll_last_success_timestamp_seconds{account=\"demo\",collector=\"history\"}", "gcore_alerts{"];
        if last.iter().all(|series| text.contains(&format!("\n{series}"))) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documented_types_and_labels_are_those_of_the_demo() {
    let text = demo_exposition().await;
    let served = shapes(&text);

    let documented = documented_families();
    let missing: Vec<&String> = documented.keys().filter(|name| !served.contains_key(*name)).collect();
    lint(text + &missing.iter().map(|name| sample(name, &documented[*name])).collect::<String>());
    // This run has no retry, no rejected record, no revision, no shard and no notification, and does not serve backfilled
    // families.
    let want = [
        "gcore_api_retries_total",
        "gcore_cost_daily_amount",
        "gcore_cost_revision_amount",
        "gcore_notification_dead_letters",
        "gcore_notification_failures_total",
        "gcore_notification_last_success_timestamp_seconds",
        "gcore_notification_queue_length",
        "gcore_notification_up",
        "gcore_notifications_total",
        "gcore_rejected_records_total",
        "gcore_shards",
        "gcore_usage_daily_billing_value",
    ];
    assert_eq!(missing, want, "the demo shows all other families");
    let undocumented: Vec<&String> = served.keys().filter(|name| !documented.contains_key(*name)).collect();
    assert_eq!(undocumented, [""; 0], "families without a row in docs/metrics.md");
    let page = read(Path::new("docs/metrics.md"));
    let made = with_shapes(&page, &served);
    if made != page {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("metrics.md");
        fs::write(&file, made).unwrap();
        panic!("types or labels of docs/metrics.md differ; look, then: cp {} docs/metrics.md", file.display());
    }
}

/// The page with the type and the labels of each family as they are served.
fn with_shapes(page: &str, served: &BTreeMap<String, Shape>) -> String {
    let line = |line: &str| {
        let cells: Vec<&str> = line.splitn(5, '|').collect();
        let &[_, family, _, _, meaning] = cells.as_slice() else { return format!("{line}\n") };
        let Some((kind, labels)) = served.get(family.trim().trim_matches('`')) else { return format!("{line}\n") };
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| {} | {kind} | {} |{meaning}\n", family.trim(), labels.join(", "))
    };
    page.lines().map(line).collect()
}

#[test]
fn the_configuration_reference_agrees_with_the_example() {
    let documented: BTreeMap<String, String> = rows("docs/configuration.md")
        .into_iter()
        .filter(|row| {
            ["`accounts.", "`collect.", "`storage.", "`metrics.", "`alerts.", "`notify."]
                .iter()
                .any(|table| row[0].starts_with(table))
        })
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].trim_matches('`').to_owned()))
        .collect();
    let mut example = settings_of(&read(Path::new("config.example.toml")));
    let member = ["urls", "username", "password", "password_file", "bearer_token", "bearer_token_file", "ca_file"];
    let endpoint = ["url", "secret", "secret_file", "old_secret", "old_secret_file", "ca_file"];
    for key in ["api_key", "api_key_file", "api_key_credential", "ca_file"]
        .map(|key| format!("accounts.NAME.{key}"))
        .into_iter()
        .chain(["name", "account", "amount", "currency"].map(|key| format!("alerts.budget.{key}")))
        .chain(["name", "account", "window", "amount", "currency"].map(|key| format!("alerts.threshold.{key}")))
        .chain(["from", "until", "hours"].map(|key| format!("alerts.mute.{key}")))
        .chain(["alerts.runbook_url".to_owned()])
        .chain(["external_url", "slack.NAME.url_file"].map(|key| format!("notify.{key}")))
        .chain(member.map(|key| format!("notify.alertmanager.NAME.{key}")))
        .chain(endpoint.map(|key| format!("notify.webhook.NAME.{key}")))
    {
        // The example shows a value, but there is no default.
        *example.get_mut(&key).unwrap() = "none".into();
    }
    *example.get_mut("storage.path").unwrap() = "by the environment".into();
    assert_eq!(documented, example, "docs/configuration.md on the left, config.example.toml on the right");
}

#[test]
fn the_flags_documented_are_those_of_the_program() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gcore-billing-exporter")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let flags = |text: &str| -> BTreeSet<String> {
        let is_flag = |c: char| c.is_ascii_lowercase() || "-.".contains(c);
        let of_words = text.split(|c| !is_flag(c)).filter(|word| word.starts_with("--") && word.contains('.'));
        of_words.map(|word| word.trim_end_matches('.').to_owned()).filter(|word| word.contains('.')).collect()
    };
    let mut served = flags(&help(&["--help"]));
    served.extend(flags(&help(&["demo", "--help"])));
    served.extend(flags(&help(&["alerts", "--help"])));
    served.extend(flags(&help(&["healthcheck", "--help"])));
    assert_eq!(flags(&read(Path::new("docs/configuration.md"))), served);
}

#[test]
fn the_page_of_rules_lists_every_alert_once_and_documents_name_no_other() {
    let rules: String = found(Path::new("prometheus/rules"), "yml").iter().map(|file| read(file)).collect();
    let alerts: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let is_alert = |row: &Vec<String>| row[0].starts_with("`Gcore");
    let listed: Vec<String> = rows("docs/prometheus-rules.md")
        .into_iter()
        .filter(is_alert)
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), alerts);
    assert_eq!(listed.len(), alerts.len());

    // Alerts that only the daemon has are described in the runbooks.
    let native = Rule::ALL.map(|rule| rule.profile().alertname).into_iter().chain([THRESHOLD]);
    let runbooks = anchors(&read(Path::new("docs/runbooks.md")));
    let known: BTreeSet<&str> = alerts.iter().copied().chain(native).collect();
    for name in &known {
        assert!(runbooks.contains(&name.to_lowercase()), "{name} has no runbook");
    }
    // The changelog names renamed alerts.
    for file in documents().into_iter().filter(|file| *file != Path::new("CHANGELOG.md")) {
        let is_alert = |word: &String| word.chars().nth("Gcore".len()).is_some_and(char::is_uppercase);
        for name in words(&read(&file), "Gcore").filter(is_alert) {
            assert!(known.contains(name.as_str()), "{} names {name}, which does not exist", file.display());
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for file in documents() {
        for link in links(&read(&file)) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap_or(Path::new("")).join(path) };
            assert!(target.exists(), "{}: {link} leads to no file", file.display());
            let found = anchor.is_empty() || anchors(&read(&target)).contains(anchor);
            assert!(found, "{}: {link} leads to no heading", file.display());
        }
    }
}

#[test]
fn every_day_of_the_detectors_page_is_judged_as_it_says() {
    let days: Vec<Vec<String>> = rows("docs/detector.md").into_iter().filter(|row| row[0].contains("day")).collect();
    let given: Vec<_> = days.into_iter().filter(|row| row.len() == 5 && row[0] != "Days before").collect();
    let judged: Vec<Vec<String>> = given.iter().map(|row| judged(&row[0], &row[1])).collect();
    let table = |rows: &[Vec<String>]| rows.iter().map(|row| format!("| {} |", row.join(" | "))).collect::<Vec<_>>();
    assert!(judged.iter().filter(|row| row[2] == "anomaly").count() >= 5, "both verdicts have examples");
    // The table has no roll-ups, so it cannot show these reasons.
    let is_shown = |reason: &&str| judged.iter().any(|row| row[3] == format!("`{reason}`"));
    let hidden: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).filter(|reason| !is_shown(reason)).collect();
    assert_eq!(hidden, ["usual_in_parts"]);
    let (page, code) = (table(&given).join("\n"), table(&judged).join("\n"));
    assert!(page == code, "docs/detector.md should say:\n{code}");
}

/// A row of docs/detector.md: a series in words, its last day, and the model's judgement of that day.
fn judged(before: &str, day: &str) -> Vec<String> {
    let mut model = Model::new(Settings::default());
    let mut next = "2024-01-01".parse::<Date>().unwrap();
    let number = |text: &str| if text == "unknown" { f64::NAN } else { text.parse::<f64>().unwrap() };
    for part in before.split(", ").filter(|part| *part != "no days") {
        let (count, amounts) = part.split_once(' ').unwrap();
        let amounts = amounts.trim_start_matches("days").trim_start_matches("day").trim_start_matches(" at").trim();
        for at in 0..count.parse::<usize>().unwrap() {
            let is_weekend = next.weekday().to_monday_zero_offset() > 4;
            let amount = match (amounts.split_once(" and "), amounts.strip_suffix(" in turn")) {
                (None, _) => amounts,
                (Some((odd, _)), Some(_)) if at % 2 == 0 => odd,
                (Some((_, even)), Some(_)) => even.trim_end_matches(" in turn"),
                (Some((_, weekend)), None) if is_weekend => weekend.trim_end_matches(" on weekends"),
                (Some((weekday, _)), None) => weekday.trim_end_matches(" on weekdays"),
            };
            model.step(next, &[number(amount)]);
            next = next.tomorrow().unwrap();
        }
    }
    let (amount, _) = day.split_once(" on ").unwrap_or((day, ""));
    let judgement = model.step(next, &[number(amount)])[0];
    let day = format!("{amount} on {}", next.strftime("%A, %-d %B"));
    let verdict = if judgement.anomaly { "anomaly" } else { "usual" };
    let reason = format!("`{}`", judgement.reason.as_str());
    vec![before.into(), day, verdict.into(), reason, judgement.explanation("EUR")]
}

/// The Markdown files.
fn documents() -> Vec<PathBuf> {
    let mut files = found(Path::new("docs"), "md");
    files.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from));
    files
}

/// The families of docs/metrics.md.
fn documented_families() -> BTreeMap<String, Shape> {
    let is_family = |row: &Vec<String>| row[0].starts_with("`gcore_") || row[0].starts_with("`process_");
    let rows = rows("docs/metrics.md").into_iter().filter(is_family);
    let mut families = BTreeMap::new();
    for row in rows {
        let labels = row[2].split(", ").filter(|label| !label.is_empty()).map(|label| label.trim_matches('`').into());
        let name = row[0].trim_matches('`').to_owned();
        assert!(families.insert(name, (row[1].clone(), labels.collect())).is_none(), "{} stands there twice", row[0]);
    }
    families
}

/// The family names in the sources: string literals that begin with `gcore_`.
fn families_in_sources() -> BTreeSet<String> {
    let folders = ["src", "crates/gcore-api/src"];
    let files = folders.into_iter().flat_map(|folder| found(Path::new(folder), "rs"));
    let literals = |text: String| -> Vec<String> {
        let begins = text.match_indices("\"gcore_").map(|(at, _)| at + 1);
        begins.filter_map(|at| text[at..].split_once('"').map(|(literal, _)| literal.to_owned())).collect()
    };
    files.flat_map(|file| literals(read(&file))).collect()
}

/// A series of a family in the text format.
fn sample(name: &str, (kind, labels): &Shape) -> String {
    let labels: Vec<_> = labels.iter().map(|label| format!("{label}=\"x\"")).collect();
    format!("# HELP {name} As documented.\n# TYPE {name} {kind}\n{name}{{{}}} 1\n", labels.join(","))
}

/// Fails if promtool reports a fault, or if the exposition lacks a family of the sources.
fn lint(exposition: String) {
    let held = shapes(&exposition);
    let lacking: Vec<_> = families_in_sources().into_iter().filter(|name| !held.contains_key(name)).collect();
    assert_eq!(lacking, [""; 0], "every family is linted");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("every-family.prom");
    fs::write(&file, exposition).unwrap();
    let promtool = Command::new("promtool").args(["check", "metrics"]).stdin(fs::File::open(&file).unwrap()).output();
    let said =
        promtool.unwrap_or_else(|error| panic!("promtool: {error}; scripts/test installs Debian's package prometheus"));
    let complaints = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert!(
        said.status.success() && complaints.is_empty(),
        "promtool check metrics < {}: {complaints}",
        file.display()
    );
}

/// A text without its sections on breaking changes, which name removed families.
fn without_breaking(text: &str) -> String {
    let mut parts = text.split("\n### Breaking\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.filter_map(|part| part.split_once("\n## ")).fold(first, |kept, (_, rest)| kept + "\n## " + rest)
}

/// The families of an exposition.
fn shapes(exposition: &str) -> BTreeMap<String, Shape> {
    let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
    let mut family = String::new();
    for line in exposition.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            family = name.to_owned();
            shapes.insert(family.clone(), (kind.to_owned(), Vec::new()));
        } else if !line.starts_with('#') {
            let labels = line.split_once('{').map_or("", |(_, labels)| labels);
            // A label value may contain a comma or a brace, but no unescaped quote.
            let unescaped = labels.replace("\\\\", "").replace("\\\"", "");
            let names = unescaped.split('"').step_by(2).filter_map(|part| part.strip_suffix('='));
            let names = names.map(|name| name.trim_start_matches(',').to_owned()).filter(|name| name != "le");
            let known = &mut shapes.get_mut(&family).unwrap().1;
            for name in names {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
        }
    }
    shapes
}

/// The settings of an example, commented ones included, as keys with TOML values.
fn settings_of(example: &str) -> BTreeMap<String, String> {
    let mut table = String::new();
    let mut settings = BTreeMap::new();
    for line in example.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']).replace("accounts.main", "accounts.NAME");
            for name in ["alertmanager.main", "webhook.ops", "slack.ops"] {
                let kind = name.split_once('.').map_or(name, |(kind, _)| kind);
                table = table.replace(&format!("notify.{name}"), &format!("notify.{kind}.NAME"));
            }
        } else if let Some((key, value)) = line.split_once(" = ")
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            // A key that every rule has appears at one rule only.
            let of_all = table.starts_with("alerts.rules.") && ["enabled", "labels", "annotations"].contains(&key);
            let table = if of_all { "alerts.rules.NAME" } else { &table };
            settings.insert(format!("{table}.{key}"), value.to_owned());
        }
    }
    settings
}

/// The cells of every table row of a Markdown file.
fn rows(file: &str) -> Vec<Vec<String>> {
    let text = read(Path::new(file));
    let lines = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The link targets within this repository.
fn links(markdown: &str) -> Vec<String> {
    let targets = markdown.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// The anchors of headings on a code host: lower case, hyphens for blanks, no punctuation.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_matches('#').trim());
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    headings.map(anchor).collect()
}

/// Every word of a text with the prefix.
fn words(text: &str, prefix: &'static str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(move |w| w.starts_with(prefix))
        .map(str::to_owned)
}

fn found(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(found(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
