//! iFlytek's Spark: the JSON objects that its WebSocket carries, a message each. Nothing but the application's
//! id is missing in what is sent; a whole answer is a stream that has ended.

mod names;
mod write;

pub use names::{domain, number, path_of, version};

use super::plain::{self, Teller};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses, Stop};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::read_fault;
use crate::frame::Frame;
use crate::json::Members;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Xunfei;

impl VendorCodec for Xunfei {
    /// The message to send, but for `header.app_id`.
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to.model, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        plain::whole_or_stream(self.reader(asked), body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Reader { model: asked.model.clone(), teller: Teller::default() })
    }
}

struct Reader {
    model: String,
    teller: Teller,
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.teller.failed() || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        // Before the connection stands, errors are told without a header.
        let bare = m.peek("code").is_some_and(|code| code.get() != "0");
        let Some(mut header) = m.object("header")? else {
            if bare || m.peek("error").is_some() || m.peek("message").is_some() {
                self.teller.fail(read_fault(200, &frame.data), out);
            }
            return Ok(());
        };
        if header.int("code")?.unwrap_or(0) != 0 {
            self.teller.fail(read_fault(200, &frame.data), out);
            return Ok(());
        }
        self.teller.start(&header.text("sid")?.unwrap_or_default(), &self.model, 0, out);
        let mut over = header.count("status")? == Some(2);
        let Some(mut payload) = m.object("payload")? else {
            if over {
                self.teller.stop(Stop::End);
            }
            return Ok(());
        };
        if let Some(mut choices) = payload.object("choices")? {
            over |= choices.count("status")? == Some(2);
            for raw in choices.list("text")? {
                let mut piece = Members::of(raw, "payload.choices.text")?;
                self.teller.thought(piece.text("reasoning_content")?.as_deref().unwrap_or_default(), out);
                self.teller.text(piece.text("content")?.as_deref().unwrap_or_default(), out);
                if let Some(mut call) = piece.object("function_call")? {
                    let name = call.text("name")?.unwrap_or_default();
                    self.teller.call(&name, &call.text("arguments")?.unwrap_or_default(), out);
                }
            }
        }
        if let Some(mut usage) = payload.object("usage")?
            && let Some(mut text) = usage.object("text")?
        {
            let (input, output) = (text.count("prompt_tokens")?, text.count("completion_tokens")?);
            self.teller.usage(plain::counts(input, output, None));
        }
        if over {
            self.teller.stop(Stop::End);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.teller.end(out)
    }
}

#[cfg(test)]
#[path = "xunfei/tests.rs"]
mod tests;
