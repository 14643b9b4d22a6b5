//! What a channel can do: found out, kept, and used when calls are routed.

use crate::harness::{CUSTOMER_KEY, MODEL, World, channel, chunk, completion, customer, request};
use magic_testkit::client::{Answer, h1};
use magic_testkit::process::{ROOT_KEY, run};
use magic_testkit::vendor::{Proto, Script, Seen, Vendor};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a vendor of these tests can't do.
#[derive(Clone, Copy, PartialEq)]
enum Gap {
    None,
    Tools,
    /// It calls tools, but only of its own choice.
    Forced,
    Schema,
    Pictures,
    Busy,
}

fn refused(status: u16, message: &str) -> Script {
    let kind = if status == 429 { "rate_limit_error" } else { "invalid_request_error" };
    Script::json(status, json!({ "error": { "message": message, "type": kind } }).to_string())
}

fn calls(cities: &[&str]) -> Script {
    let calls: Vec<Value> = cities
        .iter()
        .enumerate()
        .map(|(n, city)| {
            let arguments = json!({ "city": city }).to_string();
            json!({ "id": format!("call_{n}"), "type": "function", "function": { "name": "get_weather", "arguments": arguments } })
        })
        .collect();
    let mut reply = completion("", 10, 5);
    reply["choices"][0]["message"] = json!({ "role": "assistant", "content": null, "tool_calls": calls });
    reply["choices"][0]["finish_reason"] = "tool_calls".into();
    Script::json(200, reply.to_string())
}

/// A vendor that speaks OpenAI's chat, with a gap.
fn vendor(gap: Gap) -> Vendor {
    Vendor::start(Proto::H1, move |seen: &Seen| {
        let body = seen.json();
        let said = body["messages"].to_string();
        let told = |text: &str| Script::json(200, completion(text, 10, 5).to_string());
        let special = body.as_object().unwrap().len() > 2 || said.contains("image_url");
        if gap == Gap::Busy && special {
            return refused(429, "slow down, sk-vendor-key-0123456789");
        }
        if body["stream"] == true {
            return Script::sse([chunk("hello"), crate::harness::usage_chunk(10, 5), "[DONE]".into()]);
        }
        if body["tools"].is_array() {
            return match gap {
                Gap::Forced if body["tool_choice"].is_object() => refused(400, "tool_choice is unknown"),
                Gap::Tools => refused(400, "tools are not for sk-vendor-key-0123456789"),
                _ if said.contains("Tokyo") => calls(&["Paris", "Tokyo"]),
                _ => calls(&["Paris"]),
            };
        }
        if body["response_format"]["type"] == "json_schema" {
            let schema = &body["response_format"]["json_schema"];
            assert_eq!(schema["schema"]["required"], json!(["city", "river"]));
            return match gap {
                Gap::Schema => told("Paris, on the Seine"),
                _ => told(r#"{"city":"Paris","river":"Seine"}"#),
            };
        }
        if said.contains("image_url") {
            assert!(said.contains("data:image/png;base64,iVBOR"));
            return match gap {
                Gap::Pictures => refused(400, "no pictures, please"),
                _ => told("Yellow."),
            };
        }
        if body["reasoning_effort"] == "low" {
            let mut reply = completion("942", 10, 50);
            reply["usage"]["completion_tokens_details"] = json!({ "reasoning_tokens": 40 });
            return Script::json(200, reply.to_string());
        }
        if said.contains("\"system\"") {
            return told("Pineapple");
        }
        if body["stop"] == json!(["three"]) {
            return told("one two ");
        }
        told("hello")
    })
}

/// The verdicts of a check, by feature, and its reasons.
fn verdicts(findings: &Value) -> (BTreeMap<String, String>, String) {
    let rows = findings.as_array().unwrap();
    let of = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    (rows.iter().map(|row| (of(row, "feature"), of(row, "verdict"))).collect(), findings.to_string())
}

fn but<'a>(no: &[&'a str], verdict: &'a str) -> BTreeMap<String, String> {
    let all = [
        "chat",
        "stream",
        "tools",
        "parallel_tools",
        "images",
        "reasoning",
        "structured_output",
        "cache_marks",
        "system_prompt",
        "stop",
    ];
    let of = |name: &&str| if no.contains(name) { verdict } else { "yes" };
    all.iter().map(|name| ((*name).to_owned(), of(name).to_owned())).collect()
}

