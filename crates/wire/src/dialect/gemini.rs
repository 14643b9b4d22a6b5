//! Google's generateContent, of Gemini and of Vertex AI. The model and whether the answer streams stand in the
//! URL, not in the body.

mod contents;
pub mod embed;
mod fields;
mod grounding;
mod logprobs;
mod models;
mod parts;
mod read;
mod reply;
mod schema;
mod settings;
mod stream;
mod tools;
mod tree;
mod usage;
mod write;

pub(super) use contents::arguments;
pub(super) use stream::seconds;
pub use tools::tool_name;
pub use usage::{read_usage, write_usage};

use super::anthropic::seal::{Held, of_reasoning, read};
use crate::WireError;
use crate::chat::{ChatReply, ChatRequest, Dialect, Losses, Seal, SealKind};
use crate::codec::{Asked, Echo, EventReader, EventWriter, FaceCodec, To, VendorCodec};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub struct Gemini;

impl FaceCodec for Gemini {
    fn read_request(&self, body: &[u8], model: Option<&str>) -> Result<ChatRequest, WireError> {
        read::request(body, model)
    }

    fn write_reply(&self, reply: &ChatReply, echo: &Echo) -> String {
        reply::whole(reply, echo)
    }

    fn writer(&self, echo: Echo) -> Box<dyn EventWriter> {
        Box::new(reply::Writer::new(echo))
    }
}

impl VendorCodec for Gemini {
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
}

/// Refuses what only Google can do: the text of a cache of theirs is not in the request.
pub fn portable(chat: &ChatRequest) -> Result<(), WireError> {
    let named = |name: &str| name == "cachedContent" || name == "cached_content";
    if chat.origin == Some(Dialect::Gemini) && chat.extra.iter().any(|(name, _)| named(name)) {
        let message = "cachedContent can't be used with this model: only Google has what is in it";
        return Err(WireError::at(message, "cachedContent"));
    }
    Ok(())
}

/// What a thought signature is: Google's own, or one of ours that holds another vendor's seal on its way through
/// a caller of this dialect.
#[derive(Debug, Clone, Default, PartialEq)]
struct Signed {
    seal: Option<Seal>,
    /// The id of an item of reasoning.
    id: Option<String>,
    /// Known for ours only.
    summary: Option<bool>,
}

fn signed(data: String) -> Signed {
    // Signatures are bytes to Google's SDKs, which send them back in the alphabet for addresses.
    let plain = data.replace('-', "+").replace('_', "/");
    let ours = STANDARD_NO_PAD.decode(plain.trim_end_matches('=')).ok();
    let ours =
        ours.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| read(&text, Dialect::Gemini));
    match ours {
        Some(Held { seal, id, summary, .. }) => Signed { seal, id, summary: Some(summary) },
        None => {
            let seal = Seal { dialect: Dialect::Gemini, kind: SealKind::Signature, data };
            Signed { seal: Some(seal), ..Signed::default() }
        }
    }
}

/// The signature that a caller is told: Google's as it is, another vendor's seal in one of ours.
fn carried(seal: Option<&Seal>, id: Option<&str>, summary: bool) -> Option<String> {
    match seal {
        Some(seal) if seal.dialect == Dialect::Gemini => signature(Some(seal)).map(str::to_owned),
        None if id.is_none() => None,
        _ => Some(STANDARD.encode(of_reasoning("", summary, seal, id))),
    }
}

/// The signature in a seal of ours; one of another vendor is none (C14).
fn signature(seal: Option<&Seal>) -> Option<&str> {
    seal.filter(|seal| seal.dialect == Dialect::Gemini && seal.kind == SealKind::Signature)
        .map(|seal| seal.data.as_str())
}

/// Whether we made the id of a call because the vendor or the caller gave none: such an id is never sent on.
pub(super) fn is_made(id: &str) -> bool {
    let Some((hash, number)) = id.strip_prefix("call_").and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let made_for_reply = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let made_for_history = hash.strip_prefix('t').is_some_and(digits);
    digits(number) && (made_for_reply || made_for_history)
}

/// FNV-1a: the same answer always gives the same ids.
pub(in crate::dialect) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
