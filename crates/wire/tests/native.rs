//! Recorded traffic of vendors' own small dialects: answers say what a plain reading of their bodies says, and
//! where a stream is cut makes no difference (C34).
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bytes::Bytes;
use magic_domain::usage::{Bucket, Usage};
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::chat::{Body, ChatReply, Dialect, Event, Fold, Losses, Stop};
use magic_wire::codec::{Asked, FaceCodec, Pipe, To, VendorCodec};
use magic_wire::dialect::dashscope::{DashScope, multimodal};
use magic_wire::dialect::openai_chat::OpenAiChat;
use magic_wire::dialect::replicate::Replicate;
use magic_wire::fault::{FaultClass, read_fault};
use magic_wire::frame::{Caps, Framing};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 250;

fn recorded(names: &[&str]) -> Vec<Exchange> {
    exchanges(|exchange| names.contains(&exchange.endpoint.as_str()))
}

const ALI: [&str; 2] = ["ali.dashscope.text-generation", "ali.dashscope.multimodal-generation"];

fn asked() -> Asked {
    Asked { model: "m".into(), request: None }
}

fn follow(codec: &dyn VendorCodec, pieces: &[&[u8]]) -> (ChatReply, bool) {
    let mut pipe = Pipe::new(codec.reader(&asked()), Framing::Sse, Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    let whole = pipe.end(&mut events).unwrap();
    let stops = events.iter().filter(|event| matches!(event, Event::Stop { .. })).count();
    assert_eq!(stops, usize::from(whole), "C8");
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    assert_eq!(fold.fault, None);
    (fold.finish(), whole)
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERY { (0..=length).collect() } else { (0..PLACES).map(|n| n * length / PLACES).collect() }
}

/// Text, calls, end and usage.
type Said = (String, Vec<(String, String, Value)>, Stop, Option<Usage>);

fn said(reply: &ChatReply) -> Said {
    assert_eq!(reply.choices.len(), 1);
    let choice = &reply.choices[0];
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in &choice.parts {
        match &part.body {
            Body::Text { text: piece, .. } => text.push_str(piece),
            Body::Call(call) => {
                let arguments = serde_json::from_str(&call.arguments).unwrap();
                calls.push((call.id.clone(), call.name.clone(), arguments));
            }
            other => assert_eq!(format!("{other:?}"), "a text or a call"),
        }
    }
    (text, calls, choice.stop, reply.usage)
}

/// A plain reading of the objects of an answer.
fn plainly(chunks: &[Value]) -> Said {
    let (mut text, mut stop, mut usage) = (String::new(), Stop::End, None);
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for chunk in chunks {
        let output = &chunk["output"];
        let choice = &output["choices"][0];
        text += output["text"].as_str().unwrap_or_default();
        match &choice["message"]["content"] {
            Value::String(piece) => text += piece,
            Value::Array(parts) => parts.iter().for_each(|part| text += part["text"].as_str().unwrap()),
            _ => {}
        }
        for call in choice["message"]["tool_calls"].as_array().into_iter().flatten() {
            let at = call["index"].as_u64().unwrap() as usize;
            calls.resize(calls.len().max(at + 1), Default::default());
            calls[at].0 += call["id"].as_str().unwrap_or_default();
            calls[at].1 += call["function"]["name"].as_str().unwrap_or_default();
            calls[at].2 += call["function"]["arguments"].as_str().unwrap_or_default();
        }
        match choice["finish_reason"].as_str().or(output["finish_reason"].as_str()) {
            Some("tool_calls") => stop = Stop::ToolCalls,
            Some("stop" | "null") | None => {}
            Some(other) => assert_eq!(other, "a reason that is known"),
        }
        if let Some(report) = chunk.get("usage") {
            let count = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or(0);
            let (cached, image) =
                (count("/prompt_tokens_details/cached_tokens"), count("/input_tokens_details/image_tokens"));
            usage = Some(
                Usage::default()
                    .with(Bucket::Input, count("/input_tokens") - cached - image)
                    .with(Bucket::CacheRead, cached)
                    .with(Bucket::ImageIn, image)
                    .with(Bucket::Output, count("/output_tokens")),
            );
        }
    }
    let calls = calls.into_iter().map(|(id, name, text)| (id, name, serde_json::from_str(&text).unwrap()));
    (text, calls.collect(), stop, usage)
}

#[test]
fn dashscopes_answers_say_what_a_plain_reading_finds() {
    let mut seen = 0;
    for exchange in recorded(&ALI).iter().filter(|exchange| !exchange.stream) {
        let answer = exchange.answer().unwrap();
        let reply = DashScope.read_reply(&answer, &asked());
        if exchange.status() >= 400 {
            assert!(reply.is_err(), "{}", exchange.id);
            assert_eq!(read_fault(exchange.status(), &answer).class, FaultClass::Auth, "{}", exchange.id);
            continue;
        }
        let whole = serde_json::from_slice(&answer).unwrap();
        assert_eq!(said(&reply.unwrap()), plainly(&[whole]), "{}", exchange.id);
        seen += 1;
    }
    eprintln!("answers: {seen}");
}

#[test]
fn dashscopes_streams_cut_anywhere_say_the_same() {
    let (mut seen, mut cuts) = (0, 0);
    for exchange in recorded(&ALI).iter().filter(|exchange| exchange.stream) {
        let answer = exchange.answer().unwrap();
        let text = String::from_utf8(answer.clone()).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        let chunks: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
        let (reply, whole) = follow(&DashScope, &[&answer]);
        assert!(whole, "{}", exchange.id);
        assert_eq!(said(&reply), plainly(&chunks), "{}", exchange.id);
        for at in places(answer.len()) {
            assert_eq!(
                follow(&DashScope, &[&answer[..at], &answer[at..]]).0,
                reply,
                "{} at {at}",
                exchange.id
            );
            cuts += 1;
        }
        // Without its last event it is not whole.
        let last = text.rfind("id:").unwrap();
        assert!(!follow(&DashScope, &[&answer[..last]]).1, "{}", exchange.id);
        seen += 1;
    }
    eprintln!("streams: {seen}, cuts: {cuts}");
}

/// The recorded request in the words of a caller of OpenAI's dialect.
fn retold(body: &Value) -> Value {
    let mut told = json!({ "model": "m", "messages": body["input"]["messages"], "stream": body["parameters"]["incremental_output"] == true });
    for message in told["messages"].as_array_mut().unwrap() {
        for part in message["content"].as_array_mut().into_iter().flatten() {
            if part["image"].is_string() {
                *part = json!({ "type": "image_url", "image_url": { "url": part["image"] } });
            } else {
                part["type"] = json!("text");
            }
        }
    }
    for name in ["tools", "tool_choice"] {
        if let Some(value) = body["parameters"].get(name) {
            told[name] = value.clone();
        }
    }
    told
}

#[test]
fn dashscopes_requests_are_written_as_recorded() {
    let mut seen = 0;
    for exchange in recorded(&ALI) {
        let Some(body) = exchange.body().filter(|body| body["input"]["messages"].is_array()) else {
            continue;
        };
        let chat = OpenAiChat.read_request(retold(body).to_string().as_bytes(), None).unwrap();
        let model = body["model"].as_str().unwrap();
        let mut lost = Losses::default();
        let to = To { model, kind: 17, default_max_output: 4096 };
        let written: Value =
            serde_json::from_str(&DashScope.write_request(&chat, &to, &mut lost).unwrap()).unwrap();
        let mut expected = body.clone();
        expected["parameters"]["result_format"] = json!("message");
        let parameters = expected["parameters"].as_object_mut().unwrap();
        // Says nothing that the header does not.
        parameters.remove("stream");
        parameters.retain(|_, value| *value != json!(false));
        // Neighbouring messages of a role stay as they are: this vendor takes them.
        assert_eq!(written, expected, "{}", exchange.id);
        assert_eq!(lost.header(), None, "{}", exchange.id);
        assert_eq!(multimodal(&chat, model), exchange.endpoint.contains("multimodal"), "{}", exchange.id);
        seen += 1;
    }
    eprintln!("requests: {seen}");
}

#[test]
fn replicates_streams_cut_anywhere_say_the_same() {
    let mut seen = 0;
    for exchange in recorded(&["replicate.predictions"]).iter().filter(|exchange| exchange.stream) {
        let answer = exchange.answer().unwrap();
        let text = String::from_utf8(answer.clone()).unwrap();
        let mut expected = String::new();
        for event in text.split("\n\n").filter(|event| event.contains("event: output")) {
            let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            expected += &lines.join("\n");
        }
        let (reply, whole) = follow(&Replicate, &[&answer]);
        assert!(whole && expected.len() > 100);
        assert_eq!(said(&reply), (expected, Vec::new(), Stop::End, None), "{}", exchange.id);
        for at in places(answer.len()) {
            assert_eq!(
                follow(&Replicate, &[&answer[..at], &answer[at..]]).0,
                reply,
                "{} at {at}",
                exchange.id
            );
        }
        seen += 1;
    }
    eprintln!("streams: {seen}");
}

#[test]
fn every_dialect_of_a_vendor_is_spoken() {
    for dialect in [
        Dialect::DashScope,
        Dialect::Tencent,
        Dialect::Baidu,
        Dialect::Xunfei,
        Dialect::Coze,
        Dialect::Replicate,
        Dialect::DeepL,
        Dialect::Palm,
        Dialect::AiProxyLibrary,
    ] {
        assert!(magic_wire::dialect::vendor(dialect).is_some(), "{dialect:?}");
    }
}

#[test]
fn recorded_answers_with_changed_bytes_do_not_panic() {
    let all: Vec<(Vec<u8>, bool)> = recorded(&[ALI[0], ALI[1], "replicate.predictions"])
        .iter()
        .map(|exchange| (exchange.answer().unwrap(), exchange.endpoint.starts_with("ali")))
        .filter(|(answer, _)| answer.len() < 20_000)
        .collect();
    if all.is_empty() {
        return;
    }
    let changes = proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8);
    // A case that fails is shown; there is no folder to keep it in.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(which in any::<usize>(), changes in changes)| {
        let (mut answer, ali) = all[which % all.len()].clone();
        for (at, byte) in changes {
            let at = at % answer.len();
            answer[at] = byte;
        }
        let codec: &dyn VendorCodec = if ali { &DashScope } else { &Replicate };
        let _ = codec.read_reply(&answer, &asked());
        let mut pipe = Pipe::new(codec.reader(&asked()), Framing::Sse, Caps::default());
        let mut events = Vec::new();
        let _ = pipe.push(Bytes::from(answer), &mut events);
        let _ = pipe.end(&mut events);
    });
}
