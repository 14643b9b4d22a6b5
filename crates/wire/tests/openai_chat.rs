//! Recorded chat completions through the codec: requests survive, answers and streams say what the recorded
//! bytes say, wherever they are cut.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use bytes::Bytes;
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::chat::{Body, ChatReply, Event, Fold, Losses, Media, OutputFormat, Stop};
use magic_wire::codec::{Asked, Echo, FaceCodec, Pipe, To, VendorCodec};
use magic_wire::dialect::openai_chat::OpenAiChat;
use magic_wire::frame::Framing;
use serde_json::{Value, json};

const EVERY: usize = 4_000;
const PLACES: usize = 200;

fn chat() -> OpenAiChat {
    OpenAiChat
}

fn wanted(exchange: &Exchange) -> bool {
    exchange.endpoint.ends_with("chat.completions") && !exchange.endpoint.contains("mantle")
}

/// What a reader finds who knows nothing of the codec: text, reasoning, calls, the word for the end.
#[derive(Debug, Default, PartialEq)]
struct Plain {
    text: String,
    reasoning: String,
    calls: Vec<(String, Value)>,
    stop: Option<Stop>,
}

fn arguments(text: &str) -> Value {
    if text.is_empty() { json!({}) } else { serde_json::from_str(text).unwrap_or_else(|_| json!(text)) }
}

fn plain_of(reply: &ChatReply) -> Plain {
    let mut plain = Plain::default();
    let Some(choice) = reply.choices.first() else { return plain };
    for part in &choice.parts {
        match &part.body {
            Body::Text { text, .. } => plain.text.push_str(text),
            // Stretches are joined by a line break where a dialect has one text for them all.
            Body::Reasoning(reasoning) => plain.reasoning.push_str(&reasoning.text.replace('\n', "")),
            Body::Call(call) => plain.calls.push((call.name.clone(), arguments(&call.arguments))),
            _ => {}
        }
    }
    plain.stop = Some(choice.stop);
    plain
}

fn stop_of(word: &str, calls: bool) -> Stop {
    match word {
        "length" | "model_length" => Stop::Length,
        "content_filter" => Stop::Filtered,
        "tool_calls" | "function_call" => Stop::ToolCalls,
        _ if calls => Stop::ToolCalls,
        "stop_sequence" => Stop::StopSequence,
        _ => Stop::End,
    }
}

/// Text and thinking of a `content`, whichever form it has.
fn content_of(value: &Value, plain: &mut Plain) {
    match value {
        Value::String(text) => plain.text.push_str(text),
        Value::Array(parts) => {
            for part in parts {
                plain.text.push_str(part["text"].as_str().unwrap_or(""));
                for thought in part["thinking"].as_array().into_iter().flatten() {
                    plain.reasoning.push_str(thought["text"].as_str().unwrap_or(""));
                }
            }
        }
        _ => {}
    }
}

fn thought_of(message: &Value, plain: &mut Plain) {
    let direct = message["reasoning_content"].as_str().or(message["reasoning"].as_str());
    match direct {
        Some(text) => plain.reasoning.push_str(text),
        None => {
            for detail in message["reasoning_details"].as_array().into_iter().flatten() {
                let text = detail["text"].as_str().or(detail["summary"].as_str());
                plain.reasoning.push_str(text.unwrap_or(""));
            }
        }
    }
}

fn call_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn plain_reply(value: &Value) -> Plain {
    let mut plain = Plain::default();
    let choice = &value["choices"][0];
    let message = &choice["message"];
    // An answer's details are read before its plain text: both hold the same.
    if message["reasoning_details"].as_array().is_some_and(|d| !d.is_empty()) {
        let only = json!({ "reasoning_details": message["reasoning_details"] });
        thought_of(&only, &mut plain);
    }
    if plain.reasoning.is_empty() {
        thought_of(message, &mut plain);
    }
    content_of(&message["content"], &mut plain);
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let f = &call["function"];
        plain.calls.push((f["name"].as_str().unwrap_or("").into(), arguments(&call_text(&f["arguments"]))));
    }
    if let Some(old) =
        message.get("function_call").filter(|old| old["name"].as_str().is_some_and(|n| !n.is_empty()))
    {
        plain.calls.push((old["name"].as_str().unwrap().into(), arguments(&call_text(&old["arguments"]))));
    }
    plain.stop = Some(stop_of(choice["finish_reason"].as_str().unwrap_or(""), !plain.calls.is_empty()));
    plain.reasoning = plain.reasoning.replace('\n', "");
    plain
}

