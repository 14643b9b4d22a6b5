use super::*;
use crate::chat::Stop;
use crate::dialect::plain::testing::*;
use crate::fault::FaultClass;
use magic_domain::usage::{Bucket, Usage};
use serde_json::json;

const STREAM: &str = concat!(
    "data: {\"Note\":\"n\",\"Choices\":[{\"Delta\":{\"Role\":\"assistant\",\"ReasoningContent\":\"hm\",\"Content\":\"\"},\"FinishReason\":\"\"}],\"Created\":7,\"Id\":\"i\",\"Usage\":{\"PromptTokens\":3,\"CompletionTokens\":1,\"TotalTokens\":4}}\n\n",
    "data: {\"Choices\":[{\"Delta\":{\"Role\":\"assistant\",\"Content\":\"hi\"},\"FinishReason\":\"\"}],\"Id\":\"i\"}\n\n",
    "data: {\"Choices\":[{\"Delta\":{\"Role\":\"assistant\",\"ToolCalls\":[{\"Id\":\"c1\",\"Type\":\"function\",\"Index\":0,\"Function\":{\"Name\":\"f\",\"Arguments\":\"{\\\"City\\\":\"}}]},\"FinishReason\":\"\"}],\"Id\":\"i\"}\n\n",
    "data: {\"Choices\":[{\"Delta\":{\"ToolCalls\":[{\"Index\":0,\"Function\":{\"Arguments\":\"\\\"X\\\"}\"}}]},\"FinishReason\":\"tool_calls\"}],\"Id\":\"i\",\"Usage\":{\"PromptTokens\":3,\"CompletionTokens\":6,\"TotalTokens\":9}}\n\n",
    "data: [DONE]\n\n",
);
const WHOLE: &str = r#"{"Response":{"RequestId":"q","Note":"n","Choices":[{"Index":0,"Message":{"Role":"assistant","Content":"no","ReasoningContent":"hm"},"FinishReason":"sensitive"}],"Created":7,"Id":"i","Usage":{"PromptTokens":3,"CompletionTokens":1,"TotalTokens":4}}}"#;

#[test]
fn a_request_is_in_capitals_and_its_roles_alternate() {
    let body = json!({
        "messages": [
            { "role": "system", "content": "s1" },
            { "role": "system", "content": "s2" },
            { "role": "user", "content": "a" },
            { "role": "user", "content": [
                { "type": "text", "text": "b" }, { "type": "image_url", "image_url": { "url": "https://x/y.png" } },
            ] },
            { "role": "assistant", "content": "wait", "tool_calls": [{ "id": "c1", "type": "function",
                "function": { "name": "f", "arguments": "" } }] },
            { "role": "tool", "tool_call_id": "c1", "content": "42" },
            { "role": "user", "content": "and?" },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
        "tool_choice": { "type": "function", "function": { "name": "f" } },
        "stream": true, "temperature": 0.5, "top_p": 0.25, "stop": "x", "seed": 20_000, "reasoning_effort": "low",
        "web_search_options": {},
    });
    let (sent, lost) = written(&Tencent, "hunyuan-turbo", body);
    let f = json!({ "Type": "function", "Function": { "Name": "f", "Parameters": "{\"type\":\"object\"}" } });
    assert_eq!(
        sent,
        json!({
            "Model": "hunyuan-turbo",
            "Messages": [
                { "Role": "system", "Content": "s1\ns2" },
                { "Role": "user", "Contents": [
                    { "Type": "text", "Text": "a" }, { "Type": "text", "Text": "b" },
                    { "Type": "image_url", "ImageUrl": { "Url": "https://x/y.png" } },
                ] },
                { "Role": "assistant", "Content": "wait", "ToolCalls": [{ "Id": "c1", "Type": "function",
                    "Function": { "Name": "f", "Arguments": "{}" } }] },
                { "Role": "tool", "ToolCallId": "c1", "Content": "42" },
                { "Role": "user", "Content": "and?" },
            ],
            "Stream": true, "Temperature": 0.5, "TopP": 0.25, "Stop": ["x"], "Seed": 10_000,
            "Tools": [f], "ToolChoice": "custom", "CustomTool": f, "EnableEnhancement": true, "EnableThinking": true,
        })
    );
    assert_eq!(lost, "approximated=seed,reasoning_effort");
}

#[test]
fn what_can_not_be_said_is_told_or_refused() {
    let body = json!({
        "messages": [
            { "role": "user", "content": "a" }, { "role": "system", "content": "later" },
        ],
        "max_tokens": 5, "presence_penalty": 1, "response_format": { "type": "json_object" }, "temperature": 3,
        "tools": [{ "type": "function", "function": { "name": "f" } }, { "type": "function", "function": { "name": "g" } }],
        "tool_choice": "required",
    });
    let (sent, lost) = written(&Tencent, "m", body);
    assert_eq!(sent["Messages"], json!([{ "Role": "user", "Content": "a\n<system>\nlater\n</system>" }]));
    assert_eq!(
        lost,
        "dropped=max_tokens,presence_penalty,response_format,tool_choice; approximated=messages[1]; clamped=temperature"
    );
    let last =
        json!({ "messages": [{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }] });
    assert_eq!(refused(&Tencent, "m", last), "messages");
    assert_eq!(
        refused(&Tencent, "m", json!({ "messages": [{ "role": "user", "content": "a" }], "n": 2 })),
        "n"
    );
}

#[test]
fn a_stream_tells_reasoning_text_and_calls() {
    let reply = streamed(&Tencent, STREAM);
    assert_eq!(short(&reply), ("(hm)|hi|f{\"City\":\"X\"}#c1".to_owned(), Stop::ToolCalls));
    assert_eq!((reply.id.as_str(), reply.created, reply.model.as_str()), ("i", 7, "m"));
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Input, 3).with(Bucket::Output, 6)));
}

#[test]
fn a_whole_answer_is_wrapped() {
    let reply = Tencent.read_reply(WHOLE.as_bytes(), &asked("m")).unwrap();
    assert_eq!(short(&reply), ("(hm)|no".to_owned(), Stop::Filtered));
    assert_eq!(reply.usage, Some(Usage::default().with(Bucket::Input, 3).with(Bucket::Output, 1)));
}

#[test]
fn errors_come_with_status_200() {
    let error = r#"{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"bad signature"},"RequestId":"q"}}"#;
    assert_eq!(Tencent.read_reply(error.as_bytes(), &asked("m")).unwrap_err().message, "bad signature");
    assert_eq!(
        fault(&Tencent, &format!("data: {error}\n\n")),
        (FaultClass::Auth, "bad signature".to_owned())
    );
    let error = "data: {\"ErrorMsg\":{\"Msg\":\"engine\",\"Code\":2003},\"Id\":\"i\"}\n\n";
    assert_eq!(fault(&Tencent, error), (FaultClass::Server, "engine".to_owned()));
    assert!(Tencent.read_reply(br#"{"Response":{"RequestId":"q"}}"#, &asked("m")).is_err());
}

#[test]
fn no_bytes_panic() {
    survives(&Tencent, &[STREAM, WHOLE]);
}
