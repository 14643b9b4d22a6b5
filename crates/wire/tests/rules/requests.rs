//! Requests of every caller for every vendor.

use super::asked;
use super::transcripts::CALLERS;
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;
use magic_wire::peek::{Edits, peek_gemini, peek_json, splice};
use serde_json::{Map, Value, json};

const CLAUDE: &str = "anthropic.claude-3-7-sonnet-20250219-v1:0";

fn blocks(content: Value) -> Value {
    json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": content}]})
}

fn with_result(content: Value) -> Value {
    json!({"model": "m", "max_tokens": 100, "tools": [{"name": "f", "input_schema": {"type": "object"}}], "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": content}]},
    ]})
}

#[test]
fn c15_vendors_that_need_its_reasoning_get_it_back() {
    let body = json!({"model": "m", "max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "r"}]},
        {"role": "assistant", "content": "done"},
        {"role": "user", "content": "more"},
    ]});
    for (kind, needs) in [(25, true), (36, true), (1, false), (3, false)] {
        let (sent, _) = asked(Dialect::Anthropic, &body, Dialect::OpenAiChat, "m", kind).unwrap();
        let messages = sent["messages"].as_array().unwrap();
        let turns: Vec<Option<&str>> = messages
            .iter()
            .filter(|message| message["role"] == "assistant")
            .map(|message| message["reasoning_content"].as_str())
            .collect();
        // One that was lost is a blank: without the member the vendor refuses the call.
        let expected = if needs { [Some("hm"), Some(" "), None] } else { [None; 3] };
        assert_eq!(turns, expected, "type {kind}");
        assert!(!sent.to_string().contains("\"s\""), "C14: {sent}");
    }
}

#[test]
fn c18_results_name_their_calls_everywhere() {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "u"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "b", "content": "second"},
        {"role": "tool", "tool_call_id": "a", "content": "first"},
    ]});
    let sent = |vendor, model| asked(Dialect::OpenAiChat, &body, vendor, model, 1).unwrap().0;
    let pairs = |list: &Value, id: &str, text: &str| -> Vec<(String, String)> {
        let all = list.as_array().unwrap().iter();
        all.filter_map(|one| Some((one.pointer(id)?.as_str()?.into(), one.pointer(text)?.as_str()?.into())))
            .collect()
    };
    let told = |all: Vec<(String, String)>| {
        let mut all = all;
        all.sort();
        all
    };
    let expected = vec![("a".to_owned(), "first".to_owned()), ("b".to_owned(), "second".to_owned())];
    let anthropic = sent(Dialect::Anthropic, "claude-3-haiku");
    assert_eq!(
        told(pairs(&anthropic["messages"][2]["content"], "/tool_use_id", "/content/0/text")),
        expected
    );
    let responses = sent(Dialect::OpenAiResponses, "gpt-4o");
    assert_eq!(told(pairs(&responses["input"], "/call_id", "/output")), expected);
    let bedrock = sent(Dialect::BedrockConverse, CLAUDE);
    let results = &bedrock["messages"][2]["content"];
    assert_eq!(told(pairs(results, "/toolResult/toolUseId", "/toolResult/content/0/text")), expected);
    // Google goes by name and order.
    let gemini = sent(Dialect::Gemini, "gemini-2.5-pro");
    let texts: Vec<String> = gemini["contents"][2]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["functionResponse"]["response"].to_string())
        .collect();
    assert!(texts[0].contains("first") && texts[1].contains("second"), "{texts:?}");
}

#[test]
fn c19_empty_texts_are_no_blocks() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": ""},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "v"}]},
    ]});
    for (vendor, model) in [
        (Dialect::Anthropic, "claude-3-haiku"),
        (Dialect::BedrockConverse, CLAUDE),
        (Dialect::Gemini, "gemini-2.5-pro"),
    ] {
        let (sent, _) = asked(Dialect::OpenAiChat, &body, vendor, model, 1).unwrap();
        let text = sent.to_string();
        assert!(!text.contains("\"text\":\"\""), "{vendor:?}: {text}");
        assert!(!text.contains("\"content\":[]") || vendor != Dialect::Anthropic, "{vendor:?}: {text}");
        assert!(!text.contains("\"parts\":[]"), "{vendor:?}: {text}");
    }
}

