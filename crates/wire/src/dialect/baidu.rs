//! Baidu Wenxin's first API: turns that alternate strictly, the system prompt apart, functions of the old kind,
//! the answer in `result`. Errors come with status 200.

mod write;

use super::plain::{self, Teller};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Event, Losses, Stop};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::fault::read_fault;
use crate::frame::Frame;
use crate::json::Members;
use std::borrow::Cow;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Baidu;

impl VendorCodec for Baidu {
    fn write_request(
        &self,
        chat: &ChatRequest,
        _to: &To<'_>,
        lost: &mut Losses,
    ) -> Result<String, WireError> {
        write::request(chat, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        plain::fold(Reader { whole: true, ..Reader::new(asked) }, body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(Reader::new(asked))
    }
}

/// The last part of a model's address: the model is not named in the body.
pub fn slug(model: &str) -> Cow<'_, str> {
    const SLUGS: &[(&str, &str)] = &[
        ("ERNIE-4.0", "completions_pro"),
        ("ERNIE-Bot-4", "completions_pro"),
        ("ERNIE-4.0-8K", "completions_pro"),
        ("ERNIE-Bot", "completions"),
        ("ERNIE-3.5-8K", "completions"),
        ("ERNIE-Bot-turbo", "eb-instant"),
        ("ERNIE-Lite-8K-0922", "eb-instant"),
        ("ERNIE-Speed", "ernie_speed"),
        ("ERNIE-Speed-8K", "ernie_speed"),
        ("ERNIE-3.5-8K-0205", "ernie-3.5-8k-0205"),
        ("ERNIE-3.5-8K-1222", "ernie-3.5-8k-1222"),
        ("ERNIE-Bot-8K", "ernie_bot_8k"),
        ("ERNIE-3.5-4K-0205", "ernie-3.5-4k-0205"),
        ("ERNIE-Speed-128K", "ernie-speed-128k"),
        ("ERNIE-Lite-8K-0308", "ernie-lite-8k"),
        ("ERNIE-Tiny-8K", "ernie-tiny-8k"),
        ("BLOOMZ-7B", "bloomz_7b1"),
        ("Embedding-V1", "embedding-v1"),
        ("bge-large-zh", "bge_large_zh"),
        ("bge-large-en", "bge_large_en"),
        ("tao-8k", "tao_8k"),
    ];
    let known = SLUGS.iter().find(|(name, _)| *name == model);
    known.map_or_else(|| Cow::Owned(model.to_lowercase()), |(_, slug)| Cow::Borrowed(*slug))
}

struct Reader {
    model: String,
    /// The answer comes in one piece: it is over without saying so.
    whole: bool,
    teller: Teller,
}

impl Reader {
    fn new(asked: &Asked) -> Reader {
        Reader { model: asked.model.clone(), whole: false, teller: Teller::default() }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.teller.failed() || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        if m.peek("error_code").is_some_and(|code| code.get() != "0") || m.peek("error").is_some() {
            self.teller.fail(read_fault(200, &frame.data), out);
            return Ok(());
        }
        let call = m.object("function_call")?;
        let result = m.text("result")?;
        if call.is_none() && result.is_none() && m.peek("is_end").is_none() {
            return Ok(());
        }
        let id = m.text("id")?.unwrap_or_default();
        self.teller.start(&id, &self.model, m.int("created")?.unwrap_or(0), out);
        self.teller.text(result.as_deref().unwrap_or_default(), out);
        if let Some(mut call) = call {
            self.teller.thought(call.text("thoughts")?.as_deref().unwrap_or_default(), out);
            let arguments = call.text("arguments")?.unwrap_or_default();
            self.teller.call(call.text("name")?.as_deref().unwrap_or_default(), &arguments, out);
        }
        if let Some(mut usage) = m.object("usage")? {
            let (input, output) = (usage.count("prompt_tokens")?, usage.count("completion_tokens")?);
            self.teller.usage(plain::counts(input, output, usage.count("total_tokens")?));
        }
        let truncated = m.flag("is_truncated")? == Some(true);
        // What should be forgotten was refused.
        let refused = m.flag("need_clear_history")? == Some(true);
        let stop = match m.text("finish_reason")?.as_deref() {
            Some("content_filter") => Stop::Filtered,
            _ if refused => Stop::Filtered,
            Some("length") => Stop::Length,
            Some("function_call") => Stop::ToolCalls,
            _ if truncated => Stop::Length,
            _ => Stop::End,
        };
        if self.whole || m.flag("is_end")? == Some(true) {
            self.teller.stop(stop);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.teller.end(out)
    }
}

#[cfg(test)]
#[path = "baidu/tests.rs"]
mod tests;
