//! Every successful change through the API leaves one entry in the audit trail (SR-33). Where: this middleware;
//! handlers know nothing of it.

use crate::Deps;
use crate::events::Event;
use crate::guard::{Who, client};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{
    Error, HttpMessage, HttpRequest, body::MessageBody, http::Method, http::header::HeaderMap, web,
};
use magic_domain::ids::UserId;
use magic_domain::options;
use magic_store::audit::Entry;
use magic_store::users::UserRow;
use serde_json::{Map, Value, json};

/// Longest detail of an entry, in bytes of JSON; what is longer is only told by its digest.
const DETAIL_MAX: usize = 4096;
/// The reads of one-api that change something.
const CHANGING_READS: &[&str] = &[
    "/api/user/token",
    "/api/user/logout",
    "/api/user/aff",
    "/api/oauth/github",
    "/api/oauth/oidc",
    "/api/oauth/lark",
    "/api/oauth/wechat",
    "/api/oauth/wechat/bind",
    "/api/oauth/email/bind",
    "/api/pay/epay",
];
/// Bodies that others write, with customers' names in them.
const FOREIGN: &[&str] = &["/api/pay/stripe", "/api/pay/epay"];

fn changes(request: &ServiceRequest) -> bool {
    match *request.method() {
        Method::GET => CHANGING_READS.contains(&request.path().trim_end_matches('/')),
        Method::HEAD | Method::OPTIONS => false,
        Method::POST if is_question(request.path()) => false,
        _ => request.path().starts_with("/api/"),
    }
}

/// What changes nothing: an estimate and `/api/prompt/{name}/render` (whose fillings may be somebody's words), which are
/// only too long for an address, and the question that an authenticator is asked.
fn is_question(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let name = path.strip_prefix("/api/prompt/").and_then(|below| below.strip_suffix("/render"));
    let questions = ["/api/price/estimate", "/api/user/passkey/login/begin", "/api/user/self/passkeys/begin"];
    questions.contains(&path) || name.is_some_and(|name| !name.contains('/'))
}

/// Notes what has been changed, once the answer says that it was.
pub async fn note(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !changes(&request) {
        return next.call(request).await;
    }
    let Some(deps) = request.app_data::<web::Data<Deps>>().cloned() else { return next.call(request).await };
    // Bounded by the service's own limit of a body.
    let body = request.extract::<web::Bytes>().await?;
    request.set_payload(Payload::from(body.clone()));
    let mut entry = Entry {
        at_ms: chrono::Utc::now().timestamp_millis(),
        ip: client(request.request()),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        request_id: request_id(request.headers()),
        detail: match FOREIGN.contains(&request.path()) {
            true => "{}".into(),
            false => detail(request.query_string(), &body),
        },
        ..Entry::default()
    };
    let response = next.call(request).await?;
    if response.status().is_success() {
        if let Some(who) = response.request().extensions().get::<Who>() {
            (entry.user_id, entry.username) = (who.id, who.username.clone());
        }
        entry.status = i64::from(response.status().as_u16());
        let kind = entry.path.split('/').nth(2).unwrap_or_default();
        deps.events.tell(Event::Changed { kind: kind.to_owned(), by: UserId(entry.user_id) });
        keep(&deps, entry).await;
    }
    Ok(response)
}

/// Notes what was asked and not believed: somebody should see it.
pub async fn refusal(
    request: &HttpRequest,
    deps: &Deps,
    user: Option<&UserRow>,
    status: i64,
    detail: &Value,
) {
    let entry = Entry {
        at_ms: chrono::Utc::now().timestamp_millis(),
        user_id: user.map_or(0, |user| user.id.0),
        username: user.map_or_else(String::new, |user| user.username.clone()),
        ip: client(request),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        request_id: request_id(request.headers()),
        status,
        detail: detail.to_string(),
    };
    keep(deps, entry).await;
}

/// Notes that somebody reads what is not theirs, or everything. Before it is read: without an entry, nobody does.
pub async fn reading(
    request: &HttpRequest,
    deps: &Deps,
    user: &UserRow,
    detail: &Value,
) -> crate::error::Result<()> {
    let entry = Entry {
        at_ms: chrono::Utc::now().timestamp_millis(),
        user_id: user.id.0,
        username: user.username.clone(),
        ip: client(request),
        method: request.method().to_string(),
        path: request.path().to_owned(),
        request_id: request_id(request.headers()),
        status: 200,
        detail: detail.to_string(),
    };
    Ok(deps.store.audit(entry).await?)
}

async fn keep(deps: &Deps, entry: Entry) {
    if let Err(error) = deps.store.audit(entry).await {
        log::error!("an entry of the audit trail could not be written: {error}");
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let value = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    value.unwrap_or_default().chars().take(100).collect()
}

/// What is fit to be kept for ever: the members of the body, those that may hold a secret only by name.
fn detail(query: &str, body: &[u8]) -> String {
    let mut detail = Map::new();
    if !query.is_empty() {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
        let pairs = pairs.map(web::Query::into_inner).unwrap_or_default();
        let members: Map<String, Value> =
            pairs.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
        detail.insert("query".into(), clean(Value::Object(members)));
    }
    if let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(body) {
        detail.insert("body".into(), clean(option_value(value)));
    }
    let text = Value::Object(detail).to_string();
    match text.len() > DETAIL_MAX {
        true => json!({ "bytes": text.len(), "sha256": magic_store::digest(&text) }).to_string(),
        false => text,
    }
}

/// `PUT /api/option`: its value is a secret when the option is.
fn option_value(mut body: Value) -> Value {
    let secret = body["key"].as_str().and_then(options::find).is_some_and(|def| def.secret);
    if secret {
        body["value"] = Value::String(HIDDEN.into());
    } else if body["key"].is_string() && body.get("value").is_some() {
        // An option's name is called `key`, which hides it otherwise.
        let name = body["key"].take();
        if let Some(members) = body.as_object_mut() {
            members.remove("key");
            members.insert("option".into(), name);
        }
    }
    body
}

const HIDDEN: &str = "•••";

/// Whether a member of that name may hold a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // `POST /api/import`: DSNs, which hold passwords.
    if ["from", "logs_from"].contains(&name.as_str()) {
        return true;
    }
    let parts = [
        "password",
        "secret",
        "token",
        "key",
        "code",
        "cookie",
        "proxy",
        "totp",
        "turnstile",
        "state",
        "ticket",
        "headers",
        "config",
    ];
    parts.iter().any(|part| name.contains(part))
}

fn clean(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| {
                    let hide = is_secret(&name) && matches!(value, Value::String(_) | Value::Object(_));
                    let value = if hide { Value::String(HIDDEN.into()) } else { clean(value) };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out() {
        let body = json!({
            "username": "u", "password": "p-1", "key": "sk-1\nsk-2", "headers": { "a": "h-1" }, "list": [{ "api_key": "k-1" }],
            "proxy": "http://u:x-1@p", "max_tokens": 5, "from": "root:d-1@tcp(h)/o", "logs_from": "mysql://r:l-1@h/o",
        });
        let text = detail("code=c-1&p=2", body.to_string().as_bytes());
        for secret in ["p-1", "sk-1", "h-1", "k-1", "x-1", "c-1", "d-1", "l-1"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(text.contains("\"p\":\"2\"") && text.contains("\"max_tokens\":5"), "{text}");
        let set = |key: &str| detail("", json!({ "key": key, "value": "v-1" }).to_string().as_bytes());
        assert!(!set("SMTPToken").contains("v-1"));
        assert!(set("SystemName").contains("v-1") && set("SystemName").contains("SystemName"));
    }
}
