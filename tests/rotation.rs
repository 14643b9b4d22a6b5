//! A token gets another key while the old one still works.

use crate::harness::{World, channel, good, request};
use magic_testkit::db::{ENGINES, Engine, database};
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn make(world: &World) -> (i64, String) {
    let made = world.api("POST", "/api/token/", Some(json!({ "name": "t", "unlimited_quota": true }))).await;
    let data = made.json()["data"].clone();
    (data["id"].as_i64().unwrap(), data["key"].as_str().unwrap().to_owned())
}

async fn rotate(world: &World, id: i64, overlap: i64) -> Value {
    let path = format!("/api/token/{id}/rotate");
    let answer = world.api("POST", &path, Some(json!({ "overlap_seconds": overlap }))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

fn key(data: &Value) -> String {
    data["key"].as_str().unwrap().to_owned()
}

/// Asks until the answer has that status.
async fn until(world: &World, key: &str, status: u16) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = world.chat_as(key, &request(false)).await;
        if answer.status == status {
            return;
        }
        assert!(Instant::now() < end, "{} instead of {status}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_old_key_works_until_its_time_is_over() {
    for engine in ENGINES {
        let database = database(*engine);
        let vendor = good(Proto::H1);
        let world = World::with(channel("a", &vendor, ""), false, vec![("SQL_DSN", database.dsn.clone())]);
        let status = |key: String| async { world.chat_as(&{ key }, &request(false)).await.status };
        let (id, first) = make(&world).await;
        let rotated = rotate(&world, id, 3600).await;
        let second = key(&rotated);
        assert_eq!(rotated["old_key"]["tail"].as_str().unwrap(), &first[first.len() - 4..]);
        assert_eq!((status(first.clone()).await, status(second.clone()).await), (200, 200), "{engine:?}");
        // The billing pages of a client know the old key as well.
        let bill = |key: String| {
            let address = world.gateway.address;
            async move {
                let bearer = format!("Bearer {key}");
                let path = "/v1/dashboard/billing/subscription";
                magic_testkit::client::h1(address, "GET", path, &[("authorization", &bearer)], b"")
                    .await
                    .status
            }
        };
        assert_eq!((bill(first.clone()).await, bill(second.clone()).await), (200, 200));
        let listed = world.api("GET", "/api/token/", None).await;
        assert!(!listed.text().contains(&second[3..]));
        assert!(listed.json()["data"][0]["old_key"]["until"].as_i64().unwrap() > 0);

        let third = key(&rotate(&world, id, 3600).await);
        let all = (status(first.clone()).await, status(second.clone()).await, status(third.clone()).await);
        assert_eq!(all, (401, 200, 200), "{engine:?}: a second rotation ends the first's overlap");
        assert_eq!(bill(first).await, 401);

        let fourth = key(&rotate(&world, id, 0).await);
        assert_eq!((status(third.clone()).await, status(fourth.clone()).await), (401, 200));
        rotate(&world, id, 1).await;
        until(&world, &fourth, 401).await;
        let one = world.api("GET", &format!("/api/token/{id}"), None).await.json();
        assert_eq!((&one["data"]["old_key"], &one["data"]["id"]), (&Value::Null, &json!(id)));
        let rows = world.logs(5).await;
        assert!(rows.iter().all(|row| row["token_name"] == "t"), "the same token to the log");
        world.verify();
    }
}

#[tokio::test]
async fn other_nodes_know_both_keys() {
    let database = database(Engine::MySql);
    let vendor = good(Proto::H1);
    let env =
        vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of both nodes".to_owned())];
    let one = World::with(channel("a", &vendor, ""), false, env.clone());
    let other = World::with(channel("a", &vendor, ""), false, env);
    let (id, first) = make(&one).await;
    until(&other, &first, 200).await;
    let second = key(&rotate(&one, id, 3600).await);
    until(&other, &second, 200).await;
    assert_eq!(other.chat_as(&first, &request(false)).await.status, 200);
    let third = key(&rotate(&one, id, 0).await);
    until(&other, &third, 200).await;
    for dead in [first, second] {
        assert_eq!(other.chat_as(&dead, &request(false)).await.status, 401);
    }
}

#[tokio::test]
async fn only_the_owner_rotates_and_only_within_reason() {
    let config =
        "[[users]]\nname = \"u\"\n[[tokens]]\nname = \"f\"\nuser = \"root\"\nkey = \"sk-fromthefile123\"\n";
    let world = World::new(config);
    let (id, _) = make(&world).await;
    let tokens = world.api("GET", "/api/token/", None).await.json()["data"].clone();
    let of_file =
        tokens.as_array().unwrap().iter().find(|token| token["owner"] == "file").unwrap()["id"].clone();
    for (id, body, status) in [
        (json!(id), json!({ "overlap_seconds": -1 }), 422),
        (json!(id), json!({ "overlap_seconds": 604_801 }), 422),
        (json!(id), json!({ "overlap_seconds": "x" }), 400),
        (json!(999), json!({}), 404),
        (of_file, json!({}), 409),
    ] {
        let answer = world.api("POST", &format!("/api/token/{id}/rotate"), Some(body.clone())).await;
        assert_eq!(answer.status, status, "{id} {body}: {}", answer.text());
    }
    let (id, first) = make(&world).await;
    let answer = world.api("POST", &format!("/api/token/{id}/rotate"), None).await;
    assert_eq!(answer.json()["data"]["old_key"], Value::Null);
    assert_eq!(world.chat_as(&first, &request(false)).await.status, 401);
}