#[test]
fn c20_pictures_in_results_reach_every_vendor_as_pictures() {
    let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}});
    let body = with_result(json!([{"type": "text", "text": "see"}, picture]));
    let sent = |vendor, model| asked(Dialect::Anthropic, &body, vendor, model, 1).unwrap().0;
    let chat = sent(Dialect::OpenAiChat, "gpt-4o");
    assert_eq!(chat["messages"][2]["content"], "see");
    assert_eq!(chat["messages"][3]["role"], "user", "a tool's message can't carry it");
    assert_eq!(chat["messages"][3]["content"][0]["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=");
    let responses = sent(Dialect::OpenAiResponses, "gpt-4o").to_string();
    assert!(responses.contains("\"type\":\"input_image\""), "{responses}");
    let gemini = sent(Dialect::Gemini, "gemini-2.5-pro").to_string();
    assert!(gemini.contains("\"inlineData\":{"), "{gemini}");
    let bedrock = sent(Dialect::BedrockConverse, CLAUDE);
    assert_eq!(bedrock["messages"][2]["content"][0]["toolResult"]["content"][1]["image"]["format"], "png");
    let home = sent(Dialect::Anthropic, "claude-3-haiku");
    assert_eq!(home["messages"][2]["content"][0]["content"][1], picture);
    for text in [chat.to_string(), responses, gemini] {
        assert_eq!(text.matches("iVBORw0KGgo=").count(), 1, "never as text too: {text}");
    }
}

#[test]
fn c21_pictures_are_bytes_or_addresses_in_every_dialect() {
    let inline = blocks(
        json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}, {"type": "text", "text": "t"}]),
    );
    let remote = blocks(
        json!([{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}, {"type": "text", "text": "t"}]),
    );
    let sent = |body, vendor, model| asked(Dialect::Anthropic, body, vendor, model, 1).map(|(sent, _)| sent);
    let chat = sent(&inline, Dialect::OpenAiChat, "gpt-4o").unwrap();
    assert_eq!(chat["messages"][0]["content"][0]["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=");
    let responses = sent(&inline, Dialect::OpenAiResponses, "gpt-4o").unwrap();
    assert_eq!(responses["input"][0]["content"][0]["image_url"], "data:image/png;base64,iVBORw0KGgo=");
    let gemini = sent(&inline, Dialect::Gemini, "gemini-2.5-pro").unwrap();
    assert_eq!(
        gemini["contents"][0]["parts"][0]["inlineData"],
        json!({"mimeType": "image/png", "data": "iVBORw0KGgo="})
    );
    let chat = sent(&remote, Dialect::OpenAiChat, "gpt-4o").unwrap();
    assert_eq!(chat["messages"][0]["content"][0]["image_url"]["url"], "https://example.com/a.png");
    // A vendor that fetches nothing: refused with its place, never left out.
    let refused = sent(&remote, Dialect::BedrockConverse, CLAUDE).unwrap_err();
    assert!(refused.param.unwrap().starts_with("messages[0]"));
}

#[test]
fn c27_marks_of_the_cache_stay_where_they_were() {
    let mark = json!({"type": "ephemeral"});
    let body = json!({"model": "m", "max_tokens": 100,
        "system": [{"type": "text", "text": "s", "cache_control": mark}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": mark}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "text", "text": "b"}]}]});
    let (bedrock, _) = asked(Dialect::Anthropic, &body, Dialect::BedrockConverse, CLAUDE, 33).unwrap();
    let point = |value: &Value| value["cachePoint"]["type"] == "default";
    assert!(point(&bedrock["system"][1]), "{bedrock}");
    assert!(point(&bedrock["messages"][0]["content"][1]), "{bedrock}");
    assert!(point(&bedrock["toolConfig"]["tools"][1]), "{bedrock}");
    // OpenRouter passes them on to Claude, in its own members.
    let (router, _) =
        asked(Dialect::Anthropic, &body, Dialect::OpenAiChat, "anthropic/claude-sonnet-4", 20).unwrap();
    assert_eq!(
        router["messages"][0]["content"],
        json!([{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}])
    );
    assert_eq!(
        router["messages"][1]["content"][0],
        json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}})
    );
    // Vendors that know no marks get none.
    for (vendor, model, kind) in [
        (Dialect::OpenAiChat, "gpt-4o", 1),
        (Dialect::OpenAiResponses, "gpt-4o", 1),
        (Dialect::Gemini, "gemini-2.5-pro", 24),
    ] {
        let (sent, _) = asked(Dialect::Anthropic, &body, vendor, model, kind).unwrap();
        assert!(!sent.to_string().contains("ephemeral"), "{vendor:?}: {sent}");
    }
}

