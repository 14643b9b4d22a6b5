//! Groups: made, limited, renamed with all that name them, deleted when nobody does, on every engine.

use crate::harness::{MODEL, good};
use crate::oneapi::House;
use magic_testkit::db::{ENGINES, Engine};
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

/// A group as the list shows it.
async fn group(house: &House, name: &str) -> Value {
    let all = house.get(&house.root, "/api/group/all").await;
    all.as_array().unwrap().iter().find(|group| group["name"] == name).cloned().unwrap_or(Value::Null)
}

fn counts(group: &Value) -> [i64; 3] {
    ["users", "channels", "tokens"].map(|what| group[what].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_takes_all_who_name_it_along_to_its_new_name() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        let limits = json!({ "total": { "concurrency": 5 } });
        house.done(&root, "PUT", "/api/group/gold", json!({ "ratio": 0.5, "limits": limits })).await;
        assert_eq!(house.get(&root, "/api/group").await, json!(["default", "gold", "svip", "vip"]));
        house.make_channel("first", &vendor, json!({ "group": "default,gold" })).await;
        // Its name only begins like the group's.
        house.make_channel("second", &vendor, json!({ "group": "golden", "models": "other" })).await;
        let user = house.make_user("alice").await;
        house.done(&root, "PUT", "/api/user/", json!({ "id": user, "group": "gold" })).await;
        house.done(&root, "POST", "/api/topup", json!({ "user_id": user, "quota": 1_000_000 })).await;
        let alice = house.login("alice").await;
        let (_, key) = house.make_token(&alice, json!({ "name": "own", "unlimited_quota": true })).await;
        let named = json!({ "name": "named", "unlimited_quota": true, "groups": "gold,default" });
        house.make_token(&alice, named).await;

        let gold = group(&house, "gold").await;
        assert_eq!((counts(&gold), &gold["ratio"]), ([1, 1, 1], &json!(0.5)), "{gold}");
        assert_eq!(gold["limits"]["total"]["concurrency"], 5, "{gold}");
        assert_eq!(group(&house, "golden").await["ratio"], Value::Null, "named, and never declared");
        house.billed_chat(&key).await;

        house.done(&root, "PUT", "/api/group/gold", json!({ "name": "platinum" })).await;
        let platinum = group(&house, "platinum").await;
        assert_eq!((counts(&platinum), &platinum["ratio"]), ([1, 1, 1], &json!(0.5)), "{platinum}");
        assert_eq!(platinum["limits"]["total"]["concurrency"], 5, "{platinum}");
        assert_eq!(group(&house, "gold").await, Value::Null);
        assert_eq!(counts(&group(&house, "golden").await), [0, 1, 0], "left alone");
        house.billed_chat(&key).await;
        let newest = house.get(&root, "/api/log/?type=2").await;
        assert_eq!(newest[0]["model_name"], MODEL);
        let costs = [&newest[0]["quota"], &newest[1]["quota"]];
        assert!(costs[0] == costs[1] && costs[0].as_i64() > Some(0), "the ratio went along: {costs:?}");

        house.refused(&root, "DELETE", "/api/group/platinum", Value::Null, (409, "conflict")).await;
        house.done(&root, "PUT", "/api/group/silver", json!({})).await;
        assert_eq!(group(&house, "silver").await["ratio"], 1.0);
        let taken = json!({ "name": "platinum" });
        house.refused(&root, "PUT", "/api/group/silver", taken, (409, "conflict")).await;
        house.done(&root, "DELETE", "/api/group/silver", Value::Null).await;
        assert_eq!(group(&house, "silver").await, Value::Null);
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_about_a_group_is_told_and_changes_nothing() {
    let house = House::with(Engine::Sqlite, "").await;
    let root = house.root.clone();
    let before = house.get(&root, "/api/group/all").await;
    for (method, path, body, why) in [
        ("PUT", "/api/group/a,b", json!({}), (422, "invalid")),
        ("PUT", "/api/group/gold", json!({ "ratio": -1 }), (422, "invalid")),
        ("PUT", "/api/group/gold", json!({ "limits": { "total": { "rps": 1 } } }), (422, "invalid")),
        ("PUT", "/api/group/vip", json!({ "name": "" }), (422, "invalid")),
        ("PUT", "/api/group/default", json!({ "name": "other" }), (422, "invalid")),
        ("PUT", "/api/group/nobody", json!({ "name": "other" }), (404, "not_found")),
        ("DELETE", "/api/group/nobody", Value::Null, (404, "not_found")),
        ("DELETE", "/api/group/default", Value::Null, (422, "invalid")),
    ] {
        house.refused(&root, method, path, body, why).await;
    }
    assert_eq!(house.get(&root, "/api/group/all").await, before);
    house.close();

    let declared = House::with(Engine::Sqlite, "[[groups]]\nname = \"team\"\nratio = 2.0\n").await;
    let root = declared.root.clone();
    assert_eq!(group(&declared, "team").await["ratio"], 2.0);
    for (method, body) in [("PUT", json!({ "ratio": 1 })), ("DELETE", Value::Null)] {
        declared.refused(&root, method, "/api/group/team", body, (409, "conflict")).await;
    }
    declared.close();
}
