//! Recorded traffic of OpenAI-shaped vendors through the gateway: same bytes both ways, unknown fields included.

use crate::harness::World;
use magic_testkit::client::h1;
use magic_testkit::corpus::{Exchange, exchanges};
use magic_testkit::vendor::{Proto, Script, Vendor};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const BEARER: &str = "Bearer sk-roottoken0123456789";

/// The path of an endpoint that is relayed in the same dialect.
fn path(exchange: &Exchange) -> Option<&'static str> {
    let (vendor, endpoint) = exchange.endpoint.split_once('.')?;
    // These speak OpenAI's dialect at these endpoints; others' embeddings and the like are their own.
    let own = [
        "openai",
        "azure",
        "mistral",
        "groq",
        "deepseek",
        "openrouter",
        "together",
        "cerebras",
        "vllm_local",
        "perplexity",
        "tgi",
        "ollama",
        "llamacpp",
        "xai",
        "zhipu",
        "ali",
        "huggingface",
        "lmstudio",
        "venice",
        "snowflake",
        "gpustack",
        "doubleword",
        "crusoe",
    ];
    if !own.contains(&vendor) {
        return None;
    }
    match endpoint {
        "chat.completions" => Some("/v1/chat/completions"),
        "completions" => Some("/v1/completions"),
        "responses" => Some("/v1/responses"),
        "embeddings" => Some("/v1/embeddings"),
        "moderations" => Some("/v1/moderations"),
        "images.generations" => Some("/v1/images/generations"),
        _ => None,
    }
}

/// A stream without the usage-only chunks that a caller who did not ask must not get.
fn without_usage(text: &str) -> String {
    let is_usage = |frame: &&str| {
        let data = frame.lines().find_map(|line| line.strip_prefix("data:")).unwrap_or("").trim();
        let Ok(value) = serde_json::from_str::<Value>(data) else { return false };
        let empty = value["choices"].as_array().is_none_or(Vec::is_empty);
        value["usage"].is_object() && empty && value.get("prompt_filter_results").is_none_or(Value::is_null)
    };
    let line = if text.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    text.split_inclusive(line).filter(|frame| !is_usage(frame)).collect()
}

#[tokio::test]
async fn recorded_traffic_passes_unchanged() {
    let all = exchanges(|exchange| {
        path(exchange).is_some()
            && exchange.status() == 200
            && exchange.body().is_some_and(|body| body["model"].is_string())
    });
    let models: BTreeSet<String> =
        all.iter().map(|e| e.body().unwrap()["model"].as_str().unwrap().to_owned()).collect();
    let script = Arc::new(Mutex::new(Script::Hangup));
    let answer = script.clone();
    let vendor = Vendor::start(Proto::H1, move |_| answer.lock().clone());
    let config = format!(
        "[[channels]]\nname = \"all\"\ntype = \"custom\"\nbase_url = \"{}\"\nkey = \"sk-vendor\"\nmodels = {}\n",
        vendor.base_url(),
        json!(models)
    );
    let world = World::new(config);
    let (mut whole, mut streams) = (0, 0);
    for exchange in &all {
        let (Some(path), Some(bytes), Some(body)) = (path(exchange), exchange.answer(), exchange.body())
        else {
            continue;
        };
        let sse = bytes.starts_with(b"data:")
            || bytes.starts_with(b"event:")
            || bytes.starts_with(b":")
            || bytes.starts_with(b"id:");
        if sse != (body["stream"] == true) {
            continue; // the request of another exchange was kept with this answer
        }
        let kind = if sse { "text/event-stream" } else { "application/json" };
        *script.lock() = Script::Whole {
            status: 200,
            headers: vec![("content-type", kind.into())],
            body: bytes.clone().into(),
        };
        let sent = body.to_string();
        let fields = [("authorization", BEARER), ("content-type", "application/json")];
        let got = h1(world.gateway.address, "POST", path, &fields, sent.as_bytes()).await;
        assert_eq!(got.status, 200, "{}: {}", exchange.id, got.text());
        let seen = vendor.seen().pop().unwrap();
        let asked = body["stream_options"]["include_usage"] == true;
        let injects = sse && !asked && matches!(path, "/v1/chat/completions" | "/v1/completions");
        if injects {
            let mut expected = body.clone();
            expected["stream_options"] = match body["stream_options"].clone() {
                Value::Object(mut members) => {
                    members.insert("include_usage".into(), true.into());
                    Value::Object(members)
                }
                _ => json!({ "include_usage": true }),
            };
            assert_eq!(seen.json(), expected, "{}", exchange.id);
        } else {
            assert_eq!(seen.body, sent.as_bytes(), "{}", exchange.id);
        }
        let text = String::from_utf8(bytes).unwrap();
        // A stream recorded without its end is told so; everything before is the same.
        let expected = if injects { without_usage(&text) } else { text };
        if sse && got.text() != expected {
            let rest = got.text().strip_prefix(expected.trim_end()).map(|rest| rest.trim().to_owned());
            assert!(
                rest.is_some_and(|rest| rest.contains("upstream_error")),
                "{}: {}",
                exchange.id,
                got.text()
            );
        } else {
            assert_eq!(got.text(), expected, "{}", exchange.id);
        }
        streams += usize::from(sse);
        whole += usize::from(!sse);
    }
    println!("{whole} whole answers and {streams} streams pass unchanged");
    assert!(all.is_empty() || (whole > 150 && streams > 120), "{whole} and {streams}");
    world.verify();
}
