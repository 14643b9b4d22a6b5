//! Anthropic Messages, as a caller's dialect and as a vendor's.

mod blocks;
pub mod hosted;
pub(in crate::dialect) mod media;
pub(in crate::dialect) mod models;
mod read;
mod reply;
pub(in crate::dialect) mod schema;
pub(in crate::dialect) mod seal;
mod sse;
mod stream;
pub(in crate::dialect) mod thinking;
mod tools;
pub(in crate::dialect) mod turns;
mod usage;
pub(in crate::dialect) mod write;

pub use blocks::is_exact;
pub use usage::read_usage;

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Losses};
use crate::codec::{Asked, Echo, EventReader, EventWriter, FaceCodec, To, VendorCodec};

/// The tool whose call is the answer, for models without structured output. Readers of answers know it by its
/// name: its input becomes the text.
pub const JSON_TOOL: &str = "json_output";

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Anthropic;

impl FaceCodec for Anthropic {
    fn read_request(&self, body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError> {
        read::request(body, model)
    }

    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String {
        reply::write(reply, echo)
    }

    fn writer(&self, echo: Echo) -> Box<dyn EventWriter> {
        Box::new(sse::Writer::new(echo))
    }
}

impl VendorCodec for Anthropic {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], _asked: &Asked) -> Result<ChatReply, WireError> {
        reply::read(body)
    }

    fn reader(&self, _asked: &Asked) -> Box<dyn EventReader> {
        Box::<stream::Reader>::default()
    }
}

#[cfg(test)]
mod tests;
