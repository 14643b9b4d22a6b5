//! AI Proxy's libraries: a question about documents, the answer with a list of those it rests on. Which library
//! is asked is a parameter of the channel.

use super::plain::{self, Teller};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses, Stop};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::read_fault;
use crate::frame::Frame;
use crate::json::{Members, object};
use magic_domain::usage::Usage;
use std::borrow::Cow;
use std::fmt::Write;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct AiProxyLibrary;

impl VendorCodec for AiProxyLibrary {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        plain::unsaid(chat, &[], lost)?;
        let query = query(chat, lost)?;
        Ok(object(|o| {
            o.text("model", to.model);
            o.text("query", &query);
            o.flag("stream", chat.stream);
        }))
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        plain::fold(Reader::new(asked, true), body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Reader::new(asked, false))
    }
}

/// The last message; a library has no conversations.
fn query(chat: &ChatRequest, lost: &mut Losses) -> Result<String, WireError> {
    let missing = || WireError::at("there is no question in the last message", "messages");
    let last = chat.messages.len().checked_sub(1).ok_or_else(missing)?;
    let mut query = String::new();
    for (at, message) in chat.messages.iter().enumerate() {
        if at < last {
            lost.dropped(format!("messages[{at}]"));
            continue;
        }
        let place = |index| format!("messages[{at}].content[{index}]");
        let parts: Vec<_> =
            message.parts.iter().enumerate().map(|(n, part)| (Cow::Borrowed(part), place(n))).collect();
        query = plain::texts(&parts, lost)?;
    }
    if query.is_empty() { Err(missing()) } else { Ok(query) }
}

struct Reader {
    model: String,
    /// The answer comes in one piece: it is over without saying so.
    whole: bool,
    teller: Teller,
}

impl Reader {
    fn new(asked: &Asked, whole: bool) -> Reader {
        Reader { model: asked.model.clone(), whole, teller: Teller::default() }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.teller.failed() || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        let refused = m.flag("success")? == Some(false) || m.peek("errCode").is_some_and(|c| c.get() != "0");
        if refused || m.peek("error").is_some() {
            self.teller.fail(read_fault(200, &frame.data), out);
            return Ok(());
        }
        let text = m.text(if self.whole { "answer" } else { "content" })?;
        let documents = m.list("documents")?;
        let over = self.whole || m.flag("finish")? == Some(true);
        if text.is_none() && documents.is_empty() && !over {
            return Ok(());
        }
        if self.whole && text.is_none() {
            return Err(WireError::new("the vendor's answer has no answer"));
        }
        let model = m.text("model")?.filter(|model| !model.is_empty());
        self.teller.start("", model.as_deref().unwrap_or(&self.model), 0, out);
        self.teller.text(text.as_deref().unwrap_or_default(), out);
        let mut list = String::new();
        for (number, raw) in documents.into_iter().enumerate() {
            let mut document = Members::of(raw, "documents")?;
            let title = document.text("title")?.unwrap_or_default();
            let url = document.text("url")?.unwrap_or_default();
            // Writing to a text does not fail.
            let _ = writeln!(list, "{}. [{title}]({url})", number + 1);
        }
        if !list.is_empty() {
            self.teller.text(&format!("\n\nReference Documents:\n{list}"), out);
        }
        if over {
            // Questions are free.
            self.teller.usage(Some(Usage::default()));
            self.teller.stop(Stop::End);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.teller.end(out)
    }
}

#[cfg(test)]
#[path = "aiproxy/tests.rs"]
mod tests;
