//! Answers and streams that no recording has.

use super::*;

fn asked() -> Asked {
    Asked { model: "m".into(), request: None }
}

fn frame(name: &str, data: &str) -> Frame {
    let (name, data) = (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(data.as_bytes()));
    Frame { raw: data.clone(), name, data, has_data: true }
}

fn events(frames: &[(&str, Value)]) -> (Vec<Event>, bool) {
    let mut reader = BedrockConverse.reader(&asked());
    let mut out = Vec::new();
    for (name, data) in frames {
        reader.frame(&frame(name, &data.to_string()), &mut out).unwrap();
    }
    let whole = reader.end(&mut out);
    (out, whole)
}

fn delta(index: u64, delta: Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}))
}

fn begin(index: u64, start: Value) -> (&'static str, Value) {
    ("contentBlockStart", json!({"contentBlockIndex": index, "start": start}))
}

fn end(index: u64) -> (&'static str, Value) {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}

fn over(reason: &str) -> (&'static str, Value) {
    ("messageStop", json!({"stopReason": reason}))
}

#[test]
fn reasons_to_stop() {
    for (reason, calls, expected) in [
        ("end_turn", false, Stop::End),
        ("tool_use", true, Stop::ToolCalls),
        ("end_turn", true, Stop::ToolCalls),
        ("max_tokens", true, Stop::Length),
        ("model_context_window_exceeded", false, Stop::Length),
        ("stop_sequence", false, Stop::StopSequence),
        ("guardrail_intervened", true, Stop::Filtered),
        ("content_filtered", false, Stop::Filtered),
        ("malformed_model_output", false, Stop::End),
        ("unheard_of", false, Stop::End),
    ] {
        assert_eq!(crate::dialect::bedrock::reply::stop(Some(reason), calls), expected, "{reason}");
    }
}

#[test]
fn an_exception_ends_the_stream() {
    let start = ("messageStart", json!({"role": "assistant"}));
    let text = delta(0, json!({"text": "a"}));
    let fault = json!({"__type": "throttlingException", "error": {"type": "throttlingException", "message": "slow down"}});
    let (events, whole) =
        events(&[start, text, ("throttlingException", fault), delta(0, json!({"text": "b"}))]);
    let Some(Event::Fault(fault)) = events.last() else { panic!("{events:?}") };
    assert_eq!((fault.message.as_str(), fault.class), ("slow down", FaultClass::RateLimit));
    assert!(whole && events.len() == 3);
}

#[test]
fn a_stream_without_its_stop_was_cut_off() {
    let said = [delta(0, json!({"text": "a"})), end(0)];
    assert!(!events(&said).1);
    let (mut whole, usage) = (said.to_vec(), json!({"usage": {"inputTokens": 2, "outputTokens": 3}}));
    whole.extend([over("end_turn"), ("metadata", usage)]);
    let (events, over) = events(&whole);
    assert!(over && matches!(events.first(), Some(Event::Start { model, .. }) if model == "m"));
    assert!(matches!(events.last(), Some(Event::Usage(usage)) if usage.output_total() == 3));
}

#[test]
fn c1_c5_blocks_that_mix_are_told_one_after_another() {
    let start = |id: &str| json!({"toolUse": {"toolUseId": id, "name": "f"}});
    let input = |text: &str| json!({"toolUse": {"input": text}});
    let (events, _) = events(&[
        begin(0, start("a")),
        begin(1, start("b")),
        delta(1, input("{\"x\"")),
        delta(0, input("")),
        delta(1, input(":1}")),
        end(1),
        end(0),
        over("tool_use"),
    ]);
    let told = |call, id: &str, text: &str| {
        [
            Event::CallStart { choice: 0, call, id: id.into(), name: "f".into(), custom: false, seal: None },
            Event::CallArguments { choice: 0, call, text: text.into() },
            Event::CallEnd { choice: 0, call },
        ]
    };
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    // C6: a call without pieces has an empty object.
    assert_eq!(events[1..4], told(0, "a", "{}"));
    assert_eq!(fold.finish().choices[0].parts[1], call("b", "f", "{\"x\":1}"));
    assert_eq!(events.last(), Some(&Event::Stop { choice: 0, stop: Stop::ToolCalls, stop_text: None }));
}

#[test]
fn reasoning_pictures_and_the_vendors_own_blocks() {
    let reasoning = |value: Value| json!({"reasoningContent": value});
    let (events, _) = events(&[
        delta(0, reasoning(json!({"text": "hm"}))),
        delta(0, reasoning(json!({"signature": "s1"}))),
        delta(0, reasoning(json!({"signature": "s2"}))),
        end(0),
        delta(1, reasoning(json!({"redactedContent": "AAAA"}))),
        end(1),
        begin(2, json!({"image": {"format": "png"}})),
        delta(2, json!({"image": {"source": {"bytes": "AQ=="}}})),
        delta(2, json!({"image": {"source": {"bytes": "AgM="}}})),
        end(2),
        begin(3, json!({"toolUse": {"toolUseId": "t", "name": "n", "type": "server_tool_use"}})),
        delta(3, json!({"toolUse": {"input": "{\"q\":1}"}})),
        end(3),
        begin(4, json!({"toolResult": {"toolUseId": "t", "status": "success"}})),
        delta(4, json!({"toolResult": [{"text": "r"}]})),
        end(4),
        (
            "messageStop",
            json!({"stopReason": "stop_sequence", "additionalModelResponseFields": {"delta": {"stop_sequence": "X"}}}),
        ),
    ]);
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    let reply = fold.finish();
    let opaque = |text: &str| Part::new(Body::Opaque { dialect: Dialect::BedrockConverse, json: raw(text) });
    let media = Media::Inline { mime: "image/png".into(), base64: "AQID".into() };
    assert_eq!(
        reply.choices[0].parts,
        [
            sealed(Dialect::BedrockConverse, SealKind::Signature, "hm", "s1s2"),
            sealed(Dialect::BedrockConverse, SealKind::Encrypted, "", "AAAA"),
            Part::new(Body::Image { media, detail: None }),
            opaque(r#"{"toolUse":{"name":"n","toolUseId":"t","type":"server_tool_use","input":{"q":1}}}"#),
            opaque(r#"{"toolResult":{"status":"success","toolUseId":"t","content":[{"text":"r"}]}}"#),
        ]
    );
    assert_eq!(
        (reply.choices[0].stop, reply.choices[0].stop_text.as_deref()),
        (Stop::StopSequence, Some("X"))
    );
}

#[test]
fn sources_are_told_of_the_text_they_belong_to() {
    let web = json!({"citation": {"title": "T", "location": {"web": {"url": "https://a", "domain": "a"}}}});
    let document = json!({"citation": {"title": "D", "location": {"documentChar": {"start": 0}}}});
    let (events, _) = events(&[
        delta(0, json!({"text": "ab"})),
        end(0),
        delta(1, web),
        delta(1, document),
        delta(1, json!({"text": "cde"})),
        end(1),
        delta(2, json!({"citation": {"source": "https://b"}})),
        end(2),
        over("end_turn"),
    ]);
    let after = Annotation { url: "https://b".into(), ..Annotation::default() };
    let annotation = Annotation { url: "https://a".into(), title: "T".into(), start: 2, end: 5 };
    let told: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Annotation { .. })).collect();
    assert_eq!(
        told,
        [&Event::Annotation { choice: 0, annotation }, &Event::Annotation { choice: 0, annotation: after }]
    );
}

#[test]
fn what_waits_has_a_limit() {
    let mut reader = BedrockConverse.reader(&asked());
    let mut out = Vec::new();
    let many = (0..1000).map(|index| delta(index, json!({"text": "x"})));
    let failed =
        many.into_iter().any(|(name, data)| reader.frame(&frame(name, &data.to_string()), &mut out).is_err());
    assert!(failed);
    // A long text is not kept.
    let mut reader = BedrockConverse.reader(&asked());
    let (name, data) = delta(0, json!({"text": "x".repeat(1 << 20)}));
    let data = frame(name, &data.to_string());
    assert!((0..40).all(|_| reader.frame(&data, &mut Vec::new()).is_ok()));
    let (name, data) = delta(1, json!({"text": "x".repeat(1 << 20)}));
    let data = frame(name, &data.to_string());
    assert!(!(0..40).all(|_| reader.frame(&data, &mut Vec::new()).is_ok()));
}

#[test]
fn an_answer_that_is_an_error_is_one() {
    for (body, message) in [
        (r#"{"message":"Too many requests"}"#, "Too many requests"),
        (r#"{"Message":"no"}"#, "no"),
        (
            r#"{"Output":{"__type":"x#UnknownOperationException"},"Version":"1.0"}"#,
            "the vendor answered with status 200",
        ),
        ("[]", "the body is no valid JSON object"),
    ] {
        let error = BedrockConverse.read_reply(body.as_bytes(), &asked()).unwrap_err();
        assert!(error.message.starts_with(message), "{}", error.message);
    }
}

proptest! {
    #[test]
    fn no_input_panics(
        name in prop::sample::select(vec!["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "x"]),
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        member in prop::sample::select(vec!["contentBlockIndex", "delta", "start", "usage", "stopReason", "output", "__type"]),
        inner in prop::sample::select(vec!["text", "toolUse", "reasoningContent", "image", "citation", "toolResult", "message"]),
        value in prop::sample::select(vec!["1", "-1", "1e99", "null", "[]", "{}", "\"\"", "[{}]", r#"{"text":5}"#, r#"{"content":[{"text":[]}]}"#, r#"{"bytes":"%"}"#]),
    ) {
        let mut reader = BedrockConverse.reader(&asked());
        let mut out = Vec::new();
        let made = format!(r#"{{"{member}":{{"{inner}":{value}}}}}"#);
        for data in [made.as_bytes(), &bytes, format!(r#"{{"{member}":{value}}}"#).as_bytes()] {
            let data = Bytes::copy_from_slice(data);
            let name = Bytes::from_static(name.as_bytes());
            let _ = reader.frame(&Frame { raw: data.clone(), name, data: data.clone(), has_data: true }, &mut out);
            let _ = BedrockConverse.read_reply(&data, &asked());
        }
        reader.end(&mut out);
    }
}

#[test]
fn nothing_follows_an_exception() {
    let usage = json!({"usage": {"inputTokens": 5, "outputTokens": 3}});
    let (events, over) = events(&[
        ("messageStart", json!({"role": "assistant"})),
        ("throttlingException", json!({"__type": "throttlingException", "error": {"message": "slow"}})),
        ("metadata", usage),
    ]);
    assert!(over && matches!(events.last(), Some(Event::Fault(_))), "{events:?}");
}

#[test]
fn c3_a_call_without_an_id_gets_one() {
    let start = json!({"toolUse": {"name": "f"}});
    let (events, _) = events(&[begin(0, start.clone()), end(0), begin(1, start), end(1), over("tool_use")]);
    let ids: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::CallStart { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["tooluse_0", "tooluse_1"]);
}

#[test]
fn c5_a_second_start_under_an_index_is_another_call() {
    let start = |id: &str| json!({"toolUse": {"toolUseId": id, "name": "f"}});
    let input = json!({"toolUse": {"input": "{\"a\":1}"}});
    let (events, _) = events(&[
        begin(0, start("a")),
        delta(0, input.clone()),
        begin(0, start("b")),
        delta(0, input),
        end(0),
        over("tool_use"),
    ]);
    let ends = events.iter().filter(|event| matches!(event, Event::CallEnd { .. })).count();
    assert_eq!(ends, 2, "{events:?}");
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    assert_eq!(fold.finish().choices[0].parts, [call("a", "f", "{\"a\":1}"), call("b", "f", "{\"a\":1}")]);
}
