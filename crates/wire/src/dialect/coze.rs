//! Coze's chats with bots, third version. The model is the bot; what it is and does is set there. Streams are
//! always asked for: a whole answer would have to be fetched again and again until it is there.

mod write;

use super::plain::{self, Teller};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses, Stop};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::{FaultClass, VendorFault, read_fault};
use crate::frame::Frame;
use crate::json::Members;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Coze;

impl VendorCodec for Coze {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to.model, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        plain::whole_or_stream(self.reader(asked), body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        let model = asked.model.clone();
        Box::new(Reader { model, teller: Teller::default(), message: String::new() })
    }
}

struct Reader {
    model: String,
    teller: Teller,
    /// The message that is being told, piece by piece.
    message: String,
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        // The last event's data is the text "[DONE]".
        if self.teller.failed() || matches!(frame.data.as_ref(), b"[DONE]" | b"\"[DONE]\"") {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        match frame.name.as_ref() {
            b"conversation.chat.created" | b"conversation.chat.in_progress" => {
                self.start(&mut m, out)?;
            }
            b"conversation.message.delta" => self.message(&mut m, false, out)?,
            b"conversation.message.completed" => self.message(&mut m, true, out)?,
            b"conversation.chat.completed" => {
                self.start(&mut m, out)?;
                if let Some(mut usage) = m.object("usage")? {
                    let (input, output) = (usage.count("input_count")?, usage.count("output_count")?);
                    self.teller.usage(plain::counts(input, output, usage.count("token_count")?));
                }
                self.teller.stop(Stop::End);
            }
            b"conversation.chat.failed" | b"conversation.chat.canceled" | b"error" => {
                self.teller.fail(read_fault(200, &frame.data), out);
            }
            b"conversation.chat.requires_action" => {
                let message = "the bot waits for a plugin of its own to be run, which can't be done here";
                let fault = VendorFault {
                    message: message.to_owned(),
                    kind: "upstream_error".to_owned(),
                    code: "requires_action".to_owned(),
                    param: None,
                    class: FaultClass::InvalidRequest,
                };
                self.teller.fail(fault, out);
            }
            // Errors before the stream begins are plain objects.
            b"" if m.peek("code").is_some_and(|code| code.get() != "0") => {
                self.teller.fail(read_fault(200, &frame.data), out);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.teller.end(out)
    }
}

impl Reader {
    fn start(&mut self, m: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        let (id, created) = (m.text("id")?.unwrap_or_default(), m.int("created_at")?.unwrap_or(0));
        self.teller.start(&id, &self.model, created, out);
        Ok(())
    }

    /// A piece of a message, or the whole of it again: that counts only where there were no pieces. What is no
    /// answer (calls of the bot's plugins, their results, questions to go on with) is the bot's own matter.
    fn message(&mut self, m: &mut Members<'_>, whole: bool, out: &mut Vec<Event>) -> Result<(), WireError> {
        let id = m.text("id")?.unwrap_or_default();
        if m.text("type")?.as_deref() != Some("answer") || (whole && id == self.message) {
            return Ok(());
        }
        let chat = m.text("chat_id")?.unwrap_or_default();
        self.teller.start(&chat, &self.model, 0, out);
        self.teller.thought(m.text("reasoning_content")?.as_deref().unwrap_or_default(), out);
        self.teller.text(m.text("content")?.as_deref().unwrap_or_default(), out);
        self.message = id;
        Ok(())
    }
}

#[cfg(test)]
#[path = "coze/tests.rs"]
mod tests;
