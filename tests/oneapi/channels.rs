//! Channels (oneapi.md §2.6 "Channels").

use super::{House, column, falls, has_keys};
use crate::harness::{MODEL, answer, good};
use magic_testkit::db::ENGINES;
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CHANNEL: &[&str] = &[
    "id",
    "type",
    "key",
    "status",
    "name",
    "weight",
    "created_time",
    "test_time",
    "response_time",
    "base_url",
    "other",
    "balance",
    "balance_updated_time",
    "models",
    "group",
    "used_quota",
    "model_mapping",
    "priority",
    "config",
    "system_prompt",
];

/// A vendor that tells who called: the key and the model.
fn telling() -> Vendor {
    Vendor::start(Proto::H1, |seen| match seen.path.split('?').next() {
        Some("/v1/dashboard/billing/subscription") => {
            Script::json(200, json!({ "hard_limit_usd": 10.0, "has_payment_method": true }).to_string())
        }
        Some("/v1/dashboard/billing/usage") => Script::json(200, json!({ "total_usage": 250.0 }).to_string()),
        _ => answer(&format!("{} {}", seen.headers["authorization"], seen.json()["model"]), 10, 5),
    })
}

async fn text(house: &House, key: &str, model: &str) -> String {
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] });
    let told = house.world.chat_as(key, &body).await;
    told.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_made_shown_and_changed() {
    for engine in ENGINES {
        let vendor = telling();
        let house = House::with(*engine, &super::declared(&vendor)).await;
        let root = house.root.clone();
        let key = magic_testkit::process::ROOT_KEY;
        // A line of `key` each, with the same settings; objects as texts, as one-api's forms send them.
        let new = json!({ "type": 8, "name": "main", "key": "sk-a\n\nsk-b\n", "models": "m1,m2", "group": "default,vip",
            "base_url": vendor.base_url(), "model_mapping": r#"{"alias":"m1"}"#, "config": "{}", "priority": 5,
            "weight": 2, "system_prompt": "be brief", "other": "" });
        let ids = house.done(&root, "POST", "/api/channel/", new).await["ids"].clone();
        assert_eq!(ids.as_array().map(Vec::len), Some(2));
        let (a, b) = (ids[0].as_i64().unwrap(), ids[1].as_i64().unwrap());
        let path = format!("/api/channel/{a}");
        for slash in ["", "/"] {
            let one = house.get(&root, &format!("{path}{slash}")).await;
            has_keys(&one, CHANNEL);
            assert_eq!(
                (&one["key"], &one["models"], &one["group"], &one["model_mapping"], &one["status"]),
                (&json!(""), &json!("m1,m2"), &json!("default,vip"), &json!(r#"{"alias":"m1"}"#), &json!(1))
            );
            assert_eq!(
                (&one["weight"], &one["priority"], &one["system_prompt"]),
                (&json!(2), &json!(5), &json!("be brief"))
            );
            assert!(one["created_time"].as_i64() > Some(1_700_000_000) && one["config"].is_string());
        }
        // In force at once: a mapped name is offered, and reaches the vendor as what it stands for.
        assert!(text(&house, key, "alias").await.ends_with(r#""m1""#));

        let put = async |change: Value| house.done(&root, "PUT", "/api/channel/", change).await;
        let changed = put(json!({ "id": a, "priority": 9 })).await;
        assert_eq!(
            (&changed["priority"], &changed["name"], &changed["key"]),
            (&json!(9), &json!("main"), &json!(""))
        );
        assert_eq!(text(&house, key, "m1").await, r#"Bearer sk-a "m1""#, "the key has stayed");
        put(json!({ "id": a, "status": 2 })).await;
        assert_eq!(text(&house, key, "m1").await, r#"Bearer sk-b "m1""#);
        put(json!({ "id": b, "weight": 0, "priority": 0, "model_mapping": "", "system_prompt": "", "models": "m2" })).await;
        let one = house.get(&root, &format!("/api/channel/{b}")).await;
        assert_eq!(
            (&one["weight"], &one["model_mapping"], &one["models"]),
            (&json!(0), &json!(""), &json!("m2"))
        );
        assert!(one["system_prompt"].is_null() || one["system_prompt"] == "", "{one}");
        let available = house.get(&root, "/api/user/available_models").await;
        assert_eq!(available, json!([MODEL, "m2"]));

        // Its key does not follow a channel to another host.
        let other = telling();
        put(json!({ "id": b, "base_url": other.base_url() })).await;
        assert!(!text(&house, key, "m2").await.contains("sk-b"));
        put(json!({ "id": b, "key": "sk-c" })).await;
        assert_eq!(text(&house, key, "m2").await, r#"Bearer sk-c "m2""#);

        for (body, why) in [
            (json!({ "name": "x" }), (400, "bad_request")),
            (json!({ "id": 999, "name": "x" }), (404, "not_found")),
            (json!({ "id": b, "base_url": "http://169.254.169.254/" }), (422, "invalid")),
            (json!({ "id": b, "model_mapping": "{not json" }), (422, "invalid")),
            (json!({ "id": b, "weight": -1 }), (422, "invalid")),
        ] {
            house.refused(&root, "PUT", "/api/channel/", body, why).await;
        }
        // What the configuration file declares is changed there.
        let mine = house.get(&root, "/api/channel/search?keyword=declared").await[0].clone();
        assert_eq!(mine["owner"], "file");
        let change = json!({ "id": mine["id"], "priority": 1 });
        house.refused(&root, "PUT", "/api/channel/", change, (409, "conflict")).await;

        for n in 0..10 {
            house.make_channel(&format!("many{n}"), &vendor, json!({ "models": "x", "status": 2 })).await;
        }
        let first = house.whole(&root, "GET", "/api/channel/?p=0", Value::Null).await;
        assert!(falls(&first["data"], "id") && first["data"].as_array().map(Vec::len) == Some(10));
        assert_eq!(first["total"], 13);
        assert_eq!(house.get(&root, "/api/channel/?p=1").await.as_array().map(Vec::len), Some(3));
        let search =
            async |keyword: &str| house.get(&root, &format!("/api/channel/search?keyword={keyword}")).await;
        assert_eq!(search("many").await.as_array().map(Vec::len), Some(10));
        assert_eq!(column(&search(&a.to_string()).await, "id"), [a]);
        assert_eq!(search("any").await, json!([]));

        house.done(&root, "DELETE", &format!("/api/channel/{b}/"), Value::Null).await;
        house.refused(&root, "GET", &format!("/api/channel/{b}"), Value::Null, (404, "not_found")).await;
        // The number of those that were disabled, by whomever.
        assert_eq!(house.done(&root, "DELETE", "/api/channel/disabled", Value::Null).await, 11);
        assert_eq!(column(&house.get(&root, "/api/channel/").await, "name"), ["declared"]);
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_credentials_in_a_config_are_write_only() {
    for engine in ENGINES {
        let vendor = telling();
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        let config = json!({ "region": "us-east-1", "ak": "AKIA-canary", "sk": "secret-canary" }).to_string();
        let more = json!({ "type": 33, "config": config, "models": "claude-3-haiku-20240307" });
        let id = house.make_channel("aws", &vendor, more).await;
        let shown = async || house.get(&root, &format!("/api/channel/{id}")).await;
        let listed = house.call(&root, "GET", "/api/channel/", Value::Null).await.text();
        for text in [listed, shown().await.to_string()] {
            assert!(!text.contains("canary") && text.contains("us-east-1"), "{text}");
        }
        assert_eq!(shown().await["config"], r#"{"ak":"","region":"us-east-1","sk":""}"#);
        let call = async || {
            let path = format!("/api/channel/test/{id}");
            house.call(&root, "GET", &path, Value::Null).await;
            vendor.seen().last().map(|seen| seen.headers["authorization"].clone()).unwrap_or_default()
        };
        assert!(call().await.contains("Credential=AKIA-canary/"), "it is signed with them");
        // What was shown is sent back with a change: the secrets stay.
        let back = json!({ "id": id, "config": r#"{"ak":"","region":"eu-west-1","sk":""}"# });
        house.done(&root, "PUT", "/api/channel/", back).await;
        let signed = call().await;
        assert!(signed.contains("AKIA-canary/") && signed.contains("/eu-west-1/"), "{signed}");
        house
            .done(
                &root,
                "PUT",
                "/api/channel/",
                json!({ "id": id, "config": r#"{"region":"us-east-1","ak":"AKIA-new"}"# }),
            )
            .await;
        assert!(call().await.contains("Credential=AKIA-new/"));
        // Another host gets none of them.
        let other = telling();
        house
            .done(&root, "PUT", "/api/channel/", json!({ "id": id, "base_url": other.base_url(), "key": "" }))
            .await;
        assert_eq!(shown().await["config"], r#"{"ak":"","region":"us-east-1","sk":""}"#);
        house.call(&root, "GET", &format!("/api/channel/test/{id}"), Value::Null).await;
        let seen = other.seen();
        assert!(!seen.iter().any(|seen| format!("{:?}", seen.headers).contains("AKIA-new")), "{seen:?}");
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_tested_and_their_balances_asked() {
    for engine in ENGINES {
        let vendor = telling();
        let house = House::open(*engine, &vendor).await;
        let root = house.root.clone();
        let list = house.call(&root, "GET", "/api/channel/models", Value::Null).await.json();
        assert_eq!((&list["object"], list.get("success")), (&json!("list"), None), "no envelope");
        has_keys(&list["data"][0], &["id", "object", "created", "owned_by", "permission", "root", "parent"]);
        assert!(column(&list["data"], "id").contains(&&json!("gpt-4o")));
        let known = house.get(&root, "/api/models").await;
        assert!(known["1"].as_array().unwrap().contains(&json!("gpt-4o")) && known.get("51").is_some());

        // Members at the top, as one-api has them.
        let path = format!("/api/channel/test/1?model={MODEL}");
        let told = house.call(&root, "GET", &path, Value::Null).await.json();
        assert_eq!((&told["success"], &told["modelName"]), (&json!(true), &json!(MODEL)), "{told}");
        assert!(told["time"].is_f64() && told["message"].as_str().unwrap().starts_with("Bearer"));
        let row = house.get(&root, "/api/channel/1").await;
        assert!(row["test_time"].as_i64() > Some(0) && row["response_time"].as_i64() > Some(0), "{row}");
        let tests = house.get(&root, "/api/log/?type=5").await;
        assert_eq!(
            (&tests[0]["channel"], &tests[0]["model_name"], &tests[0]["user_id"], &tests[0]["quota"]),
            (&json!(1), &json!(MODEL), &json!(0), &json!(0))
        );
        house.refused(&root, "GET", "/api/channel/test/99", Value::Null, (404, "not_found")).await;
        let told = house.whole(&root, "GET", "/api/channel/update_balance/1", Value::Null).await;
        assert_eq!(told["balance"], 7.5, "beside the data: {told}");
        assert_eq!(house.get(&root, "/api/channel/1").await["balance"], 7.5);
        house.done(&root, "GET", "/api/channel/update_balance", Value::Null).await;
        for scope in ["", "?scope=all", "?scope=disabled"] {
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                let answer =
                    house.call(&root, "GET", &format!("/api/channel/test{scope}"), Value::Null).await;
                if answer.status == 200 {
                    break;
                }
                assert!(
                    answer.status == 409 && Instant::now() < end,
                    "one round at a time: {}",
                    answer.text()
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        house.close();
    }
}

/// A vendor that fails is passed over for the next, and the caller is told in OpenAI's shape when none is left.
#[tokio::test(flavor = "multi_thread")]
async fn relay_errors_have_one_apis_shape() {
    for engine in ENGINES {
        let bad = Vendor::start(Proto::H1, |_| {
            Script::json(
                500,
                r#"{"error":{"message":"overloaded","type":"server_error","param":null,"code":"x"}}"#,
            )
        });
        let house = House::open(*engine, &bad).await;
        let key = magic_testkit::process::ROOT_KEY;
        let told = house.world.chat_as(key, &crate::harness::request(false)).await;
        assert_eq!(told.status, 500, "{}", told.text());
        let error = told.json()["error"].clone();
        has_keys(&error, &["message", "type", "param", "code"]);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("overloaded") && message.contains("(request id: "), "{message}");
        let vendor = good(Proto::H1);
        house.make_channel("spare", &vendor, json!({})).await;
        assert_eq!(house.chat(key).await.0, 200);
        let unknown =
            json!({ "model": "nobody-offers-this", "messages": [{ "role": "user", "content": "hi" }] });
        let told = house.world.chat_as(key, &unknown).await;
        assert_eq!((told.status, told.code().as_str()), (404, "model_not_found"));
        house.close();
    }
}
