//! Requests written, answers read.

mod answers;
mod history;
mod params;
mod tools;

use super::BedrockConverse;
use crate::WireError;
use crate::chat::*;
use crate::codec::{Asked, To, VendorCodec};
use crate::fault::FaultClass;
use crate::frame::Frame;
use crate::json::Json;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NEW: &str = "anthropic.claude-opus-4-8";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";
const LLAMA: &str = "meta.llama3-8b-instruct-v1:0";

fn write(chat: &ChatRequest, model: &str) -> Result<(Value, Losses), WireError> {
    let mut lost = Losses::default();
    let to = To { model, kind: 33, default_max_output: 4096 };
    let text = BedrockConverse.write_request(chat, &to, &mut lost)?;
    let mut again = Losses::default();
    assert_eq!(text, BedrockConverse.write_request(chat, &to, &mut again).unwrap(), "C37");
    Ok((serde_json::from_str(&text).unwrap(), lost))
}

fn written(chat: &ChatRequest, model: &str) -> Value {
    write(chat, model).unwrap().0
}

fn lost(chat: &ChatRequest, model: &str) -> String {
    write(chat, model).unwrap().1.header().unwrap_or_default()
}

fn ask(parts: Vec<Part>) -> ChatRequest {
    ChatRequest { messages: vec![Message::new(Role::User, parts)], ..ChatRequest::default() }
}

fn hello() -> ChatRequest {
    ask(vec![Part::text("hi")])
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Body::Call(Call { id, name, arguments, custom: false, seal: None }))
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::new(Body::Result(ToolResult { call_id: id.into(), name: None, parts, is_error }))
}

fn tool(name: &str) -> Tool {
    Tool::Function {
        name: name.into(),
        description: Some("d".into()),
        schema: Some(Json::from_text(r#"{"type":"object","properties":{"x":{"type":"number"}}}"#).unwrap()),
        strict: None,
        cache: None,
    }
}

fn marked(part: Part, mark: CacheMark) -> Part {
    Part { cache: Some(mark), ..part }
}

fn sealed(dialect: Dialect, kind: SealKind, text: &str, data: &str) -> Part {
    let seal = Some(Seal { dialect, kind, data: data.into() });
    Part::new(Body::Reasoning(Reasoning { text: text.into(), seal, ..Reasoning::default() }))
}

fn raw(text: &str) -> Json {
    Json::from_text(text).unwrap()
}
