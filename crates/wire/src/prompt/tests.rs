use super::*;
use crate::peek::{peek_gemini, peek_json};
use magic_domain::endpoint::Endpoint;
use proptest::prelude::*;
use serde_json::json;

const CHAT: Dialect = Dialect::OpenAiChat;
const RESPONSES: Dialect = Dialect::OpenAiResponses;
const ANTHROPIC: Dialect = Dialect::Anthropic;
const GEMINI: Dialect = Dialect::Gemini;

fn messages() -> Vec<Said> {
    let said = |role, text: &str| Said { role, text: text.to_owned() };
    vec![
        said(Role::System, "S\"1"),
        said(Role::Developer, "S2"),
        said(Role::User, "U"),
        said(Role::Assistant, "A"),
    ]
}

fn peeked(face: Dialect, body: &Bytes) -> Peek {
    match face {
        Dialect::Gemini => peek_gemini(body, "m", false).unwrap(),
        Dialect::OpenAiResponses => peek_json(Endpoint::Responses, body).unwrap(),
        _ => peek_json(Endpoint::Chat, body).unwrap(),
    }
}

fn filled(
    face: Dialect,
    body: &str,
    said: &[Said],
    model: Option<&str>,
    params: Value,
) -> Result<String, WireError> {
    let body = Bytes::from(body.to_owned());
    let params = params.as_object().unwrap().clone();
    let rope = put(face, &body, &peeked(face, &body), &Filled { said, model, params: &params })?;
    Ok(String::from_utf8(rope.concat().to_vec()).unwrap())
}

fn plainly(face: Dialect, body: &str) -> String {
    filled(face, body, &messages(), None, json!({})).unwrap()
}

