//! The stored history in a real Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::clock::Clock;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{midnight, utc_date};
use gcore_api::billing::resource::{ProjectId, RegionId, ResourceType};
use gcore_billing_exporter::aggregate::group::Group;
use gcore_billing_exporter::config::{Config, Environment};
use gcore_billing_exporter::store::days::Day;
use gcore_billing_exporter::store::series::{Kind, Series};
use gcore_billing_exporter::store::{Settings as Storage, Store};
use gcore_simulator::api::Api;
use gcore_simulator::world::World;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use prometheus::Registry;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{TestApp, noon};
use crate::program::{Ended, config_flag, file, finish, limited, program};
use crate::prometheus::{Labels, Prometheus};

const KINDS: [(Kind, &str, &str); 2] =
    [(Kind::Cost, "gcore_cost_daily_amount", "currency"), (Kind::Usage, "gcore_usage_daily_billing_value", "unit")];

/// Settings of the accounts `demo` and `main` at `url`. Only `demo` has the right key.
fn settings(url: &str, store: &str) -> String {
    let mut text = format!(
        "[accounts.demo]\napi_key = '{}'\napi_url = '{url}'\nmax_requests_per_second = 1000\n\
         [accounts.main]\napi_key = 'wrong'\napi_url = '{url}'\nmax_requests_per_second = 1000\n\
         [storage]\npath = '{store}'\n\
         [collect.cost]\ninterval = '1h'\nwindows = ['today']\n\
         [collect.usage]\ninterval = '1h'\nwindows = ['today']\n\
         [collect.history]\ninterval = '1s'\ndays = 5\n",
        gcore_simulator::KEY
    );
    for collector in ["reports", "subscriptions", "commitments", "names"] {
        text += &format!("[collect.{collector}]\nenabled = false\n");
    }
    text
}

async fn backfill(config: &str, days: (Date, Date), more: &[&str]) -> Ended {
    let (from, to) = (days.0.to_string(), days.1.to_string());
    finish(program(&[&["backfill", config, "--from", &from, "--to", &to], more].concat())).await
}

pub(crate) fn series(project: u64, region: Option<u64>, resource_type: &str, measure: &str) -> Series {
    let (project, region) = (ProjectId(project), region.map(RegionId));
    let group = Group { project, region, resource_type: ResourceType::new(resource_type) };
    Series { group, measure: measure.into() }
}

/// Writes days of the account `main`, as the daemon does.
pub(crate) async fn fill(config: &Config, kind: Kind, days: impl Iterator<Item = (Date, Vec<(Series, String)>)>) {
    let store = Store::open(&config.storage, &Registry::new()).unwrap();
    let (name, settings) = config.accounts.iter().find(|(name, _)| name.as_str() == "main").unwrap();
    let account = store.account(name, settings.scope()).await.unwrap();
    for (date, amounts) in days {
        let amounts = amounts.into_iter().map(|(series, amount)| (series, amount.parse().unwrap())).collect();
        let day = Day { date, read_at: noon(), is_settled: true, rounding: Amount::ZERO, amounts };
        store.write_day(account, kind, day, usize::MAX).await.unwrap();
    }
}

/// The stored amounts of each day, by their expected labels.
async fn stored(config: &Config, kind: Kind, measure: &'static str) -> BTreeMap<Date, BTreeMap<Labels, Amount>> {
    let store = Store::open_to_read(config.storage.path.as_ref().unwrap()).unwrap();
    let mut all = BTreeMap::<Date, BTreeMap<Labels, Amount>>::new();
    for (name, settings) in &config.accounts {
        let Some(account) = store.known_account(name, settings.scope()).await.unwrap() else { continue };
        let name = name.to_string();
        let days = (date(1, 1, 1), date(9999, 1, 1));
        let visit = move |all: &mut BTreeMap<Date, BTreeMap<_, _>>,
                          series: &[Series],
                          day,
                          amounts: &[(usize, Amount)]| {
            for (position, amount) in amounts {
                let Series { group, measure: word } = &series[*position];
                let (project, region) =
                    (group.project.0.to_string(), group.region.map_or("unknown".into(), |region| region.0.to_string()));
                let labels = [
                    ("account", name.clone()),
                    ("project_id", project.clone()),
                    ("project_name", project),
                    ("region_id", region.clone()),
                    ("region_name", region),
                    ("resource_type", group.resource_type.as_str().to_owned()),
                    (measure, word.to_string()),
                ];
                let labels = labels.map(|(label, value)| (label.to_owned(), value)).into();
                all.entry(day).or_default().insert(labels, *amount);
            }
        };
        all = store.visit_days(account, kind, days, all, visit).await.unwrap();
    }
    all
}

