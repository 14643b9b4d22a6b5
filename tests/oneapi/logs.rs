//! The log (oneapi.md §1.7, §2.6 "Logs").

use super::{House, column, falls, has_keys};
use crate::harness::{MODEL, good};
use magic_testkit::db::ENGINES;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

const LOG: &[&str] = &[
    "id",
    "user_id",
    "created_at",
    "type",
    "content",
    "username",
    "token_name",
    "model_name",
    "quota",
    "prompt_tokens",
    "completion_tokens",
    "channel",
    "request_id",
    "elapsed_time",
    "is_stream",
    "system_prompt_reset",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_filtered_summed_searched_and_cleared() {
    for engine in ENGINES {
        let vendor = good(Proto::H1);
        let house = House::open(*engine, &vendor).await;
        house.make_channel("dear", &vendor, json!({ "models": "gpt-4o" })).await;
        let root = house.root.clone();
        let id = house.make_user("alice").await;
        house
            .done(
                &root,
                "POST",
                "/api/topup",
                json!({ "user_id": id, "quota": 500_000, "remark": "paid 10%_x" }),
            )
            .await;
        let alice = house.login("alice").await;
        let (_, key) = house.make_token(&alice, json!({ "name": "ci", "unlimited_quota": true })).await;
        for _ in 0..2 {
            house.billed_chat(&key).await;
        }
        house.billed_chat(ROOT_KEY).await;
        let all = house.whole(&root, "GET", "/api/log/?p=0&type=0", Value::Null).await;
        assert_eq!((all["data"].as_array().map(Vec::len), &all["total"]), (Some(4), &json!(4)), "{all}");
        let row = &all["data"][1];
        has_keys(row, LOG);
        assert!(falls(&all["data"], "created_at"));
        assert_eq!(
            (
                &row["type"],
                &row["username"],
                &row["token_name"],
                &row["model_name"],
                &row["channel"],
                &row["is_stream"]
            ),
            (&json!(2), &json!("alice"), &json!("ci"), &json!(MODEL), &json!(1), &json!(false))
        );
        assert_eq!(
            (&row["prompt_tokens"], &row["completion_tokens"], &row["quota"]),
            (&json!(10), &json!(5), &json!(3))
        );
        assert_eq!(row["user_id"], id);
        let at = row["created_at"].as_i64().unwrap();
        for (query, count) in [
            ("type=2".to_owned(), 3),
            ("type=1".to_owned(), 1),
            ("type=3".to_owned(), 0),
            ("username=alice".to_owned(), 3),
            ("username=alic".to_owned(), 0),
            ("token_name=ci".to_owned(), 2),
            (format!("model_name={MODEL}"), 3),
            ("model_name=gpt-4o".to_owned(), 0),
            ("channel=1".to_owned(), 3),
            ("channel=2".to_owned(), 0),
            (format!("start_timestamp={}", at - 1000), 4),
            (format!("end_timestamp={}", at - 1000), 0),
            (
                format!(
                    "type=2&username=alice&token_name=ci&model_name={MODEL}&channel=1&start_timestamp={}",
                    at - 1000
                ),
                2,
            ),
            ("p=1".to_owned(), 0),
        ] {
            for slash in ["", "/"] {
                let rows = house.get(&root, &format!("/api/log{slash}?{query}")).await;
                assert_eq!(rows.as_array().map(Vec::len), Some(count), "{query}");
            }
        }
        // A user's own: without the channel, whatever the filters claim.
        let own = house.get(&alice, "/api/log/self/?username=root&channel=1").await;
        assert_eq!(own.as_array().map(Vec::len), Some(3), "{own}");
        assert!(column(&own, "user_id").iter().all(|owner| **owner == json!(id)));
        assert!(column(&own, "channel").iter().all(|channel| **channel == json!(0)));
        // Sums are of calls alone, whatever type is asked for.
        let sum = async |by: &str, path: &str| house.get(by, path).await["quota"].clone();
        assert_eq!(sum(&root, "/api/log/stat?type=1").await, 7);
        assert_eq!(
            sum(&root, "/api/log/stat?username=alice").await,
            5,
            "4,500 nano-dollars each, rounded up once"
        );
        assert_eq!(sum(&root, "/api/log/stat/?channel=2").await, 0);
        assert_eq!(sum(&alice, "/api/log/self/stat").await, 5);
        assert_eq!(sum(&alice, "/api/log/self/stat?token_name=default").await, 0);

        let search = async |by: &str, path: &str| house.get(by, path).await.as_array().map(Vec::len);
        assert_eq!(search(&root, "/api/log/search?keyword=paid").await, Some(1));
        assert_eq!(search(&root, "/api/log/search?keyword=paid%2010%25_").await, Some(1));
        assert_eq!(search(&root, "/api/log/search?keyword=aid").await, Some(0), "by the beginning");
        assert_eq!(search(&root, "/api/log/search?keyword=2").await, Some(3), "a type's number");
        assert_eq!(search(&alice, "/api/log/self/search?keyword=2").await, Some(2));

        house.refused(&root, "DELETE", "/api/log/", Value::Null, (400, "bad_request")).await;
        house
            .refused(&alice, "DELETE", "/api/log/?target_timestamp=1", Value::Null, (403, "forbidden"))
            .await;
        assert_eq!(
            house
                .done(&root, "DELETE", &format!("/api/log/?target_timestamp={}", at - 1000), Value::Null)
                .await,
            0
        );
        assert_eq!(
            house
                .done(&root, "DELETE", &format!("/api/log/?target_timestamp={}", at + 1000), Value::Null)
                .await,
            4
        );
        assert_eq!(house.get(&root, "/api/log/").await, json!([]));
        assert_eq!(
            house.get(&alice, "/api/user/self").await["request_count"],
            2,
            "the books have them still"
        );
        house.close();
    }
}

/// Who may clear the log is an administrator, as in one-api.
#[tokio::test]
async fn an_administrator_clears_the_log() {
    let house = House::with(magic_testkit::db::Engine::Sqlite, "").await;
    house.make_user("boss").await;
    let promote = json!({ "username": "boss", "action": "promote" });
    house.done(&house.root, "POST", "/api/user/manage", promote).await;
    let boss = house.login("boss").await;
    assert_eq!(house.done(&boss, "DELETE", "/api/log?target_timestamp=1", Value::Null).await, 0);
    house.close();
}