/// A vendor whose dialect has no marks of the cache.
fn unmarked(mut found: BTreeMap<String, String>) -> BTreeMap<String, String> {
    found.insert("cache_marks".to_owned(), "unclear".to_owned());
    found
}

async fn id_of(world: &World, name: &str) -> i64 {
    let rows = world.api("GET", "/api/channel/", None).await.json();
    let rows = rows["data"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap()["id"].as_i64().unwrap()
}

async fn check(world: &World, name: &str) -> Value {
    let path = format!("/api/channel/{}/conformance", id_of(world, name).await);
    let answer = world.api("POST", &path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

async fn known(world: &World, name: &str) -> Value {
    let path = format!("/api/channel/{}/conformance", id_of(world, name).await);
    world.api("GET", &path, None).await.json()["data"].clone()
}

fn with(extra: Value) -> Value {
    let mut body = request(false);
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn tool() -> Value {
    json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } })
}

fn schema() -> Value {
    json!({ "type": "json_schema", "json_schema": { "name": "s", "schema": { "type": "object" } } })
}

async fn explained(world: &World, body: &Value) -> Answer {
    world
        .post("/v1/chat/completions", ROOT_KEY, &[("x-magic-explain", "1")], body.to_string().as_bytes())
        .await
}

/// Claude, with everything.
fn claude(seen: &Seen) -> Script {
    let body = seen.json();
    let said = body["messages"].to_string();
    let reply = |content: Value, stop: &str| {
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": { "input_tokens": 10, "output_tokens": 5 } })
    };
    let text = |text: &str| {
        Script::json(200, reply(json!([{ "type": "text", "text": text }]), "end_turn").to_string())
    };
    if body["stream"] == true {
        let events = [
            json!({ "type": "message_start", "message": reply(json!([]), "end_turn") }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "hello" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 5 } }),
            json!({ "type": "message_stop" }),
        ];
        return Script::sse(events.map(|event| event.to_string()));
    }
    let call = |id: &str, city: &str| json!({ "type": "tool_use", "id": id, "name": "get_weather", "input": { "city": city } });
    if said.contains("weather") {
        let mut content = vec![call("toolu_1", "Paris")];
        content.extend(said.contains("Tokyo").then(|| call("toolu_2", "Tokyo")));
        return Script::json(200, reply(content.into(), "tool_use").to_string());
    }
    if body["output_config"]["format"]["type"] == "json_schema" {
        return text(r#"{"city":"Paris","river":"Seine"}"#);
    }
    if said.contains("image/png") {
        return text("yellow");
    }
    if body.get("thinking").is_some() || body["output_config"]["effort"] == "low" {
        let thought = json!({ "type": "thinking", "thinking": "391 + 551", "signature": "s" });
        return Script::json(
            200,
            reply(json!([thought, { "type": "text", "text": "942" }]), "end_turn").to_string(),
        );
    }
    if body["system"].to_string().contains("pineapple") {
        return text("pineapple");
    }
    if body["stop_sequences"] == json!(["three"]) {
        return text("one two ");
    }
    text("hello")
}

