//! Prices: what they were when, and what others would have cost.

use crate::harness::{CUSTOMER_KEY, MODEL, World, channel, customer, good, request};
use magic_testkit::db::{ENGINES, database};
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};

fn price(input: i64, output: i64) -> Value {
    json!({ "rates": { "input": input, "output": output } })
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_have_a_history_and_others_can_be_tried_on_it() {
    for engine in ENGINES {
        let (database, vendor) = (database(*engine), good(Proto::H1));
        let config = channel("a", &vendor, "") + &customer(5.0);
        let world = World::with(config, false, vec![("SQL_DSN", database.dsn.clone())]);
        let set = async |input, output| {
            let body = json!({ "model": MODEL, "price": price(input, output) });
            assert_eq!(world.api("PUT", "/api/price", Some(body)).await.status, 200);
        };
        set(1_000_000_000, 2_000_000_000).await;
        // The same once more is no change.
        set(1_000_000_000, 2_000_000_000).await;
        let ratio = json!({ "key": "GroupRatio", "value": { "default": 2 } });
        assert_eq!(world.api("PUT", "/api/option", Some(ratio)).await.status, 200);
        // 10 tokens in, 5 out, twice: 2 × 2 × (10 × $1 + 5 × $2) ÷ 1M.
        for _ in 0..2 {
            assert_eq!(world.chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        }
        world.logs(2).await;
        set(5_000_000_000, 2_000_000_000).await;
        assert_eq!(world.api("DELETE", "/api/price", Some(json!({ "model": MODEL }))).await.status, 200);

        let past =
            async |query: &str| world.api("GET", &format!("/api/price/history{query}"), None).await.json();
        let all = past(&format!("?model={MODEL}")).await;
        let seen: Vec<&Value> =
            all["data"].as_array().unwrap().iter().map(|row| &row["price"]["rates"]["input"]).collect();
        assert_eq!(seen, [&Value::Null, &json!(5_000_000_000i64), &json!(1_000_000_000)], "{all}");
        let ratios = past("?model=option:GroupRatio").await;
        assert_eq!(ratios["data"][0]["price"], json!({ "default": 2 }), "{ratios}");
        let first = past("?page_size=1").await;
        let rest = past(&format!("?cursor={}", first["cursor"])).await;
        assert_eq!((first["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (1, 3));

        for (body, then, would) in [
            (json!({}), "0.000080000", "0.000080000"),
            (json!({ "prices": { MODEL: price(3_000_000_000, 0) } }), "0.000080000", "0.000120000"),
            (json!({ "group_ratios": { "default": 0.5 } }), "0.000080000", "0.000020000"),
            (
                json!({ "prices": { "other": price(1, 1) }, "group_ratios": { "vip": 9 } }),
                "0.000080000",
                "0.000080000",
            ),
            (json!({ "end_timestamp": 1000, "start_timestamp": 0 }), "0.000000000", "0.000000000"),
        ] {
            let told = world.api("POST", "/api/price/estimate", Some(body.clone())).await.json();
            assert_eq!(
                (told["data"]["then_usd"].as_str(), told["data"]["would_usd"].as_str()),
                (Some(then), Some(would)),
                "{body}: {told}"
            );
            assert_eq!(told["data"]["complete"], true);
        }
        for body in [
            json!({ "prices": { MODEL: price(-1, 0) } }),
            json!({ "prices": { MODEL: {} } }),
            json!({ "group_ratios": { "default": -1 } }),
            json!({ "start_timestamp": 10, "end_timestamp": 5 }),
        ] {
            assert_eq!(
                world.api("POST", "/api/price/estimate", Some(body.clone())).await.status,
                422,
                "{body}"
            );
        }
        let trail = world.api("GET", "/api/audit?path=/api/price/estimate", None).await.json();
        assert_eq!(trail["data"], json!([]), "a question is no change");
        world.verify();
    }
}
