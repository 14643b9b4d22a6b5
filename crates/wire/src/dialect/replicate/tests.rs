use super::*;
use crate::dialect::plain::testing::*;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

const STREAM: &str = concat!(
    ": hi\n\nevent: output\nid: 1:0\ndata: \n\nevent: output\nid: 1:1\ndata: Sure\n\n",
    "event: output\nid: 1:2\ndata: :\ndata: \ndata: Why\n\nevent: logs\ndata: x\n\n",
    "event: output\nid: 1:3\ndata:  not\n\nevent: done\nid: 1:4\ndata: {}\n\n:408: 408 Request Timeout\n\n",
);
const WHOLE: &str = r#"{"id":"p1","model":"meta/llama","version":"v","input":{},"logs":"","error":null,"output":["he","llo\n"],
    "status":"succeeded","metrics":{"predict_time":1.5,"input_token_count":7,"output_token_count":2}}"#;

#[test]
fn a_question_is_a_bare_prompt() {
    let body = json!({
        "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": [
            { "type": "text", "text": "what?" }, { "type": "image_url", "image_url": { "url": "https://x/y.png" } },
        ] }],
        "stream": true, "max_tokens": 9, "temperature": 0.5, "top_p": 0.25, "top_k": 3, "seed": 4, "stop": ["a", "b"],
        "presence_penalty": 1, "frequency_penalty": -1,
    });
    let (sent, lost) = written(&Replicate, "meta/llama", body);
    assert_eq!(
        sent,
        json!({
            "input": {
                "prompt": "what?", "system_prompt": "be brief", "image": "https://x/y.png", "max_tokens": 9,
                "temperature": 0.5, "top_p": 0.25, "top_k": 3, "stop_sequences": "a,b", "seed": 4,
                "presence_penalty": 1.0, "frequency_penalty": -1.0,
            },
            "stream": true,
        })
    );
    assert_eq!(lost, "");
}

#[test]
fn a_conversation_is_a_text_that_only_grows() {
    let prompt = |messages: &[(&str, &str)]| {
        let messages: Vec<_> =
            messages.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
        let (sent, lost) = written(&Replicate, "m", json!({ "messages": messages }));
        (sent["input"]["prompt"].as_str().unwrap().to_owned(), lost)
    };
    let talk = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")];
    let (one, told) = prompt(&talk[..1]);
    assert_eq!((one.as_str(), told.as_str()), ("a", ""));
    let (three, told) = prompt(&talk[..3]);
    assert_eq!(three, "a\n\nassistant: b\n\nuser: c\n\nassistant:");
    assert_eq!(told, "approximated=messages");
    let (five, _) = prompt(&talk);
    assert!(five.starts_with(&three) && three.starts_with(&one));
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let user = json!([{ "role": "user", "content": "a" }]);
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let body = json!({ "messages": user, "stop": "a,b", "tools": tools, "response_format": { "type": "json_object" } });
    assert_eq!(written(&Replicate, "m", body).1, "dropped=tools[0],response_format,stop");
    let body = json!({ "messages": user, "tools": tools, "tool_choice": "required" });
    assert_eq!(refused(&Replicate, "m", body), "tool_choice");
    let picture = json!({ "type": "image_url", "image_url": { "url": "https://x" } });
    let two = json!([{ "role": "user", "content": [picture, picture] }]);
    assert_eq!(refused(&Replicate, "m", json!({ "messages": two })), "messages[0].content[1]");
    assert_eq!(refused(&Replicate, "m", json!({ "messages": user, "n": 2 })), "n");
}

#[test]
fn a_stream_is_bare_text_in_lines() {
    let reply = streamed(&Replicate, STREAM);
    assert_eq!(short(&reply), ("Sure:\n\nWhy not".to_owned(), Stop::End));
    assert_eq!((reply.model.as_str(), reply.usage), ("m", None));
    assert!(!follow(&Replicate, &[&STREAM.as_bytes()[..STREAM.find("event: done").unwrap()]]).1);
}

#[test]
fn a_prediction_is_a_text_or_a_list_of_them() {
    let reply = Replicate.read_reply(WHOLE.as_bytes(), &asked("m")).unwrap();
    assert_eq!(short(&reply), ("hello\n".to_owned(), Stop::End));
    assert_eq!(reply.id, "p1");
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Input, 7).with(Bucket::Output, 2)));
    let text = r#"{"id":"p","status":"succeeded","output":"x","metrics":{"predict_time":1}}"#;
    let reply = Replicate.read_reply(text.as_bytes(), &asked("m")).unwrap();
    assert_eq!((short(&reply).0.as_str(), reply.usage), ("x", None));
}

#[test]
fn failures_are_errors() {
    let failed = |body: &str| Replicate.read_reply(body.as_bytes(), &asked("m")).unwrap_err().message;
    assert_eq!(
        failed(r#"{"id":"p","status":"failed","error":"CUDA out of memory","output":null}"#),
        "CUDA out of memory"
    );
    assert_eq!(
        failed(r#"{"id":"p","status":"processing","output":["x"]}"#),
        "the prediction is not over yet"
    );
    assert_eq!(failed(r#"{"title":"Payment Required","detail":"no money","status":402}"#), "no money");
    assert_eq!(
        fault(
            &Replicate,
            "event: error\ndata: {\"detail\":\"input was flagged\"}\n\nevent: done\ndata: {\"reason\":\"error\"}\n\n"
        ),
        (FaultClass::ContentFilter, "input was flagged".to_owned())
    );
    assert_eq!(fault(&Replicate, "event: error\ndata: boom\n\n"), (FaultClass::Server, "boom".to_owned()));
    assert_eq!(fault(&Replicate, "event: done\ndata: {\"reason\":\"error\"}\n\n").0, FaultClass::Server);
    assert_eq!(fault(&Replicate, "event: done\ndata: {\"reason\":\"canceled\"}\n\n").0, FaultClass::Server);
}

#[test]
fn no_bytes_panic() {
    survives(&Replicate, &[STREAM, WHOLE]);
}
