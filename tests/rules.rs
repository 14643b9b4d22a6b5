//! The rules of conversion that are the proxy's own: what no codec can keep by itself.

use crate::harness::{CUSTOMER_KEY, MODEL, World, channel, chunk, customer, good, request, usage_chunk};
use bytes::Bytes;
use magic_testkit::client::H1;
use magic_testkit::process::ROOT_KEY;
use magic_testkit::vendor::{Gate, Proto, Script, Step, Vendor};
use serde_json::{Value, json};

fn chat_only(vendor: &Vendor, more: &str) -> String {
    channel("a", vendor, more).replace("\"custom\"", "19")
}

fn claude(vendor: &Vendor) -> String {
    channel("a", vendor, "").replace("\"custom\"", "53")
}

/// Faces that stream, and what ends their streams.
fn streams() -> [(String, Value, &'static str); 4] {
    let turns = json!([{ "role": "user", "content": "hi" }]);
    [
        (
            "/v1/chat/completions".into(),
            json!({ "model": MODEL, "stream": true, "messages": turns }),
            "[DONE]",
        ),
        (
            "/v1/responses".into(),
            json!({ "model": MODEL, "stream": true, "input": "hi" }),
            "response.completed",
        ),
        (
            "/v1/messages".into(),
            json!({ "model": MODEL, "stream": true, "max_tokens": 9, "messages": turns }),
            "message_stop",
        ),
        (
            format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"),
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] }),
            "finishReason",
        ),
    ]
}

#[tokio::test]
async fn c24_usage_is_asked_for_and_billed_whoever_wants_to_see_it() {
    let vendor = good(Proto::H1);
    let world = World::new(format!("{}{}", chat_only(&vendor, ""), customer(1.0)));
    for (path, body, _) in streams() {
        let told = world.post(&path, CUSTOMER_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(told.status, 200, "{path}: {}", told.text());
        let asked = vendor.seen().pop().unwrap().json();
        assert_eq!(asked["stream_options"]["include_usage"], true, "{path}");
    }
    for row in world.logs(4).await {
        assert_eq!(
            (&row["prompt_tokens"], &row["completion_tokens"], &row["mark"]),
            (&json!(10), &json!(5), &json!("reported")),
            "{row}"
        );
    }
    world.verify();
}

#[tokio::test]
async fn c27_c41_what_only_its_own_dialect_knows_reaches_it() {
    let vendor = Vendor::start(Proto::H1, |_| {
        let usage = json!({ "input_tokens": 1, "output_tokens": 1 });
        Script::json(
            200,
            json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{ "type": "text", "text": "x" }], "stop_reason": "end_turn", "usage": usage,
            "new_member": [1.50] })
            .to_string()
            .replace("1.5]", "1.50]"),
        )
    });
    let world = World::new(claude(&vendor));
    let body = format!(
        r#"{{"model":"{MODEL}","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"text","text":"hi","cache_control":{{"type":"ephemeral","scope":"x"}}}}]}}],"brand_new":{{"b":1,"a":2.50}}}}"#
    );
    let fields = [("anthropic-beta", "one-1,two-2"), ("anthropic-version", "2099-01-01"), ("x-secret", "s")];
    let told = world.post("/v1/messages", ROOT_KEY, &fields, body.as_bytes()).await;
    assert!(told.text().contains("\"new_member\":[1.50]"), "{}", told.text());
    let sent = vendor.seen().pop().unwrap();
    assert_eq!(&sent.body[..], body.as_bytes(), "byte for byte");
    assert_eq!(
        (sent.headers["anthropic-beta"].as_str(), sent.headers["anthropic-version"].as_str()),
        ("one-1,two-2", "2099-01-01")
    );
    assert!(!sent.headers.contains_key("x-secret"));
}

