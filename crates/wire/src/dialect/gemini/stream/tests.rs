use super::*;
use crate::chat::{Body, Call};
use crate::codec::{Asked, FaceCodec, Pipe, VendorCodec};
use crate::dialect::gemini::Gemini;
use crate::frame::Caps;
use crate::frame::Framing;
use bytes::Bytes;
use proptest::prelude::*;

fn events(chunks: &[&str]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(Gemini.reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut out = Vec::new();
    for chunk in chunks {
        pipe.push(Bytes::from(format!("data: {chunk}\r\n\r\n")), &mut out).unwrap();
    }
    let whole = pipe.end(&mut out).unwrap();
    (out, whole)
}

fn folded(chunks: &[&str]) -> ChatReply {
    let (events, whole) = events(chunks);
    assert!(whole);
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold.finish()
}

fn calls(reply: &ChatReply) -> Vec<Call> {
    let parts = reply.choices.iter().flat_map(|choice| &choice.parts);
    let call = |part: &crate::chat::Part| match &part.body {
        Body::Call(call) => Some(call.clone()),
        _ => None,
    };
    parts.filter_map(call).collect()
}

fn chunk(parts: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}}}}],"responseId":"r1"}}"#)
}

const STOP: &str = r#"{"candidates":[{"finishReason":"STOP"}],"responseId":"r1"}"#;

