use super::*;
use crate::chat::{Media, Reasoning, ReasoningAsk, Seal, SealKind, Tool, ToolResult, WebSearch};
use crate::json::Json;

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Body::Result(ToolResult { call_id: id.into(), name: None, parts, is_error: false }))
}

#[test]
fn a_request_of_chat_is_forgotten_and_its_reasoning_comes_sealed() {
    let (body, lost) = write(&chat(vec![
        Message::text(Role::System, "s"),
        Message::text(Role::User, "u"),
        Message::text(Role::System, "later"),
    ]))
    .unwrap();
    let text = |role: &str, text: &str| json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]});
    assert_eq!(
        body,
        json!({"model": "gpt-5.2", "input": [text("system", "s"), text("user", "u"), text("system", "later")],
            "store": false, "include": ["reasoning.encrypted_content"]})
    );
    assert_eq!(lost, Losses::default());
    let mut plain = chat(vec![Message::text(Role::User, "u")]);
    plain.store = Some(true);
    assert_eq!(write(&plain).unwrap().0.get("include"), None, "what is stored is not sealed");
    let to = To { model: "gpt-4o-mini", kind: 1, default_max_output: 1 };
    plain.store = None;
    let body = Responses.write_request(&plain, &to, &mut Losses::default()).unwrap();
    assert!(!body.contains("include"), "models that do not reason refuse to seal");
}

#[test]
fn turns_become_items_in_order() {
    let own = Seal { dialect: Dialect::OpenAiResponses, kind: SealKind::Encrypted, data: "blob".into() };
    let foreign = Seal { dialect: Dialect::Anthropic, kind: SealKind::Signature, data: "sig".into() };
    let think = |text: &str, seal: Option<Seal>| {
        Part::new(Body::Reasoning(Reasoning {
            text: text.into(),
            seal,
            id: Some("rs_1".into()),
            summary: false,
        }))
    };
    let (body, _) = write(&chat(vec![
        assistant(vec![
            think("mine", Some(own)),
            Part::text("a"),
            call("1", "f", ""),
            call("2", "f", "{\"a\":1}"),
        ]),
        Message::new(
            Role::User,
            vec![result("1", vec![Part::text("r")]), result("2", vec![]), Part::text("go on")],
        ),
        assistant(vec![
            think("theirs", Some(foreign)),
            think("nobody's", None),
            Part::new(Body::Refusal("no".into())),
        ]),
    ]))
    .unwrap();
    assert_eq!(
        body["input"],
        json!([
            // C14: sealed by the vendor, so it goes back, without the id of what was never stored.
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "mine"}], "encrypted_content": "blob"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
            // C6: no arguments are an empty object.
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "2", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call_output", "call_id": "1", "output": "r"},
            {"type": "function_call_output", "call_id": "2", "output": ""},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
        ])
    );
}

#[test]
fn c18_ids_too_long_are_shortened_alike() {
    let long = "x".repeat(100);
    let (body, _) = write(&chat(vec![
        assistant(vec![call(&long, "f", "{}")]),
        Message::new(Role::User, vec![result(&long, vec![])]),
    ]))
    .unwrap();
    assert_eq!(body["input"][0]["call_id"], body["input"][1]["call_id"]);
    assert!(body["input"][0]["call_id"].as_str().unwrap().len() <= 64);
}

#[test]
fn tools_are_flat_and_not_strict_unless_asked() {
    let mut ask = chat(vec![Message::text(Role::User, "u")]);
    let schema = r#"{"type":"object","properties":{"z":{"minimum":1.50},"a":{}}}"#;
    let function = |name: &str, schema: Option<&str>, strict| Tool::Function {
        name: name.into(),
        description: None,
        schema: schema.map(|schema| Json::from_text(schema).unwrap()),
        strict,
        cache: None,
    };
    let grammar = r#"{"type":"grammar","grammar":{"syntax":"lark","definition":"start: /a/"}}"#;
    ask.tools = vec![
        function("f", Some(schema), None),
        function("g", None, Some(true)),
        Tool::Custom { name: "c".into(), description: None, format: Some(Json::from_text(grammar).unwrap()) },
    ];
    ask.web_search = Some(WebSearch { context_size: Some("low".into()), location: None });
    let (body, _) = write(&ask).unwrap();
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "name": "f", "parameters": serde_json::from_str::<Value>(schema).unwrap(), "strict": false},
            {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": true},
            {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}},
            {"type": "web_search", "search_context_size": "low"}
        ])
    );
    let to = To { model: "m", kind: 1, default_max_output: 1 };
    let text = Responses.write_request(&ask, &to, &mut Losses::default()).unwrap();
    assert!(text.contains(schema), "C37: schemas keep their bytes");
    ask.tools = vec![Tool::Hosted { dialect: Dialect::Anthropic, json: Json::from_text("{}").unwrap() }];
    assert_eq!(write(&ask).unwrap_err().param.as_deref(), Some("tools[0]"));
}

