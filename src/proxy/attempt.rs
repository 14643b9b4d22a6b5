//! `upstream_peer` and `upstream_request_filter`: the next candidate, its body, its address, its head.

use super::context::{Call, Ctx, Current, Reply};
use super::replay::Timers;
use super::route::canonical_path;
use super::way::Way;
use crate::gateway::Gateway;
use crate::tunnel::Tunnel;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_wire::chat::{ChatRequest, Dialect, LossKind, Losses, Message, Role};
use magic_wire::codec::To;
use magic_wire::dialect;
use magic_wire::peek::{Edits, Rope, peek_json, splice};
use magic_wire::vendors::{Outbound, outbound};
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections kept to a vendor carry at most this many calls at once over HTTP/2. Pingora's default is one.
const H2_STREAMS: usize = 100;
/// An idle connection to a vendor is kept this long.
const KEEP_IDLE: Duration = Duration::from_secs(60);

/// Takes the next candidate and makes it the current try.
pub async fn next(ctx: &mut Ctx) -> Result<Box<HttpPeer>, Fault> {
    let gateway = ctx.gateway.clone();
    let elapsed = ctx.elapsed_ms();
    let Some(call) = ctx.call.as_deref_mut() else {
        return Err(Fault::new(Code::InternalError, "a request without a call"));
    };
    let mut last = None;
    while let Some(channel) = call.candidates.get(call.next).cloned() {
        call.next += 1;
        match begin(call, &gateway, channel, elapsed).await {
            Ok(peer) => return Ok(peer),
            Err(fault) => last = Some(fault),
        }
    }
    Err(last.unwrap_or_else(|| {
        Fault::new(Code::NoAvailableChannel, format!("no channel can take a call to {} now", call.model))
            .retry_after(1)
    }))
}

async fn begin(
    call: &mut Call,
    gateway: &Gateway,
    channel: Arc<Channel>,
    elapsed: u64,
) -> Result<Box<HttpPeer>, Fault> {
    let now_ms = gateway.routing.now_ms();
    let busy = || Fault::new(Code::NoAvailableChannel, "the channels of this model are busy").retry_after(1);
    let mut place = None;
    if let Some(state) = call.snapshot.state(channel.id) {
        place = Some(state.meter.enter(&channel.limits, now_ms).map_err(|_| busy())?);
        // Two calls may have seen the same half-open channel: one of them probes it.
        let only = call.candidates.len() == 1;
        if !state.health.lock().claim(now_ms) && !only {
            return Err(busy());
        }
    }
    let model = channel.upstream_model(&call.model).to_owned();
    let misfit = |error: magic_wire::WireError| {
        log::warn!("channel {} can't be called: {}", channel.id, error.message);
        Fault::new(Code::NoAvailableChannel, "the channel is not set up for this call")
    };
    let Some(outbound) = outbound(channel.kind, call.endpoint, call.face) else {
        return Err(misfit(magic_wire::WireError::new("its type can't serve this call")));
    };
    let path = canonical_path(outbound.endpoint);
    let way = match call.query.as_ref().filter(|_| outbound.dialect == call.face) {
        None => call.snapshot.ways.get(&channel, outbound.endpoint, &model, path, call.stream),
        Some(query) => Way::new(&channel, outbound.endpoint, &model, &format!("{path}?{query}"), call.stream)
            .map(Arc::new),
    }
    .map_err(misfit)?;
    let mut lost = Losses::default();
    let rope = match outbound.dialect == call.face {
        true => body(call, &channel, &model)?,
        false => translated(call, &channel, &model, outbound, &mut lost).await?,
    };
    let timers = timers(gateway, &channel);
    let peer = peer(gateway, &channel, &way.target, &timers).await?;
    call.replay.load(rope, timers);
    call.reply = Reply::Waiting;
    call.tries += 1;
    call.timings.admitted.get_or_insert(elapsed);
    call.current = Some(Current {
        channel,
        upstream_model: model,
        started: Instant::now(),
        way,
        dialect: outbound.dialect,
        lost,
        recorded: false,
        _place: place,
    });
    Ok(peer)
}

