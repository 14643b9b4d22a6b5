//! The chat dialects, one module each: a reader and a writer of requests, answers and streams.

pub mod openai_chat;

use crate::chat::Dialect;
use crate::codec::Codec;

/// The codec of a dialect; `None` for one that this version does not speak.
pub fn codec(dialect: Dialect) -> Option<&'static dyn Codec> {
    match dialect {
        Dialect::OpenAiChat => Some(&openai_chat::OpenAiChat),
        Dialect::OpenAiResponses
        | Dialect::Anthropic
        | Dialect::Gemini
        | Dialect::BedrockConverse
        | Dialect::Cohere
        | Dialect::Ollama
        | Dialect::Tgi => None,
    }
}