/// Writes 40 days with one gap. One series comes and goes, and its type has every character that must be escaped.
async fn fill_with_odd_ones(config: &Config, first: Date, gap: Date) {
    let days = || first.series(1.day()).take(40).enumerate().filter(|(_, day)| *day != gap);
    let odd = |measure| series(u64::MAX >> 1, None, "a\"b\\c\nd{e=\"é\"},", measure);
    fill(
        config,
        Kind::Cost,
        days().map(|(at, day)| {
            let mut amounts = vec![
                (series(16, Some(76), "instance", "EUR"), format!("{at}.10000000000{}", at % 10)),
                (series(16, Some(76), "volume", "EUR"), "0".to_owned()),
            ];
            amounts.extend((at % 2 == 0).then(|| (odd("USD"), format!("-12345678901{at}.000000000001"))));
            (day, amounts)
        }),
    )
    .await;
    fill(config, Kind::Usage, days().map(|(at, day)| (day, vec![(odd("bytes"), format!("8123456789{at}"))]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_gives_back_every_stored_day_to_the_last_digit() {
    let (clock, folder) = (Clock::system(), tempfile::tempdir().unwrap());
    let world = World::new(7, clock.now());
    let api = Api::bind("127.0.0.1:0".parse().unwrap(), world, gcore_simulator::KEY, clock.clone()).await.unwrap();
    let store = folder.path().join("state.db");
    let file = file(&settings(&api.url(), &store.display().to_string()));
    tokio::spawn(api.run(std::future::pending()));
    let config = Config::load(Some(file.path()), &Environment::default()).unwrap().config;
    let last = utc_date(clock.now()).yesterday().unwrap();
    let first = last.saturating_sub(39.days());
    let gap = first.saturating_add(7.days());
    fill_with_odd_ones(&config, first, gap).await;

    let app = TestApp::start(&config, clock).await;
    let read = async |kind, name| {
        stored(&config, kind, name).await.values().filter(|day| day.keys().any(|l| l["account"] == "demo")).count()
    };
    for (kind, _, measure) in KINDS {
        app.until(async || read(kind, measure).await == 5).await;
    }
    let text = folder.path().join("history.om");
    let (flag, out) = (config_flag(&file), text.display().to_string());
    let ended = backfill(&flag, (first, last), &["--out", &out, "--log.format=json"]).await;
    let printed = backfill(&flag, (first, last), &[]).await.stdout;
    app.stop().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&text).unwrap(), printed);
    assert!(ended.stderr.contains("days that are not stored are left out") && ended.stderr.contains(&gap.to_string()));

    let prometheus = with_blocks_of(&text, folder).await;
    let config = config_at(&config, &prometheus.folder().join("state.db"));
    for (kind, family, measure) in KINDS {
        let stored = stored(&config, kind, measure).await;
        assert_eq!(stored.len(), 39, "{family}");
        compare(&prometheus, (family, measure), &stored, first).await;
    }
}

/// A Prometheus with only the blocks that promtool makes of a text.
async fn with_blocks_of(text: &Path, folder: TempDir) -> Prometheus {
    let data = folder.path().join("data");
    let mut promtool = Command::new("promtool");
    let made = promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(text).arg(&data).output().await;
    let made = made.expect("Debian's package prometheus is installed by scripts/test");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let prometheus = Prometheus::start(folder, "");
    prometheus.found("vector(1)").await;
    prometheus
}

/// Compares 40 days in Prometheus with the stored days, and the sums of all.
async fn compare(
    prometheus: &Prometheus,
    (family, measure): (&str, &str),
    stored: &BTreeMap<Date, BTreeMap<Labels, Amount>>,
    first: Date,
) {
    let end_of = |day: Date| midnight(day.tomorrow().unwrap()) - 1.second();
    let mut sums = BTreeMap::<Labels, Amount>::new();
    for day in first.series(1.day()).take(40) {
        let want = stored.get(&day).cloned().unwrap_or_default();
        let got = prometheus.query_at(family, end_of(day)).await;
        let bits = |value: f64| (value.to_string(), value.to_bits());
        let got: BTreeMap<_, _> = got.into_iter().map(|(labels, value)| (labels, bits(value))).collect();
        let nearest =
            |(labels, amount): (&Labels, &Amount)| (labels.clone(), bits(amount.to_string().parse().unwrap()));
        assert_eq!(got, want.iter().map(nearest).collect(), "{family} on {day}");
        for (labels, amount) in want {
            let labels = labels.into_iter().filter(|(name, _)| name == "account" || name == measure).collect();
            let sum = sums.entry(labels).or_default();
            *sum = sum.checked_add(amount).unwrap();
        }
    }
    let sum = format!("sum by (account, {measure}) (sum_over_time({family}[40d]))");
    let got = prometheus.query_at(&sum, end_of(first.saturating_add(39.days()))).await;
    assert_eq!(got.keys().collect::<Vec<_>>(), sums.keys().collect::<Vec<_>>());
    for (labels, sum) in sums {
        let (got, want) = (got[&labels], sum.to_f64());
        assert!((got - want).abs() <= want.abs() * 1e-12, "{family} {labels:?}: {got}, stored is {sum}");
    }
}

fn config_at(config: &Config, path: &Path) -> Config {
    Config { storage: Storage { path: Some(path.to_owned()) }, ..config.clone() }
}

/// A store in which the account `main` has the costs of three days in 2024, and its settings.
async fn three_days(folder: &Path) -> (String, Config) {
    let text = settings("https://api.example", &folder.join("state.db").display().to_string());
    let config = Config::load(Some(file(&text).path()), &Environment::default()).unwrap().config;
    let days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 2)];
    let amounts = || vec![(series(16, None, "instance", "EUR"), "1.50".to_owned())];
    fill(&config, Kind::Cost, days.into_iter().map(|day| (day, amounts()))).await;
    (text, config)
}

