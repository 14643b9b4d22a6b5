//! Earlier answers of the Responses API: kept for vendors that keep none, found again where a vendor does.

use crate::harness::{CUSTOMER_KEY, MODEL, World, channel, customer, good};
use magic_testkit::client::{Answer, h1};
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Proto, Script, Vendor};
use serde_json::{Value, json};

async fn ask(world: &World, key: &str, body: Value) -> Answer {
    world.post("/v1/responses", key, &[], body.to_string().as_bytes()).await
}

async fn call(world: &World, key: &str, method: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    h1(world.gateway.address, method, path, &[("authorization", &bearer)], b"").await
}

/// A vendor that only chats.
fn chat_only(vendor: &Vendor) -> String {
    format!("{}{}", channel("a", vendor, "").replace("\"custom\"", "19"), customer(1.0))
}

fn completed(stream: &Answer) -> Value {
    let text = stream.text();
    let last = text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let event: Value = serde_json::from_str(last).unwrap();
    assert_eq!(event["type"], "response.completed", "{event}");
    event["response"].clone()
}

#[tokio::test]
async fn a_conversation_goes_on_with_a_vendor_that_keeps_nothing() {
    let vendor = good(Proto::H1);
    let mut world = World::new(chat_only(&vendor));
    let first = ask(&world, ROOT_KEY, json!({ "model": MODEL, "input": "one" })).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json();
    assert_eq!(first["store"], true);
    let id = first["id"].as_str().unwrap().to_owned();
    // It lives in the database, not in the process.
    world.restart();
    let body = json!({ "model": MODEL, "input": "two", "previous_response_id": id, "stream": true });
    let second = completed(&ask(&world, ROOT_KEY, body).await);
    let asked = vendor.seen().pop().unwrap().json()["messages"].clone();
    let turns: Vec<(&str, &str)> = asked
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| (turn["role"].as_str().unwrap(), turn["content"].as_str().unwrap()))
        .collect();
    assert_eq!(turns, [("user", "one"), ("assistant", "hello"), ("user", "two")]);
    let body = json!({ "model": MODEL, "input": "three", "previous_response_id": second["id"] });
    assert_eq!(ask(&world, ROOT_KEY, body).await.status, 200);
    assert_eq!(vendor.seen().pop().unwrap().json()["messages"].as_array().unwrap().len(), 5);
    world.verify();
}

#[tokio::test]
async fn an_answer_is_read_listed_and_deleted_by_its_owner_alone() {
    let vendor = good(Proto::H1);
    let world = World::new(chat_only(&vendor));
    let made = ask(&world, CUSTOMER_KEY, json!({ "model": MODEL, "input": "one" })).await.json();
    let path = format!("/v1/responses/{}", made["id"].as_str().unwrap());
    let stranger = call(&world, ROOT_KEY, "GET", &path).await;
    assert_eq!(stranger.status, 404, "{}", stranger.text());
    assert_eq!(call(&world, CUSTOMER_KEY, "GET", &path).await.json(), made);
    let items = call(&world, CUSTOMER_KEY, "GET", &format!("{path}/input_items")).await.json();
    assert_eq!((&items["data"][0]["content"], &items["has_more"]), (&json!("one"), &json!(false)));
    let cancelled = call(&world, CUSTOMER_KEY, "POST", &format!("{path}/cancel")).await;
    assert_eq!(cancelled.status, 400, "{}", cancelled.text());
    assert_eq!(call(&world, ROOT_KEY, "DELETE", &path).await.status, 404);
    let gone = call(&world, CUSTOMER_KEY, "DELETE", &path).await;
    assert_eq!((gone.status, &gone.json()["deleted"]), (200, &json!(true)));
    assert_eq!(call(&world, CUSTOMER_KEY, "GET", &path).await.status, 404);
    let asked = json!({ "model": MODEL, "input": "two", "previous_response_id": made["id"] });
    let unknown = ask(&world, CUSTOMER_KEY, asked).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text());
    assert!(unknown.text().contains("previous_response_id"), "{}", unknown.text());
}

#[tokio::test]
async fn what_shall_not_be_kept_is_not() {
    let vendor = good(Proto::H1);
    let world = World::new(chat_only(&vendor));
    let made = ask(&world, ROOT_KEY, json!({ "model": MODEL, "input": "one", "store": false })).await.json();
    assert_eq!(made["store"], false);
    let path = format!("/v1/responses/{}", made["id"].as_str().unwrap());
    assert_eq!(call(&world, ROOT_KEY, "GET", &path).await.status, 404);
}

/// A vendor with the Responses API that knows its own answers only.
fn keeper(id: &'static str) -> Vendor {
    Vendor::start(Proto::H1, move |seen| {
        let item = json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": "hello", "annotations": [] }] });
        let whole = json!({ "id": id, "object": "response", "created_at": 1, "status": "completed", "model": MODEL,
            "output": [item], "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 } });
        if seen.method == "POST" && seen.path == "/v1/responses" {
            let before = seen.json()["previous_response_id"].clone();
            if before.is_null() || before == id {
                return Script::json(200, whole.to_string());
            }
            return Script::json(400, json!({ "error": { "message": "no such response" } }).to_string());
        }
        if seen.path.contains(id) {
            return Script::json(200, whole.to_string());
        }
        Script::json(404, json!({ "error": { "message": "not found" } }).to_string())
    })
}

#[tokio::test]
async fn an_answer_that_a_vendor_keeps_is_asked_for_there() {
    let (one, two) = (keeper("resp_one"), keeper("resp_two"));
    let low = "priority = -1\n";
    let world = World::new(format!("{}{}", channel("a", &one, ""), channel("b", &two, low)));
    // Made at the channel that comes second, which its key asks for by number.
    let second = format!("{ROOT_KEY}-2");
    let made = ask(&world, &second, json!({ "model": MODEL, "input": "one" })).await;
    assert_eq!(made.json()["id"], "resp_two", "{}", made.text());
    let next = json!({ "model": MODEL, "input": "two", "previous_response_id": "resp_two" });
    let mut after = ask(&world, ROOT_KEY, next.clone()).await;
    // Nobody waits for the note of where it is: the first call after it may be too early.
    for _ in 0..50 {
        if after.status == 200 {
            break;
        }
        after = ask(&world, ROOT_KEY, next.clone()).await;
    }
    assert_eq!((after.status, &after.json()["id"]), (200, &json!("resp_two")), "{}", after.text());
    let read = call(&world, ROOT_KEY, "GET", "/v1/responses/resp_one").await;
    assert_eq!((read.status, &read.json()["id"]), (200, &json!("resp_one")), "{}", read.text());
    // Never seen here: whoever has it answers.
    let read = call(&world, ROOT_KEY, "GET", "/v1/responses/resp_two").await;
    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(call(&world, ROOT_KEY, "DELETE", "/v1/responses/resp_one").await.status, 200);
    assert!(one.seen().iter().any(|seen| seen.method == "DELETE"));
    assert_eq!(call(&world, ROOT_KEY, "GET", "/v1/responses/resp_three").await.status, 404);
}
