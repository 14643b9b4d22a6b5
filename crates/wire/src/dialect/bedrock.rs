//! AWS Bedrock's Converse and ConverseStream, which speak for models of many makers. The model stands in the
//! URL, as does whether the answer streams.

mod media;
pub mod model;
mod reply;
mod settings;
mod stream;
mod tools;
mod turns;
mod usage;
mod write;

pub use usage::read_usage;

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Losses};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use crate::frame::Framing;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct BedrockConverse;

impl VendorCodec for BedrockConverse {
    fn fetches(&self) -> bool {
        false
    }

    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        reply::read(body, asked)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(stream::Reader::new(asked))
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }
}

#[cfg(test)]
mod tests;
