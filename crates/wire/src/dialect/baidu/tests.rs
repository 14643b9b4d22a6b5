use super::*;
use crate::dialect::plain::testing::*;
use crate::fault::FaultClass;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

const STREAM: &str = concat!(
    "data: {\"id\":\"as-1\",\"object\":\"chat.completion\",\"created\":7,\"sentence_id\":0,\"is_end\":false,\"is_truncated\":false,\"result\":\"he\",\"need_clear_history\":false,\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0,\"total_tokens\":3}}\n\n",
    "data: {\"id\":\"as-1\",\"created\":7,\"sentence_id\":1,\"is_end\":false,\"result\":\"llo\"}\n\n",
    "data: {\"id\":\"as-1\",\"created\":7,\"sentence_id\":2,\"is_end\":true,\"result\":\"\",\"finish_reason\":\"normal\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0,\"total_tokens\":8}}\n\n",
);
const CALL: &str = r#"{"id":"as-2","object":"chat.completion","created":7,"result":"","is_truncated":false,
    "need_clear_history":false,"finish_reason":"function_call","function_call":{"name":"f",
    "thoughts":"hm","arguments":"{\"x\":1}"},"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

fn f() -> serde_json::Value {
    json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } })
}

#[test]
fn a_request_alternates_with_the_system_prompt_apart() {
    let body = json!({
        "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": "a" },
            { "role": "user", "content": "b" },
            { "role": "assistant", "content": "c" },
            { "role": "user", "content": "d" },
        ],
        "stream": true, "temperature": 0, "top_p": 0.5, "frequency_penalty": 1, "max_tokens": 1, "stop": ["x"],
        "user": "u",
    });
    let (sent, lost) = written(&Baidu, "ERNIE-4.0-8K", body);
    assert_eq!(
        sent,
        json!({
            "messages": [
                { "role": "user", "content": "a\nb" }, { "role": "assistant", "content": "c" },
                { "role": "user", "content": "d" },
            ],
            "system": "be brief", "temperature": 0.01, "top_p": 0.5, "penalty_score": 1.5, "max_output_tokens": 2,
            "stop": ["x"], "stream": true, "user_id": "u",
        })
    );
    assert_eq!(lost, "approximated=frequency_penalty; clamped=temperature,max_tokens");
}

#[test]
fn several_calls_are_made_one_by_one() {
    let call =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "" } });
    let body = json!({
        "messages": [
            { "role": "user", "content": "a" },
            { "role": "assistant", "content": "wait", "tool_calls": [call("1"), call("2")] },
            { "role": "tool", "tool_call_id": "2", "content": "two" },
            { "role": "tool", "tool_call_id": "1", "content": "{\"one\":1}" },
            { "role": "user", "content": "and?" },
        ],
        "tools": [f()], "tool_choice": "required",
    });
    let (sent, lost) = written(&Baidu, "m", body);
    let asks = |text: &str| json!({ "role": "assistant", "content": text, "function_call": { "name": "f", "arguments": "{}" } });
    let gives = |text: &str| json!({ "role": "function", "name": "f", "content": text });
    assert_eq!(
        sent["messages"],
        json!([
            { "role": "user", "content": "a" },
            asks("wait"), gives("{\"one\":1}"), asks(""), gives("{\"output\":\"two\"}"),
            { "role": "assistant", "content": "(go on)" },
            { "role": "user", "content": "and?" },
        ])
    );
    assert_eq!(sent["messages"].as_array().unwrap().len() % 2, 1);
    assert_eq!(
        sent["functions"],
        json!([{ "name": "f", "description": "f", "parameters": { "type": "object" } }])
    );
    assert_eq!(sent["tool_choice"], json!({ "type": "function", "function": { "name": "f" } }));
    assert_eq!(lost, "approximated=messages");
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let body = json!({
        "messages": [{ "role": "assistant", "content": "a" }, { "role": "user", "content": "b" }],
        "seed": 1, "top_k": 5, "presence_penalty": 1, "response_format": { "type": "json_object" },
        "temperature": 1.5, "reasoning_effort": "low", "parallel_tool_calls": false,
        "tools": [f(), { "type": "function", "function": { "name": "g" } }], "tool_choice": "required",
    });
    let (sent, lost) = written(&Baidu, "m", body);
    assert_eq!(sent["messages"][0], json!({ "role": "user", "content": "(the conversation goes on)" }));
    assert_eq!(
        lost,
        "dropped=top_k,seed,presence_penalty,parallel_tool_calls,response_format,reasoning_effort,tool_choice; \
         approximated=messages[0]; clamped=temperature"
    );
    let picture = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x" } }] }]);
    assert_eq!(refused(&Baidu, "m", json!({ "messages": picture })), "messages[0].content[0]");
    let broken = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": null, "tool_calls": [
        { "id": "1", "type": "function", "function": { "name": "f", "arguments": "{" } }] },
        { "role": "tool", "tool_call_id": "1", "content": "x" }]);
    assert_eq!(refused(&Baidu, "m", json!({ "messages": broken })), "messages[1].content[0]");
}

#[test]
fn a_stream_ends_when_it_says_so() {
    let reply = streamed(&Baidu, STREAM);
    assert_eq!(short(&reply), ("hello".to_owned(), Stop::End));
    assert_eq!((reply.id.as_str(), reply.created), ("as-1", 7));
    // Streams tell the sum only.
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Input, 3).with(Bucket::Output, 5)));
    let cut = STREAM.rfind("data:").unwrap();
    assert!(!follow(&Baidu, &[&STREAM.as_bytes()[..cut]]).1);
}

#[test]
fn a_whole_answer_may_call_a_function() {
    let reply = Baidu.read_reply(CALL.as_bytes(), &asked("m")).unwrap();
    let (said, stop) = short(&reply);
    assert!(said.starts_with("(hm)|f{\"x\":1}#call_") && said.ends_with("_0"), "{said}");
    assert_eq!(stop, Stop::ToolCalls);
    assert_eq!(Baidu.read_reply(CALL.as_bytes(), &asked("m")).unwrap(), reply);
    for (member, stop) in [
        (r#""is_truncated":true"#, Stop::Length),
        (r#""finish_reason":"content_filter""#, Stop::Filtered),
        (r#""need_clear_history":true"#, Stop::Filtered),
        (r#""finish_reason":"stop""#, Stop::End),
    ] {
        let body = format!(r#"{{"id":"1","result":"x",{member}}}"#);
        assert_eq!(short(&Baidu.read_reply(body.as_bytes(), &asked("m")).unwrap()), ("x".to_owned(), stop));
    }
}

#[test]
fn errors_come_with_status_200() {
    let error = r#"{"error_code":18,"error_msg":"Open api qps request limit reached"}"#;
    let told = "Open api qps request limit reached".to_owned();
    assert_eq!(Baidu.read_reply(error.as_bytes(), &asked("m")).unwrap_err().message, told);
    assert_eq!(fault(&Baidu, &format!("data: {error}\n\n")), (FaultClass::RateLimit, told));
    assert!(Baidu.read_reply(b"{}", &asked("m")).is_err());
}

#[test]
fn addresses_of_models() {
    for (model, last) in [
        ("ERNIE-4.0-8K", "completions_pro"),
        ("ERNIE-Bot-turbo", "eb-instant"),
        ("ERNIE-Speed-128K", "ernie-speed-128k"),
        ("tao-8k", "tao_8k"),
        ("ERNIE-Novel-8K", "ernie-novel-8k"),
    ] {
        assert_eq!(slug(model), last);
    }
}

#[test]
fn no_bytes_panic() {
    survives(&Baidu, &[STREAM, CALL]);
}