#[test]
fn a_chat_gets_its_messages_first() {
    let own = concat!(
        r#"{"role":"system","content":"S\"1"},{"role":"developer","content":"S2"},"#,
        r#"{"role":"user","content":"U"},{"role":"assistant","content":"A"}"#
    );
    for (before, after) in [
        (
            r#"{ "prompt":{"id":"p"}, "model" : "m", "messages" : [ {"role":"user","content":"\u00e9"} ], "x":1.50 }"#,
            format!(
                r#"{{  "model" : "m", "messages" : [{own}, {{"role":"user","content":"\u00e9"}} ], "x":1.50 }}"#
            ),
        ),
        (r#"{"messages":[ ],"prompt":{"id":"p"}}"#, format!(r#"{{"messages":[{own} ]}}"#)),
        (r#"{"messages":null , "prompt" : {"id":"}, {"} }"#, format!(r#"{{"messages":[{own}]  }}"#)),
        (r#"{"prompt":{"id":"p"}}"#, format!(r#"{{"messages":[{own}]}}"#)),
        (r#"{"model":"m"}"#, format!(r#"{{"messages":[{own}],"model":"m"}}"#)),
        ("{}", format!(r#"{{"messages":[{own}]}}"#)),
    ] {
        assert_eq!(plainly(CHAT, before), after, "{before}");
    }
    assert!(filled(CHAT, r#"{"messages":"x"}"#, &messages(), None, json!({})).is_err());
}

#[test]
fn a_responses_call_gets_instructions_and_items() {
    let items = r#"{"type":"message","role":"user","content":"U"},{"type":"message","role":"assistant","content":"A"}"#;
    for (before, after) in [
        (
            r#"{"input":"h\u00e9","prompt":{"id":"p"}}"#,
            format!(
                r#"{{"instructions":"S\"1\n\nS2","input":[{items},{{"type":"message","role":"user","content":"h\u00e9"}}]}}"#
            ),
        ),
        (
            r#"{"instructions":"mine","input":[{"a":1}]}"#,
            format!(r#"{{"instructions":"S\"1\n\nS2\n\nmine","input":[{items},{{"a":1}}]}}"#),
        ),
        (
            r#"{"prompt":{"id":"p"},"instructions":null}"#,
            format!(r#"{{"input":[{items}],"instructions":"S\"1\n\nS2"}}"#),
        ),
    ] {
        assert_eq!(plainly(RESPONSES, before), after, "{before}");
    }
    assert!(filled(RESPONSES, r#"{"instructions":["x"]}"#, &messages(), None, json!({})).is_err());
}

#[test]
fn a_message_gets_a_system_text_and_turns() {
    let own = r#"{"role":"user","content":"U"},{"role":"assistant","content":"A"}"#;
    let turn = r#"{"role":"user","content":"x"}"#;
    for (before, after) in [
        (
            format!(r#"{{"messages":[{turn}]}}"#),
            format!(r#"{{"system":"S\"1\n\nS2","messages":[{own},{turn}]}}"#),
        ),
        (
            format!(r#"{{"system":"mine","messages":[{turn}]}}"#),
            format!(r#"{{"system":"S\"1\n\nS2\n\nmine","messages":[{own},{turn}]}}"#),
        ),
        (
            format!(r#"{{"messages":[{turn}],"system":[{{"type":"text","text":"mine"}}]}}"#),
            format!(
                r#"{{"messages":[{own},{turn}],"system":[{{"type":"text","text":"S\"1\n\nS2"}},{{"type":"text","text":"mine"}}]}}"#
            ),
        ),
    ] {
        assert_eq!(plainly(ANTHROPIC, &before), after, "{before}");
    }
}

#[test]
fn gemini_gets_parts_under_the_callers_name_for_them() {
    let own = r#"{"role":"user","parts":[{"text":"U"}]},{"role":"model","parts":[{"text":"A"}]}"#;
    let system = r#"{"text":"S\"1\n\nS2"}"#;
    for (before, after) in [
        (
            r#"{"contents":[{"parts":[]}]}"#,
            format!(r#"{{"systemInstruction":{{"parts":[{system}]}},"contents":[{own},{{"parts":[]}}]}}"#),
        ),
        (
            r#"{"system_instruction":{"parts":{"text":"mine"}},"contents":{"parts":{}},"prompt":{"id":"p"}}"#,
            format!(
                r#"{{"system_instruction":{{"parts":[{system},{{"text":"mine"}}]}},"contents":[{own},{{"parts":{{}}}}]}}"#
            ),
        ),
        (
            r#"{"systemInstruction":{"role":"user"},"contents":[]}"#,
            format!(r#"{{"systemInstruction":{{"parts":[{system}],"role":"user"}},"contents":[{own}]}}"#),
        ),
    ] {
        assert_eq!(plainly(GEMINI, before), after, "{before}");
    }
}

#[test]
fn the_callers_parameters_win() {
    let params =
        json!({ "temperature": 0.5, "max_tokens": 9, "top_k": 3, "tools": [1], "tool_choice": "auto" });
    let with = |body: &str| filled(CHAT, body, &[], Some("m"), params.clone()).unwrap();
    assert_eq!(
        with(r#"{"model":"prompt:x","temperature":1,"max_completion_tokens":5,"top_k":null,"tools":[2]}"#),
        r#"{"model":"m","temperature":1,"max_completion_tokens":5,"top_k":3,"tools":[2]}"#
    );
    assert_eq!(
        with("{}"),
        r#"{"model":"m","max_tokens":9,"temperature":0.5,"tool_choice":"auto","tools":[1],"top_k":3}"#
    );
    let config = json!({ "generationConfig": { "maxOutputTokens": 9, "temperature": 0.5 } });
    let with = |body: &str| filled(GEMINI, body, &[], None, config.clone()).unwrap();
    for (before, after) in [
        ("{}", r#"{"generationConfig":{"maxOutputTokens":9,"temperature":0.5}}"#),
        (
            r#"{"generation_config":{"max_output_tokens":5}}"#,
            r#"{"generation_config":{"temperature":0.5,"max_output_tokens":5}}"#,
        ),
        (r#"{"generationConfig":{}}"#, r#"{"generationConfig":{"maxOutputTokens":9,"temperature":0.5}}"#),
    ] {
        assert_eq!(with(before), after, "{before}");
    }
}

#[test]
fn parameters_are_said_in_every_face() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"], "additionalProperties": false });
    let parameters = json!({
        "temperature": 0.5, "max_tokens": 99, "stop": ["X"], "seed": 7, "logit_bias": { "1": 2 },
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": schema } },
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
    });
    let said = |face| params(face, parameters.as_object().unwrap(), "m").unwrap();
    let (chat, lost) = said(CHAT);
    assert_eq!((Value::Object(chat), lost.0.len()), (parameters.clone(), 0));
    let (responses, lost) = said(RESPONSES);
    assert!(lost.header().is_some_and(|header| header.contains("prompt.stop")), "{lost:?}");
    assert_eq!(responses["max_output_tokens"], 99);
    assert_eq!(responses["text"]["format"]["type"], "json_schema");
    assert_eq!(responses["tools"][0]["name"], "f");
    let (anthropic, lost) = said(ANTHROPIC);
    assert_eq!(
        (&anthropic["max_tokens"], &anthropic["stop_sequences"], &anthropic["tools"][0]["name"]),
        (&json!(99), &json!(["X"]), &json!("f"))
    );
    assert!(lost.header().is_some_and(|header| header.contains("prompt.logit_bias")), "{lost:?}");
    let (gemini, _) = said(GEMINI);
    let config = &gemini["generationConfig"];
    assert_eq!(
        (&config["maxOutputTokens"], &config["seed"], &config["temperature"]),
        (&json!(99), &json!(7), &json!(0.5))
    );
    for face in [CHAT, RESPONSES, ANTHROPIC, GEMINI] {
        assert!(params(face, json!({ "temperature": "hot" }).as_object().unwrap(), "m").is_err());
        let (none, lost) = params(face, &Map::new(), "m").unwrap();
        assert!(none.is_empty() && lost.0.is_empty(), "{face:?}: {none:?} {lost:?}");
        let (ours, _) =
            params(face, json!({ "response_format": { "type": "json_object" } }).as_object().unwrap(), "m")
                .unwrap();
        assert!(!SAID_BY_FACES.iter().any(|name| ours.contains_key(*name)), "{face:?}: {ours:?}");
    }
}

const SAID_BY_FACES: &[&str] =
    &["messages", "system", "input", "instructions", "contents", "systemInstruction"];

proptest! {
    /// Whatever is filled in and wherever the members stand: the body stays JSON, the prompt's messages are what
    /// was rendered, and the rest is what the caller sent.
    #[test]
    fn any_text_is_one_message_of_valid_json(text in ".{0,60}", own in ".{0,20}", at in 0usize..4, key in "[a-z]{1,6}") {
        let said = vec![Said { role: Role::System, text: format!("s{text}") }, Said { role: Role::User, text: format!("u{text}") }];
        for (face, list, word) in [(CHAT, "messages", json!(own)), (RESPONSES, "input", json!(own)), (ANTHROPIC, "messages", json!(own)), (GEMINI, "contents", json!([{"text": own}]))] {
            let turn = if face == GEMINI { json!({"role": "user", "parts": word}) } else { json!({"role": "user", "content": word}) };
            let mut members = vec![
                format!("{}:[{turn}]", json!(list)),
                format!("{}: {}", json!(format!("x_{key}")), json!(own)),
                r#""temperature" :1"#.to_owned(),
            ];
            members.insert(at, format!("\"prompt\": {}", json!({"id": "p", "variables": {"v": text}})));
            let body = format!("{{ {} }}", members.join(" , "));
            let after = filled(face, &body, &said, None, json!({"x_new": own})).unwrap();
            let after: Value = serde_json::from_str(&after).unwrap();
            prop_assert!(after.get("prompt").is_none());
            prop_assert_eq!(&after["x_new"], &json!(own));
            prop_assert_eq!(&after[format!("x_{key}")], &json!(own));
            let list = after[list].as_array().unwrap();
            let expected = if face == CHAT { 3 } else { 2 };
            prop_assert_eq!(list.len(), expected);
            prop_assert_eq!(list.last().unwrap(), &turn);
            let user = &list[expected - 2];
            let shown = if face == GEMINI { &user["parts"][0]["text"] } else { &user["content"] };
            prop_assert_eq!(shown, &json!(format!("u{text}")));
            let system = match face {
                Dialect::OpenAiResponses => &after["instructions"],
                Dialect::Anthropic => &after["system"],
                Dialect::Gemini => &after["systemInstruction"]["parts"][0]["text"],
                _ => &list[0]["content"],
            };
            prop_assert_eq!(system, &json!(format!("s{text}")));
        }
    }
}
