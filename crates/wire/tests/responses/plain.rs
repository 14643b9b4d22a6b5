//! What recorded JSON says, read the simple way: the codec must find the same.

use magic_domain::usage::Bucket;
use magic_wire::chat::{Body, ChatReply, Stop};
use serde_json::{Map, Value, json};

/// What a caller can tell of an answer.
#[derive(Debug, PartialEq)]
pub struct Seen {
    text: String,
    refusal: String,
    reasoning: Vec<String>,
    /// How many seals: OpenAI encrypts the same anew for the last event.
    sealed: usize,
    calls: Vec<(String, String, Value)>,
    hosted: Vec<Value>,
    sources: Vec<String>,
    stop: &'static str,
    /// All of the input, its cached part, all of the output, its reasoning.
    usage: Option<[u64; 4]>,
}

/// The arguments; those of a truncated answer are no JSON, and are told as they are (C42).
fn parsed(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into())
}

pub fn read_plainly(response: &Value) -> Seen {
    let mut seen = Seen {
        text: String::new(),
        refusal: String::new(),
        reasoning: Vec::new(),
        sealed: 0,
        calls: Vec::new(),
        hosted: Vec::new(),
        sources: Vec::new(),
        stop: "end",
        usage: None,
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let mut before = "";
    let output = list(&response["output"]);
    for item in &output {
        match item["type"].as_str().unwrap() {
            "message" => {
                if before == "message" && !seen.text.is_empty() {
                    seen.text.push_str("\n\n");
                }
                for part in list(&item["content"]) {
                    seen.text.push_str(&text(&part["text"]));
                    seen.refusal.push_str(&text(&part["refusal"]));
                    let notes = list(&part["annotations"]);
                    seen.sources.extend(
                        notes.iter().filter(|n| n["type"] == "url_citation").map(|n| text(&n["url"])),
                    );
                }
            }
            "reasoning" => {
                let name = if list(&item["summary"]).is_empty() { "content" } else { "summary" };
                let texts: Vec<String> = list(&item[name]).iter().map(|part| text(&part["text"])).collect();
                seen.reasoning.extend(Some(texts.join("\n\n")).filter(|text| !text.is_empty()));
                seen.sealed += usize::from(item["encrypted_content"].as_str().is_some_and(|s| !s.is_empty()));
            }
            "function_call" => {
                let arguments = parsed(item["arguments"].as_str().unwrap());
                seen.calls.push((text(&item["call_id"]), text(&item["name"]), arguments));
            }
            _ => seen.hosted.push(item.clone()),
        }
        before = item["type"].as_str().unwrap();
    }
    seen.stop = match (response["status"].as_str(), response["incomplete_details"]["reason"].as_str()) {
        (Some("incomplete"), Some("content_filter")) => "filtered",
        (Some("incomplete"), _) => "length",
        _ if !seen.calls.is_empty() => "calls",
        _ => "end",
    };
    let usage = &response["usage"];
    seen.usage = usage.is_object().then(|| {
        let (input, output) =
            (usage["input_tokens"].as_u64().unwrap(), usage["output_tokens"].as_u64().unwrap());
        // What the total has more was thought (xAI).
        let more = usage["total_tokens"].as_u64().unwrap_or(0).saturating_sub(input + output);
        let cached = usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
        let thought = usage["output_tokens_details"]["reasoning_tokens"].as_u64().unwrap_or(0);
        [input, cached.min(input), output + more, thought.max(more)]
    });
    seen
}

pub fn seen(reply: &ChatReply) -> Seen {
    let choice = reply.choices.first().unwrap();
    let mut seen = Seen {
        text: String::new(),
        refusal: String::new(),
        reasoning: Vec::new(),
        sealed: 0,
        calls: Vec::new(),
        hosted: Vec::new(),
        sources: Vec::new(),
        stop: match choice.stop {
            Stop::End => "end",
            Stop::Length => "length",
            Stop::ToolCalls => "calls",
            Stop::Filtered => "filtered",
            _ => "other",
        },
        usage: reply.usage.map(|usage| {
            let (cached, thought) = (usage.get(Bucket::CacheRead), usage.get(Bucket::Reasoning));
            [usage.input_total(), cached, usage.output_total(), thought]
        }),
    };
    for part in &choice.parts {
        match &part.body {
            Body::Text { text, annotations } => {
                seen.text.push_str(text);
                seen.sources.extend(annotations.iter().map(|note| note.url.clone()));
            }
            Body::Refusal(text) => seen.refusal.push_str(text),
            Body::Reasoning(reasoning) => {
                seen.reasoning.extend(Some(reasoning.text.clone()).filter(|text| !text.is_empty()));
                seen.sealed += usize::from(reasoning.seal.is_some());
            }
            Body::Call(call) => {
                let arguments = parsed(&call.arguments);
                seen.calls.push((call.id.clone(), call.name.clone(), arguments));
            }
            Body::Opaque { json, .. } => seen.hosted.push(json.tree()),
            other => panic!("{other:?}"),
        }
    }
    seen
}

/// The response object that a stream ends with; some recordings hold several streams.
pub fn terminal(stream: &str) -> Option<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok());
    let mut ends = events.filter(|event| {
        ["response.completed", "response.incomplete", "response.failed"]
            .contains(&event["type"].as_str().unwrap_or_default())
    });
    ends.next().map(|event| event["response"].clone())
}

