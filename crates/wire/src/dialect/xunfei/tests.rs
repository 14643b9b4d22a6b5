use super::*;
use crate::dialect::plain::testing::*;
use crate::fault::FaultClass;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

const STREAM: &str = concat!(
    "data: {\"header\":{\"code\":0,\"message\":\"Success\",\"sid\":\"s1\",\"status\":0},\"payload\":{\"choices\":{\"status\":0,\"seq\":0,\"text\":[{\"content\":\"\",\"reasoning_content\":\"hm\",\"role\":\"assistant\",\"index\":0}]}}}\n\n",
    "data: {\"header\":{\"code\":0,\"message\":\"Success\",\"sid\":\"s1\",\"status\":1},\"payload\":{\"choices\":{\"status\":1,\"seq\":1,\"text\":[{\"content\":\"hi\",\"role\":\"assistant\",\"index\":0}]}}}\n\n",
    "data: {\"header\":{\"code\":0,\"message\":\"Success\",\"sid\":\"s1\",\"status\":2},\"payload\":{\"choices\":{\"status\":2,\"seq\":2,\"text\":[{\"content\":\"!\",\"role\":\"assistant\",\"index\":0}]},\"usage\":{\"text\":{\"question_tokens\":2,\"prompt_tokens\":4,\"completion_tokens\":3,\"total_tokens\":7}}}}\n\n",
);
const CALL: &str = concat!(
    "data: {\"header\":{\"code\":0,\"message\":\"Success\",\"sid\":\"s2\",\"status\":2},\"payload\":{\"choices\":{\"status\":2,\"seq\":0,",
    "\"text\":[{\"content\":\"\",\"role\":\"assistant\",\"content_type\":\"text\",\"function_call\":{\"arguments\":\"{\\\"x\\\":1}\",\"name\":\"f\"},\"index\":0}]},",
    "\"usage\":{\"text\":{\"prompt_tokens\":4,\"completion_tokens\":3,\"total_tokens\":7}}}}\n\n",
);

#[test]
fn a_request_is_a_message_without_the_applications_id() {
    let body = json!({
        "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": "a" },
            { "role": "assistant", "content": "b" },
            { "role": "user", "content": "c" },
        ],
        "tools": [
            { "type": "function", "function": { "name": "f", "description": "d", "parameters": { "type": "object" } } },
            { "type": "function", "function": { "name": "g" } },
        ],
        "tool_choice": { "type": "function", "function": { "name": "f" } },
        "stream": true, "max_tokens": 9, "temperature": 2, "top_k": 40,
    });
    let (sent, lost) = written(&Xunfei, "Spark-4.0-Ultra", body);
    assert_eq!(
        sent,
        json!({
            "header": {},
            "parameter": { "chat": { "domain": "4.0Ultra", "temperature": 1.0, "top_k": 6, "max_tokens": 9 } },
            "payload": {
                "message": { "text": [
                    { "role": "system", "content": "be brief" }, { "role": "user", "content": "a" },
                    { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" },
                ] },
                "functions": { "text": [{ "name": "f", "description": "d", "parameters": { "type": "object" } }] },
            },
        })
    );
    assert_eq!(lost, "approximated=tool_choice; clamped=top_k,temperature");
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let user = json!([{ "role": "user", "content": "a" }]);
    let body = json!({ "messages": user, "tools": tools, "top_p": 0.5, "seed": 1, "stop": "x" });
    assert_eq!(written(&Xunfei, "Spark-Lite", body).1, "dropped=tools[0],top_p,stop,seed");
    let body = json!({ "messages": user, "tools": tools, "tool_choice": "required" });
    assert_eq!(refused(&Xunfei, "Spark-Lite", body.clone()), "tool_choice");
    assert_eq!(written(&Xunfei, "Spark-Max", body).1, "dropped=tool_choice");
    // There are no results of tools: they are told in words.
    let body = json!({ "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "1", "type": "function",
            "function": { "name": "f", "arguments": "{}" } }] },
        { "role": "tool", "tool_call_id": "1", "content": "42" },
    ] });
    let (sent, lost) = written(&Xunfei, "Spark-Max", body);
    let texts = &sent["payload"]["message"]["text"];
    assert_eq!(texts[1]["content"], "(calls the tool f with {})");
    assert_eq!(texts[2], json!({ "role": "user", "content": "(the result of the tool f)\n42" }));
    assert_eq!(lost, "approximated=messages[1].content[0],messages[2].content[0]");
    let picture = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x" } }] }]);
    assert_eq!(refused(&Xunfei, "Spark-Max", json!({ "messages": picture })), "messages[0].content[0]");
}