#[tokio::test]
async fn a_vendor_that_can_everything_is_found_to_and_pays_for_nothing() {
    let vendor = Vendor::start(Proto::H1, claude);
    let world = World::new(format!(
        "[[channels]]\nname = \"a\"\ntype = \"anthropic\"\nbase_url = \"{}\"\nkey = \"k\"\nmodels = [\"best\"]\nmodel_mapping = {{ best = \"claude-opus-4-5\" }}\n",
        vendor.base_url()
    ));
    let checked = check(&world, "a").await;
    assert_eq!(verdicts(&checked["findings"]), (but(&[], ""), checked["findings"].to_string()));
    assert_eq!((&checked["model"], &checked["upstream_model"]), (&json!("best"), &json!("claude-opus-4-5")));
    assert_eq!(vendor.hits(), 10, "one call for each");
    assert!(vendor.seen().iter().any(|seen| seen.json().to_string().contains("cache_control")));
    let rows = known(&world, "a").await;
    assert_eq!(verdicts(&rows).0, but(&[], ""));
    assert!(rows[0]["model"] == "claude-opus-4-5" && rows[0]["checked_at"].as_i64().unwrap() > 1_700_000_000);
    let log = world.api("GET", "/api/log/", None).await.json();
    assert_eq!(log["data"][0]["content"], "conformance check: 10 work, 0 unclear", "{log}");
    assert_eq!(log["data"][0]["quota"], 0);
    world.verify();
}

#[tokio::test]
async fn calls_with_tools_avoid_a_channel_that_refuses_them() {
    let (without, able) = (vendor(Gap::Tools), vendor(Gap::None));
    let config = [
        channel("without", &without, "priority = 9\nmodel_mapping = { only = \"gpt-4o-mini\" }"),
        channel("able", &able, ""),
        customer(1.0),
    ];
    let world = World::new(config.concat());
    let tools = with(json!({ "tools": [tool()] }));
    assert_eq!(world.chat(&tools).await.status, 400, "nothing is known yet");
    let checked = check(&world, "without").await;
    let (found, reasons) = verdicts(&checked["findings"]);
    assert_eq!(found, unmarked(but(&["tools", "parallel_tools"], "no")));
    assert!(reasons.contains("status 400: tools are not for [key]"), "{reasons}");
    let before = without.hits();
    assert_eq!(world.chat(&tools).await.status, 200);
    let user = json!([{ "role": "user", "content": "hi" }]);
    for (path, body) in [
        ("/v1/chat/completions", json!({ "model": MODEL, "messages": user, "functions": [{ "name": "f" }] })),
        (
            "/v1/responses",
            json!({ "model": MODEL, "input": "hi", "tools": [{ "type": "function", "name": "f", "parameters": {} }] }),
        ),
        (
            "/v1/messages",
            json!({ "model": MODEL, "max_tokens": 9, "messages": user, "tools": [{ "name": "f", "input_schema": { "type": "object" } }] }),
        ),
        (
            "/v1beta/models/gpt-4o-mini:generateContent",
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }], "tools": [{ "functionDeclarations": [{ "name": "f" }] }] }),
        ),
    ] {
        let answer = world.post(path, ROOT_KEY, &[], body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    assert_eq!((without.hits(), able.hits()), (before, 5));
    assert_eq!(world.chat(&request(false)).await.status, 200);
    assert_eq!(without.hits(), before + 1, "everything else goes where it went");
    let told = explained(&world, &tools).await.json();
    assert_eq!(told["needs"], json!(["tools"]));
    assert_eq!(told["refused"][0]["name"], "without");
    assert_eq!(told["refused"][0]["reason"], "has failed the conformance check for tools");
    // With nobody else the call is refused all the same, and says why.
    let mut alone = tools.clone();
    alone["model"] = "only".into();
    let answer = world.chat(&alone).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "no_available_channel"));
    assert!(
        answer.text().contains("(without): has failed the conformance check for tools"),
        "{}",
        answer.text()
    );
    let answer = world.chat_as(CUSTOMER_KEY, &alone).await.text();
    assert!(answer.contains("candidate 1: has failed the conformance check for tools"), "{answer}");
    assert!(!answer.contains("without"), "{answer}");
    // A person who names the channel may see for themselves.
    let pinned = format!("{ROOT_KEY}-{}", id_of(&world, "without").await);
    assert_eq!(world.chat_as(&pinned, &tools).await.status, 400);
    world.verify();
}

