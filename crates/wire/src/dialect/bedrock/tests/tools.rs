//! Tools and forms of answers.

use super::*;

#[test]
fn tools_that_are_chosen_or_missing() {
    let mut chat = ChatRequest { tools: vec![tool("f"), tool("g")], ..hello() };
    let choice = |chat: &ChatRequest, model: &str| written(chat, model)["toolConfig"]["toolChoice"].clone();
    for (asked, expected) in [
        (ToolChoice::Auto, json!({"auto": {}})),
        (ToolChoice::Required, json!({"any": {}})),
        (ToolChoice::Named("g".into()), json!({"tool": {"name": "g"}})),
    ] {
        chat.tool_choice = Some(asked);
        assert_eq!(choice(&chat, CLAUDE), expected);
    }
    // One that always thinks can't be forced.
    let (body, losses) = write(&chat, "anthropic.claude-opus-5-5").unwrap();
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(body["system"], json!([{"text": "You must call the tool \"g\" now."}]));
    assert_eq!(losses.header().as_deref(), Some("approximated=tool_choice"));
    chat.tool_choice = Some(ToolChoice::Allowed { names: vec!["g".into()], required: true });
    let body = written(&chat, CLAUDE);
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "g");
    assert_eq!(body["toolConfig"]["tools"].as_array().map(Vec::len), Some(1));
    chat.tool_choice = Some(ToolChoice::None);
    assert_eq!(written(&chat, CLAUDE).get("toolConfig"), None);
    chat.messages.push(Message::new(Role::Assistant, vec![call("1", "h", "{}")]));
    chat.messages.push(Message::text(Role::User, "go on"));
    let body = written(&chat, CLAUDE);
    assert_eq!(body["toolConfig"]["tools"].as_array().map(Vec::len), Some(2));
    assert_eq!(body["system"], json!([{"text": "Call no tool now."}]));
    // A history of calls must have tools.
    chat.tools.clear();
    chat.tool_choice = None;
    let (body, losses) = write(&chat, CLAUDE).unwrap();
    let spec = json!({"toolSpec": {"name": "h", "inputSchema": {"json": {"type": "object"}}}});
    assert_eq!(body["toolConfig"], json!({"tools": [spec]}));
    assert_eq!(losses.header().as_deref(), Some("approximated=tools"));
    let single = ChatRequest { tools: vec![tool("f")], parallel_tools: Some(false), ..hello() };
    assert_eq!(lost(&single, CLAUDE), "dropped=parallel_tool_calls");
}

#[test]
fn tools_of_other_kinds() {
    let custom = Tool::Custom {
        name: "c".into(),
        description: Some("d".into()),
        format: Some(raw(r#"{"type":"grammar","definition":"x"}"#)),
    };
    let chat = ChatRequest { tools: vec![custom], ..hello() };
    let (body, losses) = write(&chat, LLAMA).unwrap();
    let spec = &body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(spec["inputSchema"]["json"]["required"], json!(["input"]));
    assert!(spec["description"].as_str().unwrap().contains("grammar"));
    assert_eq!(losses.header().as_deref(), Some("dropped=tools[0].format"));

    let hosted = |dialect, text: &str| ChatRequest {
        tools: vec![Tool::Hosted { dialect, json: raw(text) }],
        ..hello()
    };
    let bash = hosted(Dialect::Anthropic, r#"{"type":"bash_20250124","name":"bash"}"#);
    assert_eq!(
        written(&bash, CLAUDE)["additionalModelRequestFields"],
        json!({"tools": [{"type": "bash_20250124", "name": "bash"}]})
    );
    assert_eq!(write(&bash, NOVA).unwrap_err().param.as_deref(), Some("tools[0]"));
    let search = hosted(Dialect::OpenAiResponses, r#"{"type":"web_search"}"#);
    let grounding = json!({"tools": [{"systemTool": {"name": "nova_grounding"}}]});
    assert_eq!(written(&search, NOVA)["toolConfig"], grounding);
    assert!(write(&search, CLAUDE).is_err());
    let search = ChatRequest { web_search: Some(WebSearch::default()), ..hello() };
    assert_eq!(written(&search, NOVA)["toolConfig"], grounding);
    assert_eq!(lost(&search, CLAUDE), "dropped=web_search_options");
    let mut bad = ChatRequest { tools: vec![tool("f")], ..hello() };
    if let Some(Tool::Function { schema, .. }) = bad.tools.first_mut() {
        *schema = Some(raw(r#"{"type":"array"}"#));
    }
    assert_eq!(write(&bad, CLAUDE).unwrap_err().param.as_deref(), Some("tools[0]"));
}

#[test]
fn answers_of_a_form() {
    let schema =
        raw(r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"number","minimum":1}}}"#);
    let output =
        OutputFormat::Schema { name: Some("n".into()), description: None, schema, strict: Some(true) };
    let chat = ChatRequest { output, ..hello() };
    let body = written(&chat, CLAUDE);
    let format = &body["outputConfig"]["textFormat"];
    assert_eq!(
        (&format["type"], &format["structure"]["jsonSchema"]["name"]),
        (&json!("json_schema"), &json!("n"))
    );
    let text = format["structure"]["jsonSchema"]["schema"].as_str().unwrap();
    assert!(
        text.starts_with(r#"{"type":"object","properties":{"b":"#)
            && text.ends_with(r#","additionalProperties":false}"#)
    );
    for model in [NOVA, LLAMA, "anthropic.claude-v2"] {
        let (body, losses) = write(&chat, model).unwrap();
        assert!(body["system"][0]["text"].as_str().unwrap().contains(r#""minimum":1"#), "{model}");
        assert_eq!(losses.header().as_deref(), Some("approximated=response_format"));
    }
    let chat = ChatRequest { output: OutputFormat::Json, ..hello() };
    assert_eq!(lost(&chat, CLAUDE), "approximated=response_format");
    assert_eq!(written(&chat, CLAUDE)["system"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_call_is_not_forced_while_thinking() {
    let mut chat = ChatRequest { tools: vec![tool("f")], tool_choice: Some(ToolChoice::Required), ..hello() };
    chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
    let (body, losses) = write(&chat, CLAUDE).unwrap();
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(body["system"], json!([{"text": "You must call one of the tools now."}]));
    assert_eq!(losses.header().as_deref(), Some("approximated=tool_choice"));
}

#[test]
fn strict_tools_are_for_models_that_have_them() {
    let strict = |wanted: bool, model: &str| {
        let mut chat = ChatRequest { tools: vec![tool("f")], ..hello() };
        if let Some(Tool::Function { strict, .. }) = chat.tools.first_mut() {
            *strict = Some(wanted);
        }
        let spec = written(&chat, model)["toolConfig"]["tools"][0]["toolSpec"].clone();
        (spec["strict"].as_bool(), spec["inputSchema"]["json"]["additionalProperties"].as_bool())
    };
    assert_eq!(strict(true, CLAUDE), (Some(true), Some(false)));
    assert_eq!(strict(false, CLAUDE), (None, None));
    assert_eq!(strict(true, NOVA), (None, None));
    assert_eq!(strict(true, "anthropic.claude-v2"), (None, None));
}
