//! The body of a try: the caller's bytes with a few spans changed, or the same in the vendor's dialect.

use super::super::context::Call;
use super::super::way::Way;
use super::pictures;
use crate::gateway::Gateway;
use bytes::Bytes;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_wire::chat::{ChatRequest, Dialect, LossKind, Losses, Message, Role};
use magic_wire::codec::To;
use magic_wire::dialect::anthropic::hosted::{Cloud, host};
use magic_wire::dialect::dashscope;
use magic_wire::lift::Lifted;
use magic_wire::peek::{Edits, Rope, peek_json, splice};
use magic_wire::vendors::{Family, Host, Outbound, family};
use magic_wire::{WireError, dialect, side};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// The caller's bytes with the few spans that must change for this channel.
pub fn passed(call: &mut Call, channel: &Channel, model: &str, outbound: Outbound) -> Result<Rope, Fault> {
    if call.raw.is_some() {
        return Ok(Rope::from(call.body.clone()));
    }
    let rope = spliced(call, channel, model)?;
    match outbound.host {
        Host::Own => Ok(rope),
        host => {
            let betas: Vec<&str> =
                call.betas.iter().flat_map(|betas| betas.split(',')).map(str::trim).collect();
            hosted(&rope.concat(), host, &betas).map_err(invalid)
        }
    }
}

/// Claude's own request as a cloud takes it.
pub fn hosted(body: &Bytes, at: Host, betas: &[&str]) -> Result<Rope, WireError> {
    let cloud = match at {
        Host::Own => return Ok(Rope::from(body.clone())),
        Host::Bedrock => Cloud::Bedrock,
        Host::Vertex => Cloud::Vertex,
    };
    Ok(Rope::from(host(body, cloud, betas)?))
}

fn invalid(error: WireError) -> Fault {
    let fault = Fault::new(Code::InvalidRequest, error.message);
    match error.param {
        Some(param) => fault.at(param),
        None => fault,
    }
}

fn spliced(call: &mut Call, channel: &Channel, model: &str) -> Result<Rope, Fault> {
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
pub async fn translated(
    call: &mut Call,
    gateway: &Gateway,
    channel: &Arc<Channel>,
    model: &str,
    outbound: Outbound,
    lost: &mut Losses,
) -> Result<Rope, Fault> {
    if call.chat.is_none() {
        let (body, face, stream, name) = (call.body.clone(), call.face, call.stream, call.model.clone());
        let (endpoint, nonce) = (call.endpoint, call.ticket.opening.id.0);
        let read = move || {
            let codec = dialect::face(face, endpoint).ok_or_else(|| WireError::new("no such dialect"))?;
            let mut chat = codec.read_request(&body, Some(&name))?;
            chat.stream = stream;
            dialect::abroad(&mut chat)?;
            let lifted = Lifted::out_of(&mut chat, nonce);
            Ok((chat, lifted))
        };
        let (chat, lifted) = off(call.body.len(), read).await?.map_err(invalid)?;
        (call.chat, call.lifted) = (Some(Arc::new(chat)), Arc::new(lifted));
    }
    pictures::fetched(call, gateway, outbound).await?;
    let chat = call.chat.clone().unwrap_or_default();
    let default_max_output = call.snapshot.table.hot.max_output;
    let (channel, model) = (channel.clone(), model.to_owned());
    call.system_prompt_reset = channel.system_prompt.as_deref().is_some_and(|prompt| !prompt.is_empty());
    let lifted = call.lifted.clone();
    let write = move || {
        let mut lost = Losses::default();
        let forced = channel.system_prompt.as_deref().filter(|prompt| !prompt.is_empty());
        let chat = match forced {
            Some(prompt) => std::borrow::Cow::Owned(with_system(&chat, prompt)),
            None => std::borrow::Cow::Borrowed(chat.as_ref()),
        };
        let body = written(&chat, &channel, &model, outbound, default_max_output, &mut lost)?.concat();
        Ok((lifted.into_place(&body), lost))
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

/// The channel's parameters, with those that its type keeps among its settings.
fn params(channel: &Channel) -> Cow<'_, Map<String, Value>> {
    let (setting, member) = match family(channel.kind) {
        Family::Coze => ("user_id", "user_id"),
        Family::AiProxyLibrary => ("library_id", "libraryId"),
        _ => return Cow::Borrowed(&channel.params),
    };
    let mut params = channel.params.clone();
    if let Some(value) = channel.config.get(setting).filter(|value| !value.is_empty()) {
        params.entry(member).or_insert_with(|| Value::String(value.clone()));
    }
    Cow::Owned(params)
}

/// A chat in the vendor's dialect, with the parameters that the channel sets.
pub fn written(
    chat: &ChatRequest,
    channel: &Channel,
    model: &str,
    outbound: Outbound,
    default_max_output: u64,
    lost: &mut Losses,
) -> Result<Rope, WireError> {
    let codec = dialect::vendor(outbound.dialect).ok_or_else(|| WireError::new("no such dialect"))?;
    let to = To { model, kind: channel.kind, default_max_output };
    let mut body = Bytes::from(codec.write_request(chat, &to, lost)?);
    let params = params(channel);
    if !params.is_empty() {
        let peek = peek_json(Endpoint::Raw, &body)?;
        let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &params };
        body = splice(&body, &peek, &edits)?.concat();
    }
    hosted(&body, outbound.host, &[])
}

/// Embeddings and rerank in the vendor's own words.
pub fn aside(call: &Call, channel: &Channel, model: &str, outbound: Outbound) -> Result<Rope, Fault> {
    let vendor = outbound
        .side
        .ok_or_else(|| Fault::new(Code::NoAvailableChannel, "the channel's type can't serve this call"))?;
    let codec = side::side(vendor);
    let written = match outbound.endpoint {
        Endpoint::Rerank => side::read_rerank(&call.body).and_then(|ask| codec.rerank_request(&ask, model)),
        _ => embed_ask(call).and_then(|ask| codec.embed_request(&ask, model)),
    };
    let body = Bytes::from(written.map_err(invalid)?);
    if channel.params.is_empty() {
        return Ok(Rope::from(body));
    }
    let peek = peek_json(Endpoint::Raw, &body).map_err(invalid)?;
    let edits = Edits { model: None, ask_usage: false, system_prompt: None, params: &channel.params };
    splice(&body, &peek, &edits).map_err(invalid)
}

/// Where a call goes whose address depends on what is in it: DashScope has one for pictures.
pub fn elsewhere(call: &Call, model: &str, outbound: Outbound, way: &Way) -> Option<String> {
    moved(call.chat.as_ref()?, model, outbound, &way.target.path_and_query)
}

/// [`elsewhere`] for a chat at hand: its path instead of `path`.
pub fn moved(chat: &ChatRequest, model: &str, outbound: Outbound, path: &str) -> Option<String> {
    let pictures = outbound.dialect == Dialect::DashScope && dashscope::multimodal(chat, model);
    pictures.then(|| path.replace("/text-generation/", "/multimodal-generation/"))
}

/// What a caller wants embedded, in their dialect.
pub fn embed_ask(call: &Call) -> Result<side::EmbedRequest, WireError> {
    match call.face {
        Dialect::Gemini => side::read_gemini_embed(&call.body, call.batch),
        _ => side::read_embed(&call.body),
    }
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
