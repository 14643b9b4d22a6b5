//! Vouchers, billing addresses and the audit trail through the public port.

use crate::harness::{CUSTOMER_KEY, World, channel, customer, good, request};
use magic_testkit::client::{Answer, h1};
use magic_testkit::db::{ENGINES, database};
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

/// Makes an account and signs it in; its cookie.
async fn alice(world: &World) -> String {
    let account = json!({ "username": "alice", "password": "password 1" });
    assert_eq!(world.api("POST", "/api/user/", Some(account.clone())).await.status, 200);
    let body = account.to_string();
    let answer = h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

async fn ask(world: &World, cookie: &str, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    h1(world.gateway.address, method, path, &[("cookie", cookie)], body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_from_the_batch_to_the_balance() {
    for engine in ENGINES {
        let database = database(*engine);
        let world =
            World::with("", false, vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "s".into())]);
        let (root, alice) = (world.cookie().await, alice(&world).await);
        for (body, status) in [
            (json!({ "name": "", "quota": 500_000, "count": 1 }), 422),
            (json!({ "name": "a name of 21 bytes !!", "quota": 500_000, "count": 1 }), 422),
            (json!({ "name": "p", "quota": 0, "count": 1 }), 422),
            (json!({ "name": "p", "quota": 5, "count": 101 }), 422),
            (json!({ "name": "p", "count": 1 }), 400),
        ] {
            assert_eq!(
                ask(&world, &root, "POST", "/api/redemption/", body.clone()).await.status,
                status,
                "{body}"
            );
        }
        let batch = json!({ "name": "promo", "quota": 500_000, "count": 3 });
        let made = ask(&world, &root, "POST", "/api/redemption/", batch).await.json();
        let codes: Vec<String> = serde_json::from_value(made["data"].clone()).unwrap();
        assert!(codes.len() == 3 && codes.iter().all(|code| code.len() == 32), "{made}");
        let redeem =
            async |code: &str| ask(&world, &alice, "POST", "/api/user/topup", json!({ "key": code })).await;
        assert_eq!(redeem(&codes[0]).await.json()["data"], 500_000);
        let again = redeem(&codes[0]).await;
        assert_eq!(
            (again.status, again.json()["code"].as_str()),
            (409, Some("voucher_unusable")),
            "{}",
            again.text()
        );
        assert_eq!(redeem("nonsense").await.status, 404);
        assert_eq!(redeem(" ").await.status, 400);
        let listed = ask(&world, &root, "GET", "/api/redemption/?p=0", Value::Null).await.json();
        let rows = listed["data"].as_array().unwrap();
        assert_eq!((rows.len(), listed["total"].as_i64()), (3, Some(3)));
        assert_eq!(
            (&rows[2]["status"], rows[2]["redeemed_by"].as_i64() > Some(1)),
            (&json!(3), true),
            "{listed}"
        );
        assert_eq!(rows[0]["key"], json!(codes[2]));
        assert!(!listed.to_string().contains(&codes[0]), "a used code is history");
        let change = json!({ "id": rows[0]["id"], "status": 2 });
        let path = "/api/redemption/?status_only=true";
        assert_eq!(ask(&world, &root, "PUT", path, change).await.json()["data"]["status"], 2);
        assert_eq!(redeem(&codes[2]).await.status, 409);
        let text = ask(&world, &root, "GET", "/api/redemption/export?format=text", Value::Null).await.text();
        assert_eq!(text, format!("{}\n", codes[1]));
        let csv =
            ask(&world, &root, "GET", "/api/redemption/export?format=csv&status=2", Value::Null).await.text();
        assert!(csv.lines().count() == 2 && csv.contains(&codes[2]), "{csv}");
        let id = rows[0]["id"].as_i64().unwrap();
        assert_eq!(
            ask(&world, &root, "DELETE", &format!("/api/redemption/{id}"), Value::Null).await.status,
            200
        );
        assert_eq!(
            ask(&world, &root, "GET", &format!("/api/redemption/{id}"), Value::Null).await.status,
            404
        );
        let me = ask(&world, &alice, "GET", "/api/user/self", Value::Null).await.json();
        assert_eq!(me["data"]["quota"], 500_000);
        assert_eq!(ask(&world, &alice, "GET", "/api/redemption/", Value::Null).await.status, 403);
        world.verify();
    }
}

#[tokio::test]
async fn a_payment_with_a_key_counts_once() {
    let world = World::new("");
    let (root, alice) = (world.cookie().await, alice(&world).await);
    let id = ask(&world, &alice, "GET", "/api/user/self", Value::Null).await.json()["data"]["id"].clone();
    let pay = async |quota: i64| {
        let body = json!({ "user_id": id, "quota": quota }).to_string();
        let fields = [("cookie", root.as_str()), ("idempotency-key", "order-1")];
        h1(world.gateway.address, "POST", "/api/topup", &fields, body.as_bytes()).await.status
    };
    assert_eq!([pay(100).await, pay(100).await, pay(200).await], [200, 200, 422]);
    let me = ask(&world, &alice, "GET", "/api/user/self", Value::Null).await.json();
    assert_eq!(me["data"]["quota"], 100);
    world.verify();
}

#[tokio::test]
async fn old_billing_addresses_answer() {
    let vendor = good(Proto::H1);
    let world = World::new(format!("{}{}", channel("a", &vendor, ""), customer(1.0)));
    assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
    world.logs(1).await;
    let get = async |path: &str, key: &str| {
        let bearer = format!("Bearer {key}");
        h1(world.gateway.address, "GET", path, &[("authorization", &bearer)], b"").await
    };
    for prefix in ["", "/v1"] {
        let path = format!("{prefix}/dashboard/billing/subscription");
        assert_eq!(get(&path, CUSTOMER_KEY).await.json()["hard_limit_usd"], 100_000_000.0);
        assert_eq!(get(&path, "sk-nobody").await.json()["error"]["code"], "invalid_api_key");
        let used = get(&format!("{prefix}/dashboard/billing/usage"), CUSTOMER_KEY).await.json();
        assert!((used["total_usage"].as_f64().unwrap() - 0.00045).abs() < 1e-9, "{used}");
    }
    let option = json!({ "key": "DisplayTokenStatEnabled", "value": "false" });
    assert_eq!(world.api("PUT", "/api/option/", Some(option)).await.status, 200);
    let all = get("/dashboard/billing/subscription", CUSTOMER_KEY).await.json();
    assert!((all["hard_limit_usd"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{all}");
    let ban = json!({ "username": "customer", "action": "disable" });
    assert_eq!(world.api("POST", "/api/user/manage", Some(ban)).await.status, 200);
    assert_eq!(get("/dashboard/billing/usage", CUSTOMER_KEY).await.json()["error"]["code"], "user_banned");
}

#[tokio::test]
async fn every_change_leaves_one_entry_and_no_secret() {
    let world = World::new("");
    let root = world.cookie().await;
    let entries = async || {
        let rows = ask(&world, &root, "GET", "/api/audit?page_size=100", Value::Null).await.json();
        rows["data"].as_array().unwrap().clone()
    };
    let before = entries().await.len();
    let secret = "sk-very-secret-key-123";
    let new = json!({ "type": 1, "name": "c", "key": secret, "models": "m" });
    let ids = ask(&world, &root, "POST", "/api/channel/", new).await.json()["data"]["ids"].clone();
    let option = json!({ "key": "SMTPToken", "value": "smtp-secret-1" });
    assert_eq!(ask(&world, &root, "PUT", "/api/option/", option).await.status, 200);
    let option = json!({ "key": "SystemName", "value": "Ours" });
    assert_eq!(ask(&world, &root, "PUT", "/api/option/", option).await.status, 200);
    let wrong = json!({ "key": "NoSuchOption", "value": "1" });
    assert_eq!(ask(&world, &root, "PUT", "/api/option/", wrong).await.status, 422);
    let path = format!("/api/channel/{}", ids[0]);
    assert_eq!(ask(&world, &root, "DELETE", &path, Value::Null).await.status, 200);
    let rows = entries().await;
    let text = json!(rows).to_string();
    assert_eq!(rows.len() - before, 4, "{text}");
    assert!(
        !text.contains(secret) && !text.contains("smtp-secret-1") && !text.contains(&ROOT_KEY[3..]),
        "{text}"
    );
    assert_eq!(
        (&rows[0]["path"], &rows[0]["username"], &rows[0]["user_id"]),
        (&json!(path), &json!("root"), &json!(1))
    );
    assert_eq!(rows[1]["detail"]["body"], json!({ "option": "SystemName", "value": "Ours" }));
    assert!(rows[0]["ip"] == "127.0.0.1" && rows[0]["request_id"].as_str().is_some_and(|id| id.len() > 10));
    let check = ask(&world, &root, "GET", "/api/audit/verify", Value::Null).await.json();
    assert_eq!(check["data"]["ok"], true, "{check}");
}
