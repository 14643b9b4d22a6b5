//! What the tests of vendors' own dialects have in common.

use crate::chat::{
    Body, Call, ChatReply, ChatRequest, Dialect, Event, Fold, Losses, Media, Message, Part, Tool, ToolResult,
};
use crate::codec::{Asked, Pipe, To, VendorCodec};
use crate::frame::Caps;
use crate::json::Json;
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;

/// The request a vendor gets, and what was lost.
pub fn written(codec: &dyn VendorCodec, chat: &ChatRequest, model: &str) -> (Value, Option<String>) {
    let to = To { model, kind: 0, default_max_output: 4096 };
    let mut lost = Losses::default();
    let text = codec.write_request(chat, &to, &mut lost).unwrap();
    // C37: the same input gives the same bytes.
    assert_eq!(text, codec.write_request(chat, &to, &mut Losses::default()).unwrap());
    (serde_json::from_str(&text).unwrap(), lost.header())
}

/// The parameter that a refusal names.
pub fn refused(codec: &dyn VendorCodec, chat: &ChatRequest) -> String {
    let to = To { model: "m", kind: 0, default_max_output: 4096 };
    codec.write_request(chat, &to, &mut Losses::default()).unwrap_err().param.unwrap()
}

pub fn chat(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { messages, origin: Some(Dialect::OpenAiChat), ..ChatRequest::default() }
}

pub fn json(text: &str) -> Json {
    Json::from_text(text).unwrap()
}

pub fn tool(name: &str) -> Tool {
    Tool::Function {
        name: name.into(),
        description: Some(format!("does {name}")),
        schema: Some(json(r#"{"type":"object","properties":{"z":{"type":"string"}}}"#)),
        strict: None,
        cache: None,
    }
}

pub fn custom(name: &str) -> Tool {
    Tool::Custom { name: name.into(), description: None, format: None }
}

pub fn call(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::new(Body::Call(Call { id, name, arguments, custom: false, seal: None }))
}

pub fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::new(Body::Result(ToolResult { call_id: id.into(), name: None, parts, is_error }))
}

pub fn image() -> Part {
    let media = Media::Inline { mime: "image/png".into(), base64: "aGk=".into() };
    Part::new(Body::Image { media, detail: None })
}

pub fn asked(chat: ChatRequest) -> Asked {
    Asked { model: "m".into(), request: Some(Arc::new(chat)) }
}

/// The events of a stream, and whether it was whole.
pub fn events(codec: &dyn VendorCodec, asked: &Asked, text: &str) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(codec.reader(asked), codec.framing(), Caps::default());
    let mut out = Vec::new();
    pipe.push(Bytes::copy_from_slice(text.as_bytes()), &mut out).unwrap();
    let whole = pipe.end(&mut out).unwrap();
    (out, whole)
}

pub fn folded(events: &[Event]) -> ChatReply {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold.finish()
}

/// Any bytes, as a body and as a stream: errors perhaps, panics never.
pub fn digest(codec: &dyn VendorCodec, bytes: &[u8]) {
    let _ = codec.read_reply(bytes, &Asked::default());
    let mut pipe = Pipe::new(codec.reader(&Asked::default()), codec.framing(), Caps::default());
    let mut out = Vec::new();
    if pipe.push(Bytes::copy_from_slice(bytes), &mut out).is_ok() {
        let _ = pipe.end(&mut out);
    }
}
