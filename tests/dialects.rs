//! A caller of one dialect, a vendor of another: billed alike, refused in the caller's words.

use crate::harness::{CUSTOMER_KEY, GOOD_COST_USD, MODEL, World, channel, customer, good};
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};

fn message() -> Value {
    json!({ "model": MODEL, "max_tokens": 100, "messages": [{ "role": "user", "content": "hi" }] })
}

fn faces() -> [(String, Value); 4] {
    let chat = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "hi" }] });
    let contents = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    [
        ("/v1/chat/completions".into(), chat),
        ("/v1/responses".into(), json!({ "model": MODEL, "input": "hi" })),
        ("/v1/messages".into(), message()),
        (format!("/v1beta/models/{MODEL}:generateContent"), contents),
    ]
}

#[tokio::test]
async fn a_call_costs_the_same_through_every_face() {
    let vendor = good(Proto::H1);
    // A type that has no Responses of its own.
    let chat_only = channel("a", &vendor, "").replace("\"custom\"", "19");
    let world = World::new(format!("{chat_only}{}", customer(1.0)));
    for (path, body) in faces() {
        let answer = world.post(&path, CUSTOMER_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.text().contains("hello"), "{path}: {}", answer.text());
        assert_eq!(vendor.seen().pop().unwrap().json()["messages"][0]["content"], "hi", "{path}");
        assert_eq!(answer.headers["x-magic-cost-usd"], GOOD_COST_USD, "{path}");
    }
    let rows = world.logs(4).await;
    for row in &rows {
        assert_eq!((&row["prompt_tokens"], &row["completion_tokens"]), (&json!(10), &json!(5)));
        assert_eq!(row["quota"], rows[0]["quota"]);
    }
    world.verify();
}

#[tokio::test]
async fn an_error_of_the_vendor_is_told_in_the_callers_words() {
    let vendor = Vendor::start(Proto::H1, |_| {
        Script::json(422, json!({ "error": { "message": "no such voice", "code": "c" } }).to_string())
    });
    let world = World::new(channel("a", &vendor, "").replace("\"custom\"", "19"));
    for (path, body) in faces() {
        let answer =
            world.post(&path, magic_testkit::process::ROOT_KEY, &[], body.to_string().as_bytes()).await;
        let told = answer.json();
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text());
        assert!(told["error"]["message"].as_str().unwrap().contains("no such voice"), "{path}: {told}");
        match path.as_str() {
            "/v1/messages" => assert_eq!(told["type"], "error"),
            path if path.starts_with("/v1beta") => assert!(told["error"]["status"].is_string(), "{told}"),
            _ => assert_eq!(told["error"]["code"], "c"),
        }
    }
}

#[tokio::test]
async fn what_a_vendor_has_no_word_for_is_said_or_refused() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, "").replace("\"custom\"", "19"));
    let mut body = message();
    body["container"] = json!("c1");
    let key = magic_testkit::process::ROOT_KEY;
    let lax = world.post("/v1/messages", key, &[], body.to_string().as_bytes()).await;
    assert_eq!(lax.status, 200, "{}", lax.text());
    assert!(lax.headers["x-magic-warning"].contains("container"), "{:?}", lax.headers);
    let seen = vendor.seen().len();
    let strict =
        world.post("/v1/messages", key, &[("x-magic-strict", "1")], body.to_string().as_bytes()).await;
    assert_eq!((strict.status, &strict.json()["type"]), (400, &json!("error")), "{}", strict.text());
    assert_eq!(vendor.seen().len(), seen, "nothing is asked of the vendor");
}

#[tokio::test]
async fn losses_are_counted_and_any_name_can_be_told() {
    let vendor = good(Proto::H1);
    let world =
        World::new(format!("{}{}", channel("a", &vendor, "").replace("\"custom\"", "19"), customer(1.0)));
    let key = magic_testkit::process::ROOT_KEY;
    let mut body = message();
    body["container"] = json!("c1");
    body["né\nw"] = json!(1);
    for n in 0..50 {
        body[format!("mine{n}")] = json!(1);
    }
    let told = world.post("/v1/messages", key, &[], body.to_string().as_bytes()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert!(told.headers["x-magic-warning"].contains("more"), "{:?}", told.headers);
    let scrape = async |key: &str| {
        let bearer = format!("Bearer {key}");
        magic_testkit::client::h1(
            world.gateway.address,
            "GET",
            "/metrics",
            &[("authorization", &bearer)],
            b"",
        )
        .await
    };
    // A request is counted when it is over, which its caller may not wait for.
    let mut text = scrape(key).await.text();
    while !text.contains("magic_requests_total{endpoint=\"chat\",status=\"200\"} 1") {
        text = scrape(key).await.text();
    }
    let losses = "magic_conversion_losses_total{from=\"Anthropic\",kind=\"dropped\",member=\"container\",to=\"OpenAiChat\"} 1";
    assert!(text.contains(losses), "{text}");
    assert_eq!(scrape(CUSTOMER_KEY).await.status, 403);
}

#[tokio::test]
async fn models_are_listed_in_the_dialect_of_who_asks() {
    let vendor = good(Proto::H1);
    let world = World::new(channel("a", &vendor, ""));
    let key = magic_testkit::process::ROOT_KEY;
    let bearer = format!("Bearer {key}");
    let ask = async |path: &str, fields: &[(&str, &str)]| {
        magic_testkit::client::h1(world.gateway.address, "GET", path, fields, b"").await.json()
    };
    let told = ask("/v1/models", &[("authorization", &bearer)]).await;
    assert_eq!((&told["object"], &told["data"][0]["id"]), (&json!("list"), &json!(MODEL)));
    let told = ask("/v1/models", &[("x-api-key", key), ("anthropic-version", "2023-06-01")]).await;
    assert_eq!((&told["has_more"], &told["data"][0]["type"]), (&json!(false), &json!("model")));
    for path in ["/v1/models", "/v1beta/models"] {
        let told = ask(path, &[("x-goog-api-key", key)]).await;
        assert_eq!(told["models"][0]["name"], format!("models/{MODEL}"), "{path}");
    }
    let told = ask(&format!("/v1/models/{MODEL}"), &[("x-goog-api-key", key)]).await;
    assert_eq!(told["name"], format!("models/{MODEL}"));
}
