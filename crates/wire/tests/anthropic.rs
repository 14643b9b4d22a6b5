//! Recorded traffic of Anthropic Messages through the codec, checked against a plain reading of the JSON.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "anthropic/plainly.rs"]
mod plainly;

use bytes::Bytes;
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::chat::{Body, ChatReply, Event, Fold, Losses, Stop};
use magic_wire::codec::{Asked, Echo, FaceCodec, Pipe, To, VendorCodec};
use magic_wire::dialect::anthropic::Anthropic;
use magic_wire::frame::{Caps, Framing};
use plainly::{assembled, plainly, read};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 220;

fn anthropic() -> Anthropic {
    Anthropic
}

fn recorded() -> Vec<Exchange> {
    let spoken = ["anthropic.messages", "bedrock.invoke.anthropic"];
    let older = |exchange: &Exchange| exchange.body().is_some_and(|body| body.get("prompt").is_some());
    exchanges(|exchange| spoken.contains(&exchange.endpoint.as_str()) && !older(exchange))
}

/// The differences that mean nothing: a text for a list of one text, defaults that are said, 1 for 1.0.
fn normal(mut request: Value) -> Value {
    let body = request.as_object_mut().unwrap();
    body.get_mut("system").into_iter().for_each(normal_content);
    for message in body["messages"].as_array_mut().unwrap() {
        normal_content(&mut message["content"]);
    }
    // Neighbours of one role are one turn.
    let mut turns: Vec<Value> = Vec::new();
    for message in body["messages"].as_array().unwrap() {
        match turns.last_mut().filter(|last| last["role"] == message["role"]) {
            Some(last) => {
                let more = message["content"].as_array().unwrap().clone();
                last["content"].as_array_mut().unwrap().extend(more);
            }
            None => turns.push(message.clone()),
        }
    }
    body["messages"] = Value::Array(turns);
    for name in ["temperature", "top_p"] {
        if let Some(number) = body.get_mut(name) {
            *number = json!(number.as_f64());
        }
    }
    for (name, default) in [("stream", json!(false)), ("tools", json!([])), ("stop_sequences", json!([]))] {
        if body.get(name) == Some(&default) {
            body.remove(name);
        }
    }
    request
}

fn normal_content(content: &mut Value) {
    if let Value::String(text) = content {
        *content = json!([{"type": "text", "text": text}]);
    }
    for block in content.as_array_mut().unwrap() {
        let block = block.as_object_mut().unwrap();
        if let Some(mark) = block.get_mut("cache_control").and_then(Value::as_object_mut) {
            mark.retain(|name, value| !(name == "ttl" && value == "5m"));
        }
        if block["type"] == "tool_result" {
            if block.get("is_error") == Some(&json!(false)) {
                block.remove("is_error");
            }
            block.get_mut("content").into_iter().for_each(normal_content);
        }
    }
}

#[test]
fn recorded_requests_come_out_as_they_went_in() {
    let (mut same, mut refused) = (0, 0);
    let all = recorded();
    for exchange in &all {
        let Some(body) = exchange.body() else { continue };
        let chat = match anthropic().read_request(body.to_string().as_bytes(), Some("claude-3-haiku")) {
            Ok(chat) => chat,
            Err(error) => {
                assert_eq!(exchange.status(), 400, "{}: {error}", exchange.id);
                refused += 1;
                continue;
            }
        };
        let to = To { model: &chat.model, kind: 0, default_max_output: 4096 };
        let mut lost = Losses::default();
        let written = anthropic().write_request(&chat, &to, &mut lost).unwrap();
        let value: Value = serde_json::from_str(&written).unwrap();
        let mut body = body.clone();
        // Clouds have the model in the path.
        body.as_object_mut().unwrap().entry("model").or_insert(json!("claude-3-haiku"));
        let (a, b) = (normal(value), normal(body));
        assert_eq!(a, b, "{}", exchange.id);
        assert_eq!(lost.0, [], "{}", exchange.id);
        // C37: the same request gives the same bytes.
        assert_eq!(anthropic().write_request(&chat, &to, &mut lost).unwrap(), written);
        same += 1;
    }
    println!("{same} recorded requests the same, {refused} refused as the vendor did");
    assert!(all.is_empty() || same > 80, "{same}");
}

#[test]
fn recorded_answers_say_what_the_json_says() {
    let (mut answers, mut errors) = (0, 0);
    let all = recorded();
    for exchange in all.iter().filter(|exchange| !exchange.stream) {
        let bytes = exchange.answer().unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        if exchange.status() != 200 {
            let error = anthropic().read_reply(&bytes, &Asked::default()).unwrap_err();
            assert_eq!(error.message, value["error"]["message"].as_str().unwrap(), "{}", exchange.id);
            errors += 1;
            continue;
        }
        let reply = anthropic().read_reply(&bytes, &Asked::default()).unwrap();
        let mut expected = plainly(&value);
        // C9: a turn with calls has not ended.
        if !expected.calls.is_empty() && expected.stop == Some(Stop::End) {
            expected.stop = Some(Stop::ToolCalls);
        }
        assert_eq!(read(&reply), expected, "{}", exchange.id);
        // Written for a caller, and read again.
        let echo = Echo { model: reply.model.clone(), ..Echo::default() };
        let written = anthropic().write_reply(&reply, &echo);
        let again = anthropic().read_reply(written.as_bytes(), &Asked::default()).unwrap();
        let refused = value.pointer("/stop_details/explanation").is_some_and(|text| text.is_string());
        if !refused {
            assert_eq!(read(&again), expected, "{}", exchange.id);
        }
        assert_eq!(format!("msg_{}", reply.id), value["id"].as_str().unwrap());
        answers += 1;
    }
    println!("{answers} recorded answers, {errors} errors");
    assert!(all.is_empty() || answers > 60, "{answers}");
}

