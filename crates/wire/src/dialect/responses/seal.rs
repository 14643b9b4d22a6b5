//! Seals of other dialects on their way through a caller: the one field that every client of Responses sends
//! back untouched is the `encrypted_content` of a reasoning item.

use crate::chat::{Dialect, Seal, SealKind};
use crate::json::{self, Members};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "gw1.";

const DIALECTS: [(Dialect, &str); 8] = [
    (Dialect::OpenAiChat, "openai_chat"),
    (Dialect::OpenAiResponses, "openai_responses"),
    (Dialect::Anthropic, "anthropic"),
    (Dialect::Gemini, "gemini"),
    (Dialect::BedrockConverse, "bedrock_converse"),
    (Dialect::Cohere, "cohere"),
    (Dialect::Ollama, "ollama"),
    (Dialect::Tgi, "tgi"),
];

/// A seal as it was found in an item.
#[derive(Debug, PartialEq)]
pub(super) struct Carried {
    pub seal: Seal,
    /// The id of the vendor's item, where ours is another.
    pub id: Option<String>,
    /// The call that the seal belongs to.
    pub call: Option<String>,
    /// Whether it was wrapped by us.
    pub wrapped: bool,
}

/// Wraps a seal that the caller's SDK must not mistake for one of its vendor.
pub(super) fn wrap(seal: &Seal, id: Option<&str>, call: Option<&str>) -> String {
    let name = DIALECTS.iter().find(|(dialect, _)| *dialect == seal.dialect).map_or("", |(_, name)| name);
    let kind = match seal.kind {
        SealKind::Signature => "signature",
        SealKind::Encrypted => "encrypted",
    };
    let json = json::object(|o| {
        o.text("dialect", name);
        o.text("kind", kind);
        o.text("data", &seal.data);
        o.opt_text("id", id);
        o.opt_text("call", call);
    });
    format!("{PREFIX}{}", STANDARD.encode(json))
}

/// Reads an `encrypted_content`: ours is unwrapped, any other is the vendor's own.
pub(super) fn open(encrypted: String) -> Carried {
    unwrap(&encrypted).unwrap_or(Carried {
        seal: Seal { dialect: Dialect::OpenAiResponses, kind: SealKind::Encrypted, data: encrypted },
        id: None,
        call: None,
        wrapped: false,
    })
}

fn unwrap(encrypted: &str) -> Option<Carried> {
    let json = STANDARD.decode(encrypted.strip_prefix(PREFIX)?).ok()?;
    let mut members = Members::of_body(&json).ok()?;
    let name = members.text("dialect").ok()??;
    let dialect = DIALECTS.iter().find(|(_, known)| *known == name)?.0;
    let kind = match members.text("kind").ok()??.as_str() {
        "signature" => SealKind::Signature,
        "encrypted" => SealKind::Encrypted,
        _ => return None,
    };
    let data = members.text("data").ok()??;
    let (id, call) = (members.text("id").ok()?, members.text("call").ok()?);
    Some(Carried { seal: Seal { dialect, kind, data }, id, call, wrapped: true })
}
