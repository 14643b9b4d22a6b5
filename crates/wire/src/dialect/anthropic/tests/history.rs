//! How turns are written.

use super::*;
use crate::chat::{CacheMark, Media};
use serde_json::json;

fn user(parts: Vec<Part>) -> Message {
    Message::new(Role::User, parts)
}

fn assistant(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

#[test]
fn c6_arguments_are_kept_byte_for_byte() {
    let arguments = r#"{"b": 1.50,  "a":12345678901234567890123}"#;
    let turns = |arguments| {
        from_openai(vec![
            Message::text(Role::User, "q"),
            assistant(vec![call("c1", arguments)]),
            user(vec![result("c1", vec![Part::text("ok")])]),
        ])
    };
    assert!(text(&turns(arguments), V4_5).unwrap().0.contains(&format!(r#""input":{arguments}"#)));
    assert_eq!(written(&turns(" "), V4_5).0["messages"][1]["content"][0]["input"], json!({}));
    // Malformed arguments are not emptied in silence.
    assert_eq!(refused(&turns(r#"{"a":"#), V4_5), "messages[1].content[0]");
    assert_eq!(refused(&turns("[1]"), V4_5), "messages[1].content[0]");
}

#[test]
fn a_custom_tools_text_is_its_input() {
    let mut part = call("c1", "free \"text\"");
    if let Body::Call(call) = &mut part.body {
        call.custom = true;
    }
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![part]),
        user(vec![result("c1", vec![])]),
    ]);
    let (body, _) = written(&chat, V4_5);
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "free \"text\""}));
    assert_eq!(body["messages"][2]["content"], json!([{"type": "tool_result", "tool_use_id": "c1"}]));
}

#[test]
fn c17_all_results_of_a_turn_come_first_in_one_turn() {
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![call("a", ""), call("b", "")]),
        user(vec![Part::text("by the way"), result("b", vec![Part::text("2")])]),
        user(vec![result("a", vec![Part::text("1")])]),
        Message::text(Role::User, "go on"),
    ]);
    let (body, _) = written(&chat, V4_5);
    let content = body["messages"][2]["content"].as_array().unwrap();
    let ids: Vec<&str> =
        content.iter().map(|b| b["tool_use_id"].as_str().or(b["text"].as_str()).unwrap()).collect();
    assert_eq!(ids, ["b", "a", "by the way", "go on"]);
    // The answer that the caller gave, not the one that was made up while it was missing.
    assert_eq!(content[1]["content"][0]["text"], "1");
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
}

#[test]
fn c17_an_orphan_gets_a_result_or_is_named() {
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![Part::text(""), call("a", "")]),
        Message::text(Role::User, "never mind"),
    ]);
    let (body, _) = written(&chat, V4_5);
    assert_eq!(body["messages"][1]["content"][0]["type"], "tool_use");
    let answer = &body["messages"][2]["content"][0];
    assert_eq!((answer["tool_use_id"].as_str(), answer["is_error"].as_bool()), (Some("a"), Some(true)));
    let orphan = from_openai(vec![user(vec![result("zz", vec![])])]);
    assert!(text(&orphan, V4_5).unwrap_err().message.contains("\"zz\""));
}

#[test]
fn c18_ids_that_the_vendor_refuses_are_rewritten_alike() {
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![call("functions.get:0", ""), call("ok_1-A", "")]),
        user(vec![result("functions.get:0", vec![]), result("ok_1-A", vec![])]),
    ]);
    let (body, _) = written(&chat, V4_5);
    let id = body["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("toolu_") && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], id);
    assert_eq!(body["messages"][2]["content"][1]["tool_use_id"], "ok_1-A");
}

#[test]
fn c19_nothing_empty_is_written() {
    let chat = from_openai(vec![
        Message::text(Role::System, ""),
        Message::text(Role::User, "a"),
        Message::text(Role::Assistant, ""),
        user(vec![Part::text(""), Part::text("b")]),
    ]);
    let (body, _) = written(&chat, V4_5);
    assert_eq!(body.get("system"), None);
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])
    );
    assert_eq!(refused(&from_openai(vec![Message::text(Role::User, "")]), V4_5), "messages");
}

#[test]
fn c12_c13_c14_thinking_goes_back_as_it_came_and_first() {
    let redacted = Seal { kind: SealKind::Encrypted, ..seal(Dialect::Anthropic, "blob") };
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![
            Part::text("so"),
            thought("", Some(seal(Dialect::Anthropic, "sig=="))),
            thought("", Some(redacted)),
            thought("unsigned", None),
            thought("theirs", Some(seal(Dialect::Gemini, "g"))),
            call("a", ""),
        ]),
        user(vec![result("a", vec![Part::text("1")])]),
    ]);
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "", "signature": "sig=="},
            {"type": "redacted_thinking", "data": "blob"},
            {"type": "text", "text": "so"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {}}
        ])
    );
    assert_eq!(lost, [""; 0]);
}

