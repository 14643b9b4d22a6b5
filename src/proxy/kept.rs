//! Answers of the Responses API that callers come back to. Vendors with the API keep their own: here stands only
//! which channel has them. For the others the gateway keeps the turns, and a call that names an earlier answer
//! is completed with them before it goes anywhere.

use super::admit::Caller;
use super::context::{Call, Ctx};
use super::intake::Intake;
use super::replay::Late;
use super::{answer, route::KeptAction};
use crate::fetch::{Ask, open};
use crate::gateway::Gateway;
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use http::Method;
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::ids::{ChannelId, UserId};
use magic_wire::chat::Dialect;
use magic_wire::json::{Members, object};
use magic_wire::peek::peek_json;
use magic_wire::vendors::{Outbound, outbound, target};
use pingora_proxy::Session;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longer histories are not kept: whoever has them must send them.
const KEPT_MAX: usize = 8 << 20;
/// An unknown answer is asked for at this many channels at most.
const ASKED_MAX: usize = 4;
const ANSWER_MAX: usize = 16 << 20;

/// An answer as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: String,
    pub user: UserId,
    pub channel: ChannelId,
    /// The items asked, as a JSON list; empty: the vendor keeps the answer.
    pub input: String,
    pub response: String,
}

/// Where answers are kept. Errors say that the database is away.
#[async_trait]
pub trait Archive: Send + Sync {
    async fn keep(&self, kept: Kept) -> Result<(), String>;
    async fn find(&self, id: &str, user: UserId) -> Result<Option<Kept>, String>;
    async fn forget(&self, id: &str, user: UserId) -> Result<bool, String>;
}

fn away(error: String) -> Fault {
    log::debug!("the archive of answers: {error}");
    Fault::new(Code::InternalError, "earlier answers can't be reached now").retry_after(5)
}

/// Completes a call that names an earlier answer. The channel that alone can take it, where a vendor keeps the
/// answer itself.
pub async fn resume(
    gateway: &Gateway,
    user: UserId,
    intake: &mut Intake,
) -> Result<Option<ChannelId>, Fault> {
    let Some(id) = intake.peek.previous_response_id.clone() else { return Ok(None) };
    let Some(kept) = gateway.archive.find(&id, user).await.map_err(away)? else { return Ok(None) };
    if kept.response.is_empty() {
        return Ok(Some(kept.channel));
    }
    let invalid = |error: magic_wire::WireError| Fault::new(Code::InvalidRequest, error.message);
    let body = completed(&intake.body, &kept).map_err(invalid)?;
    if body.len() > gateway.tuning.load().body_bytes {
        return Err(Fault::new(Code::BodyTooLarge, "the turns before make the request too long"));
    }
    let mut peek = peek_json(Endpoint::Responses, &body).map_err(invalid)?;
    peek.model = peek.model.or_else(|| intake.peek.model.take());
    intake.body = body;
    intake.peek = peek;
    Ok(None)
}

/// The request with the earlier turns before its own.
fn completed(body: &[u8], kept: &Kept) -> Result<Bytes, magic_wire::WireError> {
    let mut m = Members::of_body(body)?;
    let own = items_of(m.take("input"));
    m.take("previous_response_id");
    let before: Vec<&RawValue> = serde_json::from_str(&kept.input).unwrap_or_default();
    let said: Output<'_> = serde_json::from_str(&kept.response).unwrap_or_default();
    let text = object(|o| {
        o.list("input", |l| {
            before.iter().for_each(|item| l.item().raw(item.get()));
            said.output.iter().for_each(|item| l.item().raw(item.get()));
            own.iter().for_each(|item| l.item().raw(item));
        });
        for (name, value) in m.rest() {
            o.json(&name, &value);
        }
    });
    Ok(Bytes::from(text))
}

#[derive(Deserialize, Default)]
struct Output<'a> {
    #[serde(borrow, default)]
    output: Vec<&'a RawValue>,
}

