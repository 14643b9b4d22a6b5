use super::*;
use crate::chat::{Annotation, Choice, Reasoning, Seal, SealKind, Stop};
use crate::fault::{FaultClass, VendorFault};
use magic_domain::usage::{Bucket, Usage};
use std::sync::Arc;

fn start() -> Event {
    Event::Start { id: "abc".into(), model: "vendor-model".into(), created: 7, usage: None }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn stop(stop: Stop) -> Event {
    Event::Stop { choice: 0, stop, stop_text: None }
}

fn call_start(call: u32, id: &str, seal: Option<Seal>) -> Event {
    Event::CallStart { choice: 0, call, id: id.into(), name: "f".into(), custom: false, seal }
}

#[test]
fn c33_the_whole_life_of_an_answer() {
    let frames = written(
        &[
            start(),
            Event::Reasoning { choice: 0, text: "hm".into(), summary: false },
            Event::ReasoningEnd { choice: 0, seal: None, id: None },
            text("a"),
            text("b"),
            Event::Annotation {
                choice: 0,
                annotation: Annotation { url: "https://x".into(), ..Annotation::default() },
            },
            call_start(0, "call_1", None),
            Event::CallArguments { choice: 0, call: 0, text: "{}".into() },
            Event::CallEnd { choice: 0, call: 0 },
            stop(Stop::ToolCalls),
            Event::Usage(
                Usage::default().with(Bucket::Input, 3).with(Bucket::CacheRead, 2).with(Bucket::Reasoning, 4),
            ),
        ],
        Echo { model: "asked".into(), ..Echo::default() },
    );
    assert_eq!(
        kinds(&frames),
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.annotation.added",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let response = &frames.last().unwrap()["response"];
    assert_eq!(
        response["output"],
        json!([
            {"id": "rs_abc_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"id": "msg_abc_1", "type": "message", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "ab", "logprobs": [], "annotations": [
                    {"type": "url_citation", "url": "https://x", "title": "", "start_index": 0, "end_index": 0}]}]},
            {"id": "fc_abc_2", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "f", "arguments": "{}"}
        ])
    );
    // C24, C26: the cached part is part of the input, and details are always there.
    assert_eq!(
        response["usage"],
        json!({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
            "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 9})
    );
    assert_eq!(
        (&response["id"], &response["model"], &response["created_at"]),
        (&json!("resp_abc"), &json!("asked"), &json!(7))
    );
}

#[test]
fn c6_c42_no_arguments_are_an_object_and_cut_ones_are_left_alone() {
    let frames = written(
        &[
            start(),
            call_start(0, "a", None),
            Event::CallEnd { choice: 0, call: 0 },
            call_start(1, "b", None),
            Event::CallArguments { choice: 0, call: 1, text: "{\"a\": \"x".into() },
            stop(Stop::Length),
        ],
        Echo::default(),
    );
    let response = &frames.last().unwrap()["response"];
    let arguments: Vec<&Value> =
        response["output"].as_array().unwrap().iter().map(|i| &i["arguments"]).collect();
    assert_eq!(arguments, [&json!("{}"), &json!("{\"a\": \"x")]);
    assert_eq!(
        (&response["status"], &response["output"][1]["status"]),
        (&json!("incomplete"), &json!("incomplete"))
    );
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}), "C10");
}

#[test]
fn c10_filtered_is_incomplete() {
    let frames = written(&[start(), stop(Stop::Filtered)], Echo::default());
    assert_eq!(kinds(&frames), ["created", "in_progress", "incomplete"]);
    assert_eq!(frames[2]["response"]["incomplete_details"], json!({"reason": "content_filter"}));
}

#[test]
fn c35_a_fault_fails_the_response_and_accounts_are_not_told() {
    let fault = |class, code: &str| {
        Event::Fault(VendorFault {
            message: "acct-77 is broke".into(),
            kind: String::new(),
            code: code.into(),
            param: None,
            class,
        })
    };
    let frames =
        written(&[start(), text("half"), fault(FaultClass::Overloaded, "x"), text("more")], Echo::default());
    let last = frames.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.failed"), &json!("failed")));
    assert_eq!(
        last["response"]["error"],
        json!({"code": "server_is_overloaded", "message": "acct-77 is broke"})
    );
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "half");
    let frames = written(&[fault(FaultClass::Quota, "insufficient_quota")], Echo::default());
    assert_eq!(kinds(&frames), ["error"], "nothing had begun");
    assert!(!frames[0].to_string().contains("acct-77"));
    let frames = written(&[start(), text("half")], Echo::default());
    assert_eq!(kinds(&frames).last(), Some(&"failed"), "an answer that nobody ended is not whole");
}

