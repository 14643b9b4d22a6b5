//! The head of a try.

use super::super::context::Call;
use crate::gateway::Gateway;
use http::header::{ACCEPT, CONTENT_TYPE};
use magic_domain::endpoint::Endpoint;
use magic_wire::chat::Dialect;
use magic_wire::vendors::Host;
use pingora_error::{ErrorType, OrErr};
use pingora_http::RequestHeader;

/// Headers of the caller that mean something to a vendor of the same dialect. Everything else stays here
/// (SR-26): cookies, credentials, addresses, and whatever a browser or another proxy added.
const PASSED: &[&str] =
    &["accept", "openai-beta", "openai-organization-data", "idempotency-key", "x-stainless-helper-method"];

/// Builds the head for the vendor in place: the version the connection speaks stays.
pub fn head(gateway: &Gateway, call: &Call, request: &mut RequestHeader) -> pingora_error::Result<()> {
    let Some(current) = &call.current else { return Ok(()) };
    let mut fresh = current.way.head.clone();
    fresh.set_method(request.method.clone());
    fresh.set_version(request.version);
    for (name, value) in &current.signed.headers {
        fresh.insert_header(name.clone(), value.as_str())?;
    }
    if let Some(path) = &current.signed.path_and_query {
        fresh.set_uri(path.parse().or_err(ErrorType::InvalidHTTPHeader, "the address of a call")?);
    }
    if current.way.target.bridge {
        fresh.insert_header("x-magic-edge", gateway.edge_secret.as_str())?;
        if current.channel.key_id != 0 {
            fresh.insert_header("x-magic-key", current.channel.key_id.to_string())?;
        }
        fresh.insert_header("x-magic-stream", if call.stream { "1" } else { "0" })?;
    }
    // What the channel sets itself stays.
    for name in PASSED {
        if let Some(value) = request.headers.get(*name)
            && !fresh.headers.contains_key(*name)
        {
            fresh.insert_header(*name, value.clone())?;
        }
    }
    if current.outbound.dialect == Dialect::Anthropic
        && current.outbound.host != Host::Bedrock
        && call.face == Dialect::Anthropic
    {
        // Which version and which betas a body is written for only its author knows.
        for name in ["anthropic-version", "anthropic-beta"] {
            if let Some(value) = request.headers.get(name) {
                fresh.insert_header(name, value.clone())?;
            }
        }
    }
    if !call.body.is_empty() && !fresh.headers.contains_key(CONTENT_TYPE) {
        let multipart =
            call.content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
        let value = if multipart { call.content_type.as_str() } else { "application/json" };
        fresh.insert_header(CONTENT_TYPE, value)?;
    }
    if !fresh.headers.contains_key(ACCEPT) {
        fresh.insert_header(ACCEPT, if call.stream { "text/event-stream" } else { "*/*" })?;
    }
    if call.endpoint == Endpoint::Realtime {
        for (name, value) in &request.headers {
            let name = name.as_str();
            let handshake = matches!(
                name,
                "connection"
                    | "upgrade"
                    | "sec-websocket-key"
                    | "sec-websocket-version"
                    | "sec-websocket-extensions"
            );
            if handshake && name != "sec-websocket-extensions" {
                fresh.append_header(name.to_owned(), value.clone())?;
            }
            if name == "sec-websocket-protocol" {
                // The caller's key may be among the sub-protocols.
                let kept: Vec<&str> = value
                    .to_str()
                    .unwrap_or("")
                    .split(',')
                    .map(str::trim)
                    .filter(|protocol| !protocol.starts_with("openai-insecure-api-key."))
                    .collect();
                if !kept.is_empty() {
                    fresh.insert_header("sec-websocket-protocol", kept.join(", "))?;
                }
            }
        }
    }
    if call.endpoint != Endpoint::Realtime {
        fresh.insert_header("content-length", call.replay.body_len())?;
    }
    *request = fresh;
    Ok(())
}
