//! The conformance check: what a channel can do with a model, found out by asking for it. One small call per
//! feature, unbilled, through the codecs and credentials that callers' requests go through.

mod cases;
mod judge;

use crate::ask::{ask, way};
use crate::gateway::Gateway;
use futures::StreamExt;
use magic_domain::channel::Channel;
use magic_domain::feature::{Feature, Finding, Verdict};
use magic_wire::chat::{ChatRequest, ToolChoice};
use std::time::Duration;
use tokio::time::Instant;

/// One call takes this long at most.
const CALL: Duration = Duration::from_secs(20);
/// The whole check does: the connection that waits for it is closed after a minute of silence.
const WHOLE: Duration = Duration::from_secs(50);
/// Calls at once: vendors limit new accounts to a few.
const AT_ONCE: usize = 4;
/// Tokens of an answer, where the dialect demands a limit: thoughts have to fit in.
const OUTPUT_MAX: u64 = 2048;

/// Whether chats can be put to the channel at all.
pub fn applies(channel: &Channel, upstream_model: &str) -> bool {
    way(channel, upstream_model).is_some()
}

/// Checks every feature, in the order of [`Feature::ALL`]. Ends within [`WHOLE`]. `upstream_model` is the
/// vendor's name of the model.
pub async fn run(gateway: &Gateway, channel: &Channel, upstream_model: &str) -> Vec<Finding> {
    let check = Check { gateway, channel, model: upstream_model, until: Instant::now() + WHOLE };
    let chat = check.feature(Feature::Chat).await;
    let rest = Feature::ALL.into_iter().filter(|feature| *feature != Feature::Chat);
    if chat.verdict != Verdict::Yes {
        // A refused key, a wrong name or a busy vendor would look like nine missing features.
        let unclear = |feature| finding(feature, Verdict::Unclear, "a plain chat does not work");
        return std::iter::once(chat).chain(rest.map(unclear)).collect();
    }
    let calls: Vec<_> = rest.map(|feature| Box::pin(check.feature(feature))).collect();
    let mut findings = vec![chat];
    findings.extend(futures::stream::iter(calls).buffered(AT_ONCE).collect::<Vec<_>>().await);
    findings
}

fn finding(feature: Feature, verdict: Verdict, detail: impl Into<String>) -> Finding {
    Finding { feature, verdict, detail: detail.into() }
}

struct Check<'a> {
    gateway: &'a Gateway,
    channel: &'a Channel,
    model: &'a str,
    until: Instant,
}

impl Check<'_> {
    async fn feature(&self, feature: Feature) -> Finding {
        let chat = cases::request(feature);
        let (mut verdict, mut detail) = self.verdict(feature, chat.clone()).await;
        let forced = matches!(chat.tool_choice, Some(ToolChoice::Named(_)));
        if forced && verdict == Verdict::No {
            // Some call tools only where they may choose to.
            let free = ChatRequest { tool_choice: None, ..chat };
            if let (Verdict::Yes, _) = self.verdict(feature, free).await {
                (verdict, detail) = (Verdict::Yes, "but it can't be made to call a tool".to_owned());
            }
        }
        finding(feature, verdict, self.clean(&detail))
    }

    async fn verdict(&self, feature: Feature, chat: ChatRequest) -> (Verdict, String) {
        let left = self.until.saturating_duration_since(Instant::now()).min(CALL);
        let call = ask(self.gateway, self.channel, self.model, chat, OUTPUT_MAX);
        match tokio::time::timeout(left, call).await {
            Ok(Ok(told)) => judge::told(feature, &told),
            Ok(Err(trouble)) => judge::trouble(&trouble),
            Err(_) => (Verdict::Unclear, "no answer in time".to_owned()),
        }
    }

    /// For people's eyes: short, in one line, and without the channel's key, which vendors like to repeat.
    fn clean(&self, detail: &str) -> String {
        let key = self.channel.key.expose();
        let parts = key.split(['|', ',', '\n']).map(str::trim).filter(|part| part.len() >= 8);
        let bare = parts.fold(detail.to_owned(), |text, part| text.replace(part, "[key]"));
        let bare = magic_wire::fault::clean(&bare);
        let line = bare.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(DETAIL_MAX).collect()
    }
}

/// Characters of a reason.
const DETAIL_MAX: usize = 300;
