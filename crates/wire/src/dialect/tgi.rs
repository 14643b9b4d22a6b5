//! HuggingFace's text generation inference, by its own routes: `/generate`, and `/generate_stream` for streams.
//!
//! The server takes a prompt, not messages. Every turn is written as `Role: text` (`System`, `User`,
//! `Assistant`, `Tool`), turns are parted by a blank line, and `Assistant:` ends the prompt: so a longer history
//! begins with the same bytes. The model is stopped where it begins to speak for the user.

mod prompt;
mod stream;
mod write;

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Losses};
use crate::codec::{Asked, EventReader, To, VendorCodec};
use magic_domain::usage::{Bucket, Usage};

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Tgi;

impl VendorCodec for Tgi {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    /// The answer does not say how long its prompt was: see [`counted`].
    fn read_reply(&self, body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
        stream::reply(body, asked)
    }

    fn reader(&self, asked: &Asked) -> Box<dyn EventReader> {
        Box::new(stream::Reader::new(asked))
    }
}

/// The usage that an answer's `x-prompt-tokens` and `x-generated-tokens` headers tell.
pub fn counted(prompt: &str, generated: &str) -> Option<Usage> {
    let (prompt, generated): (u32, u32) = (prompt.trim().parse().ok()?, generated.trim().parse().ok()?);
    Some(Usage::default().with(Bucket::Input, prompt.into()).with(Bucket::Output, generated.into()))
}

#[cfg(test)]
mod tests;
