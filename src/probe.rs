//! Calling a channel once, for its test: a small chat completion, not billed.

use crate::gateway::Gateway;
use magic_admin::TestOutcome;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::ids::ChannelId;
use magic_wire::chat::{ChatRequest, Dialect, Losses, Message, Role};
use magic_wire::codec::{Asked, To};
use magic_wire::dialect;
use magic_wire::fault::read_fault;
use magic_wire::vendors::outbound;
use pingora_core::connectors::http::Connector;
use pingora_http::RequestHeader;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A test takes this long at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// Of its answer so much is read.
const ANSWER_MAX: usize = 1 << 20;

/// Calls the channel with `model`, or its first one.
pub async fn test(gateway: &Gateway, id: ChannelId, model: Option<String>) -> TestOutcome {
    let started = Instant::now();
    let snapshot = gateway.routing.load();
    let outcome = |ok, message: String, model: String| TestOutcome {
        ok,
        message,
        seconds: started.elapsed().as_secs_f64(),
        model,
    };
    let Some(channel) = snapshot.table.channel(id).cloned() else {
        return outcome(false, "the channel's secrets can't be opened".into(), String::new());
    };
    let model = model.filter(|model| channel.offered().any(|name| name == model));
    let Some(model) = model.or_else(|| channel.offered().next().map(str::to_owned)) else {
        return outcome(false, "the channel offers no model".into(), String::new());
    };
    match tokio::time::timeout(DEADLINE, call(gateway, &channel, &model)).await {
        Ok(Ok(text)) => outcome(true, text, model),
        Ok(Err(error)) => outcome(false, error, model),
        Err(_) => outcome(false, "no answer within a minute".into(), model),
    }
}

async fn call(gateway: &Gateway, channel: &Arc<Channel>, model: &str) -> Result<String, String> {
    let upstream = channel.upstream_model(model);
    let untestable = || "the channel's type can't be tested with a chat call".to_owned();
    let outbound = outbound(channel.kind, Endpoint::Chat, Dialect::OpenAiChat).ok_or_else(untestable)?;
    let codec = dialect::vendor(outbound.dialect).ok_or_else(untestable)?;
    let path = crate::proxy::route::canonical_path(outbound.endpoint);
    let target = magic_wire::vendors::target(channel, outbound.endpoint, upstream, path, false)
        .map_err(|error| error.message)?;
    let prompt = std::env::var("TEST_PROMPT").ok().filter(|prompt| !prompt.is_empty());
    let prompt = prompt.unwrap_or_else(|| "Answer with the name of your model and nothing else.".into());
    let chat = ChatRequest {
        messages: vec![Message::text(Role::User, prompt)],
        origin: Some(outbound.dialect),
        ..ChatRequest::default()
    };
    let to = To { model: upstream, kind: channel.kind, default_max_output: 256 };
    let body = codec.write_request(&chat, &to, &mut Losses::default()).map_err(|error| error.message)?;
    let timers = crate::proxy::attempt::timers(gateway, channel);
    let peer = crate::proxy::attempt::peer(gateway, channel, &target, &timers)
        .await
        .map_err(|fault| fault.message)?;
    let connector = Connector::new(None);
    let (mut session, _) =
        connector.get_http_session(peer.as_ref()).await.map_err(|error| error.etype().as_str().to_owned())?;
    let broken =
        |error: Box<pingora_error::Error>| format!("the connection broke: {}", error.etype().as_str());
    let mut head = RequestHeader::build("POST", target.path_and_query.as_bytes(), None).map_err(broken)?;
    if matches!(session, pingora_core::protocols::http::client::HttpSession::H2(_)) {
        head.set_version(http::Version::HTTP_2);
    }
    let mut set = |name: String, value: &str| head.insert_header(name, value).map_err(broken);
    set("host".into(), &target.host_header)?;
    set("content-type".into(), "application/json")?;
    set("content-length".into(), &body.len().to_string())?;
    set("accept-encoding".into(), "identity")?;
    for (name, value) in &target.headers {
        set(name.clone(), value)?;
    }
    for (name, value) in &channel.headers {
        set(name.clone(), value)?;
    }
    session.write_request_header(Box::new(head)).await.map_err(broken)?;
    session.write_request_body(body.into(), true).await.map_err(broken)?;
    session.finish_request_body().await.map_err(broken)?;
    session.read_response_header().await.map_err(broken)?;
    let status = session.response_header().map_or(0, |head| head.status.as_u16());
    let mut answer = Vec::new();
    while let Some(chunk) = session.read_response_body().await.map_err(broken)? {
        if answer.len() + chunk.len() > ANSWER_MAX {
            return Err("the answer is too long".into());
        }
        answer.extend_from_slice(&chunk);
    }
    if status != 200 {
        return Err(format!("status {status}: {}", read_fault(status, &answer).message));
    }
    let reply = codec.read_reply(&answer, &Asked::default()).map_err(|error| error.message)?;
    let text: String =
        reply.choices.iter().flat_map(|choice| &choice.parts).filter_map(|part| part.as_text()).collect();
    match text.is_empty() {
        false => Ok(text.chars().take(200).collect()),
        true => Err("the answer has no text".into()),
    }
}