#[test]
fn messages_of_the_socket_are_a_stream() {
    let reply = streamed(&Xunfei, STREAM);
    assert_eq!(short(&reply), ("(hm)|hi!".to_owned(), Stop::End));
    assert_eq!((reply.id.as_str(), reply.model.as_str()), ("s1", "m"));
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Input, 4).with(Bucket::Output, 3)));
    let cut = STREAM.rfind("data:").unwrap();
    assert!(!follow(&Xunfei, &[&STREAM.as_bytes()[..cut]]).1);
}

#[test]
fn a_whole_answer_is_a_stream_that_has_ended() {
    let reply = Xunfei.read_reply(STREAM.as_bytes(), &asked("m")).unwrap();
    assert_eq!(reply, streamed(&Xunfei, STREAM));
    let (said, stop) = short(&Xunfei.read_reply(CALL.as_bytes(), &asked("m")).unwrap());
    assert!(said.starts_with("f{\"x\":1}#call_") && stop == Stop::ToolCalls, "{said}");
    let cut = STREAM.rfind("data:").unwrap();
    assert!(Xunfei.read_reply(&STREAM.as_bytes()[..cut], &asked("m")).is_err());
}

#[test]
fn errors_are_told_by_the_header() {
    for (code, class) in [
        (10013, FaultClass::ContentFilter),
        (10014, FaultClass::ContentFilter),
        (10404, FaultClass::NotFound),
        (10907, FaultClass::ContextLength),
        (11200, FaultClass::Auth),
        (11201, FaultClass::RateLimit),
        (11202, FaultClass::RateLimit),
        (11203, FaultClass::RateLimit),
        (10008, FaultClass::Overloaded),
        (10000, FaultClass::Server),
    ] {
        let body = format!(r#"{{"header":{{"code":{code},"message":"no","sid":"s","status":2}}}}"#);
        assert_eq!(fault(&Xunfei, &format!("data: {body}\n\n")), (class, "no".to_owned()), "{code}");
        assert_eq!(Xunfei.read_reply(body.as_bytes(), &asked("m")).unwrap_err().message, "no");
    }
    let bare = "data: {\"code\":10313,\"sid\":\"s\"}\n\n";
    assert_eq!(fault(&Xunfei, bare).0, FaultClass::Auth);
    let refused = "data: {\"message\":\"HMAC signature cannot be verified\"}\n\n";
    assert_eq!(fault(&Xunfei, refused).1, "HMAC signature cannot be verified");
}

#[test]
fn names_of_models() {
    for (model, path, name) in [
        ("Spark-Lite", "/v1.1/chat", "lite"),
        ("Spark-Pro", "/v3.1/chat", "generalv3"),
        ("Spark-Pro-128K", "/chat/pro-128k", "pro-128k"),
        ("Spark-Max", "/v3.5/chat", "generalv3.5"),
        ("Spark-Max-32K", "/chat/max-32k", "max-32k"),
        ("Spark-4.0-Ultra", "/v4.0/chat", "4.0Ultra"),
        ("4.0Ultra", "/v4.0/chat", "4.0Ultra"),
        ("SparkDesk-v2.1", "/v2.1/chat", "generalv2"),
        ("SparkDesk-v9.9", "/v9.9/chat", "generalv9.9"),
        ("SparkDesk", "/v1.1/chat", "lite"),
    ] {
        assert_eq!((version(model).as_str(), &*domain(model)), (path, name), "{model}");
    }
    assert_eq!(number("SparkDesk", Some("v3.5")), "v3.5");
    assert_eq!(number("Spark-Max", Some("v1.1")), "v3.5");
}

#[test]
fn no_bytes_panic() {
    survives(&Xunfei, &[STREAM, CALL]);
}