#[tokio::test]
async fn the_text_has_one_sample_for_each_stored_day_at_its_last_second() {
    let folder = tempfile::tempdir().unwrap();
    let (text, _) = three_days(folder.path()).await;
    let config = file(&text);
    let ended = backfill(&config_flag(&config), (date(2024, 2, 29), date(2024, 3, 2)), &[]).await;
    let labels = r#"account="main",project_id="16",project_name="16",region_id="unknown",region_name="unknown""#;
    let want = format!(
        "# HELP gcore_cost_daily_amount Cost of the UTC day that ends with the sample, at pay-as-you-go prices. \
         Backfilled from the stored history.\n\
         # TYPE gcore_cost_daily_amount gauge\n\
         gcore_cost_daily_amount{{{labels},resource_type=\"instance\",currency=\"EUR\"}} 1.5 1709251199\n\
         gcore_cost_daily_amount{{{labels},resource_type=\"instance\",currency=\"EUR\"}} 1.5 1709423999\n\
         # HELP gcore_usage_daily_billing_value Usage in the UTC day that ends with the sample, in the API's own unit. \
         Backfilled from the stored history.\n\
         # TYPE gcore_usage_daily_billing_value gauge\n\
         # EOF\n"
    );
    assert_eq!((ended.code, ended.stdout), (Some(0), want), "{}", ended.stderr);
    for missing in [
        r#"account=main kind=cost days="2024-03-01""#,
        r#"account=main kind=usage days="2024-02-29 to 2024-03-02""#,
        r#"account=demo kind=cost days="2024-02-29 to 2024-03-02""#,
    ] {
        assert!(ended.stderr.replace("days=2024-03-01", r#"days="2024-03-01""#).contains(missing), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (text, _) = three_days(folder.path()).await;
    let (config, in_memory) = (file(&text), file(&settings("https://api.example", "")));
    let today = utc_date(Clock::system().now());
    let yesterday = today.yesterday().unwrap();
    let january = (date(2024, 1, 1), date(2024, 1, 31));
    for (config, days, want) in [
        (
            &config,
            (date(2024, 3, 2), date(2024, 3, 1)),
            "--from 2024-03-02 is after --to 2024-03-01; give the earlier day as --from".to_owned(),
        ),
        (
            &config,
            (date(2024, 3, 2), today),
            format!(
                "--to {today} is not over yet (days are UTC days); the last day that can be written is {yesterday}"
            ),
        ),
        (
            &config,
            january,
            "nothing is stored from 2024-01-01 to 2024-01-31: cost of account demo: none, cost of account main: \
             2024-02-28 to 2024-02-29, 2024-03-02, usage of account demo: none, usage of account main: none; choose \
             --from and --to among the stored days, or let the daemon read more of them (collect.history.days), \
             as far back as the API keeps them"
                .to_owned(),
        ),
        (
            &in_memory,
            january,
            "storage.path is \"\", so nothing is stored that could be written; name a file by storage.path and let the \
             daemon fill it"
                .to_owned(),
        ),
    ] {
        let ended = backfill(&config_flag(config), days, &[]).await;
        assert_eq!(ended.stderr, format!("gcore-billing-exporter: {want}\n"));
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{want}");
    }
    for day in ["2023-02-29", "2024-01-01T00:00", "yesterday"] {
        let ended = finish(program(&["backfill", &config_flag(&config), "--from", day, "--to", "2024-03-01"])).await;
        let want = format!(
            "error: invalid value '{day}' for '--from <YYYY-MM-DD>': no such day; expected YYYY-MM-DD such as \
             2026-11-22\n\nFor more information, try '--help'.\n"
        );
        assert_eq!((ended.code, ended.stderr), (Some(2), want));
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_of_this_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (text, _) = three_days(folder.path()).await;
    let (path, config) = (folder.path().join("state.db"), file(&text));
    let whole = fs::read(&path).unwrap();
    let days = (date(2024, 2, 28), date(2024, 3, 2));
    let set = |name: &str, value: i64| Connection::open(&path).unwrap().pragma_update(None, name, value).unwrap();
    let version: i64 =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let cases: [(&dyn Fn(), String); 5] = [
        (
            &|| fs::remove_file(&path).unwrap(),
            "No such file or directory (os error 2); start the daemon, which makes it, or name the daemon's file by \
             storage.path"
                .to_owned(),
        ),
        (
            &|| set("user_version", 99),
            format!(
                "it was written by a newer version (its format is 99, this version knows {version}); run the version that \
                 wrote it, or name another file by storage.path"
            ),
        ),
        (
            &|| set("user_version", 1),
            format!(
                "it was written by an older version (its format is 1, this version reads {version}); start the daemon of \
                 this version once, which upgrades it"
            ),
        ),
        (
            &|| set("application_id", 1),
            "it is a database of another program; name another file by storage.path".to_owned(),
        ),
        (
            &|| fs::write(&path, "no database at all, however long this text may be").unwrap(),
            "file is not a database; start the daemon, which sets a damaged file aside and reads again what the API still \
             knows"
                .to_owned(),
        ),
    ];
    for (spoil, want) in cases {
        fs::write(&path, &whole).unwrap();
        spoil();
        let before = fs::read(&path).ok();
        let ended = backfill(&config_flag(&config), days, &[]).await;
        let want = format!("gcore-billing-exporter: cannot use {} as the store: {want}\n", path.display());
        assert_eq!((ended.code, ended.stderr, ended.stdout.as_str()), (Some(2), want, ""));
        assert_eq!(fs::read(&path).ok(), before);
    }
}

#[tokio::test]
async fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (text, settings) = three_days(folder.path()).await;
    let many = (0..1000).map(|project| (series(project, None, "instance", "EUR"), "1".to_owned())).collect();
    fill(&settings, Kind::Cost, std::iter::once((date(2024, 3, 5), many))).await;
    let (config, days) = (file(&text), (date(2024, 2, 28), date(2024, 2, 29)));
    let results = tempfile::tempdir().unwrap();
    let out = results.path().join("history.om").display().to_string();
    fs::write(&out, "an older one").unwrap();
    let ended = backfill(&config_flag(&config), days, &["--out", &out]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(fs::read_to_string(&out).unwrap().ends_with(
        " 1.5 1709251199\n# HELP gcore_usage_daily_billing_value Usage in \
        the UTC day that ends with the sample, in the API's own unit. Backfilled from the stored history.\n\
        # TYPE gcore_usage_daily_billing_value gauge\n# EOF\n"
    ));

    let missing = results.path().join("missing/history.om").display().to_string();
    for (out, why) in
        [(&*missing, "No such file or directory (os error 2)"), ("/dev/full", "No space left on device (os error 28)")]
    {
        let ended = backfill(&config_flag(&config), days, &["--out", out]).await;
        let want = format!("cannot write {out}; free some space or name another file by --out: {why}\n");
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.ends_with(&want), "{}", ended.stderr);
    }
    let ended = finish(limited(
        64,
        &["backfill", &config_flag(&config), "--from=2024-02-28", "--to=2024-03-05", "--out", &out],
    ))
    .await;
    let want =
        format!("cannot write {out}; free some space or name another file by --out: File too large (os error 27)\n");
    assert!(ended.code == Some(1) && ended.stderr.ends_with(&want), "{}", ended.stderr);
    assert!(fs::read_to_string(&out).unwrap().ends_with("# EOF\n"), "the one before stays");
    let left: Vec<_> = fs::read_dir(results.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["history.om"]);
}
