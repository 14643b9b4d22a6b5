use super::*;
use crate::chat::{
    Body, Effort, Event, Media, Message, OutputFormat, Part, Reasoning, ReasoningAsk, Role, Sampling, Stop,
    Tool, ToolChoice, WebSearch,
};
use crate::dialect::kit::tests::{
    asked, call, chat, custom, digest, events, folded, image, json as raw, refused, result, tool, written,
};
use crate::fault::FaultClass;
use magic_domain::usage::{Bucket, Usage};
use proptest::prelude::*;
use serde_json::json;

const MODEL: &str = "command-a-03-2025";
const THINKER: &str = "command-a-reasoning-08-2025";

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

#[test]
fn a_whole_conversation_is_written_in_order() {
    let chat = chat(vec![
        Message::text(Role::System, "be brief"),
        user("dice"),
        Message::new(
            Role::Assistant,
            vec![Part::text("I will roll."), call("1", "roll", ""), call("2", "roll", r#"{"b":1,"a":2}"#)],
        ),
        Message::new(Role::User, vec![result("1", vec![Part::text("6"), image()], false)]),
        Message::new(Role::User, vec![result("2", vec![Part::text("no")], true), Part::text("go on")]),
        Message::text(Role::System, "be kind"),
        Message::text(Role::Assistant, "fine"),
        Message::new(Role::User, vec![Part::text("and?"), Part::text(""), image()]),
    ]);
    let (body, lost) = written(&Cohere, &chat, MODEL);
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}});
    let expected = json!({
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "dice"},
            {"role": "assistant", "tool_plan": "I will roll.", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "roll", "arguments": "{}"}},
                {"id": "2", "type": "function", "function": {"name": "roll", "arguments": "{\"b\":1,\"a\":2}"}},
            ]},
            {"role": "tool", "tool_call_id": "1", "content": "6"},
            {"role": "user", "content": [image]},
            {"role": "tool", "tool_call_id": "2", "content": "Error: no"},
            {"role": "user", "content": "go on"},
            {"role": "system", "content": "be kind"},
            {"role": "assistant", "content": [{"type": "text", "text": "fine"}]},
            {"role": "user", "content": [{"type": "text", "text": "and?"}, image]},
        ],
        "stream": false,
    });
    assert_eq!((body, lost), (expected, None));
}

#[test]
fn a_call_without_a_result_gets_one_and_a_result_without_a_call_is_refused() {
    let open =
        chat(vec![user("u"), Message::new(Role::Assistant, vec![call("1", "f", "")]), user("never mind")]);
    assert_eq!(written(&Cohere, &open, MODEL).0["messages"][2]["content"], "Error: no result was given");
    assert_eq!(
        refused(&Cohere, &chat(vec![Message::new(Role::User, vec![result("9", vec![], false)])])),
        "messages"
    );
    let bad = chat(vec![user("u"), Message::new(Role::Assistant, vec![call("1", "f", "{")])]);
    assert_eq!(refused(&Cohere, &bad), "messages[1].content[0].arguments");
}

#[test]
fn settings_have_coheres_names_and_bounds() {
    let mut chat = chat(vec![user("u")]);
    chat.stream = true;
    chat.sampling = Sampling {
        max_output: Some(9),
        temperature: Some(0.5),
        top_p: Some(1.0),
        top_k: Some(1000),
        stop: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        seed: Some(-7),
        presence_penalty: Some(-1.0),
        frequency_penalty: Some(0.5),
        n: Some(1),
        logprobs: Some(true),
        top_logprobs: Some(3),
        logit_bias: Some(raw("{}")),
    };
    let (body, lost) = written(&Cohere, &chat, MODEL);
    let expected = json!({
        "model": MODEL, "messages": [{"role": "user", "content": "u"}], "max_tokens": 9, "temperature": 0.5,
        "p": 0.99, "k": 500, "stop_sequences": ["a", "b", "c", "d", "e"], "seed": 7,
        "frequency_penalty": 0.5, "presence_penalty": 0.0, "logprobs": true, "stream": true,
    });
    assert_eq!(body, expected);
    let told =
        "dropped=logit_bias,stop[5],top_logprobs; approximated=seed; clamped=top_p,top_k,presence_penalty";
    assert_eq!(lost.as_deref(), Some(told));
    chat.sampling.n = Some(2);
    assert_eq!(refused(&Cohere, &chat), "n");
}

