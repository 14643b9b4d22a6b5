//! The rules, one by one. Recorded traffic is in `tests/anthropic.rs`.

mod answers;
mod history;
mod params;
mod streams;
mod tools;

use super::Anthropic;
use crate::WireError;
use crate::chat::{
    Body, Call, ChatRequest, Dialect, Losses, Message, Part, Reasoning, Role, Seal, SealKind, ToolResult,
};
use crate::codec::{Asked, Echo, FaceCodec, To, VendorCodec};
use crate::frame::Framing;
use serde_json::Value;

/// Reads, writes and counts its thinking.
const V4_5: &str = "claude-sonnet-4-5";
/// Thinks as it likes, when asked.
const V4_8: &str = "claude-opus-4-8";
/// Before structured output.
const V4: &str = "claude-sonnet-4-20250514";

fn from_openai(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { model: "m".into(), messages, origin: Some(Dialect::OpenAiChat), ..ChatRequest::default() }
}

fn asking() -> ChatRequest {
    from_openai(vec![Message::text(Role::User, "hi")])
}

fn text(chat: &ChatRequest, model: &str) -> Result<(String, Losses), WireError> {
    let mut lost = Losses::default();
    let to = To { model, kind: 0, default_max_output: 4096 };
    let written = Anthropic.write_request(chat, &to, &mut lost)?;
    assert_eq!(Anthropic.write_request(chat, &to, &mut Losses::default())?, written, "C37");
    Ok((written, lost))
}

fn written(chat: &ChatRequest, model: &str) -> (Value, Vec<String>) {
    let (written, lost) = text(chat, model).unwrap();
    let paths = lost.0.iter().map(|loss| loss.path.clone()).collect();
    (serde_json::from_str(&written).unwrap(), paths)
}

fn refused(chat: &ChatRequest, model: &str) -> String {
    text(chat, model).unwrap_err().param.unwrap()
}

fn call(id: &str, arguments: &str) -> Part {
    let call =
        Call { id: id.into(), name: "f".into(), arguments: arguments.into(), custom: false, seal: None };
    Part::new(Body::Call(call))
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Body::Result(ToolResult { call_id: id.into(), name: None, parts, is_error: false }))
}

fn seal(dialect: Dialect, data: &str) -> Seal {
    Seal { dialect, kind: SealKind::Signature, data: data.into() }
}

fn thought(text: &str, seal: Option<Seal>) -> Part {
    Part::new(Body::Reasoning(Reasoning { text: text.into(), seal, ..Reasoning::default() }))
}

fn echo() -> Echo {
    Echo { model: "m".into(), request_id: "r".into(), ..Echo::default() }
}
