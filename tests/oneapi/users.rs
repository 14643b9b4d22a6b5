//! Everybody's accounts, in administrators' hands (oneapi.md §2.6 "Users").

use super::accounts::USER;
use super::{House, PASSWORD, column, falls, has_keys};
use crate::harness::good;
use magic_testkit::db::ENGINES;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_ordered_and_searched() {
    for engine in ENGINES {
        let house = House::with(*engine, "").await;
        let root = house.root.clone();
        for n in 0..13 {
            house.make_user(&format!("user{n}")).await;
        }
        let odd = house.make_user("50%_off").await;
        house.done(&root, "PUT", "/api/user/", json!({ "id": odd, "email": "odd@example.com" })).await;
        let first = house.whole(&root, "GET", "/api/user/?p=0", Value::Null).await;
        has_keys(&first["data"][0], USER);
        assert_eq!((first["data"].as_array().map(Vec::len), &first["total"]), (Some(10), &json!(15)));
        assert!(falls(&first["data"], "id"));
        for same in ["", "?p=-1", "?p=x", "?p=0&order=nonsense"] {
            assert_eq!(
                column(&house.get(&root, &format!("/api/user/{same}")).await, "id"),
                column(&first["data"], "id")
            );
        }
        let second = house.get(&root, "/api/user/?p=1").await;
        assert_eq!(second.as_array().map(Vec::len), Some(5));
        assert_eq!(house.get(&root, "/api/user/?p=2").await, json!([]));
        for (id, quota) in [(2, 50), (3, 7), (4, 90)] {
            house.done(&root, "POST", "/api/topup", json!({ "user_id": id, "quota": quota })).await;
        }
        let rich = house.get(&root, "/api/user/?order=quota").await;
        assert!(falls(&rich, "quota") && rich[0]["username"] == "root" && rich[1]["quota"] == 90, "{rich}");
        for order in ["used_quota", "request_count"] {
            assert!(falls(&house.get(&root, &format!("/api/user/?order={order}")).await, order));
        }
        // A search has no pages: names, addresses and display names by their beginning, ids whole.
        let search =
            async |keyword: &str| house.get(&root, &format!("/api/user/search?keyword={keyword}")).await;
        assert_eq!(search("user").await.as_array().map(Vec::len), Some(13));
        assert_eq!(column(&search("odd@").await, "id"), [odd]);
        assert_eq!(column(&search("user12%20the").await, "username"), ["user12"]);
        assert_eq!(column(&search(&odd.to_string()).await, "username"), ["50%_off"]);
        assert_eq!(column(&search("50%25_").await, "id"), [odd], "% and _ are characters");
        assert_eq!(search("%25").await, json!([]));
        assert_eq!(search("ser1").await, json!([]));
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_changed_and_its_balance_follows() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        house.make_channel("vip", &vendor, json!({ "models": "vip-model", "group": "vip" })).await;
        let root = house.root.clone();
        let id = house.make_user("alice").await;
        let alice = house.login("alice").await;
        let (_, key) = house.make_token(&alice, json!({ "name": "t", "unlimited_quota": true })).await;
        assert_eq!(house.chat(&key).await, (403, "insufficient_user_quota".to_owned()));

        let put = async |change: Value| {
            let mut change = change;
            change["id"] = json!(id);
            house.done(&root, "PUT", "/api/user/", change).await
        };
        let changed = put(json!({ "quota": 5000, "group": "vip", "password": "", "display_name": "" })).await;
        assert_eq!(
            (&changed["quota"], &changed["group"], &changed["display_name"]),
            (&json!(5000), &json!("vip"), &json!("")),
            "an empty text is stored"
        );
        // The group decides what may be called, at once.
        assert_eq!(house.get(&alice, "/api/user/available_models").await, json!(["vip-model"]));
        assert_eq!(house.chat(&key).await.0, 404);
        put(json!({ "group": "default" })).await;
        house.billed_chat(&key).await;
        let me = house.get(&alice, "/api/user/self").await;
        assert_eq!(
            (&me["quota"], &me["used_quota"], &me["request_count"]),
            (&json!(4997), &json!(3), &json!(1))
        );
        // A balance set by hand is a row of type 3; one that the body does not name stays.
        put(json!({ "display_name": "A" })).await;
        let notes = house.get(&alice, "/api/log/self?type=3").await;
        assert_eq!(notes.as_array().map(Vec::len), Some(1), "{notes}");
        put(json!({ "quota": 0 })).await;
        assert_eq!(house.get(&alice, "/api/user/self").await["quota"], 0, "zero is stored");
        assert_eq!(house.chat(&key).await, (403, "insufficient_user_quota".to_owned()));

        // The integration point of payment systems: by an administrator's access token.
        let machine = house.get(&root, "/api/user/token").await.as_str().unwrap().to_owned();
        let pay = json!({ "user_id": id, "quota": 700, "remark": "order 17" });
        house.done(&machine, "POST", "/api/topup", pay).await;
        house
            .refused(&machine, "POST", "/api/topup", json!({ "user_id": id, "quota": -1 }), (422, "invalid"))
            .await;
        house
            .refused(&machine, "POST", "/api/topup", json!({ "user_id": 99, "quota": 1 }), (404, "not_found"))
            .await;
        assert_eq!(house.get(&alice, "/api/user/self").await["quota"], 700);
        let paid = house.get(&alice, "/api/log/self?type=1").await;
        assert_eq!(
            (column(&paid, "content"), column(&paid, "quota")),
            (vec![&json!("order 17")], vec![&json!(700)])
        );
        assert_eq!(house.chat(&key).await.0, 200);

        // Deleting answers in the envelope (one-api's body was empty); a tombstone is in no list.
        house.done(&root, "DELETE", &format!("/api/user/{id}"), Value::Null).await;
        house.refused(&root, "GET", &format!("/api/user/{id}"), Value::Null, (404, "not_found")).await;
        assert_eq!(house.get(&root, "/api/user/search?keyword=alice").await, json!([]));
        assert_eq!(column(&house.get(&root, "/api/user/").await, "username"), ["root"]);
        assert_eq!(house.chat(&key).await, (403, "user_banned".to_owned()));
        house.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_reach_only_downwards() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        let root = house.root.clone();
        let (boss, peer, alice) =
            (house.make_user("boss").await, house.make_user("peer").await, house.make_user("alice").await);
        let manage = |name: &str, action: &str| json!({ "username": name, "action": action });
        let told = house.done(&root, "POST", "/api/user/manage", manage("boss", "promote")).await;
        assert_eq!((&told["role"], &told["status"]), (&json!(10), &json!(1)));
        house.done(&root, "POST", "/api/user/manage", manage("peer", "promote")).await;
        let admin = house.login("boss").await;
        house.get(&admin, &format!("/api/user/{alice}")).await;
        house.get(&admin, &format!("/api/user/{boss}")).await;
        for id in [1, peer] {
            house.refused(&admin, "GET", &format!("/api/user/{id}"), Value::Null, (403, "forbidden")).await;
            house
                .refused(&admin, "DELETE", &format!("/api/user/{id}"), Value::Null, (403, "forbidden"))
                .await;
            let change = json!({ "id": id, "quota": 1 });
            house.refused(&admin, "PUT", "/api/user/", change, (403, "forbidden")).await;
        }
        for (body, why) in [
            (json!({ "id": alice, "role": 10 }), (403, "forbidden")),
            (json!({ "id": alice, "status": 7 }), (422, "invalid")),
            (json!({ "id": alice, "quota": -5 }), (422, "invalid")),
            (json!({ "id": alice, "username": "boss" }), (409, "conflict")),
            (json!({ "username": "nobody" }), (400, "bad_request")),
            (json!({ "id": 99 }), (404, "not_found")),
        ] {
            house.refused(&admin, "PUT", "/api/user/", body, why).await;
        }
        let taken = json!({ "username": "alice", "password": PASSWORD });
        house.refused(&admin, "POST", "/api/user/", taken, (409, "conflict")).await;
        let equal = json!({ "username": "x", "password": PASSWORD, "role": 10 });
        house.refused(&admin, "POST", "/api/user/", equal, (403, "forbidden")).await;
        for (by, name, action, why) in [
            (&admin, "peer", "disable", (403, "forbidden")),
            (&admin, "root", "disable", (403, "forbidden")),
            (&admin, "alice", "promote", (403, "forbidden")),
            (&root, "root", "delete", (403, "forbidden")),
            (&root, "root", "disable", (403, "forbidden")),
            (&root, "root", "demote", (403, "forbidden")),
            (&root, "alice", "dance", (400, "bad_request")),
            (&root, "nobody", "disable", (404, "not_found")),
        ] {
            house.refused(by, "POST", "/api/user/manage", manage(name, action), why).await;
        }
        // A ban bites on the relay at once; being enabled again cures it.
        house.done(&admin, "POST", "/api/topup", json!({ "user_id": alice, "quota": 5000 })).await;
        let session = house.login("alice").await;
        let (_, key) = house.make_token(&session, json!({ "name": "t", "unlimited_quota": true })).await;
        house.billed_chat(&key).await;
        house.done(&admin, "POST", "/api/user/manage", manage("alice", "disable")).await;
        assert_eq!(house.chat(&key).await, (403, "user_banned".to_owned()));
        house.done(&admin, "POST", "/api/user/manage", manage("alice", "enable")).await;
        house.billed_chat(&key).await;
        // Who is demoted is no administrator from that moment on.
        house.done(&root, "POST", "/api/user/manage", manage("boss", "demote")).await;
        assert!(matches!(house.call(&admin, "GET", "/api/user/", Value::Null).await.status, 401 | 403));
        house.done(&root, "POST", "/api/user/manage", manage("alice", "delete")).await;
        assert_eq!(house.chat(&key).await, (403, "user_banned".to_owned()));
        house.close();
    }
}