fn plain_stream(text: &str) -> Plain {
    let mut plain = Plain::default();
    let mut calls: Vec<(String, String, String)> = Vec::new();
    let mut word = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let Ok(value) = serde_json::from_str::<Value>(line.trim()) else { continue };
        for choice in value["choices"].as_array().into_iter().flatten() {
            if choice["index"].as_u64().unwrap_or(0) != 0 {
                continue;
            }
            let delta = &choice["delta"];
            thought_of(delta, &mut plain);
            content_of(&delta["content"], &mut plain);
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let id = call["id"].as_str().unwrap_or("").to_owned();
                let key = call["index"].to_string();
                let known = calls.iter().rposition(|(k, i, _)| {
                    (*k == key && (id.is_empty() || *i == id || i.is_empty())) || (!id.is_empty() && *i == id)
                });
                let at = known.unwrap_or_else(|| {
                    calls.push((key, id, String::new()));
                    plain.calls.push((String::new(), Value::Null));
                    calls.len() - 1
                });
                if plain.calls[at].0.is_empty() {
                    plain.calls[at].0 = call["function"]["name"].as_str().unwrap_or("").into();
                }
                calls[at].2.push_str(&call_text(&call["function"]["arguments"]));
            }
            if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
                word = reason.to_owned();
            }
        }
    }
    for (call, (_, _, text)) in plain.calls.iter_mut().zip(&calls) {
        call.1 = arguments(text);
    }
    plain.stop = Some(stop_of(&word, !plain.calls.is_empty()));
    plain.reasoning = plain.reasoning.replace('\n', "");
    plain
}

fn fold(pieces: &[&[u8]]) -> Result<(ChatReply, Vec<Event>, bool), String> {
    let mut pipe = Pipe::new(chat().reader(&Asked::default()), Framing::Sse, Default::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).map_err(|error| error.message)?;
    }
    let whole = pipe.end(&mut events).map_err(|error| error.message)?;
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    Ok((fold.finish(), events, whole))
}

#[test]
fn recorded_requests_are_the_same_after_reading_and_writing() {
    let all =
        exchanges(|exchange| wanted(exchange) && exchange.body().is_some_and(|b| b["messages"].is_array()));
    let mut same = 0;
    for exchange in &all {
        let body = exchange.body().unwrap();
        let read = chat().read_request(body.to_string().as_bytes(), None);
        let Ok(read) = read.inspect_err(|error| println!("{}: {error}", exchange.id)) else {
            // What a vendor refused, we may refuse too.
            assert!(
                exchange.status() >= 400 || body["messages"].as_array().unwrap().is_empty(),
                "{}",
                exchange.id
            );
            continue;
        };
        let to = To { model: &read.model.clone(), kind: 20, default_max_output: 4096 };
        let mut lost = Losses::default();
        let Ok(written) = chat().write_request(&read, &to, &mut lost) else {
            assert!(exchange.status() >= 400, "{}", exchange.id);
            continue;
        };
        let again = chat().read_request(written.as_bytes(), None).unwrap();
        let mut expected = read.clone();
        expected.pair_calls().unwrap();
        assert_eq!(again.messages.len(), expected.messages.len(), "{}: {written}", exchange.id);
        assert_eq!(
            (&again.tools, &again.tool_choice),
            (&expected.tools, &expected.tool_choice),
            "{}",
            exchange.id
        );
        assert_eq!(again.extra, expected.extra, "{}", exchange.id);
        assert_eq!(again.sampling, expected.sampling, "{}", exchange.id);
        // A schema without a name gets one: vendors demand it.
        if let OutputFormat::Schema { name, .. } = &mut expected.output {
            name.get_or_insert("output".into());
        }
        assert_eq!(again.output, expected.output, "{}", exchange.id);
        same += 1;
    }
    println!("{same} recorded requests");
    assert!(all.is_empty() || same > 150, "{same}");
}

#[test]
fn recorded_answers_say_what_their_bytes_say() {
    let all = exchanges(|exchange| wanted(exchange) && !exchange.stream && exchange.status() == 200);
    let mut read = 0;
    for exchange in &all {
        let bytes = exchange.answer().unwrap();
        let value: Value = match serde_json::from_slice(&bytes) {
            Ok(value) => value,
            Err(_) => continue,
        };
        if value["choices"].as_array().is_none_or(Vec::is_empty) {
            assert!(chat().read_reply(&bytes, &Asked::default()).is_err(), "{}", exchange.id);
            continue;
        }
        let reply = chat()
            .read_reply(&bytes, &Asked::default())
            .unwrap_or_else(|error| panic!("{}: {error}", exchange.id));
        assert_eq!(plain_of(&reply), plain_reply(&value), "{}", exchange.id);
        let written = chat().write_reply(&reply, &Echo::default());
        let again = chat().read_reply(written.as_bytes(), &Asked::default()).unwrap();
        assert_eq!(plain_of(&again), plain_of(&reply), "{}", exchange.id);
        assert_eq!(again.usage, reply.usage, "{}", exchange.id);
        read += 1;
    }
    println!("{read} recorded answers");
    assert!(all.is_empty() || read > 80, "{read}");
}