#[test]
fn c28_who_speaks_later_is_not_moved_to_the_front() {
    let turns = |last: &str| {
        json!({"model": "m", "messages": [
            {"role": "system", "content": "first"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "developer", "content": last},
            {"role": "user", "content": "c"},
        ]})
    };
    for (vendor, model) in [
        (Dialect::Anthropic, "claude-3-haiku"),
        (Dialect::Gemini, "gemini-2.5-pro"),
        (Dialect::BedrockConverse, CLAUDE),
        (Dialect::OpenAiResponses, "gpt-4o"),
        (Dialect::OpenAiChat, "gpt-4o"),
        (Dialect::Cohere, "command-a"),
        (Dialect::Ollama, "m"),
        (Dialect::DashScope, "qwen-max"),
    ] {
        let sent =
            |last: &str| asked(Dialect::OpenAiChat, &turns(last), vendor, model, 1).unwrap().0.to_string();
        let (one, two) = (sent("LATER"), sent("OTHER"));
        let (at, there) = (one.find("LATER").unwrap(), two.find("OTHER").unwrap());
        assert_eq!(at, there, "{vendor:?}");
        assert!(one.find("\"a\"").unwrap() < at && one.find("\"b\"").unwrap() < at, "{vendor:?}: {one}");
    }
}

#[test]
fn c29_one_limit_in_the_vendors_word_for_it() {
    const WORDS: [&str; 5] =
        ["max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens"];
    for caller in CALLERS {
        let body = match caller {
            Dialect::OpenAiChat => {
                json!({"model": "m", "messages": [{"role": "user", "content": "u"}], "max_completion_tokens": 77})
            }
            Dialect::OpenAiResponses => json!({"model": "m", "input": "u", "max_output_tokens": 77}),
            Dialect::Anthropic => {
                json!({"model": "m", "messages": [{"role": "user", "content": "u"}], "max_tokens": 77})
            }
            _ => {
                json!({"contents": [{"role": "user", "parts": [{"text": "u"}]}], "generationConfig": {"maxOutputTokens": 77}})
            }
        };
        for (vendor, model, kind, word) in [
            (Dialect::OpenAiChat, "gpt-5", 1, "max_completion_tokens"),
            (Dialect::OpenAiChat, "deepseek-chat", 36, "max_tokens"),
            (Dialect::OpenAiResponses, "gpt-5", 1, "max_output_tokens"),
            (Dialect::Anthropic, "claude-3-haiku", 14, "max_tokens"),
            (Dialect::Gemini, "gemini-2.5-pro", 24, "maxOutputTokens"),
            (Dialect::BedrockConverse, CLAUDE, 33, "maxTokens"),
            (Dialect::Cohere, "command-a", 35, "max_tokens"),
        ] {
            let (sent, _) = asked(caller, &body, vendor, model, kind).unwrap();
            let text = sent.to_string();
            let said: Vec<&str> =
                WORDS.into_iter().filter(|word| text.contains(&format!("\"{word}\":"))).collect();
            assert_eq!(said, [word], "{caller:?} for {vendor:?}: {text}");
            assert!(text.contains(&format!("\"{word}\":77")), "{caller:?} for {vendor:?}: {text}");
        }
    }
}

