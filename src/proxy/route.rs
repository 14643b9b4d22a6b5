//! Paths to what they mean. Only the dispatched path counts: no header takes part (§1.1 of the security rules).

use http::Method;
use magic_domain::endpoint::Endpoint;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To a vendor.
    Relay {
        endpoint: Endpoint,
        model: Option<String>,
    },
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`.
    Model(String),
    Healthz,
    Readyz,
    /// A path below `/v1` that nothing answers.
    Unknown,
    /// The management service: its API and the dashboard.
    Admin,
}

/// The route of a request. `path` is the path without its query.
pub fn route(method: &Method, path: &str) -> Route {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    match path {
        "/healthz" => return Route::Healthz,
        "/readyz" => return Route::Readyz,
        _ => {}
    }
    let Some(rest) = path.strip_prefix("/v1/") else {
        return if path == "/v1" || path == "/v1beta" || path.starts_with("/v1beta/") {
            Route::Unknown
        } else {
            Route::Admin
        };
    };
    if *method == Method::GET {
        return match rest {
            "models" => Route::Models,
            "realtime" => relay(Endpoint::Realtime),
            _ => match rest.strip_prefix("models/") {
                Some(id) if !id.is_empty() => Route::Model(decode(id)),
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
        _ => match rest.strip_prefix("engines/").and_then(|rest| rest.strip_suffix("/embeddings")) {
            Some(model) if !model.is_empty() && !model.contains('/') => {
                Route::Relay { endpoint: Endpoint::Embeddings, model: Some(decode(model)) }
            }
            _ => Route::Unknown,
        },
    }
}

fn relay(endpoint: Endpoint) -> Route {
    Route::Relay { endpoint, model: None }
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
    String::from_utf8(out).ok()
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
        assert_eq!(route(&Method::GET, "/v1/models/a%2Fb"), Route::Model("a/b".into()));
        assert_eq!(route(&Method::GET, "/v1/models/vendor/name"), Route::Model("vendor/name".into()));
        assert_eq!(post("/v1//chat/completions"), Route::Unknown);
        assert_eq!(post("/V1/chat/completions"), Route::Admin);
        assert_eq!(post("/api/user/login"), Route::Admin);
        assert_eq!(
            post("/v1/engines/ada/embeddings"),
            Route::Relay { endpoint: Endpoint::Embeddings, model: Some("ada".into()) }
        );
    }

    #[test]
    fn every_endpoint_has_its_own_path() {
        for endpoint in Endpoint::ALL.iter().filter(|e| !matches!(e, Endpoint::Raw | Endpoint::Realtime)) {
            assert_eq!(route(&Method::POST, canonical_path(*endpoint)), relay(*endpoint));
        }
    }
}