#[test]
fn c36_one_beginning_and_one_end() {
    let frames = written(&[start(), start(), text("a"), text(""), start(), stop(Stop::End)], Echo::default());
    assert_eq!(kinds(&frames).iter().filter(|kind| **kind == "created").count(), 1);
}

#[test]
fn c14_seals_travel_with_the_caller_and_come_back() {
    let sealed = |dialect, kind, data: &str| Seal { dialect, kind, data: data.into() };
    let own = sealed(Dialect::OpenAiResponses, SealKind::Encrypted, "blob");
    let foreign = sealed(Dialect::Anthropic, SealKind::Encrypted, "redacted");
    let of_call = sealed(Dialect::Gemini, SealKind::Signature, "thought");
    let frames = written(
        &[
            start(),
            Event::ReasoningEnd { choice: 0, seal: Some(own.clone()), id: Some("rs_vendor".into()) },
            Event::Reasoning { choice: 0, text: "hm".into(), summary: true },
            Event::ReasoningEnd { choice: 0, seal: Some(own.clone()), id: Some("rs_other".into()) },
            Event::ReasoningEnd { choice: 0, seal: Some(foreign.clone()), id: None },
            call_start(0, "call_1", Some(of_call.clone())),
            Event::CallEnd { choice: 0, call: 0 },
            stop(Stop::ToolCalls),
        ],
        Echo::default(),
    );
    let output = &frames.last().unwrap()["response"]["output"];
    assert_eq!(
        output[0],
        json!({"id": "rs_vendor", "type": "reasoning", "summary": [], "encrypted_content": "blob"})
    );
    // What the caller was given comes back with the next request.
    let chat = read(json!({"model": "m", "input": output})).unwrap();
    let parts = &chat.messages[0].parts;
    let seals: Vec<(Option<&Seal>, Option<&str>)> = parts
        .iter()
        .map(|part| match &part.body {
            Body::Reasoning(reasoning) => (reasoning.seal.as_ref(), reasoning.id.as_deref()),
            Body::Call(call) => (call.seal.as_ref(), None),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seals,
        [
            (Some(&own), Some("rs_vendor")),
            (Some(&own), Some("rs_other")),
            (Some(&foreign), None),
            (Some(&of_call), None)
        ]
    );
}

#[test]
fn c32_a_whole_answer_repeats_what_was_asked() {
    let tools = json!([{"type": "function", "name": "f", "description": "d", "parameters": {"z": 1, "a": 2}, "strict": true}]);
    let request = read(json!({"model": "m", "instructions": "be", "input": "x", "temperature": 0.5, "max_output_tokens": 99,
        "tools": tools, "tool_choice": "required", "metadata": {"k": "v"}, "reasoning": {"effort": "low"}, "store": true,
        "truncation": "auto", "text": {"format": {"type": "json_object"}}}))
    .unwrap();
    let choice = Choice {
        parts: vec![
            Part::new(Body::Reasoning(Reasoning {
                text: "hm".into(),
                id: Some("rs_v".into()),
                ..Reasoning::default()
            })),
            Part::text("grüße"),
            call("c", "f", "{\"b\":1,\"a\":2.50}"),
        ],
        ..Choice::default()
    };
    let reply = ChatReply { id: "chat cmpl".into(), choices: vec![choice], ..ChatReply::default() };
    let echo = Echo {
        model: "m".into(),
        request_id: "req".into(),
        created: 9,
        request: Some(Arc::new(request)),
        ..Echo::default()
    };
    let text = Responses.write_reply(&reply, &echo);
    assert_eq!(text, Responses.write_reply(&reply, &echo), "C37");
    assert!(text.contains("grüße"));
    let body: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in [
        ("status", json!("completed")),
        ("created_at", json!(9)),
        ("instructions", json!("be")),
        ("temperature", json!(0.5)),
        ("top_p", Value::Null),
        ("max_output_tokens", json!(99)),
        ("tools", tools),
        ("tool_choice", json!("required")),
        ("metadata", json!({"k": "v"})),
        ("reasoning", json!({"effort": "low", "summary": null})),
        ("store", json!(true)),
        ("truncation", json!("auto")),
        ("text", json!({"format": {"type": "json_object"}})),
        ("usage", Value::Null),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    let kinds: Vec<&Value> = body["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(body["output"][0]["id"], "rs_v");
    assert_eq!(body["output"][2]["arguments"], "{\"b\":1,\"a\":2.50}");
}
