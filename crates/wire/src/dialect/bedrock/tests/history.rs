//! The history of a request.

use super::*;

#[test]
fn a_plain_question_is_all_there_is() {
    assert_eq!(
        written(&hello(), LLAMA),
        json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]})
    );
}

#[test]
fn a_conversation_with_tools() {
    let image = Body::Image {
        media: Media::Inline { mime: "image/gif".into(), base64: "R0lGODlhAQABAAAAACw=".into() },
        detail: None,
    };
    let chat = ChatRequest {
        messages: vec![
            Message::text(Role::System, "be brief"),
            Message::text(Role::User, "how warm?"),
            Message::new(
                Role::Assistant,
                vec![Part::text("let me see"), call("a", "f", r#"{"x": 1.50}"#), call("b:1/2", "g", "")],
            ),
            Message::new(
                Role::User,
                vec![
                    result("b:1/2", vec![Part::text("no"), Part::new(image)], true),
                    result("a", vec![Part::text(" ")], false),
                    Part::text("well?"),
                ],
            ),
        ],
        tools: vec![tool("f"), tool("g")],
        tool_choice: Some(ToolChoice::Required),
        sampling: Sampling {
            max_output: Some(50),
            temperature: Some(0.5),
            top_k: Some(7),
            stop: vec!["END".into(), " ".into()],
            ..Sampling::default()
        },
        service_tier: Some("priority".into()),
        ..ChatRequest::default()
    };
    let (body, lost) = write(&chat, CLAUDE).unwrap();
    let other = crate::dialect::bedrock::turns::tool_id("b:1/2");
    assert!(other.starts_with("tooluse_") && other.len() <= 64);
    let spec = |name: &str| {
        let schema = json!({"type": "object", "properties": {"x": {"type": "number"}}});
        json!({"toolSpec": {"name": name, "description": "d", "inputSchema": {"json": schema}}})
    };
    assert_eq!(
        body,
        json!({
            "system": [{"text": "be brief"}],
            "messages": [
                {"role": "user", "content": [{"text": "how warm?"}]},
                {"role": "assistant", "content": [
                    {"text": "let me see"},
                    {"toolUse": {"toolUseId": "a", "name": "f", "input": {"x": 1.5}}},
                    {"toolUse": {"toolUseId": other, "name": "g", "input": {}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": other, "status": "error", "content": [
                        {"text": "no"},
                        {"image": {"format": "gif", "source": {"bytes": "R0lGODlhAQABAAAAACw="}}},
                    ]}},
                    {"toolResult": {"toolUseId": "a", "content": [{"text": "(nothing)"}]}},
                    {"text": "well?"},
                ]},
            ],
            "toolConfig": {"tools": [spec("f"), spec("g")], "toolChoice": {"any": {}}},
            "inferenceConfig": {"maxTokens": 50, "temperature": 0.5, "stopSequences": ["END"]},
            "additionalModelRequestFields": {"top_k": 7},
            "additionalModelResponseFieldPaths": ["/delta/stop_sequence"],
            "serviceTier": {"type": "priority"},
        })
    );
    assert_eq!(lost.header(), None);
    assert_eq!(self::lost(&chat, LLAMA), "dropped=top_k; approximated=messages[3].content[0]");
}

#[test]
fn the_history_alternates_and_begins_with_the_user() {
    let chat = ChatRequest {
        messages: vec![
            Message::text(Role::Assistant, "hello"),
            Message::text(Role::User, "a"),
            Message::text(Role::System, "now shout"),
            Message::text(Role::User, ""),
            Message::text(Role::User, "b"),
            Message::text(Role::Assistant, "B \n"),
        ],
        ..ChatRequest::default()
    };
    let (body, lost) = write(&chat, LLAMA).unwrap();
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"text": "Continue."}]},
            {"role": "assistant", "content": [{"text": "hello"}]},
            {"role": "user", "content": [
                {"text": "a"},
                {"text": "<system-reminder>\nnow shout\n</system-reminder>"},
                {"text": "b"},
            ]},
            {"role": "assistant", "content": [{"text": "B"}]},
        ])
    );
    assert_eq!(lost.header().as_deref(), Some("approximated=messages[2],messages[0]"));
    assert!(write(&chat, NEW).is_err(), "newer ones continue no turn");
    assert!(write(&ask(vec![Part::text(" ")]), LLAMA).is_err());
}

