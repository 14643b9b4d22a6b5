//! Tencent's own Hunyuan API: OpenAI's chat in other letters (`ReasoningContent`), whole answers wrapped in
//! `Response`, chunks not. It is read as what it is once the letters are changed.

mod write;

use super::{openai_chat, plain};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::read_fault;
use crate::frame::Frame;
use serde_json::{Map, Value};

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Tencent;

impl VendorCodec for Tencent {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        plain::fold(Reader::new(asked), body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Reader::new(asked))
    }
}

struct Reader {
    model: String,
    chunks: openai_chat::Reader,
    failed: bool,
}

impl Reader {
    fn new(asked: &Asked) -> Reader {
        Reader { model: asked.model.clone(), chunks: openai_chat::Reader::default(), failed: false }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed {
            return Ok(());
        }
        if frame.data.as_ref() == b"[DONE]" {
            return self.chunks.frame(frame, out);
        }
        let value: Value = serde_json::from_slice(&frame.data)
            .map_err(|error| WireError::new(format!("the vendor's answer is no valid JSON: {error}")))?;
        let inner = value.get("Response").unwrap_or(&value);
        let told = |name: &str| inner.get(name).is_some_and(|error| error.is_object());
        if told("Error") || told("ErrorMsg") {
            self.failed = true;
            out.push(Event::Fault(read_fault(200, &frame.data)));
            return Ok(());
        }
        if !inner["Choices"].is_array() && !inner["Usage"].is_object() {
            return Ok(());
        }
        let Value::Object(mut chunk) = renamed(inner) else { return Ok(()) };
        chunk.insert("model".to_owned(), self.model.clone().into());
        self.chunks.frame(&plain::relabelled(Value::Object(chunk).to_string()), out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.failed || self.chunks.end(out)
    }
}

/// `FinishReason` as `finish_reason`; a whole `Message` as a `delta`.
fn renamed(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let each = members.iter().map(|(name, value)| {
                let mut snake = String::with_capacity(name.len() + 4);
                for letter in name.chars() {
                    if letter.is_ascii_uppercase() && !snake.is_empty() {
                        snake.push('_');
                    }
                    snake.push(letter.to_ascii_lowercase());
                }
                (if snake == "message" { "delta".to_owned() } else { snake }, renamed(value))
            });
            Value::Object(each.collect::<Map<String, Value>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(renamed).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
#[path = "tencent/tests.rs"]
mod tests;