#[test]
fn c20_pictures_in_results_stay_pictures() {
    let media = Media::Inline { mime: "image/png".into(), base64: "iVBORw0KGgoAAAANSUhEUg==".into() };
    let picture = Part::new(Body::Image { media, detail: Some("high".into()) });
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![call("a", "")]),
        user(vec![result("a", vec![Part::text("see"), picture])]),
    ]);
    let (body, _) = written(&chat, V4_5);
    let content = &body["messages"][2]["content"][0]["content"];
    assert_eq!(content[0], json!({"type": "text", "text": "see"}));
    assert_eq!((&content[1]["type"], &content[1]["source"]["type"]), (&json!("image"), &json!("base64")));
}

#[test]
fn what_the_model_can_not_take_in_is_refused() {
    let url = || Media::Url { url: "https://a/b".into(), mime: None };
    let ask = |body| from_openai(vec![user(vec![Part::text("q"), Part::new(body)])]);
    assert_eq!(refused(&ask(Body::Audio(url())), V4_5), "messages[0].content[1]");
    assert_eq!(refused(&ask(Body::Video(url())), V4_5), "messages[0].content[1]");
    let media = Media::FileId("file-1".into());
    assert_eq!(refused(&ask(Body::File { media, name: None }), V4_5), "messages[0].content[1]");
    // A picture that the assistant made has no place; the rest of the turn has.
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![Part::text("a"), Part::new(Body::Image { media: url(), detail: None })]),
        Message::text(Role::User, "q"),
    ]);
    assert_eq!(written(&chat, V4_5).1, ["messages[1].content[1]"]);
}

#[test]
fn documents_keep_their_names() {
    let media = Media::Inline { mime: "application/pdf".into(), base64: "JVBERi0=".into() };
    let chat = from_openai(vec![user(vec![Part::new(Body::File { media, name: Some("a.pdf".into()) })])]);
    assert_eq!(
        written(&chat, V4_5).0["messages"][0]["content"][0],
        json!({"type": "document", "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}})
    );
}

#[test]
fn c27_marks_stay_at_their_place_and_the_last_four_count() {
    let marked = |text: &str, mark| Part { cache: Some(mark), ..Part::text(text) };
    let mut answer = result("a", vec![Part::text("1")]);
    answer.cache = Some(CacheMark::Short);
    let chat = from_openai(vec![
        Message::new(Role::System, vec![marked("s1", CacheMark::Short), marked("s2", CacheMark::Long)]),
        user(vec![marked("", CacheMark::Short), marked("u", CacheMark::Short)]),
        assistant(vec![call("a", "")]),
        user(vec![answer, marked("v", CacheMark::Short)]),
    ]);
    let (body, _) = written(&chat, V4_5);
    assert_eq!(body["system"][0].get("cache_control"), None);
    assert_eq!(body["system"][1]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(body["messages"][2]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(body["messages"][2]["content"][1]["cache_control"], json!({"type": "ephemeral"}));
}

#[test]
fn c28_the_system_speaks_where_it_stood() {
    let chat = from_openai(vec![
        Message::text(Role::System, "s1"),
        Message::text(Role::System, "s2"),
        Message::text(Role::User, "q"),
        assistant(vec![call("a", "")]),
        Message::text(Role::System, "new rule"),
        user(vec![result("a", vec![])]),
    ]);
    let (body, lost) = written(&chat, V4_5);
    assert_eq!(body["system"], json!([{"type": "text", "text": "s1"}, {"type": "text", "text": "s2"}]));
    let last = &body["messages"][2]["content"];
    assert_eq!(last[0]["type"], "tool_result");
    assert_eq!(last[1]["text"], "<system-reminder>\nnew rule\n</system-reminder>");
    assert_eq!(lost, ["messages[4]"]);
    let (body, lost) = written(&chat, V4_8);
    let roles: Vec<&str> =
        body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "system"]);
    assert_eq!(lost, [""; 0]);
    // What was there before keeps its bytes when the history grows.
    let mut grown = chat.clone();
    grown.messages.push(Message::text(Role::Assistant, "done"));
    grown.messages.push(Message::text(Role::User, "thanks"));
    for model in [V4_5, V4_8] {
        let (before, after) = (text(&chat, model).unwrap().0, text(&grown, model).unwrap().0);
        let history = before.strip_suffix("]}").unwrap();
        assert!(after.starts_with(history), "{after}");
    }
}

#[test]
fn a_prefill_is_for_models_that_take_one() {
    let chat = from_openai(vec![Message::text(Role::User, "q"), Message::text(Role::Assistant, "{ \n")]);
    assert_eq!(written(&chat, V4_5).0["messages"][1]["content"][0]["text"], "{");
    assert_eq!(refused(&chat, V4_8), "messages");
}

#[test]
fn c40_blocks_of_hosted_tools_go_back_whole_and_only_home() {
    let json = crate::json::Json::from_text(
        r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"encrypted_content":"x"}]}"#,
    )
    .unwrap();
    let opaque = |dialect| Part::new(Body::Opaque { dialect, json: json.clone() });
    let chat = from_openai(vec![
        Message::text(Role::User, "q"),
        assistant(vec![opaque(Dialect::Anthropic), opaque(Dialect::OpenAiResponses), Part::text("a")]),
        Message::text(Role::User, "q"),
    ]);
    let (body, lost) = text(&chat, V4_5).unwrap();
    assert_eq!(body.matches(json.get()).count(), 1);
    assert_eq!(lost.0[0].path, "messages[1].content[1]");
}
