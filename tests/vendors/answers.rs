//! What each type's vendor answers: "hello", ten tokens in and five out, in its own words.

use super::framed::{converse, invoked, websocket};
use crate::harness::{chunk, completion, usage_chunk};
use magic_testkit::vendor::{Script, Seen};
use magic_wire::vendors::{Family, VENDORS, family};
use serde_json::{Value, json};

type Other = fn(&Seen) -> Option<Script>;

/// A channel type as the test sees it.
pub struct Kind {
    pub number: u16,
    pub key: &'static str,
    pub config: &'static [(&'static str, &'static str)],
    /// The vendor's name for the model.
    pub model: &'static str,
    /// What of the base URL stands below the number.
    pub below: &'static str,
    pub whole: Value,
    pub stream: (&'static str, Vec<u8>),
    /// Paths that the vendor must have been asked at.
    pub paths: &'static [&'static str],
    /// Headers that the last call must have brought, by their beginning.
    pub headers: &'static [(&'static str, &'static str)],
    /// Answers of steps besides the call itself.
    pub other: Option<Other>,
}

impl Kind {
    pub fn serves(&self, face: &str) -> bool {
        // The raw proxy has no face; a vendor of responses only is asked for those.
        // Edits and completions of a translator make no sense; everything else serves every face.
        self.number != 38 || face != "completions"
    }

    pub fn streams_at(&self, seen: &Seen) -> bool {
        let in_path = ["stream", "Stream"].iter().any(|word| seen.path.contains(word));
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let sse = seen.headers.get("x-dashscope-sse").is_some_and(|sse| sse == "enable");
        in_path || sse || body["stream"] == true || body["Stream"] == true
    }
}

fn sse(events: &[Value]) -> Vec<u8> {
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>().into_bytes()
}

const SSE: &str = "text/event-stream";

fn openai(number: u16) -> Kind {
    let events = [chunk("hello"), stop_chunk(), usage_chunk(10, 5), "[DONE]".into()];
    let stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    Kind {
        number,
        key: "sk-k",
        config: &[],
        model: "m",
        below: "",
        whole: completion("hello", 10, 5),
        stream: (SSE, stream.into_bytes()),
        paths: &["/v1/chat/completions"],
        headers: &[("authorization", "Bearer sk-k")],
        other: Some(completions),
    }
}

/// Types of the OpenAI family serve the other endpoints too, in their own shapes.
fn completions(seen: &Seen) -> Option<Script> {
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let stream = body["stream"] == true;
    if seen.path.contains("/responses") {
        let item = json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": "hello", "annotations": [] }] });
        let done = json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [item], "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 } });
        if !stream {
            return Some(Script::json(200, done.to_string()));
        }
        let created = json!({ "id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress",
            "model": "m", "output": [] });
        let open = json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": [] });
        return Some(Script::sse([
            json!({ "type": "response.created", "sequence_number": 0, "response": created }).to_string(),
            json!({ "type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": open }).to_string(),
            json!({ "type": "response.content_part.added", "sequence_number": 2, "output_index": 0, "content_index": 0,
                "item_id": "msg_1", "part": { "type": "output_text", "text": "", "annotations": [] } }).to_string(),
            json!({ "type": "response.output_text.delta", "sequence_number": 3, "output_index": 0, "content_index": 0,
                "item_id": "msg_1", "delta": "hello" }).to_string(),
            json!({ "type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": item }).to_string(),
            json!({ "type": "response.completed", "sequence_number": 5, "response": done }).to_string(),
        ]));
    }
    if seen.path.contains("/completions") && body.get("prompt").is_some() {
        let choice = json!([{ "text": "hello", "index": 0, "logprobs": null, "finish_reason": "stop" }]);
        let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
        let whole = json!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
            "choices": choice, "usage": usage });
        return Some(match stream {
            true => Script::sse([whole.to_string(), "[DONE]".into()]),
            false => Script::json(200, whole.to_string()),
        });
    }
    None
}

fn stop_chunk() -> String {
    json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })
    .to_string()
}

fn claude_events() -> Vec<Value> {
    vec![
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 10, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "hello" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": 5 } }),
        json!({ "type": "message_stop" }),
    ]
}

