use super::*;
use crate::chat::{Body, Effort, Media, Part, ReasoningAsk, Stop};
use crate::dialect::plain::testing::*;
use crate::fault::FaultClass;
use magic_domain::usage::{Bucket, Usage};
use serde_json::{Value, json};

const STREAM: &str = concat!(
    "id:1\nevent:result\n:HTTP_STATUS/200\ndata:{\"output\":{\"choices\":[{\"message\":{\"content\":\"\",",
    "\"reasoning_content\":\"hm\",\"role\":\"assistant\"},\"finish_reason\":\"null\"}]},\"usage\":",
    "{\"input_tokens\":9,\"output_tokens\":1,\"total_tokens\":10},\"request_id\":\"r\"}\n\n",
    "id:2\nevent:result\n:HTTP_STATUS/200\ndata:{\"output\":{\"choices\":[{\"message\":{\"content\":\"hi\",",
    "\"reasoning_content\":\"\",\"role\":\"assistant\"},\"finish_reason\":\"null\"}]},\"request_id\":\"r\"}\n\n",
    "id:3\nevent:result\n:HTTP_STATUS/200\ndata:{\"output\":{\"choices\":[{\"message\":{\"content\":\"\",",
    "\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]},\"usage\":{\"input_tokens\":9,\"output_tokens\":5,",
    "\"total_tokens\":14,\"prompt_tokens_details\":{\"cached_tokens\":4},",
    "\"output_tokens_details\":{\"reasoning_tokens\":2}},\"request_id\":\"r\"}\n\n",
);
const WHOLE: &str = r#"{"output":{"choices":[{"message":{"content":[{"text":"a"},{"image":"https://x/y.png"}],
    "role":"assistant"},"finish_reason":"length"}]},"usage":{"input_tokens":3,"output_tokens":2},"request_id":"q"}"#;

fn user(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

#[test]
fn a_text_request_has_texts_and_its_settings_in_parameters() {
    let body = json!({
        "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
            { "role": "assistant", "content": null, "tool_calls": [{ "id": "c1", "type": "function",
                "function": { "name": "f", "arguments": "{\"x\": 1}" } }] },
            { "role": "tool", "tool_call_id": "c1", "content": "42" },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "description": "d", "parameters": { "type": "object" } } }],
        "tool_choice": "required", "parallel_tool_calls": true,
        "stream": true, "max_tokens": 7, "temperature": 2, "top_p": 1, "seed": 5, "stop": ["x"],
        "presence_penalty": 0.5, "response_format": { "type": "json_object" },
        "enable_search": true, "search_options": { "forced_search": true },
    });
    let (sent, lost) = written(&DashScope, "qwen-plus", body);
    assert_eq!(
        sent,
        json!({
            "model": "qwen-plus",
            "input": { "messages": [
                { "role": "system", "content": "be brief" },
                { "role": "user", "content": "a\nb" },
                { "role": "assistant", "content": "", "tool_calls": [{ "id": "c1", "type": "function",
                    "function": { "name": "f", "arguments": "{\"x\": 1}" } }] },
                { "role": "tool", "content": "42", "tool_call_id": "c1" },
            ] },
            "parameters": {
                "result_format": "message", "incremental_output": true, "max_tokens": 7, "temperature": 1.99,
                "top_p": 0.9999, "stop": ["x"], "seed": 5, "presence_penalty": 0.5,
                "response_format": { "type": "json_object" },
                "tools": [{ "type": "function", "function": { "name": "f", "description": "d", "parameters": { "type": "object" } } }],
                "tool_choice": { "type": "function", "function": { "name": "f" } },
                "parallel_tool_calls": true, "enable_search": true, "search_options": { "forced_search": true },
            },
        })
    );
    assert_eq!(lost, "clamped=temperature");
}

