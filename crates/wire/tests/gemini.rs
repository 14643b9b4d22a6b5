//! Recorded traffic of Gemini and Vertex AI through the dialect: requests come back as they were, answers say
//! what a plain reading of their JSON says, and where a stream is cut makes no difference (C34).
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bytes::Bytes;
use magic_domain::usage::{Bucket, Usage};
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::chat::{Body, ChatReply, Event, Fold, Losses, Stop};
use magic_wire::codec::{Asked, Echo, FaceCodec, Pipe, To, VendorCodec};
use magic_wire::dialect::gemini::Gemini;
use magic_wire::frame::{Caps, Framing};
use serde_json::{Map, Value, json};

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 250;

fn recorded() -> Vec<Exchange> {
    exchanges(|exchange| {
        let (vendor, name) = exchange.endpoint.split_once('.').unwrap_or_default();
        matches!(vendor, "gemini" | "vertex") && matches!(name, "generateContent" | "streamGenerateContent")
    })
}

fn model(exchange: &Exchange) -> String {
    let path = exchange.request["url_path"].as_str().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default().to_owned()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_uppercase() + tail
    })
}

/// Names in camelCase, no nulls. What is the caller's own (arguments, results, schemas) stays.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let each = members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
                let name = camel(name);
                let value = match name.as_str() {
                    "args" | "response" => value.clone(),
                    "parameters" | "parametersJsonSchema" | "responseSchema" | "responseJsonSchema" => {
                        schema(value)
                    }
                    _ => plain(value),
                };
                let name = match name.as_str() {
                    "parameters" => "parametersJsonSchema".to_owned(),
                    "responseSchema" => "responseJsonSchema".to_owned(),
                    _ => name,
                };
                (name, value)
            });
            Value::Object(each.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
            json!(number.as_f64().unwrap() as i64)
        }
        other => other.clone(),
    }
}

const KINDS: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];

/// Both forms of a schema in one: types in small letters, `nullable` as a type, no order of properties.
fn schema(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, value) in members {
                let value = match (name.as_str(), value) {
                    ("type", Value::String(kind)) => json!(kind.to_lowercase()),
                    ("type", Value::Number(kind)) => json!(KINDS[kind.as_u64().unwrap() as usize - 1]),
                    ("properties", Value::Object(each)) => Value::Object(
                        each.iter().map(|(name, value)| (name.clone(), schema(value))).collect(),
                    ),
                    (_, value) => schema(value),
                };
                out.insert(name.clone(), value);
            }
            out.remove("propertyOrdering");
            if out.remove("nullable") == Some(json!(true)) {
                out["type"] = json!([out["type"], "null"]);
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.iter().map(schema).collect()),
        other => other.clone(),
    }
}

/// A request with everything written in one of the ways that mean the same:
/// roles are there and alternate, `thought: false` and `responseModalities: [TEXT]` are what holds anyway, each
/// tool has an entry of its own, levels are in capitals, a signature on a text follows it.
fn normal(body: &Value) -> Value {
    let mut body = plain(body);
    let mut turns: Vec<(String, Vec<Value>)> = Vec::new();
    for turn in body["contents"].as_array().unwrap() {
        let role = match turn["role"].as_str() {
            Some("model") => "model",
            _ => "user",
        };
        let mut parts = Vec::new();
        for part in turn["parts"].as_array().unwrap() {
            let mut part = part.clone();
            let members = part.as_object_mut().unwrap();
            if members.get("thought") == Some(&json!(false)) {
                members.remove("thought");
            }
            let signature = members.get("thoughtSignature").cloned();
            if let (Some(text), Some(signature)) = (members.get("text").cloned(), signature) {
                if text != json!("") {
                    parts.push(json!({"text": text}));
                }
                parts.push(json!({"text": "", "thoughtSignature": signature}));
                continue;
            }
            parts.push(part);
        }
        match turns.last_mut() {
            Some((last, all)) if last == role => all.extend(parts),
            _ => turns.push((role.to_owned(), parts)),
        }
    }
    let turns = turns.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts}));
    body["contents"] = Value::Array(turns.collect());
    let members = body.as_object_mut().unwrap();
    if let Some(system) = members.get_mut("systemInstruction") {
        let mut parts = system["parts"].as_array().cloned().unwrap_or_default();
        parts.iter_mut().for_each(|part| {
            part.as_object_mut().unwrap().remove("thought");
        });
        *system = json!({"parts": parts});
    }
    if let Some(tools) = members.get_mut("tools") {
        let entries = tools.as_array().unwrap().iter().flat_map(|entry| entry.as_object().unwrap().clone());
        *tools = Value::Array(entries.map(|(name, value)| json!({name: value})).collect());
    }
    if let Some(config) = members.get_mut("generationConfig").and_then(Value::as_object_mut) {
        if config.get("responseModalities") == Some(&json!(["TEXT"])) {
            config.remove("responseModalities");
        }
        if config.get("responseMimeType") == Some(&json!("text/plain")) {
            config.remove("responseMimeType");
        }
        if let Some(thinking) = config.get_mut("thinkingConfig")
            && let Some(level) = thinking.get("thinkingLevel").and_then(Value::as_str)
        {
            thinking["thinkingLevel"] = json!(level.to_uppercase());
        }
    }
    members.retain(|_, value| *value != json!({}) && *value != json!([]));
    body
}

