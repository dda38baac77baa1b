//! Paths, methods and states of the listener.

use std::sync::{Mutex, mpsc};

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use reqwest::{Method, StatusCode};
use wiremock::{MockServer, Request};

use crate::harness::{REPORTS, TestApp, asked, config, json, noon, only};

#[tokio::test]
async fn every_path_answers_as_http_wants() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(json(include_str!("pages/reports.json"))).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;

    for (verb, path, status, content_type) in [
        (Method::GET, "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        (Method::HEAD, "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        (Method::GET, "/", 200, "text/html; charset=utf-8"),
        (Method::HEAD, "/", 200, "text/html; charset=utf-8"),
        (Method::GET, "/-/healthy", 200, "text/plain; charset=utf-8"),
        (Method::GET, "/-/ready", 200, "text/plain; charset=utf-8"),
        (Method::GET, "/runbooks", 200, "text/html; charset=utf-8"),
        (Method::GET, "/metrics/", 404, "text/plain; charset=utf-8"),
        (Method::GET, "/favicon.ico", 404, "text/plain; charset=utf-8"),
        (Method::POST, "/nothing", 404, "text/plain; charset=utf-8"),
        (Method::POST, "/metrics", 405, "text/plain; charset=utf-8"),
        (Method::DELETE, "/-/ready", 405, "text/plain; charset=utf-8"),
    ] {
        let response = app.request(verb.clone(), path).await;
        let name = format!("{verb} {path}");
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert_eq!(response.headers()["content-type"], content_type, "{name}");
        assert_eq!(response.headers().get("allow").is_some(), status == 405, "{name}: a 405 says what is allowed");
        let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let body = response.text().await.unwrap();
        assert_eq!(body.is_empty(), verb == Method::HEAD, "{name}");
        assert!(length > 0, "{name}");
    }
    let page = app.get("/").await.text().await.unwrap();
    for link in ["href=\"./metrics\"", "href=\"./runbooks\"", "href=\"./-/healthy\"", "href=\"./-/ready\""] {
        assert!(page.contains(link), "{link} in {page}");
    }
    app.stop().await;
}

#[tokio::test]
async fn ready_only_after_every_collector_has_tried() {
    let api = MockServer::start().await;
    let (let_go, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let answer = move |_: &Request| {
        // An error means that the test has ended.
        let _ = held.lock().unwrap().recv();
        json(include_str!("pages/reports.json"))
    };
    asked(REPORTS).respond_with(answer).mount(&api).await;
    let app = TestApp::start(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;

    let waiting = app.get("/-/ready").await;
    assert_eq!(waiting.status(), StatusCode::SERVICE_UNAVAILABLE);
    let want = "not ready: these collectors have not finished their first poll\naccount main: reports\n";
    assert_eq!(waiting.text().await.unwrap(), want);
    assert_eq!(app.get("/-/healthy").await.status(), StatusCode::OK);
    let before = app.metrics().await;
    assert!(!before.contains("gcore_up"), "no word on a collector before its first poll: {before}");
    let_go.send(()).unwrap();
    app.until(async || app.get("/-/ready").await.status() == StatusCode::OK).await;
    app.stop().await;
}