#[test]
fn tools_and_the_choice_among_them() {
    let mut chat = chat(vec![user("u")]);
    chat.tools = vec![tool("a"), tool("b"), custom("c")];
    let (body, lost) = written(&Cohere, &chat, MODEL);
    let a = json!({"type": "function", "function": {"name": "a", "description": "does a",
        "parameters": {"type": "object", "properties": {"z": {"type": "string"}}}}});
    assert_eq!((&body["tools"][0], body["tools"].as_array().unwrap().len()), (&a, 3));
    assert_eq!(body["tools"][2]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!((body.get("tool_choice"), lost.as_deref()), (None, Some("approximated=tools[2]")));
    for (choice, word, count) in [
        (ToolChoice::Auto, None, 3),
        (ToolChoice::None, Some("NONE"), 3),
        (ToolChoice::Required, Some("REQUIRED"), 3),
        (ToolChoice::Named("b".into()), Some("REQUIRED"), 1),
        (ToolChoice::Allowed { names: vec!["a".into(), "b".into()], required: false }, None, 2),
        (ToolChoice::Allowed { names: vec!["a".into(), "b".into()], required: true }, Some("REQUIRED"), 2),
    ] {
        chat.tool_choice = Some(choice);
        let body = written(&Cohere, &chat, MODEL).0;
        let found = body.get("tool_choice").and_then(|word| word.as_str());
        assert_eq!((found, body["tools"].as_array().unwrap().len()), (word, count));
    }
    chat.tool_choice = None;
    let strict = |name: &str| match tool(name) {
        Tool::Function { name, description, schema, cache, .. } => {
            Tool::Function { name, description, schema, cache, strict: Some(true) }
        }
        other => other,
    };
    chat.tools = vec![strict("a"), strict("b")];
    assert_eq!(written(&Cohere, &chat, MODEL).0["strict_tools"], true);
    chat.tools = vec![strict("a"), tool("b")];
    assert_eq!(written(&Cohere, &chat, MODEL).1.as_deref(), Some("dropped=tools.strict"));
}

#[test]
fn a_formatted_answer_excludes_tools_and_documents() {
    let schema = OutputFormat::Schema {
        name: None,
        description: None,
        schema: raw(r#"{"type":"object"}"#),
        strict: None,
    };
    let mut chat = chat(vec![user("u")]);
    chat.output = OutputFormat::Json;
    assert_eq!(written(&Cohere, &chat, MODEL).0["response_format"], json!({"type": "json_object"}));
    chat.output = schema;
    let format = json!({"type": "json_object", "json_schema": {"type": "object"}});
    assert_eq!(written(&Cohere, &chat, MODEL).0["response_format"], format);
    let file = Body::File { media: Media::Text("facts".into()), name: Some("a.txt".into()) };
    chat.messages.push(Message::new(Role::User, vec![Part::new(file), Part::text("so?")]));
    let body = written(&Cohere, &chat, MODEL).0;
    assert_eq!(body["messages"][1]["content"][0]["text"], "# a.txt\n\nfacts");
    assert_eq!(body["response_format"], format);
    chat.output = OutputFormat::Text;
    let body = written(&Cohere, &chat, MODEL).0;
    assert_eq!(body["documents"], json!([{"id": "document_0", "data": {"title": "a.txt", "text": "facts"}}]));
    assert_eq!(body["messages"][1]["content"], "so?");
    chat.output = OutputFormat::Json;
    chat.tools = vec![tool("a")];
    let (body, lost) = written(&Cohere, &chat, MODEL);
    assert_eq!((body.get("response_format"), lost.as_deref()), (None, Some("dropped=response_format")));
}

#[test]
fn coheres_own_words_may_come_from_callers_of_other_dialects() {
    let mut chat = chat(vec![user("u")]);
    chat.extra = vec![
        ("safety_mode".into(), raw("\"STRICT\"")),
        ("documents".into(), raw(r#"["x",{"data":{"text":"y"}}]"#)),
        ("citation_options".into(), raw(r#"{"mode":"OFF"}"#)),
        ("prediction".into(), raw("{}")),
    ];
    let (body, lost) = written(&Cohere, &chat, MODEL);
    assert_eq!(body["safety_mode"], "STRICT");
    assert_eq!(body["documents"], json!(["x", {"data": {"text": "y"}}]));
    assert_eq!(body["citation_options"], json!({"mode": "OFF"}));
    assert_eq!(lost.as_deref(), Some("dropped=prediction"));
    chat.extra = vec![("documents".into(), raw("1"))];
    assert_eq!(refused(&Cohere, &chat), "documents");
}

#[test]
fn thinking_is_asked_of_models_that_can() {
    let mut chat = chat(vec![
        user("u"),
        Message::new(
            Role::Assistant,
            vec![
                Part::new(Body::Reasoning(Reasoning { text: "hm".into(), ..Reasoning::default() })),
                Part::text("a"),
            ],
        ),
        user("v"),
    ]);
    for (ask, expected) in [
        (
            ReasoningAsk { effort: Some(Effort::Medium), ..ReasoningAsk::default() },
            json!({"type": "enabled", "token_budget": 2048}),
        ),
        (ReasoningAsk { budget: Some(-1), ..ReasoningAsk::default() }, json!({"type": "enabled"})),
        (ReasoningAsk { off: true, ..ReasoningAsk::default() }, json!({"type": "disabled"})),
        (ReasoningAsk::default(), json!(null)),
    ] {
        chat.reasoning = Some(ask);
        let body = written(&Cohere, &chat, THINKER).0;
        assert_eq!(body["thinking"], expected);
        assert_eq!(body["messages"][1]["content"][0], json!({"type": "thinking", "thinking": "hm"}));
    }
    chat.reasoning = Some(ReasoningAsk { effort: Some(Effort::Low), ..ReasoningAsk::default() });
    chat.sampling.max_output = Some(1000);
    let (body, lost) = written(&Cohere, &chat, THINKER);
    assert_eq!(
        (&body["thinking"], lost.as_deref()),
        (&json!({"type": "enabled"}), Some("approximated=reasoning_effort"))
    );
    let (body, lost) = written(&Cohere, &chat, MODEL);
    assert_eq!(lost.as_deref(), Some("dropped=reasoning_effort"));
    assert_eq!((body.get("thinking"), body["messages"][1]["content"].as_array().unwrap().len()), (None, 1));
}

#[test]
fn what_cohere_has_no_word_for_is_told_or_refused() {
    let mut chat = chat(vec![Message { name: Some("eve".into()), ..user("u") }]);
    chat.tools = vec![tool("a"), Tool::Hosted { dialect: crate::chat::Dialect::Gemini, json: raw("{}") }];
    chat.parallel_tools = Some(false);
    chat.web_search = Some(WebSearch::default());
    chat.modalities = vec!["audio".into()];
    chat.audio = Some(raw("{}"));
    chat.service_tier = Some("flex".into());
    chat.verbosity = Some("low".into());
    chat.messages.push(Message::new(Role::Assistant, vec![image(), Part::text("a")]));
    let told = "dropped=web_search_options,modalities,audio,service_tier,verbosity,parallel_tool_calls,\
                messages[0].name,tools[1],messages[1].content[0]";
    assert_eq!(written(&Cohere, &chat, MODEL).1.as_deref(), Some(told));
    let media = || Media::Inline { mime: "application/pdf".into(), base64: "aGk=".into() };
    for body in [Body::Audio(media()), Body::Video(media()), Body::File { media: media(), name: None }] {
        let chat = self::chat(vec![Message::new(Role::User, vec![Part::text("u"), Part::new(body)])]);
        assert_eq!(refused(&Cohere, &chat), "messages[0].content[1]");
    }
    chat.previous_response = Some("r".into());
    assert_eq!(refused(&Cohere, &chat), "previous_response_id");
    assert_eq!(refused(&Cohere, &self::chat(Vec::new())), "messages");
}

#[test]
fn an_answers_parts_are_read() {
    let mut request = chat(vec![user("u")]);
    request.tools = vec![custom("shell"), tool("f")];
    request.sampling.stop = vec!["END".into()];
    let body = json!({
        "id": "1", "finish_reason": "STOP_SEQUENCE",
        "message": {
            "role": "assistant", "tool_plan": "plan. ",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Ruby"}],
            "citations": [{"start": 0, "end": 4, "text": "Ruby", "content_index": 1, "type": "TEXT_CONTENT", "sources": [
                {"type": "document", "id": "doc:0", "document": {"title": "t", "url": "https://x"}},
                {"type": "tool", "id": "f:0", "tool_output": {"output": "y"}},
            ]}, {"start": 0, "end": 2, "type": "PLAN", "sources": [{"id": "p"}]},
            {"start": 0, "end": 2, "type": "THINKING_CONTENT", "sources": [{"id": "t"}]}],
        },
        "logprobs": [{"token_ids": [1], "text": "Ru", "logprobs": [-0.5]}],
        "usage": {"tokens": {"input_tokens": 10, "output_tokens": 5}, "cached_tokens": 4},
    });
    let reply = Cohere.read_reply(body.to_string().as_bytes(), &asked(request.clone())).unwrap();
    let choice = &reply.choices[0];
    assert_eq!((choice.stop, choice.stop_text.as_deref()), (Stop::StopSequence, Some("END")));
    assert!(matches!(&choice.parts[0].body, Body::Reasoning(thought) if thought.text == "hm"));
    let Body::Text { text, annotations } = &choice.parts[1].body else { panic!("{choice:?}") };
    assert_eq!((text.as_str(), annotations.len(), annotations[0].title.as_str()), ("plan. ", 1, "p"));
    let Body::Text { text, annotations } = &choice.parts[2].body else { panic!("{choice:?}") };
    assert_eq!((text.as_str(), annotations.len()), ("Ruby", 2));
    assert_eq!(
        (annotations[0].url.as_str(), annotations[0].title.as_str(), annotations[0].end),
        ("https://x", "t", 4)
    );
    assert_eq!((annotations[1].url.as_str(), annotations[1].title.as_str()), ("", "f:0"));
    assert_eq!(choice.logprobs.as_ref().unwrap().tree()["content"][0]["token"], "Ru");
    let usage = Usage::default().with(Bucket::Input, 6).with(Bucket::CacheRead, 4).with(Bucket::Output, 5);
    assert_eq!(reply.usage, Some(usage));
    let calls = json!({"id": "1", "finish_reason": "COMPLETE", "message": {"tool_calls": [
        {"id": "", "function": {"name": "shell", "arguments": "{\"input\":\"ls\"}"}},
    ]}});
    let reply = Cohere.read_reply(calls.to_string().as_bytes(), &asked(request)).unwrap();
    let Body::Call(call) = &reply.choices[0].parts[0].body else { panic!("{reply:?}") };
    assert_eq!((call.id.as_str(), call.arguments.as_str(), call.custom), ("call_0", "ls", true));
    assert_eq!((reply.choices[0].stop, reply.usage), (Stop::ToolCalls, None));
}

#[test]
fn errors_with_status_200_are_errors() {
    for (body, message) in [
        (r#"{"id":"1","message":"invalid api token"}"#, "invalid api token"),
        (r#"{"id":"1","message":{"content":[]},"finish_reason":"ERROR","error":"broken"}"#, "broken"),
        (r#"{"message":{},"finish_reason":"TIMEOUT"}"#, "the vendor failed in the middle: TIMEOUT"),
    ] {
        assert_eq!(Cohere.read_reply(body.as_bytes(), &Asked::default()).unwrap_err().message, message);
    }
    for (stream, class) in [
        (
            "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"x\"}}\n\n",
            FaultClass::Server,
        ),
        (
            "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"TIMEOUT\"}}\n\n",
            FaultClass::Timeout,
        ),
        ("data: {\"id\":\"1\",\"message\":\"too many tokens: 9\"}\n\n", FaultClass::ContextLength),
    ] {
        let (events, _) = events(&Cohere, &Asked::default(), stream);
        assert!(matches!(events.last(), Some(Event::Fault(fault)) if fault.class == class), "{events:?}");
    }
}

/// Found by fuzzing: the reasoning that was open was ended after the error.
#[test]
fn nothing_follows_an_error_in_the_middle() {
    let stream = concat!(
        "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"thinking\":\"hm\"}}}}\n\n",
        "data: {\"message\":\"overloaded\"}\n\n",
    );
    let (events, _) = events(&Cohere, &Asked::default(), stream);
    let [.., Event::ReasoningEnd { .. }, Event::Fault(fault)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(fault.message, "overloaded");
}

#[test]
fn a_custom_tools_text_comes_whole() {
    let mut request = chat(vec![user("u")]);
    request.tools = vec![custom("shell")];
    let line = |text: &str| format!("data: {text}\n\n");
    let stream = [
        r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","function":{"name":"shell","arguments":""}}}}}"#,
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"input\":"}}}}}"#,
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"\"ls\"}"}}}}}"#,
        r#"{"type":"tool-call-end","index":0}"#,
        r#"{"type":"unheard-of","index":0}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}"#,
    ]
    .map(line)
    .concat();
    let (events, whole) = events(&Cohere, &asked(request), &stream);
    let reply = folded(&events);
    let Body::Call(call) = &reply.choices[0].parts[0].body else { panic!("{events:?}") };
    assert_eq!((call.arguments.as_str(), call.custom, whole), ("ls", true, true));
}

