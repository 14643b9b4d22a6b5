//! Paths to what they mean. Only the dispatched path counts: no header takes part (§1.1 of the security rules).

use http::Method;
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To a vendor.
    Relay(Asked),
    /// How many tokens a prompt has: Anthropic's `count_tokens`, Gemini's `countTokens`.
    Count(Asked),
    /// `GET /v1/models`.
    Models(Dialect),
    /// `GET /v1/models/{id}`.
    Model(Dialect, String),
    /// An answer of the Responses API that has been given before.
    Kept(String, KeptAction),
    /// A request to be passed on as it is: the channel, and the path below its base URL.
    Raw(i64, String),
    Healthz,
    Readyz,
    /// Prometheus' text, for root.
    Metrics,
    /// A path below `/v1` that nothing answers.
    Unknown,
    /// The management service: its API and the dashboard.
    Admin,
}

/// What is done with an earlier answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptAction {
    Get,
    Delete,
    Cancel,
    Items,
}

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub endpoint: Endpoint,
    /// The dialect the caller speaks, and wants to be answered in.
    pub face: Dialect,
    /// The model, where the address names it.
    pub model: Option<String>,
    /// Whether the answer is a stream, where the address says so.
    pub stream: Option<bool>,
    /// Gemini's embeddings: many in one call, or one.
    pub batch: bool,
}

impl Route {
    /// The dialect errors are told in.
    pub fn face(&self) -> Dialect {
        match self {
            Route::Relay(asked) | Route::Count(asked) => asked.face,
            Route::Models(face) | Route::Model(face, _) => *face,
            Route::Kept(..) => Dialect::OpenAiResponses,
            _ => Dialect::OpenAiChat,
        }
    }
}

/// The route of a request. `path` is the path without its query.
pub fn route(method: &Method, path: &str) -> Route {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    match path {
        "/healthz" => return Route::Healthz,
        "/readyz" => return Route::Readyz,
        "/metrics" => return Route::Metrics,
        _ => {}
    }
    if let Some(rest) = path.strip_prefix("/v1beta/") {
        return gemini(method, rest);
    }
    let Some(rest) = path.strip_prefix("/v1/") else {
        return if path == "/v1" || path == "/v1beta" { Route::Unknown } else { Route::Admin };
    };
    if let Some((id, below)) = rest.strip_prefix("oneapi/proxy/").and_then(|rest| rest.split_once('/')) {
        return id.parse().map_or(Route::Unknown, |id| Route::Raw(id, format!("/{below}")));
    }
    if let Some(rest) = rest.strip_prefix("responses/") {
        return kept(method, rest);
    }
    if rest.starts_with("dashboard/billing/") {
        return Route::Admin;
    }
    if *method == Method::GET {
        return match rest {
            "models" => Route::Models(Dialect::OpenAiChat),
            "realtime" => relay(Endpoint::Realtime),
            _ => match rest.strip_prefix("models/") {
                Some(id) if !id.is_empty() => Route::Model(Dialect::OpenAiChat, decode(id)),
                _ => Route::Unknown,
            },
        };
    }
    if *method != Method::POST {
        return Route::Unknown;
    }
    match rest {
        "chat/completions" => relay(Endpoint::Chat),
        "completions" => relay(Endpoint::Completions),
        "responses" => relay(Endpoint::Responses),
        "embeddings" => relay(Endpoint::Embeddings),
        "moderations" => relay(Endpoint::Moderations),
        "rerank" => relay(Endpoint::Rerank),
        "images/generations" => relay(Endpoint::ImageGenerations),
        "images/edits" => relay(Endpoint::ImageEdits),
        "images/variations" => relay(Endpoint::ImageVariations),
        "audio/speech" => relay(Endpoint::Speech),
        "audio/transcriptions" => relay(Endpoint::Transcriptions),
        "audio/translations" => relay(Endpoint::Translations),
        "edits" => relay(Endpoint::Edits),
        "messages" => Route::Relay(asked(Endpoint::Chat, Dialect::Anthropic)),
        "messages/count_tokens" => Route::Count(asked(Endpoint::Chat, Dialect::Anthropic)),
        // Google's SDKs use either version.
        _ if rest.starts_with("models/") => gemini(method, rest),
        _ => match rest.strip_prefix("engines/").and_then(|rest| rest.strip_suffix("/embeddings")) {
            Some(model) if !model.is_empty() && !model.contains('/') => {
                let plain = asked(Endpoint::Embeddings, Dialect::OpenAiChat);
                Route::Relay(Asked { model: Some(decode(model)), ..plain })
            }
            _ => Route::Unknown,
        },
    }
}

/// `responses/{id}` and what is below it.
fn kept(method: &Method, rest: &str) -> Route {
    let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if id.is_empty() || id.len() > 191 || !id.bytes().all(plain) {
        return Route::Unknown;
    }
    let action = match (method.as_str(), below) {
        ("GET", "") => KeptAction::Get,
        ("DELETE", "") => KeptAction::Delete,
        ("POST", "cancel") => KeptAction::Cancel,
        ("GET", "input_items") => KeptAction::Items,
        _ => return Route::Unknown,
    };
    Route::Kept(id.to_owned(), action)
}

