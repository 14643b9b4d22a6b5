//! Streams of every vendor for every caller.

use super::transcripts::{ARGUMENTS, CALLERS, TEXT, all, chunk, sse};
use super::{frames, streamed, told};
use magic_wire::chat::Dialect;
use serde_json::{Value, json};

fn choices(chunks: &[Value]) -> Vec<Value> {
    chunks.iter().flat_map(|chunk| chunk["choices"].as_array().into_iter().flatten().cloned()).collect()
}

#[test]
fn c01_c02_c03_calls_of_one_function_have_an_index_and_an_id_each() {
    for (vendor, stream) in all() {
        let chunks = streamed(vendor, &stream, Dialect::OpenAiChat);
        let mut calls: Vec<(String, String, String)> = Vec::new();
        for choice in choices(&chunks) {
            assert_eq!(choice["index"], 0, "{vendor:?}");
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                if let Some(id) = call["id"].as_str() {
                    assert_eq!(index, calls.len(), "{vendor:?}: an id once, in order");
                    calls.push((id.into(), call["function"]["name"].as_str().unwrap().into(), String::new()));
                }
                calls[index].2 += call["function"]["arguments"].as_str().unwrap_or("");
            }
        }
        assert_eq!(calls.len(), 2, "{vendor:?}");
        assert!(calls.iter().all(|(id, name, _)| !id.is_empty() && name == "f"), "{vendor:?}: {calls:?}");
        assert_ne!(calls[0].0, calls[1].0, "{vendor:?}");
        assert_eq!([calls[0].2.as_str(), calls[1].2.as_str()], ARGUMENTS, "{vendor:?}");
    }
}

#[test]
fn c04_c05_c09_blocks_for_anthropics_callers_come_one_after_another() {
    for (vendor, stream) in all() {
        let events = streamed(vendor, &stream, Dialect::Anthropic);
        let (mut open, mut next) = (None, 0);
        let mut blocks: Vec<(String, String)> = Vec::new();
        for event in &events {
            match event["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!((open, event["index"].as_u64()), (None, Some(next)), "{vendor:?}");
                    open = Some(next);
                    blocks.push((event["content_block"]["type"].as_str().unwrap().into(), String::new()));
                }
                "content_block_delta" => {
                    assert_eq!(event["index"].as_u64(), open, "{vendor:?}");
                    let delta = &event["delta"];
                    let text = delta["text"].as_str().or(delta["partial_json"].as_str()).unwrap_or("");
                    blocks.last_mut().unwrap().1 += text;
                }
                "content_block_stop" => {
                    assert_eq!(event["index"].as_u64(), open.take(), "{vendor:?}");
                    next += 1;
                }
                _ => {}
            }
        }
        let expected = [("text", TEXT), ("tool_use", ARGUMENTS[0]), ("tool_use", ARGUMENTS[1])];
        let blocks: Vec<(&str, &str)> =
            blocks.iter().map(|(kind, text)| (kind.as_str(), text.as_str())).collect();
        assert_eq!(blocks, expected, "{vendor:?}");
        let delta = events.iter().find(|event| event["type"] == "message_delta").unwrap();
        assert_eq!(delta["delta"]["stop_reason"], "tool_use", "{vendor:?}");
    }
}

#[test]
fn c06_a_call_without_arguments_has_an_empty_object() {
    let none = [
        chunk(
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
            None,
        ),
        chunk(json!({}), Some("tool_calls")),
    ];
    let stream = sse(&none) + "data: [DONE]\n\n";
    let events = streamed(Dialect::OpenAiChat, stream.as_bytes(), Dialect::Anthropic);
    let start = events.iter().find(|event| event["type"] == "content_block_start").unwrap();
    assert_eq!(start["content_block"]["input"], json!({}));
    let pieces: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    assert!(matches!(pieces.as_str(), "" | "{}"), "{pieces}");
    let chunks = streamed(Dialect::OpenAiChat, stream.as_bytes(), Dialect::Gemini);
    let call =
        chunks.iter().find_map(|chunk| chunk.pointer("/candidates/0/content/parts/0/functionCall")).unwrap();
    assert_eq!(call["args"], json!({}));
    let events = streamed(Dialect::OpenAiChat, stream.as_bytes(), Dialect::OpenAiResponses);
    assert_eq!(events.last().unwrap()["response"]["output"][0]["arguments"], "{}");
    // And for callers of chat completions, from a vendor that says nothing.
    let none = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]});
    let chunks = streamed(Dialect::Gemini, sse(&[none]).as_bytes(), Dialect::OpenAiChat);
    let arguments: String = choices(&chunks)
        .iter()
        .filter_map(|choice| choice.pointer("/delta/tool_calls/0/function/arguments")?.as_str())
        .collect();
    assert_eq!(arguments, "{}");
}

