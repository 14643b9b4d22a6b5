//! Channels with several keys, each with a state of its own.

use crate::harness::{CUSTOMER_KEY, MODEL, World, answer, channel, customer, good, request};
use magic_testkit::db::{ENGINES, database};
use magic_testkit::vendor::{Proto, Script, Vendor};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEYS: [&str; 3] = ["sk-vendor-key-aaaa", "sk-vendor-key-bbbb", "sk-vendor-key-cccc"];
const OPTIONS: &str =
    "[options]\nAutomaticDisableChannelEnabled = true\nAutomaticEnableChannelEnabled = true\n";
const PRICE: &str = "[[models]]\nname = \"gpt-4o-mini\"\nper_request = 0.01\n";

/// A vendor that refuses some keys, and what it has been asked with.
struct Fussy {
    vendor: Vendor,
    refused: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Fussy {
    fn start(refusal: impl Fn() -> Script + Send + Sync + 'static) -> Fussy {
        let refused: Arc<Mutex<BTreeSet<&'static str>>> = Arc::default();
        let ask = refused.clone();
        let vendor = Vendor::start(Proto::H1, move |seen| {
            let key = seen.headers["authorization"].clone();
            match ask.lock().iter().any(|bad| key.ends_with(bad)) {
                true => refusal(),
                false => answer("hello", 10, 5),
            }
        });
        Fussy { vendor, refused }
    }

    fn asked(&self) -> Vec<String> {
        let tail = |key: &str| key[key.len() - 4..].to_owned();
        self.vendor.seen().iter().map(|seen| tail(&seen.headers["authorization"])).collect()
    }
}

fn unauthorised() -> Script {
    Script::json(
        401,
        json!({ "error": { "message": "m", "type": "t", "code": "invalid_api_key" } }).to_string(),
    )
}

async fn make(world: &World, vendor: &Vendor, more: Value) -> i64 {
    let mut body = json!({ "type": 8, "name": "m", "models": MODEL, "base_url": vendor.base_url() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = world.api("POST", "/api/channel/", Some(body)).await;
    assert_eq!(made.status, 200, "{}", made.text());
    made.json()["data"]["ids"][0].as_i64().unwrap()
}

async fn keys(world: &World, id: i64) -> Vec<Value> {
    let listed = world.api("GET", &format!("/api/channel/{id}/keys"), None).await;
    assert!(KEYS.iter().all(|key| !listed.text().contains(key)), "keys are never read back");
    listed.json()["data"].as_array().unwrap().clone()
}

fn statuses(keys: &[Value]) -> Vec<i64> {
    keys.iter().map(|key| key["status"].as_i64().unwrap()).collect()
}

async fn status(world: &World, id: i64) -> i64 {
    world.api("GET", &format!("/api/channel/{id}"), None).await.json()["data"]["status"].as_i64().unwrap()
}

/// Looks until the keys have these statuses.
async fn until(world: &World, id: i64, wanted: &[i64]) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let now = keys(world, id).await;
        if statuses(&now) == wanted {
            return now;
        }
        assert!(Instant::now() < end, "{now:?} instead of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_refused_key_is_disabled_alone_and_the_channel_with_the_last() {
    for engine in ENGINES {
        let database = database(*engine);
        let fussy = Fussy::start(unauthorised);
        let config = [OPTIONS, PRICE, &customer(1.0)].concat();
        let mut world = World::with(config, false, vec![("SQL_DSN", database.dsn.clone())]);
        let id = make(&world, &fussy.vendor, json!({ "multi_key": true, "key": KEYS.join("\n") })).await;
        let call = async |world: &World| world.chat_as(CUSTOMER_KEY, &request(false)).await.status;
        for _ in 0..6 {
            assert_eq!(call(&world).await, 200);
        }
        let mut asked = fussy.asked();
        asked.sort();
        assert_eq!(asked, ["aaaa", "aaaa", "bbbb", "bbbb", "cccc", "cccc"], "{engine:?}: in turn");
        world.logs(6).await;
        let used: Vec<Value> = keys(&world, id).await.iter().map(|key| key["used_quota"].clone()).collect();
        assert_eq!(used, [10_000, 10_000, 10_000], "{engine:?}");

        fussy.refused.lock().insert("aaaa");
        for _ in 0..3 {
            assert_eq!(call(&world).await, 200, "{engine:?}: another key of the same channel is tried");
        }
        let now = until(&world, id, &[3, 1, 1]).await;
        assert_eq!(
            (&now[0]["tail"], &now[0]["reason"]),
            (&json!("aaaa"), &json!("the vendor refuses its key"))
        );
        assert!(now[0]["changed_time"].as_i64().unwrap() > 0);
        assert_eq!(status(&world, id).await, 1);

        world.restart();
        assert_eq!(call(&world).await, 200, "{engine:?}: the others open again");
        assert_eq!(statuses(&keys(&world, id).await), [3, 1, 1]);
        fussy.refused.lock().extend(["bbbb", "cccc"]);
        while call(&world).await == 200 {}
        until(&world, id, &[3, 3, 3]).await;
        assert_eq!(status(&world, id).await, 3, "{engine:?}: with its last key");

        // A person brings one back, and the channel with it.
        fussy.refused.lock().clear();
        let second = keys(&world, id).await[1]["id"].as_i64().unwrap();
        let path = format!("/api/channel/{id}/keys/{second}");
        assert_eq!(world.api("PUT", &path, Some(json!({ "status": 1 }))).await.status, 200);
        assert_eq!((status(&world, id).await, call(&world).await), (1, 200), "{engine:?}");
        // What was disabled automatically comes back with a test it passes; one that a person disabled does not.
        assert_eq!(world.api("PUT", &path, Some(json!({ "status": 2 }))).await.status, 200);
        assert_eq!(status(&world, id).await, 3);
        world.api("GET", &format!("/api/channel/test/{id}"), None).await;
        assert_eq!(statuses(&keys(&world, id).await), [1, 2, 3], "{engine:?}");
        assert_eq!((status(&world, id).await, call(&world).await), (1, 200), "{engine:?}");
        world.verify();
    }
}

#[tokio::test]
async fn a_limited_key_rests_and_the_others_go_on() {
    let fussy = Fussy::start(|| Script::Whole {
        status: 429,
        headers: vec![("content-type", "application/json".into()), ("retry-after", "60".into())],
        body: json!({ "error": { "message": "m", "code": "rate_limit_exceeded" } }).to_string().into(),
    });
    let world = World::new("");
    let id = make(&world, &fussy.vendor, json!({ "keys": KEYS })).await;
    fussy.refused.lock().insert("bbbb");
    for _ in 0..9 {
        assert_eq!(world.chat(&request(false)).await.status, 200);
    }
    let asked = fussy.asked();
    assert_eq!(asked.iter().filter(|tail| *tail == "bbbb").count(), 1, "{asked:?}");
    let now = keys(&world, id).await;
    assert_eq!(statuses(&now), [1, 1, 1]);
    assert_eq!(now[1]["health"], json!({ "state": "resting", "reason": "rate limited by the vendor" }));
    assert_eq!(now[0]["health"]["state"], "ready");
    assert_eq!(
        world.api("GET", &format!("/api/channel/{id}"), None).await.json()["data"]["health"]["state"],
        "ready"
    );
    fussy.refused.lock().extend(["aaaa", "cccc"]);
    let refused = world.chat(&request(false)).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"), "{}", refused.text());
}

#[tokio::test]
async fn keys_are_added_and_deleted_and_belong_to_their_host() {
    let (first, second) = (good(Proto::H1), good(Proto::H1));
    let world = World::new("");
    let lines = world
        .api(
            "POST",
            "/api/channel/",
            Some(
                json!({ "type": 8, "name": "l", "models": "x", "base_url": first.base_url(), "key": "a\nb" }),
            ),
        )
        .await;
    assert_eq!(
        lines.json()["data"]["ids"].as_array().unwrap().len(),
        2,
        "one channel for each line, as ever"
    );

    let id = make(&world, &first, json!({ "key": KEYS[0] })).await;
    assert!(keys(&world, id).await.is_empty());
    let path = format!("/api/channel/{id}/keys");
    assert_eq!(world.api("POST", &path, Some(json!({ "keys": [KEYS[1]] }))).await.status, 200);
    let both = keys(&world, id).await;
    assert_eq!((&both[0]["tail"], &both[1]["tail"]), (&json!("aaaa"), &json!("bbbb")));
    let set = json!({ "id": id, "key": "sk-another" });
    assert_eq!(world.api("PUT", "/api/channel/", Some(set)).await.status, 409);
    for body in [json!({}), json!({ "keys": "x" }), json!({ "keys": [1] })] {
        assert_eq!(world.api("POST", &path, Some(body.clone())).await.status, 400, "{body}");
    }
    assert_eq!(world.api("POST", &path, Some(json!({ "keys": ["k", "k"] }))).await.status, 422);
    for _ in 0..2 {
        assert_eq!(world.chat(&request(false)).await.status, 200);
    }
    // A copy has the keys too, and another name leaves them as they are.
    let copy = world.api("POST", &format!("/api/channel/{id}/copy"), None).await.json()["data"]["id"]
        .as_i64()
        .unwrap();
    assert_eq!(statuses(&keys(&world, copy).await), [1, 1]);
    assert_eq!(world.api("PUT", "/api/channel/", Some(json!({ "id": id, "name": "n" }))).await.status, 200);
    let of = |key: &Value| format!("{path}/{}", key["id"]);
    assert_eq!(world.api("DELETE", &of(&both[0]), None).await.status, 200);
    assert_eq!(world.api("DELETE", &of(&both[0]), None).await.status, 404);
    assert_eq!(world.api("DELETE", &of(&both[1]), None).await.status, 422, "the last one stays");
    assert_eq!(world.api("PUT", &of(&both[1]), Some(json!({ "status": 3 }))).await.status, 422);
    let moved = json!({ "id": id, "base_url": second.base_url() });
    assert_eq!(world.api("PUT", "/api/channel/", Some(moved)).await.status, 200);
    assert!(keys(&world, id).await.is_empty(), "keys don't go to another host");
    let seen: Vec<_> = first.seen().into_iter().filter(|seen| seen.path.ends_with("/completions")).collect();
    assert!(seen.iter().all(|seen| seen.headers.contains_key("authorization")), "{seen:?}");
    let used: BTreeSet<&str> = seen.iter().map(|seen| seen.headers["authorization"].as_str()).collect();
    assert_eq!(used, BTreeSet::from(["Bearer sk-vendor-key-aaaa", "Bearer sk-vendor-key-bbbb"]));
}

#[tokio::test]
async fn the_file_declares_keys_and_is_written_with_them() {
    let vendor = good(Proto::H1);
    let one = "key = \"sk-vendor-key-0123456789\"";
    let several = format!("keys = [{}]", KEYS.map(|key| format!("\"{key}\"")).join(", "));
    let mut world = World::new(channel("a", &vendor, "").replace(one, &several));
    for _ in 0..3 {
        assert_eq!(world.chat(&request(false)).await.status, 200);
    }
    let used: BTreeSet<String> =
        vendor.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(used.len(), 3);
    let id = world.api("GET", "/api/channel/", None).await.json()["data"][0]["id"].as_i64().unwrap();
    let before = keys(&world, id).await;
    let path = format!("/api/channel/{id}/keys/{}", before[0]["id"]);
    assert_eq!(world.api("PUT", &path, Some(json!({ "status": 2 }))).await.status, 409);
    world.restart();
    assert_eq!(keys(&world, id).await, before, "what stays in the file keeps its state");
    let (code, out, _) =
        magic_testkit::process::run(env!("CARGO_BIN_EXE_magic"), world.dir.path(), &["export"], &[]);
    assert_eq!(code, 0);
    assert!(out.contains("keys = ["), "{out}");
    assert!(KEYS.iter().all(|key| !out.contains(key)));
}
