//! Calling a channel once, for its test: a small chat completion, not billed.

use crate::ask::{Trouble, ask};
use crate::gateway::Gateway;
use magic_admin::TestOutcome;
use magic_domain::channel::Channel;
use magic_domain::ids::ChannelId;
use magic_wire::chat::{ChatRequest, Message, Role};
use magic_wire::fault::disables_channel;
use std::time::{Duration, Instant};

/// A test takes this long at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// Tokens of an answer, where the dialect demands a limit.
const OUTPUT_MAX: u64 = 256;

/// Calls the channel with `model`, or its first one.
pub async fn test(gateway: &Gateway, id: ChannelId, model: Option<String>) -> TestOutcome {
    examine(gateway, id, model).await.0
}

/// [`test`], and why the account is dead, where the vendor's error says that it is.
pub async fn examine(
    gateway: &Gateway,
    id: ChannelId,
    model: Option<String>,
) -> (TestOutcome, Option<&'static str>) {
    let started = Instant::now();
    let snapshot = gateway.routing.load();
    let outcome = |ok, message: String, model: String| TestOutcome {
        ok,
        message,
        seconds: started.elapsed().as_secs_f64(),
        model,
    };
    let Some(channel) = snapshot.table.channel(id).cloned() else {
        return (outcome(false, "the channel's secrets can't be opened".into(), String::new()), None);
    };
    let model = model.filter(|model| channel.offered().any(|name| name == model));
    let Some(model) = model.or_else(|| channel.offered().next().map(str::to_owned)) else {
        return (outcome(false, "the channel offers no model".into(), String::new()), None);
    };
    match tokio::time::timeout(DEADLINE, call(gateway, &channel, &model)).await {
        Ok(Ok(text)) => (outcome(true, text, model), None),
        Ok(Err(trouble)) => {
            let dead = match &trouble {
                Trouble::Refused(status, fault) => disables_channel(*status, fault),
                _ => None,
            };
            (outcome(false, trouble.to_string(), model), dead)
        }
        Err(_) => (outcome(false, "no answer within a minute".into(), model), None),
    }
}

async fn call(gateway: &Gateway, channel: &Channel, model: &str) -> Result<String, Trouble> {
    let prompt = std::env::var("TEST_PROMPT").ok().filter(|prompt| !prompt.is_empty());
    let prompt = prompt.unwrap_or_else(|| "Answer with the name of your model and nothing else.".into());
    let chat = ChatRequest { messages: vec![Message::text(Role::User, prompt)], ..ChatRequest::default() };
    let told = ask(gateway, channel, channel.upstream_model(model), chat, OUTPUT_MAX).await;
    let reply = told?.reply;
    let text: String =
        reply.choices.iter().flat_map(|choice| &choice.parts).filter_map(|part| part.as_text()).collect();
    match text.is_empty() {
        false => Ok(text.chars().take(200).collect()),
        true => Err(Trouble::Broken("the answer has no text".into())),
    }
}
