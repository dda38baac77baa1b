use super::*;

#[tokio::test]
async fn only_the_key_opens() {
    let running = start(NOW).await;
    for (name, auth, status, says) in [
        ("no header", None, 401, "Authentication credentials were not provided."),
        ("right", Some(format!("APIKey {KEY}")), 200, ""),
        ("scheme in lower case", Some(format!("apikey {KEY}")), 200, ""),
        ("wrong scheme", Some(format!("Bearer {KEY}")), 401, "Given token not valid for any token type"),
        ("no scheme", Some(KEY.to_owned()), 401, "Authentication credentials were not provided."),
        ("$ eaten", Some("APIKey 10061-4b1f0c5e9a7d".to_owned()), 401, "Invalid API token: 10061-..."),
        ("empty", Some("APIKey ".to_owned()), 401, "Authentication credentials were not provided."),
    ] {
        for path in ["/cloud/v1/regions", "/billing/org/v1/subscriptions"] {
            let (got, text) = running.send(reqwest::Method::GET, path, auth.as_deref(), None).await;
            assert_eq!(got, status, "{name}");
            assert!(text.contains(says), "{name}: {text}");
        }
    }
    running.end().await;
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told_in_json() {
    let running = start(NOW).await;
    let (status, reply) = running.get("/cloud/v1/nothing").await;
    assert_eq!((status, &reply["exception_class"]), (404, &json!("NotFoundError")));
    let (status, reply) = running.get("/billing/org/v1/nothing").await;
    assert_eq!((status, reply), (404, json!({"detail": "Not found."})));
    let (status, _) = running.get("/cloud/v1/usage_report").await;
    assert_eq!(status, 405);
    let (status, _) = running.post("/cloud/v1/projects", &json!({})).await;
    assert_eq!(status, 405);
    running.end().await;
}

#[tokio::test]
async fn projects_and_regions_are_listed() {
    let running = start(NOW).await;
    let (_, some) = running.get("/cloud/v1/projects").await;
    let (_, all) = running.get("/cloud/v1/projects?include_deleted=true&limit=1000").await;
    assert_eq!((some["count"].as_u64(), all["count"].as_u64()), (Some(9), Some(11)));
    let (_, page) = running.get("/cloud/v1/projects?include_deleted=true&limit=2&offset=9").await;
    let last: Vec<_> = page["results"].as_array().unwrap().iter().map(|p| p["state"].clone()).collect();
    assert_eq!(last, ["DELETED", "DELETED"]);
    assert_eq!(page["results"][0]["created_at"], "2026-08-24T14:24:07");
    let (_, regions) = running.get("/cloud/v1/regions").await;
    assert_eq!(regions["results"].as_array().unwrap().len(), 6);
    for (path, key) in [
        ("/cloud/v1/projects?limit=1001", "limit"),
        ("/cloud/v1/projects?limit=0", "limit"),
        ("/cloud/v1/projects?include_deleted=perhaps", "include_deleted"),
        ("/cloud/v1/regions?colour=red", "colour"),
    ] {
        let (status, reply) = running.get(path).await;
        assert_eq!(status, 400, "{path}");
        assert!(reply["invalid_fields"][key].is_array(), "{path}");
    }
    running.end().await;
}

#[tokio::test]
async fn billing_lists_page_filter_and_link_elsewhere() {
    let running = start(NOW).await;
    let reports = "/billing/org/v1/reports";
    let (_, first) = running.get(&format!("{reports}?limit=5&status=Failed&status=Completed")).await;
    assert_eq!(first["results"].as_array().unwrap().len(), 5);
    assert_eq!(
        first["next"],
        "http://api.example.org/billing/org/v1/reports?limit=5&offset=5&status=Failed&status=Completed"
    );
    assert_eq!(first["previous"], Value::Null);
    let (_, default) = running.get("/billing/org/v1/subscriptions").await;
    assert_eq!(default["results"].as_array().unwrap().len(), 11);
    let (_, all) = running.get(&format!("{reports}?limit=100&ordering=created_at")).await;
    let all = all["results"].as_array().unwrap();
    assert!(all.iter().map(|task| task["created_at"].as_str().unwrap()).is_sorted());
    let (_, recent) = running.get(&format!("{reports}?created_after=2026-11-15%2014:24:07&limit=100")).await;
    let (_, old) = running.get(&format!("{reports}?created_before=2026-11-15T14:24:07Z&limit=100")).await;
    let (recent, old) = (recent["count"].as_u64().unwrap(), old["count"].as_u64().unwrap());
    assert_eq!((recent, old), (15, 4));
    assert_eq!(all.len() as u64, recent + old);
    let failed = all.iter().filter(|task| task["status"] == "Failed");
    assert!(failed.clone().count() >= 3);
    assert!(failed.into_iter().all(|task| !task["processing_notes"]["errors"].as_array().unwrap().is_empty()));
    for (query, key) in [
        ("limit=101", "limit"),
        ("task_type=Report", "task_type"),
        ("status=Broken", "status"),
        ("created_after=lately", "created_after"),
        ("ordering=size", "ordering"),
    ] {
        let (status, reply) = running.get(&format!("{reports}?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(reply[key].is_array(), "{query}: {reply}");
    }
    running.end().await;
}

#[tokio::test]
async fn subscription_prices_are_texts_objects_or_nothing() {
    let running = start(NOW).await;
    let (_, reply) = running.get("/billing/org/v1/subscriptions?limit=100").await;
    let rows = reply["results"].as_array().unwrap();
    assert_eq!(rows[0]["price"], "229.000000000000");
    assert_eq!(rows[0]["active_range"]["end"], "2026-11-27T14:24:07Z");
    assert!(rows.iter().any(|row| row["price"]["type"] == "SteppedPrice"));
    assert!(rows.iter().any(|row| row["price"].is_null()));
    let products: std::collections::BTreeSet<_> = rows.iter().map(|row| row["product"]["name"].as_str()).collect();
    assert!(products.len() >= 5);
    running.end().await;
}
