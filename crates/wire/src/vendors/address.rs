//! Where a call goes: base URLs, and the path below them that each family of vendors has.

use super::account::{Aws, Google, Pair, Proof, aws, google, pair};
use super::{Family, Host, Outbound, family, serves_plainly, vendor};
use crate::WireError;
use crate::chat::ChatRequest;
use crate::dialect::bedrock::model::model_id;
use crate::dialect::dashscope;
use crate::sign::encoded;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;

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
    /// What each call has to be signed with, or bring along.
    pub signing: Signing,
    /// The vendor is reached through our own bridge: it takes more than one exchange, or no HTTP.
    pub bridge: bool,
}

/// How a call proves whose it is, where a fixed header does not do.
#[derive(Clone, PartialEq, Eq)]
pub enum Signing {
    /// The headers of the target are all.
    None,
    Aws(Aws),
    Tencent(Pair),
    /// An access token for a service account.
    Google(Google),
    /// An access token in the query.
    Baidu(Pair),
    /// A token made of the key.
    Zhipu,
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

/// Where a channel's vendor is: its own base URL, or its type's.
pub fn home(channel: &Channel) -> Result<Base, WireError> {
    let own = vendor(channel.kind).map_or("", |vendor| vendor.base_url);
    base(if channel.base_url.trim().is_empty() { own } else { channel.base_url.as_str() })
}

const CLOUDFLARE: &str = "gateway.ai.cloudflare.com";

/// Builds the target of a call. `path_and_query` is OpenAI's path with the caller's query; vendors that ask for
/// streams in their address are told by `stream`.
pub fn target(
    channel: &Channel,
    outbound: Outbound,
    upstream_model: &str,
    path_and_query: &str,
    stream: bool,
) -> Result<Target, WireError> {
    let family = family(channel.kind);
    let signing = signing(channel, family)?;
    let own = match (&signing, vendor(channel.kind).map_or("", |vendor| vendor.base_url)) {
        (Signing::Aws(aws), "") => format!("https://bedrock-runtime.{}.amazonaws.com", aws.region),
        (Signing::Google(google), "") => vertex_host(&google.region),
        (_, own) => own.to_owned(),
    };
    let url = if channel.base_url.trim().is_empty() { own.as_str() } else { channel.base_url.as_str() };
    if url.is_empty() {
        return Err(WireError::new("the channel has no base URL"));
    }
    let base = base(url)?;
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let call = Asked {
        channel,
        outbound,
        model: upstream_model,
        path,
        bare: path.strip_prefix("/v1").unwrap_or(path),
        query,
        stream,
    };
    let (path, query) = place(&call, family, &base, &signing)?;
    let bridge = bridged(family, outbound.endpoint);
    let mut path_and_query = if bridge { path } else { format!("{}{path}", base.path) };
    if !query.is_empty() {
        path_and_query.push('?');
        path_and_query.push_str(&query);
    }
    let standard = base.port == if base.tls { 443 } else { 80 };
    let host_header = if standard { base.host.clone() } else { format!("{}:{}", base.host, base.port) };
    Ok(Target {
        tls: base.tls,
        host: base.host,
        port: base.port,
        host_header,
        path_and_query,
        headers: headers(&call, family, &signing),
        signing: if bridge { Signing::None } else { signing },
        bridge,
    })
}

/// Whether calls go to our own bridge, which goes on to the vendor.
fn bridged(family: Family, endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Chat => matches!(family, Family::Xunfei | Family::Replicate),
        Endpoint::ImageGenerations => {
            matches!(family, Family::DashScope | Family::Replicate | Family::Gemini | Family::Vertex)
        }
        Endpoint::Speech => matches!(family, Family::MiniMax | Family::Gemini | Family::Vertex),
        _ => false,
    }
}

fn signing(channel: &Channel, family: Family) -> Result<Signing, WireError> {
    Ok(match family {
        Family::Bedrock | Family::Converse => Signing::Aws(aws(channel)?),
        Family::Vertex => Signing::Google(google(channel)?),
        Family::Tencent => Signing::Tencent(pair(channel)?),
        Family::Baidu => Signing::Baidu(pair(channel)?),
        Family::Zhipu => Signing::Zhipu,
        _ => Signing::None,
    })
}

/// What a path is made of.
struct Asked<'a> {
    channel: &'a Channel,
    outbound: Outbound,
    model: &'a str,
    /// OpenAI's path, with and without its version.
    path: &'a str,
    bare: &'a str,
    query: &'a str,
    stream: bool,
}

