//! One transcript in the words of each vendor: a text, two calls of one function, and what it cost.

use magic_wire::chat::Dialect;
use serde_json::{Value, json};

pub const TEXT: &str = "Héllo 世界\u{1f600}";
/// The arguments of the two calls.
pub const ARGUMENTS: [&str; 2] = [r#"{"n":1}"#, r#"{"n":2}"#];

pub const CALLERS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Gemini];

pub fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// AWS's messages.
pub fn aws(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in events {
        let payload = payload.to_string();
        let mut heads = Vec::new();
        for (name, value) in [(":event-type", *kind), (":message-type", "event")] {
            heads.push(u8::try_from(name.len()).unwrap());
            heads.extend_from_slice(name.as_bytes());
            heads.push(7);
            heads.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            heads.extend_from_slice(value.as_bytes());
        }
        let start = out.len();
        out.extend_from_slice(&u32::try_from(16 + heads.len() + payload.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&u32::try_from(heads.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_be_bytes());
        out.extend_from_slice(&heads);
        out.extend_from_slice(payload.as_bytes());
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_be_bytes());
    }
    out
}

pub fn chunk(delta: Value, finish: Option<&str>) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn chat() -> String {
    let call = |index: u64, text: &str| {
        chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]}), None)
    };
    let start = |index: u64, id: &str| {
        chunk(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": "f", "arguments": ""}}]}),
            None,
        )
    };
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4}});
    sse(&[
        chunk(json!({"role": "assistant", "content": ""}), None),
        chunk(json!({"content": TEXT}), None),
        start(0, "a"),
        call(0, "{\"n\""),
        call(0, ":1}"),
        start(1, "b"),
        call(1, ARGUMENTS[1]),
        chunk(json!({}), Some("tool_calls")),
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [], "usage": usage}),
    ]) + "data: [DONE]\n\n"
}

fn responses() -> String {
    let call = |index: usize| json!({"type": "function_call", "id": format!("fc_{index}"), "call_id": format!("c{index}"), "name": "f", "arguments": ARGUMENTS[index], "status": "completed"});
    let open = |index: usize| {
        let mut call = call(index);
        call["arguments"] = "".into();
        json!({"type": "response.output_item.added", "output_index": index + 1, "item": call})
    };
    let delta = |index: usize| json!({"type": "response.function_call_arguments.delta", "output_index": index + 1, "item_id": format!("fc_{index}"), "delta": ARGUMENTS[index]});
    let done = |index: usize| json!({"type": "response.output_item.done", "output_index": index + 1, "item": call(index)});
    let text = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": TEXT, "annotations": []}]});
    let usage = json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5, "total_tokens": 15});
    let response = json!({"id": "resp_1", "object": "response", "created_at": 7, "model": "m", "status": "in_progress", "output": []});
    let mut whole = response.clone();
    whole["status"] = "completed".into();
    whole["output"] = json!([text, call(0), call(1)]);
    whole["usage"] = usage;
    // Both calls at once: their pieces mix.
    sse(&[
        json!({"type": "response.created", "response": response}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_1", "role": "assistant", "content": []}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "msg_1", "content_index": 0, "delta": TEXT}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": text}),
        open(0),
        open(1),
        delta(1),
        delta(0),
        done(1),
        done(0),
        json!({"type": "response.completed", "response": whole}),
    ])
}

fn anthropic() -> String {
    let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta =
        |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let input = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
    let usage = json!({"input_tokens": 6, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 1});
    sse(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}}),
        json!({"type": "ping"}),
        start(0, json!({"type": "text", "text": ""})),
        delta(0, json!({"type": "text_delta", "text": TEXT})),
        stop(0),
        start(1, call("toolu_a")),
        delta(1, input("{\"n\"")),
        delta(1, input(":1}")),
        stop(1),
        json!({"type": "ping"}),
        start(2, call("toolu_b")),
        delta(2, input(ARGUMENTS[1])),
        stop(2),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ])
}

