//! Claude by InvokeModel: Anthropic's dialect, hosted.

use super::*;
use magic_wire::chat::{Body, Stop};
use magic_wire::codec::FaceCodec;
use magic_wire::dialect::anthropic::Anthropic;
use magic_wire::dialect::anthropic::hosted::{Cloud, host};

const STREAMS: &str = "bedrock.invoke-with-response-stream.anthropic";

#[test]
fn recorded_requests_are_anthropics_without_the_model() {
    let mut seen = 0;
    for exchange in recorded("bedrock.invoke.anthropic").iter().chain(&recorded(STREAMS)) {
        // The oldest is a completion.
        let Some(body) = exchange.body().filter(|body| body["messages"].is_array()) else { continue };
        let mut whole = body.clone();
        let members = whole.as_object_mut().unwrap();
        members.remove("anthropic_version");
        members.insert("model".to_owned(), "claude-3-5-sonnet-latest".into());
        members.insert("stream".to_owned(), exchange.stream.into());
        let hosted = host(whole.to_string().as_bytes(), Cloud::Bedrock, &[]).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&hosted).unwrap(), *body, "{}", exchange.id);
        // The same by the canonical way.
        let Ok(chat) = Anthropic.read_request(whole.to_string().as_bytes(), None) else { continue };
        let to = To { model: "claude-3-5-sonnet-latest", kind: 33, default_max_output: 4096 };
        let written = Anthropic.write_request(&chat, &to, &mut Losses::default()).unwrap();
        let hosted: Value =
            serde_json::from_slice(&host(written.as_bytes(), Cloud::Bedrock, &[]).unwrap()).unwrap();
        assert_eq!(hosted["anthropic_version"], body["anthropic_version"]);
        assert!(hosted.get("model").is_none() && hosted.get("stream").is_none());
        seen += 1;
    }
    eprintln!("hosted requests: {seen}");
}

#[test]
fn recorded_answers_are_anthropics() {
    for exchange in recorded("bedrock.invoke.anthropic") {
        let text = exchange.answer().unwrap();
        let body: Value = serde_json::from_slice(&text).unwrap();
        if body["type"] != "message" {
            continue;
        }
        let reply = Anthropic.read_reply(&text, &asked(&exchange)).unwrap();
        let parts: Vec<&str> = reply.choices[0].parts.iter().filter_map(|part| part.as_text()).collect();
        assert_eq!(parts.concat(), body["content"][0]["text"].as_str().unwrap(), "{}", exchange.id);
        assert_eq!(reply.usage.unwrap().output_total(), body["usage"]["output_tokens"].as_u64().unwrap());
    }
}

#[test]
fn recorded_streams_are_anthropics_events_in_chunks() {
    let mut seen = 0;
    for exchange in recorded(STREAMS) {
        let body = stream(&exchange);
        let mut expected = plainly::Said::default();
        let mut calls: Vec<(String, String, String)> = Vec::new();
        let (mut input, mut output) = (0, 0);
        for (name, chunk) in plainly::messages(&body) {
            assert_eq!(name, "chunk");
            let bytes = STANDARD.decode(chunk["bytes"].as_str().unwrap()).unwrap();
            let event: Value = serde_json::from_slice(&bytes).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            expected.text.push_str(&text(&event["delta"]["text"]));
            let block = &event["content_block"];
            if block["type"] == "tool_use" {
                calls.push((text(&block["id"]), text(&block["name"]), String::new()));
            }
            if let Some(piece) = event["delta"]["partial_json"].as_str() {
                calls.last_mut().unwrap().2.push_str(piece);
            }
            input = event["message"]["usage"]["input_tokens"].as_u64().unwrap_or(input);
            output = event["usage"]["output_tokens"].as_u64().unwrap_or(output);
            match event["delta"]["stop_reason"].as_str() {
                Some("tool_use") => expected.stop = Stop::ToolCalls,
                Some("max_tokens") => expected.stop = Stop::Length,
                Some("end_turn") | None => {}
                Some(other) => panic!("{other}"),
            }
        }
        let given = calls.into_iter().map(|(id, name, input)| {
            let input = if input.is_empty() { "{}".to_owned() } else { input };
            (id, name, input.parse().unwrap())
        });
        expected.calls = given.collect();
        let asked = asked(&exchange);
        let (events, whole) = events(&Anthropic, &asked, &body, 0).unwrap();
        assert!(whole, "{}", exchange.id);
        let reply = folded(&events).finish();
        let usage = reply.usage.unwrap();
        assert_eq!((usage.input_total(), usage.output_total()), (input, output), "{}", exchange.id);
        expected.usage = reply.usage;
        assert_eq!(said(&reply), expected, "{}", exchange.id);
        assert!(!reply.choices[0].parts.iter().any(|part| matches!(part.body, Body::Opaque { .. })));
        for cut in cuts(body.len()) {
            let again = super::events(&Anthropic, &asked, &body, cut).unwrap();
            assert_eq!(again, (events.clone(), true), "{} {cut}", exchange.id);
        }
        seen += 1;
    }
    eprintln!("hosted streams: {seen}");
    assert!(seen == 0 || seen >= 4, "{seen}");
}

/// An exception as AWS frames it.
fn exception(kind: &str, payload: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":exception-type", kind), (":message-type", "exception")] {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.extend([7, 0, value.len() as u8]);
        headers.extend(value.as_bytes());
    }
    let total = 16 + headers.len() + payload.len();
    let mut out = (total as u32).to_be_bytes().to_vec();
    out.extend((headers.len() as u32).to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload.as_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

#[test]
fn an_exception_ends_a_recorded_stream_of_either_kind() {
    let kinds: [(&str, &dyn VendorCodec); 2] =
        [(STREAMS, &Anthropic), ("bedrock.converse-stream", &BedrockConverse)];
    for (endpoint, codec) in kinds {
        for exchange in recorded(endpoint) {
            let body = stream(&exchange);
            let ends = plainly::ends(&body);
            for (kind, payload, class) in [
                ("throttlingException", r#"{"message":"Too many tokens"}"#, FaultClass::RateLimit),
                (
                    "modelStreamErrorException",
                    r#"{"message":"x","originalStatusCode":500}"#,
                    FaultClass::Server,
                ),
                ("serviceUnavailableException", "", FaultClass::Overloaded),
                ("modelTimeoutException", r#"{"message":"x"}"#, FaultClass::Timeout),
                ("validationException", r#"{"message":"x"}"#, FaultClass::InvalidRequest),
            ] {
                let mut cut = body[..ends[1]].to_vec();
                cut.extend(exception(kind, payload));
                let (events, over) = events(codec, &asked(&exchange), &cut, 20).unwrap();
                let Some(Event::Fault(fault)) = events.last() else { panic!("{} {kind}", exchange.id) };
                assert_eq!((fault.class, fault.kind.as_str(), over), (class, kind, true), "{}", exchange.id);
            }
        }
    }
}