#[test]
fn recorded_streams_say_what_their_bytes_say_wherever_they_are_cut() {
    let all = exchanges(|exchange| wanted(exchange) && exchange.stream && exchange.status() == 200);
    let (mut streams, mut cuts) = (0, 0);
    for exchange in &all {
        let bytes = exchange.answer().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Ok((reply, events, _)) = fold(&[&bytes]) else {
            assert!(text.contains("\"error\""), "{}", exchange.id);
            continue;
        };
        if events.iter().any(|event| matches!(event, Event::Fault(_))) {
            assert!(text.contains("error"), "{}", exchange.id);
            continue;
        }
        let expected = plain_stream(&text);
        let found = plain_of(&reply);
        if !text.contains("\"finish_reason\":\"") && !text.contains("\"finish_reason\": \"") {
            assert_eq!((found.text, found.reasoning), (expected.text, expected.reasoning), "{}", exchange.id);
        } else {
            assert_eq!(found, expected, "{}", exchange.id);
        }
        let length = bytes.len();
        let places: Vec<usize> = if length <= EVERY {
            (0..=length).collect()
        } else {
            (0..PLACES).map(|n| n * length / PLACES).collect()
        };
        for place in places {
            let (a, b) = bytes.split_at(place);
            assert_eq!(fold(&[a, b]).unwrap().0, reply, "{} cut at {place}", exchange.id);
            cuts += 1;
        }
        // Written for a caller and read again, it is the same answer.
        let mut writer = chat().writer(Echo { wants_usage: true, ..Echo::default() });
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        let (again, _, whole) = fold(&[&out]).unwrap();
        assert!(whole, "{}", exchange.id);
        assert_eq!((plain_of(&again), again.usage), (plain_of(&reply), reply.usage), "{}", exchange.id);
        streams += 1;
    }
    println!("{streams} recorded streams, {cuts} cuts");
    assert!(all.is_empty() || streams > 60, "{streams}");
}

fn events_of(chunks: &[Value]) -> (Vec<Event>, bool) {
    let text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    let (_, events, whole) = fold(&[text.as_bytes(), b"data: [DONE]\n\n"]).unwrap();
    (events, whole)
}

fn delta(delta: Value) -> Value {
    json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
}

fn calls_of(events: &[Event]) -> Vec<(u32, String, String)> {
    let mut calls: Vec<(u32, String, String)> = Vec::new();
    let mut open = None;
    for event in events {
        match event {
            Event::CallStart { call, name, .. } => {
                assert_eq!(open, None, "calls overlap");
                open = Some(*call);
                calls.push((*call, name.clone(), String::new()));
            }
            Event::CallArguments { call, text, .. } => {
                assert_eq!(open, Some(*call), "a piece outside its call");
                calls.last_mut().unwrap().2.push_str(text);
            }
            Event::CallEnd { .. } => open = None,
            _ => {}
        }
    }
    assert_eq!(open, None, "a call without an end");
    calls
}

#[test]
fn c5_interleaved_calls_are_told_one_after_another() {
    let call = |index: u64, id: Option<&str>, name: Option<&str>, text: &str| {
        delta(
            json!({ "tool_calls": [{ "index": index, "id": id, "function": { "name": name, "arguments": text } }] }),
        )
    };
    let (events, whole) = events_of(&[
        call(0, Some("a"), Some("f"), "{\"x\""),
        call(1, Some("b"), Some("g"), "{\"y\""),
        call(0, None, None, ":1}"),
        call(1, None, None, ":2}"),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] }),
    ]);
    assert!(whole);
    assert_eq!(calls_of(&events), [(0, "f".into(), "{\"x\":1}".into()), (1, "g".into(), "{\"y\":2}".into())]);
}

#[test]
fn c4_c5_pieces_of_a_call_come_although_another_one_or_a_text_came_between() {
    let call = |index: u64, id: Option<&str>, text: &str| {
        let name = id.map(|_| "f");
        delta(
            json!({ "tool_calls": [{ "index": index, "id": id, "function": { "name": name, "arguments": text } }] }),
        )
    };
    let end = || json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] });
    let (events, _) = events_of(&[
        call(0, Some("a"), ""),
        call(1, Some("b"), "{\"y\":2}"),
        delta(json!({ "content": "so" })),
        call(0, None, "{\"x\""),
        delta(json!({ "refusal": "no", "reasoning_content": "hm" })),
        call(0, None, ":1}"),
        end(),
    ]);
    assert_eq!(calls_of(&events), [(0, "f".into(), "{\"x\":1}".into()), (1, "f".into(), "{\"y\":2}".into())]);
    let last_call = events.iter().rposition(|event| matches!(event, Event::CallEnd { .. })).unwrap();
    let said =
        |event: &Event| matches!(event, Event::Text { .. } | Event::Refusal { .. } | Event::Reasoning { .. });
    assert_eq!(events[last_call..].iter().filter(|event| said(event)).count(), 3, "{events:?}");
    // A call that is whole ends where the text begins: nothing waits for the end of the stream.
    let (events, _) = events_of(&[call(0, Some("a"), "{}"), delta(json!({ "content": "so" })), end()]);
    let text = events.iter().position(|event| matches!(event, Event::Text { .. })).unwrap();
    assert_eq!(events[text - 1], Event::CallEnd { choice: 0, call: 0 });
}