#[test]
fn c07_c08_a_turn_with_calls_ends_once_and_as_one() {
    for (vendor, stream) in all() {
        let chunks = streamed(vendor, &stream, Dialect::OpenAiChat);
        let all = choices(&chunks);
        let reasons: Vec<&Value> = all.iter().map(|choice| &choice["finish_reason"]).collect();
        let (last, before) = reasons.split_last().unwrap();
        assert_eq!(*last, "tool_calls", "{vendor:?}");
        assert!(before.iter().all(|reason| reason.is_null()), "{vendor:?}: {reasons:?}");
        assert_eq!(chunks.last().unwrap(), "[DONE]", "{vendor:?}");
        let events = streamed(vendor, &stream, Dialect::OpenAiResponses);
        let output = events.last().unwrap()["response"]["output"].as_array().unwrap().clone();
        let kinds: Vec<&str> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["message", "function_call", "function_call"], "{vendor:?}");
        let chunks = streamed(vendor, &stream, Dialect::Gemini);
        let reasons: Vec<&str> =
            chunks.iter().filter_map(|chunk| chunk.pointer("/candidates/0/finishReason")?.as_str()).collect();
        assert_eq!(reasons, ["STOP"], "{vendor:?}");
    }
}

#[test]
fn c24_usage_is_told_to_those_who_asked() {
    for (vendor, stream) in all() {
        for wants in [false, true] {
            let chunks = frames(&told(vendor, &[&stream], Dialect::OpenAiChat, wants));
            let reports: Vec<&Value> = chunks.iter().filter(|chunk| chunk["usage"].is_object()).collect();
            assert_eq!(reports.len(), usize::from(wants), "{vendor:?}");
            for chunk in chunks.iter().filter(|chunk| chunk.is_object() && !chunk["usage"].is_object()) {
                assert_eq!(
                    chunk.get("usage").is_some(),
                    wants,
                    "{vendor:?}: null for those who asked: {chunk}"
                );
            }
            if let Some(report) = reports.first() {
                assert_eq!(report["choices"], json!([]), "{vendor:?}");
            }
        }
    }
}

#[test]
fn c25_c26_every_caller_gets_the_numbers_in_its_way_of_counting() {
    // Ollama and Tencent don't tell what the cache gave.
    let silent = [Dialect::Ollama, Dialect::Tencent, Dialect::Cohere];
    for (vendor, stream) in all() {
        let cached = if silent.contains(&vendor) { 0 } else { 4 };
        let chunks = frames(&told(vendor, &[&stream], Dialect::OpenAiChat, true));
        let usage = &chunks.iter().find(|chunk| chunk["usage"].is_object()).unwrap()["usage"];
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&json!(10), &json!(5)),
            "{vendor:?}"
        );
        let told = usage.pointer("/prompt_tokens_details/cached_tokens").and_then(Value::as_u64).unwrap_or(0);
        assert_eq!(told, cached, "{vendor:?}");
        let events = streamed(vendor, &stream, Dialect::Anthropic);
        let usage = &events.iter().find(|event| event["type"] == "message_delta").unwrap()["usage"];
        assert_eq!(
            (&usage["input_tokens"], &usage["output_tokens"]),
            (&json!(10 - cached), &json!(5)),
            "{vendor:?}"
        );
        assert_eq!(usage["cache_read_input_tokens"].as_u64().unwrap_or(0), cached, "{vendor:?}");
        let events = streamed(vendor, &stream, Dialect::OpenAiResponses);
        let usage = &events.last().unwrap()["response"]["usage"];
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(10), &json!(5)), "{vendor:?}");
        let chunks = streamed(vendor, &stream, Dialect::Gemini);
        let usage = &chunks.last().unwrap()["usageMetadata"];
        assert_eq!(
            (&usage["promptTokenCount"], &usage["candidatesTokenCount"]),
            (&json!(10), &json!(5)),
            "{vendor:?}"
        );
        assert_eq!(usage["cachedContentTokenCount"].as_u64().unwrap_or(0), cached, "{vendor:?}");
    }
}

