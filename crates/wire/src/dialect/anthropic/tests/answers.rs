//! Whole answers.

use super::*;
use crate::chat::{Annotation, ChatReply, Choice, Media, Stop};
use crate::json::Json;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

fn read(content: &Value, stop: &str) -> Choice {
    let body = json!({"id": "msg_1", "type": "message", "content": content, "stop_reason": stop});
    Anthropic.read_reply(body.to_string().as_bytes(), &Asked::default()).unwrap().choices.remove(0)
}

fn reply(parts: Vec<Part>, stop: Stop) -> ChatReply {
    let choice = Choice { parts, stop, ..Choice::default() };
    ChatReply { id: "1".into(), choices: vec![choice], ..ChatReply::default() }
}

fn wrote(parts: Vec<Part>, stop: Stop) -> Value {
    serde_json::from_str(&Anthropic.write_reply(&reply(parts, stop), &echo())).unwrap()
}

#[test]
fn c9_with_calls_a_turn_has_not_ended() {
    let use_f = json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]);
    assert_eq!(read(&use_f, "end_turn").stop, Stop::ToolCalls);
    assert_eq!(wrote(vec![call("t", "{}")], Stop::End)["stop_reason"], "tool_use");
}

#[test]
fn c10_why_it_ended_survives() {
    let text = json!([{"type": "text", "text": "a"}]);
    for (said, stop, again) in [
        ("end_turn", Stop::End, "end_turn"),
        ("max_tokens", Stop::Length, "max_tokens"),
        ("model_context_window_exceeded", Stop::Length, "max_tokens"),
        ("compaction", Stop::Length, "max_tokens"),
        ("refusal", Stop::Filtered, "refusal"),
        ("pause_turn", Stop::Paused, "pause_turn"),
        ("something_new", Stop::End, "end_turn"),
    ] {
        assert_eq!(read(&text, said).stop, stop, "{said}");
        assert_eq!(wrote(vec![Part::text("a")], stop)["stop_reason"], again);
    }
    let mut stopped = reply(vec![Part::text("a")], Stop::StopSequence);
    // A sequence that nobody names is no reason.
    assert!(
        Anthropic.write_reply(&stopped, &echo()).contains(r#""stop_reason":"end_turn","stop_sequence":null"#)
    );
    stopped.choices[0].stop_text = Some("X".into());
    assert!(
        Anthropic
            .write_reply(&stopped, &echo())
            .contains(r#""stop_reason":"stop_sequence","stop_sequence":"X""#)
    );
}

#[test]
fn c31_the_tool_that_holds_the_answer_is_the_answer() {
    let mut content =
        json!([{"type": "tool_use", "id": "t", "name": "json_output", "input": {"b": 1, "a": 2}}]);
    let choice = read(&content, "tool_use");
    assert_eq!((choice.stop, choice.parts[0].as_text()), (Stop::End, Some(r#"{"a":2,"b":1}"#)));
    // A real call beside it still is one.
    content.as_array_mut().unwrap().push(json!({"type": "tool_use", "id": "u", "name": "f", "input": {}}));
    assert_eq!(read(&content, "tool_use").stop, Stop::ToolCalls);
}

#[test]
fn c42_broken_arguments_are_shown_to_be_broken() {
    let body = wrote(vec![call("t", r#"{"a": "unfini"#)], Stop::Length);
    assert_eq!(body["stop_reason"], "max_tokens");
    assert_eq!(body["content"][0]["input"], json!({"malformed_arguments": "{\"a\": \"unfini"}));
}

#[test]
fn c6_c37_arguments_are_written_as_they_were() {
    let text =
        Anthropic.write_reply(&reply(vec![call("t", r#"{"b":1.0, "a":2}"#)], Stop::ToolCalls), &echo());
    assert!(text.contains(r#""input":{"b":1.0, "a":2}}"#));
    for none in ["", "null"] {
        assert_eq!(wrote(vec![call("t", none)], Stop::ToolCalls)["content"][0]["input"], json!({}));
    }
}

#[test]
fn c3_no_call_is_without_an_id_and_no_text_empty() {
    let body = wrote(vec![Part::text(""), call("", ""), call("", "")], Stop::ToolCalls);
    let content = body["content"].as_array().unwrap();
    assert_eq!(content.len(), 2);
    assert_ne!(content[0]["id"], content[1]["id"]);
    assert!(content[0]["id"].as_str().unwrap().starts_with("toolu_"));
    assert_eq!(wrote(vec![], Stop::End)["content"], json!([]));
}

#[test]
fn c11_c14_seals_of_others_come_back_through_the_caller() {
    let mut sealed = call("c1", "{}");
    if let Body::Call(call) = &mut sealed.body {
        call.seal = Some(seal(Dialect::Gemini, "gem"));
    }
    let mut encrypted = thought("sum", Some(seal(Dialect::OpenAiResponses, "enc")));
    if let Body::Reasoning(reasoning) = &mut encrypted.body {
        reasoning.id = Some("rs_1".into());
        reasoning.summary = true;
        reasoning.seal = reasoning.seal.take().map(|seal| Seal { kind: SealKind::Encrypted, ..seal });
    }
    let parts = vec![encrypted, thought("plain", None), Part::text("a"), sealed];
    let body = wrote(parts.clone(), Stop::ToolCalls);
    let signed = body["content"].as_array().unwrap().iter().filter_map(|block| block["signature"].as_str());
    assert_eq!(signed.filter(|signature| signature.starts_with("gw1.")).count(), 3);
    // The caller sends the turn back.
    let next = json!({"model": "m", "max_tokens": 9000, "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": body["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]}]});
    let chat = Anthropic.read_request(next.to_string().as_bytes(), None).unwrap();
    assert_eq!(chat.messages[1].parts, parts);
    // The vendor of this dialect sees none of it.
    let (written, _) = text(&chat, V4_5).unwrap();
    assert!(!written.contains("gw1.") && !written.contains("gem") && !written.contains("thinking"));
}

#[test]
fn c13_signed_thinking_without_a_text_is_a_block() {
    let content = json!([
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "thinking", "thinking": "", "signature": ""}
    ]);
    let choice = read(&content, "end_turn");
    assert_eq!(choice.parts.len(), 2);
    let body = wrote(choice.parts, Stop::End);
    assert_eq!(body["content"], json!([content[0], content[1]]));
}

#[test]
fn sources_are_citations() {
    let annotation = Annotation { url: "https://a".into(), title: "A".into(), start: 0, end: 1 };
    let body = Body::Text { text: "x".into(), annotations: vec![annotation.clone()] };
    let body = wrote(vec![Part::new(body)], Stop::End);
    assert_eq!(body["content"][0]["citations"][0]["type"], "web_search_result_location");
    let again = read(&body["content"], "end_turn");
    assert!(matches!(&again.parts[0].body, Body::Text { annotations, .. } if *annotations == [annotation]));
}

#[test]
fn c40_blocks_of_hosted_tools_are_kept_whole() {
    let content =
        json!([{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": 1}}]);
    let choice = read(&content, "pause_turn");
    assert!(matches!(&choice.parts[0].body, Body::Opaque { dialect: Dialect::Anthropic, .. }));
    assert_eq!(wrote(choice.parts, Stop::Paused)["content"], content);
    let foreign = Body::Opaque { dialect: Dialect::Gemini, json: Json::of(&json!({})) };
    assert_eq!(wrote(vec![Part::new(foreign)], Stop::End)["content"], json!([]));
}

#[test]
fn a_refusal_says_why() {
    let body = json!({"id": "msg_1", "type": "message", "content": [], "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "explanation": "no"}});
    let choice =
        Anthropic.read_reply(body.to_string().as_bytes(), &Asked::default()).unwrap().choices.remove(0);
    assert_eq!((choice.stop, &choice.parts[0].body), (Stop::Filtered, &Body::Refusal("no".into())));
    let body = wrote(choice.parts, choice.stop);
    assert_eq!(body["content"], json!([{"type": "text", "text": "no"}]));
}

#[test]
fn the_rest_of_an_answer() {
    let mut answer = reply(vec![Part::text("a")], Stop::End);
    answer.usage =
        Some(Usage::default().with(Bucket::Input, 3).with(Bucket::CacheRead, 4).with(Bucket::Output, 5));
    let text = Anthropic.write_reply(&answer, &echo());
    assert_eq!(
        text,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5}}"#
    );
    let image = Body::Image { media: Media::Url { url: "https://a/i.png".into(), mime: None }, detail: None };
    assert_eq!(wrote(vec![Part::new(image)], Stop::End)["content"][0]["text"], "[image](https://a/i.png)");
    let error = json!({"type": "error", "error": {"type": "api_error", "message": "oh"}}).to_string();
    assert_eq!(Anthropic.read_reply(error.as_bytes(), &Asked::default()).unwrap_err().message, "oh");
}