/// `input` as a list of items.
fn items_of(input: Option<&RawValue>) -> Vec<String> {
    let Some(raw) = input else { return Vec::new() };
    match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
        Ok(items) => items.into_iter().map(|item| item.get().to_owned()).collect(),
        Err(_) => vec![object(|o| {
            o.text("type", "message");
            o.text("role", "user");
            o.key("content").raw(raw.get());
        })],
    }
}

#[derive(Deserialize)]
struct Asks<'a> {
    store: Option<bool>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// A translated answer is complete: its last bytes wait until it is kept.
pub fn keep(call: &Call, gateway: &Arc<Gateway>, told: &[u8]) {
    let (Some(current), false) = (&call.current, told.len() > KEPT_MAX) else { return };
    let Ok(asks) = serde_json::from_slice::<Asks<'_>>(&call.body) else { return };
    let Some(response) = answer_in(told, call.stream) else { return };
    let id = serde_json::from_str::<Value>(&response).ok().and_then(|v| Some(v["id"].as_str()?.to_owned()));
    let (Some(id), false) = (id, asks.store == Some(false)) else { return };
    let input = format!("[{}]", items_of(asks.input).join(","));
    if input.len() + response.len() > KEPT_MAX {
        return;
    }
    let kept = Kept { id, user: call.ticket.opening.user_id, channel: current.channel.id, input, response };
    let archive = gateway.archive.clone();
    call.replay.before_next(
        async move {
            if let Err(error) = archive.keep(kept).await {
                log::warn!("an answer could not be kept: {error}");
            }
            Late::new()
        }
        .boxed(),
    );
}

/// The answer object in the last bytes told to the caller.
fn answer_in(told: &[u8], stream: bool) -> Option<String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        r#type: &'a str,
        #[serde(borrow)]
        response: &'a RawValue,
    }
    let text = std::str::from_utf8(told).ok()?;
    if !stream {
        return Some(text.to_owned());
    }
    text.rsplit("\n\n").filter_map(|frame| frame.rsplit("\ndata: ").next()).find_map(|data| {
        let event: Event<'_> = serde_json::from_str(data).ok()?;
        matches!(event.r#type, "response.completed" | "response.incomplete")
            .then(|| event.response.get().to_owned())
    })
}

/// A vendor keeps the answer: remembers which channel has it. Nobody waits for this.
pub fn note(call: &Call, gateway: &Arc<Gateway>, id: String) {
    let Some(current) = &call.current else { return };
    let kept = Kept {
        id,
        user: call.ticket.opening.user_id,
        channel: current.channel.id,
        input: String::new(),
        response: String::new(),
    };
    let archive = gateway.archive.clone();
    tokio::spawn(async move {
        if let Err(error) = archive.keep(kept).await {
            log::debug!("the place of an answer could not be kept: {error}");
        }
    });
}

/// The id of an answer in the first bytes of a vendor's own.
pub fn id_in(bytes: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(bytes, b"\"resp_")? + 1;
    let end = bytes[at..].iter().position(|byte| *byte == b'"')? + at;
    let id = std::str::from_utf8(&bytes[at..end]).ok()?;
    (id.len() <= 191 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)))
        .then(|| id.to_owned())
}

/// `GET`, `DELETE`, `…/cancel`, `…/input_items` of an answer.
pub(super) async fn answer(
    session: &mut Session,
    ctx: &Ctx,
    gateway: &Gateway,
    caller: &Caller,
    id: &str,
    action: KeptAction,
) -> Result<(), super::Refused> {
    let user = caller.user.id;
    let kept = gateway.archive.find(id, user).await.map_err(away)?;
    let missing = || Fault::new(Code::NotFound, format!("there is no response {id}")).at("response_id");
    let Some(kept) = kept.filter(|kept| !kept.response.is_empty()) else {
        let known = gateway.archive.find(id, user).await.map_err(away)?.map(|kept| kept.channel);
        let Some((status, body)) = elsewhere(gateway, caller, known, id, action).await else {
            return Err(missing().into());
        };
        if action == KeptAction::Delete && status == 200 {
            let _ = gateway.archive.forget(id, user).await;
        }
        answer::bytes(session, ctx, status, Bytes::from(body), &[]).await?;
        return Ok(());
    };
    let told = match action {
        KeptAction::Get => serde_json::from_str(&kept.response).unwrap_or(Value::Null),
        KeptAction::Items => {
            let items: Vec<Value> = serde_json::from_str(&kept.input).unwrap_or_default();
            let id_of = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
            let (first, last) = (id_of(items.first()), id_of(items.last()));
            json!({ "object": "list", "data": items, "first_id": first, "last_id": last, "has_more": false })
        }
        KeptAction::Cancel => {
            let message =
                "only a response that runs in the background can be cancelled, and this one is done";
            return Err(Fault::new(Code::InvalidRequest, message).into());
        }
        KeptAction::Delete => match gateway.archive.forget(id, user).await.map_err(away)? {
            true => json!({ "id": id, "object": "response", "deleted": true }),
            false => return Err(missing().into()),
        },
    };
    answer::json(session, ctx, 200, &told).await?;
    Ok(())
}