#[test]
fn recorded_requests_come_back_as_they_were() {
    let mut seen = 0;
    for exchange in recorded() {
        let Some(body) = exchange.body() else { continue };
        let model = model(&exchange);
        let chat = Gemini.read_request(body.to_string().as_bytes(), Some(&model)).unwrap();
        let to = To { model: &model, kind: 24, default_max_output: 4096 };
        let mut lost = Losses::default();
        let written = Gemini.write_request(&chat, &to, &mut lost).unwrap();
        let again: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(normal(&again), normal(body), "{}", exchange.id);
        assert_eq!(lost.header(), None, "{}", exchange.id);
        // C37: the same input gives the same bytes.
        assert_eq!(written, Gemini.write_request(&chat, &to, &mut lost).unwrap(), "{}", exchange.id);
        seen += 1;
    }
    eprintln!("requests: {seen}");
}

/// What an answer says, choice by choice.
#[derive(Debug, Default, PartialEq, Clone)]
struct Said {
    text: String,
    thoughts: String,
    calls: Vec<(String, Value)>,
    media: usize,
    stop: Stop,
}

fn said(reply: &ChatReply) -> Vec<Said> {
    let of = |choice: &magic_wire::chat::Choice| {
        let mut said = Said { stop: choice.stop, ..Said::default() };
        for part in &choice.parts {
            match &part.body {
                Body::Text { text, .. } => said.text.push_str(text),
                Body::Reasoning(reasoning) => said.thoughts.push_str(&reasoning.text),
                Body::Call(call) => {
                    said.calls.push((call.name.clone(), serde_json::from_str(&call.arguments).unwrap()));
                }
                Body::Image { .. } | Body::Audio(_) => said.media += 1,
                _ => {}
            }
        }
        said
    };
    reply.choices.iter().map(of).collect()
}

/// A plain reading of the chunks of an answer.
fn plainly(chunks: &[Value]) -> (Vec<Said>, Option<Usage>) {
    let mut all: Vec<Said> = Vec::new();
    let mut report = Map::new();
    for chunk in chunks {
        for (at, candidate) in chunk["candidates"].as_array().into_iter().flatten().enumerate() {
            let index = candidate["index"].as_u64().map_or(at, |index| index as usize);
            all.resize(all.len().max(index + 1), Said::default());
            let said = &mut all[index];
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                let text = part["text"].as_str().unwrap_or_default();
                if part["thought"] == json!(true) {
                    said.thoughts += text
                } else {
                    said.text += text
                }
                if let Some(code) = part["executableCode"]["code"].as_str() {
                    said.text += &format!("\n```python\n{}\n```\n", code.trim_end_matches('\n'));
                }
                if let Some(output) = part["codeExecutionResult"]["output"].as_str() {
                    said.text += &format!("\n```\n{}\n```\n", output.trim_end_matches('\n'));
                }
                said.media += usize::from(part["inlineData"].is_object());
                let call = &part["functionCall"];
                if let Some(name) = call["name"].as_str() {
                    said.calls.push((name.to_owned(), call.get("args").cloned().unwrap_or(json!({}))));
                }
                for piece in call["partialArgs"].as_array().into_iter().flatten() {
                    let name = piece["jsonPath"].as_str().unwrap().trim_start_matches("$.");
                    let place = &mut said.calls.last_mut().unwrap().1[name];
                    *place = json!(
                        place.as_str().unwrap_or_default().to_owned()
                            + piece["stringValue"].as_str().unwrap()
                    );
                }
            }
            said.stop = match &candidate["finishReason"] {
                Value::Null => said.stop,
                reason if *reason == json!("MAX_TOKENS") || *reason == json!(2) => Stop::Length,
                // Numbers of the enum come from a relay.
                reason => {
                    let end = [json!("STOP"), json!(1), json!("UNEXPECTED_TOOL_CALL")];
                    assert!(end.contains(reason), "{reason}");
                    Stop::End
                }
            };
        }
        for (name, value) in chunk["usageMetadata"].as_object().into_iter().flatten() {
            report.insert(name.clone(), value.clone());
        }
    }
    for said in &mut all {
        if !said.calls.is_empty() && said.stop == Stop::End {
            said.stop = Stop::ToolCalls;
        }
    }
    let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
    let modality = |list: &str, kind: &str| {
        let all = report.get(list).and_then(Value::as_array).into_iter().flatten();
        all.filter(|item| item["modality"] == kind)
            .filter_map(|item| item["tokenCount"].as_u64())
            .sum::<u64>()
    };
    let audio =
        modality("promptTokensDetails", "AUDIO").saturating_sub(modality("cacheTokensDetails", "AUDIO"));
    // What is a document in the prompt is an image in the cache.
    let image =
        modality("promptTokensDetails", "IMAGE").saturating_sub(modality("cacheTokensDetails", "IMAGE"));
    let cached = count("cachedContentTokenCount");
    let input = count("promptTokenCount") + count("toolUsePromptTokenCount") - cached - audio - image;
    let usage = Usage::default()
        .with(Bucket::Input, input)
        .with(Bucket::CacheRead, cached)
        .with(Bucket::AudioIn, audio)
        .with(Bucket::ImageIn, image)
        .with(Bucket::Output, count("candidatesTokenCount"))
        .with(Bucket::Reasoning, count("thoughtsTokenCount"));
    (all, report.contains_key("promptTokenCount").then_some(usage))
}

