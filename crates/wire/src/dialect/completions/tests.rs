use super::*;
use crate::chat::Body;
use magic_domain::usage::Bucket;
use serde_json::{Value, json};

fn read(body: &Value) -> Result<ChatRequest, WireError> {
    Completions.read_request(body.to_string().as_bytes(), None)
}

#[test]
fn a_prompt_is_one_user_message() {
    let chat = read(&json!({
        "model": "m", "prompt": ["Once"], "stop": "\n", "n": 2, "logprobs": 3, "user": "u", "stream": true,
        "stream_options": { "include_usage": true },
    }))
    .unwrap();
    assert_eq!(chat.messages, [Message::text(Role::User, "Once")]);
    assert_eq!(chat.sampling.max_output, Some(16), "OpenAI's default is said, not left to the vendor");
    assert_eq!((chat.sampling.logprobs, chat.sampling.top_logprobs), (Some(true), Some(3)));
    assert_eq!((chat.sampling.n, chat.sampling.stop.as_slice()), (Some(2), &["\n".to_owned()][..]));
    assert!(chat.stream && chat.wants_usage);
}

#[test]
fn what_a_chat_model_can_not_do_is_named() {
    for (member, value) in [
        ("prompt", json!(["a", "b"])),
        ("prompt", json!([1, 2])),
        ("suffix", json!("x")),
        ("echo", json!(true)),
        ("best_of", json!(2)),
    ] {
        let mut body = json!({ "model": "m", "prompt": "p" });
        body[member] = value;
        assert_eq!(read(&body).unwrap_err().param.as_deref(), Some(member));
    }
}

/// Found by fuzzing: they went to the vendor beside the same members written of the prompt.
#[test]
fn members_of_chat_requests_are_written_once() {
    use crate::chat::Losses;
    use crate::codec::{To, VendorCodec};
    let once = |mut chat: ChatRequest| {
        chat.stream = true;
        let to = To { model: "m", kind: 1, default_max_output: 9 };
        let text = crate::dialect::openai_chat::OpenAiChat
            .write_request(&chat, &to, &mut Losses::default())
            .unwrap();
        Members::of_body(text.as_bytes()).expect("every member once");
        text
    };
    for name in ["messages", "top_logprobs"] {
        let error = read(&json!({ "model": "m", "prompt": "p", name: 1 })).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(name));
    }
    let text = once(read(&json!({ "model": "m", "prompt": "p", "max_completion_tokens": 50 })).unwrap());
    assert!(text.contains(r#""max_completion_tokens":50"#), "{text}");
    let edit = json!({
        "model": "m", "instruction": "shout", "stream": true, "stream_options": { "include_usage": true }, "user": "u",
        "safety_identifier": "s", "max_completion_tokens": 5, "safety_level": 1,
    });
    let text = once(Edits.read_request(edit.to_string().as_bytes(), None).unwrap());
    assert!(text.contains(r#""safety_level":1"#), "{text}");
}

fn echo() -> Echo {
    Echo { model: "m".into(), request_id: "r".into(), created: 7, wants_usage: true, request: None }
}

#[test]
fn an_answer_is_a_text_completion() {
    let choice = Choice {
        parts: vec![Part::new(Body::Text { text: " upon".into(), annotations: vec![] })],
        stop: Stop::Length,
        ..Choice::default()
    };
    let mut usage = Usage::default();
    usage.set(Bucket::Input, 3);
    let reply =
        ChatReply { id: "1".into(), choices: vec![choice], usage: Some(usage), ..ChatReply::default() };
    let written: Value = serde_json::from_str(&Completions.write_reply(&reply, &echo())).unwrap();
    assert_eq!(written["object"], "text_completion");
    assert_eq!(
        (written["id"].as_str(), written["created"].as_i64(), written["model"].as_str()),
        (Some("cmpl-1"), Some(7), Some("m"))
    );
    assert_eq!(
        written["choices"],
        json!([{ "text": " upon", "index": 0, "logprobs": null, "finish_reason": "length" }])
    );
    assert_eq!(written["usage"]["prompt_tokens"], 3);
    let edited: Value = serde_json::from_str(&Edits.write_reply(&reply, &echo())).unwrap();
    assert_eq!((&edited["object"], &edited["choices"][0]["text"]), (&json!("edit"), &json!(" upon")));
}

#[test]
fn a_stream_has_text_a_reason_usage_and_an_end() {
    let mut writer = Completions.writer(echo());
    let mut out = Vec::new();
    for event in [
        Event::Start { id: "9".into(), model: "v".into(), created: 5, usage: None },
        Event::Text { choice: 0, text: "a".into() },
        Event::Stop { choice: 0, stop: Stop::ToolCalls, stop_text: None },
        Event::Usage(Usage::default()),
    ] {
        writer.event(&event, &mut out);
    }
    writer.end(&mut out);
    let text = String::from_utf8(out).unwrap();
    let mut chunks = text.split("\n\n").filter_map(|line| line.strip_prefix("data: "));
    let mut next = || serde_json::from_str::<Value>(chunks.next().unwrap()).unwrap_or_default();
    assert_eq!(next()["choices"][0]["text"], "a");
    assert_eq!(next()["choices"][0]["finish_reason"], "stop");
    assert_eq!(next()["choices"], json!([]));
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[test]
fn an_edit_is_an_instruction_about_a_text() {
    let body =
        json!({ "model": "m", "input": "What day of the wek is it?", "instruction": "Fix the spelling" });
    let chat = Edits.read_request(body.to_string().as_bytes(), None).unwrap();
    assert_eq!(chat.messages.len(), 2);
    assert!(chat.messages[1].parts[0].as_text().unwrap().ends_with("What day of the wek is it?"));
    let none = Edits.read_request(br#"{"model":"m","input":"x"}"#, None).unwrap_err();
    assert_eq!(none.param.as_deref(), Some("instruction"));
}
