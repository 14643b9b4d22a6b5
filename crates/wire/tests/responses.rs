//! Recorded traffic of every vendor that speaks Responses, read, written and read again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

#[path = "responses/lifecycle.rs"]
mod lifecycle;
#[path = "responses/plain.rs"]
mod plain;

use bytes::Bytes;
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::chat::{Body, ChatReply, ChatRequest, Event, Fold, Losses};
use magic_wire::codec::{Asked, Echo, FaceCodec, Pipe, To, VendorCodec};
use magic_wire::dialect::responses::Responses;
use magic_wire::frame::{Caps, Framing};
use plain::{normal, read_plainly, seen};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::Arc;

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 250;

fn recorded(wanted: impl Fn(&Exchange) -> bool) -> Vec<Exchange> {
    exchanges(|exchange| exchange.endpoint.ends_with("responses") && wanted(exchange))
}

fn write(chat: &ChatRequest) -> Value {
    let to = To { model: &chat.model, kind: 1, default_max_output: 4096 };
    let mut lost = Losses::default();
    let text = Responses.write_request(chat, &to, &mut lost).unwrap();
    assert_eq!(lost, Losses::default(), "nothing is lost in one's own dialect");
    assert_eq!(text, Responses.write_request(chat, &to, &mut lost).unwrap(), "C37");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn recorded_requests_are_written_as_they_were_read() {
    let mut count = 0;
    let all = recorded(|_| true);
    for exchange in &all {
        let Some(body) = exchange.body() else { continue };
        let chat = Responses.read_request(body.to_string().as_bytes(), None).unwrap();
        let mut written = write(&chat);
        if body.get("model").is_none() {
            written.as_object_mut().unwrap().remove("model");
        }
        let (written_normal, body_normal) = (normal(&written), normal(body));
        for name in ["input", "tools"] {
            let items = |value: &Value| value[name].as_array().cloned().unwrap_or_default();
            for (ours, theirs) in items(&written_normal).iter().zip(items(&body_normal)) {
                assert_eq!(*ours, theirs, "{}", exchange.id);
            }
        }
        assert_eq!(written_normal, body_normal, "{}", exchange.id);
        let again = Responses.read_request(written.to_string().as_bytes(), Some(&chat.model)).unwrap();
        assert_eq!(again, chat, "{}", exchange.id);
        count += 1;
    }
    println!("{count} recorded requests");
    assert!(all.is_empty() || count > 80, "{count}");
}

#[test]
fn recorded_answers_say_what_is_in_them() {
    let mut count = 0;
    let all = recorded(|exchange| !exchange.stream && exchange.status() == 200);
    for exchange in &all {
        let bytes = exchange.answer().unwrap();
        let reply = Responses
            .read_reply(&bytes, &Asked::default())
            .unwrap_or_else(|e| panic!("{}: {e}", exchange.id));
        let plain = read_plainly(&serde_json::from_slice(&bytes).unwrap());
        assert_eq!(seen(&reply), plain, "{}", exchange.id);
        let written = Responses.write_reply(&reply, &echo(exchange));
        assert_eq!(written, Responses.write_reply(&reply, &echo(exchange)), "C37");
        lifecycle::response(&serde_json::from_str(&written).unwrap(), &exchange.id);
        let again = Responses.read_reply(written.as_bytes(), &Asked::default()).unwrap();
        assert_eq!(alike(again), alike(reply), "{}", exchange.id);
        count += 1;
    }
    println!("{count} recorded answers");
    assert!(all.is_empty() || count > 40, "{count}");
}

/// An echo that leaves the vendor's own words in place.
fn echo(exchange: &Exchange) -> Echo {
    let request =
        exchange.body().map(|body| Responses.read_request(body.to_string().as_bytes(), None).unwrap());
    Echo { request_id: "call-1".into(), request: request.map(Arc::new), ..Echo::default() }
}

/// Reasoning is always shown as a summary; which it was is not told. The tier is of the whole answer alone.
fn alike(mut reply: ChatReply) -> ChatReply {
    reply.service_tier = None;
    for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        if let Body::Reasoning(reasoning) = &mut part.body {
            reasoning.summary = true;
            // Without a seal there is nothing that the vendor's id would be good for.
            if reasoning.seal.is_none() {
                reasoning.id = None;
            }
        }
    }
    reply
}