#[tokio::test]
async fn a_vendor_that_ignores_a_schema_gets_none_and_a_blind_one_no_pictures() {
    let (loose, blind, able) = (vendor(Gap::Schema), vendor(Gap::Pictures), vendor(Gap::None));
    let config = [
        channel("loose", &loose, "priority = 9"),
        channel("blind", &blind, "priority = 8"),
        channel("able", &able, ""),
    ];
    let world = World::new(config.concat());
    let (found, reasons) = verdicts(&check(&world, "loose").await["findings"]);
    assert_eq!(found, unmarked(but(&["structured_output"], "no")));
    assert!(reasons.contains("the schema was ignored; it said: Paris, on the Seine"), "{reasons}");
    let (found, _) = verdicts(&check(&world, "blind").await["findings"]);
    assert_eq!(found, unmarked(but(&["images"], "no")));
    let first = async |body: &Value| explained(&world, body).await.json()["candidates"][0]["name"].clone();
    let picture = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }] }]);
    assert_eq!(first(&request(false)).await, "loose");
    assert_eq!(first(&with(json!({ "response_format": schema() }))).await, "blind");
    assert_eq!(first(&with(json!({ "response_format": { "type": "json_object" } }))).await, "loose");
    assert_eq!(first(&with(json!({ "response_format": schema(), "messages": picture }))).await, "able");
    assert_eq!(first(&with(json!({ "messages": picture }))).await, "loose");
    assert_eq!(first(&with(json!({ "reasoning_effort": "high" }))).await, "loose");
    // One that can't be forced to call a tool can call tools all the same.
    let forced = vendor(Gap::Forced);
    let lone = World::new(channel("forced", &forced, ""));
    let (found, reasons) = verdicts(&check(&lone, "forced").await["findings"]);
    assert_eq!(found, unmarked(but(&[], "no")));
    assert!(reasons.contains("but it can't be made to call a tool"), "{reasons}");
    // What is known outlives the process.
    let mut world = world;
    world.restart();
    let told = explained(&world, &with(json!({ "response_format": schema() }))).await.json();
    assert_eq!(told["refused"][0]["reason"], "has failed the conformance check for structured_output");
}

#[tokio::test]
async fn findings_are_forgotten_with_the_key_they_were_made_with() {
    let without = vendor(Gap::Tools);
    let world = World::new("");
    let new = json!({ "type": 8, "name": "a", "key": "sk-first-key-000001", "models": MODEL, "base_url": without.base_url() });
    let made = world.api("POST", "/api/channel/", Some(new)).await.json();
    let id = &made["data"]["ids"][0];
    check(&world, "a").await;
    let tools = with(json!({ "tools": [tool()] }));
    assert_eq!(world.chat(&tools).await.status, 503);
    let rename = json!({ "id": id, "name": "a", "priority": 3 });
    assert_eq!(world.api("PUT", "/api/channel/", Some(rename)).await.status, 200);
    assert_eq!(known(&world, "a").await.as_array().unwrap().len(), 10);
    assert_eq!(world.chat(&tools).await.status, 503);
    let change = json!({ "id": id, "key": "sk-second-key-000002" });
    assert_eq!(world.api("PUT", "/api/channel/", Some(change)).await.status, 200);
    assert_eq!(known(&world, "a").await, json!([]));
    assert_eq!(world.chat(&tools).await.status, 400, "the vendor is asked again");
}

