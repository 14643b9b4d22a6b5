//! Whether a written stream lives as OpenAI's does (C33): typed SDKs build the answer from every one of these.

use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Default)]
struct Part {
    kind: String,
    text: String,
    told: bool,
    done: bool,
}

#[derive(Default)]
struct Item {
    id: String,
    kind: String,
    text: String,
    told: bool,
    parts: BTreeMap<u64, Part>,
    done: Option<Value>,
}

pub fn check(bytes: &[u8], name: &str) {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.ends_with("\n\n") && !text.contains("[DONE]"), "{name}");
    let mut items: BTreeMap<u64, Item> = BTreeMap::new();
    let mut terminal = false;
    for (number, frame) in text.trim_end().split("\n\n").enumerate() {
        let (head, data) = frame.split_once('\n').unwrap();
        let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let kind = event["type"].as_str().unwrap();
        let place = format!("{name}, event {number} {kind}");
        assert_eq!(head, format!("event: {kind}"), "{place}");
        assert_eq!(event["sequence_number"], number, "{place}");
        assert!(!terminal, "{place} after the end");
        match (number, kind) {
            (0, "error") => {
                assert!(event["message"].is_string(), "{place}");
                terminal = true;
                continue;
            }
            (0, _) => assert_eq!(kind, "response.created"),
            (1, _) => assert_eq!(kind, "response.in_progress"),
            _ => {}
        }
        let word = kind.strip_prefix("response.").unwrap();
        match word {
            "created" | "in_progress" => {
                assert!(number < 2, "{place}");
                assert_eq!(event["response"]["output"], Value::Array(vec![]), "{place}");
                assert_eq!(event["response"]["status"], "in_progress", "{place}");
                response(&event["response"], &place);
            }
            "completed" | "incomplete" | "failed" => {
                terminal = true;
                assert_eq!(event["response"]["status"], word, "{place}");
                response(&event["response"], &place);
                let output = event["response"]["output"].as_array().unwrap();
                assert_eq!(output.len(), items.len(), "{place}");
                for (item, whole) in items.values().zip(output) {
                    match &item.done {
                        Some(done) => assert_eq!(done, whole, "{place}"),
                        None => assert_eq!(word, "failed", "{place}: an item without end"),
                    }
                }
            }
            "output_item.added" => added(&mut items, &event, &place),
            _ => inside(&mut items, word, &event, &place),
        }
    }
    assert!(terminal, "{name} has no end");
}

fn added(items: &mut BTreeMap<u64, Item>, event: &Value, place: &str) {
    let index = event["output_index"].as_u64().unwrap();
    assert_eq!(index, items.len() as u64, "{place}");
    assert!(items.values().all(|item| item.done.is_some()), "{place} while another is open");
    let item = &event["item"];
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let id = text("id");
    assert!(items.values().all(|other| other.id != id || id.is_empty()), "{place}: {id} twice");
    if item["type"] == "message" {
        assert_eq!(item["content"], Value::Array(vec![]), "{place}");
    }
    items.insert(index, Item { id, kind: text("type"), ..Item::default() });
}