/// The path below the base URL, and the query.
fn place(
    call: &Asked<'_>,
    family: Family,
    base: &Base,
    signing: &Signing,
) -> Result<(String, String), WireError> {
    let Asked { channel, outbound, model, path, bare, .. } = *call;
    let endpoint = outbound.endpoint;
    let unsupported = || WireError::new("the channel's type does not serve this endpoint");
    let cloudflare = base.host == CLOUDFLARE;
    let mut query = call.query.to_owned();
    let chat = endpoint == Endpoint::Chat;
    let path = match family {
        Family::OpenAi | Family::ResponsesOnly => {
            // People paste SDK base URLs that end with the version.
            let versioned = base.path.ends_with("/v1");
            if versioned || (cloudflare && channel.kind == 1) { bare.to_owned() } else { path.to_owned() }
        }
        Family::Sdk => bare.to_owned(),
        Family::MiniMax if chat => "/v1/text/chatcompletion_v2".to_owned(),
        Family::Bare if chat => bare.to_owned(),
        Family::QianfanV2 if chat => format!("/v2{bare}"),
        Family::Anthropic if chat => {
            let version = if base.path.ends_with("/v1") { "" } else { "/v1" };
            format!("{version}/messages")
        }
        Family::Ark if serves_plainly(channel.kind, endpoint) => format!("/api/v3{bare}"),
        Family::Bailian if serves_plainly(channel.kind, endpoint) => format!("/compatible-mode{path}"),
        Family::Zhipu if serves_plainly(channel.kind, endpoint) => format!("/api/paas/v4{bare}"),
        Family::Cloudflare if serves_plainly(channel.kind, endpoint) => match cloudflare {
            true => path.to_owned(),
            false => {
                let account = setting(channel, &["user_id", "account_id"])
                    .ok_or_else(|| WireError::new("the channel needs the account's id in its settings"))?;
                format!("/client/v4/accounts/{}/ai{path}", encoded(account))
            }
        },
        // Azure's newer API is OpenAI's, below `/openai/v1`.
        Family::Azure if base.path.ends_with("/openai/v1") => bare.to_owned(),
        Family::Azure => azure(channel, endpoint, model, bare, cloudflare, &mut query),
        Family::Proxy => path.to_owned(),
        _ => {
            query = String::new();
            own_path(call, family, base, signing, &mut query).ok_or_else(unsupported)?
        }
    };
    Ok((path, query))
}

/// The paths of families with a dialect of their own; the caller's query means nothing to them.
fn own_path(
    call: &Asked<'_>,
    family: Family,
    base: &Base,
    signing: &Signing,
    query: &mut String,
) -> Option<String> {
    let Asked { channel, outbound, model, stream, .. } = *call;
    let endpoint = outbound.endpoint;
    if bridged(family, endpoint) {
        *query = format!("model={}", encoded(model));
        let path = match endpoint {
            Endpoint::Chat => "/chat",
            Endpoint::Speech => "/speech",
            _ => "/images",
        };
        return Some(path.to_owned());
    }
    Some(match (family, endpoint) {
        (Family::Gemini, Endpoint::Chat | Endpoint::Embeddings) => {
            let version = setting(channel, &["api_version"]).unwrap_or("v1beta");
            let chat = endpoint == Endpoint::Chat;
            if chat && stream {
                "alt=sse".clone_into(query);
            }
            let method = match (chat, stream) {
                (false, _) => "batchEmbedContents",
                (true, true) => "streamGenerateContent",
                (true, false) => "generateContent",
            };
            gemini(&base.path, version, model, method)
        }
        (Family::Vertex, Endpoint::Embeddings) => {
            let Signing::Google(google) = signing else { return None };
            let method = crate::side::vertex_method(model);
            vertex(google, "google", model, method)
        }
        (Family::Bedrock | Family::Converse, Endpoint::Embeddings) => {
            format!("/model/{}/invoke", encoded(model_id(model)))
        }
        (Family::Tgi, Endpoint::Embeddings) => "/embed".to_owned(),
        (Family::Tgi, Endpoint::Rerank) => "/rerank".to_owned(),
        (Family::Baidu, Endpoint::Rerank) => {
            let slug = crate::dialect::baidu::slug(model);
            format!("/rpc/2.0/ai_custom/v1/wenxinworkshop/reranker/{}", encoded(&slug))
        }
        (Family::Vertex, Endpoint::Chat) => {
            let Signing::Google(google) = signing else { return None };
            let claude = outbound.host == Host::Vertex;
            let method = match (claude, stream) {
                (true, true) => "streamRawPredict",
                (true, false) => "rawPredict",
                (false, true) => "streamGenerateContent",
                (false, false) => "generateContent",
            };
            if stream && !claude {
                "alt=sse".clone_into(query);
            }
            let publisher = if claude { "anthropic" } else { "google" };
            vertex(google, publisher, model, method)
        }
        (Family::Bedrock | Family::Converse, Endpoint::Chat) => {
            let method = match (outbound.host == Host::Bedrock, stream) {
                (true, true) => "invoke-with-response-stream",
                (true, false) => "invoke",
                (false, true) => "converse-stream",
                (false, false) => "converse",
            };
            format!("/model/{}/{method}", encoded(model_id(model)))
        }
        (Family::Cohere, Endpoint::Chat) => "/v2/chat".to_owned(),
        (Family::Cohere, Endpoint::Embeddings) => "/v2/embed".to_owned(),
        (Family::Cohere, Endpoint::Rerank) => "/v2/rerank".to_owned(),
        (Family::Ollama, Endpoint::Chat) => "/api/chat".to_owned(),
        (Family::Ollama, Endpoint::Embeddings) => "/api/embed".to_owned(),
        (Family::Tgi, Endpoint::Chat) if stream => "/generate_stream".to_owned(),
        (Family::Tgi, Endpoint::Chat) => "/generate".to_owned(),
        (Family::DashScope, Endpoint::Chat) => {
            let kind = match dashscope::multimodal(&ChatRequest::default(), model) {
                true => "multimodal-generation",
                false => "text-generation",
            };
            format!("/api/v1/services/aigc/{kind}/generation")
        }
        (Family::DashScope, Endpoint::Embeddings) => {
            "/api/v1/services/embeddings/text-embedding/text-embedding".to_owned()
        }
        (Family::DashScope, Endpoint::Rerank) => "/api/v1/services/rerank/text-rerank/text-rerank".to_owned(),
        (Family::Baidu, Endpoint::Chat | Endpoint::Embeddings) => {
            let kind = if endpoint == Endpoint::Chat { "chat" } else { "embeddings" };
            let slug = crate::dialect::baidu::slug(model);
            format!("/rpc/2.0/ai_custom/v1/wenxinworkshop/{kind}/{}", encoded(&slug))
        }
        (Family::Tencent, Endpoint::Chat | Endpoint::Embeddings) => "/".to_owned(),
        (Family::Palm, Endpoint::Chat) => format!("/v1beta2/models/{}:generateMessage", encoded(model)),
        (Family::Coze, Endpoint::Chat) => "/v3/chat".to_owned(),
        (Family::DeepL, Endpoint::Chat) => "/v2/translate".to_owned(),
        (Family::AiProxyLibrary, Endpoint::Chat) => "/api/library/ask".to_owned(),
        _ => return None,
    })
}

