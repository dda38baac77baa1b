//! Costs by tag and by resource, and usage by billing metric. All are off by default.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::Window;
use gcore_billing_exporter::collect::settings::Details;
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::snapshot::Collector;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use wiremock::MockServer;

use crate::harness::{
    COST, COST_TOTALS, TestApp, USAGE, amount, asked, bodies, config, days, every, json as answer, mount_names, noon,
    only,
};
use crate::prometheus::demo_config;
use crate::reload::{Daemon, account, collectors};

const MONTH: &str = "gcore_cost_month_to_date_amount";
const BY_TAG: &str = "gcore_tag_cost_month_to_date_amount";
const BY_RESOURCE: &str = "gcore_resource_cost_month_to_date_amount";

fn details(tag_keys: &[&str], top_resources: usize) -> Details {
    Details { tag_keys: tag_keys.iter().map(|key| (*key).into()).collect(), top_resources }
}

/// The fixture's costs of today and of the month to date, with these details for the month.
async fn fixture(api: &MockServer, details: Details) -> Config {
    mount_names(api).await;
    asked(COST).respond_with(answer(include_str!("pages/cost_details.json"))).mount(api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost, Collector::Names]));
    config.collect.cost.windows = vec![Window::Today, Window::MonthToDate];
    config.collect.cost_details = details;
    config
}

/// The series of a family as text lines.
fn series<'a>(text: &'a str, family: &str) -> Vec<&'a str> {
    let begin = format!("{family}{{");
    text.lines().filter_map(|line| line.strip_prefix(&begin)).collect()
}

fn label<'a>(series: &'a str, name: &str) -> &'a str {
    let (_, rest) = series.split_once(&format!("{name}=\"")).unwrap_or(("", "-\""));
    rest.split_once('"').unwrap().0
}

/// The exact sums of a family by some of its labels.
fn sums(text: &str, family: &str, by: &[&str]) -> BTreeMap<Vec<String>, Amount> {
    let mut sums = BTreeMap::new();
    for series in series(text, family) {
        let key = by.iter().map(|name| label(series, name).to_owned()).collect();
        let amount: Amount = series.rsplit_once(' ').unwrap().1.parse().unwrap();
        let sum: &mut Amount = sums.entry(key).or_default();
        *sum = sum.checked_add(amount).unwrap();
    }
    sums
}

/// Fails unless the sums over each tag key and over resources equal the month to date.
fn check_sums(text: &str, tag_keys: &[&str]) {
    let month = sums(text, MONTH, &["account", "currency"]);
    assert!(!month.is_empty());
    let by_tag = sums(text, BY_TAG, &["tag_key", "account", "currency"]);
    assert_eq!(by_tag.len(), tag_keys.len() * month.len());
    for key in tag_keys {
        let of_key = month.iter().map(|(labels, sum)| ([&[(*key).to_owned()], &labels[..]].concat(), *sum));
        for (labels, sum) in of_key {
            assert_eq!(by_tag.get(&labels), Some(&sum), "{labels:?}");
        }
    }
    assert_eq!(sums(text, BY_RESOURCE, &["account", "currency"]), month);
}

#[tokio::test]
async fn odd_tags_and_equal_resources_are_told_to_the_last_cent() {
    let api = MockServer::start().await;
    let config = fixture(&api, details(&["env", "team", "no such key"], 2)).await;
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    app.expect_metrics("details.prom").await;
    check_sums(&app.metrics().await, &["env", "team", "no such key"]);
    app.stop().await;
}

