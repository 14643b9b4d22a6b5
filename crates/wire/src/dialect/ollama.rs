//! Ollama's own chat, `/api/chat`: a JSON object a line.

mod stream;
mod write;

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Losses};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::frame::Framing;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Ollama;

impl VendorCodec for Ollama {
    fn fetches(&self) -> bool {
        false
    }

    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        stream::reply(body, asked)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(stream::Reader::new(asked))
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }
}

#[cfg(test)]
mod tests;