#[test]
fn cache_points_are_for_models_that_have_them() {
    let mut chat = ChatRequest {
        messages: vec![
            Message::new(Role::System, vec![marked(Part::text("s"), CacheMark::Long)]),
            Message::new(Role::User, vec![Part::text("a")]),
            Message::new(Role::Assistant, vec![call("1", "f", "{}")]),
            Message::new(
                Role::User,
                vec![
                    marked(Part::text("q"), CacheMark::Short),
                    result("1", vec![marked(Part::text("r"), CacheMark::Short)], false),
                ],
            ),
        ],
        tools: vec![tool("f")],
        ..ChatRequest::default()
    };
    if let Some(Tool::Function { cache, .. }) = chat.tools.first_mut() {
        *cache = Some(CacheMark::Short);
    }
    let point = json!({"cachePoint": {"type": "default"}});
    let body = written(&chat, CLAUDE);
    assert_eq!(body["system"], json!([{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]));
    assert_eq!(body["toolConfig"]["tools"][1], point);
    assert_eq!(
        body["messages"][2]["content"],
        json!([{"toolResult": {"toolUseId": "1", "content": [{"text": "r"}]}}, point, {"text": "q"}, point])
    );
    let body = written(&chat, NOVA);
    assert_eq!(body["system"][1], point);
    assert_eq!(body["toolConfig"]["tools"].as_array().map(Vec::len), Some(1));
    assert!(!written(&chat, LLAMA).to_string().contains("cachePoint"));
    // C27: four at most, the last ones.
    let many = ask((0..6).map(|n| marked(Part::text(n.to_string()), CacheMark::Short)).collect());
    assert_eq!(written(&many, CLAUDE).to_string().matches("cachePoint").count(), 4);
}

#[test]
fn c13_c14_reasoning_goes_back_to_where_it_came_from() {
    use Dialect::*;
    let parts = vec![
        sealed(BedrockConverse, SealKind::Signature, "mine", "s1"),
        sealed(BedrockConverse, SealKind::Encrypted, "", "YmxvYg=="),
        sealed(Anthropic, SealKind::Signature, "claude's", "s2"),
        sealed(Anthropic, SealKind::Encrypted, "", "blob"),
        sealed(Gemini, SealKind::Signature, "other", "s3"),
        Part::new(Body::Reasoning(Reasoning { text: "bare".into(), ..Reasoning::default() })),
        Part::text("so"),
    ];
    let mut chat = hello();
    chat.messages.push(Message::new(Role::Assistant, parts));
    chat.messages.push(Message::text(Role::User, "and?"));
    let signed = |text: &str, signature: &str| json!({"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}});
    let redacted = json!({"reasoningContent": {"redactedContent": "YmxvYg=="}});
    let so = json!({"text": "so"});
    assert_eq!(
        written(&chat, CLAUDE)["messages"][1]["content"],
        json!([signed("mine", "s1"), redacted, signed("claude's", "s2"), redacted, so])
    );
    assert_eq!(written(&chat, NOVA)["messages"][1]["content"], json!([signed("mine", "s1"), redacted, so]));
}

#[test]
fn a_document_has_a_text_beside_it() {
    let file = || Body::File { media: Media::Text("x".into()), name: None };
    let body = written(&ask(vec![Part::new(file())]), NOVA);
    assert_eq!(body["messages"][0]["content"][1], json!({"text": "The document is attached."}));
    let body = written(&ask(vec![Part::text("read"), Part::new(file())]), NOVA);
    assert_eq!(body["messages"][0]["content"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_only_others_know_is_left_out() {
    let mut chat = hello();
    let opaque = |dialect, text: &str| Part::new(Body::Opaque { dialect, json: raw(text) });
    let image = Body::Image { media: Media::Text(String::new()), detail: None };
    let parts = vec![
        opaque(Dialect::Gemini, "{}"),
        opaque(Dialect::BedrockConverse, r#"{"toolUse":{"type":"server_tool_use"}}"#),
        Part::new(image),
        Part::text("x"),
    ];
    chat.messages.push(Message::new(Role::Assistant, parts));
    chat.messages.push(Message::text(Role::User, "y"));
    let (body, losses) = write(&chat, NOVA).unwrap();
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"toolUse": {"type": "server_tool_use"}}, {"text": "x"}])
    );
    assert_eq!(losses.header().as_deref(), Some("dropped=messages[1].content[0],messages[1].content[2]"));
    chat.service_tier = Some("scale".into());
    assert!(lost(&chat, NOVA).contains("service_tier"));
}

#[test]
fn thinking_comes_first_in_its_turn() {
    let mut chat = hello();
    let thought = sealed(Dialect::BedrockConverse, SealKind::Signature, "hm", "s");
    chat.messages.push(Message::new(Role::Assistant, vec![Part::text("so"), thought]));
    chat.messages.push(Message::text(Role::User, "and?"));
    let content = &written(&chat, CLAUDE)["messages"][1]["content"];
    assert!(content[0].get("reasoningContent").is_some() && content[1]["text"] == "so");
}

#[test]
fn a_turn_is_not_continued_while_thinking() {
    let mut chat = hello();
    let thought = sealed(Dialect::BedrockConverse, SealKind::Signature, "hm", "s");
    chat.messages.push(Message::new(Role::Assistant, vec![thought, Part::text("so")]));
    assert!(write(&chat, CLAUDE).is_ok());
    chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
    assert_eq!(write(&chat, CLAUDE).unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn c18_ids_that_the_vendor_would_refuse_are_others() {
    let id = crate::dialect::bedrock::turns::tool_id;
    let long = "a".repeat(65);
    for bad in ["", "a b", "a:b", long.as_str()] {
        assert!(id(bad).starts_with("tooluse_") && id(bad) == id(bad), "{bad}");
    }
    assert_ne!(id("a b"), id("a:b"));
    assert_eq!(id(&long[1..]), long[1..]);
}
