use super::*;
use crate::chat::Stop;
use crate::fault::FaultClass;
use magic_domain::usage::Bucket;

fn added(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn function(index: u64, arguments: &str) -> Value {
    json!({"type": "function_call", "id": format!("fc_{index}"), "call_id": format!("call_{index}"), "name": "f", "arguments": arguments})
}

fn delta(index: u64, text: &str) -> Value {
    json!({"type": "response.function_call_arguments.delta", "output_index": index, "item_id": format!("fc_{index}"), "delta": text})
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "model": "m", "status": "completed", "output": [],
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15}}})
}

fn calls(reply: &ChatReply) -> Vec<(String, String)> {
    let parts = reply.choices[0].parts.iter();
    parts
        .filter_map(|part| match &part.body {
            Body::Call(call) => Some((call.id.clone(), call.arguments.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn c1_c2_calls_side_by_side_stay_apart() {
    let (events, whole) = follow(&[
        added(0, function(0, "")),
        added(1, function(1, "")),
        delta(0, "{\"a\""),
        delta(1, "{\"b\":"),
        delta(0, ":1}"),
        delta(1, "2}"),
        done(1, function(1, "{\"b\":2}")),
        done(0, function(0, "{\"a\":1}")),
        completed(),
    ]);
    assert!(whole);
    let steps: Vec<(u32, char)> = events
        .iter()
        .filter_map(|event| match event {
            Event::CallStart { call, .. } => Some((*call, 's')),
            Event::CallArguments { call, .. } => Some((*call, 'a')),
            Event::CallEnd { call, .. } => Some((*call, 'e')),
            _ => None,
        })
        .collect();
    let one_after_the_other =
        [(0, 's'), (0, 'a'), (0, 'a'), (0, 'e'), (1, 's'), (1, 'a'), (1, 'a'), (1, 'e')];
    assert_eq!(steps, one_after_the_other);
    let reply = folded(&events);
    let pair = |id: &str, text: &str| (id.to_owned(), text.to_owned());
    assert_eq!(calls(&reply), [pair("call_0", "{\"a\":1}"), pair("call_1", "{\"b\":2}")]);
    assert_eq!(reply.choices[0].stop, Stop::ToolCalls, "C7");
    let usage = reply.usage.unwrap();
    let read = [Bucket::Input, Bucket::CacheRead, Bucket::Output, Bucket::Reasoning].map(|b| usage.get(b));
    assert_eq!(read, [6, 4, 3, 2], "C25, C26");
}

#[test]
fn c4_arguments_told_only_at_the_end_are_told() {
    for last in [
        vec![
            json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{\"a\":1}"}),
            done(0, function(0, "{\"a\":1}")),
        ],
        vec![done(0, function(0, "{\"a\":1}"))],
    ] {
        let mut frames = vec![added(0, function(0, ""))];
        frames.extend(last);
        frames.push(completed());
        assert_eq!(calls(&folded(&follow(&frames).0))[0].1, "{\"a\":1}");
    }
    // A server that tells nothing but the whole answer.
    let mut end = completed();
    end["response"]["output"] = json!([function(0, "{\"a\":1}")]);
    assert_eq!(calls(&folded(&follow(&[end]).0))[0].1, "{\"a\":1}");
}

#[test]
fn every_call_under_one_index_is_a_call_of_its_own() {
    let item =
        |id: &str| json!({"type": "function_call", "id": id, "call_id": id, "name": "f", "arguments": "{}"});
    let (events, _) = follow(&[
        added(0, item("a")),
        done(0, item("a")),
        added(0, item("b")),
        done(0, item("b")),
        completed(),
    ]);
    assert_eq!(calls(&folded(&events)).len(), 2);
}

#[test]
fn c10_why_it_ended() {
    for (status, reason, stop) in [
        ("completed", Value::Null, Stop::End),
        ("incomplete", json!({"reason": "max_output_tokens"}), Stop::Length),
        ("incomplete", json!({"reason": "content_filter"}), Stop::Filtered),
        ("incomplete", Value::Null, Stop::Length),
    ] {
        let response = json!({"id": "resp_1", "model": "m", "status": status, "incomplete_details": reason, "output": []});
        let reply = Responses.read_reply(response.to_string().as_bytes(), &Asked::default()).unwrap();
        assert_eq!(reply.choices[0].stop, stop);
        let frame = json!({"type": format!("response.{status}"), "response": response});
        assert_eq!(folded(&follow(&[frame]).0).choices[0].stop, stop);
    }
}

#[test]
fn c35_a_failure_is_a_fault_however_it_is_told() {
    let inner = json!({"code": "rate_limit_exceeded", "message": "slow down"});
    for frame in [
        json!({"type": "response.failed", "response": {"id": "resp_1", "status": "failed", "error": inner}}),
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": null}),
        json!({"type": "error", "error": inner}),
        json!({"error": inner}),
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "failed", "error": inner}}),
    ] {
        let (events, whole) = follow(&[frame, completed()]);
        let Some(Event::Fault(fault)) = events.last() else { panic!("{events:?}") };
        assert_eq!((fault.class, fault.message.as_str(), whole), (FaultClass::RateLimit, "slow down", true));
    }
    assert!(!follow(&[added(0, function(0, ""))]).1, "a stream without end is cut off");
    for body in [json!({"status": "failed", "error": inner}), json!({"status": "in_progress", "output": []})]
    {
        assert!(Responses.read_reply(body.to_string().as_bytes(), &Asked::default()).is_err());
    }
}

#[test]
fn c36_beginnings_and_noise_are_told_once_or_not_at_all() {
    let begin = |kind: &str| json!({"type": kind, "response": {"id": "resp_1", "model": "m", "created_at": 7.0, "output": []}});
    let (events, _) = follow(&[
        begin("response.created"),
        begin("response.in_progress"),
        json!({"type": "keepalive"}),
        json!({"type": "response.novel.delta", "output_index": 9, "delta": "x"}),
        completed(),
    ]);
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events[0], Event::Start { id: "1".into(), model: "m".into(), created: 7, usage: None });
}

