//! Streams, read and written.

use super::*;
use crate::chat::{Event, Fold, Stop};
use crate::codec::Pipe;
use crate::fault::{FaultClass, VendorFault};
use crate::frame::Caps;
use bytes::Bytes;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

fn sse(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

fn follow(events: &[Value]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(Anthropic.reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut out = Vec::new();
    pipe.push(Bytes::from(sse(events)), &mut out).unwrap();
    let whole = pipe.end(&mut out).unwrap();
    (out, whole)
}

fn fold(events: &[Event]) -> crate::chat::ChatReply {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold.finish()
}

/// What a caller is sent, without the frames around it.
fn wrote(events: &[Event]) -> Vec<Value> {
    let mut writer = Anthropic.writer(echo());
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.end(&mut out);
    let text = String::from_utf8(out).unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(text, sse_in_order(&text, &events));
    events
}

/// Every event has its name in front, which is its type.
fn sse_in_order(text: &str, events: &[Value]) -> String {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let named = events.iter().zip(data);
    named
        .map(|(event, data)| format!("event: {}\ndata: {data}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |event: &Value| {
        let inner = event["content_block"]["type"].as_str().or(event["delta"]["type"].as_str());
        let index = event["index"].as_u64().map(|index| format!(" {index}")).unwrap_or_default();
        format!(
            "{}{index}{}",
            event["type"].as_str().unwrap(),
            inner.map(|i| format!(" {i}")).unwrap_or_default()
        )
    };
    events.iter().map(kind).collect()
}

fn begin() -> Event {
    Event::Start { id: "1".into(), model: "v".into(), created: 0, usage: None }
}

fn call_start(call: u32, id: &str) -> Event {
    Event::CallStart { choice: 0, call, id: id.into(), name: "f".into(), custom: false, seal: None }
}

fn stop(stop: Stop) -> Event {
    Event::Stop { choice: 0, stop, stop_text: None }
}

#[test]
fn c4_c5_c9_blocks_never_overlap_and_arguments_arrive() {
    let events = [
        begin(),
        Event::Text { choice: 0, text: String::new() },
        call_start(0, "a"),
        Event::CallArguments { choice: 0, call: 0, text: "{\"x\":".into() },
        Event::CallArguments { choice: 0, call: 0, text: "1}".into() },
        Event::CallEnd { choice: 0, call: 0 },
        call_start(1, "b"),
        Event::CallEnd { choice: 0, call: 1 },
        Event::Text { choice: 1, text: "of another answer".into() },
        stop(Stop::End),
        Event::Usage(Usage::default().with(Bucket::Input, 3).with(Bucket::Output, 4)),
    ];
    let sent = wrote(&events);
    assert_eq!(
        kinds(&sent),
        [
            "message_start",
            "ping",
            "content_block_start 0 tool_use",
            "content_block_delta 0 input_json_delta",
            "content_block_delta 0 input_json_delta",
            "content_block_stop 0",
            "content_block_start 1 tool_use",
            "content_block_stop 1",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(sent[8]["delta"], json!({"stop_reason": "tool_use", "stop_sequence": null}));
    assert_eq!(
        (&sent[8]["usage"]["input_tokens"], &sent[8]["usage"]["output_tokens"]),
        (&json!(3), &json!(4))
    );
}

#[test]
fn c13_the_signature_comes_just_before_the_end() {
    let reasoning = |text: &str| Event::Reasoning { choice: 0, text: text.into(), summary: false };
    let end = |seal| Event::ReasoningEnd { choice: 0, seal, id: None };
    let sent = wrote(&[
        begin(),
        reasoning("hm"),
        end(Some(seal(Dialect::Anthropic, "sig"))),
        end(Some(seal(Dialect::Anthropic, "alone"))),
        end(Some(Seal { kind: SealKind::Encrypted, ..seal(Dialect::Anthropic, "blob") })),
        end(None),
        reasoning("unsigned"),
        Event::Text { choice: 0, text: "a".into() },
        stop(Stop::End),
    ]);
    assert_eq!(
        kinds(&sent)[2..],
        [
            "content_block_start 0 thinking",
            "content_block_delta 0 thinking_delta",
            "content_block_delta 0 signature_delta",
            "content_block_stop 0",
            "content_block_start 1 thinking",
            "content_block_delta 1 signature_delta",
            "content_block_stop 1",
            "content_block_start 2 redacted_thinking",
            "content_block_stop 2",
            "content_block_start 3 thinking",
            "content_block_delta 3 thinking_delta",
            "content_block_delta 3 signature_delta",
            "content_block_stop 3",
            "content_block_start 4 text",
            "content_block_delta 4 text_delta",
            "content_block_stop 4",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(sent[4]["delta"]["signature"], "sig");
    assert!(sent[13]["delta"]["signature"].as_str().unwrap().starts_with("gw1."));
}

#[test]
fn c35_an_error_ends_the_stream_as_one() {
    let fault = VendorFault {
        message: "busy".into(),
        kind: "x".into(),
        code: String::new(),
        param: None,
        class: FaultClass::Overloaded,
    };
    let sent = wrote(&[begin(), Event::Text { choice: 0, text: "a".into() }, Event::Fault(fault)]);
    assert_eq!(
        sent.last().unwrap(),
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    );
    assert!(!kinds(&sent).contains(&"message_stop".to_owned()));
    let start = json!({"type": "message_start", "message": {"id": "msg_1"}});
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    let (events, whole) = follow(&[start, error, json!({"type": "message_stop"})]);
    assert!(whole && events.len() == 2);
    assert!(matches!(&events[1], Event::Fault(fault) if fault.class == FaultClass::Overloaded));
}

#[test]
fn c36_one_start_whatever_comes() {
    let sent = wrote(&[begin(), begin(), stop(Stop::End)]);
    assert_eq!(kinds(&sent), ["message_start", "ping", "message_delta", "message_stop"]);
    assert_eq!(kinds(&wrote(&[])), ["message_start", "ping", "message_delta", "message_stop"]);
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "model": "m"}});
    let ping = json!({"type": "ping"});
    let new = json!({"type": "something_new", "index": 0});
    let end = json!({"type": "message_stop"});
    // A second message in the same stream is not this answer.
    let (events, _) = follow(&[start.clone(), ping, start.clone(), new, end.clone(), start, end]);
    assert_eq!(events.len(), 2);
}

fn block_start(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn block_stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn use_of(id: &str, name: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": name, "input": {}})
}

fn input(text: &str) -> Value {
    json!({"type": "input_json_delta", "partial_json": text})
}

fn ended(reason: &str) -> [Value; 2] {
    let delta =
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}});
    [delta, json!({"type": "message_stop"})]
}

#[test]
fn c5_blocks_that_overlap_are_told_one_after_another() {
    let [delta_end, end] = ended("tool_use");
    let (events, whole) = follow(&[
        block_start(0, use_of("a", "f")),
        block_start(1, use_of("b", "f")),
        delta(1, input("{\"n\":2}")),
        delta(0, input("{\"n\":")),
        delta(0, input("1}")),
        block_stop(1),
        block_stop(0),
        delta_end,
        end,
    ]);
    assert!(whole);
    let pieces: Vec<(u32, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::CallStart { call, id, .. } => Some((*call, id.as_str())),
            Event::CallArguments { call, text, .. } => Some((*call, text.as_str())),
            Event::CallEnd { call, .. } => Some((*call, "end")),
            _ => None,
        })
        .collect();
    assert_eq!(
        pieces,
        [(0, "a"), (0, "{\"n\":"), (0, "1}"), (0, "end"), (1, "b"), (1, "{\"n\":2}"), (1, "end")]
    );
}

#[test]
fn c4_c6_a_call_without_pieces_has_the_input_it_began_with() {
    let mut given = use_of("b", "f");
    given["input"] = json!({"x": 1});
    let [delta_end, end] = ended("end_turn");
    let (events, _) = follow(&[
        block_start(0, use_of("a", "f")),
        delta(0, input("")),
        block_stop(0),
        block_start(1, given),
        block_stop(1),
        delta_end,
        end,
    ]);
    let choice = &fold(&events).choices[0];
    let arguments: Vec<&str> = choice
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Call(call) => Some(call.arguments.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(arguments, ["{}", r#"{"x":1}"#]);
    // C7: the vendor says end_turn, the calls say otherwise.
    assert_eq!(choice.stop, Stop::ToolCalls);
}

#[test]
fn c31_the_tool_that_holds_the_answer_streams_as_text() {
    let [delta_end, end] = ended("tool_use");
    let (events, _) = follow(&[
        block_start(0, use_of("a", "json_output")),
        delta(0, input("{\"x\"")),
        delta(0, input(":1}")),
        block_stop(0),
        delta_end,
        end,
    ]);
    let texts = events.iter().filter(|event| matches!(event, Event::Text { .. })).count();
    assert_eq!(texts, 2);
    let choice = &fold(&events).choices[0];
    assert_eq!((choice.parts[0].as_text(), choice.stop), (Some(r#"{"x":1}"#), Stop::End));
}

#[test]
fn c42_what_was_cut_off_stays_as_it_is() {
    let [delta_end, end] = ended("max_tokens");
    let (events, _) = follow(&[
        block_start(0, use_of("a", "f")),
        delta(0, input("{\"x\": \"un")),
        block_stop(0),
        delta_end,
        end,
    ]);
    let choice = &fold(&events).choices[0];
    assert_eq!(choice.stop, Stop::Length);
    assert!(matches!(&choice.parts[0].body, Body::Call(call) if call.arguments == "{\"x\": \"un"));
}

#[test]
fn c40_hosted_blocks_are_put_together() {
    let [delta_end, end] = ended("end_turn");
    let (events, _) = follow(&[
        block_start(0, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        delta(0, input("{\"query\":")),
        delta(0, input(" \"q\"}")),
        block_stop(0),
        block_start(1, json!({"type": "compaction", "content": null})),
        delta(1, json!({"type": "compaction_delta", "content": "sum"})),
        block_stop(1),
        delta_end,
        end,
    ]);
    let blocks: Vec<Value> = events
        .iter()
        .filter_map(|event| match event {
            Event::Opaque { json, .. } => Some(json.tree()),
            _ => None,
        })
        .collect();
    assert_eq!(blocks[0]["input"], json!({"query": "q"}));
    assert_eq!(blocks[1], json!({"type": "compaction", "content": "sum"}));
}

#[test]
fn a_stream_without_its_end_was_cut_off() {
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 5, "output_tokens": 1}}});
    let text = delta(0, json!({"type": "text_delta", "text": "a"}));
    let block = block_start(0, json!({"type": "text", "text": ""}));
    let (events, whole) = follow(&[start, block, text]);
    assert!(!whole && !events.iter().any(|event| matches!(event, Event::Stop { .. })));
    // What is known of the usage is known from the start.
    assert_eq!(fold(&events).usage.unwrap().input_total(), 5);
}

#[test]
fn a_custom_tools_text_streams_as_an_input() {
    let start =
        Event::CallStart { choice: 0, call: 0, id: "a".into(), name: "c".into(), custom: true, seal: None };
    let piece = |text: &str| Event::CallArguments { choice: 0, call: 0, text: text.into() };
    let sent =
        wrote(&[begin(), start, piece("say \"hi\"\n"), piece("ü"), Event::CallEnd { choice: 0, call: 0 }]);
    let joined: String = sent.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&joined).unwrap(), json!({"input": "say \"hi\"\nü"}));
}

#[test]
fn c11_a_calls_seal_streams_before_it() {
    let seal = seal(Dialect::Gemini, "gem");
    let start = Event::CallStart {
        choice: 0,
        call: 0,
        id: "a".into(),
        name: "f".into(),
        custom: false,
        seal: Some(seal.clone()),
    };
    let sent = wrote(&[begin(), start, Event::CallEnd { choice: 0, call: 0 }, stop(Stop::ToolCalls)]);
    assert_eq!(
        kinds(&sent)[2..4],
        ["content_block_start 0 thinking", "content_block_delta 0 signature_delta"]
    );
    let signature = sent[3]["delta"]["signature"].as_str().unwrap();
    assert_eq!(
        crate::dialect::anthropic::seal::read(signature, Dialect::Anthropic).unwrap().seal,
        Some(seal)
    );
}

#[test]
fn c3_a_call_without_an_id_gets_one() {
    let [delta_end, end] = ended("tool_use");
    let nameless = || json!({"type": "tool_use", "name": "f", "input": {}});
    let (events, _) = follow(&[
        block_start(0, nameless()),
        block_stop(0),
        block_start(1, nameless()),
        block_stop(1),
        delta_end,
        end,
    ]);
    let ids: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::CallStart { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["toolu_0", "toolu_1"]);
}
