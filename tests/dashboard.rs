//! What the dashboard asks for beside the objects themselves: events, alerts, visitors' pages, kept views, and
//! channels by what they are.

use crate::harness::{MODEL, good};
use crate::oneapi::House;
use magic_testkit::client::{H1, h1};
use magic_testkit::db::Engine;
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};
use std::time::Instant;

/// A vendor that refuses every key.
fn refusing() -> Vendor {
    Vendor::start(Proto::H1, |_| {
        Script::json(
            401,
            json!({ "error": { "message": "no such key", "code": "invalid_api_key" } }).to_string(),
        )
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_see_models_prices_and_how_they_fare_unless_they_shall_not() {
    let vendor = good(Proto::H1);
    let house = House::open(Engine::Sqlite, &vendor).await;
    let root = house.root.clone();
    let vip = json!({ "models": "secret-model", "group": "vip" });
    house.make_channel("hidden", &vendor, vip).await;
    let (_, key) = house.make_token(&root, json!({ "name": "t", "unlimited_quota": true })).await;
    house.billed_chat(&key).await;

    let seen = house.get("", "/api/catalogue").await;
    assert_eq!((&seen["group"], &seen["ratio"]), (&json!("default"), &json!(1.0)), "{seen}");
    let models = seen["models"].as_array().unwrap();
    assert_eq!(models.len(), 1, "{seen}");
    assert_eq!(models[0]["model"], MODEL);
    assert!(models[0]["price"]["rates"]["input"].as_i64() > Some(0), "{seen}");
    let fares = house.get("", "/api/uptime").await;
    assert_eq!((&fares["step"], fares["models"].as_array().unwrap().len()), (&json!(3600), 1), "{fares}");
    let hours = fares["models"][0]["hours"].as_array().unwrap();
    assert_eq!((&fares["models"][0]["state"], &hours[0]["failed_percent"]), (&json!("up"), &json!(0.0)));
    assert!(
        fares["models"][0]["hours"][0].get("calls").is_none(),
        "how many there were is nobody's business"
    );

    // A member of another group sees that group's.
    let user = house.make_user("alice").await;
    house.done(&root, "PUT", "/api/user/", json!({ "id": user, "group": "vip" })).await;
    house.done(&root, "PUT", "/api/group/vip", json!({ "ratio": 0.8 })).await;
    let alice = house.login("alice").await;
    let hers = house.get(&alice, "/api/catalogue").await;
    assert_eq!(
        (&hers["ratio"], &hers["models"][0]["model"]),
        (&json!(0.8), &json!("secret-model")),
        "{hers}"
    );
    assert_eq!(house.get(&alice, "/api/uptime").await["models"][0]["state"], "idle");

    house.option("CatalogueEnabled", "false").await;
    house.option("StatusPageEnabled", "false").await;
    for path in ["/api/catalogue", "/api/uptime"] {
        house.refused("", "GET", path, Value::Null, (404, "not_found")).await;
        house.get(&alice, path).await;
    }
    house.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_html_can_do_nothing_and_an_address_may_be_framed() {
    let house = House::with(Engine::Sqlite, "").await;
    let page = async |path: &str| h1(house.world.gateway.address, "GET", path, &[], b"").await;
    house.refused("", "GET", "/api/content/home", Value::Null, (404, "not_found")).await;
    house.option("HomePageContent", "# Markdown").await;
    house.refused("", "GET", "/api/content/home", Value::Null, (404, "not_found")).await;
    house.option("HomePageContent", " <h1>Hello</h1><script>alert(1)</script>").await;
    let html = page("/api/content/home").await;
    assert_eq!(html.status, 200);
    assert!(html.headers["content-type"].starts_with("text/html") && html.text().contains("<h1>Hello</h1>"));
    let policy = &html.headers["content-security-policy"];
    assert!(policy.starts_with("sandbox ") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("allow-scripts") && !policy.contains("allow-same-origin"), "{policy}");
    house.refused("", "GET", "/api/content/other", Value::Null, (404, "not_found")).await;
    house.option("About", "https://docs.example.com/magic").await;
    let policy = page("/about").await.headers["content-security-policy"].clone();
    assert!(policy.contains("frame-src 'self' https://docs.example.com;"), "{policy}");
    house.close();
}

/// Opens the event stream; it has begun when this returns.
async fn listen(house: &House, by: &str) -> H1 {
    listen_since(house, by, "/api/events", &[]).await
}

async fn listen_since(house: &House, by: &str, path: &str, more: &[(&str, &str)]) -> H1 {
    let mut stream = H1::connect(house.world.gateway.address).await;
    stream.send("GET", path, &[&[("cookie", by)], more].concat(), b"").await;
    let (status, headers) = stream.head().await.unwrap();
    assert_eq!((status, headers["content-type"].as_str()), (200, "text/event-stream"));
    assert!(stream.read_until("retry: 3000").await);
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn open_pages_hear_of_what_concerns_them() {
    let vendor = good(Proto::H1);
    let house = House::open(Engine::Sqlite, &vendor).await;
    let root = house.root.clone();
    house.refused("", "GET", "/api/events", Value::Null, (401, "unauthenticated")).await;
    let user = house.make_user("alice").await;
    house.done(&root, "POST", "/api/topup", json!({ "user_id": user, "quota": 1_000_000 })).await;
    let alice = house.login("alice").await;
    let mut hers = listen(&house, &alice).await;
    let mut roots = listen(&house, &root).await;
    // Of another's change an administrator hears, and she does not: what she hears first is her own.
    house.done(&root, "PUT", "/api/group/gold", json!({ "ratio": 2 })).await;
    assert!(roots.read_until("event: changed\ndata: group").await);
    let (_, key) = house.make_token(&alice, json!({ "name": "own", "unlimited_quota": true })).await;
    assert!(hers.read_until("event: changed\ndata: token").await);
    assert_eq!(house.chat(&key).await.0, 200);
    assert!(hers.read_until("event: changed\ndata: calls").await);
    assert!(roots.read_until("event: changed\ndata: calls").await);
    let full: Vec<H1> = {
        let mut open = Vec::new();
        for _ in 0..7 {
            open.push(listen(&house, &alice).await);
        }
        open
    };
    house.refused(&alice, "GET", "/api/events", Value::Null, (429, "rate_limited")).await;
    drop(full);
    // A gateway that ends does not wait for them.
    house.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_late_to_the_events_hears_what_was_told_meanwhile() {
    let vendor = good(Proto::H1);
    let house = House::open(Engine::Sqlite, &vendor).await;
    let root = house.root.clone();
    let began = Instant::now();
    house.done(&root, "PUT", "/api/group/gold", json!({ "ratio": 2 })).await;
    // A page asks for its data first and listens later.
    let mut late = listen_since(&house, &root, "/api/events?ago=1", &[]).await;
    house.done(&root, "PUT", "/api/option", json!({ "key": "SystemName", "value": "x" })).await;
    assert!(late.read_until("data: option").await);
    assert!(!late.so_far().contains("data: group"), "{}", late.so_far());
    let ago = format!("/api/events?ago={}", began.elapsed().as_millis() + 1);
    let mut earlier = listen_since(&house, &root, &ago, &[]).await;
    assert!(earlier.read_until("data: group").await && earlier.read_until("data: option").await);
    // A stream that broke off goes on where it was.
    let text = late.so_far();
    let mark = text.rsplit("id: ").next().unwrap().lines().next().unwrap().to_owned();
    drop(late);
    house
        .done(&root, "PUT", "/api/price", json!({ "model": "m", "price": { "rates": { "input": 1 } } }))
        .await;
    let mut back = listen_since(&house, &root, "/api/events?ago=0", &[("last-event-id", &mark)]).await;
    assert!(back.read_until("data: price").await);
    assert!(!back.so_far().contains("data: group"), "{}", back.so_far());
    // Another process, or one that was not there yet.
    let mut other = listen_since(&house, &root, "/api/events", &[("last-event-id", "1-2")]).await;
    assert!(other.read_until("data: everything").await);
    house.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_name_what_is_wrong_and_channels_are_chosen_by_it() {
    let (vendor, bad) = (good(Proto::H1), refusing());
    let house = House::with(Engine::Sqlite, "").await;
    let root = house.root.clone();
    let kinds = |alerts: &Value| {
        let mut kinds: Vec<_> = alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds
    };
    let before = house.get(&root, "/api/alerts").await;
    assert_eq!(kinds(&before), ["address_unset", "no_channel", "root_without_factor"], "{before}");

    let fine = house.make_channel("fine", &vendor, json!({ "tags": "eu" })).await;
    let failing =
        house.make_channel("failing", &bad, json!({ "models": "lonely-model", "tags": "eu" })).await;
    let (_, key) = house.make_token(&root, json!({ "name": "t", "unlimited_quota": true })).await;
    house.option("DefaultModelPrice", "1").await;
    let body = json!({ "model": "lonely-model", "messages": [{ "role": "user", "content": "hi" }] });
    assert_ne!(house.world.chat_as(&key, &body).await.status, 200);
    let after = house.get(&root, "/api/alerts").await;
    assert_eq!(
        kinds(&after),
        ["address_unset", "channel_resting", "model_down", "root_without_factor"],
        "{after}"
    );
    assert_eq!((&after["channels"], &after["failing"], &after["more"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(after["alerts"][0]["name"], "lonely-model", "the worst first: {after}");
    let admin = house.make_user("admin").await;
    house.done(&root, "POST", "/api/user/manage", json!({ "username": "admin", "action": "promote" })).await;
    assert!(admin > 0);
    let admin = house.login("admin").await;
    assert_eq!(kinds(&house.get(&admin, "/api/alerts").await), ["channel_resting", "model_down"]);

    // A test that failed, of a channel that takes calls all the same.
    house.call(&root, "GET", &format!("/api/channel/test/{fine}?model=no-such"), Value::Null).await;

    let ids = async |query: &str| {
        let rows = house.get(&root, &format!("/api/channel/?{query}")).await;
        rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids("health=resting").await, [failing]);
    assert_eq!(ids("model=lonely-model&type=8&status=1&tag=eu&group=default").await, [failing]);
    assert_eq!(ids("tag=eu&order=name").await, [failing, fine]);
    house.refused(&root, "GET", "/api/channel/?health=ill", Value::Null, (422, "invalid")).await;
    let facets = house.get(&root, "/api/channel/facets").await;
    assert_eq!((&facets["total"], &facets["resting"]), (&json!(2), &json!(1)), "{facets}");
    assert_eq!(facets["tag"], json!([{ "value": "eu", "count": 2 }]));

    // Many at once by the same filters, and only as many as were meant.
    let many = |expected: i64| json!({ "filter": { "tag": "eu", "status": 1 }, "expected": expected, "set": { "status": 2 } });
    house.refused(&root, "POST", "/api/channel/batch", many(3), (409, "conflict")).await;
    assert_eq!(ids("status=2").await, Vec::<i64>::new());
    let done = house.done(&root, "POST", "/api/channel/batch", many(2)).await;
    assert_eq!(done["ids"].as_array().unwrap().len(), 2);
    assert_eq!(ids("status=2&order=name").await, [failing, fine]);
    assert_eq!(house.get(&root, "/api/alerts").await["failing"], 0, "what a person paused is not failing");
    house.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_kept_for_their_user() {
    let house = House::with(Engine::Sqlite, "").await;
    let root = house.root.clone();
    let view = |name: &str, page: &str| json!({ "page": page, "name": name, "query": "type=5" });
    let path = "/api/user/self/views";
    house.done(&root, "PUT", path, view(" failed ", "/logs")).await;
    assert_eq!(house.get(&root, path).await, json!([view("failed", "/logs")]));
    house.make_user("alice").await;
    let alice = house.login("alice").await;
    assert_eq!(house.get(&alice, path).await, json!([]));
    for wrong in [view("", "/logs"), view("a", "logs"), view(&"a".repeat(61), "/logs"), view("a\nb", "/logs")]
    {
        house.refused(&root, "PUT", path, wrong, (422, "invalid")).await;
    }
    let which = format!("{path}?page=/logs&name=failed");
    house.refused(&alice, "DELETE", &which, Value::Null, (404, "not_found")).await;
    house.done(&root, "DELETE", &which, Value::Null).await;
    assert_eq!(house.get(&root, path).await, json!([]));
    house.close();
}