#[test]
fn pictures_make_every_content_a_list() {
    let shown = json!([{ "role": "system", "content": "s" }, { "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "https://x/y.png" } },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
        { "type": "text", "text": "what?" },
    ] }]);
    let (sent, lost) = written(&DashScope, "qwen-vl-plus", json!({ "messages": shown }));
    assert_eq!(
        sent["input"]["messages"],
        json!([
            { "role": "system", "content": [{ "text": "s" }] },
            { "role": "user", "content": [
                { "image": "https://x/y.png" }, { "image": "data:image/png;base64,AAAA" }, { "text": "what?" },
            ] },
        ])
    );
    assert_eq!(sent["parameters"], json!({ "result_format": "message" }));
    assert_eq!(lost, "");
    assert!(multimodal(&chat(json!({ "messages": shown })), "qwen-plus"));
    assert!(multimodal(&chat(json!({ "messages": user("x") })), "qwen2.5-vl-7b-instruct"));
    assert!(!multimodal(&chat(json!({ "messages": user("x") })), "qwen-plus"));
}

#[test]
fn the_end_of_a_name_has_the_model_search() {
    let (sent, _) = written(&DashScope, "qwen-max-internet", json!({ "messages": user("x") }));
    assert_eq!((&sent["model"], &sent["parameters"]["enable_search"]), (&json!("qwen-max"), &json!(true)));
    let (sent, _) =
        written(&DashScope, "qwen-max", json!({ "messages": user("x"), "web_search_options": {} }));
    assert_eq!(sent["parameters"]["enable_search"], true);
}

#[test]
fn thinking_is_switched_and_counted() {
    let parameters = |model: &str, stream: bool, ask: Option<ReasoningAsk>| {
        let mut chat = chat(json!({ "messages": user("x"), "stream": stream }));
        chat.reasoning = ask;
        let mut lost = Losses::default();
        let to = To { model, kind: 17, default_max_output: 1 };
        let sent: Value =
            serde_json::from_str(&DashScope.write_request(&chat, &to, &mut lost).unwrap()).unwrap();
        let all = &sent["parameters"];
        (all["enable_thinking"].clone(), all["thinking_budget"].clone(), lost.header())
    };
    let ask = |effort, budget, off| Some(ReasoningAsk { effort, budget, off, show: None });
    assert_eq!(parameters("qwen-plus", false, None), (json!(null), json!(null), None));
    assert_eq!(parameters("qwen-plus", true, ask(None, Some(500), false)), (json!(true), json!(500), None));
    assert_eq!(parameters("qwen-plus", true, ask(None, None, true)), (json!(false), json!(null), None));
    let told = Some("approximated=reasoning_effort".to_owned());
    assert_eq!(
        parameters("qwen-plus", true, ask(Some(Effort::High), None, false)),
        (json!(true), json!(4096), told)
    );
    // The open models think in streams only.
    let told = Some("dropped=reasoning_effort".to_owned());
    assert_eq!(
        parameters("qwen3-8b", false, ask(Some(Effort::High), None, false)),
        (json!(false), json!(null), told)
    );
    assert_eq!(parameters("qwen3-8b", false, None), (json!(false), json!(null), None));
    assert_eq!(parameters("qwen3-8b", true, None), (json!(null), json!(null), None));
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let body = json!({
        "messages": user("x"), "frequency_penalty": 1, "logit_bias": { "1": 2 }, "service_tier": "flex",
        "seed": -1, "x_unknown": 1,
    });
    let (sent, lost) = written(&DashScope, "qwen-plus", body);
    assert_eq!(sent["parameters"]["seed"], i32::MAX);
    assert_eq!(lost, "dropped=frequency_penalty,logit_bias,service_tier,x_unknown; approximated=seed");
    let two = json!([
        { "type": "function", "function": { "name": "f" } }, { "type": "function", "function": { "name": "g" } }
    ]);
    let (_, lost) = written(
        &DashScope,
        "qwen-plus",
        json!({ "messages": user("x"), "tools": two, "tool_choice": "required" }),
    );
    assert_eq!(lost, "dropped=tool_choice");
    assert_eq!(refused(&DashScope, "m", json!({ "messages": user("x"), "n": 9 })), "n");
    let file = json!([{ "role": "user", "content": [{ "type": "file", "file": { "file_id": "f" } }] }]);
    assert_eq!(refused(&DashScope, "m", json!({ "messages": file })), "messages[0].content[0]");
}

