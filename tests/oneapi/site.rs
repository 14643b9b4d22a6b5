//! What anybody may read, who is let in, and how addresses are taken (oneapi.md §2.1–2.3).

use super::{House, PASSWORD, has_keys};
use crate::harness::{World, good};
use magic_testkit::client::h1;
use magic_testkit::db::ENGINES;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

const STATUS: &[&str] = &[
    "version",
    "start_time",
    "email_verification",
    "github_oauth",
    "github_client_id",
    "lark_client_id",
    "system_name",
    "logo",
    "footer_html",
    "wechat_qrcode",
    "wechat_login",
    "server_address",
    "turnstile_check",
    "turnstile_site_key",
    "top_up_link",
    "chat_link",
    "quota_per_unit",
    "display_in_currency",
    "oidc",
    "oidc_client_id",
    "oidc_well_known",
    "oidc_authorization_endpoint",
    "oidc_token_endpoint",
    "oidc_userinfo_endpoint",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_site_tells_what_its_pages_need() {
    for engine in ENGINES {
        let house = House::with(*engine, "").await;
        for path in ["/api/status", "/api/status/"] {
            let status = house.get("", path).await;
            has_keys(&status, STATUS);
            assert_eq!(status["quota_per_unit"], 500_000.0);
            assert!(status["start_time"].is_i64() && status["version"].as_str().unwrap().starts_with('v'));
        }
        for (option, path) in [
            ("Notice", "/api/notice"),
            ("About", "/api/about"),
            ("HomePageContent", "/api/home_page_content"),
        ] {
            assert_eq!(house.get("", path).await, "");
            house.option(option, "# Hello 你好").await;
            assert_eq!(house.get("", path).await, "# Hello 你好");
        }
        house.option("SystemName", "Our House").await;
        house.option("Footer", "<b>ours</b>").await;
        house.option("DisplayInCurrencyEnabled", "false").await;
        let status = house.get("", "/api/status").await;
        assert_eq!(
            (&status["system_name"], &status["footer_html"], &status["display_in_currency"]),
            (&json!("Our House"), &json!("<b>ours</b>"), &json!(false))
        );
        let answer = house.call("", "GET", "/api/status", Value::Null).await;
        assert!(answer.headers["x-oneapi-request-id"].len() > 10, "{:?}", answer.headers);
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_is_told_by_real_status_codes() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        house.make_user("alice").await;
        let alice = house.login("alice").await;
        let root = house.root.as_str();
        // Both forms of every collection; one-api redirected between them.
        for path in ["user", "channel", "token", "redemption", "log", "option", "group", "log/self"] {
            for slash in ["", "/"] {
                let rows = house.get(root, &format!("/api/{path}{slash}?p=0")).await;
                assert!(rows.is_array(), "{path}{slash}: {rows}");
            }
        }
        house.refused("", "GET", "/api/user/self", Value::Null, (401, "unauthenticated")).await;
        house
            .refused("0123456789abcdef", "GET", "/api/user/self", Value::Null, (401, "unauthenticated"))
            .await;
        house.refused(&alice, "GET", "/api/user/", Value::Null, (403, "forbidden")).await;
        house.refused(&alice, "PUT", "/api/option/", json!({}), (403, "forbidden")).await;
        let ban = json!({ "username": "alice", "action": "disable" });
        house.done(root, "POST", "/api/user/manage", ban).await;
        let login = json!({ "username": "alice", "password": PASSWORD });
        house.refused("", "POST", "/api/user/login", login, (401, "unauthenticated")).await;
        // A ban ends sessions, whatever process they came from.
        assert!(matches!(house.call(&alice, "GET", "/api/user/self", Value::Null).await.status, 401 | 403));
        // Unknown addresses, and known ones by another method.
        for (method, path) in [("GET", "/api/nothing"), ("POST", "/api/status"), ("DELETE", "/api/option/")] {
            house.refused(root, method, path, Value::Null, (404, "not_found")).await;
        }
        let lost = house.call("", "GET", "/v1/nothing", Value::Null).await;
        assert_eq!(lost.status, 404, "{}", lost.text());
        has_keys(&lost.json()["error"], &["message", "type", "code"]);
        house.close();
    }
}

#[tokio::test]
async fn calls_of_one_address_are_counted() {
    let world = World::with("", false, vec![("GLOBAL_API_RATE_LIMIT", "5".to_owned())]);
    for _ in 0..5 {
        assert_eq!(h1(world.gateway.address, "GET", "/api/status", &[], b"").await.status, 200);
    }
    let full = h1(world.gateway.address, "GET", "/api/status", &[], b"").await;
    assert_eq!((full.status, full.json()["code"].as_str()), (429, Some("rate_limited")));
    assert!(full.headers["retry-after"].parse::<u64>().unwrap() > 0);
}