#[test]
fn what_waits_for_the_end_of_a_call_has_a_limit() {
    let start = delta(
        json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{" } }] }),
    );
    let text = delta(json!({ "content": "x".repeat(1 << 20) }));
    let mut pipe = Pipe::new(chat().reader(&Asked::default()), Framing::Sse, Default::default());
    let mut push = |chunk: &Value| pipe.push(Bytes::from(format!("data: {chunk}\n\n")), &mut Vec::new());
    push(&start).unwrap();
    assert!((0..5).any(|_| push(&text).is_err()));
}

#[test]
fn c1_c2_calls_numbered_0_each_are_two_calls() {
    let call = |id: &str| {
        delta(
            json!({ "tool_calls": [{ "index": 0, "id": id, "function": { "name": "f", "arguments": "{}" } }] }),
        )
    };
    let (events, _) = events_of(&[call("a"), call("b")]);
    assert_eq!(calls_of(&events).len(), 2);
}

#[test]
fn c7_a_stop_after_a_call_is_a_call_for_tools() {
    let (events, _) = events_of(&[
        delta(
            json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "f", "arguments": "" } }] }),
        ),
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
    ]);
    assert!(matches!(events.last(), Some(Event::Stop { stop: Stop::ToolCalls, .. })), "{events:?}");
    assert_eq!(calls_of(&events)[0].2, "");
}

#[test]
fn c24_usage_is_a_chunk_of_its_own_and_only_for_those_who_asked() {
    let reply = chat()
        .read_reply(br#"{"id":"chatcmpl-1","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#, &Asked::default())
        .unwrap();
    for wants_usage in [true, false] {
        let mut writer = chat().writer(Echo { wants_usage, ..Echo::default() });
        let mut out = Vec::new();
        reply.events().iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("\"choices\":[]").count(), usize::from(wants_usage), "{text}");
        assert_eq!(text.matches("\"usage\":null").count() > 0, wants_usage);
        assert!(text.ends_with("data: [DONE]\n\n"));
        assert_eq!(text.matches("\"finish_reason\":\"").count(), 1, "C8: {text}");
    }
}

#[test]
fn c16_c17_c20_histories_are_put_right() {
    let body = json!({
        "model": "m",
        "messages": [
            { "role": "user", "content": "go" },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } },
                { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } },
                { "id": "b", "type": "function", "function": { "name": "g", "arguments": "" } }
            ] },
            { "role": "tool", "tool_call_id": "a", "content": [
                { "type": "text", "text": "see" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }
            ] },
            { "role": "user", "content": "well?" }
        ]
    });
    let read = chat().read_request(body.to_string().as_bytes(), None).unwrap();
    let to = To { model: "m", kind: 1, default_max_output: 1 };
    let text = chat().write_request(&read, &to, &mut Losses::default()).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let roles: Vec<&str> =
        value["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user", "tool", "user"], "{text}");
    assert_eq!(value["messages"][1]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(value["messages"][1]["tool_calls"][1]["function"]["arguments"], "{}");
    assert_eq!(value["messages"][3]["content"][0]["type"], "image_url");
    let orphan =
        json!({ "model": "m", "messages": [{ "role": "tool", "tool_call_id": "zz", "content": "x" }] });
    let read = chat().read_request(orphan.to_string().as_bytes(), None).unwrap();
    assert!(chat().write_request(&read, &to, &mut Losses::default()).unwrap_err().message.contains("zz"));
}

#[test]
fn media_keep_their_bytes() {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low" } },
        { "type": "input_audio", "input_audio": { "data": "UklGRg==", "format": "wav" } },
        { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0=" } }
    ] }] });
    let read = chat().read_request(body.to_string().as_bytes(), None).unwrap();
    let Body::Image { media: Media::Inline { mime, base64 }, .. } = &read.messages[0].parts[0].body else {
        panic!()
    };
    assert_eq!((mime.as_str(), base64.as_str()), ("image/png", "iVBORw0KGgo="));
    let to = To { model: "m", kind: 1, default_max_output: 1 };
    let text = chat().write_request(&read, &to, &mut Losses::default()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["messages"], body["messages"]);
}