#[tokio::test]
async fn c35_an_error_before_content_is_a_status_and_after_it_an_event() {
    let broken = |first: &'static [&'static str]| {
        move |_: &magic_testkit::vendor::Seen| {
            let mut steps: Vec<Step> = first.iter().map(|text| step(&chunk(text))).collect();
            steps.push(step(r#"{"error":{"message":"it broke","type":"server_error"}}"#));
            Script::Pieces { status: 200, content_type: "text/event-stream", steps }
        }
    };
    let early = Vendor::start(Proto::H1, broken(&[]));
    let late = Vendor::start(Proto::H1, broken(&["some", "text"]));
    for (vendor, delivered) in [(&early, false), (&late, true)] {
        let world = World::with(chat_only(vendor, ""), false, vec![("RETRY_TIMES", "0".into())]);
        for (path, body, _) in streams() {
            let told = world.post(&path, ROOT_KEY, &[], body.to_string().as_bytes()).await;
            assert_eq!(told.status == 200, delivered, "{path}: {} {}", told.status, told.text());
            assert!(told.text().contains("it broke"), "{path}: {}", told.text());
            let ends_well = ["[DONE]", "response.completed", "message_stop", "finishReason"];
            assert!(!ends_well.iter().any(|end| told.text().contains(end)), "{path}: {}", told.text());
        }
        world.verify();
    }
}

fn step(event: &str) -> Step {
    Step::Send(Bytes::from(format!("data: {event}\n\n")))
}

#[tokio::test]
async fn c36_a_waiting_caller_is_kept_alive_in_their_dialect() {
    for ((path, body, end), ping) in streams().into_iter().zip([
        ": ping\n\n",
        ": ping\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        ": ping",
    ]) {
        let gate = Gate::new();
        let waits = gate.clone();
        let vendor = Vendor::start(Proto::H1, move |_| {
            let steps = vec![
                Step::Wait(waits.clone()),
                step(&chunk("hello")),
                step(&usage_chunk(1, 1)),
                step("[DONE]"),
            ];
            Script::Pieces { status: 200, content_type: "text/event-stream", steps }
        });
        let config = format!("[server]\ntimeouts = {{ keepalive_ms = 50 }}\n{}", chat_only(&vendor, ""));
        let world = World::new(config);
        let mut client = H1::connect(world.gateway.address).await;
        let bearer = format!("Bearer {ROOT_KEY}");
        let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        client.send("POST", &path, &fields, body.to_string().as_bytes()).await;
        assert!(client.read_until(ping).await, "{path}");
        gate.open();
        assert!(client.read_until(end).await, "{path}");
    }
}

#[tokio::test]
async fn c37_the_same_request_is_the_same_bytes_after_a_failure_too() {
    let failing = Vendor::start(Proto::H1, |_| Script::json(500, "{}"));
    let vendor = good(Proto::H1);
    let world = World::new(format!(
        "{}{}",
        chat_only(&failing, "priority = 1\n"),
        chat_only(&vendor, "").replace("\"a\"", "\"b\"")
    ));
    let tool = |name: &str| {
        json!({ "name": name, "description": "d", "input_schema": { "type": "object",
        "properties": { "z": { "type": "string" }, "a": { "type": "number" } } } })
    };
    let body = json!({ "model": MODEL, "max_tokens": 9, "tools": [tool("second"), tool("first")],
        "messages": [{ "role": "user", "content": "hi" }] });
    for _ in 0..3 {
        let told = world.post("/v1/messages", ROOT_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(told.status, 200, "{}", told.text());
    }
    let bodies: Vec<Bytes> =
        failing.seen().iter().chain(&vendor.seen()).map(|seen| seen.body.clone()).collect();
    assert!(bodies.len() >= 4 && bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

#[tokio::test]
async fn c38_several_answers_are_refused_where_a_vendor_gives_one() {
    let vendor = good(Proto::H1);
    let world = World::new(claude(&vendor));
    let mut body = request(false);
    body["n"] = json!(2);
    let told = world.chat(&body).await;
    assert_eq!((told.status, &told.json()["error"]["param"]), (400, &json!("n")), "{}", told.text());
    assert!(vendor.seen().is_empty());
}
