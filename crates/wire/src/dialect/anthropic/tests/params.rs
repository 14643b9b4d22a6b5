//! Limits, chance, thinking and what else a request says.

use super::*;
use crate::chat::{Effort, ReasoningAsk};
use crate::json::Json;
use serde_json::json;

fn effort(effort: Effort) -> ChatRequest {
    ChatRequest {
        reasoning: Some(ReasoningAsk { effort: Some(effort), ..ReasoningAsk::default() }),
        ..asking()
    }
}

#[test]
fn c29_there_is_always_a_limit() {
    assert_eq!(written(&asking(), V4_5).0["max_tokens"], 4096);
    let mut chat = asking();
    chat.sampling.max_output = Some(7);
    assert_eq!(written(&chat, V4_5).0["max_tokens"], 7);
}

#[test]
fn c30_a_budget_is_below_the_limit() {
    let (body, lost) = written(&effort(Effort::Max), V4_5);
    assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 16384}));
    assert!(body["max_tokens"].as_u64().unwrap() > 16384);
    assert_eq!(lost, [""; 0]);
    let mut chat = effort(Effort::High);
    chat.sampling.max_output = Some(2000);
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(body["thinking"]["budget_tokens"], 1999);
    assert_eq!(lost, ["reasoning_effort"]);
    chat.sampling.max_output = Some(1024);
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(body.get("thinking"), None);
    assert_eq!(lost, ["reasoning_effort"]);
}

#[test]
fn c30_models_get_thinking_in_their_words() {
    let said = |chat: &ChatRequest, model| {
        let (body, _) = written(chat, model);
        (body.get("thinking").cloned(), body["output_config"]["effort"].clone())
    };
    let adaptive = Some(json!({"type": "adaptive"}));
    assert_eq!(said(&effort(Effort::XHigh), V4_8), (adaptive.clone(), json!("xhigh")));
    assert_eq!(said(&effort(Effort::XHigh), "claude-opus-4-6"), (adaptive, json!("high")));
    assert_eq!(said(&effort(Effort::Minimal), "claude-opus-5-5"), (None, json!("low")));
    assert_eq!(said(&effort(Effort::None), V4_5), (None, Value::Null));
    assert_eq!(
        said(&effort(Effort::None), "claude-opus-5"),
        (Some(json!({"type": "disabled"})), Value::Null)
    );
    assert_eq!(said(&effort(Effort::None), "claude-opus-5-5"), (None, json!("low")));
    assert_eq!(said(&effort(Effort::High), "claude-3-5-haiku-latest"), (None, Value::Null));
    let counted = ReasoningAsk { budget: Some(5000), show: Some(true), ..ReasoningAsk::default() };
    let chat = ChatRequest { reasoning: Some(counted), ..asking() };
    let shown = Some(json!({"type": "adaptive", "display": "summarized"}));
    assert_eq!(said(&chat, V4_8), (shown, json!("high")));
}

#[test]
fn c12_without_its_thinking_a_turn_goes_on_without_thinking() {
    let mut chat = effort(Effort::High);
    chat.messages.push(Message::new(Role::Assistant, vec![call("a", "")]));
    chat.messages.push(Message::new(Role::User, vec![result("a", vec![])]));
    let (body, lost) = written(&chat, V4_5);
    assert_eq!((body.get("thinking"), lost), (None, vec!["reasoning_effort".to_owned()]));
    chat.messages[1].parts.insert(0, thought("", Some(seal(Dialect::Anthropic, "s"))));
    assert_eq!(written(&chat, V4_5).0["thinking"]["type"], "enabled");
}

