use super::*;
use crate::dialect::plain::testing::*;
use serde_json::json;

const WHOLE: &str =
    r#"{"candidates":[{"author":"1","content":"hi"},{"author":"1","content":"ho"}],"messages":[]}"#;

#[test]
fn a_request_has_authors_and_the_system_prompt_for_its_context() {
    let body = json!({
        "messages": [
            { "role": "system", "content": "be brief" }, { "role": "user", "content": "a" },
            { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" },
        ],
        "temperature": 1.5, "top_p": 0.5, "top_k": 3, "n": 2, "max_tokens": 5, "stop": "x",
    });
    let (sent, lost) = written(&Palm, "chat-bison-001", body);
    assert_eq!(
        sent,
        json!({
            "prompt": { "context": "be brief", "messages": [
                { "author": "0", "content": "a" }, { "author": "1", "content": "b" }, { "author": "0", "content": "c" },
            ] },
            "temperature": 1.0, "candidateCount": 2, "topP": 0.5, "topK": 3,
        })
    );
    assert_eq!(lost, "dropped=max_tokens,stop; clamped=temperature");
    assert_eq!(refused(&Palm, "m", json!({ "messages": [{ "role": "user", "content": "a" }], "n": 9 })), "n");
}

#[test]
fn answers_are_candidates_or_what_was_filtered() {
    let reply = Palm.read_reply(WHOLE.as_bytes(), &asked("m")).unwrap();
    assert_eq!((reply.choices.len(), short(&reply)), (2, ("hi".to_owned(), Stop::End)));
    assert_eq!(reply.usage, None);
    let filtered = r#"{"messages":[],"filters":[{"reason":"SAFETY"}]}"#;
    let reply = Palm.read_reply(filtered.as_bytes(), &asked("m")).unwrap();
    assert_eq!(short(&reply), ("!SAFETY".to_owned(), Stop::Filtered));
    let error = r#"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#;
    assert_eq!(Palm.read_reply(error.as_bytes(), &asked("m")).unwrap_err().message, "bad");
    assert!(Palm.read_reply(b"{}", &asked("m")).is_err());
}

#[test]
fn no_bytes_panic() {
    survives(&Palm, &[WHOLE]);
}
