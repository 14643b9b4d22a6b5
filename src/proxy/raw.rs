//! `ANY /v1/oneapi/proxy/{channel}/{rest}`: an administrator's request, passed to a channel of the proxy type as
//! it is. Metered as one request and logged, like every call.

use super::admit::Caller;
use super::context::Call;
use super::intake::{self, Intake};
use super::plan::{self, Wanted};
use super::replay;
use crate::gateway::Gateway;
use crate::sites::conf::Compression;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::feature::Features;
use magic_domain::ids::{ChannelId, RequestId};
use magic_wire::chat::Dialect;
use magic_wire::peek::Peek;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::sync::Arc;

/// What such calls are booked under.
const MODEL: &str = "proxy";
/// Headers of one connection, and those that say who the caller is to us: they stay here.
const OURS: &[&str] = &[
    "authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "upgrade",
    "expect",
    "accept-encoding",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
];

/// Reads the body and builds the call.
pub async fn call(
    gateway: &Arc<Gateway>,
    session: &mut Session,
    id: RequestId,
    caller: &Caller,
    channel: ChannelId,
    path: String,
) -> Result<Box<Call>, Fault> {
    if !caller.is_admin() {
        return Err(Fault::new(
            Code::ChannelNotAllowed,
            "only administrators' tokens pass requests on as they are",
        ));
    }
    let tuning = gateway.tuning.load();
    let (body, permit) = intake::whole(session, gateway, tuning.upload_bytes).await?;
    let content_type = intake::header(session, "content-type").unwrap_or_default().to_owned();
    let intake = Intake { body, peek: Peek::default(), content_type, permit };
    let wanted = Wanted {
        id,
        caller,
        endpoint: Endpoint::Raw,
        face: Dialect::OpenAiChat,
        model: MODEL.to_owned(),
        pinned: Some(channel),
        kept_by: None,
        needs: Features::default(),
        prompt: Default::default(),
    };
    let plan = plan::plan(gateway, &wanted)?;
    let mut call = plan::call(gateway, session, wanted, plan, intake).await?;
    call.raw = Some(path);
    let as_it_is = Compression { on: false, ..Compression::default() };
    let session = &mut session.downstream_session;
    call.slot = Some(replay::Replay::install(session, call.replay.clone(), None, as_it_is));
    Ok(call)
}

/// The caller's head, with the channel's in the place of what is theirs.
pub fn head(call: &Call, request: &mut RequestHeader) -> pingora_error::Result<()> {
    let Some(current) = &call.current else { return Ok(()) };
    let mut fresh = current.way.head.clone();
    fresh.set_method(request.method.clone());
    fresh.set_version(request.version);
    for (name, value) in &request.headers {
        if !OURS.contains(&name.as_str()) && !fresh.headers.contains_key(name) {
            fresh.append_header(name.clone(), value.clone())?;
        }
    }
    if call.replay.body_len() > 0 {
        fresh.insert_header("content-length", call.replay.body_len())?;
    }
    *request = fresh;
    Ok(())
}

/// The vendor's head, without what belongs to its connection.
pub fn answered(head: &mut ResponseHeader, id: &RequestId) -> pingora_error::Result<()> {
    for name in ["connection", "keep-alive", "set-cookie", "alt-svc", "strict-transport-security"] {
        head.remove_header(name);
    }
    super::answer::identify(head, id)
}
