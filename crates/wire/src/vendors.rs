//! Vendors are rows; dialects are code. A vendor that speaks a known dialect at a known kind of address is one
//! row of the table and nothing else.

mod account;
mod address;
mod table;

pub use account::{Aws, Google, Pair, Proof, aws, google, pair};
pub use address::{Base, Signing, Target, base, home, target};
pub use table::VENDORS;

use crate::chat::Dialect;
use crate::side::SideVendor;
use magic_domain::endpoint::Endpoint;
use std::collections::HashMap;
use std::sync::LazyLock;

/// How a vendor's addresses are built, what it speaks, and how a call proves whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Base URL + OpenAI's path, `/v1` included.
    OpenAi,
    /// The base URL is an SDK's: OpenAI's path without `/v1`.
    Sdk,
    Azure,
    MiniMax,
    /// Volcengine Ark (Doubao): `/api/v3`.
    Ark,
    /// Base URL + `/chat/completions` only.
    Bare,
    QianfanV2,
    Bailian,
    /// Zhipu's `/api/paas/v4`, with a token made of the key.
    Zhipu,
    /// Workers AI's OpenAI-compatible address below the account's id, or a gateway of theirs.
    Cloudflare,
    /// `/v1/responses` only.
    ResponsesOnly,
    /// `/v1/messages`.
    Anthropic,
    /// `/v1beta/models/{model}:generateContent`.
    Gemini,
    /// Gemini and Claude on Vertex AI.
    Vertex,
    /// Claude by InvokeModel, everything else by Converse.
    Bedrock,
    /// Everything by Converse.
    Converse,
    Cohere,
    Ollama,
    Tgi,
    DashScope,
    Baidu,
    Tencent,
    Xunfei,
    Palm,
    Coze,
    DeepL,
    Replicate,
    AiProxyLibrary,
    /// Whatever a caller sends, as it is, to the channel's base URL.
    Proxy,
}

/// A channel type.
#[derive(Debug, Clone, Copy)]
pub struct Vendor {
    pub kind: u16,
    pub name: &'static str,
    /// Empty: a channel has to name one.
    pub base_url: &'static str,
    pub family: Family,
    /// The list of its models in the data file; empty: none is known.
    pub models: &'static str,
}

/// The vendor of a type.
pub fn vendor(kind: u16) -> Option<&'static Vendor> {
    VENDORS.binary_search_by_key(&kind, |vendor| vendor.kind).ok().and_then(|index| VENDORS.get(index))
}

/// The family of a type; numbers nobody knows are taken for OpenAI-compatible, as in one-api.
pub fn family(kind: u16) -> Family {
    vendor(kind).map_or(Family::OpenAi, |vendor| vendor.family)
}

/// Whether a channel of the type must name a base URL.
pub fn needs_base_url(kind: u16) -> bool {
    let regional = matches!(family(kind), Family::Bedrock | Family::Converse | Family::Vertex);
    !regional && vendor(kind).is_none_or(|vendor| vendor.base_url.is_empty())
}

/// Whether channels of a type can serve an endpoint in OpenAI's own words.
fn serves_plainly(kind: u16, endpoint: Endpoint) -> bool {
    use Endpoint::*;
    match family(kind) {
        Family::OpenAi | Family::Sdk => endpoint != Raw,
        Family::Azure => !matches!(endpoint, Raw | Moderations | Rerank | Edits | ImageVariations),
        Family::MiniMax => matches!(endpoint, Chat | Speech),
        Family::Bare | Family::QianfanV2 => endpoint == Chat,
        Family::Ark | Family::Bailian | Family::Cloudflare => matches!(endpoint, Chat | Embeddings),
        Family::Zhipu => matches!(endpoint, Chat | Embeddings | ImageGenerations),
        Family::ResponsesOnly => endpoint == Responses,
        // Cohere's rerank is the shape that everybody took over.
        Family::Cohere => endpoint == Rerank,
        // A bridge of ours speaks OpenAI's words for them.
        Family::DashScope | Family::Replicate => endpoint == ImageGenerations,
        Family::Gemini | Family::Vertex => matches!(endpoint, ImageGenerations | Speech),
        Family::Proxy => endpoint == Raw,
        _ => false,
    }
}

/// How a type's embeddings or rerank are asked for, where that is not in OpenAI's words.
fn serves_aside(kind: u16, endpoint: Endpoint) -> Option<SideVendor> {
    let (side, ranks) = match family(kind) {
        Family::Cohere => (SideVendor::Cohere, false),
        Family::Ollama => (SideVendor::Ollama, false),
        Family::Gemini => (SideVendor::Gemini, false),
        Family::Vertex => (SideVendor::Vertex, false),
        Family::DashScope => (SideVendor::DashScope, true),
        Family::Baidu => (SideVendor::Baidu, true),
        Family::Tencent => (SideVendor::Tencent, false),
        Family::Bedrock | Family::Converse => (SideVendor::Bedrock, false),
        Family::Tgi => (SideVendor::Tei, true),
        _ => return None,
    };
    let served = endpoint == Endpoint::Embeddings || (endpoint == Endpoint::Rerank && ranks);
    served.then_some(side)
}

/// Types of the OpenAI family that are known to have no Responses API: it is spoken to them as chat.
const WITHOUT_RESPONSES: &[u16] =
    &[2, 4, 5, 6, 7, 9, 10, 12, 13, 16, 19, 22, 25, 26, 28, 31, 32, 37, 39, 44, 48, 51, 58, 59];