/// Ids of calls are there and differ (C2), and a call ends the turn as one (C7).
fn sound(reply: &ChatReply, name: &str) {
    let mut ids = std::collections::HashSet::new();
    for choice in &reply.choices {
        for part in &choice.parts {
            if let Body::Call(call) = &part.body {
                assert!(!call.id.is_empty() && !call.name.is_empty() && ids.insert(&call.id), "{name}");
            }
        }
    }
}

/// The canonical answer as Gemini's caller would get it, read again.
fn through(reply: &ChatReply) -> ChatReply {
    let echo = Echo { model: reply.model.clone(), ..Echo::default() };
    Gemini.read_reply(Gemini.write_reply(reply, &echo).as_bytes(), &Asked::default()).unwrap()
}

#[test]
fn recorded_answers_say_what_a_plain_reading_finds() {
    let mut seen = 0;
    for exchange in recorded().iter().filter(|exchange| !exchange.stream) {
        let answer = exchange.answer().unwrap();
        let Ok(whole) = serde_json::from_slice::<Value>(&answer) else { continue };
        let reply = Gemini.read_reply(&answer, &Asked::default());
        if exchange.status() >= 400 {
            assert!(reply.is_err(), "{}", exchange.id);
            continue;
        }
        let reply = reply.unwrap();
        let (expected, usage) = plainly(&[whole]);
        assert_eq!((said(&reply), reply.usage), (expected, usage), "{}", exchange.id);
        sound(&reply, &exchange.id);
        let again = through(&reply);
        assert_eq!((said(&again), again.usage), (said(&reply), reply.usage), "{}", exchange.id);
        seen += 1;
    }
    eprintln!("answers: {seen}");
}

fn follow(pieces: &[&[u8]]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(Gemini.reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    let whole = pipe.end(&mut events).unwrap();
    (events, whole)
}

fn folded(events: &[Event]) -> ChatReply {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    assert_eq!(fold.fault, None);
    fold.finish()
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERY { (0..=length).collect() } else { (0..PLACES).map(|n| n * length / PLACES).collect() }
}

#[test]
fn recorded_streams_cut_anywhere_say_the_same() {
    let (mut seen, mut cuts, mut unfinished) = (0, 0, 0);
    for exchange in recorded().iter().filter(|exchange| exchange.stream) {
        let answer = exchange.answer().unwrap();
        let text = String::from_utf8(answer.clone()).unwrap();
        let chunks: Vec<Value> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        // Lists of chunks and frames of the live API are no streams of events.
        if !chunks.iter().any(|chunk| chunk["candidates"].is_array()) {
            continue;
        }
        let (events, whole) = follow(&[&answer]);
        let finishes = chunks.iter().any(|chunk| !chunk["candidates"][0]["finishReason"].is_null());
        assert_eq!(whole, finishes, "{}", exchange.id);
        unfinished += usize::from(!whole);
        let reply = folded(&events);
        let (expected, usage) = plainly(&chunks);
        if whole {
            assert_eq!((said(&reply), reply.usage), (expected, usage), "{}", exchange.id);
            let stops = events.iter().filter(|event| matches!(event, Event::Stop { .. })).count();
            // C8: one end, after everything else.
            assert_eq!(stops, reply.choices.len(), "{}", exchange.id);
        }
        sound(&reply, &exchange.id);
        for at in places(answer.len()) {
            let (cut, _) = follow(&[&answer[..at], &answer[at..]]);
            assert_eq!(folded(&cut), reply, "{} cut at {at}", exchange.id);
            cuts += 1;
        }
        if whole {
            let mut writer = Gemini.writer(Echo { model: reply.model.clone(), ..Echo::default() });
            let mut out = Vec::new();
            events.iter().for_each(|event| writer.event(event, &mut out));
            writer.end(&mut out);
            assert!(out.ends_with(b"\r\n\r\n"));
            let (again, whole) = follow(&[&out]);
            let again = ChatReply { created: reply.created, ..folded(&again) };
            assert!(whole);
            assert_eq!(again, reply, "{}", exchange.id);
        }
        seen += 1;
    }
    eprintln!("streams: {seen}, of them without an end: {unfinished}, cuts: {cuts}");
}
