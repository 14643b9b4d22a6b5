//! A plain reading of recorded answers, which knows nothing of the codec.

use magic_domain::usage::{Bucket, Usage};
use magic_wire::chat::{Body, ChatReply, SealKind, Stop};
use serde_json::{Map, Value, json};

/// What an answer says, in the plainest form.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    pub thinking: String,
    /// Kind and data of every signature.
    pub seals: Vec<(bool, String)>,
    pub calls: Vec<(String, String, Value)>,
    pub hosted: Vec<Value>,
    pub sources: Vec<String>,
    pub stop: Option<Stop>,
    pub stop_text: Option<String>,
    pub usage: Option<Usage>,
}

/// What a recorded message says.
pub fn plainly(message: &Value) -> Said {
    let mut said = Said::default();
    for block in message["content"].as_array().unwrap() {
        let text = |name: &str| block[name].as_str().unwrap_or("").to_owned();
        match block["type"].as_str().unwrap() {
            "text" => {
                said.text += &text("text");
                for citation in block["citations"].as_array().into_iter().flatten() {
                    let url = citation["url"].as_str().or(citation["source"].as_str());
                    said.sources.extend(url.map(str::to_owned));
                }
            }
            "thinking" => {
                said.thinking += &text("thinking");
                if !text("signature").is_empty() {
                    said.seals.push((false, text("signature")));
                }
            }
            "redacted_thinking" => said.seals.push((true, text("data"))),
            "tool_use" => said.calls.push((text("id"), text("name"), block["input"].clone())),
            _ => said.hosted.push(block.clone()),
        }
    }
    said.stop = Some(match message["stop_reason"].as_str().unwrap_or("") {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::ToolCalls,
        "stop_sequence" => Stop::StopSequence,
        "refusal" => Stop::Filtered,
        "pause_turn" => Stop::Paused,
        _ => Stop::End,
    });
    said.stop_text = message["stop_sequence"].as_str().map(str::to_owned);
    said.usage = usage(&message["usage"]);
    said
}

fn usage(report: &Value) -> Option<Usage> {
    report.as_object()?;
    let one = vec![report.clone()];
    let rounds = report["iterations"].as_array().filter(|rounds| !rounds.is_empty()).unwrap_or(&one);
    let sum = |path: &str| {
        rounds.iter().map(|round| round.pointer(path).and_then(Value::as_u64).unwrap_or(0)).sum()
    };
    let written: u64 = sum("/cache_creation_input_tokens");
    let hour: u64 = sum("/cache_creation/ephemeral_1h_input_tokens");
    let output: u64 = sum("/output_tokens");
    let thinking =
        report.pointer("/output_tokens_details/thinking_tokens").and_then(Value::as_u64).unwrap_or(0);
    Some(
        Usage::default()
            .with(Bucket::Input, sum("/input_tokens"))
            .with(Bucket::CacheRead, sum("/cache_read_input_tokens"))
            .with(Bucket::CacheWrite5m, written - hour)
            .with(Bucket::CacheWrite1h, hour)
            .with(Bucket::Output, output - thinking)
            .with(Bucket::Reasoning, thinking),
    )
}

/// The message that a recorded stream makes up, put together as the vendor's own clients do it.
pub fn assembled(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut inputs: Map<String, Value> = Map::new();
    for line in stream.lines().filter_map(|line| line.strip_prefix("data:")) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let index = event["index"].as_u64().unwrap_or(0) as usize;
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                message["content"].as_array_mut().unwrap().push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                let delta = event["delta"].as_object().unwrap();
                if delta["type"] == "input_json_delta" {
                    let input = inputs.entry(index.to_string()).or_insert(json!(""));
                    *input = json!(format!(
                        "{}{}",
                        input.as_str().unwrap(),
                        delta["partial_json"].as_str().unwrap()
                    ));
                } else if delta["type"] == "citations_delta" {
                    if !block["citations"].is_array() {
                        block["citations"] = json!([]);
                    }
                    block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
                } else {
                    for (name, piece) in delta.iter().filter(|(name, _)| *name != "type") {
                        block[name] = json!(format!(
                            "{}{}",
                            block[name].as_str().unwrap_or(""),
                            piece.as_str().unwrap()
                        ));
                    }
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                for (name, value) in event["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
            }
            "message_stop" => break,
            _ => {}
        }
    }
    for (index, input) in inputs {
        let text = input.as_str().unwrap();
        let parsed = serde_json::from_str(text).unwrap_or(Value::Null);
        message["content"][index.parse::<usize>().unwrap()]["input"] =
            if text.is_empty() { json!({}) } else { parsed };
    }
    message
}

/// What the codec made of an answer, in the plainest form.
pub fn read(reply: &ChatReply) -> Said {
    let choice = &reply.choices[0];
    let mut said = Said { usage: reply.usage, stop: Some(choice.stop), ..Said::default() };
    said.stop_text.clone_from(&choice.stop_text);
    for part in &choice.parts {
        match &part.body {
            Body::Text { text, annotations } => {
                said.text += text;
                for annotation in annotations {
                    assert!(
                        annotation.start < annotation.end && annotation.end <= text.chars().count() as u64
                    );
                    said.sources.push(annotation.url.clone());
                }
            }
            Body::Reasoning(reasoning) => {
                said.thinking += &reasoning.text;
                let seals = reasoning.seal.iter();
                said.seals.extend(seals.map(|seal| (seal.kind == SealKind::Encrypted, seal.data.clone())));
            }
            Body::Call(call) => {
                let input = serde_json::from_str(&call.arguments).unwrap_or(Value::Null);
                said.calls.push((call.id.clone(), call.name.clone(), input));
            }
            Body::Opaque { json, .. } => said.hosted.push(json.tree()),
            Body::Refusal(_) => {}
            other => said.text += &format!("{other:?}"),
        }
    }
    said
}