#[tokio::test]
async fn a_busy_or_closed_vendor_has_shown_nothing() {
    let busy = vendor(Gap::Busy);
    let closed = Vendor::start(Proto::H1, |_| {
        Script::json(401, r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#)
    });
    let world = World::new([channel("busy", &busy, ""), channel("closed", &closed, "")].concat());
    let (found, reasons) = verdicts(&check(&world, "busy").await["findings"]);
    let shown = ["chat", "system_prompt"];
    for (feature, verdict) in &found {
        let expected = match feature.as_str() {
            name if shown.contains(&name) => "yes",
            _ => "unclear",
        };
        assert_eq!(verdict, expected, "{feature}: {reasons}");
    }
    assert!(reasons.contains("slow down") && !reasons.contains("sk-vendor"), "{reasons}");
    let (found, reasons) = verdicts(&check(&world, "closed").await["findings"]);
    assert!(found.values().all(|verdict| verdict == "unclear"), "{reasons}");
    assert_eq!(closed.hits(), 1, "nine more refusals tell nothing");
    let told = explained(&world, &with(json!({ "tools": [tool()], "stream": true }))).await.json();
    assert_eq!(told["refused"], json!([]));
    for (path, status) in [
        (format!("/api/channel/{}/conformance?model=other", id_of(&world, "busy").await), 422),
        ("/api/channel/99/conformance".to_owned(), 404),
    ] {
        assert_eq!(world.api("POST", &path, None).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn the_command_prints_what_works_and_fails_where_something_does_not() {
    let (without, vendor) = (vendor(Gap::Tools), Vendor::start(Proto::H1, claude));
    let config = [
        channel("no tools", &without, ""),
        format!(
            "[[channels]]\nname = \"claude\"\ntype = \"anthropic\"\nbase_url = \"{}\"\nkey = \"k\"\nmodels = [\"claude-opus-4-5\"]\n",
            vendor.base_url()
        ),
    ];
    let world = World::new(config.concat());
    let url = format!("http://{}", world.gateway.address);
    let made = world.api("POST", "/api/user/token", None).await.json();
    let token = made["data"].as_str().unwrap().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let magic = |args: &[&str], token: &str| {
        let all: Vec<&str> = [&["conformance", "--url", &url][..], args].concat();
        let env: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("MAGIC_ACCESS_TOKEN", token)] };
        run(env!("CARGO_BIN_EXE_magic"), dir.path(), &all, env)
    };
    let (code, out, err) = magic(&["--channel", "no tools"], &token);
    assert_eq!((code, err.as_str()), (1, "magic: does not work: tools, parallel_tools\n"), "{out}");
    assert!(out.contains("(no tools), model gpt-4o-mini, "), "{out}");
    assert!(out.contains("\nchat               yes\n"), "{out}");
    assert!(out.contains("\ntools              no       status 400: tools are not for [key]\n"), "{out}");
    let id = id_of(&world, "claude").await.to_string();
    let (code, out, err) = magic(&["--channel", &id, "--model", "claude-opus-4-5", "--json"], &token);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((verdicts(&told["findings"]).0, &told["channel_name"]), (but(&[], ""), &json!("claude")));
    for (args, token, said) in [
        (&["--channel", "no tools"][..], "", "POST /api/user/token"),
        (&["--channel", "no tools"], "wrong", "refuses the access token"),
        (&["--channel", "no"], &token, "there is no channel \"no\""),
        (&["--channel", &id, "--model", "x"], &token, "does not offer the model x"),
    ] {
        let (code, out, err) = magic(args, token);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(said) && err.lines().count() == 1, "{err}");
    }
    let nobody = format!("http://127.0.0.1:{}", magic_testkit::db::free_port());
    // Nobody there, one who speaks another protocol, and no address at all.
    for url in [nobody, url.replace("http", "https"), "gateway".to_owned()] {
        let args = ["conformance", "--channel", "1", "--url", &url];
        let env = [("MAGIC_ACCESS_TOKEN", token.as_str())];
        let (code, out, err) = run(env!("CARGO_BIN_EXE_magic"), dir.path(), &args, &env);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains(&url) && err.lines().count() == 1 && !err.contains(&token), "{err}");
    }
    let missing =
        h1(world.gateway.address, "GET", "/api/channel/99/conformance", &[("authorization", &token)], b"")
            .await;
    assert_eq!(missing.status, 404);
}