#[test]
fn messages_are_paragraphs_and_sources_move_with_their_text() {
    let message = |text: &str| {
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text,
            "annotations": [{"type": "url_citation", "url": "https://x", "title": "t", "start_index": 0, "end_index": 2},
                {"type": "file_citation", "file_id": "f", "index": 1}]}]})
    };
    let body = json!({"id": "resp_1", "status": "completed", "output": [message("für"), message("dich"),
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "p"}, {"type": "summary_text", "text": "q"}]},
        message("!")]});
    let reply = Responses.read_reply(body.to_string().as_bytes(), &Asked::default()).unwrap();
    let parts = &reply.choices[0].parts;
    let Body::Text { text, annotations } = &parts[0].body else { panic!() };
    let places: Vec<(u64, u64)> = annotations.iter().map(|note| (note.start, note.end)).collect();
    assert_eq!((text.as_str(), places), ("für\n\ndich", vec![(0, 2), (5, 7)]));
    let Body::Reasoning(reasoning) = &parts[1].body else { panic!() };
    assert_eq!((reasoning.text.as_str(), parts[2].as_text()), ("p\n\nq", Some("!")));
}

#[test]
fn a_stream_that_begins_with_its_first_item_has_a_start() {
    let (events, _) = follow(&[added(0, function(0, "{}")), done(0, function(0, "{}")), completed()]);
    assert!(matches!(&events[..2], [Event::Start { .. }, Event::CallStart { .. }]), "{events:?}");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Start { .. })).count(), 1);
    let (events, _) = follow(&[json!({"type": "error", "message": "no"})]);
    assert!(matches!(&events[..], [Event::Fault(_)]), "{events:?}");
}

#[test]
fn c3_a_call_without_an_id_gets_one() {
    let call = || json!({"type": "function_call", "name": "f", "arguments": "{}"});
    let (events, _) =
        follow(&[added(0, call()), done(0, call()), added(1, call()), done(1, call()), completed()]);
    let ids: Vec<String> = calls(&folded(&events)).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["call_0", "call_1"]);
}