fn follow(pieces: &[&[u8]]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(anthropic().reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    let whole = pipe.end(&mut events).unwrap();
    (events, whole)
}

fn folded(events: &[Event]) -> Fold {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERY { (0..=length).collect() } else { (0..PLACES).map(|n| n * length / PLACES).collect() }
}

/// Blocks of text that the canonical stream joins have one span of citations.
fn without_spans(mut reply: ChatReply) -> ChatReply {
    for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        if let Body::Text { annotations, .. } = &mut part.body {
            annotations.iter_mut().for_each(|annotation| (annotation.start, annotation.end) = (0, 0));
        }
    }
    reply
}

#[test]
fn recorded_streams_say_what_the_json_says_wherever_they_are_cut() {
    let (mut streams, mut cuts) = (0, 0);
    let all = recorded();
    for exchange in all.iter().filter(|exchange| exchange.stream && exchange.status() == 200) {
        let bytes = exchange.answer().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (events, whole) = follow(&[&bytes]);
        assert_eq!(whole, text.contains("message_stop"), "{}", exchange.id);
        let reply = folded(&events).finish();
        if whole {
            assert_eq!(read(&reply), plainly(&assembled(&text)), "{}", exchange.id);
            writes_it_again(exchange, &events, &reply);
        }
        // C34: no cut changes anything, not even inside a character.
        for place in places(bytes.len()) {
            let (a, b) = bytes.split_at(place);
            assert_eq!(folded(&follow(&[a, b]).0).finish(), reply, "{} cut at {place}", exchange.id);
            cuts += 1;
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(follow(&single), (events, whole), "{} byte by byte", exchange.id);
        streams += 1;
    }
    println!("{streams} recorded streams, {cuts} cuts");
    assert!(all.is_empty() || streams > 30, "{streams}");
}

/// The events, written for a caller and read again, are the same answer; the frames are in order (C5, C36).
fn writes_it_again(exchange: &Exchange, events: &[Event], reply: &ChatReply) {
    let echo = Echo { model: reply.model.clone(), ..Echo::default() };
    let mut writer = anthropic().writer(echo);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.end(&mut out);
    writer.end(&mut out);
    let (again, whole) = follow(&[&out]);
    assert!(whole);
    assert_eq!(without_spans(folded(&again).finish()), without_spans(reply.clone()), "{}", exchange.id);
    let text = String::from_utf8(out).unwrap();
    let mut open = None;
    let mut next = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(next)), "{}", exchange.id);
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(event["index"].as_u64(), open, "{}", exchange.id),
            "content_block_stop" => assert_eq!(event["index"].as_u64(), open.take(), "{}", exchange.id),
            _ => assert_eq!(open, None, "{}", exchange.id),
        }
    }
    for name in ["message_start", "message_delta", "message_stop"] {
        assert_eq!(text.matches(&format!("event: {name}\n")).count(), 1, "{}", exchange.id);
    }
}

/// JSON that looks like the dialect's, and other bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "type",
        "text",
        "thinking",
        "signature",
        "tool_use",
        "input",
        "content",
        "messages",
        "role",
        "user",
        "id",
        "assistant",
        "delta",
        "index",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "usage",
        "text_delta",
        "input_json_delta",
        "message_delta",
        "message_stop",
        "error",
        "system",
        "tools",
        "name",
        "content_block",
        "content_block_stop",
        "source",
        "tool_result",
        "cache_control",
        "model",
        "message",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(word.clone(), inner, 0..6).prop_map(|map| Value::Object(
                map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        tree.prop_map(|value| value.to_string().into_bytes())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_a_reader_panic(all in prop::collection::vec(bytes(), 1..6)) {
        let mut stream = Vec::new();
        for bytes in &all {
            let _ = anthropic().read_reply(bytes, &Asked::default()).map(|reply| anthropic().write_reply(&reply, &Echo::default()));
            if let Ok(chat) = anthropic().read_request(bytes, Some("claude-sonnet-4-5")) {
                let to = To { model: "claude-sonnet-4-5", kind: 0, default_max_output: 4096 };
                let _ = anthropic().write_request(&chat, &to, &mut Losses::default());
            }
            stream.extend_from_slice(b"data: ");
            stream.extend_from_slice(bytes);
            stream.extend_from_slice(b"\n\n");
        }
        let mut pipe = Pipe::new(anthropic().reader(&Asked::default()), Framing::Sse, Caps::default());
        let mut events = Vec::new();
        let _ = pipe.push(Bytes::from(stream), &mut events);
        let _ = pipe.end(&mut events);
        let mut writer = anthropic().writer(Echo::default());
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        let _ = folded(&events);
    }
}
