//! Calling a channel once, for its test: a small chat completion, not billed.

use crate::fetch::{Ask, open};
use crate::gateway::Gateway;
use crate::proxy::attempt;
use magic_admin::TestOutcome;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::ids::ChannelId;
use magic_wire::chat::{ChatRequest, Dialect, Losses, Message, Role};
use magic_wire::codec::{Asked, To};
use magic_wire::dialect;
use magic_wire::fault::read_fault;
use magic_wire::vendors::outbound;
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
    let outbound =
        outbound(channel.kind, Endpoint::Chat, Dialect::OpenAiChat, upstream).ok_or_else(untestable)?;
    let codec = dialect::vendor(outbound.dialect).ok_or_else(untestable)?;
    let path = crate::proxy::route::canonical_path(outbound.endpoint);
    let target = magic_wire::vendors::target(channel, outbound, upstream, path, false)
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
    let rope = attempt::hosted(&body.into(), outbound.host, &[]).map_err(|error| error.message)?;
    let signed = crate::credentials::sign(gateway, channel, &target, &rope).await?;
    let mut target = target;
    target.headers.extend(signed.headers);
    if let Some(path) = signed.path_and_query {
        target.path_and_query = path;
    }
    if target.bridge {
        target.headers.push(("x-magic-edge".to_owned(), gateway.edge_secret.clone()));
    }
    let ask = Ask { method: http::Method::POST, target: &target, headers: &[], body: rope.concat() };
    let mut answer = open(gateway, channel, ask).await?;
    let status = answer.status;
    let answer = answer.body(ANSWER_MAX).await?;
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
