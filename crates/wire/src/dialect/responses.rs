//! OpenAI Responses: items instead of messages, named events instead of chunks.

mod history;
mod items;
mod read;
mod reply;
mod seal;
mod stream_read;
mod stream_write;
#[cfg(test)]
mod tests;
mod tools;
mod write;

use crate::WireError;
use crate::chat::{Body, ChatReply, ChatRequest, Dialect, Losses};
use crate::codec::{Asked, Echo, EventReader, EventWriter, FaceCodec, To, VendorCodec};
use crate::json::Members;

/// The codec.
#[derive(Debug, Clone, Copy)]
pub struct Responses;

impl FaceCodec for Responses {
    fn read_request(&self, body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError> {
        read::request(body, model)
    }

    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String {
        reply::write(reply, echo)
    }

    fn writer(&self, echo: Echo) -> Box<dyn EventWriter> {
        Box::new(stream_write::Writer::new(echo))
    }
}

impl VendorCodec for Responses {
    fn write_request(&self, chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
        write::request(chat, to, lost)
    }

    fn read_reply(&self, body: &[u8], _asked: &Asked) -> Result<ChatReply, WireError> {
        reply::read(body)
    }

    fn reader(&self, _asked: &Asked) -> Box<dyn EventReader> {
        Box::new(stream_read::Reader::default())
    }
}

/// Whether a request of this dialect can be put into another: an error names what only a vendor that keeps
/// state, or runs the tool itself, can do (vendors' table 9.10).
pub fn portable(chat: &ChatRequest) -> Result<(), WireError> {
    if chat.origin != Some(Dialect::OpenAiResponses) {
        return Ok(());
    }
    let stays = |what: &str| {
        WireError::at(format!("{what} can't be used with this model: nothing is kept between calls"), what)
    };
    if chat.previous_response.is_some() {
        return Err(stays("previous_response_id"));
    }
    for (name, value) in &chat.extra {
        let asked = match name.as_str() {
            "conversation" | "prompt" | "context_management" => true,
            "background" => value.get() == "true",
            _ => false,
        };
        if asked {
            return Err(stays(name));
        }
    }
    for part in chat.messages.iter().flat_map(|message| &message.parts) {
        let Body::Opaque { dialect: Dialect::OpenAiResponses, json } = &part.body else { continue };
        let kind = kind_of(json.get()).unwrap_or_default();
        // What a hosted tool found was told in the text that followed; marks of ours carry nothing.
        let told = [
            "message",
            "web_search_call",
            "file_search_call",
            "code_interpreter_call",
            "image_generation_call",
        ];
        if !told.contains(&kind.as_str()) {
            return Err(WireError::at(
                format!("items of type {kind:?} can't be used with this model"),
                "input",
            ));
        }
    }
    Ok(())
}

/// Whether a member that another dialect had to leave out changes nothing of what is generated: of those the
/// caller need not be told.
pub fn hint(name: &str) -> bool {
    matches!(
        name,
        "include"
            | "stream_options"
            | "max_tool_calls"
            | "background"
            | "reasoning"
            | "safety_identifier"
            | "prompt_cache_options"
            | "prompt_cache_retention"
            | "client_metadata"
    )
}

/// The `type` of an object.
fn kind_of(json: &str) -> Option<String> {
    Members::of_body(json.as_bytes()).ok()?.text("type").ok().flatten()
}

/// What ids of an answer are made of: the vendor's, or that of the call where it has none. Callers send ids of
/// items back, and vendors take no more than 64 characters.
fn base_id(vendor: &str, request: &str) -> String {
    let id = if vendor.is_empty() { request } else { vendor };
    let id = id.strip_prefix("resp_").unwrap_or(id);
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if plain && !id.is_empty() && id.len() <= 54 {
        return id.to_owned();
    }
    fingerprint(id)
}

/// FNV-1a: any function will do that gives the same for the same.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
