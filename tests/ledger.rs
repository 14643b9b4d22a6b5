//! The ledger for root: everybody's movements, and the proof of the books on demand.

use crate::harness::{GOOD_COST_USD, good, request};
use crate::oneapi::House;
use magic_testkit::db::{ENGINES, Engine, locked};
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn rows(house: &House, query: &str) -> Vec<Value> {
    let told = house.get(&house.root, &format!("/api/ledger?{query}")).await;
    told.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_of_everybody() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        let alice = house.make_user("alice").await;
        let topup = json!({ "user_id": alice, "quota": 500_000, "remark": "paid in cash" });
        house.done(&house.root, "POST", "/api/topup", topup).await;
        let session = house.login("alice").await;
        let (_, key) = house.make_token(&session, json!({ "name": "t", "unlimited_quota": true })).await;
        let answer = house.world.chat_as(&key, &request(false)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let asked = answer.headers["x-request-id"].clone();
        house.world.logs(1).await;

        let all = rows(&house, "").await;
        let kinds: Vec<&str> = all.iter().map(|row| row["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds[..2], ["settle", "topup"], "{all:?}");
        assert_eq!(all[0]["amount_usd"], format!("-{GOOD_COST_USD}"), "{}", all[0]);
        assert_eq!((&all[0]["request_id"], &all[0]["username"]), (&json!(asked), &json!("alice")));
        assert!(all[0]["against"].as_str().unwrap().starts_with("revenue:"), "{}", all[0]);
        assert_eq!(
            (&all[1]["amount_usd"], &all[1]["against"]),
            (&json!("1.000000000"), &json!("adjustment"))
        );
        assert!(all[1]["note"].as_str().unwrap().contains("paid in cash"), "{}", all[1]);

        assert_eq!(rows(&house, &format!("user_id={alice}")).await, all[..2]);
        assert_eq!(rows(&house, "kind=topup").await, all[1..2]);
        assert_eq!(rows(&house, &format!("request_id={asked}")).await, all[..1]);
        assert_eq!(rows(&house, &format!("page_size=1&cursor={}", all[0]["id"])).await, all[1..2]);
        let root = house.root.clone();
        house.refused(&root, "GET", "/api/ledger?kind=theft", Value::Null, (422, "invalid")).await;
        house.refused(&session, "GET", "/api/ledger", Value::Null, (403, "forbidden")).await;

        let before = house.get(&root, "/api/ledger/verify").await;
        assert_eq!((&before["running"], &before["last"]), (&json!(false), &Value::Null));
        let proved = house.done(&root, "POST", "/api/ledger/verify", Value::Null).await;
        assert_eq!((&proved["last"]["ok"], &proved["running"]), (&json!(true), &json!(false)), "{proved}");
        assert_eq!(proved["last"]["checks"].as_array().unwrap().len(), 7);
        assert!(proved["last"]["ended_at"].as_i64().unwrap() > 1_700_000_000);
        assert_eq!(house.get(&root, "/api/ledger/verify").await, proved);
    }
}

/// A proof that takes long keeps others out, goes on when its caller leaves, and can be asked about.
#[tokio::test(flavor = "multi_thread")]
async fn one_proof_at_a_time() {
    for engine in [Engine::MySql, Engine::Postgres] {
        let house = House::with(engine, "").await;
        let root = house.root.clone();
        let lock = locked(&house.database, "magic_ledger_entries").await;
        let path = "/api/ledger/verify";
        // Its caller leaves at once.
        let left =
            tokio::time::timeout(Duration::from_millis(300), house.call(&root, "POST", path, Value::Null));
        assert!(left.await.is_err(), "it did not wait");
        house.refused(&root, "POST", path, Value::Null, (409, "conflict")).await;
        assert_eq!(house.get(&root, path).await["running"], true);
        drop(lock);
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let told = house.get(&root, path).await;
            if told["running"] == false {
                assert_eq!(told["last"]["ok"], true, "{told}");
                break;
            }
            assert!(Instant::now() < end, "{told}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        house.done(&root, "POST", path, Value::Null).await;
    }
}
