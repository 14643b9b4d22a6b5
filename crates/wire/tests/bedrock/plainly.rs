//! Answers and streams read as plainly as can be, to compare with.

use bytes::Bytes;
use magic_domain::usage::{Bucket, Usage};
use magic_wire::chat::{Body, ChatReply, SealKind, Stop};
use magic_wire::frame::Frame;
use serde_json::Value;

/// What an answer says.
#[derive(Debug, Default, PartialEq, Clone)]
pub struct Said {
    pub text: String,
    pub thoughts: String,
    pub signatures: Vec<String>,
    pub redacted: Vec<String>,
    pub calls: Vec<(String, String, Value)>,
    pub own: Vec<Value>,
    pub sources: Vec<String>,
    pub stop: Stop,
    pub usage: Option<Usage>,
}

/// What an answer that was read says.
pub fn said(reply: &ChatReply) -> Said {
    let [choice] = reply.choices.as_slice() else { panic!("one choice") };
    let mut said = Said { stop: choice.stop, usage: reply.usage, ..Said::default() };
    for part in &choice.parts {
        match &part.body {
            Body::Text { text, annotations } => {
                said.text.push_str(text);
                said.sources.extend(annotations.iter().map(|annotation| annotation.url.clone()));
            }
            Body::Reasoning(reasoning) => {
                said.thoughts.push_str(&reasoning.text);
                match &reasoning.seal {
                    Some(seal) if seal.kind == SealKind::Encrypted => said.redacted.push(seal.data.clone()),
                    Some(seal) => said.signatures.push(seal.data.clone()),
                    None => {}
                }
            }
            Body::Call(call) => {
                let input = serde_json::from_str(&call.arguments).unwrap();
                said.calls.push((call.id.clone(), call.name.clone(), input));
            }
            Body::Opaque { json, .. } => said.own.push(json.tree()),
            other => panic!("{other:?}"),
        }
    }
    said
}

fn usage(report: &Value) -> Option<Usage> {
    let get = |name: &str| report[name].as_u64().unwrap_or(0);
    let hour: u64 = report["cacheDetails"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| row["ttl"] == "1h")
        .filter_map(|row| row["inputTokens"].as_u64())
        .sum();
    let usage = Usage::default()
        .with(Bucket::Input, get("inputTokens"))
        .with(Bucket::CacheRead, get("cacheReadInputTokens"))
        .with(Bucket::CacheWrite5m, get("cacheWriteInputTokens") - hour)
        .with(Bucket::CacheWrite1h, hour)
        .with(Bucket::Output, get("outputTokens"));
    // The vendor's own sum agrees that nothing is counted twice.
    assert_eq!(usage.input_total() + usage.output_total(), get("totalTokens"));
    report.is_object().then_some(usage)
}

fn stop(reason: &Value) -> Stop {
    match reason.as_str().unwrap() {
        "end_turn" => Stop::End,
        "tool_use" => Stop::ToolCalls,
        "max_tokens" => Stop::Length,
        "guardrail_intervened" => Stop::Filtered,
        other => panic!("{other}"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A whole answer.
pub fn answer(body: &Value) -> Said {
    let mut said = Said { stop: stop(&body["stopReason"]), usage: usage(&body["usage"]), ..Said::default() };
    for block in body["output"]["message"]["content"].as_array().unwrap() {
        let reasoning = &block["reasoningContent"];
        let call = &block["toolUse"];
        if block["toolResult"].is_object() || call["type"] == "server_tool_use" {
            said.own.push(block.clone());
        } else if call.is_object() {
            said.calls.push((text(&call["toolUseId"]), text(&call["name"]), call["input"].clone()));
        }
        said.text.push_str(&text(&block["text"]));
        said.thoughts.push_str(&text(&reasoning["reasoningText"]["text"]));
        said.signatures.extend(reasoning["reasoningText"]["signature"].as_str().map(str::to_owned));
        said.redacted.extend(reasoning["redactedContent"].as_str().map(str::to_owned));
        for piece in block["citationsContent"]["content"].as_array().into_iter().flatten() {
            said.text.push_str(&text(&piece["text"]));
        }
        for citation in block["citationsContent"]["citations"].as_array().into_iter().flatten() {
            said.sources.extend(source(citation));
        }
    }
    said
}

fn source(citation: &Value) -> Option<String> {
    citation["location"]["web"]["url"].as_str().or(citation["source"].as_str()).map(str::to_owned)
}

/// A stream.
pub fn stream(messages: &[(String, Value)]) -> Said {
    let mut said = Said::default();
    let mut blocks: Vec<(Value, String, String, Vec<Value>)> = Vec::new();
    for (name, data) in messages {
        let index = data["contentBlockIndex"].as_u64().unwrap_or(0) as usize;
        while name.starts_with("contentBlock") && blocks.len() <= index {
            blocks.push(Default::default());
        }
        match name.as_str() {
            "contentBlockStart" => blocks[index].0 = data["start"].clone(),
            "contentBlockDelta" => {
                let delta = &data["delta"];
                said.text.push_str(&text(&delta["text"]));
                said.thoughts.push_str(&text(&delta["reasoningContent"]["text"]));
                said.redacted
                    .extend(delta["reasoningContent"]["redactedContent"].as_str().map(str::to_owned));
                said.sources.extend(source(&delta["citation"]));
                blocks[index].1.push_str(&text(&delta["toolUse"]["input"]));
                blocks[index].2.push_str(&text(&delta["reasoningContent"]["signature"]));
                blocks[index].3.extend(delta["toolResult"].as_array().cloned().unwrap_or_default());
            }
            "messageStop" => said.stop = stop(&data["stopReason"]),
            "metadata" => said.usage = usage(&data["usage"]),
            "messageStart" | "contentBlockStop" => {}
            other => panic!("{other}"),
        }
    }
    for (mut start, input, signature, results) in blocks {
        said.signatures.extend((!signature.is_empty()).then_some(signature));
        let call = &mut start["toolUse"];
        if call.is_object() {
            let input: Value = if input.is_empty() { "{}" } else { &input }.parse().unwrap();
            if call["type"] == "server_tool_use" {
                call["input"] = input;
                start.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                said.own.push(start);
            } else {
                said.calls.push((text(&call["toolUseId"]), text(&call["name"]), input));
            }
        } else if start["toolResult"].is_object() {
            start["toolResult"]["content"] = results.into();
            start.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            said.own.push(start);
        }
    }
    said
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Where each message ends.
pub fn ends(body: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < body.len() {
        at += number(&body[at..at + 4]);
        ends.push(at);
    }
    ends
}

/// The messages of a stream: their type and payload. Checksums are not looked at.
pub fn messages(body: &[u8]) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    let mut at = 0;
    for end in ends(body) {
        let message = &body[at..end];
        at = end;
        let headers = number(&message[4..8]);
        let payload = &message[12 + headers..message.len() - 4];
        let mark = b":event-type";
        let found = message.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len();
        let length = number(&message[found + 1..found + 3]);
        let name = String::from_utf8(message[found + 3..found + 3 + length].to_vec()).unwrap();
        out.push((name, serde_json::from_slice(payload).unwrap()));
    }
    out
}

pub fn frame(name: &str, data: Vec<u8>) -> Frame {
    let data = Bytes::from(data);
    Frame { raw: data.clone(), name: Bytes::copy_from_slice(name.as_bytes()), data, has_data: true }
}