/// Asks the channel that has the answer, or those that may.
async fn elsewhere(
    gateway: &Gateway,
    caller: &Caller,
    known: Option<ChannelId>,
    id: &str,
    action: KeptAction,
) -> Option<(u16, Vec<u8>)> {
    let snapshot = gateway.routing.load();
    let keeps = |channel: &Channel| {
        outbound(channel.kind, Endpoint::Responses, Dialect::OpenAiResponses, "")
            .is_some_and(|way| way.endpoint == Endpoint::Responses)
    };
    let offered =
        |channel: &Arc<Channel>| caller.groups().any(|group| channel.groups.iter().any(|own| own == group));
    let asked: Vec<Arc<Channel>> = snapshot
        .table
        .channels()
        .filter(|channel| keeps(channel) && offered(channel))
        .filter(|channel| known.is_none_or(|known| channel.id == known))
        .take(ASKED_MAX)
        .cloned()
        .collect();
    let (method, more) = match action {
        KeptAction::Get => (Method::GET, ""),
        KeptAction::Items => (Method::GET, "/input_items"),
        KeptAction::Delete => (Method::DELETE, ""),
        KeptAction::Cancel => (Method::POST, "/cancel"),
    };
    let mut last = None;
    for channel in asked {
        let way = Outbound::plain(Dialect::OpenAiResponses, Endpoint::Responses);
        let Ok(target) = target(&channel, way, "", &format!("/v1/responses/{id}{more}"), false) else {
            continue;
        };
        let ask = Ask { method: method.clone(), target: &target, headers: &[], body: Bytes::new() };
        let Ok(mut exchange) = open(gateway, &channel, ask).await else { continue };
        let status = exchange.status;
        let Ok(body) = exchange.body(ANSWER_MAX).await else { continue };
        if status == 200 {
            return Some((status, body));
        }
        last = (status < 500 && status != 401 && status != 403).then_some((status, body)).or(last);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_turns_stand_before_the_callers_own() {
        let kept = Kept {
            id: "resp_1".into(),
            user: UserId(1),
            channel: ChannelId(1),
            input: r#"[{"role":"user","content":"a"}]"#.into(),
            response: r#"{"id":"resp_1","output":[{"type":"message","role":"assistant","content":[]}]}"#
                .into(),
        };
        let body = br#"{"model":"m","previous_response_id":"resp_1","input":"b","x":1.50}"#;
        let text = completed(body, &kept).unwrap();
        let expected = concat!(
            r#"{"input":[{"role":"user","content":"a"},{"type":"message","role":"assistant","content":[]},"#,
            r#"{"type":"message","role":"user","content":"b"}],"model":"m","x":1.50}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_answer_is_found_in_what_was_told() {
        let stream = b"event: response.output_text.delta\ndata: {\"type\":\"x\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"id\":\"resp_2\"}}\n\n";
        assert_eq!(answer_in(stream, true).as_deref(), Some(r#"{"id":"resp_2"}"#));
        assert_eq!(answer_in(b"data: {}\n\n", true), None);
        assert_eq!(id_in(br#"{"id":"resp_a-1","object""#).as_deref(), Some("resp_a-1"));
        assert_eq!(id_in(br#"{"id":"resp_a/1","object""#), None);
    }
}
