use super::*;
use crate::chat::{
    Body, Call, Media, Message, OutputFormat, Part, Reasoning, Role, Seal, SealKind, Tool, ToolChoice,
    ToolResult, WebSearch,
};
use crate::codec::{FaceCodec, VendorCodec};
use crate::dialect::gemini::Gemini;
use crate::dialect::gemini::contents::SKIP;
use serde_json::{Value, json};

const THIRD: &str = "gemini-3-flash-preview";
const SECOND: &str = "gemini-2.5-flash";

fn written(chat: &ChatRequest, model: &str) -> (Value, Option<String>) {
    let mut lost = Losses::default();
    let to = To { model, kind: 24, default_max_output: 4096 };
    let text = Gemini.write_request(chat, &to, &mut lost).unwrap();
    // C37: the same input gives the same bytes.
    assert_eq!(text, Gemini.write_request(chat, &to, &mut Losses::default()).unwrap());
    (serde_json::from_str(&text).unwrap(), lost.header())
}

fn refused(chat: &ChatRequest) -> String {
    let to = To { model: THIRD, kind: 24, default_max_output: 4096 };
    Gemini.write_request(chat, &to, &mut Losses::default()).unwrap_err().param.unwrap()
}

fn chat(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { messages, origin: Some(Dialect::OpenAiChat), ..ChatRequest::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    sealed(id, name, arguments, None)
}

fn sealed(id: &str, name: &str, arguments: &str, seal: Option<Seal>) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Body::Call(Call { id, name, arguments, custom: false, seal }))
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::new(Body::Result(ToolResult { call_id: id.into(), name: None, parts, is_error }))
}

fn seal(dialect: Dialect) -> Option<Seal> {
    Some(Seal { dialect, kind: SealKind::Signature, data: "sig".into() })
}

fn tool(name: &str) -> Tool {
    let schema = Json::from_text(r#"{"type":"object","properties":{"z":{"type":"string"}}}"#).unwrap();
    Tool::Function { name: name.into(), description: None, schema: Some(schema), strict: None, cache: None }
}

fn image() -> Part {
    let media = Media::Inline { mime: "image/png".into(), base64: "aGk=".into() };
    Part::new(Body::Image { media, detail: Some("low".into()) })
}

#[test]
fn leading_system_messages_are_the_prompt_and_later_ones_stay_in_place() {
    let chat = chat(vec![
        Message::text(Role::System, "a"),
        Message::text(Role::System, "b"),
        Message::text(Role::User, "u"),
        Message::text(Role::System, "c"),
    ]);
    let (body, lost) = written(&chat, SECOND);
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "a"}, {"text": "b"}]}));
    assert_eq!(body["contents"][0]["parts"][1]["text"], "<system>\nc\n</system>");
    assert_eq!(lost.as_deref(), Some("approximated=messages[3]"));
    assert!(written(&chat, "gemma-3-27b-it").0["systemInstruction"].is_null());
}

#[test]
fn turns_alternate_and_begin_with_the_user() {
    let chat = chat(vec![
        Message::text(Role::Assistant, "a"),
        Message::text(Role::User, "b"),
        Message::text(Role::User, "c"),
    ]);
    let turns = json!([
        {"role": "user", "parts": [{"text": " "}]},
        {"role": "model", "parts": [{"text": "a"}]},
        {"role": "user", "parts": [{"text": "b"}, {"text": "c"}]},
    ]);
    assert_eq!(written(&chat, SECOND).0["contents"], turns);
    assert_eq!(refused(&self::chat(Vec::new())), "messages");
}

