//! Keeping many channels: tests and balances in rounds, vendors' lists of models, copies, changes of many.

use crate::harness::{MODEL, World, answer};
use magic_testkit::smtp::MailServer;
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A vendor of OpenAI's kind with a balance, a list of models, and keys that have been revoked.
fn vendor() -> Vendor {
    Vendor::start(Proto::H1, |seen| {
        let key = seen.headers.get("authorization").cloned().unwrap_or_default();
        let path = seen.path.split('?').next().unwrap_or_default().to_owned();
        match path.as_str() {
            "/v1/dashboard/billing/subscription" => {
                Script::json(200, json!({ "hard_limit_usd": 120.0, "has_payment_method": true }).to_string())
            }
            "/v1/dashboard/billing/usage" => Script::json(200, json!({ "total_usage": 2050.0 }).to_string()),
            "/v1/models" => {
                Script::json(200, json!({ "data": [{ "id": "new-model" }, { "id": MODEL }] }).to_string())
            }
            _ if key.ends_with("dead") => {
                let error =
                    json!({ "error": { "message": "revoked", "type": "x", "code": "invalid_api_key" } });
                Script::json(401, error.to_string())
            }
            _ => answer("hello", 10, 5),
        }
    })
}

async fn make(world: &World, vendor: &Vendor, name: &str, key: &str, more: Value) -> i64 {
    let mut new = json!({
        "type": 8, "name": name, "key": key, "models": format!("{MODEL},old-model"), "base_url": vendor.base_url(),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        new[key] = value.clone();
    }
    let made = world.api("POST", "/api/channel/", Some(new)).await.json();
    made["data"]["ids"][0].as_i64().unwrap()
}

async fn channel(world: &World, id: i64) -> Value {
    world.api("GET", &format!("/api/channel/{id}"), None).await.json()["data"].clone()
}

/// Waits until a channel is as wanted.
async fn until(world: &World, id: i64, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let now = channel(world, id).await;
        if wanted(&now) {
            return now;
        }
        assert!(Instant::now() < end, "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn option(world: &World, key: &str, value: &str) {
    let body = json!({ "key": key, "value": value });
    assert_eq!(world.api("PUT", "/api/option/", Some(body)).await.status, 200);
}

#[tokio::test]
async fn a_round_of_tests_disables_the_dead_and_enables_the_recovered() {
    let vendor = vendor();
    let world = World::new("");
    for key in ["AutomaticDisableChannelEnabled", "AutomaticEnableChannelEnabled"] {
        option(&world, key, "true").await;
    }
    let good = make(&world, &vendor, "good", "sk-good", json!({})).await;
    let dead = make(&world, &vendor, "dead", "sk-dead", json!({})).await;
    let mine = make(&world, &vendor, "mine", "sk-good", json!({ "status": 2 })).await;
    assert_eq!(world.api("GET", "/api/channel/test?scope=some", None).await.status, 422);
    assert_eq!(world.api("GET", "/api/channel/test?scope=all", None).await.status, 200);
    let row = until(&world, dead, |row| row["status"] == 3).await;
    assert!(row["disabled_reason"].as_str().is_some_and(|why| !why.is_empty()), "{row}");
    until(&world, mine, |row| row["test_time"].as_i64() > Some(0)).await;
    let row = until(&world, good, |row| row["response_time"].as_i64() > Some(0)).await;
    assert_eq!(row["status"], 1);
    assert_eq!(channel(&world, mine).await["status"], 2, "what a person disabled stays so");
    let cure = json!({ "id": dead, "key": "sk-good" });
    assert_eq!(world.api("PUT", "/api/channel/", Some(cure)).await.status, 200);
    let end = Instant::now() + Duration::from_secs(20);
    while world.api("GET", "/api/channel/test?scope=disabled", None).await.status == 409 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until(&world, dead, |row| row["status"] == 1).await;
    let tests = world.api("GET", "/api/log/?type=5", None).await.json();
    assert!(tests["data"].as_array().unwrap().len() >= 4, "{tests}");
    world.verify();
}

#[tokio::test]
async fn balances_and_models_are_asked_for() {
    let vendor = vendor();
    let world = World::new("");
    let id = make(&world, &vendor, "a", "sk-a", json!({ "model_mapping": { "alias": "new-model-2" } })).await;
    let told = world.api("GET", &format!("/api/channel/update_balance/{id}"), None).await.json();
    assert_eq!((&told["success"], &told["balance"]), (&json!(true), &json!(99.5)), "{told}");
    assert_eq!(channel(&world, id).await["balance"], 99.5);
    assert_eq!(world.api("GET", "/api/channel/update_balance", None).await.status, 200);
    let other = make(&world, &vendor, "b", "sk-a", json!({ "type": 14 })).await;
    assert_eq!(world.api("GET", &format!("/api/channel/update_balance/{other}"), None).await.status, 502);
    let diff =
        world.api("GET", &format!("/api/channel/{id}/vendor_models"), None).await.json()["data"].clone();
    assert_eq!(diff["added"], json!(["new-model"]), "{diff}");
    assert_eq!(diff["removed"], json!(["new-model-2", "old-model"]));
    let asked = vendor.seen();
    assert!(asked.iter().all(|seen| seen.headers["authorization"] == "Bearer sk-a"), "the channel's own key");
    world.verify();
}

#[tokio::test]
async fn many_are_changed_at_once_and_copied_with_their_keys() {
    let vendor = vendor();
    let world = World::new("");
    let mut ids = Vec::new();
    for n in 0..3 {
        let tag = if n < 2 { "eu" } else { "us" };
        ids.push(
            make(&world, &vendor, &format!("c{n}"), "sk-good", json!({ "tags": tag, "proxy": "" })).await,
        );
    }
    let batch = async |body: Value| world.api("POST", "/api/channel/batch", Some(body)).await;
    assert_eq!(batch(json!({ "set": { "priority": 1 } })).await.status, 400);
    assert_eq!(batch(json!({ "tag": "eu", "set": { "base_url": "http://elsewhere" } })).await.status, 422);
    assert_eq!(batch(json!({ "tag": "eu", "set": { "priority": "high" } })).await.status, 400);
    assert_eq!(batch(json!({ "tag": "none", "set": { "priority": 1 } })).await.status, 404);
    let done = batch(json!({ "tag": "eu", "set": { "priority": 7, "status": 2 } })).await.json();
    assert_eq!(done["data"]["ids"].as_array().unwrap().len(), 2, "{done}");
    assert_eq!(
        (
            channel(&world, ids[0]).await["priority"].clone(),
            channel(&world, ids[2]).await["priority"].clone()
        ),
        (json!(7), json!(0))
    );
    let path = format!("/api/channel/{}/copy", ids[2]);
    let copied = world.api("POST", &path, Some(json!({ "name": "twin" }))).await.json()["data"].clone();
    assert_eq!((&copied["name"], &copied["status"]), (&json!("twin"), &json!(2)), "{copied}");
    let twin = copied["id"].as_i64().unwrap();
    assert!(twin != ids[2]);
    let tested = world.api("GET", &format!("/api/channel/test/{twin}"), None).await.json();
    assert_eq!(tested["success"], true, "the copy has the key: {tested}");
    let gone = batch(json!({ "ids": [ids[0], twin], "delete": true })).await.json();
    assert_eq!(gone["data"]["ids"].as_array().unwrap().len(), 2, "{gone}");
    assert_eq!(world.api("GET", &format!("/api/channel/{twin}"), None).await.status, 404);
    world.verify();
}

#[tokio::test]
async fn root_is_told_by_the_pusher_or_else_by_mail() {
    let vendor = vendor();
    let pusher = Vendor::start(Proto::H1, |_| Script::json(200, r#"{"success":true,"message":""}"#));
    let mail = MailServer::start(false);
    let world = World::new("");
    for (key, value) in [
        ("AutomaticDisableChannelEnabled", "true"),
        ("MessagePusherAddress", &format!("{}/push/root", pusher.base_url())),
        ("MessagePusherToken", "pusher-token"),
        ("SMTPServer", "localhost"),
        ("SMTPPort", &mail.address.port().to_string()),
        ("SMTPFrom", "noreply@example.com"),
    ] {
        option(&world, key, value).await;
    }
    let root = json!({ "id": 1, "email": "root@example.com" });
    assert_eq!(world.api("PUT", "/api/user/", Some(root)).await.status, 200);
    let first = make(&world, &vendor, "first", "sk-dead", json!({})).await;
    assert_eq!(world.api("GET", "/api/channel/test", None).await.status, 200);
    until(&world, first, |row| row["status"] == 3).await;
    let end = Instant::now() + Duration::from_secs(20);
    while pusher.hits() == 0 {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = pusher.seen()[0].json();
    assert_eq!(told["token"], "pusher-token");
    assert!(told["title"].as_str().unwrap().contains("first"), "{told}");
    option(&world, "MessagePusherAddress", "").await;
    let second = make(&world, &vendor, "second", "sk-dead", json!({})).await;
    while world.api("GET", "/api/channel/test", None).await.status == 409 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until(&world, second, |row| row["status"] == 3).await;
    let letter = mail.take("root@example.com").await;
    assert!(letter.text().contains("second"), "{}", letter.text());
    world.verify();
}