fn headers(call: &Asked<'_>, family: Family, signing: &Signing) -> Vec<(String, String)> {
    let Asked { channel, outbound, stream, .. } = *call;
    let key = channel.key.expose();
    let mut headers = Vec::with_capacity(3);
    let mut set = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    if bridged(family, outbound.endpoint) {
        set("x-magic-channel", &channel.id.to_string());
        return headers;
    }
    match (family, signing) {
        (Family::Azure, _) => set("api-key", key),
        (Family::Anthropic, _) => {
            set("x-api-key", key);
            set("anthropic-version", "2023-06-01");
        }
        (Family::Gemini | Family::Palm, _) => set("x-goog-api-key", key),
        (Family::DeepL, _) => set("authorization", &format!("DeepL-Auth-Key {key}")),
        (_, Signing::Aws(Aws { proof: Proof::Bearer(key), .. })) => {
            set("authorization", &format!("Bearer {}", key.expose()));
        }
        (Family::Tencent, _) => {
            let action =
                if outbound.endpoint == Endpoint::Embeddings { "GetEmbedding" } else { "ChatCompletions" };
            set("x-tc-action", action);
            set("x-tc-version", "2023-09-01");
        }
        // One-api's rule: the key is the whole value.
        (Family::Proxy, _) if !key.is_empty() => set("authorization", key),
        (_, Signing::None) if !key.is_empty() => set("authorization", &format!("Bearer {key}")),
        _ => {}
    }
    if family == Family::DashScope && stream && outbound.endpoint == Endpoint::Chat {
        set("x-dashscope-sse", "enable");
    }
    if channel.kind == 20 {
        set("x-title", "MAGIC");
    }
    if outbound.endpoint == Endpoint::Realtime && channel.kind != 3 {
        set("openai-beta", "realtime=v1");
    }
    headers
}

fn setting<'c>(channel: &'c Channel, names: &[&str]) -> Option<&'c str> {
    let mut found = names.iter().filter_map(|name| channel.config.get(*name));
    found.find(|value| !value.is_empty()).map(String::as_str)
}

/// Vertex AI's address of a model's method.
fn vertex(google: &Google, publisher: &str, model: &str, method: &str) -> String {
    let Google { region, project, .. } = google;
    let model = encoded(model.strip_prefix("models/").unwrap_or(model));
    format!("/v1/projects/{project}/locations/{region}/publishers/{publisher}/models/{model}:{method}")
}

/// Google's hosts: one for the world, one for a continent, one for each region.
fn vertex_host(region: &str) -> String {
    match region {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{region}.rep.googleapis.com"),
        _ => format!("https://{region}-aiplatform.googleapis.com"),
    }
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
    let deployment = encoded(&deployment);
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
fn gemini(base: &str, version: &str, model: &str, method: &str) -> String {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let versioned = ["/v1", "/v1beta", "/v1alpha"].iter().any(|end| base.ends_with(end));
    let version = if versioned { String::new() } else { format!("/{version}") };
    format!("{version}/models/{}:{method}", encoded(model))
}
