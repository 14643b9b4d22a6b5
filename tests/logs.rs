//! The log: search, walk, export, and the explanation of a request.

use crate::harness::{CUSTOMER_KEY, World, channel, customer, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::{Database, Engine, sql};
use magic_testkit::vendor::Proto;
use serde_json::Value;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_request_is_explained_and_the_log_is_taken_along() {
    let vendor = good(Proto::H1);
    let world = World::new(format!("{}{}", channel("a", &vendor, ""), customer(1.0)));
    let ids: Vec<String> = {
        let mut ids = Vec::new();
        for _ in 0..3 {
            let answer = world.chat_as(CUSTOMER_KEY, &request(false)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            ids.push(answer.headers["x-request-id"].clone());
        }
        ids
    };
    world.logs(3).await;
    let told = world.api("GET", &format!("/api/log/explain/{}", ids[1]), None).await.json()["data"].clone();
    assert_eq!(told["request"]["request_id"].as_str(), Some(ids[1].as_str()), "{told}");
    assert_eq!(told["request"]["detail"]["attempts"].as_array().map(Vec::len), Some(1), "{told}");
    let bill = &told["bill"];
    let lines: f64 = bill["lines"].as_array().unwrap().iter().map(|line| line["usd"].as_f64().unwrap()).sum();
    let cost: f64 = bill["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(cost > 0.0 && (lines * bill["group_ratio"].as_f64().unwrap() - cost).abs() < 1e-9, "{bill}");
    let phases: Vec<&str> =
        told["ledger"].as_array().unwrap().iter().filter_map(|e| e["phase"].as_str()).collect();
    assert!(phases.contains(&"settle"), "{told}");
    let moved: i64 =
        told["ledger"].as_array().unwrap().iter().filter_map(|e| e["amount_nano"].as_i64()).sum();
    assert_eq!(moved, 0);
    assert_eq!(world.api("GET", "/api/log/explain/nobody", None).await.status, 404);

    // Somebody else's request does not exist for a common user.
    let account = serde_json::json!({ "username": "alice", "password": "password 1" });
    assert_eq!(world.api("POST", "/api/user/", Some(account.clone())).await.status, 200);
    let login =
        h1(world.gateway.address, "POST", "/api/user/login", &[], account.to_string().as_bytes()).await;
    let alice = login.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let path = format!("/api/log/explain/{}", ids[1]);
    assert_eq!(h1(world.gateway.address, "GET", &path, &[("cookie", &alice)], b"").await.status, 404);
    let own =
        h1(world.gateway.address, "GET", "/api/log/self/export", &[("cookie", &alice)], b"").await.text();
    assert!(!own.contains(&ids[0]), "{own}");

    let found = world.api("GET", &format!("/api/log/search?keyword={}", ids[2]), None).await.json();
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{found}");
    let found = world.api("GET", "/api/log/search?keyword=2", None).await.json();
    assert_eq!(found["data"].as_array().map(Vec::len), Some(3));

    let csv = world.api("GET", "/api/log/export?type=2", None).await.text();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.starts_with("id,created_at,") && ids.iter().all(|id| csv.contains(id.as_str())));
    let lines = world.api("GET", "/api/log/export?type=2&format=jsonl&username=customer", None).await.text();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        rows.iter().filter_map(|row| row["request_id"].as_str()).collect::<Vec<_>>(),
        [&ids[2], &ids[1], &ids[0]]
    );
    let path = format!("/api/log/export?format=jsonl&keyword={}", ids[1]);
    let found = world.api("GET", &path, None).await.text();
    assert!(
        found.lines().count() == 1 && found.contains(&ids[1]),
        "an export searches as the list does: {found}"
    );
    assert_eq!(world.api("GET", "/api/log/export?format=pdf", None).await.status, 422);
    world.verify();
}

#[tokio::test]
async fn old_rows_go_when_the_option_says_so() {
    let vendor = good(Proto::H1);
    let config = format!("{}{}", channel("a", &vendor, ""), customer(1.0));
    let mut world = World::new(config);
    assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
    world.logs(1).await;
    let option = serde_json::json!({ "key": "LogRetentionDays", "value": "30" });
    assert_eq!(world.api("PUT", "/api/option/", Some(option)).await.status, 200);
    world.restart();
    assert_eq!(world.logs(1).await.len(), 1, "young rows stay");
    world.gateway.kill();
    let file = Database {
        dsn: format!("sqlite:{}", world.dir.path().join("data/magic.db").display()),
        engine: Engine::Sqlite,
        dir: tempfile::tempdir().unwrap(),
    };
    let month = 31 * 86_400;
    sql(&file, &format!("UPDATE magic_logs SET created_at = created_at - {month} WHERE type = 2")).await;
    sql(&file, &format!("UPDATE magic_ledger_events SET at_ms = at_ms - {month}000")).await;
    world.restart();
    let end = Instant::now() + Duration::from_secs(20);
    while !world.api("GET", "/api/log/?type=2", None).await.json()["data"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.verify();
}
