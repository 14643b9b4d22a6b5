//! Alibaba's own generation API, for texts and for pictures, sounds and videos. What it answers is what OpenAI's
//! chunks say in other words, and is read as such.

mod stream;
mod write;

pub use write::multimodal;

use super::plain;
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Losses};
use crate::codec::{Asked, EventReader, To, VendorCodec};

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct DashScope;

impl VendorCodec for DashScope {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        plain::fold(stream::Reader::new(asked), body)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(stream::Reader::new(asked))
    }
}

#[cfg(test)]
#[path = "dashscope/tests.rs"]
mod tests;