/// The caller's bytes with the few spans that must change for this channel.
fn body(call: &mut Call, channel: &Channel, model: &str) -> Result<Rope, Fault> {
    let Some(peek) = &call.peek else { return Ok(Rope::default()) };
    let asked = peek.model.as_deref();
    if call.face != Dialect::OpenAiChat && call.face != Dialect::OpenAiResponses {
        return foreign(call, channel, model);
    }
    let edits = Edits {
        model: (asked != Some(model)).then_some(model),
        ask_usage: call.ask_usage,
        system_prompt: channel.system_prompt.as_deref().filter(|prompt| {
            !prompt.is_empty() && matches!(call.endpoint, Endpoint::Chat | Endpoint::Responses)
        }),
        params: &channel.params,
    };
    call.system_prompt_reset = edits.system_prompt.is_some();
    splice(&call.body, peek, &edits).map_err(|error| Fault::new(Code::InvalidRequest, error.message))
}

/// [`body`] for dialects whose system prompt stands elsewhere, and which may name the model in the address.
fn foreign(call: &mut Call, channel: &Channel, model: &str) -> Result<Rope, Fault> {
    let Some(peek) = &call.peek else { return Ok(Rope::default()) };
    let mut params = channel.params.clone();
    let forced = channel.system_prompt.as_deref().filter(|prompt| !prompt.is_empty());
    if let Some(prompt) = forced {
        if call.face == Dialect::Gemini {
            params.insert("systemInstruction".into(), serde_json::json!({ "parts": [{ "text": prompt }] }));
        } else {
            params.insert("system".into(), prompt.into());
        }
    }
    call.system_prompt_reset = forced.is_some();
    let in_body = call.face != Dialect::Gemini && peek.model.as_deref() != Some(model);
    let edits =
        Edits { model: in_body.then_some(model), ask_usage: false, system_prompt: None, params: &params };
    splice(&call.body, peek, &edits).map_err(|error| Fault::new(Code::InvalidRequest, error.message))
}

/// Bodies longer than this are read and written on a blocking thread.
const SLOW: usize = 256 << 10;

/// The caller's request in the vendor's dialect.
async fn translated(
    call: &mut Call,
    channel: &Arc<Channel>,
    model: &str,
    outbound: Outbound,
    lost: &mut Losses,
) -> Result<Rope, Fault> {
    let invalid = |error: magic_wire::WireError| {
        let fault = Fault::new(Code::InvalidRequest, error.message);
        match error.param {
            Some(param) => fault.at(param),
            None => fault,
        }
    };
    let chat = match &call.chat {
        Some(chat) => chat.clone(),
        None => {
            let (body, face, stream, name) = (call.body.clone(), call.face, call.stream, call.model.clone());
            let read = move || {
                let codec =
                    dialect::face(face).ok_or_else(|| magic_wire::WireError::new("no such dialect"))?;
                let mut chat = codec.read_request(&body, Some(&name))?;
                chat.stream = stream;
                dialect::abroad(&mut chat)?;
                Ok(chat)
            };
            let chat = Arc::new(off(call.body.len(), read).await?.map_err(invalid)?);
            call.chat.insert(chat).clone()
        }
    };
    let default_max_output = call.snapshot.table.hot.max_output;
    let (channel, model) = (channel.clone(), model.to_owned());
    call.system_prompt_reset = channel.system_prompt.as_deref().is_some_and(|prompt| !prompt.is_empty());
    let write = move || {
        let mut lost = Losses::default();
        let forced = channel.system_prompt.as_deref().filter(|prompt| !prompt.is_empty());
        let chat = match forced {
            Some(prompt) => std::borrow::Cow::Owned(with_system(&chat, prompt)),
            None => std::borrow::Cow::Borrowed(chat.as_ref()),
        };
        let codec =
            dialect::vendor(outbound.dialect).ok_or_else(|| magic_wire::WireError::new("no such dialect"))?;
        let to = To { model: &model, kind: channel.kind, default_max_output };
        let body = Bytes::from(codec.write_request(&chat, &to, &mut lost)?);
        if channel.params.is_empty() {
            return Ok((Rope::from(body), lost));
        }
        let peek = peek_json(Endpoint::Raw, &body)?;
        let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &channel.params };
        Ok((splice(&body, &peek, &edits)?, lost))
    };
    let (rope, written) = off(call.body.len(), write).await?.map_err(invalid)?;
    *lost = written;
    dialect::worth_telling(lost);
    if call.strict
        && let Some(loss) = lost.0.iter().find(|loss| loss.what == LossKind::Dropped)
    {
        let message =
            format!("{} can't be said to this vendor, and x-magic-strict asks for all or nothing", loss.path);
        return Err(Fault::new(Code::InvalidRequest, message).at(loss.path.clone()));
    }
    Ok(rope)
}