#[test]
fn c30_chance_is_left_to_models_that_take_it() {
    let mut chat = asking();
    chat.sampling.temperature = Some(1.7);
    chat.sampling.top_p = Some(0.5);
    chat.sampling.top_k = Some(9);
    let (body, lost) = written(&chat, V4_5);
    assert_eq!((&body["temperature"], body.get("top_p"), &body["top_k"]), (&json!(1.0), None, &json!(9)));
    assert_eq!(lost, ["temperature", "top_p"]);
    let (body, lost) = written(&chat, V4_8);
    assert!(["temperature", "top_p", "top_k"].iter().all(|name| body.get(*name).is_none()));
    assert_eq!(lost, ["temperature", "top_p", "top_k"]);
    chat.reasoning = effort(Effort::Low).reasoning;
    chat.sampling.temperature = Some(0.2);
    let (body, lost) = written(&chat, V4_5);
    assert!(["temperature", "top_p", "top_k"].iter().all(|name| body.get(*name).is_none()));
    assert_eq!(lost, ["temperature", "top_p", "top_k"]);
    // 1 is what happens anyway.
    chat.sampling = crate::chat::Sampling { temperature: Some(1.0), top_p: Some(1.0), ..Default::default() };
    assert_eq!(written(&chat, V4_8).1, [""; 0]);
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let mut chat = asking();
    chat.sampling.presence_penalty = Some(0.5);
    chat.sampling.frequency_penalty = Some(0.0);
    chat.sampling.seed = Some(3);
    chat.sampling.logprobs = Some(true);
    chat.sampling.logit_bias = Some(Json::of(&json!({"5": 1})));
    chat.store = Some(true);
    chat.extra.push(("prediction".into(), Json::of(&json!({}))));
    chat.extra.push(("moderation".into(), Json::of(&json!("x"))));
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(lost, ["presence_penalty", "logit_bias", "logprobs", "store", "moderation"]);
    assert_eq!(body.get("moderation"), None);
    type Change = fn(&mut ChatRequest);
    let refusals: [(&str, Change); 4] = [
        ("n", |chat| chat.sampling.n = Some(2)),
        ("modalities", |chat| chat.modalities = vec!["text".into(), "audio".into()]),
        ("audio", |chat| chat.audio = Some(Json::of(&json!({})))),
        ("previous_response_id", |chat| chat.previous_response = Some("r".into())),
    ];
    for (path, change) in refusals {
        let mut chat = asking();
        change(&mut chat);
        assert_eq!(refused(&chat, V4_5), path);
    }
}

#[test]
fn users_tiers_and_stops() {
    let mut chat = asking();
    chat.sampling.stop = vec!["a".into(), " \n".into()];
    chat.end_user = Some("u-1".into());
    chat.service_tier = Some("flex".into());
    let (body, _) = written(&chat, V4_5);
    assert_eq!(body["stop_sequences"], json!(["a"]));
    assert_eq!(body["metadata"], json!({"user_id": "u-1"}));
    assert_eq!(body["service_tier"], "standard_only");
    chat.end_user = Some("a@b.example".into());
    let (body, _) = written(&chat, V4_5);
    assert!(!body["metadata"]["user_id"].as_str().unwrap().contains('@'));
}

#[test]
fn what_only_this_dialect_knows_goes_back_to_its_place() {
    let body = json!({
        "model": "x", "max_tokens": 5000,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "search_result", "source": "https://a", "title": "t", "citations": {"enabled": true},
                    "content": [{"type": "text", "text": "found"}]},
                {"type": "document", "context": "c", "source": {"type": "content",
                    "content": [{"type": "text", "text": "d"}]}},
                {"type": "text", "text": "q"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "d"}]},
                {"type": "tool_use", "id": "t1", "name": "bash", "input": {}, "toolset_name": "x"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1",
                "content": [{"type": "tool_reference", "tool_name": "z"}]}]}
        ],
        "tools": [
            {"type": "bash_20250124", "name": "bash"},
            {"name": "f", "input_schema": {"type": "object"}, "input_examples": [{"a": 1}], "defer_loading": true}
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
        "output_config": {"effort": "max", "new": 1},
        "metadata": {"user_id": "u", "other": 1},
        "container": {"id": "c"}, "speed": "fast", "cache_control": {"type": "ephemeral"}, "stream": true
    });
    let chat = Anthropic.read_request(body.to_string().as_bytes(), None).unwrap();
    let (again, lost) = written(&chat, V4_8);
    let mut expected = body;
    expected["model"] = json!(V4_8);
    assert_eq!((again, lost), (expected, vec![]));
    // Another dialect still sees what the search found.
    let found = chat.messages[1].parts.iter().filter_map(Part::as_text).any(|text| text.contains("found"));
    assert!(found);
    assert_eq!(
        chat.messages[1].parts.iter().filter(|part| crate::dialect::anthropic::is_exact(part)).count(),
        2
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (body, path) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "m", "messages": [{"role": "tool", "content": ""}]}), "messages[0].role"),
        (json!({"model": "m", "messages": [{"role": "user"}]}), "messages[0].content"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "messages[0].content[0].type",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image"}]}]}),
            "messages[0].content[0].source",
        ),
        (json!({"model": "m", "max_tokens": -1}), "max_tokens"),
        (json!({"model": "m", "tools": [{}]}), "tools[0].name"),
        (json!({"model": "m", "tool_choice": {"type": "x"}}), "tool_choice.type"),
    ] {
        let error = Anthropic.read_request(body.to_string().as_bytes(), None).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(path), "{body}");
    }
}