#[test]
fn c17_c18_results_stand_together_in_the_order_of_their_calls() {
    let chat = chat(vec![
        Message::text(Role::User, "u"),
        Message::new(Role::Assistant, vec![call("1", "f", ""), call("2", "f", r#"{"b":1,"a":2}"#)]),
        Message::new(Role::User, vec![result("2", vec![Part::text(r#"{"z":1}"#)], false)]),
        Message::new(Role::User, vec![result("1", vec![Part::text("no")], true), Part::text("go on")]),
    ]);
    let (body, _) = written(&chat, SECOND);
    // C6: no arguments are an empty object.
    assert_eq!(
        body["contents"][1]["parts"][0],
        json!({"functionCall": {"id": "1", "name": "f", "args": {}}})
    );
    assert_eq!(
        body["contents"][2]["parts"],
        json!([
            {"functionResponse": {"id": "1", "name": "f", "response": {"error": "no"}}},
            {"functionResponse": {"id": "2", "name": "f", "response": {"z": 1}}},
            {"text": "go on"},
        ])
    );
    let orphan = self::chat(vec![Message::new(Role::User, vec![result("9", vec![], false)])]);
    assert_eq!(refused(&orphan), "messages");
    let open = self::chat(vec![
        Message::text(Role::User, "u"),
        Message::new(Role::Assistant, vec![call("1", "f", "")]),
        Message::text(Role::User, "never mind"),
    ]);
    let parts = written(&open, SECOND).0["contents"][2]["parts"].clone();
    assert_eq!(parts[0]["functionResponse"]["response"]["error"], "no result was given");
    assert_eq!(parts[1]["text"], "never mind");
}

#[test]
fn c42_malformed_arguments_are_an_error_with_its_place() {
    for arguments in [r#"{"a":"#, "[1]", "text"] {
        let chat = chat(vec![
            Message::text(Role::User, "u"),
            Message::new(Role::Assistant, vec![call("1", "f", arguments)]),
        ]);
        assert_eq!(refused(&chat), "messages[1].content[0].arguments");
    }
}

#[test]
fn c11_c14_own_signatures_come_back_and_what_never_had_one_is_excused() {
    let history = |first: Option<Seal>| {
        chat(vec![
            Message::text(Role::User, "u"),
            Message::new(
                Role::Assistant,
                vec![
                    Part::new(Body::Reasoning(Reasoning {
                        text: "hm".into(),
                        seal: seal(Dialect::Anthropic),
                        ..Reasoning::default()
                    })),
                    sealed("1", "f", "{}", first),
                    call("2", "f", "{}"),
                ],
            ),
        ])
    };
    let signatures = |first, model| {
        let body = written(&history(first), model).0;
        let parts = body["contents"][1]["parts"].as_array().unwrap().clone();
        assert_eq!(parts.len(), 2);
        parts.iter().map(|part| part["thoughtSignature"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(signatures(seal(Dialect::Gemini), THIRD), [json!("sig"), Value::Null]);
    assert_eq!(signatures(None, THIRD), [json!(SKIP), Value::Null]);
    assert_eq!(signatures(seal(Dialect::Anthropic), THIRD), [json!(SKIP), Value::Null]);
    assert_eq!(signatures(None, SECOND), [Value::Null, Value::Null]);
}

#[test]
fn c20_pictures_in_results_reach_the_model() {
    let chat = chat(vec![
        Message::text(Role::User, "u"),
        Message::new(Role::Assistant, vec![call("1", "f", ""), call("2", "f", "")]),
        Message::new(
            Role::User,
            vec![result("1", vec![Part::text("see"), image()], false), result("2", vec![], false)],
        ),
    ]);
    let data = json!({"mimeType": "image/png", "data": "aGk="});
    let third = written(&chat, THIRD).0["contents"][2]["parts"].clone();
    assert_eq!(third[0]["functionResponse"]["parts"][0]["inlineData"], data);
    let second = written(&chat, SECOND).0["contents"][2]["parts"].clone();
    assert_eq!(second[0]["functionResponse"]["response"], json!({"output": "see"}));
    assert_eq!(second[2], json!({"inlineData": data}));
}

#[test]
fn c21_pictures_by_data_by_url_and_by_a_foreign_id() {
    let of = |media: Media| {
        chat(vec![Message::new(
            Role::User,
            vec![Part::new(Body::Image { media, detail: Some("low".into()) })],
        )])
    };
    let url = |url: &str| Media::Url { url: url.into(), mime: None };
    let part = |media| written(&of(media), THIRD).0["contents"][0]["parts"][0].clone();
    assert_eq!(
        part(url("gs://b/a.webp"))["fileData"],
        json!({"mimeType": "image/webp", "fileUri": "gs://b/a.webp"})
    );
    assert_eq!(part(url("https://x/a?b=c.png"))["fileData"]["mimeType"], "image/jpeg");
    assert_eq!(part(url("https://x/a"))["mediaResolution"], json!({"level": "MEDIA_RESOLUTION_LOW"}));
    assert_eq!(refused(&of(Media::FileId("file-1".into()))), "messages[0].content[0]");
}

#[test]
fn c23_nothing_of_another_dialect_goes_out() {
    let mut chat = chat(vec![Message::text(Role::User, "u")]);
    chat.extra = vec![
        ("stream_options".into(), Json::from_text("{}").unwrap()),
        (
            "extra_body".into(),
            Json::from_text(r#"{"google":{"safety_settings":[{"category":"c"}],"thinking_config":{"include_thoughts":true}}}"#).unwrap(),
        ),
    ];
    chat.sampling.logit_bias = Some(Json::from_text("{}").unwrap());
    chat.parallel_tools = Some(false);
    chat.tools = vec![tool("f")];
    let (body, lost) = written(&chat, SECOND);
    assert_eq!(body["safetySettings"], json!([{"category": "c"}]));
    assert_eq!(body["generationConfig"], json!({"thinkingConfig": {"include_thoughts": true}}));
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["contents", "generationConfig", "safetySettings", "tools"]);
    assert_eq!(lost.as_deref(), Some("dropped=stream_options,parallel_tool_calls,logit_bias"));
    chat.origin = Some(Dialect::Anthropic);
    assert!(written(&chat, SECOND).0["safetySettings"].is_null());
}

#[test]
fn c32_which_tools_may_be_called() {
    for (choice, expected) in [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (ToolChoice::Named("f".into()), json!({"mode": "ANY", "allowedFunctionNames": ["f"]})),
        (
            ToolChoice::Allowed { names: vec!["f".into(), "g".into()], required: true },
            json!({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        ),
        (
            ToolChoice::Allowed { names: vec!["f".into()], required: false },
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        ),
    ] {
        let mut chat = chat(vec![Message::text(Role::User, "u")]);
        chat.tools = vec![tool("f"), tool("g")];
        chat.tool_choice = Some(choice.clone());
        let (body, _) = written(&chat, SECOND);
        assert_eq!(body["toolConfig"]["functionCallingConfig"], expected);
        let again = Gemini.read_request(body.to_string().as_bytes(), Some(SECOND)).unwrap();
        assert_eq!(again.tool_choice, Some(choice));
    }
}

#[test]
fn c22_schemas_are_lowered_only_for_models_that_need_it() {
    let mut chat = chat(vec![Message::text(Role::User, "u")]);
    chat.tools = vec![tool("f")];
    let function = |model| written(&chat, model).0["tools"][0]["functionDeclarations"][0].clone();
    assert_eq!(function(SECOND)["parametersJsonSchema"]["type"], "object");
    assert_eq!(function("gemini-2.0-flash")["parameters"]["properties"]["z"], json!({"type": "STRING"}));
    assert_eq!(tools::tool_name("1 f/ü"), "_1_f__");
}

#[test]
fn tools_exclude_what_a_model_cannot_have_beside_them() {
    let mut chat = chat(vec![Message::text(Role::User, "u")]);
    chat.tools = vec![tool("f")];
    chat.web_search = Some(WebSearch::default());
    chat.output = OutputFormat::Json;
    let (body, lost) = written(&chat, SECOND);
    assert_eq!((&body["tools"][1], &body["generationConfig"]), (&Value::Null, &Value::Null));
    assert_eq!(lost.as_deref(), Some("dropped=web_search_options,response_format"));
    let (body, lost) = written(&chat, THIRD);
    assert_eq!(body["tools"][1], json!({"googleSearch": {}}));
    assert_eq!(body["toolConfig"]["includeServerSideToolInvocations"], true);
    assert_eq!((&body["generationConfig"]["responseMimeType"], lost), (&json!("application/json"), None));
}

#[test]
fn c38_c39_limits_and_chance() {
    let mut chat = chat(vec![Message::text(Role::User, "u")]);
    chat.sampling.n = Some(2);
    chat.sampling.logprobs = Some(true);
    chat.sampling.top_logprobs = Some(5);
    chat.sampling.seed = Some(1 << 40);
    chat.sampling.stop = (0..7).map(|n| n.to_string()).collect();
    let (body, lost) = written(&chat, SECOND);
    let config = &body["generationConfig"];
    assert_eq!((&config["candidateCount"], &config["logprobs"]), (&json!(2), &json!(5)));
    assert_eq!((config["stopSequences"].as_array().unwrap().len(), &config["seed"]), (5, &json!(0)));
    assert_eq!(lost.as_deref(), Some("dropped=stop; approximated=seed"));
    chat.sampling.n = Some(9);
    assert_eq!(refused(&chat), "n");
}