#[test]
fn c33_a_response_lives_its_whole_life() {
    for (vendor, stream) in all() {
        let events = streamed(vendor, &stream, Dialect::OpenAiResponses);
        let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[..2], ["response.created", "response.in_progress"], "{vendor:?}");
        assert_eq!(kinds.last(), Some(&"response.completed"), "{vendor:?}");
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"].as_u64(), Some(at as u64), "{vendor:?}");
        }
        let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
        for kind in ["response.output_item.added", "response.output_item.done"] {
            assert_eq!(count(kind), 3, "{vendor:?} {kind}");
        }
        for kind in ["response.content_part.added", "response.output_text.done", "response.content_part.done"]
        {
            assert_eq!(count(kind), 1, "{vendor:?} {kind}");
        }
        assert_eq!(count("response.function_call_arguments.done"), 2, "{vendor:?}");
        let response = &events.last().unwrap()["response"];
        assert_eq!(response["output"][0]["content"][0]["text"], TEXT, "{vendor:?}");
        assert_eq!(response["output"][1]["arguments"], ARGUMENTS[0], "{vendor:?}");
        assert_eq!(response["usage"]["total_tokens"], 15, "{vendor:?}");
    }
}

#[test]
fn c34_where_a_stream_is_cut_makes_no_difference() {
    for (vendor, stream) in all() {
        for caller in CALLERS {
            let whole = told(vendor, &[&stream], caller, true);
            assert!(!String::from_utf8(whole.clone()).unwrap().contains('\u{fffd}'), "{vendor:?}");
            for at in 0..=stream.len() {
                let (a, b) = stream.split_at(at);
                assert_eq!(
                    told(vendor, &[a, b], caller, true),
                    whole,
                    "{vendor:?} for {caller:?} cut at {at}"
                );
            }
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(told(vendor, &bytes, caller, true), whole, "{vendor:?} for {caller:?} byte by byte");
        }
    }
}

#[test]
fn c35_an_error_in_the_middle_is_no_end() {
    let broken = [
        (
            Dialect::OpenAiChat,
            sse(&[
                chunk(json!({"content": "a"}), None),
                json!({"error": {"message": "no room", "type": "server_error"}}),
            ]),
        ),
        (
            Dialect::Anthropic,
            sse(&[
                json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}}),
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "no room"}}),
            ]),
        ),
        (
            Dialect::OpenAiResponses,
            sse(&[
                json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"}),
                json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "no room"}}}),
            ]),
        ),
        (
            Dialect::Gemini,
            sse(&[
                json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}),
                json!({"error": {"code": 503, "message": "no room", "status": "UNAVAILABLE"}}),
            ]),
        ),
    ];
    for (vendor, stream) in broken {
        for caller in CALLERS {
            let events = streamed(vendor, stream.as_bytes(), caller);
            let last = events.last().unwrap();
            let ended = match caller {
                Dialect::OpenAiResponses => last["type"] == "response.failed",
                Dialect::Anthropic => last["type"] == "error",
                _ => last["error"].is_object(),
            };
            assert!(ended, "{vendor:?} for {caller:?}: {last}");
            let text = format!("{events:?}");
            for end in ["[DONE]", "message_stop", "response.completed", "STOP"] {
                assert!(!text.contains(end), "{vendor:?} for {caller:?}: {end}");
            }
        }
    }
}

#[test]
fn c36_one_start_and_no_content_of_pings() {
    for (vendor, stream) in all() {
        let text = String::from_utf8_lossy(&stream);
        // Keepalives of all kinds, where the framing has room for them.
        let noisy = if vendor == Dialect::Ollama {
            text.replace("\n{", "\n\n{")
        } else {
            format!(": ping\n\n{}", text.replace("\n\n", "\n\n: ping\n\n\n\n"))
        };
        let noisy = if vendor == Dialect::BedrockConverse { stream.clone() } else { noisy.into_bytes() };
        for caller in CALLERS {
            assert_eq!(
                told(vendor, &[&noisy], caller, true),
                told(vendor, &[&stream], caller, true),
                "{vendor:?}"
            );
        }
        let events = streamed(vendor, &stream, Dialect::Anthropic);
        assert_eq!(events.iter().filter(|event| event["type"] == "message_start").count(), 1, "{vendor:?}");
    }
}