#[test]
fn a_stream_is_reasoning_then_text_and_ends_once() {
    let reply = streamed(&DashScope, STREAM);
    assert_eq!(short(&reply), ("(hm)|hi".to_owned(), Stop::End));
    assert_eq!((reply.id.as_str(), reply.model.as_str()), ("r", "m"));
    let usage = Usage::default()
        .with(Bucket::Input, 5)
        .with(Bucket::CacheRead, 4)
        .with(Bucket::Output, 3)
        .with(Bucket::Reasoning, 2);
    assert_eq!(reply.usage, Some(usage));
    // Without its last event the stream was cut off.
    let cut = STREAM.rfind("id:3").unwrap();
    assert!(!follow(&DashScope, &[&STREAM.as_bytes()[..cut]]).1);
}

#[test]
fn a_whole_answer_may_show_pictures() {
    let reply = DashScope.read_reply(WHOLE.as_bytes(), &asked("m")).unwrap();
    let (said, stop) = short(&reply);
    assert!(said.starts_with("a|[Image") && said.contains("https://x/y.png"), "{said}");
    assert_eq!(stop, Stop::Length);
    assert!(DashScope.read_reply(br#"{"request_id":"r"}"#, &asked("m")).is_err());
}

#[test]
fn answers_in_the_first_format_are_a_text() {
    let stream = concat!(
        "id:1\nevent:result\ndata:{\"output\":{\"finish_reason\":\"null\",\"text\":\"1\"},\"request_id\":\"r\"}\n\n",
        "id:2\nevent:result\ndata:{\"output\":{\"finish_reason\":\"stop\",\"text\":\", 2\"},\"request_id\":\"r\"}\n\n",
    );
    assert_eq!(short(&streamed(&DashScope, stream)), ("1, 2".to_owned(), Stop::End));
}

#[test]
fn results_are_texts_and_what_they_show_follows() {
    let mut chat = chat(json!({ "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "c1", "type": "function",
            "function": { "name": "f", "arguments": "" } }] },
        { "role": "tool", "tool_call_id": "c1", "content": [{ "type": "text", "text": "x" }, { "type": "text", "text": "y" }] },
    ] }));
    let messages = |chat: &ChatRequest| -> Value {
        let to = To { model: "m", kind: 17, default_max_output: 1 };
        let text = DashScope.write_request(chat, &to, &mut Losses::default()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["input"]["messages"].clone()
    };
    assert_eq!(messages(&chat)[2], json!({ "role": "tool", "content": "x\ny", "tool_call_id": "c1" }));
    let Some(Body::Result(result)) = chat.messages[2].parts.first_mut().map(|part| &mut part.body) else {
        panic!("no result")
    };
    result.is_error = true;
    let media = Media::Inline { mime: "image/png".into(), base64: "AAAA".into() };
    result.parts.push(Part::new(Body::Image { media, detail: None }));
    let sent = messages(&chat);
    assert_eq!(
        sent[2],
        json!({ "role": "tool", "content": [{ "text": "Error: x\ny" }], "tool_call_id": "c1" })
    );
    assert_eq!(sent[3], json!({ "role": "user", "content": [{ "image": "data:image/png;base64,AAAA" }] }));
}

#[test]
fn errors_have_a_class_wherever_they_come() {
    let body = r#"{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"r"}"#;
    assert_eq!(
        DashScope.read_reply(body.as_bytes(), &asked("m")).unwrap_err().message,
        "Invalid API-key provided."
    );
    for (code, status, class) in [
        ("InvalidApiKey", 200, FaultClass::Auth),
        ("Arrearage", 400, FaultClass::Quota),
        ("DataInspectionFailed", 400, FaultClass::ContentFilter),
        ("data_inspection_failed", 400, FaultClass::ContentFilter),
        ("Throttling.RateQuota", 429, FaultClass::RateLimit),
        ("Throttling.AllocationQuota", 200, FaultClass::RateLimit),
        ("InvalidParameter", 400, FaultClass::InvalidRequest),
        ("ModelNotFound", 404, FaultClass::NotFound),
        ("InternalError", 500, FaultClass::Server),
        // What the code does not say, the comment of the event does.
        ("Other", 404, FaultClass::NotFound),
        ("Other", 200, FaultClass::Unknown),
    ] {
        let frame = format!(
            "id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{{\"code\":\"{code}\",\"message\":\"no\",\"request_id\":\"r\"}}\n\n"
        );
        assert_eq!(fault(&DashScope, &frame), (class, "no".to_owned()), "{code}");
    }
}

#[test]
fn no_bytes_panic() {
    survives(&DashScope, &[STREAM, WHOLE]);
}
