//! The link of an alert leads to its runbook.

use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use reqwest::StatusCode;
use serde_json::Value;
use wiremock::MockServer;

use crate::channels::reports;
use crate::delivery::{labels, received, taking, until, webhook, webhooks};
use crate::harness::{REPORTS, TestApp, asked, config, every, only};

#[tokio::test]
async fn an_alert_links_to_its_section_of_the_daemons_own_page_or_of_another() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(reports("Failed")).mount(&api).await;
    for (external_url, runbook_url, want) in [
        (None, None, "HOME/runbooks#gcorereporttaskfailed"),
        (
            Some("https://billing.example.com/gcore/"),
            None,
            "https://billing.example.com/gcore/runbooks#gcorereporttaskfailed",
        ),
        (
            Some("https://billing.example.com"),
            Some("https://wiki.example.com/view?page=7"),
            "https://wiki.example.com/view?page=7#gcorereporttaskfailed",
        ),
    ] {
        let receiver = taking().await;
        let mut config = config(&api.uri(), every(Duration::from_secs(60), &[Collector::Reports]));
        let (name, mut channel) = webhook("ops", &receiver.uri(), &[]);
        channel.route.matchers = labels(&[("alertname", "GcoreReportTaskFailed")]);
        config.notify = webhooks([(name, channel)]);
        config.notify.external_url = external_url.map(|url| url.parse().unwrap());
        config.alerts.runbook_url = runbook_url.map(str::to_owned);
        let app = TestApp::ready(&config, Clock::system()).await;
        until("its beginning", async || !received(&receiver).await.is_empty()).await;
        let message: Value = received(&receiver).await[0].body_json().unwrap();
        let link = message["alerts"][0]["annotations"]["runbook_url"].as_str().unwrap();
        assert_eq!(link, want.replace("HOME", &app.url));

        if let Some(path) = link.strip_prefix(&app.url) {
            let (path, anchor) = path.split_once('#').unwrap();
            let page = app.get(path).await;
            assert_eq!(page.status(), StatusCode::OK);
            let page = page.text().await.unwrap();
            let section = page.split_once(&format!("<h2 id=\"{anchor}\">")).unwrap().1;
            let section = section.split_once("<h2").unwrap().0;
            assert!(section.contains("Billing tasks of that type failed"), "{section}");
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn a_daemon_that_listens_everywhere_is_linked_to_by_the_name_of_its_machine() {
    let receiver = taking().await;
    let mut config = config("http://127.0.0.1:9", only(&[]));
    config.notify = webhooks([webhook("ops", &receiver.uri(), &[])]);
    let app = TestApp::at("0.0.0.0:0", &config, Clock::system()).await;
    until("the watchdog", async || !received(&receiver).await.is_empty()).await;
    let message: Value = received(&receiver).await[0].body_json().unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let home = app.url.replace("0.0.0.0", host.trim_end());
    assert_eq!(message["externalURL"], home);
    let link = message["alerts"][0]["annotations"]["runbook_url"].as_str().unwrap();
    assert_eq!(link, format!("{home}/runbooks#gcorewatchdog"));
    app.stop().await;
}