fn relay(endpoint: Endpoint) -> Route {
    let face = if endpoint == Endpoint::Responses { Dialect::OpenAiResponses } else { Dialect::OpenAiChat };
    Route::Relay(asked(endpoint, face))
}

fn asked(endpoint: Endpoint, face: Dialect) -> Asked {
    Asked { endpoint, face, model: None, stream: None, batch: false }
}

/// `models`, `models/{id}`, `models/{id}:{method}`.
fn gemini(method: &Method, rest: &str) -> Route {
    let face = Dialect::Gemini;
    if *method == Method::GET {
        return match rest.strip_prefix("models/") {
            Some(id) if !id.is_empty() => Route::Model(face, decode(id)),
            None if rest == "models" => Route::Models(face),
            _ => Route::Unknown,
        };
    }
    let named = rest.strip_prefix("models/").and_then(|rest| rest.rsplit_once(':'));
    let Some((model, action)) = named.filter(|(model, _)| *method == Method::POST && !model.is_empty())
    else {
        return Route::Unknown;
    };
    let chat =
        |stream| Asked { model: Some(decode(model)), stream: Some(stream), ..asked(Endpoint::Chat, face) };
    match action {
        "generateContent" => Route::Relay(chat(false)),
        "streamGenerateContent" => Route::Relay(chat(true)),
        "countTokens" => Route::Count(chat(false)),
        "embedContent" | "batchEmbedContents" => Route::Relay(Asked {
            endpoint: Endpoint::Embeddings,
            batch: action == "batchEmbedContents",
            ..chat(false)
        }),
        _ => Route::Unknown,
    }
}

/// The path an endpoint has in OpenAI's API, as the vendor is asked for it.
pub fn canonical_path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat => "/v1/chat/completions",
        Endpoint::Completions => "/v1/completions",
        Endpoint::Responses => "/v1/responses",
        Endpoint::Embeddings => "/v1/embeddings",
        Endpoint::Moderations => "/v1/moderations",
        Endpoint::Rerank => "/v1/rerank",
        Endpoint::ImageGenerations => "/v1/images/generations",
        Endpoint::ImageEdits => "/v1/images/edits",
        Endpoint::ImageVariations => "/v1/images/variations",
        Endpoint::Speech => "/v1/audio/speech",
        Endpoint::Transcriptions => "/v1/audio/transcriptions",
        Endpoint::Translations => "/v1/audio/translations",
        Endpoint::Edits => "/v1/edits",
        Endpoint::Realtime => "/v1/realtime",
        Endpoint::Raw => "/",
    }
}

fn decode(text: &str) -> String {
    percent(text).unwrap_or_else(|| text.to_owned())
}

/// Decodes `%XX`; `None` when the result is no UTF-8.
pub fn percent(text: &str) -> Option<String> {
    String::from_utf8(percent_bytes(text)?).ok()
}

/// Decodes `%XX`, once; `None` where one is malformed.
pub fn percent_bytes(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_meaning() {
        let post = |path| route(&Method::POST, path);
        assert_eq!(post("/v1/chat/completions"), relay(Endpoint::Chat));
        assert_eq!(post("/v1/chat/completions/"), relay(Endpoint::Chat));
        assert_eq!(route(&Method::GET, "/v1/chat/completions"), Route::Unknown);
        assert_eq!(route(&Method::GET, "/v1/models/a%2Fb"), Route::Model(Dialect::OpenAiChat, "a/b".into()));
        assert_eq!(
            route(&Method::GET, "/v1/models/vendor/name"),
            Route::Model(Dialect::OpenAiChat, "vendor/name".into())
        );
        assert_eq!(post("/v1//chat/completions"), Route::Unknown);
        assert_eq!(post("/V1/chat/completions"), Route::Admin);
        assert_eq!(post("/api/user/login"), Route::Admin);
        assert_eq!(
            post("/v1/engines/ada/embeddings"),
            Route::Relay(Asked {
                model: Some("ada".into()),
                ..asked(Endpoint::Embeddings, Dialect::OpenAiChat)
            })
        );
        let Route::Relay(gemini) = post("/v1beta/models/gemini-2.5-pro:streamGenerateContent") else {
            unreachable!()
        };
        assert_eq!(
            (gemini.face, gemini.model.as_deref(), gemini.stream),
            (Dialect::Gemini, Some("gemini-2.5-pro"), Some(true))
        );
        assert_eq!(post("/v1/messages").face(), Dialect::Anthropic);
        assert_eq!(post("/v1beta/models/x:unknown"), Route::Unknown);
    }

    #[test]
    fn every_endpoint_has_its_own_path() {
        for endpoint in Endpoint::ALL.iter().filter(|e| !matches!(e, Endpoint::Raw | Endpoint::Realtime)) {
            assert_eq!(route(&Method::POST, canonical_path(*endpoint)), relay(*endpoint));
        }
    }
}