#[test]
fn sources_in_a_stream_belong_to_texts_alone() {
    let line = |text: &str| format!("data: {text}\n\n");
    let source = |kind: &str| {
        let citation = json!({"start": 0, "end": 1, "type": kind, "sources": [{"id": kind}]});
        json!({"type": "citation-start", "delta": {"message": {"citations": citation}}}).to_string()
    };
    let stream = [
        r#"{"type":"content-start","delta":{"message":{"content":{"type":"thinking","thinking":"hm"}}}}"#
            .to_owned(),
        source("THINKING_CONTENT"),
        r#"{"type":"content-delta","delta":{"message":{"content":{"thinking":"m"}}}}"#.to_owned(),
        r#"{"type":"content-delta","delta":{"message":{"content":{"text":"a"}}}}"#.to_owned(),
        source("TEXT_CONTENT"),
        r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#.to_owned(),
    ]
    .map(|text| line(&text))
    .concat();
    let (told, _) = events(&Cohere, &Asked::default(), &stream);
    // The reasoning ends where the text begins, although nothing says so.
    let end = told.iter().position(|event| matches!(event, Event::ReasoningEnd { .. })).unwrap();
    assert!(matches!(&told[end + 1], Event::Text { .. }), "{told:?}");
    let reply = folded(&told);
    let [thought, said] = reply.choices[0].parts.as_slice() else { panic!("{reply:?}") };
    assert!(matches!(&thought.body, Body::Reasoning(thought) if thought.text == "hmm"));
    let Body::Text { annotations, .. } = &said.body else { panic!("{said:?}") };
    assert_eq!(annotations.iter().map(|one| one.title.as_str()).collect::<Vec<_>>(), ["TEXT_CONTENT"]);
}