/// Runs work that grows with a body where it does not hold others up.
async fn off<T: Send + 'static>(size: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    if size < SLOW {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fault::new(Code::InternalError, "the request could not be translated"))
}

/// The channel's forced system prompt in the place of the caller's.
fn with_system(chat: &ChatRequest, prompt: &str) -> ChatRequest {
    let mut chat = chat.clone();
    let own = chat.messages.iter().take_while(|message| message.role == Role::System).count();
    chat.messages.drain(..own);
    chat.messages.insert(0, Message::text(Role::System, prompt));
    chat
}

pub fn timers(gateway: &Gateway, channel: &Channel) -> Timers {
    let tuning = gateway.tuning.load();
    let own = |ms: Option<u64>, default: Duration| ms.map_or(default, Duration::from_millis);
    Timers {
        first_byte: own(channel.timeouts.first_byte_ms, tuning.first_byte),
        idle: own(channel.timeouts.idle_ms, tuning.idle),
        total: own(channel.timeouts.total_ms, tuning.total),
        keepalive: tuning.keepalive,
        abandoned: tuning.abandoned,
    }
}

pub async fn peer(
    gateway: &Gateway,
    channel: &Channel,
    target: &magic_wire::vendors::Target,
    timers: &Timers,
) -> Result<Box<HttpPeer>, Fault> {
    let connect = channel.timeouts.connect_ms.map_or(gateway.tuning.load().connect, Duration::from_millis);
    let tunnel = match channel.proxy.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(Tunnel::new(url, &target.host, target.port, connect).map_err(|error| {
            log::warn!("channel {}: {error}", channel.id);
            Fault::new(Code::NoAvailableChannel, "the channel is not set up for this call")
        })?),
        None => None,
    };
    let address = match &tunnel {
        // Never dialled: the tunnel goes to its proxy. It keeps the pool's keys of different vendors apart.
        Some(_) => std::net::SocketAddr::from(([0, 0, 0, 0], target.port)),
        None => gateway.resolver.resolve(&target.host, target.port).await.map_err(|error| {
            log::warn!("channel {}: {error}", channel.id);
            Fault::new(Code::UpstreamError, "the vendor can't be reached")
        })?,
    };
    let sni = target.host.trim_matches(['[', ']']).to_owned();
    let mut peer = HttpPeer::new(address, target.tls, sni);
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect * 2);
    // Backstops: the replay session's timers are the ones that count.
    let silence = timers.first_byte.max(timers.idle) + Duration::from_secs(5);
    options.read_timeout = Some(silence);
    options.write_timeout = Some(silence);
    options.idle_timeout = Some(KEEP_IDLE);
    options.max_h2_streams = H2_STREAMS;
    if target.tls {
        options.alpn = ALPN::H2H1;
    }
    if call_is_upgrade(target) {
        options.alpn = ALPN::H1;
    }
    let mut group = 0u64;
    if let Some(pem) = channel.ca_pem.as_deref().filter(|pem| !pem.is_empty())
        && let Some((id, roots)) = gateway.roots(pem)
    {
        options.ca = Some(roots);
        group ^= id;
    }
    if let Some(tunnel) = tunnel {
        group ^= tunnel.identity();
        options.custom_l4 = Some(Arc::new(tunnel));
    }
    // Neither CA, ALPN nor tunnel is part of Pingora's pool key; this is.
    peer.group_key = group ^ u64::from(call_is_upgrade(target));
    Ok(Box::new(peer))
}

fn call_is_upgrade(target: &magic_wire::vendors::Target) -> bool {
    target.path_and_query.contains("/realtime")
}

/// Headers of the caller that mean something to a vendor of the same dialect. Everything else stays here
/// (SR-26): cookies, credentials, addresses, and whatever a browser or another proxy added.
const PASSED: &[&str] =
    &["accept", "openai-beta", "openai-organization-data", "idempotency-key", "x-stainless-helper-method"];

/// Builds the head for the vendor in place: the version the connection speaks stays.
pub fn head(call: &Call, request: &mut RequestHeader) -> pingora_error::Result<()> {
    let Some(current) = &call.current else { return Ok(()) };
    let mut fresh = current.way.head.clone();
    fresh.set_method(request.method.clone());
    fresh.set_version(request.version);
    // What the channel sets itself stays.
    for name in PASSED {
        if let Some(value) = request.headers.get(*name)
            && !fresh.headers.contains_key(*name)
        {
            fresh.insert_header(*name, value.clone())?;
        }
    }
    if current.dialect == Dialect::Anthropic && call.face == Dialect::Anthropic {
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
