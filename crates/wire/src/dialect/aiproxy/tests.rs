use super::*;
use crate::dialect::plain::testing::*;
use serde_json::json;

const STREAM: &str = concat!(
    "data: {\"content\":\"he\",\"finish\":false,\"model\":\"gpt\"}\n\n",
    "data: {\"content\":\"llo\",\"finish\":false,\"model\":\"gpt\"}\n\n",
    "data: {\"content\":\"\",\"finish\":true,\"model\":\"gpt\",\"documents\":[{\"title\":\"T\",\"url\":\"https://x\"}]}\n\n",
    "data: [DONE]\n\n",
);
const WHOLE: &str = r#"{"success":true,"answer":"hello","documents":[{"title":"T","url":"https://x"},{"title":"U","url":"https://y"}]}"#;

#[test]
fn the_last_message_is_the_question() {
    let body = json!({
        "messages": [{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" }],
        "stream": true, "temperature": 1,
    });
    let (sent, lost) = written(&AiProxyLibrary, "gpt", body);
    assert_eq!(sent, json!({ "model": "gpt", "query": "c", "stream": true }));
    assert_eq!(lost, "dropped=temperature,messages[0],messages[1]");
    let empty = json!({ "messages": [{ "role": "user", "content": "" }] });
    assert_eq!(refused(&AiProxyLibrary, "gpt", empty), "messages");
}

#[test]
fn answers_end_with_their_documents() {
    let reply = AiProxyLibrary.read_reply(WHOLE.as_bytes(), &asked("m")).unwrap();
    let said = "hello\n\nReference Documents:\n1. [T](https://x)\n2. [U](https://y)\n".to_owned();
    assert_eq!(short(&reply), (said, Stop::End));
    assert_eq!(reply.usage, Some(Usage::default()));
    let reply = streamed(&AiProxyLibrary, STREAM);
    assert_eq!(short(&reply).0, "hello\n\nReference Documents:\n1. [T](https://x)\n");
    assert_eq!(reply.model, "gpt");
    let cut = STREAM.find("data: {\"content\":\"\"").unwrap();
    assert!(!follow(&AiProxyLibrary, &[&STREAM.as_bytes()[..cut]]).1);
}

#[test]
fn refusals_are_errors() {
    let body = r#"{"success":false,"errCode":40001,"message":"no such library"}"#;
    assert_eq!(
        AiProxyLibrary.read_reply(body.as_bytes(), &asked("m")).unwrap_err().message,
        "no such library"
    );
    assert_eq!(fault(&AiProxyLibrary, &format!("data: {body}\n\n")).1, "no such library");
    let bare = r#"{"success":false,"message":"no","answer":""}"#;
    assert_eq!(AiProxyLibrary.read_reply(bare.as_bytes(), &asked("m")).unwrap_err().message, "no");
    assert!(AiProxyLibrary.read_reply(b"{}", &asked("m")).is_err());
}

#[test]
fn no_bytes_panic() {
    survives(&AiProxyLibrary, &[STREAM, WHOLE]);
}
