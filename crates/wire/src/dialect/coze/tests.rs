use super::*;
use crate::dialect::plain::testing::*;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

const STREAM: &str = concat!(
    "event:conversation.chat.created\ndata:{\"id\":\"c1\",\"conversation_id\":\"v\",\"bot_id\":\"b\",\"created_at\":7,\"status\":\"created\",\"last_error\":{\"code\":0,\"msg\":\"\"}}\n\n",
    "event:conversation.chat.in_progress\ndata:{\"id\":\"c1\",\"status\":\"in_progress\"}\n\n",
    "event:conversation.message.delta\ndata:{\"id\":\"m0\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"function_call\",\"content\":\"{}\",\"content_type\":\"text\"}\n\n",
    "event:conversation.message.delta\ndata:{\"id\":\"m1\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"answer\",\"reasoning_content\":\"hm\",\"content\":\"\",\"content_type\":\"text\"}\n\n",
    "event:conversation.message.delta\ndata:{\"id\":\"m1\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"answer\",\"content\":\"hi\",\"content_type\":\"text\"}\n\n",
    "event:conversation.message.completed\ndata:{\"id\":\"m1\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"answer\",\"reasoning_content\":\"hm\",\"content\":\"hi\",\"content_type\":\"text\"}\n\n",
    "event:conversation.message.completed\ndata:{\"id\":\"m2\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"verbose\",\"content\":\"{}\",\"content_type\":\"text\"}\n\n",
    "event:conversation.message.completed\ndata:{\"id\":\"m3\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"answer\",\"content\":\", all\",\"content_type\":\"text\"}\n\n",
    "event:conversation.message.completed\ndata:{\"id\":\"m4\",\"chat_id\":\"c1\",\"role\":\"assistant\",\"type\":\"follow_up\",\"content\":\"more?\",\"content_type\":\"text\"}\n\n",
    "event:conversation.chat.completed\ndata:{\"id\":\"c1\",\"status\":\"completed\",\"usage\":{\"token_count\":9,\"output_count\":2,\"input_count\":7}}\n\n",
    "event:done\ndata:\"[DONE]\"\n\n",
);

#[test]
fn a_request_always_asks_for_a_stream() {
    let body = json!({
        "messages": [
            { "role": "user", "content": "a" },
            { "role": "assistant", "content": "b" },
            { "role": "user", "content": [
                { "type": "text", "text": "what?" }, { "type": "image_url", "image_url": { "url": "https://x/y.png" } },
            ] },
        ],
    });
    let (sent, lost) = written(&Coze, "bot-123", body);
    assert_eq!(
        sent,
        json!({
            "bot_id": "123", "user_id": "magic",
            "additional_messages": [
                { "role": "user", "type": "question", "content": "a", "content_type": "text" },
                { "role": "assistant", "type": "answer", "content": "b", "content_type": "text" },
                { "role": "user", "type": "question", "content_type": "object_string", "content":
                    "[{\"type\":\"text\",\"text\":\"what?\"},{\"type\":\"image\",\"file_url\":\"https://x/y.png\"}]" },
            ],
            "stream": true, "auto_save_history": false,
        })
    );
    assert_eq!(lost, "");
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let body = json!({
        "messages": [{ "role": "system", "content": "s" }, { "role": "user", "content": "a" }],
        "user": "u", "temperature": 0.5, "max_tokens": 3, "stop": "x", "top_p": 1,
        "tools": [{ "type": "function", "function": { "name": "f" } }], "metadata": { "a": "b" },
    });
    let (sent, lost) = written(&Coze, "123", body);
    assert_eq!((&sent["bot_id"], &sent["user_id"]), (&json!("123"), &json!("u")));
    assert_eq!(sent["additional_messages"][0]["content"], "<system>\ns\n</system>");
    assert_eq!(lost, "dropped=tools[0],max_tokens,temperature,stop; approximated=messages[0]");
    let inline = json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }] }]);
    assert_eq!(refused(&Coze, "m", json!({ "messages": inline })), "messages[0].content[0]");
    let last = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }]);
    assert_eq!(refused(&Coze, "m", json!({ "messages": last })), "messages");
}

#[test]
fn a_stream_tells_answers_once_and_nothing_else() {
    let reply = streamed(&Coze, STREAM);
    assert_eq!(short(&reply), ("(hm)|hi, all".to_owned(), Stop::End));
    assert_eq!((reply.id.as_str(), reply.created, reply.model.as_str()), ("c1", 7, "m"));
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Input, 7).with(Bucket::Output, 2)));
    assert_eq!(Coze.read_reply(STREAM.as_bytes(), &asked("m")).unwrap(), reply);
    let cut = STREAM.find("event:conversation.chat.completed").unwrap();
    assert!(!follow(&Coze, &[&STREAM.as_bytes()[..cut]]).1);
}

#[test]
fn failures_have_a_class() {
    let body = r#"{"code":4100,"msg":"authentication is invalid"}"#;
    assert_eq!(
        Coze.read_reply(body.as_bytes(), &asked("m")).unwrap_err().message,
        "authentication is invalid"
    );
    for (code, class) in [
        (4000, FaultClass::InvalidRequest),
        (4013, FaultClass::RateLimit),
        (4027, FaultClass::Quota),
        (4028, FaultClass::Quota),
        (4100, FaultClass::Auth),
        (4101, FaultClass::Auth),
    ] {
        let failed = format!(
            "event:conversation.chat.failed\ndata:{{\"id\":\"c\",\"status\":\"failed\",\"last_error\":{{\"code\":{code},\"msg\":\"no\"}}}}\n\n"
        );
        let error = format!("event:error\ndata:{{\"code\":{code},\"msg\":\"no\"}}\n\n");
        assert_eq!(fault(&Coze, &failed), (class, "no".to_owned()));
        assert_eq!(fault(&Coze, &error), (class, "no".to_owned()));
    }
    let waits = "event:conversation.chat.requires_action\ndata:{\"id\":\"c\",\"required_action\":{}}\n\n";
    assert_eq!(fault(&Coze, waits).0, FaultClass::InvalidRequest);
}

#[test]
fn no_bytes_panic() {
    survives(&Coze, &[STREAM, r#"{"code":4100,"msg":"x"}"#]);
}
