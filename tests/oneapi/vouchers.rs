//! Redemption codes (oneapi.md §2.6 "Redemptions").

use super::{House, column, falls, has_keys};
use magic_testkit::db::ENGINES;
use serde_json::{Value, json};

const VOUCHER: &[&str] =
    &["id", "user_id", "key", "status", "name", "quota", "created_time", "redeemed_time", "count"];

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_made_kept_and_redeemed() {
    for engine in ENGINES {
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        house.make_user("alice").await;
        let alice = house.login("alice").await;
        let codes = house
            .done(&root, "POST", "/api/redemption/", json!({ "name": "promo", "quota": 500, "count": 12 }))
            .await;
        let code = |n: usize| codes[n].as_str().unwrap().to_owned();
        assert_eq!(codes.as_array().map(Vec::len), Some(12));
        assert!(code(0).len() == 32 && code(0).bytes().all(|byte| byte.is_ascii_hexdigit()));
        house
            .done(&root, "POST", "/api/redemption/", json!({ "name": "Other", "quota": 7, "count": 1 }))
            .await;
        for slash in ["", "/"] {
            let first = house.whole(&root, "GET", &format!("/api/redemption{slash}?p=0"), Value::Null).await;
            assert_eq!((first["data"].as_array().map(Vec::len), &first["total"]), (Some(10), &json!(13)));
            has_keys(&first["data"][0], VOUCHER);
            assert!(falls(&first["data"], "id"));
        }
        assert_eq!(house.get(&root, "/api/redemption/?p=1").await.as_array().map(Vec::len), Some(3));
        let search = async |keyword: &str| {
            house.get(&root, &format!("/api/redemption/search?keyword={keyword}")).await
        };
        assert_eq!(search("promo").await.as_array().map(Vec::len), Some(12));
        assert_eq!(column(&search("13").await, "name"), ["Other"], "by id");
        assert_eq!(search("romo").await, json!([]));
        let one = house.get(&root, "/api/redemption/1").await;
        assert_eq!(
            (
                &one["key"],
                &one["quota"],
                &one["status"],
                &one["user_id"],
                &one["redeemed_time"],
                &one["count"]
            ),
            (&json!(code(0)), &json!(500), &json!(1), &json!(1), &json!(0), &json!(0))
        );

        // data is a number.
        let topup = |key: String| json!({ "key": key });
        assert_eq!(house.done(&alice, "POST", "/api/user/topup", topup(code(0))).await, 500);
        house.refused(&alice, "POST", "/api/user/topup", topup(code(0)), (409, "voucher_unusable")).await;
        house.refused(&alice, "POST", "/api/user/topup", topup("0".repeat(32)), (404, "not_found")).await;
        house.refused(&alice, "POST", "/api/user/topup", json!({}), (400, "bad_request")).await;
        assert_eq!(house.get(&alice, "/api/user/self").await["quota"], 500);
        let rows = house.get(&alice, "/api/log/self?type=1").await;
        assert_eq!(
            (column(&rows, "quota"), column(&rows, "username")),
            (vec![&json!(500)], vec![&json!("alice")])
        );
        let used = house.get(&root, "/api/redemption/1").await;
        assert!(used["status"] == 3 && used["redeemed_time"].as_i64() > Some(1_700_000_000), "{used}");

        let put = async |query: &str, body: Value| {
            house.done(&root, "PUT", &format!("/api/redemption/{query}"), body).await
        };
        let changed = put("", json!({ "id": 2, "name": "renamed", "quota": 9 })).await;
        assert_eq!(
            (&changed["name"], &changed["quota"], &changed["status"]),
            (&json!("renamed"), &json!(9), &json!(1))
        );
        let changed = put("?status_only=true", json!({ "id": 2, "status": 2, "name": "x" })).await;
        assert_eq!((&changed["name"], &changed["status"]), (&json!("renamed"), &json!(2)));
        house.refused(&alice, "POST", "/api/user/topup", topup(code(1)), (409, "voucher_unusable")).await;
        put("?status_only=true", json!({ "id": 2, "status": 1 })).await;
        assert_eq!(house.done(&alice, "POST", "/api/user/topup", topup(code(1))).await, 9);
        // One-api let a used code be enabled again; here it pays once, whatever is asked.
        let again = json!({ "id": 1, "status": 1 });
        let answer = house.call(&root, "PUT", "/api/redemption/?status_only=true", again).await;
        assert!(matches!(answer.status, 409 | 422), "{}", answer.text());
        house.done(&root, "DELETE", "/api/redemption/3/", Value::Null).await;
        house.refused(&root, "GET", "/api/redemption/3", Value::Null, (404, "not_found")).await;
        house.refused(&alice, "POST", "/api/user/topup", topup(code(2)), (404, "not_found")).await;
        assert_eq!(house.get(&alice, "/api/user/self").await["quota"], 509);
        house.close();
    }
}
