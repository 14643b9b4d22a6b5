use super::*;
use crate::chat::{Annotation, Body, Call, ChatRequest, Part, Reasoning, ReasoningAsk, Seal, SealKind};
use crate::codec::{Asked, FaceCodec, VendorCodec};
use crate::dialect::gemini::Gemini;
use crate::fault::read_fault;
use serde_json::{Value, json};
use std::sync::Arc;

fn reply(parts: Vec<Part>, stop: Stop) -> ChatReply {
    let choices = vec![crate::chat::Choice { parts, stop, ..Default::default() }];
    ChatReply { id: "r".into(), model: "v".into(), choices, ..ChatReply::default() }
}

fn echo() -> Echo {
    Echo { model: "m".into(), ..Echo::default() }
}

fn written(reply: &ChatReply) -> Value {
    serde_json::from_str(&Gemini.write_reply(reply, &echo())).unwrap()
}

fn streamed(events: &[Event]) -> Vec<Value> {
    let mut writer = Gemini.writer(echo());
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.end(&mut out);
    writer.end(&mut out);
    let text = String::from_utf8(out).unwrap();
    let chunks = text.split("\r\n\r\n").filter(|chunk| !chunk.is_empty());
    chunks.map(|chunk| serde_json::from_str(chunk.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

fn call(arguments: &str) -> Part {
    let (id, name, arguments) = ("1".into(), "f".into(), arguments.into());
    Part::new(Body::Call(Call { id, name, arguments, custom: false, seal: None }))
}

#[test]
fn c7_c10_reasons_to_stop() {
    for (parts, stop, expected) in [
        (vec![Part::text("a")], Stop::End, "STOP"),
        (vec![call("{}")], Stop::ToolCalls, "STOP"),
        (vec![Part::text("a")], Stop::Length, "MAX_TOKENS"),
        (vec![Part::text("a")], Stop::Filtered, "SAFETY"),
        (vec![call(r#"{"a":"#)], Stop::ToolCalls, "MALFORMED_FUNCTION_CALL"),
        // C42: what the limit cut off is not called the model's fault, nor mended.
        (vec![call(r#"{"a":"#)], Stop::Length, "MAX_TOKENS"),
    ] {
        let reply = reply(parts, stop);
        let body = written(&reply);
        assert_eq!(body["candidates"][0]["finishReason"], expected);
        assert_eq!((&body["modelVersion"], &body["responseId"]), (&json!("m"), &json!("r")));
        let last = streamed(&reply.events()).pop().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], expected);
    }
}

#[test]
fn calls_go_out_whole_and_only_the_last_chunk_tells_the_end() {
    let mut events = reply(vec![Part::text("a"), call("")], Stop::ToolCalls).events();
    let at = events.iter().position(|event| matches!(event, Event::CallEnd { .. })).unwrap();
    for text in ["{\"a\"", ":1", "}"] {
        let piece = Event::CallArguments { choice: 0, call: 0, text: text.into() };
        let at = events.iter().position(|event| matches!(event, Event::CallEnd { .. })).unwrap_or(at);
        events.insert(at, piece);
    }
    events.push(Event::Usage(Usage::default().with(magic_domain::usage::Bucket::Input, 3)));
    let chunks = streamed(&events);
    assert_eq!(chunks.len(), 3);
    let part = &chunks[1]["candidates"][0]["content"]["parts"][0];
    assert_eq!(part, &json!({"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}}));
    // C8: no reason before the end.
    assert!(chunks[..2].iter().all(|chunk| chunk["candidates"][0]["finishReason"].is_null()));
    assert_eq!(chunks[2]["usageMetadata"]["promptTokenCount"], 3);
}

#[test]
fn c35_a_fault_is_the_last_chunk() {
    let fault = read_fault(429, br#"{"error":{"message":"slow down"}}"#);
    let start = Event::Text { choice: 0, text: "a".into() };
    let chunks = streamed(&[start.clone(), Event::Fault(fault), start]);
    assert_eq!(chunks.len(), 2);
    assert_eq!(
        chunks[1]["error"],
        json!({"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"})
    );
    // The channel's dead key is no fault of the caller's.
    let chunks = streamed(&[Event::Fault(read_fault(401, b"{}"))]);
    assert_eq!(chunks[0]["error"]["code"], 500);
}

#[test]
fn a_refusal_alone_is_a_blocked_prompt_and_one_after_text_is_text() {
    let refusal = Part::new(Body::Refusal("no".into()));
    let body = written(&reply(vec![refusal.clone()], Stop::Filtered));
    assert_eq!(body["promptFeedback"], json!({"blockReason": "OTHER", "blockReasonMessage": "no"}));
    assert!(body["candidates"].is_null());
    let body = written(&reply(vec![refusal], Stop::End));
    assert_eq!(body["candidates"][0]["content"]["parts"], json!([{"text": "no"}]));
}

#[test]
fn c14_thoughts_are_shown_to_who_asked_and_foreign_seals_in_ours() {
    let seal = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: "s".into() };
    let thought = Reasoning { text: "hm".into(), seal: Some(seal), ..Reasoning::default() };
    let reply = reply(vec![Part::new(Body::Reasoning(thought)), Part::text("a")], Stop::End);
    let parts = written(&reply)["candidates"][0]["content"]["parts"].clone();
    assert_eq!((&parts[0], &parts[2]), (&json!({"text": "hm", "thought": true}), &json!({"text": "a"})));
    let carried = parts[1]["thoughtSignature"].as_str().unwrap();
    assert!(carried.starts_with("Z3cxL") && parts[1]["text"] == "", "{carried}");
    let asked = |show| {
        let reasoning = Some(ReasoningAsk { show, ..ReasoningAsk::default() });
        let request = ChatRequest { origin: Some(Dialect::Gemini), reasoning, ..ChatRequest::default() };
        let echo = Echo { request: Some(Arc::new(request)), ..echo() };
        let body: Value = serde_json::from_str(&Gemini.write_reply(&reply, &echo)).unwrap();
        body["candidates"][0]["content"]["parts"].as_array().unwrap().len()
    };
    assert_eq!((asked(None), asked(Some(true))), (1, 3));
}

#[test]
fn code_that_google_ran_is_shown_once() {
    let body = r#"{"candidates":[{"content":{"parts":[{"executableCode":{"language":"PYTHON","code":"1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1\n"}},{"text":"one"}]},"finishReason":"STOP"}]}"#;
    let reply = Gemini.read_reply(body.as_bytes(), &Asked::default()).unwrap();
    let texts: Vec<&str> = reply.choices[0].parts.iter().filter_map(Part::as_text).collect();
    assert_eq!(texts, ["\n```python\n1\n```\n", "\n```\n1\n```\none"]);
    let parts = written(&reply)["candidates"][0]["content"]["parts"].clone();
    let original: Value = serde_json::from_str(body).unwrap();
    assert_eq!(parts, original["candidates"][0]["content"]["parts"]);
}

#[test]
fn sources_are_placed_in_bytes() {
    let annotation = Annotation { url: "u".into(), title: "t".into(), start: 2, end: 4 };
    let text = Body::Text { text: "äöüß".into(), annotations: vec![annotation] };
    let reply = reply(vec![Part::new(text)], Stop::End);
    let body = written(&reply);
    let support = &body["candidates"][0]["groundingMetadata"]["groundingSupports"][0];
    assert_eq!(support["segment"], json!({"startIndex": 4, "endIndex": 8, "text": "üß"}));
    let again = Gemini.read_reply(body.to_string().as_bytes(), &Asked::default()).unwrap();
    assert_eq!(again.choices, reply.choices);
}

#[test]
fn c11_foreign_seals_survive_the_caller() {
    use crate::chat::{Body, Dialect, Reasoning, Seal, SealKind};
    let seal = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: "Er+/a==".into() };
    let mut writer = super::Writer::new(Echo::default());
    let mut out = Vec::new();
    for event in [
        Event::Reasoning { choice: 0, text: "think".into(), summary: true },
        Event::Reasoning { choice: 0, text: "ing".into(), summary: true },
        Event::ReasoningEnd { choice: 0, seal: Some(seal.clone()), id: Some("rs_1".into()) },
        Event::Text { choice: 0, text: "done".into() },
        Event::Stop { choice: 0, stop: Stop::End, stop_text: None },
    ] {
        writer.event(&event, &mut out);
    }
    writer.end(&mut out);
    // A caller of Google's SDK keeps the parts of all chunks, and writes signatures in the other alphabet.
    let text = String::from_utf8(out).unwrap();
    let mut parts: Vec<serde_json::Value> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let chunk: serde_json::Value = serde_json::from_str(line).unwrap();
        parts.extend(chunk["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default());
    }
    for part in &mut parts {
        if let Some(signature) = part["thoughtSignature"].as_str() {
            part["thoughtSignature"] = signature.replace('+', "-").replace('/', "_").into();
        }
    }
    let body = serde_json::json!({ "contents": [
        { "role": "user", "parts": [{ "text": "hi" }] },
        { "role": "model", "parts": parts },
        { "role": "user", "parts": [{ "text": "on" }] },
    ] });
    let mut chat = Gemini.read_request(body.to_string().as_bytes(), Some("m")).unwrap();
    crate::dialect::abroad(&mut chat).unwrap();
    let thought = chat.messages[1].parts.first().map(|part| part.body.clone());
    let expected =
        Reasoning { text: "thinking".into(), seal: Some(seal), id: Some("rs_1".into()), summary: true };
    assert_eq!(thought, Some(Body::Reasoning(expected)));
    assert_eq!(chat.messages[1].parts.len(), 2);
    // Told to Google itself it is no signature (C14).
    let to = crate::codec::To { model: "gemini-3-pro", kind: 24, default_max_output: 9 };
    let written = Gemini.write_request(&chat, &to, &mut Default::default()).unwrap();
    assert!(!written.contains("thoughtSignature"), "{written}");
}

#[test]
fn base64_of_googles_sdks_is_read() {
    let body = serde_json::json!({ "contents": [{ "role": "user", "parts": [
        { "inlineData": { "mimeType": "image/png", "data": "AQDJ_pLv-w" } }] }] });
    let chat = Gemini.read_request(body.to_string().as_bytes(), Some("m")).unwrap();
    let shown = format!("{:?}", chat.messages[0].parts[0]);
    assert!(shown.contains("AQDJ/pLv+w=="), "{shown}");
}

#[test]
fn a_cache_that_only_google_has_is_refused_elsewhere() {
    let body = serde_json::json!({ "contents": [{ "parts": [{ "text": "hi" }] }], "cachedContent": "cachedContents/1" });
    let mut chat = Gemini.read_request(body.to_string().as_bytes(), Some("m")).unwrap();
    let refused = crate::dialect::abroad(&mut chat).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("cachedContent"));
}
