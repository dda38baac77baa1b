use super::*;

#[tokio::test]
async fn pages_of_every_window_sum_to_the_ledger() {
    for now in [NOW, "2026-03-01T00:10:00Z", "2026-10-31T23:59:59Z", "2028-02-29T12:00:00Z"] {
        let (running, simulator, at) = (start(now).await, simulator(now), now.parse().unwrap());
        for window in Window::ALL {
            let period = window.period(at);
            let costs = sum(running.walk("/cloud/v1/cost_report/resources", &period, 90).await, |row| {
                Some((row.currency.clone().unwrap_or_default(), row.cost.as_ref()?.get().parse().unwrap()))
            });
            assert_eq!(costs, simulator.cost_ledger(period.clone(), at), "{window:?} at {now}");
            let usage = sum(running.walk("/cloud/v1/usage_report", &period, 1_000).await, |row| {
                Some((row.billing_value_unit.clone(), row.billing_value.get().parse().unwrap()))
            });
            assert_eq!(usage, simulator.usage_ledger(period, at), "{window:?} at {now}");
        }
        running.end().await;
    }
}

#[tokio::test]
async fn totals_equal_the_resources_up_to_rounding() {
    let (running, simulator, at) = (start(NOW).await, simulator(NOW), NOW.parse().unwrap());
    let period = Window::MonthToDate.period(at);
    let body = json!({"time_from": midnight(period.start).to_string(), "time_to": midnight(period.end).to_string()});
    let (status, text) = running.post("/cloud/v1/cost_report/totals", &body).await;
    assert_eq!(status, 200);
    let reply: Value = serde_json::from_str(&text).unwrap();
    let rows = reply["results"].as_array().unwrap();
    assert_eq!(reply["count"], rows.len());
    assert!(rows.iter().all(|row| row.get("project_id").is_none() && row.get("uuid").is_none()));
    let kinds: std::collections::BTreeSet<_> = rows.iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), RESOURCE_TYPES);
    for currency in ["EUR", "USD"] {
        let of = rows.iter().filter(|row| row["currency"] == currency);
        let total: f64 = of.filter_map(|row| row["cost"].as_f64()).sum();
        let ledger: f64 = simulator
            .cost_ledger(period.clone(), at)
            .iter()
            .filter(|(g, _)| g.3 == currency)
            .map(|(_, a)| float(a))
            .sum();
        let bound = 0.5e-5 * 700.0;
        assert!((total - ledger).abs() < bound, "{currency}: {total} and {ledger}");
    }
    let (_, text) = running.post("/cloud/v1/usage_report", &with(&body, "limit", &json!(1))).await;
    let reply: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(reply["resources"].as_array().unwrap().len(), 1);
    let totals = reply["totals"].as_array().unwrap();
    assert!(totals.len() > 25 && totals.iter().all(|row| row["type"] != "backup"));
    running.end().await;
}

fn with(body: &Value, key: &str, value: &Value) -> Value {
    let mut body = body.clone();
    body[key] = value.clone();
    body
}

#[tokio::test]
async fn rows_have_the_fields_of_their_type() {
    let running = start(NOW).await;
    let body = json!({"time_from": "2026-11-21T00:00:00Z", "time_to": "2026-11-22T00:00:00", "limit": 1000});
    let (_, text) = running.post("/cloud/v1/cost_report/resources", &body).await;
    let reply: Value = serde_json::from_str(&text).unwrap();
    let rows = reply["results"].as_array().unwrap();
    assert!(rows.iter().map(|row| row["project_id"].as_u64()).is_sorted());
    for (kind, fields) in [
        ("instance", "flavor last_name tags uuid"),
        ("inference", "flavor last_name uuid"),
        ("inference_public_models", "last_name uuid"),
        ("volume", "attached_to_vm last_name last_size size_unit tags uuid volume_type"),
        ("snapshot", "last_name last_size size_unit source_volume_uuid tags uuid volume_type"),
        ("backup", "last_name last_size schedule_id source_volume_uuid uuid"),
        ("file_share", "file_share_type last_name last_size size_unit tags uuid"),
        ("image", "last_name last_size size_unit tags uuid"),
        ("log_index", "last_name last_size size_unit uuid"),
        ("floatingip", "ip_address last_name tags uuid"),
        ("external_ip", "attached_to_vm ip_address network_id port_id subnet_id"),
        ("egress_traffic", "instance_name instance_type port_id size_unit tags vm_id"),
        ("functions", "last_name uuid"),
        ("dbaas_postgresql_volume", "last_name size_unit uuid volume_type"),
    ] {
        let common = "billing_feature_name billing_metric_name billing_value billing_value_unit cost currency err \
                      first_seen last_seen project_id region region_id type";
        let mut want: Vec<&str> = common.split(' ').chain(fields.split(' ')).collect();
        want.sort_unstable();
        let row = rows.iter().find(|row| row["type"] == kind).unwrap().as_object().unwrap();
        let mut keys: Vec<&str> = row.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, want, "{kind}");
    }
    assert!(rows.iter().any(|row| row["type"] == "log_index" && row["uuid"].is_null()));
    for tags in [json!(null), json!([])] {
        assert!(rows.iter().any(|row| row.get("tags") == Some(&tags)), "{tags}");
    }
    assert!(rows.iter().any(|row| row["uuid"] == rows.iter().find(|r| r["type"] == "functions").unwrap()["uuid"]
        && row["type"] == "functions_calls"));
    running.end().await;
}

