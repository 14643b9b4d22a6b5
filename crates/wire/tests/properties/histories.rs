//! A conversation that goes on is written as what it was and more: else no vendor's prompt cache would hold.

use crate::requests::{chat_messages, rounds, text};
use crate::written;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::{ChatRequest, Dialect};
use magic_wire::dialect;
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Where each vendor's history is, and a model of it. Not here: DeepL and AI Proxy take the last message only.
const PLACES: &[(Dialect, &str, &[&str])] = &[
    (Dialect::OpenAiChat, "gpt-4o", &["messages"]),
    (Dialect::OpenAiResponses, "gpt-4o", &["input"]),
    (Dialect::Anthropic, "claude-3-haiku", &["messages"]),
    (Dialect::Gemini, "gemini-2.5-pro", &["contents"]),
    (Dialect::BedrockConverse, "amazon.nova-pro-v1:0", &["messages"]),
    (Dialect::BedrockConverse, "anthropic.claude-3-haiku-20240307-v1:0", &["messages"]),
    (Dialect::Cohere, "command-a", &["messages"]),
    (Dialect::Ollama, "m", &["messages"]),
    (Dialect::DashScope, "qwen-max", &["input", "messages"]),
    (Dialect::Baidu, "ernie", &["messages"]),
    (Dialect::Tencent, "hunyuan", &["Messages"]),
    (Dialect::Xunfei, "4.0Ultra", &["payload", "message", "text"]),
    (Dialect::Palm, "chat-bison", &["prompt", "messages"]),
    (Dialect::Coze, "bot", &["additional_messages"]),
    (Dialect::Tgi, "m", &["inputs"]),
    (Dialect::Replicate, "a/b", &["input", "prompt"]),
];

/// The bytes of a member, and those that stand before it.
fn member(text: &str, path: &[&str]) -> (String, String) {
    let mut inner = text.to_owned();
    for name in path {
        let members: HashMap<String, &RawValue> = serde_json::from_str(&inner).unwrap();
        inner = members.get(*name).unwrap().get().to_owned();
    }
    let before = text.split(&inner).next().unwrap_or_default().to_owned();
    (before, inner)
}

fn read(system: &str, messages: Vec<serde_json::Value>, tools: bool) -> ChatRequest {
    let mut body = json!({"model": "m", "messages": [{"role": "system", "content": system}]});
    body["messages"] = messages.into();
    if tools {
        body["tools"] = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]);
    }
    let face = dialect::face(Dialect::OpenAiChat, Endpoint::Chat).unwrap();
    let mut chat = face.read_request(body.to_string().as_bytes(), None).unwrap();
    dialect::abroad(&mut chat).unwrap();
    chat
}

proptest! {
    #[test]
    fn c28_c37_more_turns_only_add_to_the_history(system in text(), rounds in rounds(), next in text(), tools in any::<bool>()) {
        let mut rounds = rounds;
        if !tools {
            rounds.iter_mut().for_each(|round| round.calls.clear());
        }
        let mut all = chat_messages(&system, &rounds);
        all.push(json!({"role": "user", "content": next}));
        // Every length at which a vendor is asked: after a user's turn, and after results.
        let ends: Vec<usize> = (1..=all.len()).filter(|end| {
            let role = |at: usize| all.get(at).and_then(|message| message["role"].as_str()).unwrap_or("");
            role(end - 1) == "user" || (role(end - 1) == "tool" && role(*end) != "tool")
        }).collect();
        for (dialect, model, path) in PLACES {
            let simple = matches!(dialect, Dialect::Palm | Dialect::Coze | Dialect::Tgi | Dialect::Replicate | Dialect::Baidu | Dialect::Xunfei);
            if tools && simple {
                continue;
            }
            let mut last: Option<(String, String)> = None;
            for end in &ends {
                let chat = read(&system, all[..*end].to_vec(), tools);
                let (before, history) = member(&written(*dialect, &chat, model).0, path);
                if let Some((before_then, then)) = last {
                    prop_assert_eq!(&before, &before_then, "{:?}", dialect);
                    // A prompt in one text ends with the vendor's cue for its answer.
                    let kept = history.bytes().zip(then.bytes()).take_while(|(a, b)| a == b).count();
                    let cue = if matches!(dialect, Dialect::Tgi | Dialect::Replicate) { 40 } else { 1 };
                    prop_assert!(kept + cue >= then.len(), "{dialect:?}: {then} became {history}");
                }
                last = Some((before, history));
            }
        }
    }
}