fn inside(items: &mut BTreeMap<u64, Item>, word: &str, event: &Value, place: &str) {
    let item = items.get_mut(&event["output_index"].as_u64().unwrap()).unwrap();
    assert!(item.done.is_none(), "{place} after its item");
    let text =
        |name: &str| event[name].as_str().unwrap_or_else(|| panic!("{place} has no {name}")).to_owned();
    if word == "output_item.done" {
        assert!(item.parts.values().all(|part| part.done), "{place} with an open part");
        assert_eq!(event["item"]["type"], item.kind, "{place}");
        assert_eq!(event["item"]["id"].as_str().unwrap_or_default(), item.id, "{place}");
        whole(item, &event["item"], place);
        item.done = Some(event["item"].clone());
        return;
    }
    assert_eq!(text("item_id"), item.id, "{place}");
    let summary = word.starts_with("reasoning_summary");
    let index = || event[if summary { "summary_index" } else { "content_index" }].as_u64().unwrap();
    match word {
        "content_part.added" | "reasoning_summary_part.added" => {
            assert_eq!(index(), item.parts.len() as u64, "{place}");
            assert!(item.parts.values().all(|part| part.done), "{place} while another is open");
            let kind = event["part"]["type"].as_str().unwrap().to_owned();
            item.parts.insert(index(), Part { kind, ..Part::default() });
        }
        "output_text.delta" | "refusal.delta" | "reasoning_summary_text.delta" => {
            let part = item.parts.get_mut(&index()).unwrap();
            assert!(!part.told && word.contains(part.kind.trim_start_matches("summary_")), "{place}");
            part.text.push_str(&text("delta"));
        }
        "output_text.annotation.added" => {
            assert!(!item.parts[&index()].told && event["annotation_index"].is_u64(), "{place}");
        }
        "output_text.done" | "refusal.done" | "reasoning_summary_text.done" => {
            let part = item.parts.get_mut(&index()).unwrap();
            let name = if word == "refusal.done" { "refusal" } else { "text" };
            assert_eq!(part.text, text(name), "{place}");
            assert!(!std::mem::replace(&mut part.told, true), "{place} twice");
        }
        "content_part.done" | "reasoning_summary_part.done" => {
            let part = item.parts.get_mut(&index()).unwrap();
            assert!(part.told && !std::mem::replace(&mut part.done, true), "{place}");
            let name = if part.kind == "refusal" { "refusal" } else { "text" };
            assert_eq!(event["part"][name], part.text, "{place}");
        }
        "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
            assert!(!item.told, "{place}");
            item.text.push_str(&text("delta"));
        }
        "function_call_arguments.done" | "custom_tool_call_input.done" => {
            assert!(!std::mem::replace(&mut item.told, true), "{place} twice");
            let name = if word.starts_with("custom") { "input" } else { "arguments" };
            assert_eq!(item.text, text(name), "{place}");
        }
        _ => panic!("{place} is unknown"),
    }
}

/// The item as it ended has all that was told of it.
fn whole(item: &Item, done: &Value, place: &str) {
    let joined = |list: &Value, name: &str| {
        let parts = list.as_array().into_iter().flatten();
        parts.filter_map(|part| part[name].as_str()).collect::<String>()
    };
    let told = |kind: &str| {
        item.parts
            .values()
            .filter(|part| part.kind == kind)
            .map(|part| part.text.as_str())
            .collect::<String>()
    };
    match item.kind.as_str() {
        "message" => {
            assert_eq!(joined(&done["content"], "text"), told("output_text"), "{place}");
            assert_eq!(joined(&done["content"], "refusal"), told("refusal"), "{place}");
            assert_eq!(done["role"], "assistant", "{place}");
        }
        // One that comes whole has no parts.
        "reasoning" if item.parts.is_empty() => {}
        "reasoning" => assert_eq!(joined(&done["summary"], "text"), told("summary_text"), "{place}"),
        "function_call" => assert!(item.told && done["arguments"] == item.text, "{place}"),
        "custom_tool_call" => assert!(item.told && done["input"] == item.text, "{place}"),
        _ => {}
    }
}

/// The members that the API's description demands.
pub fn response(response: &Value, place: &str) {
    let has = |name: &str| response.get(name).unwrap_or_else(|| panic!("{place}: no {name}"));
    for name in
        ["incomplete_details", "instructions", "temperature", "top_p", "usage", "error", "max_output_tokens"]
    {
        has(name);
    }
    assert!(has("id").as_str().unwrap().starts_with("resp_") && has("object") == "response", "{place}");
    assert!(has("created_at").is_i64() && has("model").is_string() && has("status").is_string(), "{place}");
    assert!(has("tools").is_array() && has("output").is_array() && has("metadata").is_object(), "{place}");
    assert!(has("parallel_tool_calls").is_boolean() && !has("tool_choice").is_null(), "{place}");
    if let Some(usage) = has("usage").as_object() {
        for (parent, name) in [
            ("input_tokens_details", "cached_tokens"),
            ("input_tokens_details", "cache_write_tokens"),
            ("output_tokens_details", "reasoning_tokens"),
        ] {
            assert!(usage[parent][name].is_u64(), "{place}");
        }
        let count = |name: &str| usage[name].as_u64().unwrap();
        assert_eq!(count("input_tokens") + count("output_tokens"), count("total_tokens"), "{place}");
    }
    if response["status"] == "incomplete" {
        assert!(response["incomplete_details"]["reason"].is_string(), "{place}");
    }
}