#[test]
fn c1_c2_calls_are_counted_over_the_whole_stream_and_have_ids_of_their_own() {
    let call =
        chunk(r#"{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"f","args":{"a":2}}}"#);
    let (events, _) = events(&[&call, &call, STOP]);
    let numbers: Vec<u32> = events
        .iter()
        .filter_map(|event| match event {
            Event::CallStart { call, .. } => Some(*call),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let ids: Vec<String> = calls(&folded(&[&call, &call, STOP])).into_iter().map(|call| call.id).collect();
    assert!(ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id) && super::super::is_made(id)));
    // The same stream gives the same ids.
    assert_eq!(
        ids,
        calls(&folded(&[&call, &call, STOP])).into_iter().map(|call| call.id).collect::<Vec<_>>()
    );
    let given = chunk(r#"{"functionCall":{"id":"x","name":"f"}},{"functionCall":{"id":"x","name":"f"}}"#);
    let ids: Vec<String> = calls(&folded(&[&given, STOP])).into_iter().map(|call| call.id).collect();
    assert!(ids[0] == "x" && ids[1] != "x");
}

#[test]
fn c6_a_call_without_arguments_has_an_empty_object() {
    assert_eq!(calls(&folded(&[&chunk(r#"{"functionCall":{"name":"f"}}"#), STOP]))[0].arguments, "{}");
    let exact = chunk(r#"{"functionCall":{"name":"f","args":{"z": 1.50,"a":12345678901234567890}}}"#);
    assert_eq!(calls(&folded(&[&exact, STOP]))[0].arguments, r#"{"z": 1.50,"a":12345678901234567890}"#);
}

#[test]
fn c7_c8_a_call_ends_the_turn_although_stop_comes_later_and_alone() {
    let (events, whole) = events(&[&chunk(r#"{"functionCall":{"name":"f"}}"#), STOP]);
    assert!(whole);
    let last = Event::Stop { choice: 0, stop: Stop::ToolCalls, stop_text: None };
    assert_eq!(events.last(), Some(&last));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Stop { .. })).count(), 1);
}

#[test]
fn c10_reasons_to_stop() {
    for (reason, expected) in [
        ("MAX_TOKENS", Stop::Length),
        ("SAFETY", Stop::Filtered),
        ("IMAGE_SAFETY", Stop::Filtered),
        ("A_NEW_ONE", Stop::Filtered),
        ("MALFORMED_FUNCTION_CALL", Stop::End),
        ("STOP", Stop::End),
    ] {
        let end = STOP.replace("STOP", reason);
        assert_eq!(folded(&[&chunk(r#"{"text":"a"}"#), &end]).choices[0].stop, expected, "{reason}");
    }
}

#[test]
fn a_blocked_prompt_is_a_refusal() {
    let body = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#;
    let reply = Gemini.read_reply(body.as_bytes(), &Asked::default()).unwrap();
    assert_eq!(reply.choices.len(), 1);
    assert_eq!(reply.choices[0].stop, Stop::Filtered);
    assert_eq!(reply.choices[0].parts[0].body, Body::Refusal("SAFETY".into()));
    assert!(reply.usage.is_some());
    assert_eq!(folded(&[body]), reply);
}

#[test]
fn c35_an_error_in_the_stream_is_a_fault_and_a_cut_stream_is_not_whole() {
    let error = r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#;
    let (events, _) = events(&[&chunk(r#"{"text":"a"}"#), error, &chunk(r#"{"text":"b"}"#)]);
    let Some(Event::Fault(fault)) = events.last() else { panic!("{events:?}") };
    assert_eq!((fault.message.as_str(), fault.class), ("busy", FaultClass::Overloaded));
    let (events, whole) = self::events(&[&chunk(r#"{"text":"a"}"#)]);
    assert!(!whole && !events.iter().any(|event| matches!(event, Event::Stop { .. })));
    let listed = format!("[{error}]");
    assert!(Gemini.read_reply(listed.as_bytes(), &Asked::default()).unwrap_err().message.contains("busy"));
    assert!(Gemini.read_reply(b"{}", &Asked::default()).is_err());
}

#[test]
fn a_broken_call_and_nothing_else_is_a_fault() {
    let body = r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"bad call"}]}"#;
    assert_eq!(Gemini.read_reply(body.as_bytes(), &Asked::default()).unwrap_err().message, "bad call");
}

#[test]
fn c38_each_choice_has_its_own_end_and_calls() {
    let both = r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"},{"index":0,"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]}"#;
    let reply = folded(&[both]);
    let stops: Vec<Stop> = reply.choices.iter().map(|choice| choice.stop).collect();
    assert_eq!(stops, [Stop::ToolCalls, Stop::End]);
    assert_eq!(Gemini.read_reply(both.as_bytes(), &Asked::default()).unwrap(), reply);
}

#[test]
fn c11_signatures_are_kept_where_they_came() {
    let reply = folded(&[
        &chunk(r#"{"text":"hm","thought":true}"#),
        &chunk(r#"{"functionCall":{"name":"f"},"thoughtSignature":"s1"},{"functionCall":{"name":"g"}}"#),
        &chunk(r#"{"text":"","thoughtSignature":"s2"}"#),
        STOP,
    ]);
    let seals: Vec<Option<String>> =
        calls(&reply).into_iter().map(|call| call.seal.map(|seal| seal.data)).collect();
    assert_eq!(seals, [Some("s1".to_owned()), None]);
    let Some(Body::Reasoning(last)) = reply.choices[0].parts.last().map(|part| &part.body) else { panic!() };
    assert_eq!((last.text.as_str(), last.seal.as_ref().map(|seal| seal.data.as_str())), ("", Some("s2")));
}

#[test]
fn c39_likelihoods_become_openais() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.5}],"topCandidates":[{"candidates":[{"token":"b","logProbability":-1.5}]}]}}]}"#;
    let reply = Gemini.read_reply(body.as_bytes(), &Asked::default()).unwrap();
    assert_eq!(
        reply.choices[0].logprobs.as_ref().unwrap().get(),
        r#"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-1.5,"bytes":[98]}]}],"refusal":null}"#
    );
    let again = Gemini.write_reply(&reply, &crate::codec::Echo::default());
    assert_eq!(Gemini.read_reply(again.as_bytes(), &Asked::default()).unwrap().choices, reply.choices);
}

#[test]
fn pieces_of_arguments_are_put_together() {
    let reply = folded(&[
        &chunk(r#"{"functionCall":{"name":"f","willContinue":true}}"#),
        &chunk(
            r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.b.c","stringValue":"x","willContinue":true}],"willContinue":true}}"#,
        ),
        &chunk(
            r#"{"functionCall":{"partialArgs":[{"jsonPath":"$.b.c","stringValue":"y"},{"jsonPath":"$.a[0]","numberValue":5}],"willContinue":true}}"#,
        ),
        &chunk(r#"{"functionCall":{}}"#),
        &chunk(r#"{"functionCall":{"name":"g","args":{}}}"#),
        STOP,
    ]);
    let arguments: Vec<String> = calls(&reply).into_iter().map(|call| call.arguments).collect();
    assert_eq!(arguments, [r#"{"b":{"c":"xy"},"a":[5]}"#, "{}"]);
}

#[test]
fn times_are_seconds() {
    assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(seconds("2026-08-19T14:34:35.222939Z"), Some(1_787_150_075));
    assert_eq!(seconds("yesterday"), None);
}

#[test]
fn calls_have_the_callers_names_for_its_tools() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"u"}],"tools":[
        {"type":"function","function":{"name":"find it","parameters":{"type":"object"}}},
        {"type":"custom","custom":{"name":"1 shell"}}]}"#;
    let request = crate::dialect::openai_chat::OpenAiChat.read_request(body, None).unwrap();
    let to = crate::codec::To { model: "gemini-2.5-pro", kind: 24, default_max_output: 100 };
    let sent = Gemini.write_request(&request, &to, &mut Default::default()).unwrap();
    assert!(sent.contains("\"find_it\"") && sent.contains("\"_1_shell\""), "{sent}");
    let asked = Asked { model: "m".into(), request: Some(std::sync::Arc::new(request)) };
    let parts = [
        r#"{"functionCall":{"name":"find_it","args":{"a":1}}}"#,
        r#"{"functionCall":{"name":"_1_shell","args":{"input":"ls -l"}}}"#,
        r#"{"functionCall":{"name":"_1_shell","partialArgs":[{"jsonPath":"$.input","stringValue":"pwd"}]}}"#,
        r#"{"functionCall":{"name":"other","args":{}}}"#,
    ];
    let text = chunk(&parts.join(","));
    let mut pipe = Pipe::new(Gemini.reader(&asked), Framing::Sse, Caps::default());
    let mut out = Vec::new();
    pipe.push(Bytes::from(format!("data: {text}\n\ndata: {STOP}\n\n")), &mut out).unwrap();
    assert!(pipe.end(&mut out).unwrap());
    let mut fold = Fold::default();
    out.iter().for_each(|event| fold.push(event));
    for reply in [fold.finish(), Gemini.read_reply(text.as_bytes(), &asked).unwrap()] {
        let calls = calls(&reply);
        let told: Vec<(&str, &str, bool)> =
            calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str(), call.custom)).collect();
        let expected = [
            ("find it", r#"{"a":1}"#, false),
            ("1 shell", "ls -l", true),
            ("1 shell", "pwd", true),
            ("other", "{}", false),
        ];
        assert_eq!(told, expected);
    }
}

proptest! {
    #[test]
    fn no_bytes_break_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = Gemini.read_request(&bytes, None);
        let _ = Gemini.read_reply(&bytes, &Asked::default());
        let mut reader = Reader::default();
        let _ = reader.chunk(&bytes, &mut Vec::new());
    }

    #[test]
    fn no_json_breaks_a_reader(
        key in "candidates|contents|tools|usageMetadata|error|generationConfig|systemInstruction|promptFeedback",
        inner in "content|parts|text|functionCall|args|index|finishReason|groundingMetadata|logprobsResult",
        value in r#"null|-1|"x"|\[\]|\[1\]|\{\}|\[\{\}\]|1e400|\[\[\]\]|99999999999999999999|true"#,
        wrap in 0usize..4,
    ) {
        let member = format!(r#"{{"{inner}":{value}}}"#);
        let body = match wrap {
            0 => format!(r#"{{"{key}":{value}}}"#),
            1 => format!(r#"{{"{key}":{member}}}"#),
            2 => format!(r#"{{"{key}":[{member}]}}"#),
            _ => format!(r#"{{"{key}":[{{"content":{{"parts":[{member}]}},"parts":[{member}],"{inner}":{value}}}]}}"#),
        };
        if let Ok(chat) = Gemini.read_request(body.as_bytes(), None) {
            for model in ["gemini-2.0-flash", "gemini-3-flash"] {
                let to = crate::codec::To { model, kind: 24, default_max_output: 1 };
                if let Ok(written) = Gemini.write_request(&chat, &to, &mut Default::default()) {
                    prop_assert!(crate::json::Json::from_text(written).is_ok());
                }
            }
        }
        let _ = Gemini.read_reply(body.as_bytes(), &Asked::default());
        let mut out = Vec::new();
        let mut reader = Reader::default();
        let _ = reader.chunk(body.as_bytes(), &mut out);
        reader.end(&mut out);
        let mut writer = Gemini.writer(crate::codec::Echo::default());
        let mut bytes = Vec::new();
        out.iter().for_each(|event| writer.event(event, &mut bytes));
        writer.end(&mut bytes);
        prop_assert!(String::from_utf8(bytes).is_ok());
    }
}