/// A request in the one form among equals: a text is a list of one part, a message says that it is one,
/// instructions are the first message, what is null or the default is not there, `status` of an input item
/// means nothing to anybody.
pub fn normal(body: &Value) -> Value {
    let mut body = body.as_object().unwrap().clone();
    let mut items: Vec<Value> = Vec::new();
    if let Some(Value::String(text)) = body.remove("instructions") {
        items.push(message("system", &text));
    }
    match body.remove("input") {
        Some(Value::String(text)) => items.push(message("user", &text)),
        Some(Value::Array(list)) => items.extend(list.iter().map(item)),
        _ => {}
    }
    body.insert("input".into(), Value::Array(items));
    body.retain(|_, value| !value.is_null());
    if let Some(Value::Object(reasoning)) = body.get_mut("reasoning") {
        reasoning.retain(|_, value| !value.is_null());
    }
    if let Some(Value::Array(tools)) = body.get_mut("tools") {
        tools
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|tool| tool.retain(|_, value| !value.is_null()));
    }
    if body.get("stream") == Some(&json!(false)) {
        body.remove("stream");
    }
    if body.get("text").is_some_and(|text| *text == json!({"format": {"type": "text"}})) {
        body.remove("text");
    }
    for name in ["temperature", "top_p"] {
        if let Some(number) = body.get(name).and_then(Value::as_f64) {
            body.insert(name.into(), json!(number));
        }
    }
    Value::Object(body)
}

fn message(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" { "output_text" } else { "input_text" };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

fn item(item: &Value) -> Value {
    let mut item: Map<String, Value> = item.as_object().unwrap().clone();
    item.retain(|_, value| !value.is_null());
    if item.contains_key("role") {
        item.insert("type".into(), json!("message"));
    }
    let kind = item["type"].as_str().unwrap().to_owned();
    if kind == "message"
        && let Value::String(text) = &item["content"]
    {
        let made = message(item["role"].as_str().unwrap(), text);
        item.insert("content".into(), made["content"].clone());
    }
    if ["reasoning", "function_call", "function_call_output"].contains(&kind.as_str()) {
        item.remove("status");
    }
    if let Some(Value::Array(parts)) = item.get_mut("content") {
        for part in parts.iter_mut().filter_map(Value::as_object_mut) {
            part.retain(|name, value| {
                !["annotations", "logprobs"].contains(&name.as_str()) || *value != json!([])
            });
        }
    }
    Value::Object(item)
}
