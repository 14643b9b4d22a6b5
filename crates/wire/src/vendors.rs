//! Vendors are rows; dialects are code. Rows of families that this version does not speak are here with their
//! numbers and names, and serve nothing yet.

mod table;

pub use table::VENDORS;

use crate::WireError;
use crate::chat::Dialect;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use std::collections::HashMap;
use std::sync::LazyLock;

/// How a vendor's addresses are built and what it serves.
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
    /// `/v1/responses` only.
    ResponsesOnly,
    /// `/v1/messages`.
    Anthropic,
    /// `/v1beta/models/{model}:generateContent`.
    Gemini,
    /// A dialect this version does not speak.
    Later,
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
fn family(kind: u16) -> Family {
    vendor(kind).map_or(Family::OpenAi, |vendor| vendor.family)
}

/// Whether channels of a type can serve an endpoint in OpenAI's own words.
fn serves_plainly(kind: u16, endpoint: Endpoint) -> bool {
    use Endpoint::*;
    match family(kind) {
        Family::OpenAi | Family::Sdk => endpoint != Raw,
        Family::Azure => !matches!(endpoint, Raw | Moderations | Rerank | Edits | ImageVariations),
        Family::MiniMax | Family::Bare | Family::QianfanV2 => endpoint == Chat,
        Family::Ark | Family::Bailian => matches!(endpoint, Chat | Embeddings),
        Family::ResponsesOnly => endpoint == Responses,
        Family::Anthropic | Family::Gemini | Family::Later => false,
    }
}

/// Types of the OpenAI family that are known to have no Responses API: it is spoken to them as chat.
const WITHOUT_RESPONSES: &[u16] =
    &[2, 4, 5, 6, 7, 9, 10, 12, 13, 19, 22, 25, 26, 28, 31, 32, 39, 44, 48, 51, 58, 59];

/// How a call is put to a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbound {
    /// What the vendor speaks.
    pub dialect: Dialect,
    /// What is asked of it, which may differ from what the caller asked for: a Responses call of a chat vendor.
    pub endpoint: Endpoint,
}

/// How a call that came in `face` is put to channels of a type; `None`: they can't serve it. The caller's own
/// dialect wins where the vendor speaks it: then nothing has to be translated.
pub fn outbound(kind: u16, endpoint: Endpoint, face: Dialect) -> Option<Outbound> {
    let plain = |endpoint, dialect| serves_plainly(kind, endpoint).then_some(Outbound { dialect, endpoint });
    if !matches!(endpoint, Endpoint::Chat | Endpoint::Responses) {
        return plain(endpoint, face);
    }
    let chosen = match family(kind) {
        Family::Anthropic => Some(Outbound { dialect: Dialect::Anthropic, endpoint: Endpoint::Chat }),
        Family::Gemini => Some(Outbound { dialect: Dialect::Gemini, endpoint: Endpoint::Chat }),
        _ => {
            let responses = plain(Endpoint::Responses, Dialect::OpenAiResponses);
            let chat = plain(Endpoint::Chat, Dialect::OpenAiChat);
            let native = endpoint == Endpoint::Responses && !WITHOUT_RESPONSES.contains(&kind);
            if native { responses.or(chat) } else { chat.or(responses) }
        }
    }?;
    let spoken = || crate::dialect::vendor(chosen.dialect).is_some() && crate::dialect::face(face).is_some();
    (chosen.dialect == face || spoken()).then_some(chosen)
}

/// Whether channels of a type can serve an endpoint, asked for in OpenAI's words.
pub fn serves(kind: u16, endpoint: Endpoint) -> bool {
    let face = if endpoint == Endpoint::Responses { Dialect::OpenAiResponses } else { Dialect::OpenAiChat };
    outbound(kind, endpoint, face).is_some()
}

/// Where a call goes, and what its head carries.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// The `Host` header: with the port, where it is not the scheme's own.
    pub host_header: String,
    pub path_and_query: String,
    /// The credential and what the vendor asks for besides.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for Target {
    /// Without the headers: they hold the credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({}{})", self.host_header, self.path_and_query)
    }
}

/// A base URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// Without a trailing slash.
    pub path: String,
}

/// Reads a base URL.
pub fn base(url: &str) -> Result<Base, WireError> {
    let bad = || WireError::new("the base URL must be http:// or https:// with a host");
    let (scheme, rest) = url.trim().split_once("://").ok_or_else(bad)?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => true,
        "http" | "ws" => false,
        _ => return Err(bad()),
    };
    let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let path = path.split(['?', '#']).next().unwrap_or("");
    let fine = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if authority.contains('@') || !fine(authority) || !fine(path) {
        return Err(bad());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| bad())?),
        _ => (authority, if tls { 443 } else { 80 }),
    };
    let sound = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')),
    };
    if host.is_empty() || port == 0 || !sound {
        return Err(bad());
    }
    Ok(Base { tls, host: host.to_ascii_lowercase(), port, path: path.trim_end_matches('/').to_owned() })
}

const CLOUDFLARE: &str = "gateway.ai.cloudflare.com";

