use super::*;
use crate::chat::{
    Body, Effort, Event, Media, Message, OutputFormat, Part, Reasoning, ReasoningAsk, Role, Sampling, Stop,
    ToolChoice,
};
use crate::dialect::kit::tests::{
    asked, call, chat, custom, digest, events, folded, image, json as raw, refused, result, tool, written,
};
use crate::fault::FaultClass;
use magic_domain::usage::{Bucket, Usage};
use proptest::prelude::*;
use serde_json::json;

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

#[test]
fn a_whole_conversation_is_written_in_order() {
    let thought = Part::new(Body::Reasoning(Reasoning { text: "hm".into(), ..Reasoning::default() }));
    let made = format!("call_{:016x}_0", 7);
    let chat = chat(vec![
        Message::text(Role::System, "be brief"),
        Message::new(Role::User, vec![Part::text("dice"), Part::text("now"), image()]),
        Message::new(
            Role::Assistant,
            vec![
                thought,
                Part::text("I will."),
                call(&made, "roll", ""),
                call("x", "roll", r#"{"b":1.50,"a":2}"#),
            ],
        ),
        Message::new(
            Role::User,
            vec![
                result(&made, vec![Part::text("6"), image()], false),
                result("x", vec![Part::text("no")], true),
                Part::text("go on"),
            ],
        ),
    ]);
    let to = To { model: "llama3", kind: 30, default_max_output: 1 };
    let text = Ollama.write_request(&chat, &to, &mut Losses::default()).unwrap();
    assert!(text.contains(r#""arguments":{"b":1.50,"a":2}"#), "{text}");
    let (body, lost) = written(&Ollama, &chat, "llama3");
    let expected = json!({
        "model": "llama3",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "dice\nnow", "images": ["aGk="]},
            {"role": "assistant", "content": "I will.", "thinking": "hm", "tool_calls": [
                {"function": {"name": "roll", "arguments": {}}},
                {"id": "x", "function": {"name": "roll", "arguments": {"b": 1.5, "a": 2}}},
            ]},
            {"role": "tool", "content": "6", "tool_name": "roll"},
            {"role": "tool", "content": "Error: no", "tool_name": "roll", "tool_call_id": "x"},
            {"role": "user", "content": "go on", "images": ["aGk="]},
        ],
        "stream": false,
    });
    assert_eq!((body, lost), (expected, None));
}

#[test]
fn settings_are_options_and_the_callers_own_come_last() {
    let mut chat = chat(vec![user("u")]);
    chat.stream = true;
    chat.sampling = Sampling {
        max_output: Some(9),
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(3),
        stop: vec!["a".into()],
        seed: Some(1 << 40),
        presence_penalty: Some(0.1),
        frequency_penalty: Some(-0.1),
        logprobs: Some(true),
        top_logprobs: Some(2),
        ..Sampling::default()
    };
    chat.extra = vec![
        ("options".into(), raw(r#"{"num_ctx":8192,"top_k":5}"#)),
        ("keep_alive".into(), raw("\"5m\"")),
        ("prediction".into(), raw("{}")),
    ];
    let (body, lost) = written(&Ollama, &chat, "m");
    let expected = json!({
        "model": "m", "messages": [{"role": "user", "content": "u"}],
        "options": {"num_predict": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["a"], "seed": 0,
            "presence_penalty": 0.1, "frequency_penalty": -0.1, "num_ctx": 8192, "top_k": 5},
        "logprobs": true, "top_logprobs": 2, "stream": true, "keep_alive": "5m",
    });
    assert_eq!((body, lost.as_deref()), (expected, Some("dropped=prediction; approximated=seed")));
    chat.extra = vec![("options".into(), raw("1"))];
    assert_eq!(refused(&Ollama, &chat), "options");
}

#[test]
fn a_format_is_a_schema_or_the_word() {
    let mut chat = chat(vec![user("u")]);
    chat.output = OutputFormat::Json;
    assert_eq!(written(&Ollama, &chat, "m").0["format"], "json");
    let schema = raw(r#"{"type":"object"}"#);
    chat.output = OutputFormat::Schema { name: None, description: None, schema, strict: Some(true) };
    assert_eq!(written(&Ollama, &chat, "m").0["format"], json!({"type": "object"}));
}

#[test]
fn a_choice_among_tools_is_made_by_leaving_some_out() {
    let mut chat = chat(vec![user("u")]);
    chat.tools = vec![tool("a"), tool("b")];
    for (choice, count, told) in [
        (None, Some(2), None),
        (Some(ToolChoice::None), None, None),
        (Some(ToolChoice::Required), Some(2), Some("dropped=tool_choice")),
        (Some(ToolChoice::Named("b".into())), Some(1), Some("dropped=tool_choice; approximated=tool_choice")),
        (
            Some(ToolChoice::Allowed { names: vec!["a".into()], required: false }),
            Some(1),
            Some("approximated=tool_choice"),
        ),
    ] {
        chat.tool_choice = choice;
        let (body, lost) = written(&Ollama, &chat, "m");
        assert_eq!((body["tools"].as_array().map(Vec::len), lost.as_deref()), (count, told));
    }
}

#[test]
fn thinking_is_a_flag_or_for_some_models_a_level() {
    let mut chat = chat(vec![user("u")]);
    let effort = |effort| Some(ReasoningAsk { effort: Some(effort), ..ReasoningAsk::default() });
    for (ask, model, expected, told) in [
        (effort(Effort::High), "gpt-oss:20b", json!("high"), None),
        (effort(Effort::Minimal), "gpt-oss:20b", json!("low"), None),
        (effort(Effort::Medium), "gpt-oss:20b", json!("medium"), None),
        (effort(Effort::High), "qwen3", json!(true), Some("approximated=reasoning_effort")),
        (effort(Effort::None), "qwen3", json!(false), None),
        (Some(ReasoningAsk { off: true, ..ReasoningAsk::default() }), "qwen3", json!(false), None),
        (Some(ReasoningAsk { budget: Some(100), ..ReasoningAsk::default() }), "gpt-oss", json!(true), None),
        (None, "qwen3", json!(null), None),
    ] {
        chat.reasoning = ask;
        let (body, lost) = written(&Ollama, &chat, model);
        assert_eq!((&body["think"], lost.as_deref()), (&expected, told));
    }
}

#[test]
fn what_ollama_cant_take_is_refused_or_told() {
    let media = || Media::Inline { mime: "application/pdf".into(), base64: "aGk=".into() };
    let far = Body::Image { media: Media::Url { url: "https://x".into(), mime: None }, detail: None };
    for body in [Body::Audio(media()), Body::Video(media()), Body::File { media: media(), name: None }, far] {
        let chat = chat(vec![Message::new(Role::User, vec![Part::text("u"), Part::new(body)])]);
        assert_eq!(refused(&Ollama, &chat), "messages[0].content[1]");
    }
    let file = Body::File { media: Media::Text("facts".into()), name: Some("a.txt".into()) };
    let mut chat = chat(vec![Message::new(Role::User, vec![Part::new(file), Part::text("so?")])]);
    assert_eq!(written(&Ollama, &chat, "m").0["messages"][0]["content"], "# a.txt\n\nfacts\nso?");
    chat.messages.push(Message::new(Role::Assistant, vec![image(), Part::text("a")]));
    assert_eq!(written(&Ollama, &chat, "m").1.as_deref(), Some("dropped=messages[1].content[0]"));
    assert_eq!(refused(&Ollama, &self::chat(vec![user("")])), "messages");
}

#[test]
fn calls_have_ids_of_their_own() {
    let line = |calls: &str| {
        format!(
            "{{\"model\":\"m\",\"message\":{{\"content\":\"\",\"tool_calls\":[{calls}]}},\"done\":false}}\n"
        )
    };
    let plain = r#"{"function":{"name":"f","arguments":{"z": 1.50}}}"#;
    let given = r#"{"id":"x","function":{"name":"f","arguments":{}}}"#;
    let stream = line(&format!("{plain},{plain}"))
        + &line(given)
        + &line(given)
        + "{\"done\":true,\"done_reason\":\"stop\"}\n";
    let (first, whole) = events(&Ollama, &Asked::default(), &stream);
    assert!(whole);
    let calls: Vec<crate::chat::Call> = folded(&first).choices[0]
        .parts
        .iter()
        .map(|part| match &part.body {
            Body::Call(call) => call.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls.iter().map(|call| call.arguments.as_str()).collect::<Vec<_>>(),
        ["{\"z\": 1.50}", "{\"z\": 1.50}", "{}", "{}"]
    );
    let ids: std::collections::HashSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    assert!(ids.len() == 4 && ids.contains("x") && crate::dialect::gemini::is_made(&calls[0].id));
    // The same stream gives the same ids.
    assert_eq!(events(&Ollama, &Asked::default(), &stream).0, first);
    assert_eq!(first.last(), Some(&Event::Stop { choice: 0, stop: Stop::ToolCalls, stop_text: None }));
    let mut request = chat(vec![user("u")]);
    request.tools = vec![custom("shell")];
    let shell = line(r#"{"function":{"name":"shell","arguments":{"input":"ls"}}}"#) + "{\"done\":true}";
    let reply = folded(&events(&Ollama, &asked(request), &shell).0);
    assert!(
        matches!(&reply.choices[0].parts[0].body, Body::Call(call) if call.custom && call.arguments == "ls")
    );
}

#[test]
fn an_answers_end_and_usage() {
    let body = r#"{"model":"m","created_at":"2024-05-24T21:01:59.481632Z","message":{"role":"assistant","thinking":"hm","content":"a"},
        "logprobs":[{"token":"a","logprob":-0.5}],"done":true,"done_reason":"length","eval_count":3}"#;
    let reply = Ollama.read_reply(body.as_bytes(), &Asked::default()).unwrap();
    let choice = &reply.choices[0];
    assert_eq!((choice.stop, reply.created), (Stop::Length, 1_716_584_519));
    // A prompt that was cached altogether is not counted.
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Output, 3)));
    assert_eq!(choice.logprobs.as_ref().unwrap().tree()["content"][0]["token"], "a");
    assert!(matches!(&choice.parts[0].body, Body::Reasoning(thought) if thought.text == "hm"));
    assert_eq!(choice.parts[1].as_text(), Some("a"));
}

#[test]
fn errors_with_status_200_and_cut_streams_are_no_answers() {
    let error = r#"{"error":"model requires more system memory"}"#;
    let refusal = Ollama.read_reply(error.as_bytes(), &Asked::default()).unwrap_err();
    assert_eq!(refusal.message, "model requires more system memory");
    assert!(Ollama.read_reply(br#"{"message":{"content":"a"},"done":false}"#, &Asked::default()).is_err());
    let begin = "{\"message\":{\"thinking\":\"a\"},\"done\":false}\n";
    let (told, whole) = events(&Ollama, &Asked::default(), &format!("{begin}{error}\n"));
    assert!(whole && matches!(told.last(), Some(Event::Fault(fault)) if fault.class == FaultClass::Unknown));
    let (told, whole) = events(&Ollama, &Asked::default(), begin);
    assert!(!whole && matches!(told.last(), Some(Event::ReasoningEnd { .. })));
    let busy = "{\"error\":\"too many requests\",\"status_code\":429}";
    let (told, _) = events(&Ollama, &Asked::default(), busy);
    assert!(matches!(told.last(), Some(Event::Fault(fault)) if fault.class == FaultClass::RateLimit));
}

proptest! {
    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        digest(&Ollama, &bytes);
        let inner = serde_json::to_string(&text).unwrap();
        digest(&Ollama, format!("{{\"created_at\":{inner},\"message\":{{\"content\":{inner}}},\"done\":true}}\n{text}").as_bytes());
        digest(&Ollama, format!("{{\"message\":{text},\"done\":{text}}}\n").as_bytes());
    }
}
