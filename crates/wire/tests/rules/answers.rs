//! Whole answers of every vendor for every caller.

use super::answered;
use super::transcripts::CALLERS;
use magic_wire::chat::Dialect;
use serde_json::{Value, json};

/// An answer with a text and a reason to stop, in the words of each vendor.
fn ended(vendor: Dialect, reason: &str) -> Value {
    match vendor {
        Dialect::OpenAiChat => {
            json!({"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": reason}]})
        }
        Dialect::OpenAiResponses => {
            let output = json!([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}]);
            json!({"id": "resp_1", "status": "incomplete", "incomplete_details": {"reason": reason}, "output": output})
        }
        Dialect::Anthropic => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "a"}], "stop_reason": reason, "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        Dialect::Gemini => {
            json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": reason}]})
        }
        Dialect::BedrockConverse => {
            json!({"output": {"message": {"role": "assistant", "content": [{"text": "a"}]}}, "stopReason": reason})
        }
        Dialect::Cohere => {
            json!({"id": "i", "finish_reason": reason, "message": {"role": "assistant", "content": [{"type": "text", "text": "a"}]}})
        }
        Dialect::Ollama => {
            json!({"message": {"role": "assistant", "content": "a"}, "done": true, "done_reason": reason})
        }
        Dialect::DashScope => {
            json!({"output": {"choices": [{"message": {"content": "a"}, "finish_reason": reason}]}})
        }
        _ => Value::Null,
    }
}

fn reason(answer: &Value, caller: Dialect) -> String {
    let value = match caller {
        Dialect::OpenAiResponses if answer["status"] == "incomplete" => {
            &answer["incomplete_details"]["reason"]
        }
        Dialect::OpenAiResponses => &answer["status"],
        Dialect::Anthropic => &answer["stop_reason"],
        Dialect::Gemini => &answer["candidates"][0]["finishReason"],
        _ => &answer["choices"][0]["finish_reason"],
    };
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn c10_truncation_and_filters_are_told_to_everyone() {
    for (vendor, length, filtered) in [
        (Dialect::OpenAiChat, "length", Some("content_filter")),
        (Dialect::OpenAiResponses, "max_output_tokens", Some("content_filter")),
        (Dialect::Anthropic, "max_tokens", Some("refusal")),
        (Dialect::Gemini, "MAX_TOKENS", Some("SAFETY")),
        (Dialect::BedrockConverse, "max_tokens", Some("content_filtered")),
        (Dialect::Cohere, "MAX_TOKENS", None),
        (Dialect::Ollama, "length", None),
        (Dialect::DashScope, "length", None),
    ] {
        for (caller, length_there, filtered_there) in [
            (Dialect::OpenAiChat, "length", "content_filter"),
            (Dialect::OpenAiResponses, "max_output_tokens", "content_filter"),
            (Dialect::Anthropic, "max_tokens", "refusal"),
            (Dialect::Gemini, "MAX_TOKENS", "SAFETY"),
        ] {
            let told = |word: &str| reason(&answered(vendor, &ended(vendor, word), caller), caller);
            assert_eq!(told(length), length_there, "{vendor:?} for {caller:?}");
            if let Some(word) = filtered {
                assert_eq!(told(word), filtered_there, "{vendor:?} for {caller:?}");
            }
        }
    }
}

#[test]
fn c13_c14_a_sign_without_a_text_comes_back_to_its_vendor_and_to_nobody_else() {
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": [{"type": "thinking", "thinking": "", "signature": "c2ln"}, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]});
    let told = answered(Dialect::Anthropic, &answer, Dialect::OpenAiChat);
    let message = &told["choices"][0]["message"];
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "u"}, message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "r"}], "reasoning_effort": "high"});
    let (home, _) =
        super::asked(Dialect::OpenAiChat, &body, Dialect::Anthropic, "claude-opus-4-1", 14).unwrap();
    assert_eq!(home["messages"][1]["content"][0], answer["content"][0], "{home}");
    for (vendor, model) in [
        (Dialect::Gemini, "gemini-2.5-pro"),
        (Dialect::OpenAiResponses, "gpt-5"),
        (Dialect::BedrockConverse, "amazon.nova-pro-v1:0"),
    ] {
        let (abroad, _) = super::asked(Dialect::OpenAiChat, &body, vendor, model, 1).unwrap();
        assert!(!abroad.to_string().contains("c2ln"), "{vendor:?}: {abroad}");
    }
}

#[test]
fn c40_what_a_vendors_search_found_is_told_as_sources() {
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}, "content": [
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"type": "web_search_result", "url": "https://example.com", "title": "T", "encrypted_content": "e"}]},
        {"type": "text", "text": "So it is.", "citations": [{"type": "web_search_result_location", "url": "https://example.com", "title": "T", "cited_text": "c", "encrypted_index": "e"}]},
    ]});
    for caller in CALLERS {
        let told = answered(Dialect::Anthropic, &answer, caller).to_string();
        assert!(told.contains("So it is.") && told.contains("https://example.com"), "{caller:?}: {told}");
        let own = told.contains("web_search_tool_result");
        assert_eq!(own, caller == Dialect::Anthropic, "{caller:?}: {told}");
    }
}

#[test]
fn c03_no_call_is_without_an_id() {
    let anthropic = json!({"id": "msg_1", "type": "message", "role": "assistant", "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": [{"type": "tool_use", "name": "f", "input": {}}, {"type": "tool_use", "id": "", "name": "f", "input": {}}]});
    let call = json!({"toolUse": {"name": "f", "input": {}}});
    let bedrock = json!({"output": {"message": {"role": "assistant", "content": [call, call]}}, "stopReason": "tool_use"});
    for (vendor, body) in [(Dialect::Anthropic, anthropic), (Dialect::BedrockConverse, bedrock)] {
        let told = answered(vendor, &body, Dialect::OpenAiChat);
        let calls = &told["choices"][0]["message"]["tool_calls"];
        let ids: Vec<&str> = (0..2).map(|at| calls[at]["id"].as_str().unwrap()).collect();
        assert!(ids.iter().all(|id| !id.is_empty()) && ids[0] != ids[1], "{vendor:?}: {ids:?}");
    }
}