/// How Claude's own requests are put to a cloud that hosts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// By its maker.
    Own,
    Bedrock,
    Vertex,
}

/// How a call is put to a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbound {
    /// What the vendor speaks.
    pub dialect: Dialect,
    /// What is asked of it, which may differ from what the caller asked for: a Responses call of a chat vendor.
    pub endpoint: Endpoint,
    pub host: Host,
    /// How embeddings and rerank are asked for, where the caller's own words do not do.
    pub side: Option<SideVendor>,
}

impl Outbound {
    /// The dialect's own way to an endpoint.
    pub const fn plain(dialect: Dialect, endpoint: Endpoint) -> Outbound {
        Outbound { dialect, endpoint, host: Host::Own, side: None }
    }
}

/// The chat dialect of a family that has one besides OpenAI's.
fn own_dialect(family: Family, model: &str) -> Option<(Dialect, Host)> {
    let dialect = match family {
        Family::Anthropic => Dialect::Anthropic,
        Family::Gemini => Dialect::Gemini,
        Family::Vertex if is_claude(model) => return Some((Dialect::Anthropic, Host::Vertex)),
        Family::Vertex => Dialect::Gemini,
        Family::Bedrock if is_claude(model) => return Some((Dialect::Anthropic, Host::Bedrock)),
        Family::Bedrock | Family::Converse => Dialect::BedrockConverse,
        Family::Cohere => Dialect::Cohere,
        Family::Ollama => Dialect::Ollama,
        Family::Tgi => Dialect::Tgi,
        Family::DashScope => Dialect::DashScope,
        Family::Baidu => Dialect::Baidu,
        Family::Tencent => Dialect::Tencent,
        Family::Xunfei => Dialect::Xunfei,
        Family::Palm => Dialect::Palm,
        Family::Coze => Dialect::Coze,
        Family::DeepL => Dialect::DeepL,
        Family::Replicate => Dialect::Replicate,
        Family::AiProxyLibrary => Dialect::AiProxyLibrary,
        _ => return None,
    };
    Some((dialect, Host::Own))
}

fn is_claude(model: &str) -> bool {
    model.contains("claude")
}

/// How a call that came in `face` is put to channels of a type; `None`: they can't serve it. The caller's own
/// dialect wins where the vendor speaks it: then nothing has to be translated. `model` is the vendor's name
/// for it.
pub fn outbound(kind: u16, endpoint: Endpoint, face: Dialect, model: &str) -> Option<Outbound> {
    let plain =
        |endpoint, dialect| serves_plainly(kind, endpoint).then_some(Outbound::plain(dialect, endpoint));
    let text =
        matches!(endpoint, Endpoint::Chat | Endpoint::Responses | Endpoint::Completions | Endpoint::Edits);
    if !text {
        // Only embeddings are asked for in other words than OpenAI's: Gemini's.
        let translated = face != Dialect::OpenAiChat && face != Dialect::OpenAiResponses;
        let mut way = Outbound::plain(Dialect::OpenAiChat, endpoint);
        way.side = match serves_plainly(kind, endpoint) {
            true => translated.then_some(SideVendor::OpenAi),
            false => Some(serves_aside(kind, endpoint)?),
        };
        return Some(way);
    }
    if matches!(endpoint, Endpoint::Completions | Endpoint::Edits)
        && let Some(native) = plain(endpoint, face)
    {
        return Some(native);
    }
    let chosen = match own_dialect(family(kind), model) {
        Some((dialect, host)) => Some(Outbound { host, ..Outbound::plain(dialect, Endpoint::Chat) }),
        None => {
            let responses = plain(Endpoint::Responses, Dialect::OpenAiResponses);
            let chat = plain(Endpoint::Chat, Dialect::OpenAiChat);
            let native = endpoint == Endpoint::Responses && !WITHOUT_RESPONSES.contains(&kind);
            if native { responses.or(chat) } else { chat.or(responses) }
        }
    }?;
    let spoken =
        || crate::dialect::vendor(chosen.dialect).is_some() && crate::dialect::face(face, endpoint).is_some();
    (chosen.dialect == face || spoken()).then_some(chosen)
}

/// Whether channels of a type can serve an endpoint, asked for in OpenAI's words.
pub fn serves(kind: u16, endpoint: Endpoint) -> bool {
    let face = if endpoint == Endpoint::Responses { Dialect::OpenAiResponses } else { Dialect::OpenAiChat };
    outbound(kind, endpoint, face, "").is_some()
}

#[derive(serde::Deserialize)]
struct Lists {
    owned_by: HashMap<String, String>,
    models: HashMap<String, Vec<String>>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let empty = || Lists { owned_by: HashMap::new(), models: HashMap::new() };
    serde_json::from_str(include_str!("../data/models.json")).unwrap_or_else(|_| empty())
});

static OWNERS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let mut owners = HashMap::new();
    // Rows in order: a model that several vendors sell belongs to the first.
    for vendor in VENDORS {
        let owner = LISTS.owned_by.get(vendor.models).map_or("custom", String::as_str);
        for model in model_list(vendor.kind) {
            owners.entry(model.as_str()).or_insert(owner);
        }
    }
    owners
});

/// The models a type is known to have.
pub fn model_list(kind: u16) -> &'static [String] {
    vendor(kind).and_then(|vendor| LISTS.models.get(vendor.models)).map_or(&[], Vec::as_slice)
}

/// Who makes a model; `custom` for names nobody knows.
pub fn owned_by(model: &str) -> &'static str {
    OWNERS.get(model).copied().unwrap_or("custom")
}

#[cfg(test)]
mod tests;