#[tokio::test]
async fn bodies_are_closed() {
    let running = start(NOW).await;
    let good = json!({"time_from": "2026-11-01T00:00:00Z", "time_to": "2026-12-01T00:00:00Z"});
    let resources = "/cloud/v1/cost_report/resources";
    let (totals, usage) = ("/cloud/v1/cost_report/totals", "/cloud/v1/usage_report");
    for (name, path, key, value, status) in [
        ("nothing more", resources, "offset", json!(0), 200),
        ("unknown key", resources, "surprise", json!(1), 400),
        ("newer key", resources, "rounding", json!(false), 400),
        ("limit zero", resources, "limit", json!(0), 400),
        ("limit at its largest", resources, "limit", json!(1000), 200),
        ("limit too large", resources, "limit", json!(1001), 400),
        ("limit as text", usage, "limit", json!("10"), 400),
        ("negative offset", usage, "offset", json!(-1), 400),
        ("limit of totals", totals, "limit", json!(10), 400),
        ("unknown type", resources, "types", json!(["quantum_annealer"]), 400),
        ("projects no list", resources, "projects", json!(41_001), 400),
        ("projects null, cost", resources, "projects", json!(null), 400),
        ("projects null, usage", usage, "projects", json!(null), 200),
        ("31 days by the last one", resources, "enable_last_day", json!(true), 200),
        ("last day no boolean", resources, "enable_last_day", json!("true"), 400),
        ("32 days", resources, "time_to", json!("2026-12-03T00:00:00Z"), 400),
        ("32 days, totals", totals, "time_to", json!("2026-12-03T00:00:00Z"), 400),
        ("32 days, usage", usage, "time_to", json!("2026-12-03T00:00:00Z"), 200),
        ("no day", resources, "time_to", json!("2026-11-01T23:00:00Z"), 400),
        ("date without time", resources, "time_to", json!("2026-11-02"), 400),
        ("sorting", resources, "sorting", json!([{"project": "desc"}]), 200),
        ("sorting by nonsense", resources, "sorting", json!([{"cost": "desc"}]), 400),
    ] {
        let (got, text) = running.post(path, &with(&good, key, &value)).await;
        assert_eq!(got, status, "{name}: {text}");
        if status == 400 {
            let reply: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(reply["exception_class"], "ValidationError", "{name}");
            assert!(reply["invalid_fields"][key].is_array(), "{name}: {text}");
        }
    }
    for missing in ["time_from", "time_to"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(missing);
        let (status, text) = running.post(resources, &body).await;
        assert_eq!(status, 400);
        assert!(text.contains(&format!("'{missing}': [\\\"Field required\\\"]")), "{text}");
    }
    assert_eq!(running.post(resources, &json!([])).await.0, 400);
    running.end().await;
}

#[tokio::test]
async fn filters_and_default_limit_are_honoured() {
    let running = start(NOW).await;
    let body = json!({"time_from": "2026-11-01T05:00:00+02:00", "time_to": "2026-11-22T00:00:00Z",
                      "projects": [41_001, 41_003], "regions": [76], "types": ["instance", "inference"]});
    let (status, text) = running.post("/cloud/v1/cost_report/resources", &body).await;
    assert_eq!(status, 200);
    let page: Rows = serde_json::from_str(&text).unwrap();
    assert_eq!(page.results.len(), 10);
    assert_eq!(page.count, 12, "eight machines, one resized, two models");
    for row in page.results {
        assert!([41_001, 41_003].contains(&row.project_id) && row.region_id == 76);
        assert!(["instance", "inference"].contains(&row.resource_type.as_str()));
    }
    running.end().await;
}
