//! The management API through the public port.

use crate::harness::{MODEL, World, channel, good, request};
use magic_testkit::client::h1;
use magic_testkit::process::{ROOT_KEY, ROOT_PASSWORD};
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};
use std::time::Instant;

#[tokio::test]
async fn no_route_answers_without_its_role() {
    let world = World::new("");
    let new = json!({ "username": "alice", "password": "password 1" });
    assert_eq!(world.api("POST", "/api/user/", Some(new)).await.status, 200);
    let login = json!({ "username": "alice", "password": "password 1" }).to_string();
    let answer = h1(world.gateway.address, "POST", "/api/user/login", &[], login.as_bytes()).await;
    let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
    for (method, path, role) in magic_admin::routes() {
        let path = path.replace("{id}", "1").replace("{key}", "1");
        if role == "public" {
            continue;
        }
        for path in [path.clone(), format!("{path}/")] {
            let answer = h1(world.gateway.address, method, &path, &[], b"").await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
            let told = answer.json();
            assert!(told["success"] == false || told["error"]["type"] == "magic_error", "{told}");
            for bad in ["Bearer ", "Bearer x", "sk-x", "Bearer eyJhbGciOiJub25lIn0.e30."] {
                let answer = h1(world.gateway.address, method, &path, &[("authorization", bad)], b"").await;
                assert_eq!(answer.status, 401, "{method} {path} {bad}");
            }
        }
        if matches!(role, "admin" | "root") {
            let answer = h1(world.gateway.address, method, &path, &[("cookie", &cookie)], b"").await;
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_first_password_opens_only_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let mut setup = magic_testkit::process::Setup {
        binary: env!("CARGO_BIN_EXE_magic"),
        dir: dir.path(),
        config: String::new(),
        tls: false,
        listeners: String::new(),
        env: vec![("INITIAL_ROOT_PASSWORD", String::new())],
    };
    setup.env.push(("INITIAL_ROOT_TOKEN", String::new()));
    let gateway = magic_testkit::process::Gateway::start(&setup);
    let login = async |password: &str| {
        let body = json!({ "username": "root", "password": password }).to_string();
        h1(gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await
    };
    let answer = login("123456").await;
    assert_eq!(answer.json()["data"]["must_change_password"], true);
    let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let get = async |cookie: &str| {
        h1(gateway.address, "GET", "/api/channel/", &[("cookie", cookie)], b"").await.status
    };
    assert_eq!(get(&cookie).await, 403);
    let body = json!({ "password": "a better one" }).to_string();
    let answer = h1(gateway.address, "PUT", "/api/user/self", &[("cookie", &cookie)], body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(get(&cookie).await, 401, "the old session is dead");
    let fresh = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
    assert_eq!(get(&fresh).await, 200);
    assert_eq!(login("123456").await.status, 401);
    assert_eq!(login("a better one").await.status, 200);
}

#[tokio::test]
async fn a_change_is_live_when_it_is_answered() {
    let vendor = good(Proto::H1);
    let world = World::new("");
    let cookie = world.cookie().await;
    let api = async |method: &str, path: &str, body: Value| {
        h1(world.gateway.address, method, path, &[("cookie", &cookie)], body.to_string().as_bytes()).await
    };
    assert_eq!(world.chat(&request(false)).await.status, 404);
    let body = json!({ "type": 8, "name": "m", "key": "sk-a\nsk-b\n", "models": MODEL, "base_url": vendor.base_url(), "group": "default,vip" });
    let started = Instant::now();
    let made = api("POST", "/api/channel/", body).await;
    let took = started.elapsed();
    assert_eq!(made.json()["data"]["ids"].as_array().unwrap().len(), 2, "{}", made.text());
    assert!(took.as_millis() < 1000, "{took:?}");
    assert_eq!(world.chat(&request(false)).await.status, 200);
    let ids: Vec<i64> =
        made.json()["data"]["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
    for id in &ids {
        assert_eq!(api("PUT", "/api/channel/", json!({ "id": id, "status": 2 })).await.status, 200);
    }
    assert_eq!(world.chat(&request(false)).await.status, 503);
    let tested = h1(
        world.gateway.address,
        "GET",
        &format!("/api/channel/test/{}", ids[0]),
        &[("cookie", &cookie)],
        b"",
    )
    .await;
    assert_eq!(tested.json()["message"], "hello", "{}", tested.text());
    let rows = api("GET", "/api/channel/", Value::Null).await.json();
    let text = rows.to_string();
    assert!(!text.contains("sk-a") && !text.contains("sk-b"));
    assert_eq!(api("DELETE", "/api/channel/disabled", Value::Null).await.json()["data"], 2);
    assert_eq!(world.chat(&request(false)).await.status, 404);
}

#[tokio::test]
async fn tokens_live_and_die_at_once() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let cookie = world.cookie().await;
    let api = async |method: &str, path: &str, body: Value| {
        h1(world.gateway.address, method, path, &[("cookie", &cookie)], body.to_string().as_bytes()).await
    };
    let made =
        api("POST", "/api/token/", json!({ "name": "ci", "unlimited_quota": true, "expired_time": -1 }))
            .await
            .json();
    let (id, key) = (made["data"]["id"].as_i64().unwrap(), made["data"]["key"].as_str().unwrap().to_owned());
    assert_eq!(key.len(), 51);
    assert_eq!(world.chat_as(&key, &request(false)).await.status, 200);
    let listed = api("GET", "/api/token/", Value::Null).await.text();
    assert!(!listed.contains(&key[3..]) && listed.contains('\u{2026}'));
    for (change, status, code) in [
        (json!({ "id": id, "status": 2 }), 401, "token_disabled"),
        (json!({ "id": id, "status": 1, "expired_time": -1, "models": "other" }), 403, "model_not_allowed"),
        (json!({ "id": id, "models": "", "subnet": "10.0.0.0/8" }), 403, "ip_not_allowed"),
        (json!({ "id": id, "subnet": "", "expired_time": 1000 }), 401, "token_expired"),
        (json!({ "id": id, "expired_time": -1, "limits": { "rpm": 1 } }), 200, ""),
        (json!({ "id": id }), 429, "rate_limit_exceeded"),
    ] {
        let changed = api("PUT", "/api/token/", change.clone()).await;
        assert_eq!(changed.status, 200, "{change}: {}", changed.text());
        let answer = world.chat_as(&key, &request(false)).await;
        assert_eq!(answer.status, status, "{change}: {}", answer.text());
        if status != 200 {
            assert_eq!(answer.code(), code);
        }
        if status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
        }
    }
    assert_eq!(api("DELETE", &format!("/api/token/{id}/"), Value::Null).await.status, 200);
    assert_eq!(world.chat_as(&key, &request(false)).await.code(), "invalid_api_key");
    assert_eq!(api("POST", "/api/token/", json!({ "subnet": "1.2.3.4" })).await.status, 422);
}

#[tokio::test]
async fn bans_and_balances_bite_at_once() {
    let vendor = good(Proto::H1);
    let world = World::new([channel("a", &vendor, ""), crate::harness::customer(1.0)].concat());
    let key = crate::harness::CUSTOMER_KEY;
    assert_eq!(world.chat_as(key, &request(false)).await.status, 200);
    let user = world.api("GET", "/api/user/search?keyword=customer", None).await.json()["data"][0].clone();
    let id = user["id"].as_i64().unwrap();
    world.logs(1).await;
    assert_eq!(world.api("PUT", "/api/user/", Some(json!({ "id": id, "quota": 0 }))).await.status, 200);
    assert_eq!(world.chat_as(key, &request(false)).await.code(), "insufficient_user_quota");
    assert_eq!(
        world.api("POST", "/api/topup", Some(json!({ "user_id": id, "quota": 500_000 }))).await.status,
        200
    );
    tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    assert_eq!(world.chat_as(key, &request(false)).await.status, 200);
    let manage = |action: &str| Some(json!({ "username": "customer", "action": action }));
    assert_eq!(world.api("POST", "/api/user/manage", manage("disable")).await.status, 200);
    assert_eq!(world.chat_as(key, &request(false)).await.code(), "user_banned");
    assert_eq!(world.api("POST", "/api/user/manage", manage("enable")).await.status, 200);
    assert_eq!(world.chat_as(key, &request(false)).await.status, 200);
    world.logs(3).await;
    world.verify();
}

#[tokio::test]
async fn access_tokens_work_for_machines() {
    let world = World::new("");
    let made = world.api("POST", "/api/user/token", None).await.json();
    let token = made["data"].as_str().unwrap().to_owned();
    for form in [token.clone(), format!("Bearer {token}")] {
        let answer =
            h1(world.gateway.address, "GET", "/api/user/self", &[("authorization", &form)], b"").await;
        assert_eq!(answer.json()["data"]["username"], "root");
        assert!(!answer.text().contains(&token));
    }
    let evil = [
        ("authorization", token.as_str()),
        ("x-magic-client", "10.0.0.1"),
        ("x-magic-edge", "x"),
        ("x-forwarded-for", "1.1.1.1"),
    ];
    assert_eq!(h1(world.gateway.address, "GET", "/api/user/self", &evil, b"").await.status, 200);
}

#[tokio::test]
async fn a_forged_request_of_another_site_changes_nothing() {
    let world = World::new("");
    let cookie = world.cookie().await;
    for origin in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let body = json!({ "key": "SystemName", "value": "x" }).to_string();
        let answer =
            h1(world.gateway.address, "PUT", "/api/option/", &[("cookie", &cookie), origin], body.as_bytes())
                .await;
        assert_eq!(answer.status, 403, "{origin:?}");
    }
}

#[tokio::test]
async fn a_file_is_read_again_and_a_bad_one_changes_nothing() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let file = world.dir.path().join("magic.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(MODEL, "gpt-4o")).unwrap();
    assert_eq!(world.api("POST", "/api/config/reload", None).await.status, 200);
    let mut other = request(false);
    other["model"] = "gpt-4o".into();
    assert_eq!((world.chat(&other).await.status, world.chat(&request(false)).await.status), (200, 404));
    std::fs::write(&file, format!("{text}\n[nonsense]\n")).unwrap();
    let answer = world.api("POST", "/api/config/reload", None).await;
    assert!(answer.status == 422 && answer.text().contains("nonsense"), "{}", answer.text());
    assert_eq!(world.chat(&other).await.status, 200);
    std::fs::write(&file, text).unwrap();
    world.gateway.signal("HUP");
    let until = Instant::now() + std::time::Duration::from_secs(10);
    while world.chat(&request(false)).await.status != 200 {
        assert!(Instant::now() < until);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let row = world.api("GET", "/api/channel/", None).await.json()["data"][0].clone();
    assert_eq!(row["owner"], "file");
    assert_eq!(
        world.api("PUT", "/api/channel/", Some(json!({ "id": row["id"], "status": 2 }))).await.status,
        409
    );
}

#[tokio::test]
async fn secrets_appear_nowhere() {
    let vendor = Vendor::start(Proto::H1, |_| {
        Script::json(401, r#"{"error":{"message":"Incorrect API key provided: sk-vendor-key-0123456789"}}"#)
    });
    let world = World::new(channel("a", &vendor, ""));
    let answer = world.chat(&request(false)).await;
    assert!(!answer.text().contains("sk-vendor"), "{}", answer.text());
    let logs = world.api("GET", "/api/log/", None).await.text();
    assert!(!logs.contains("sk-vendor") && !logs.contains(ROOT_KEY) && !logs.contains(ROOT_PASSWORD));
    for entry in std::fs::read_dir(world.dir.path().join("data"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_file())
    {
        let bytes = std::fs::read(entry.path()).unwrap();
        for secret in ["sk-vendor-key-0123456789", "roottoken0123456789", ROOT_PASSWORD] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{secret} in {:?}",
                entry.path()
            );
        }
    }
}
