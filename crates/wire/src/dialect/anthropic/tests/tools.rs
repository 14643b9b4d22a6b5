//! Tools, how they are chosen, structured output.

use super::*;
use crate::chat::{Effort, OutputFormat, ReasoningAsk, Tool, ToolChoice, WebSearch};
use crate::json::Json;
use serde_json::json;

fn function(name: &str) -> Tool {
    let schema = Some(Json::from_text(r#"{"type":"object","properties":{"b":{},"a":{}}}"#).unwrap());
    Tool::Function { name: name.into(), description: Some("d".into()), schema, strict: None, cache: None }
}

fn with_tools(choice: Option<ToolChoice>) -> ChatRequest {
    ChatRequest { tools: vec![function("f"), function("g")], tool_choice: choice, ..asking() }
}

fn schema() -> OutputFormat {
    let schema = Json::from_text(r#"{"type":"object","properties":{"x":{"type":"string"}}}"#).unwrap();
    OutputFormat::Schema { name: Some("n".into()), description: None, schema, strict: Some(true) }
}

#[test]
fn c37_tools_keep_their_order_and_schemas_their_bytes() {
    let (body, _) = text(&with_tools(None), V4_5).unwrap();
    let schema = r#"{"type":"object","properties":{"b":{},"a":{}}}"#;
    assert!(body.contains(&format!(
        r#""tools":[{{"name":"f","description":"d","input_schema":{schema}}},{{"name":"g","description":"d","input_schema":{schema}}}]"#
    )));
}

#[test]
fn c32_choices_of_tools() {
    let choice = |choice, parallel| {
        let chat = ChatRequest { parallel_tools: parallel, ..with_tools(choice) };
        written(&chat, V4_5).0.get("tool_choice").cloned()
    };
    assert_eq!(choice(None, None), None);
    assert_eq!(choice(Some(ToolChoice::Auto), None), Some(json!({"type": "auto"})));
    assert_eq!(choice(Some(ToolChoice::Required), None), Some(json!({"type": "any"})));
    assert_eq!(choice(Some(ToolChoice::None), Some(false)), Some(json!({"type": "none"})));
    assert_eq!(choice(Some(ToolChoice::Named("g".into())), None), Some(json!({"type": "tool", "name": "g"})));
    let single = json!({"type": "auto", "disable_parallel_tool_use": true});
    assert_eq!(choice(None, Some(false)), Some(single));
    let allowed = ToolChoice::Allowed { names: vec!["g".into()], required: true };
    let (body, _) = written(&with_tools(Some(allowed)), V4_5);
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!((&body["tools"][0]["name"], &body["tool_choice"]["type"]), (&json!("g"), &json!("any")));
    // Without tools there is nothing to choose.
    let chat = ChatRequest { tool_choice: Some(ToolChoice::Auto), ..asking() };
    assert_eq!(written(&chat, V4_5).0.get("tool_choice"), None);
}

#[test]
fn c32_a_model_that_can_not_be_forced_is_told() {
    let chat = with_tools(Some(ToolChoice::Named("g".into())));
    let (body, lost) = written(&chat, "claude-opus-5-5");
    assert_eq!(body["tool_choice"], json!({"type": "auto"}));
    assert!(body["system"][0]["text"].as_str().unwrap().contains("\"g\""));
    assert_eq!(lost, ["tool_choice"]);
    let ask = ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() };
    let thinking = ChatRequest { reasoning: Some(ask), ..chat };
    assert_eq!(written(&thinking, V4_5).0["tool_choice"]["type"], "auto");
    assert_eq!(written(&thinking, V4_8).0["tool_choice"]["type"], "tool");
}

#[test]
fn c31_structured_output_is_native_where_there_is_some() {
    let chat = ChatRequest { output: schema(), ..with_tools(None) };
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": false}})
    );
    assert_eq!((body.get("tool_choice"), lost.len()), (None, 0));
}

#[test]
fn c31_else_the_answer_is_a_call() {
    let alone = ChatRequest { output: schema(), ..asking() };
    let (body, lost) = written(&alone, V4);
    assert_eq!(body["tools"][0]["name"], "json_output");
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "json_output", "disable_parallel_tool_use": true})
    );
    assert_eq!(lost, ["response_format"]);
    // Real tools stay as they are, and can still be called.
    let (body, _) = written(&ChatRequest { output: schema(), ..with_tools(None) }, V4);
    let names: Vec<&str> =
        body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["f", "g", "json_output"]);
    assert_eq!(body["tool_choice"]["type"], "any");
    let json = ChatRequest { output: OutputFormat::Json, ..asking() };
    assert!(written(&json, V4).0["system"][0]["text"].as_str().unwrap().contains("JSON"));
}

#[test]
fn schemas_that_are_no_object_are_refused() {
    let mut chat = with_tools(None);
    if let Tool::Function { schema, .. } = &mut chat.tools[1] {
        *schema = Some(Json::of(&json!({"anyOf": [{"type": "object"}]})));
    }
    assert_eq!(refused(&chat, V4_5), "tools[1]");
    if let Tool::Function { schema, .. } = &mut chat.tools[1] {
        *schema = None;
    }
    let (body, _) = written(&chat, V4_5);
    assert_eq!(body["tools"][1]["input_schema"], json!({"type": "object", "properties": {}}));
}

#[test]
fn tools_of_other_kinds() {
    let hosted = |dialect, json: Value| Tool::Hosted { dialect, json: Json::of(&json) };
    let grammar = Some(Json::of(&json!({"type": "grammar", "definition": "start: X"})));
    let chat = ChatRequest {
        tools: vec![
            Tool::Custom { name: "c".into(), description: Some("d".into()), format: grammar },
            hosted(Dialect::OpenAiResponses, json!({"type": "web_search", "search_context_size": "high"})),
        ],
        ..asking()
    };
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["input"]));
    assert!(body["tools"][0]["description"].as_str().unwrap().contains("start: X"));
    assert_eq!(body["tools"][1], json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 8}));
    assert_eq!(lost, ["tools[0].format", "tools[1]"]);
    let chat = ChatRequest {
        tools: vec![hosted(Dialect::OpenAiResponses, json!({"type": "code_interpreter"}))],
        ..asking()
    };
    assert_eq!(refused(&chat, V4_5), "tools[0]");
    let location = json!({"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}});
    let search = WebSearch { context_size: Some("low".into()), location: Some(Json::of(&location)) };
    let (body, _) = written(&ChatRequest { web_search: Some(search), ..asking() }, V4_5);
    assert_eq!(
        body["tools"][0]["user_location"],
        json!({"type": "approximate", "city": "Oslo", "country": "NO"})
    );
    assert_eq!(body["tools"][0]["max_uses"], 3);
}