fn gemini() -> String {
    let call = |n: u64| json!({"functionCall": {"name": "f", "args": {"n": n}}});
    let part = |part: Value| json!({"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}], "modelVersion": "m", "responseId": "r"});
    // The reason to stop comes alone, and says STOP.
    let mut last = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}]});
    last["usageMetadata"] = json!({"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 5, "totalTokenCount": 15});
    sse(&[part(json!({"text": TEXT})), part(call(1)), part(call(2)), last])
}

fn bedrock() -> Vec<u8> {
    let delta =
        |index: u64, delta: Value| ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}));
    let start = |index: u64, id: &str| {
        (
            "contentBlockStart",
            json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": id, "name": "f"}}}),
        )
    };
    let stop = |index: u64| ("contentBlockStop", json!({"contentBlockIndex": index}));
    let input = |text: &str| json!({"toolUse": {"input": text}});
    aws(&[
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"text": TEXT})),
        stop(0),
        start(1, "a"),
        delta(1, input(ARGUMENTS[0])),
        stop(1),
        start(2, "b"),
        delta(2, input(ARGUMENTS[1])),
        stop(2),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 6, "cacheReadInputTokens": 4, "outputTokens": 5, "totalTokens": 15}}),
        ),
    ])
}

fn cohere() -> String {
    let tool = |kind: &str, index: u64, call: Value| json!({"type": kind, "index": index, "delta": {"message": {"tool_calls": call}}});
    let start = |index: u64| {
        tool(
            "tool-call-start",
            index,
            json!({"id": format!("c{index}"), "type": "function", "function": {"name": "f", "arguments": ""}}),
        )
    };
    let delta = |index: usize| {
        tool("tool-call-delta", index as u64, json!({"function": {"arguments": ARGUMENTS[index]}}))
    };
    let text = |text: &str| json!({"message": {"content": {"type": "text", "text": text}}});
    sse(&[
        json!({"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant"}}}),
        json!({"type": "content-start", "index": 0, "delta": text("")}),
        json!({"type": "content-delta", "index": 0, "delta": text(TEXT)}),
        json!({"type": "content-end", "index": 0}),
        start(0),
        delta(0),
        json!({"type": "tool-call-end", "index": 0}),
        start(1),
        delta(1),
        json!({"type": "tool-call-end", "index": 1}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {"billed_units": {"input_tokens": 10, "output_tokens": 5}, "tokens": {"input_tokens": 10, "output_tokens": 5}, "cached_tokens": 4}}}),
    ])
}

fn ollama() -> String {
    let line = |message: Value| json!({"model": "m", "message": message, "done": false}).to_string() + "\n";
    let call = |n: u64| json!({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"n": n}}}]});
    let last = json!({"model": "m", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5});
    line(json!({"role": "assistant", "content": TEXT}))
        + &line(call(1))
        + &line(call(2))
        + &last.to_string()
        + "\n"
}

fn dashscope() -> String {
    let part = |message: Value, finish: &str| json!({"output": {"choices": [{"message": message, "finish_reason": finish}]}, "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4}}, "request_id": "r"});
    let call = |index: usize| json!({"role": "assistant", "content": "", "tool_calls": [{"index": index, "id": format!("c{index}"), "type": "function", "function": {"name": "f", "arguments": ARGUMENTS[index]}}]});
    sse(&[
        part(json!({"role": "assistant", "content": TEXT}), "null"),
        part(call(0), "null"),
        part(call(1), "tool_calls"),
    ])
}

fn tencent() -> String {
    let part = |delta: Value, finish: &str| json!({"Choices": [{"Delta": delta, "FinishReason": finish}], "Created": 7, "Id": "i", "Usage": {"PromptTokens": 10, "CompletionTokens": 5, "TotalTokens": 15}});
    let call = |index: usize| json!({"Role": "assistant", "ToolCalls": [{"Index": index, "Id": format!("c{index}"), "Type": "function", "Function": {"Name": "f", "Arguments": ARGUMENTS[index]}}]});
    sse(&[
        part(json!({"Role": "assistant", "Content": TEXT}), ""),
        part(call(0), ""),
        part(call(1), "tool_calls"),
    ]) + "data: [DONE]\n\n"
}

/// The transcript as every vendor streams it that knows calls side by side.
pub fn all() -> Vec<(Dialect, Vec<u8>)> {
    vec![
        (Dialect::OpenAiChat, chat().into()),
        (Dialect::OpenAiResponses, responses().into()),
        (Dialect::Anthropic, anthropic().into()),
        (Dialect::Gemini, gemini().into()),
        (Dialect::BedrockConverse, bedrock()),
        (Dialect::Cohere, cohere().into()),
        (Dialect::Ollama, ollama().into()),
        (Dialect::DashScope, dashscope().into()),
        (Dialect::Tencent, tencent().into()),
    ]
}