fn follow(pieces: &[&[u8]]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(Responses.reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    let whole = pipe.end(&mut events).unwrap();
    (events, whole)
}

fn fold(events: &[Event]) -> Fold {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERY { (0..=length).collect() } else { (0..PLACES).map(|n| n * length / PLACES).collect() }
}

#[test]
fn recorded_streams_say_what_their_last_event_repeats() {
    let mut count = 0;
    let all = recorded(|exchange| exchange.stream && exchange.status() == 200);
    for exchange in &all {
        let bytes = exchange.answer().unwrap();
        let (events, whole) = follow(&[&bytes]);
        assert!(whole, "{}", exchange.id);
        let text = String::from_utf8(bytes).unwrap();
        let last = plain::terminal(&text).unwrap();
        let folded = fold(&events);
        if last["status"] == "failed" {
            assert!(matches!(events.last(), Some(Event::Fault(_))), "{} C35", exchange.id);
            continue;
        }
        assert!(folded.fault.is_none());
        assert_eq!(seen(&folded.finish()), read_plainly(&last), "{}", exchange.id);
        count += 1;
    }
    println!("{count} recorded streams");
    assert!(all.is_empty() || count > 50, "{count}");
}

/// C34: where bytes are cut makes no difference.
#[test]
fn recorded_streams_cut_anywhere_are_the_same_answer() {
    let (mut streams, mut cuts) = (0, 0);
    for exchange in recorded(|exchange| exchange.stream && exchange.status() == 200) {
        let bytes = exchange.answer().unwrap();
        let whole = follow(&[&bytes]);
        for place in places(bytes.len()) {
            let (a, b) = bytes.split_at(place);
            assert_eq!(follow(&[a, b]), whole, "{} cut at {place}", exchange.id);
            cuts += 1;
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(follow(&single), whole, "{} byte by byte", exchange.id);
        streams += 1;
    }
    println!("{streams} recorded streams, {cuts} cuts");
}

/// C33: what is written lives its whole life in order, and reads as what it was written from.
#[test]
fn recorded_streams_written_again_are_the_same_answer() {
    for exchange in recorded(|exchange| exchange.stream && exchange.status() == 200) {
        let (events, _) = follow(&[&exchange.answer().unwrap()]);
        let mut writer = Responses.writer(echo(&exchange));
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        writer.end(&mut out);
        lifecycle::check(&out, &exchange.id);
        let (again, whole) = follow(&[&out]);
        assert!(whole, "{}", exchange.id);
        let (before, after) = (fold(&events), fold(&again));
        assert_eq!(before.fault.is_some(), after.fault.is_some(), "{}", exchange.id);
        assert_eq!(alike(after.finish()), alike(before.finish()), "{}", exchange.id);
    }
}

#[test]
fn a_stream_cut_off_is_not_whole() {
    for exchange in recorded(|exchange| exchange.stream && exchange.status() == 200) {
        let bytes = exchange.answer().unwrap();
        let half = &bytes[..bytes.len() / 2];
        let (events, whole) = follow(&[half]);
        assert!(whole == events.iter().any(|event| matches!(event, Event::Fault(_))), "{}", exchange.id);
        let mut writer = Responses.writer(echo(&exchange));
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        lifecycle::check(&out, &exchange.id);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("event: response.failed\n") || text.contains("event: error\n"), "C35");
    }
}

fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "type",
        "role",
        "content",
        "input",
        "output",
        "message",
        "reasoning",
        "function_call",
        "item",
        "summary",
        "response",
        "text",
        "delta",
        "name",
        "call_id",
        "tools",
        "input_text",
        "id",
        "status",
        "completed",
        "response.completed",
        "response.output_item.added",
        "response.output_item.done",
        "assistant",
        "response.output_text.delta",
        "error",
        "model",
        "output_index",
        "gw1.e30=",
        "encrypted_content",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        Just(Value::Null),
        any::<i32>().prop_map(Value::from)
    ];
    let tree = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    });
    tree.prop_map(|value| value.to_string())
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), texts in prop::collection::vec(json(), 1..6)) {
        let mut frames = Vec::new();
        for body in texts.iter().map(|text| text.as_bytes()).chain([bytes.as_slice()]) {
            if let Ok(chat) = Responses.read_request(body, Some("m")) {
                let to = To { model: "m", kind: 1, default_max_output: 1 };
                let _ = Responses.write_request(&chat, &to, &mut Losses::default());
            }
            if let Ok(reply) = Responses.read_reply(body, &Asked::default()) {
                let _ = Responses.write_reply(&reply, &Echo::default());
            }
            frames.extend_from_slice(b"data: ");
            frames.extend_from_slice(body);
            frames.extend_from_slice(b"\n\n");
        }
        let mut pipe = Pipe::new(Responses.reader(&Asked::default()), Framing::Sse, Caps::default());
        let mut events = Vec::new();
        let _ = pipe.push(Bytes::from(frames), &mut events);
        let _ = pipe.end(&mut events);
        let mut writer = Responses.writer(Echo::default());
        let mut out = Vec::new();
        events.iter().for_each(|event| writer.event(event, &mut out));
        writer.end(&mut out);
        lifecycle::check(&out, "made up");
    }
}