#[test]
fn c32_which_tools_may_be_called_is_said_to_every_vendor() {
    let ask = |choice: Value| {
        json!({"model": "m", "messages": [{"role": "user", "content": "u"}], "parallel_tool_calls": false, "tool_choice": choice,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}, {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}]})
    };
    let named = json!({"type": "function", "function": {"name": "f"}});
    let sent = |choice: &Value, vendor, model| {
        asked(Dialect::OpenAiChat, &ask(choice.clone()), vendor, model, 1).unwrap().0
    };
    for (choice, anthropic, gemini, responses) in [
        (json!("auto"), json!("auto"), json!("AUTO"), json!("auto")),
        (json!("required"), json!("any"), json!("ANY"), json!("required")),
        (named.clone(), json!("tool"), json!("ANY"), json!({"type": "function", "name": "f"})),
        (json!("none"), json!("none"), json!("NONE"), json!("none")),
    ] {
        let one = sent(&choice, Dialect::Anthropic, "claude-3-haiku");
        assert_eq!(one["tool_choice"]["type"], anthropic, "{one}");
        if choice != "none" {
            assert_eq!(one["tool_choice"]["disable_parallel_tool_use"], true, "{one}");
        }
        let one = sent(&choice, Dialect::Gemini, "gemini-2.5-pro");
        let config = &one["toolConfig"]["functionCallingConfig"];
        assert_eq!(config["mode"].as_str().unwrap_or("AUTO"), gemini.as_str().unwrap(), "{one}");
        if choice.is_object() {
            assert_eq!(config["allowedFunctionNames"], json!(["f"]), "{one}");
        }
        let one = sent(&choice, Dialect::OpenAiResponses, "gpt-4o");
        assert_eq!((&one["tool_choice"], &one["parallel_tool_calls"]), (&responses, &json!(false)), "{one}");
    }
}

#[test]
fn c41_the_same_dialect_on_both_sides_loses_nothing() {
    let bodies = [
        (
            Dialect::OpenAiChat,
            json!({"model": "m", "messages": [{"role": "user", "content": "u", "x_new": 1}], "x_new": {"a": [1.50, null]}}),
        ),
        (Dialect::OpenAiResponses, json!({"model": "m", "input": "u", "x_new": {"a": [1.50, null]}})),
        (
            Dialect::Anthropic,
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "u"}], "x_new": {"a": [1.50, null]}}),
        ),
        (
            Dialect::Gemini,
            json!({"contents": [{"role": "user", "parts": [{"text": "u", "xNew": 1}]}], "xNew": {"a": [1.50, null]}}),
        ),
    ];
    for (dialect, body) in bodies {
        // The way it takes: spliced. Only the model's name changes, in place.
        let text = serde_json::to_string_pretty(&body).unwrap();
        let bytes = Bytes::from(text.clone());
        let peek = match dialect {
            Dialect::Gemini => peek_gemini(&bytes, "m", false),
            Dialect::OpenAiResponses => peek_json(Endpoint::Responses, &bytes),
            _ => peek_json(Endpoint::Chat, &bytes),
        };
        let none = Map::new();
        let model = (dialect != Dialect::Gemini).then_some("other");
        let edits = Edits { model, ask_usage: false, system_prompt: None, params: &none };
        let spliced = splice(&bytes, &peek.unwrap(), &edits).unwrap().concat();
        assert_eq!(spliced, text.replace("\"model\": \"m\"", "\"model\": \"other\""), "{dialect:?}");
        // And where it has to be written anew, members nobody knows stay.
        let (sent, lost) = asked(dialect, &body, dialect, "claude-3-haiku", 1).unwrap();
        let name = if dialect == Dialect::Gemini { "xNew" } else { "x_new" };
        assert_eq!((&sent[name], lost.as_str()), (&body[name], ""), "{dialect:?}");
        // Abroad they mean nothing, which is told.
        let abroad = if dialect == Dialect::Anthropic {
            (Dialect::OpenAiChat, "gpt-4o")
        } else {
            (Dialect::Anthropic, "claude-3-haiku")
        };
        let (sent, lost) = asked(dialect, &body, abroad.0, abroad.1, 1).unwrap();
        assert!(sent.get(name).is_none() && lost.contains(name), "{dialect:?}: {lost}");
    }
}