#[tokio::test]
async fn nothing_of_it_is_there_unless_asked_for() {
    for (name, details, by_tag, by_resource) in [
        ("nothing", details(&[], 0), false, false),
        ("tags", details(&["env"], 0), true, false),
        ("resources", details(&[], 1), false, true),
    ] {
        let api = MockServer::start().await;
        let app = TestApp::ready(&fixture(&api, details).await, Clock::frozen(noon())).await;
        let text = app.metrics().await;
        for (family, is_on) in [(BY_TAG, by_tag), (BY_RESOURCE, by_resource)] {
            assert_eq!(!series(&text, family).is_empty(), is_on, "{name}: {family}");
            let budget = ["gcore_series", "gcore_series_limit", "gcore_series_dropped"];
            for of in budget.map(|budget| format!("\n{budget}{{family=\"{family}\"}} ")) {
                assert_eq!(text.contains(&of), is_on, "{name}: {of}");
            }
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn past_the_limit_small_values_and_resources_fold_as_well() {
    let api = MockServer::start().await;
    let mut config = fixture(&api, details(&["env"], 4)).await;
    config.metrics.series_limit = 5;
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    let text = app.metrics().await;
    assert_eq!(
        series(&text, BY_TAG),
        [
            r#"account="main",currency="EUR",tag_key="env",tag_value=""} -2.19999"#,
            r#"account="main",currency="EUR",tag_key="env",tag_value="prod"} 12.50001"#,
            r#"account="main",currency="EUR",tag_key="env",tag_value="test"} 10.00001"#,
            r#"account="main",currency="USD",tag_key="env",tag_value="__other__"} 1"#,
            r#"account="main",currency="unknown",tag_key="env",tag_value=""} 0"#,
        ],
        "a tag that is called __other__ already is one with what is folded"
    );
    let ids: Vec<_> = series(&text, BY_RESOURCE)
        .into_iter()
        .map(|series| (label(series, "currency"), label(series, "resource_id"), series.rsplit_once(' ').unwrap().1))
        .collect();
    assert_eq!(
        ids,
        [
            ("unknown", "", "0"),
            ("EUR", "0a", "12.50001"),
            ("EUR", "0b", "-12.50001"),
            ("EUR", "__other__", "20.30003"),
            ("USD", "__other__", "1"),
        ],
        "what is beyond the largest and what is beyond the limit are one series"
    );
    check_sums(&text, &["env"]);
    for (family, dropped) in [(BY_TAG, "1"), (BY_RESOURCE, "5")] {
        let of = |budget: &str| format!("{budget}{{family=\"{family}\"}}");
        assert_eq!(app.value(&of("gcore_series")).await.as_deref(), Some("5"));
        assert_eq!(app.value(&of("gcore_series_dropped")).await.as_deref(), Some(dropped), "{family}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_month_is_read_by_resources_whatever_totals_would_save() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(include_str!("pages/cost_details.json"))).mount(&api).await;
    let totals = answer(
        r#"{"count": 3, "price_status": "show", "results": [
            {"type": "volume", "cost": 20.30003, "currency": "EUR", "region_id": 7},
            {"type": "backup", "cost": 1, "currency": "USD", "region_id": 7}, {"cost": 0}]}"#,
    );
    asked(COST_TOTALS).respond_with(totals).mount(&api).await;
    let mut config = config(&api.uri(), every(Duration::from_millis(100), &[Collector::Cost]));
    config.collect.cost.windows = vec![Window::Today, Window::MonthToDate];
    config.collect.cost_details = details(&["env"], 1);
    for account in config.accounts.values_mut() {
        (account.filter.projects, account.page_size) = (vec![101], 1);
    }
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    let polls = r#"gcore_polls_total{account="main",collector="cost"}"#;
    app.until(async || app.value(polls).await.unwrap().parse::<u64>().unwrap() >= 4).await;
    let bodies = bodies(&api, COST).await;
    let of = |day: &str| bodies.iter().filter(|body| body["time_from"].as_str().unwrap().starts_with(day)).count();
    assert_eq!(of("2026-11-22"), 1, "today by resources once, then by totals");
    assert!(of("2026-11-01") >= 4, "the month at every poll");
    assert!(!series(&app.metrics().await, BY_TAG).is_empty());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_demo_every_sum_is_that_of_the_ledger() {
    for (now, top_resources) in [("2026-11-22T12:00:00Z", 5), ("2026-12-01T12:00:00Z", 10_000)] {
        let now: Timestamp = now.parse().unwrap();
        let clock = Clock::frozen(now);
        let (mut config, world) = demo_config(&clock, Duration::from_secs(3600)).await;
        let tag_keys = ["env", "cost-center", "no such key"];
        config.collect.cost_details = details(&tag_keys, top_resources);
        config.collect.usage_by_metric = true;
        let app = TestApp::ready(&config, clock).await;
        let text = app.metrics().await;
        check_sums(&text, &tag_keys);

        let (mut by_currency, mut by_group) = (BTreeMap::<_, Amount>::new(), BTreeMap::new());
        let month = Window::MonthToDate.period(now);
        for ((project, region, kind, currency), cost) in world.cost_ledger(days(month), now) {
            let cost = amount(cost);
            let sum = by_currency.entry(vec!["demo".to_owned(), currency.clone()]).or_default();
            *sum = sum.checked_add(cost).unwrap();
            by_group.insert(vec![project.to_string(), region.to_string(), kind, currency], cost);
        }
        assert_eq!(sums(&text, BY_RESOURCE, &["account", "currency"]), by_currency, "{now}");
        let others =
            series(&text, BY_RESOURCE).iter().filter(|series| label(series, "resource_id") == "__other__").count();
        if top_resources == 5 {
            assert_eq!(series(&text, BY_RESOURCE).len(), 6 * by_currency.len(), "five and the others, per currency");
            assert_eq!(others, by_currency.len());
        } else {
            let labels = ["project_id", "region_id", "resource_type", "currency"];
            assert_eq!(sums(&text, BY_RESOURCE, &labels), by_group, "{now}");
            assert_eq!(others, 0);
        }
        assert!(series(&text, BY_TAG).iter().any(|series| series.contains(r#"tag_value="shop \"A\""}"#)), "{now}");

        let usage: BTreeMap<_, _> = world
            .usage_ledger(days(month), now)
            .into_iter()
            .map(|((project, region, kind, unit), value)| {
                (vec![project.to_string(), region.to_string(), kind, unit], amount(value))
            })
            .collect();
        let family = "gcore_usage_month_to_date_billing_value";
        assert_eq!(sums(&text, family, &["project_id", "region_id", "resource_type", "unit"]), usage, "{now}");
        assert!(series(&text, family).len() > usage.len(), "some groups have several metrics");
        app.stop().await;
    }
}

#[tokio::test]
async fn usage_is_split_by_metric_where_that_is_asked_for() {
    let api = MockServer::start().await;
    mount_names(&api).await;
    let row = |metric: &str, value: &str| {
        format!(
            r#"{{"type": "instance", "billing_metric_name": {metric}, "billing_value": {value},
                "billing_value_unit": "minutes", "project_id": 101, "region_id": 7, "last_seen": "2026-11-22T11:00:30Z"}}"#
        )
    };
    let rows = [row("\"g2_min\"", "720"), row("\"g4_min\"", "60"), row("\"g2_min\"", "0.5"), row("null", "1")];
    let page = format!(r#"{{"count": 4, "resources": [{}]}}"#, rows.join(","));
    asked(USAGE).respond_with(answer(&page)).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Usage, Collector::Names]));
    let own = concat!(
        r#"account="main",project_id="101",project_name="web \"shop\"",region_id="7",region_name="Helsinki","#,
        r#"resource_type="instance",unit="minutes""#
    );
    let other = concat!(
        r#"account="main",project_id="__other__",project_name="__other__",region_id="__other__","#,
        r#"region_name="__other__",resource_type="__other__",unit="minutes""#
    );
    let metered = |labels: &str, metric: &str, value: &str| format!("{labels},billing_metric=\"{metric}\"}} {value}");
    for (by_metric, series_limit, want) in [
        (false, 100, vec![format!("{own}}} 781.5")]),
        (true, 100, vec![metered(own, "g2_min", "720.5"), metered(own, "g4_min", "60"), metered(own, "unknown", "1")]),
        (true, 2, vec![metered(own, "g2_min", "720.5"), metered(other, "__other__", "61")]),
    ] {
        config.collect.usage_by_metric = by_metric;
        config.metrics.series_limit = series_limit;
        let app = TestApp::ready(&config, Clock::frozen(noon())).await;
        let text = app.metrics().await;
        assert_eq!(series(&text, "gcore_usage_today_billing_value"), want);
        assert!(
            text.contains("\ngcore_data_through_timestamp_seconds{account=\"main\",collector=\"usage\"} 1795345230\n")
        );
        app.stop().await;
    }
}

#[tokio::test]
async fn other_details_are_read_as_soon_as_they_are_reloaded() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(include_str!("pages/cost_details.json"))).mount(&api).await;
    asked(USAGE).respond_with(answer(include_str!("pages/usage.json"))).mount(&api).await;
    let windows = "windows = [\"month_to_date\"]";
    let toml = account("main", &api) + &collectors(&[("cost", windows), ("usage", windows)]);
    let daemon = Daemon::ready(&toml, &["--web.enable-lifecycle"]).await;
    let listener = &daemon.listener;
    // The tag keys, the number of resources, and whether the families have metrics.
    let shown = |text: &str| -> (BTreeSet<String>, usize, bool) {
        let keys = series(text, BY_TAG).iter().map(|series| label(series, "tag_key").to_owned()).collect();
        (keys, series(text, BY_RESOURCE).len(), text.contains("billing_metric=\"g2_min\""))
    };
    assert_eq!(shown(&listener.metrics().await), (BTreeSet::new(), 0, false));

    let (mut cost_polls, mut usage_polls) = (1, 1);
    for (metrics, tag_keys, resources, by_metric, polls) in [
        ("tag_keys = [\"env\"]", &["env"][..], 0, false, (1, 0)),
        ("tag_keys = [\"team\"]\ntop_resources = 1", &["team"], 5, false, (1, 0)),
        ("top_resources = 2\nbilling_metric = true", &[], 7, true, (1, 1)),
        ("top_resources = 2\nbilling_metric = true\nseries_limit = 200", &[], 7, true, (0, 0)),
        ("", &[], 0, false, (1, 1)),
    ] {
        daemon.configure(&format!("{toml}[metrics]\n{metrics}\n"));
        assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK, "{metrics}");
        let want = (tag_keys.iter().map(|key| (*key).to_owned()).collect(), resources, by_metric);
        let text = listener.metrics().await;
        assert!(shown(&text).0.is_subset(&want.0), "{metrics}: what is not asked for any more is gone at once: {text}");
        assert!(!series(&text, MONTH).is_empty(), "{metrics}: the costs themselves stay");
        (cost_polls, usage_polls) = (cost_polls + polls.0, usage_polls + polls.1);
        listener
            .until(async || {
                let text = listener.metrics().await;
                let has_polled = [("cost", cost_polls), ("usage", usage_polls)].iter().all(|(collector, polls)| {
                    text.contains(&format!("gcore_polls_total{{account=\"main\",collector=\"{collector}\"}} {polls}\n"))
                });
                let has_usage = !series(&text, "gcore_usage_month_to_date_billing_value").is_empty();
                has_polled && has_usage && shown(&text) == want
            })
            .await;
    }
    let log = daemon.stop().await;
    assert!(log.contains("metrics.tag_keys needs the resources"), "the choice of method says why: {log}");
}