#[test]
fn whatever_comes_first_has_a_start_before_it() {
    for first in [
        json!({"type": "citation-start", "delta": {"message": {"citations": {"start": 0, "end": 1, "sources": [{"id": "a"}]}}}}),
        json!({"type": "content-delta", "delta": {"message": {}}, "logprobs": {"text": "a", "token_ids": [1], "logprobs": [-0.5]}}),
        json!({"type": "content-delta", "delta": {"message": {"content": {}}}, "logprobs": {"text": "a", "token_ids": [1], "logprobs": [-0.5]}}),
    ] {
        let (events, _) = events(&Cohere, &Asked::default(), &format!("data: {first}\n\n"));
        assert!(matches!(events.first(), Some(Event::Start { .. })), "{first}: {events:?}");
        assert_eq!(events.len(), 2, "{first}: {events:?}");
    }
}

proptest! {
    #[test]
    fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        digest(&Cohere, &bytes);
        for kind in ["content-start", "content-delta", "citation-start", "tool-call-start", "tool-call-delta", "message-end"] {
            let inner = serde_json::to_string(&text).unwrap();
            digest(&Cohere, format!("data: {{\"type\":\"{kind}\",\"delta\":{{\"message\":{inner}}}}}\n\n").as_bytes());
            digest(&Cohere, format!("data: {{\"type\":\"{kind}\",\"delta\":{text}}}\n\n").as_bytes());
        }
    }
}