#[test]
fn c38_every_choice_has_its_own_end_and_count_of_calls() {
    let call = |choice: u64, id: &str| json!({"id": "chatcmpl-1", "choices": [{"index": choice, "delta": {"tool_calls": [{"index": 0, "id": id, "function": {"name": "f", "arguments": "{}"}}]}, "finish_reason": null}]});
    let end = |choice: u64, reason: &str| json!({"id": "chatcmpl-1", "choices": [{"index": choice, "delta": {}, "finish_reason": reason}]});
    let stream =
        sse(&[call(1, "b"), call(0, "a"), end(1, "tool_calls"), end(0, "length")]) + "data: [DONE]\n\n";
    let chunks = streamed(Dialect::OpenAiChat, stream.as_bytes(), Dialect::OpenAiChat);
    let mut ends: Vec<(u64, String)> = Vec::new();
    for choice in choices(&chunks) {
        let index = choice["index"].as_u64().unwrap();
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            assert_eq!(call["index"], 0);
            if let Some(id) = call["id"].as_str() {
                assert_eq!(id, ["a", "b"][usize::try_from(index).unwrap()]);
            }
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            ends.push((index, reason.into()));
        }
    }
    ends.sort();
    assert_eq!(ends, [(0, "length".into()), (1, "tool_calls".into())]);
}

#[test]
fn c42_arguments_that_were_cut_off_stay_cut_off() {
    let stream = sse(&[
        chunk(
            json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"text\":\"ab"}}]}),
            None,
        ),
        chunk(json!({}), Some("length")),
    ]) + "data: [DONE]\n\n";
    let told = |caller| streamed(Dialect::OpenAiChat, stream.as_bytes(), caller);
    let all = choices(&told(Dialect::OpenAiChat));
    let pieces: String = all
        .iter()
        .filter_map(|choice| choice.pointer("/delta/tool_calls/0/function/arguments")?.as_str())
        .collect();
    assert_eq!(
        (pieces.as_str(), &all.last().unwrap()["finish_reason"]),
        ("{\"text\":\"ab", &json!("length"))
    );
    let events = told(Dialect::Anthropic);
    let pieces: String = events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect();
    let delta = events.iter().find(|event| event["type"] == "message_delta").unwrap();
    assert_eq!((pieces.as_str(), &delta["delta"]["stop_reason"]), ("{\"text\":\"ab", &json!("max_tokens")));
    let events = told(Dialect::OpenAiResponses);
    let response = &events.last().unwrap()["response"];
    assert_eq!(
        (&response["status"], &response["output"][0]["arguments"]),
        (&json!("incomplete"), &json!("{\"text\":\"ab"))
    );
    let chunks = told(Dialect::Gemini);
    assert!(chunks.iter().all(|chunk| !chunk.to_string().contains("functionCall")), "{chunks:?}");
    assert_eq!(chunks.last().unwrap()["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[test]
fn json_written_on_several_lines_is_one_event() {
    let args = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"n": 1}}}]}, "finishReason": "STOP"}]});
    let pretty = |value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap();
        text.lines().map(|line| format!("data: {line}\r\n")).collect::<String>() + "\r\n"
    };
    let block = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}});
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1}}});
    let end = json!({"type": "message_stop"});
    let mut likely = chunk(json!({"content": "a"}), Some("stop"));
    likely["choices"][0]["logprobs"] = json!({"content": []});
    for (vendor, stream) in [
        (Dialect::Gemini, pretty(&args)),
        (Dialect::Anthropic, pretty(&start) + &pretty(&block) + &pretty(&end)),
        (Dialect::OpenAiChat, pretty(&likely)),
    ] {
        for caller in CALLERS {
            // Each event is JSON, or reading them panics.
            let events = streamed(vendor, stream.as_bytes(), caller);
            assert!(!events.is_empty(), "{vendor:?} for {caller:?}");
        }
    }
    // What a response repeats of its request comes as the caller wrote it.
    let body = "{\"model\":\"m\",\"input\":\"u\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\n\"type\":\r\n\"object\"}}]}";
    let request = super::face(Dialect::OpenAiResponses).read_request(body.as_bytes(), None).unwrap();
    let echo = magic_wire::codec::Echo { request: Some(std::sync::Arc::new(request)), ..Default::default() };
    let mut writer = super::face(Dialect::OpenAiResponses).writer(echo);
    let mut out = Vec::new();
    writer.event(
        &magic_wire::chat::Event::Start { id: "i".into(), model: "m".into(), created: 1, usage: None },
        &mut out,
    );
    writer.end(&mut out);
    assert_eq!(frames(&out)[0]["response"]["tools"][0]["parameters"], json!({"type": "object"}));
}