#[test]
fn what_can_not_be_said_is_refused_or_told() {
    let base = chat(vec![Message::text(Role::User, "u")]);
    type Change = fn(&mut ChatRequest);
    let refused: [(&str, Change); 4] = [
        ("n", |chat| chat.sampling.n = Some(2)),
        ("stop", |chat| chat.sampling.stop = vec!["x".into()]),
        ("modalities", |chat| chat.modalities = vec!["audio".into()]),
        ("messages[0].content[0]", |chat| {
            chat.messages[0].parts[0].body = Body::Video(Media::FileId("v".into()));
        }),
    ];
    for (at, change) in refused {
        let mut ask = base.clone();
        change(&mut ask);
        assert_eq!(write(&ask).unwrap_err().param.as_deref(), Some(at));
    }
    let mut ask = base;
    ask.sampling.seed = Some(1);
    ask.sampling.n = Some(1);
    ask.sampling.logit_bias = Some(Json::from_text(r#"{"1":5}"#).unwrap());
    ask.sampling.frequency_penalty = Some(0.0);
    ask.extra = vec![
        ("prediction".into(), Json::from_text("{}").unwrap()),
        ("prompt_cache_retention".into(), Json::from_text("\"24h\"").unwrap()),
        ("novel".into(), Json::from_text("1").unwrap()),
    ];
    // C29: the one limit there is, and not below what the vendor takes.
    ask.sampling.max_output = Some(3);
    let (body, lost) = write(&ask).unwrap();
    assert_eq!(
        lost.header().as_deref(),
        Some("dropped=seed,logit_bias,novel; clamped=max_completion_tokens")
    );
    assert_eq!((&body["max_output_tokens"], &body["prompt_cache_retention"]), (&json!(16), &json!("24h")));
    assert_eq!(body.get("novel"), None);
}

#[test]
fn reasoning_is_asked_in_words() {
    let mut ask = chat(vec![Message::text(Role::User, "u")]);
    for (given, said) in [
        (ReasoningAsk { budget: Some(5000), ..ReasoningAsk::default() }, json!({"effort": "high"})),
        (
            ReasoningAsk { budget: Some(-1), show: Some(true), ..ReasoningAsk::default() },
            json!({"summary": "auto"}),
        ),
        (ReasoningAsk { off: true, ..ReasoningAsk::default() }, json!({"effort": "none"})),
    ] {
        ask.reasoning = Some(given);
        assert_eq!(write(&ask).unwrap().0["reasoning"], said);
    }
    let to = To { model: "gpt-4.1", kind: 1, default_max_output: 1 };
    let body = Responses.write_request(&ask, &to, &mut Losses::default()).unwrap();
    assert!(!body.contains("effort"), "off is how models are that can not reason");
}

#[test]
fn media_of_every_kind() {
    let inline = |mime: &str| Media::Inline { mime: mime.into(), base64: "QQ==".into() };
    let mut ask = chat(vec![Message::new(
        Role::User,
        [
            Body::Image { media: Media::Url { url: "https://x/y.png".into(), mime: None }, detail: None },
            Body::Image { media: Media::FileId("file-1".into()), detail: Some("high".into()) },
            Body::File { media: inline("application/pdf"), name: None },
            Body::File { media: Media::Text("plain".into()), name: Some("a.txt".into()) },
            Body::Audio(inline("audio/mpeg")),
        ]
        .map(Part::new)
        .to_vec(),
    )]);
    assert_eq!(
        write(&ask).unwrap().0["input"][0]["content"],
        json!([
            {"type": "input_image", "image_url": "https://x/y.png"},
            {"type": "input_image", "file_id": "file-1", "detail": "high"},
            {"type": "input_file", "file_data": "data:application/pdf;base64,QQ==", "filename": "document.pdf"},
            {"type": "input_text", "text": "plain"},
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}}
        ])
    );
    ask.origin = Some(Dialect::Anthropic);
    assert_eq!(write(&ask).unwrap_err().param.as_deref(), Some("messages[0].content[1]"));
}

#[test]
fn a_result_that_is_an_error_says_so() {
    let picture = || {
        let media = Media::Inline { mime: "image/png".into(), base64: "AA==".into() };
        Part::new(Body::Image { media, detail: None })
    };
    let output = |parts: Vec<Part>, is_error: bool| {
        let failed = Body::Result(ToolResult { call_id: "1".into(), name: None, parts, is_error });
        let turns =
            vec![assistant(vec![call("1", "f", "")]), Message::new(Role::User, vec![Part::new(failed)])];
        write(&chat(turns)).unwrap().0["input"][1]["output"].clone()
    };
    assert_eq!(output(vec![Part::text("no such file")], true), "Error: no such file");
    assert_eq!(output(vec![Part::text("ERROR 5")], true), "ERROR 5");
    assert_eq!(output(vec![], true), "Error");
    assert_eq!(output(vec![Part::text("fine")], false), "fine");
    let seen = output(vec![picture(), Part::text("seen")], true);
    assert_eq!((&seen[0]["type"], &seen[1]["text"]), (&json!("input_image"), &json!("Error: seen")));
    assert_eq!(output(vec![picture()], true)[0]["text"], "Error");
}
