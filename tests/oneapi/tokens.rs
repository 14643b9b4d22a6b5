//! A user's own tokens, what they let through, and the billing addresses they may ask (oneapi.md §2.6 "Tokens", §3.3,
//! §3.13).

use super::{House, falls, has_keys};
use crate::harness::{MODEL, good, request};
use magic_testkit::db::ENGINES;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

const TOKEN: &[&str] = &[
    "id",
    "user_id",
    "key",
    "status",
    "name",
    "created_time",
    "accessed_time",
    "expired_time",
    "remain_quota",
    "unlimited_quota",
    "used_quota",
    "models",
    "subnet",
];

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_ones_own() {
    for engine in ENGINES {
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        house.make_user("alice").await;
        let alice = house.login("alice").await;
        let new = json!({ "name": "ci", "expired_time": -1, "remain_quota": 500_000, "unlimited_quota": false,
            "models": "gpt-4o,gpt-4o-mini", "subnet": "10.0.0.0/8,192.168.1.0/24" });
        let made = house.done(&alice, "POST", "/api/token/", new).await;
        has_keys(&made, TOKEN);
        let key = made["key"].as_str().unwrap().to_owned();
        assert!(key.len() == 51 && key.starts_with("sk-"), "shown whole, this once");
        let path = format!("/api/token/{}", made["id"]);
        for slash in ["", "/"] {
            let one = house.get(&alice, &format!("{path}{slash}")).await;
            assert_eq!(
                (&one["name"], &one["remain_quota"], &one["models"], &one["subnet"], &one["status"]),
                (
                    &json!("ci"),
                    &json!(500_000),
                    &json!("gpt-4o,gpt-4o-mini"),
                    &json!("10.0.0.0/8,192.168.1.0/24"),
                    &json!(1)
                )
            );
            assert!(!one.to_string().contains(&key[3..]));
        }
        // An administrator has no more to do with it than anybody.
        house.refused(&root, "GET", &path, Value::Null, (404, "not_found")).await;
        house.refused(&root, "DELETE", &path, Value::Null, (404, "not_found")).await;
        let change = json!({ "id": made["id"], "name": "mine" });
        house.refused(&root, "PUT", "/api/token/", change, (404, "not_found")).await;
        for wrong in [
            json!({ "name": "a name of thirty-one bytes, yes!" }),
            json!({ "name": "n", "subnet": "10.0.0.1" }),
            json!({ "name": "n", "remain_quota": -2 }),
        ] {
            house.refused(&alice, "POST", "/api/token/", wrong, (422, "invalid")).await;
        }
        // A zero for the expiry is what one-api's forms send for "never".
        let never =
            house.done(&alice, "POST", "/api/token/", json!({ "name": "never", "expired_time": 0 })).await;
        assert_eq!(never["expired_time"], -1);

        for (n, quota) in [(0, 300), (1, 100), (2, 200)] {
            house.make_token(&alice, json!({ "name": format!("n{n}"), "remain_quota": quota })).await;
        }
        house.make_token(&alice, json!({ "name": "endless", "unlimited_quota": true })).await;
        let rows = house.get(&alice, "/api/token/?order=remain_quota").await;
        let rest = rows.as_array().unwrap().iter().filter(|row| row["unlimited_quota"] == false).cloned();
        assert_eq!(rows[0]["unlimited_quota"], true, "unlimited ones first");
        assert!(falls(&Value::from_iter(rest), "remain_quota"), "{rows}");
        assert!(falls(&house.get(&alice, "/api/token/?order=used_quota").await, "used_quota"));
        assert!(falls(&house.get(&alice, "/api/token/").await, "id"));
        for n in 0..8 {
            house.make_token(&alice, json!({ "name": format!("many{n}") })).await;
        }
        assert_eq!(house.get(&alice, "/api/token/?p=1").await.as_array().map(Vec::len), Some(5));
        let found = house.get(&alice, "/api/token/search?keyword=many").await;
        assert_eq!(found.as_array().map(Vec::len), Some(8));
        assert_eq!(house.get(&alice, "/api/token/search?keyword=any").await, json!([]), "by the beginning");
        house.done(&alice, "DELETE", &format!("{path}/"), Value::Null).await;
        house.refused(&alice, "GET", &path, Value::Null, (404, "not_found")).await;
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_says_the_relay_does() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        let root = house.root.clone();
        let alice_id = house.make_user("alice").await;
        house.done(&root, "POST", "/api/topup", json!({ "user_id": alice_id, "quota": 500_000 })).await;
        let alice = house.login("alice").await;
        let (id, key) = house.make_token(&alice, json!({ "name": "t", "remain_quota": 500_000 })).await;
        let put = async |query: &str, change: Value| {
            let mut change = change;
            change["id"] = json!(id);
            house.call(&alice, "PUT", &format!("/api/token/{query}"), change).await
        };
        // With and without `sk-` and `Bearer`.
        house.billed_chat(&key).await;
        for form in [key[3..].to_owned(), format!("Bearer {}", &key[3..]), key.clone()] {
            let answer = house.call(&form, "POST", "/v1/chat/completions", request(false)).await;
            assert_eq!(answer.status, 200, "{form}: {}", answer.text());
            assert!(answer.headers.contains_key("x-oneapi-request-id"));
        }
        let row = house.get(&alice, &format!("/api/token/{id}")).await;
        assert!(
            row["used_quota"].as_i64() > Some(0) && row["remain_quota"].as_i64() < Some(500_000),
            "{row}"
        );

        // Only the state, whatever else the body says.
        let changed =
            put("?status_only=true", json!({ "status": 2, "name": "other" })).await.json()["data"].clone();
        assert_eq!((&changed["status"], &changed["name"]), (&json!(2), &json!("t")));
        assert_eq!(house.chat(&key).await, (401, "token_disabled".to_owned()));
        assert_eq!(put("?status_only=true", json!({ "status": 1 })).await.status, 200);
        for (change, refusal) in [
            (json!({ "expired_time": 1000 }), (401, "token_expired")),
            (json!({ "expired_time": -1, "remain_quota": 0 }), (403, "token_exhausted")),
            (json!({ "remain_quota": 500_000, "models": "gpt-4" }), (403, "model_not_allowed")),
            (json!({ "models": MODEL, "subnet": "10.0.0.0/8" }), (403, "ip_not_allowed")),
            (json!({ "subnet": "127.0.0.0/8" }), (200, "")),
        ] {
            assert_eq!(put("", change.clone()).await.status, 200, "{change}");
            assert_eq!(house.chat(&key).await, (refusal.0, refusal.1.to_owned()), "{change}");
        }
        // What has expired is not enabled before its expiry is set anew.
        assert_eq!(put("", json!({ "expired_time": 1000 })).await.json()["data"]["status"], 3);
        assert_eq!(put("?status_only=1", json!({ "status": 1 })).await.status, 422);
        assert_eq!(put("", json!({ "expired_time": -1, "status": 1 })).await.json()["data"]["status"], 1);
        // A channel's number behind the key: administrators only.
        assert_eq!(house.chat(&format!("{key}-1")).await, (403, "channel_not_allowed".to_owned()));
        assert_eq!(house.chat(&format!("{ROOT_KEY}-1")).await.0, 200);
        assert_eq!(house.chat("sk-nobody").await, (401, "invalid_api_key".to_owned()));
        let told = house.world.chat_as("sk-nobody", &request(false)).await;
        assert!(
            told.json()["error"]["message"].as_str().unwrap().contains("(request id: "),
            "{}",
            told.text()
        );
        house.done(&alice, "DELETE", &format!("/api/token/{id}"), Value::Null).await;
        assert_eq!(house.chat(&key).await, (401, "invalid_api_key".to_owned()));
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_billing_addresses_count_in_the_currency_of_the_options() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        let root = house.root.clone();
        let id = house.make_user("alice").await;
        house.done(&root, "POST", "/api/topup", json!({ "user_id": id, "quota": 1_000_000 })).await;
        let alice = house.login("alice").await;
        let new = json!({ "name": "t", "remain_quota": 250_000, "expired_time": 4_102_444_800_i64 });
        let (_, key) = house.make_token(&alice, new).await;
        let (_, endless) = house.make_token(&alice, json!({ "name": "e", "unlimited_quota": true })).await;
        house.billed_chat(&key).await;
        let ask = async |key: &str, what: &str| {
            house
                .call(&format!("Bearer {key}"), "GET", &format!("/v1/dashboard/billing/{what}"), Value::Null)
                .await
                .json()
        };
        let told = ask(&key, "subscription").await;
        assert_eq!(
            told,
            json!({ "object": "billing_subscription", "has_payment_method": true, "soft_limit_usd": 0.5,
                "hard_limit_usd": 0.5, "system_hard_limit_usd": 0.5, "access_until": 4_102_444_800_i64 })
        );
        let used = ask(&key, "usage?start_date=2024-01-01&end_date=2024-02-01").await;
        assert_eq!(used["object"], "list");
        assert!((used["total_usage"].as_f64().unwrap() - 0.00045).abs() < 1e-9, "in cents: {used}");
        let told = ask(&endless, "subscription").await;
        assert_eq!((&told["hard_limit_usd"], &told["access_until"]), (&json!(100_000_000.0), &json!(0)));
        house.option("DisplayInCurrencyEnabled", "false").await;
        assert_eq!(ask(&key, "subscription").await["hard_limit_usd"], 250_000.0, "in quota");
        house.option("DisplayTokenStatEnabled", "false").await;
        assert_eq!(
            ask(&key, "subscription").await["hard_limit_usd"],
            1_000_000.0,
            "the user's, used and not"
        );
        house.close();
    }
}
