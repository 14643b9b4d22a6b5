//! Cohere's chat, second version.

mod reply;
mod stream;
mod usage;
mod write;

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Losses};
use crate::codec::{Asked, EventReader, To, VendorCodec};

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Cohere;

impl VendorCodec for Cohere {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        reply::read(body, asked)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(stream::Reader::new(asked))
    }
}

#[cfg(test)]
mod tests;