/// Builds the target of a call. `path_and_query` is OpenAI's path with the caller's query; vendors that ask for
/// streams in their address are told by `stream`.
pub fn target(
    channel: &Channel,
    endpoint: Endpoint,
    upstream_model: &str,
    path_and_query: &str,
    stream: bool,
) -> Result<Target, WireError> {
    let own = vendor(channel.kind).map_or("", |vendor| vendor.base_url);
    let url = if channel.base_url.trim().is_empty() { own } else { channel.base_url.as_str() };
    if url.is_empty() {
        return Err(WireError::new("the channel has no base URL"));
    }
    let base = base(url)?;
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let bare = path.strip_prefix("/v1").unwrap_or(path);
    let cloudflare = base.host == CLOUDFLARE;
    let unsupported = || WireError::new("the channel's type does not serve this endpoint");
    let mut query = query.to_owned();
    let path = match family(channel.kind) {
        Family::Later => return Err(unsupported()),
        Family::OpenAi | Family::ResponsesOnly => {
            // People paste SDK base URLs that end with the version.
            let versioned = base.path.ends_with("/v1");
            if versioned || (cloudflare && channel.kind == 1) { bare.to_owned() } else { path.to_owned() }
        }
        Family::Sdk => bare.to_owned(),
        Family::MiniMax if endpoint == Endpoint::Chat => "/v1/text/chatcompletion_v2".to_owned(),
        Family::Bare if endpoint == Endpoint::Chat => bare.to_owned(),
        Family::QianfanV2 if endpoint == Endpoint::Chat => format!("/v2{bare}"),
        Family::Anthropic if endpoint == Endpoint::Chat => {
            if base.path.ends_with("/v1") {
                "/messages".to_owned()
            } else {
                "/v1/messages".to_owned()
            }
        }
        Family::Gemini if endpoint == Endpoint::Chat => {
            query = if stream { "alt=sse".to_owned() } else { String::new() };
            let version = channel.config.get("api_version").filter(|version| !version.is_empty());
            gemini(&base.path, version.map_or("v1beta", String::as_str), upstream_model, stream)
        }
        Family::Ark if serves_plainly(channel.kind, endpoint) => format!("/api/v3{bare}"),
        Family::Bailian if serves_plainly(channel.kind, endpoint) => format!("/compatible-mode{path}"),
        // Azure's newer API is OpenAI's, below `/openai/v1`.
        Family::Azure if base.path.ends_with("/openai/v1") => bare.to_owned(),
        Family::Azure => azure(channel, endpoint, upstream_model, bare, cloudflare, &mut query),
        _ => return Err(unsupported()),
    };
    let mut path_and_query = format!("{}{path}", base.path);
    if !query.is_empty() {
        path_and_query.push('?');
        path_and_query.push_str(&query);
    }
    let mut headers = Vec::with_capacity(3);
    let key = channel.key.expose();
    if channel.kind == 3 {
        headers.push(("api-key".to_owned(), key.to_owned()));
    } else if family(channel.kind) == Family::Anthropic {
        headers.push(("x-api-key".to_owned(), key.to_owned()));
        headers.push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
    } else if family(channel.kind) == Family::Gemini {
        headers.push(("x-goog-api-key".to_owned(), key.to_owned()));
    } else if !key.is_empty() {
        headers.push(("authorization".to_owned(), format!("Bearer {key}")));
    }
    if channel.kind == 20 {
        headers.push(("x-title".to_owned(), "MAGIC".to_owned()));
    }
    if endpoint == Endpoint::Realtime && channel.kind != 3 {
        headers.push(("openai-beta".to_owned(), "realtime=v1".to_owned()));
    }
    let standard = base.port == if base.tls { 443 } else { 80 };
    let host_header = if standard { base.host.clone() } else { format!("{}:{}", base.host, base.port) };
    Ok(Target { tls: base.tls, host: base.host, port: base.port, host_header, path_and_query, headers })
}

/// Azure's deployments API; what has no deployment path goes to the resource itself. The caller's query is
/// replaced, as in one-api.
fn azure(
    channel: &Channel,
    endpoint: Endpoint,
    model: &str,
    bare: &str,
    cloudflare: bool,
    query: &mut String,
) -> String {
    let version = channel.config.get("api_version").filter(|version| !version.is_empty());
    let version = version.map_or("2024-10-21", String::as_str);
    let pictures = matches!(endpoint, Endpoint::ImageGenerations | Endpoint::ImageEdits);
    // Deployments were named without dots (gpt-35-turbo); names of picture models keep theirs.
    let deployment = if pictures { model.to_owned() } else { model.replace('.', "") };
    let deployment = encode(&deployment);
    *query = format!("api-version={version}");
    match endpoint {
        Endpoint::Responses => format!("/openai{bare}"),
        Endpoint::Realtime => {
            query.push_str(&format!("&deployment={deployment}"));
            "/openai/realtime".to_owned()
        }
        _ if cloudflare => format!("/{deployment}{bare}"),
        _ => format!("/openai/deployments/{deployment}{bare}"),
    }
}

/// Google's address of a model's method.
fn gemini(base: &str, version: &str, model: &str, stream: bool) -> String {
    let method = if stream { "streamGenerateContent" } else { "generateContent" };
    let model = model.strip_prefix("models/").unwrap_or(model);
    let versioned = ["/v1", "/v1beta", "/v1alpha"].iter().any(|end| base.ends_with(end));
    let version = if versioned { String::new() } else { format!("/{version}") };
    format!("{version}/models/{}:{method}", encode(model))
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
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