fn claude(number: u16) -> Kind {
    Kind {
        key: "sk-ant",
        whole: json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "stop_sequence": null, "content": [{ "type": "text", "text": "hello" }],
            "usage": { "input_tokens": 10, "output_tokens": 5 } }),
        stream: (SSE, sse(&claude_events())),
        paths: &["/v1/messages"],
        headers: &[("x-api-key", "sk-ant"), ("anthropic-version", "2023-06-01")],
        other: None,
        ..openai(number)
    }
}

fn gemini(number: u16) -> Kind {
    let whole = json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "hello" }] },
        "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15 } });
    Kind {
        stream: (SSE, sse(std::slice::from_ref(&whole))),
        whole,
        paths: &["/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"],
        headers: &[("x-goog-api-key", "sk-k")],
        other: None,
        ..openai(number)
    }
}

const SERVICE_ACCOUNT: &str = "europe-west1|p1|ya29.token";

/// All types that chat, in order. One that is a new row of a known family needs nothing here.
pub fn kinds() -> Vec<Kind> {
    VENDORS.iter().filter(|vendor| vendor.family != Family::Proxy).map(|vendor| kind(vendor.kind)).collect()
}

fn kind(number: u16) -> Kind {
    let plain = match family(number) {
        Family::Anthropic => claude(number),
        Family::Gemini => gemini(number),
        Family::Ark => Kind { paths: &["/api/v3/chat/completions"], ..openai(number) },
        Family::Sdk | Family::Bare => Kind { paths: &["/chat/completions"], ..openai(number) },
        Family::ResponsesOnly => Kind { paths: &["/v1/responses"], ..openai(number) },
        _ => openai(number),
    };
    match number {
        3 => Kind {
            key: "azure-key",
            paths: &["/openai/deployments/m/chat/completions?api-version=2024-10-21"],
            headers: &[("api-key", "azure-key")],
            ..plain
        },
        11 => Kind {
            whole: json!({ "candidates": [{ "author": "1", "content": "hello" }], "messages": [] }),
            paths: &["/v1beta2/models/m:generateMessage"],
            headers: &[("x-goog-api-key", "sk-k")],
            other: None,
            ..plain
        },
        15 => {
            let piece = json!({ "id": "as-1", "object": "chat.completion", "created": 1, "sentence_id": 0, "is_end": true,
                "result": "hello", "finish_reason": "normal", "need_clear_history": false, "is_truncated": false,
                "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } });
            Kind {
                key: "ak|sk",
                model: "ERNIE-4.0-8K",
                stream: (SSE, sse(std::slice::from_ref(&piece))),
                whole: piece,
                paths: &[
                    "/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/completions_pro?access_token=24.tok-1",
                    "/oauth/2.0/token?grant_type=client_credentials&client_id=ak&client_secret=sk",
                ],
                headers: &[],
                other: Some(|seen| {
                    seen.path.contains("/oauth/").then(|| {
                        Script::json(
                            200,
                            json!({ "access_token": "24.tok-1", "expires_in": 2592000 }).to_string(),
                        )
                    })
                }),
                ..plain
            }
        }
        16 => Kind {
            key: "id1.secret1",
            paths: &["/api/paas/v4/chat/completions"],
            headers: &[("authorization", "Bearer eyJ")],
            ..plain
        },
        17 => {
            let of = |finish: &str| {
                json!({ "output": { "choices": [{ "message": { "role": "assistant", "content": "hello" },
                    "finish_reason": finish }] },
                    "usage": { "input_tokens": 10, "output_tokens": 5, "total_tokens": 15 }, "request_id": "r" })
            };
            let text = format!("id:1\nevent:result\n:HTTP_STATUS/200\ndata:{}\n\n", of("stop"));
            Kind {
                whole: of("stop"),
                stream: (SSE, text.into_bytes()),
                paths: &["/api/v1/services/aigc/text-generation/generation"],
                headers: &[("authorization", "Bearer sk-k")],
                other: None,
                ..plain
            }
        }
        18 => Kind {
            key: "app1|secret1|key1",
            model: "Spark-4.0-Ultra",
            paths: &[],
            headers: &[("upgrade", "websocket")],
            other: Some(|seen| {
                let fine = ["authorization=", "date=", "host="].iter().all(|part| seen.path.contains(part));
                if !fine || !seen.path.starts_with("/k18/v4.0/chat?") {
                    return Some(Script::json(401, json!({ "message": seen.path }).to_string()));
                }
                let head =
                    |status: i64| json!({ "code": 0, "message": "Success", "sid": "s", "status": status });
                let choice = |status: i64, text: &str| json!({ "status": status, "seq": 0, "text": [{ "content": text, "role": "assistant", "index": 0 }] });
                Some(websocket(
                    seen,
                    &[
                        json!({ "header": head(0), "payload": { "choices": choice(0, "hel") } }),
                        json!({ "header": head(2), "payload": { "choices": choice(2, "lo"), "usage": { "text": {
                            "question_tokens": 9, "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } } } }),
                    ],
                ))
            }),
            ..plain
        },
        21 => Kind {
            config: &[("library_id", "lib1")],
            whole: json!({ "success": true, "answer": "hello", "documents": [] }),
            stream: (
                SSE,
                sse(&[
                    json!({ "content": "hello", "finish": false, "model": "m", "documents": [] }),
                    json!({ "content": "", "finish": true, "model": "m", "documents": [] }),
                ]),
            ),
            paths: &["/api/library/ask"],
            other: None,
            ..plain
        },
        23 => {
            let usage = json!({ "PromptTokens": 10, "CompletionTokens": 5, "TotalTokens": 15 });
            Kind {
                key: "1250000000|sid1|skey1",
                whole: json!({ "Response": { "Id": "1", "Created": 1, "RequestId": "r", "Note": "", "Usage": usage,
                    "Choices": [{ "FinishReason": "stop", "Message": { "Role": "assistant", "Content": "hello" } }] } }),
                stream: (
                    SSE,
                    sse(&[json!({ "Id": "1", "Created": 1, "Usage": usage,
                    "Choices": [{ "FinishReason": "stop", "Delta": { "Role": "assistant", "Content": "hello" } }] })]),
                ),
                paths: &["/"],
                headers: &[
                    ("authorization", "TC3-HMAC-SHA256 Credential=sid1/"),
                    ("x-tc-action", "ChatCompletions"),
                    ("x-tc-timestamp", "1"),
                ],
                other: None,
                ..plain
            }
        }
        27 => Kind { paths: &["/v1/text/chatcompletion_v2"], ..plain },
        30 => {
            let line = |text: &str, done: bool| {
                let mut line = json!({ "model": "m", "created_at": "2026-01-01T00:00:00Z",
                    "message": { "role": "assistant", "content": text }, "done": done });
                if done {
                    line["done_reason"] = "stop".into();
                    line["prompt_eval_count"] = 10.into();
                    line["eval_count"] = 5.into();
                }
                line
            };
            let lines = format!("{}\n{}\n", line("hello", false), line("", true));
            Kind {
                whole: line("hello", true),
                stream: ("application/x-ndjson", lines.into_bytes()),
                paths: &["/api/chat"],
                other: None,
                ..plain
            }
        }
        33 => Kind {
            key: "AKIA1|secret1|us-east-1",
            model: "anthropic.claude-3-5-haiku-20241022-v1:0",
            stream: ("application/vnd.amazon.eventstream", invoked(&claude_events())),
            paths: &[
                "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/invoke",
                "/model/anthropic.claude-3-5-haiku-20241022-v1%3A0/invoke-with-response-stream",
            ],
            headers: &[("authorization", "AWS4-HMAC-SHA256 Credential=AKIA1/"), ("x-amz-date", "20")],
            ..claude(number)
        },
        34 => {
            let events = [
                (
                    "conversation.chat.created",
                    json!({ "id": "1", "conversation_id": "2", "status": "created" }),
                ),
                (
                    "conversation.message.delta",
                    json!({ "id": "3", "role": "assistant", "type": "answer",
                    "content": "hello", "content_type": "text" }),
                ),
                (
                    "conversation.message.completed",
                    json!({ "id": "3", "role": "assistant", "type": "answer",
                    "content": "hello", "content_type": "text" }),
                ),
                (
                    "conversation.chat.completed",
                    json!({ "id": "1", "conversation_id": "2", "status": "completed",
                    "usage": { "token_count": 15, "output_count": 5, "input_count": 10 } }),
                ),
                ("done", json!("[DONE]")),
            ];
            let text: String =
                events.iter().map(|(name, data)| format!("event:{name}\ndata:{data}\n\n")).collect();
            Kind {
                model: "bot-7300000000000000000",
                stream: (SSE, text.into_bytes()),
                paths: &["/v3/chat"],
                other: None,
                ..plain
            }
        }
        35 => {
            let usage = json!({ "billed_units": { "input_tokens": 10, "output_tokens": 5 },
                "tokens": { "input_tokens": 10, "output_tokens": 5 } });
            Kind {
                whole: json!({ "id": "1", "finish_reason": "COMPLETE", "usage": usage,
                    "message": { "role": "assistant", "content": [{ "type": "text", "text": "hello" }] } }),
                stream: (
                    SSE,
                    sse(&[
                        json!({ "type": "message-start", "id": "1", "delta": { "message": { "role": "assistant", "content": [] } } }),
                        json!({ "type": "content-start", "index": 0, "delta": { "message": { "content": { "type": "text", "text": "" } } } }),
                        json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "hello" } } } }),
                        json!({ "type": "content-end", "index": 0 }),
                        json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": usage } }),
                    ]),
                ),
                paths: &["/v2/chat"],
                other: None,
                ..plain
            }
        }
        37 => Kind {
            config: &[("user_id", "acct1")],
            paths: &["/client/v4/accounts/acct1/ai/v1/chat/completions"],
            ..plain
        },
        38 => Kind {
            model: "deepl-de",
            whole: json!({ "translations": [{ "detected_source_language": "EN", "text": "hello" }] }),
            paths: &["/v2/translate"],
            headers: &[("authorization", "DeepL-Auth-Key sk-k")],
            other: None,
            ..plain
        },
        42 => Kind {
            key: SERVICE_ACCOUNT,
            model: "gemini-2.5-flash",
            paths: &[
                "/v1/projects/p1/locations/europe-west1/publishers/google/models/gemini-2.5-flash:generateContent",
                "/v1/projects/p1/locations/europe-west1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            ],
            headers: &[("authorization", "Bearer ya29.token")],
            ..gemini(number)
        },
        46 => Kind {
            model: "meta/meta-llama-3-8b-instruct",
            below: "/v1/models/",
            paths: &["/v1/models/meta/meta-llama-3-8b-instruct/predictions", "/v1/streams/1"],
            other: Some(replicate),
            ..plain
        },
        47 => Kind { paths: &["/v2/chat/completions"], ..plain },
        49 => Kind { paths: &["/compatible-mode/v1/chat/completions"], ..plain },
        52 => {
            let details = json!({ "finish_reason": "eos_token", "generated_tokens": 5, "seed": null, "input_length": 10,
                "prefill": [], "tokens": [] });
            let token = |text: &str, special: bool| json!({ "id": 1, "text": text, "logprob": -0.1, "special": special });
            Kind {
                whole: json!({ "generated_text": "hello", "details": details }),
                stream: (
                    SSE,
                    sse(&[
                        json!({ "index": 1, "token": token("hello", false), "generated_text": null, "details": null }),
                        json!({ "index": 2, "token": token("</s>", true), "generated_text": "hello", "details": details }),
                    ]),
                ),
                paths: &["/generate", "/generate_stream"],
                other: None,
                ..plain
            }
        }
        56 => Kind {
            key: "bedrock-api-key",
            model: "amazon.nova-lite-v1:0",
            whole: json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "hello" }] } },
                "stopReason": "end_turn", "usage": { "inputTokens": 10, "outputTokens": 5, "totalTokens": 15 } }),
            stream: ("application/vnd.amazon.eventstream", converse()),
            paths: &[
                "/model/amazon.nova-lite-v1%3A0/converse",
                "/model/amazon.nova-lite-v1%3A0/converse-stream",
            ],
            headers: &[("authorization", "Bearer bedrock-api-key")],
            other: None,
            ..plain
        },
        _ => plain,
    }
}

/// A prediction is made, then followed or looked at.
fn replicate(seen: &Seen) -> Option<Script> {
    let host = &seen.headers["host"];
    if seen.path.ends_with("/streams/1") {
        let events = "event: output\nid: 1\ndata: hello\n\nevent: done\nid: 2\ndata: {}\n\n";
        let steps = vec![magic_testkit::vendor::Step::Send(events.into())];
        return Some(Script::Pieces { status: 200, content_type: SSE, steps });
    }
    let done = seen.method == "GET";
    let prediction = json!({
        "id": "1", "model": "m", "status": if done { "succeeded" } else { "starting" },
        "output": if done { json!(["hel", "lo"]) } else { Value::Null }, "error": null,
        "metrics": { "input_token_count": 10, "output_token_count": 5 },
        "urls": { "get": format!("http://{host}/k46/v1/predictions/1"), "stream": format!("http://{host}/k46/v1/streams/1") },
    });
    Some(Script::json(if done { 200 } else { 201 }, prediction.to_string()))
}
