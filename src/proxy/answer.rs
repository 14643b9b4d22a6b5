//! What the proxy answers by itself: health, and the models a token may use.

use super::admit::Caller;
use super::context::Ctx;
use crate::gateway::Gateway;
use bytes::Bytes;
use magic_domain::fault::{Code, Fault};
use magic_domain::ids::RequestId;
use magic_domain::principal::Role;
use magic_wire::chat::Dialect;
use pingora_error::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Names the request in an answer, also as one-api did: every answer of ours has both.
pub fn identify(head: &mut ResponseHeader, id: &RequestId) -> Result<()> {
    let id = id.to_string();
    head.insert_header("x-request-id", id.as_str())?;
    head.insert_header("x-oneapi-request-id", id.as_str())
}

/// Writes a JSON answer.
pub async fn json(session: &mut Session, ctx: &Ctx, status: u16, body: &Value) -> Result<()> {
    bytes(session, ctx, status, Bytes::from(body.to_string()), &[]).await
}

/// Writes an answer that is JSON already, with more headers.
pub async fn bytes(
    session: &mut Session,
    ctx: &Ctx,
    status: u16,
    body: Bytes,
    more: &[(&'static str, &str)],
) -> Result<()> {
    let mut head = ResponseHeader::build_no_case(status, Some(5 + more.len()))?;
    for (name, value) in more {
        head.insert_header(*name, *value)?;
    }
    head.insert_header("content-type", "application/json")?;
    head.insert_header("content-length", body.len())?;
    identify(&mut head, &ctx.id)?;
    head.insert_header("access-control-allow-origin", "*")?;
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(body), true).await
}

/// A few words as they are.
pub async fn text(session: &mut Session, ctx: &Ctx, text: String) -> Result<()> {
    let mut head = ResponseHeader::build_no_case(200, Some(4))?;
    head.insert_header("content-type", "text/plain")?;
    head.insert_header("content-length", text.len())?;
    identify(&mut head, &ctx.id)?;
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(Bytes::from(text)), true).await
}

/// Sends a browser that wants the dashboard of a follower to where it is. False: the management service answers.
pub async fn elsewhere(session: &mut Session, ctx: &Ctx, gateway: &Gateway) -> Result<bool> {
    let Some(base) = &gateway.frontend else { return Ok(false) };
    let head = session.req_header();
    let path = head.uri.path();
    let ours =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let asks = matches!(head.method, http::Method::GET | http::Method::HEAD);
    if !asks || ["/api", "/v1", "/v1beta", "/dashboard/billing"].into_iter().any(ours) {
        return Ok(false);
    }
    let query = head.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let to = format!("{base}{path}{query}");
    bytes(session, ctx, 302, Bytes::new(), &[("location", to.as_str()), ("cache-control", "no-store")])
        .await?;
    Ok(true)
}

/// `/healthz`: the process lives.
pub async fn healthz(session: &mut Session, ctx: &Ctx) -> Result<()> {
    json(session, ctx, 200, &json!({ "status": "ok" })).await
}

/// `/readyz`: send traffic here?
pub async fn readyz(session: &mut Session, ctx: &Ctx, gateway: &Gateway) -> Result<()> {
    let (status, word) = gateway.readiness();
    json(session, ctx, status, &json!({ "status": word })).await
}

/// `/metrics`: with a token of root's.
pub(super) async fn metrics(
    session: &mut Session,
    ctx: &Ctx,
    gateway: &Gateway,
    caller: &Caller,
) -> std::result::Result<(), super::Refused> {
    if caller.user.role < Role::Root {
        return Err(Fault::new(Code::ChannelNotAllowed, "metrics are for tokens of root").into());
    }
    let text = gateway.metrics.text(gateway);
    let mut head = ResponseHeader::build_no_case(200, Some(3))?;
    head.insert_header("content-type", "text/plain; version=0.0.4")?;
    head.insert_header("content-length", text.len())?;
    identify(&mut head, &ctx.id)?;
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(Bytes::from(text)), true).await?;
    Ok(())
}

fn usable(gateway: &Gateway, caller: &Caller) -> BTreeSet<String> {
    let snapshot = gateway.routing.load();
    let mut names = BTreeSet::new();
    for group in caller.groups() {
        names.extend(snapshot.table.models_of(group).into_iter().map(str::to_owned));
    }
    if !caller.token.models.is_empty() {
        names.retain(|name| caller.token.models.contains(name));
    }
    names
}

fn model(name: &str) -> Value {
    json!({
        "id": name,
        "object": "model",
        "created": 1626777600,
        "owned_by": magic_wire::vendors::owned_by(name),
        "root": name,
        "parent": null,
    })
}

/// Anthropic's SDKs say which version they speak, Google's have a header of their own for the key: their lists
/// have other forms under the same address.
pub fn face_of(session: &Session, face: Dialect) -> Dialect {
    let headers = &session.req_header().headers;
    match face {
        Dialect::OpenAiChat if headers.contains_key("anthropic-version") => Dialect::Anthropic,
        // Google's newer SDKs ask below /v1 too.
        Dialect::OpenAiChat if headers.contains_key("x-goog-api-key") => Dialect::Gemini,
        _ => face,
    }
}

fn shaped(name: &str, face: Dialect) -> Value {
    match face {
        Dialect::Anthropic => json!({
            "type": "model", "id": name, "display_name": name, "created_at": "2023-01-01T00:00:00Z",
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{name}"),
            "displayName": name,
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
        }),
        _ => model(name),
    }
}

/// `GET /v1/models`, in the caller's dialect.
pub async fn models(
    session: &mut Session,
    ctx: &Ctx,
    gateway: &Gateway,
    caller: &Caller,
    face: Dialect,
) -> Result<()> {
    let names = usable(gateway, caller);
    let data: Vec<Value> = names.iter().map(|name| shaped(name, face)).collect();
    let list = match face {
        Dialect::Anthropic => json!({
            "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last(),
        }),
        Dialect::Gemini => json!({ "models": data }),
        _ => json!({ "object": "list", "data": data }),
    };
    json(session, ctx, 200, &list).await
}

/// `GET /v1/models/{id}`.
pub fn one_model(gateway: &Gateway, caller: &Caller, name: &str, face: Dialect) -> Result<Value, Fault> {
    if usable(gateway, caller).contains(name) {
        Ok(shaped(name, face))
    } else {
        Err(Fault::new(
            Code::ModelNotFound,
            format!("the model {name} does not exist or this API key may not use it"),
        )
        .at("model"))
    }
}
