//! What a caller's stream must be, whatever the events were.

use crate::must_be_json;
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;
use magic_wire::frame::{Frame, Sse};
use serde_json::Value;

/// Panics where a stream is no server-sent events with one end.
pub fn check(dialect: Dialect, endpoint: Endpoint, bytes: &[u8]) {
    let what = format!("{dialect:?} {endpoint:?}");
    let fail = |why: &str| panic!("{what}: {why}:\n{}", String::from_utf8_lossy(bytes));
    let mut frames: Vec<Frame> = Vec::new();
    let mut sse = Sse::default();
    if sse.push(Bytes::copy_from_slice(bytes), &mut frames).is_err() {
        fail("no events");
    }
    let whole = frames.len();
    sse.finish(&mut frames);
    if frames.len() != whole {
        fail("bytes behind the last event");
    }
    let mut ends = Vec::new();
    let mut values = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        if frame.data.as_ref() == b"[DONE]" {
            ends.push(at);
            continue;
        }
        must_be_json(&frame.data, &what);
        // JSON with half a surrogate pair, or deeper than this tree goes: passed on as it came, not looked into.
        let Ok(value) = serde_json::from_slice::<Value>(&frame.data) else { return };
        if ends_stream(dialect, &value) {
            ends.push(at);
        }
        values.push(value);
    }
    match dialect {
        Dialect::Gemini => gemini(&values, &fail),
        _ if ends.len() != 1 || ends[0] + 1 != frames.len() => fail("not one end, at the end"),
        Dialect::OpenAiResponses => responses(&values, &fail),
        Dialect::Anthropic => anthropic(&values, &fail),
        _ => chat(&values, &fail),
    }
}

fn ends_stream(dialect: Dialect, value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default();
    match dialect {
        Dialect::OpenAiResponses => {
            matches!(kind, "response.completed" | "response.incomplete" | "response.failed" | "error")
        }
        Dialect::Anthropic => matches!(kind, "message_stop" | "error"),
        _ => !value["error"].is_null(),
    }
}

/// One reason to finish per choice, and nothing of the choice after it.
fn chat(values: &[Value], fail: &dyn Fn(&str)) {
    let mut over: Vec<u64> = Vec::new();
    for choice in values.iter().flat_map(|value| value["choices"].as_array().into_iter().flatten()) {
        let index = choice["index"].as_u64().unwrap_or(u64::MAX);
        if over.contains(&index) {
            fail("something after the reason to finish");
        }
        if !choice["finish_reason"].is_null() {
            over.push(index);
        }
    }
}

/// Numbers that grow by one.
fn responses(values: &[Value], fail: &dyn Fn(&str)) {
    for (at, value) in values.iter().enumerate() {
        let number = &value["sequence_number"];
        if value["type"] != "error" && !value.is_null() && number.as_u64() != Some(at as u64) {
            fail("sequence numbers have a gap");
        }
    }
}

/// One start, blocks one after another.
fn anthropic(values: &[Value], fail: &dyn Fn(&str)) {
    let (mut starts, mut open, mut next) = (0, false, 0);
    for value in values {
        match value["type"].as_str().unwrap_or_default() {
            "message_start" => starts += 1,
            "content_block_start" => {
                if open || value["index"].as_u64() != Some(next) {
                    fail("a block out of turn");
                }
                open = true;
            }
            "content_block_delta" if !open || value["index"].as_u64() != Some(next) => {
                fail("a piece of no block");
            }
            "content_block_stop" => {
                if !open || value["index"].as_u64() != Some(next) {
                    fail("the end of no block");
                }
                open = false;
                next += 1;
            }
            "message_stop" if open => fail("a block that has no end"),
            _ => {}
        }
    }
    if starts > 1 || (starts == 0 && values.iter().any(|value| value["type"] == "message_stop")) {
        fail("not one start");
    }
}

/// One reason to finish per candidate; an error is the last chunk.
fn gemini(values: &[Value], fail: &dyn Fn(&str)) {
    let mut over: Vec<u64> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        if !value["error"].is_null() && at + 1 < values.len() {
            fail("something after the error");
        }
        for candidate in value["candidates"].as_array().into_iter().flatten() {
            let index = candidate["index"].as_u64().unwrap_or(0);
            if over.contains(&index) {
                fail("something after the reason to finish");
            }
            if !candidate["finishReason"].is_null() {
                over.push(index);
            }
        }
    }
}
