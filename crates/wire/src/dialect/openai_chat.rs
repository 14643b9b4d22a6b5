//! OpenAI Chat Completions, and what its many clones make of it.

mod read;
mod reply;
mod stream;
mod write;

pub(super) use reply::write_usage;
pub(in crate::dialect) use stream::Reader;

use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Dialect, Losses, Seal, SealKind, Stop};
use crate::codec::{Asked, Echo, EventReader, EventWriter, FaceCodec, To, VendorCodec};
use crate::json::Json;

/// The dialect.
pub struct OpenAiChat;

impl FaceCodec for OpenAiChat {
    fn read_request(&self, body: &[u8], _model: Option<&str>) -> Result<ChatRequest, WireError> {
        read::request(body)
    }

    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String {
        reply::write(reply, echo)
    }

    fn writer(&self, echo: Echo) -> Box<dyn EventWriter> {
        Box::new(stream::Writer::new(echo))
    }
}

impl VendorCodec for OpenAiChat {
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

/// A vendor's word for the end of an answer; `None` for one that says the vendor failed.
fn stop_of(word: &str) -> Option<Stop> {
    match word {
        "length" | "model_length" | "max_tokens" | "model_context_window_exceeded" => Some(Stop::Length),
        "tool_calls" | "function_call" | "tool_use" => Some(Stop::ToolCalls),
        "content_filter" | "sensitive" | "refusal" => Some(Stop::Filtered),
        "stop_sequence" => Some(Stop::StopSequence),
        "error" | "network_error" | "insufficient_system_resource" | "abort" => None,
        _ => Some(Stop::End),
    }
}

pub(super) fn word_of(stop: Stop) -> &'static str {
    match stop {
        Stop::End | Stop::StopSequence | Stop::Paused => "stop",
        Stop::Length => "length",
        Stop::ToolCalls => "tool_calls",
        Stop::Filtered => "content_filter",
    }
}

/// The names that OpenRouter gave the formats of sealed reasoning, which others took over.
const FORMATS: &[(&str, Dialect)] = &[
    ("anthropic-claude-v1", Dialect::Anthropic),
    ("openai-responses-v1", Dialect::OpenAiResponses),
    ("google-gemini-v1", Dialect::Gemini),
    ("bedrock-converse-v1", Dialect::BedrockConverse),
];

fn format_of(dialect: Dialect) -> Option<&'static str> {
    FORMATS.iter().find(|(_, known)| *known == dialect).map(|(name, _)| *name)
}

fn dialect_of(format: &str) -> Option<Dialect> {
    FORMATS.iter().find(|(name, _)| *name == format).map(|(_, dialect)| *dialect)
}

/// An entry of `reasoning_details` for a seal.
fn detail_of(text: &str, seal: &Seal, id: Option<&str>, index: usize) -> Option<String> {
    let format = format_of(seal.dialect)?;
    Some(crate::json::object(|o| {
        match seal.kind {
            SealKind::Signature => {
                o.text("type", "reasoning.text");
                o.text("text", text);
                o.text("signature", &seal.data);
            }
            SealKind::Encrypted => {
                o.text("type", "reasoning.encrypted");
                o.text("data", &seal.data);
            }
        }
        o.text("format", format);
        o.opt_text("id", id);
        o.int("index", index as i64);
    }))
}

/// The arguments of a call as text: some vendors send an object.
pub(super) fn arguments_of(raw: &serde_json::value::RawValue) -> String {
    match crate::json::text_of(raw) {
        Some(text) => text,
        None if raw.get() == "null" => String::new(),
        None => Json::from(raw).get().to_owned(),
    }
}

/// Texts one under another, empty ones left out.
fn word_list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let kept: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    kept.join("\n")
}
