//! `request_filter`, the rest: from a known caller and a read body to a call with its candidates.

use super::admit::{self, Ask, Caller};
use super::context::{Call, Reply};
use super::intake::{self, Intake};
use super::prompt::Used;
use super::replay::{Handle, Timers};
use crate::gateway::Gateway;
use crate::snapshot::{Now, Snapshot};
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::feature::{Feature, Features};
use magic_domain::ids::{ChannelId, RequestId};
use magic_domain::select::{Refusal, Selection, judge, select};
use magic_domain::usage::Usage;
use magic_wire::chat::Dialect;
use pingora_proxy::Session;
use serde_json::{Value, json};
use std::sync::Arc;

/// What is asked for.
pub struct Wanted<'a> {
    pub id: RequestId,
    pub caller: &'a Caller,
    pub endpoint: Endpoint,
    pub face: Dialect,
    pub model: String,
    pub pinned: Option<ChannelId>,
    /// The channel that alone can take the call: its vendor keeps the answer that this one follows.
    pub kept_by: Option<ChannelId>,
    /// What a vendor must be able to do for it.
    pub needs: Features,
    /// The prompt it has been made of.
    pub prompt: Used,
}

/// The channels that can serve the request, from the first of the caller's groups that has any.
pub struct Plan {
    pub snapshot: Arc<Snapshot>,
    pub group: String,
    pub selection: Selection,
}

/// What the request needs. Pictures are looked for only where a channel is known that can't see them: that takes
/// another look at the whole body.
pub fn needs(gateway: &Gateway, endpoint: Endpoint, intake: &Intake) -> Features {
    let needs = intake.peek.needs;
    let blind = gateway.routing.load().table.lacked().contains(Feature::Images);
    let chat = matches!(endpoint, Endpoint::Chat | Endpoint::Responses);
    match blind && chat && magic_wire::peek::shows_image(&intake.body) {
        true => needs.with(Feature::Images),
        false => needs,
    }
}

/// Selects candidates, or says why there are none.
pub fn plan(gateway: &Gateway, wanted: &Wanted<'_>) -> Result<Plan, Fault> {
    let snapshot = gateway.routing.load();
    let now = Now {
        snapshot: &snapshot,
        meters: &gateway.meters,
        now_ms: gateway.routing.now_ms(),
        endpoint: wanted.endpoint,
        face: wanted.face,
        model: &wanted.model,
        needs: wanted.needs,
    };
    let group = wanted.caller.groups().next().unwrap_or("default").to_owned();
    if let Some(id) = wanted.pinned {
        let selection = pinned(&snapshot, &now, id)?;
        return Ok(Plan { snapshot, group, selection });
    }
    let mut refused = Vec::new();
    let draw = wanted.id.0 as u64;
    for group in wanted.caller.groups() {
        let mut selection = select(&snapshot.table, &now, group, &wanted.model, draw);
        if let Some(keeper) = wanted.kept_by {
            selection.candidates.retain(|channel| channel.id == keeper);
        }
        if !selection.candidates.is_empty() {
            let group = group.to_owned();
            return Ok(Plan { snapshot, group, selection });
        }
        refused.extend(selection.refused);
    }
    Err(nobody(&snapshot, wanted, &group, &refused))
}

fn pinned(snapshot: &Snapshot, now: &Now<'_>, id: ChannelId) -> Result<Selection, Fault> {
    let Some(channel) = snapshot.table.channel(id) else {
        return Err(Fault::new(Code::InvalidRequest, format!("there is no channel {id}")));
    };
    match judge(channel, now) {
        // A person who names a channel may try one that is resting, or see whether it can by now.
        None | Some(Refusal::Ejected { .. } | Refusal::Probing | Refusal::Lacks(_)) => {
            Ok(Selection { candidates: vec![channel.clone()], refused: vec![] })
        }
        Some(refusal) => Err(Fault::new(
            Code::NoAvailableChannel,
            format!("channel {id} ({}) can't take the call: {refusal}", channel.name),
        )),
    }
}

fn nobody(
    snapshot: &Snapshot,
    wanted: &Wanted<'_>,
    group: &str,
    refused: &[(Arc<Channel>, Refusal)],
) -> Fault {
    let model = &wanted.model;
    if refused.is_empty() {
        let message = if snapshot.table.knows_model(model) && wanted.caller.is_admin() {
            format!("the model {model} is offered, but not to the group {group}")
        } else {
            format!("the model {model} does not exist or is not offered to you")
        };
        return Fault::new(Code::ModelNotFound, message).at("model");
    }
    let mut soonest = None;
    let reasons: Vec<String> = refused
        .iter()
        .enumerate()
        .map(|(index, (channel, refusal))| {
            if let Refusal::Ejected { for_ms, .. } = refusal {
                let seconds = for_ms.div_ceil(1000);
                soonest = Some(soonest.map_or(seconds, |before: u64| before.min(seconds)));
            }
            match wanted.caller.is_admin() {
                true => format!("channel {} ({}): {refusal}", channel.id, channel.name),
                false => format!("candidate {}: {refusal}", index + 1),
            }
        })
        .collect();
    let message = format!("no channel can take a call to {model} now: {}", reasons.join("; "));
    Fault::new(Code::NoAvailableChannel, message).retry_after(soonest.unwrap_or(5))
}

/// `x-magic-explain: 1`: the decision itself, without calling anybody.
pub fn explain(plan: &Plan, wanted: &Wanted<'_>) -> Value {
    let table = &plan.snapshot.table;
    let row = |channel: &Channel| {
        json!({
            "id": channel.id, "name": channel.name, "type": channel.kind,
            "priority": channel.priority, "weight": channel.weight,
            "upstream_model": channel.upstream_model(&wanted.model),
            "price": table.catalogue.price(channel.upstream_model(&wanted.model), channel.kind),
        })
    };
    json!({
        "object": "magic.explanation",
        "request_id": wanted.id,
        "model": wanted.model,
        "prompt": (!wanted.prompt.name.is_empty()).then_some(&wanted.prompt.name),
        "endpoint": wanted.endpoint,
        "group": plan.group,
        "group_ratio": table.ratio(&plan.group) as f64 / 1e6,
        "table_version": table.version,
        "needs": wanted.needs.iter().map(Feature::name).collect::<Vec<_>>(),
        "candidates": plan.selection.candidates.iter().map(|channel| row(channel)).collect::<Vec<_>>(),
        "refused": plan.selection.refused.iter().map(|(channel, refusal)| {
            let mut row = row(channel);
            row["reason"] = Value::String(refusal.to_string());
            row
        }).collect::<Vec<_>>(),
    })
}

/// Reserves the money and builds the call.
pub async fn call(
    gateway: &Arc<Gateway>,
    session: &Session,
    wanted: Wanted<'_>,
    plan: Plan,
    intake: Intake,
) -> Result<Box<Call>, Fault> {
    let Plan { snapshot, group, selection } = plan;
    let estimate = admit::estimate(&snapshot, wanted.endpoint, &intake, &selection.candidates);
    let upfront = admit::upfront(wanted.endpoint, &intake);
    let peek = intake.peek;
    let stream = peek.stream;
    let ticket = admit::reserve(
        gateway,
        Ask {
            id: wanted.id,
            at_ms: crate::clock::millis(),
            caller: wanted.caller,
            group: &group,
            endpoint: wanted.endpoint,
            model: &wanted.model,
            prompt: &wanted.prompt.name,
            stream,
            snapshot: &snapshot,
            candidates: &selection.candidates,
            estimate,
            now_ms: gateway.routing.now_ms(),
        },
    )
    .await?;
    if let Some(budget) = snapshot.budget(&wanted.model) {
        budget.earn(gateway.routing.now_ms());
    }
    let pinned = wanted.pinned.is_some();
    let retries = snapshot.table.hot.retry_times;
    let asks = matches!(wanted.endpoint, Endpoint::Chat | Endpoint::Completions);
    Ok(Box::new(Call {
        endpoint: wanted.endpoint,
        face: wanted.face,
        prompt_lost: wanted.prompt.lost,
        chat: None,
        lifted: Arc::default(),
        strict: intake::header(session, "x-magic-strict") == Some("1"),
        stream,
        ask_usage: asks && wanted.face == Dialect::OpenAiChat && stream && peek.include_usage != Some(true),
        ticket,
        admin: wanted.caller.is_admin(),
        want_cost: intake::header(session, "x-magic-cost") == Some("1"),
        body: intake.body,
        peek: Some(peek),
        content_type: intake.content_type,
        betas: intake::header(session, "anthropic-beta").map(str::to_owned),
        query: intake::query_for_vendor(session),
        _buffered: intake.permit,
        candidates: selection.candidates,
        pinned,
        next: 0,
        tries: 0,
        max_tries: if pinned { 1 } else { retries + 1 },
        asked_again: false,
        current: None,
        attempts: Vec::new(),
        reason: Default::default(),
        replay: Handle::new(Timers::of(&gateway.tuning.load())),
        slot: None,
        capture: None,
        reply: Reply::Waiting,
        text: String::new(),
        text_overflow: 0,
        left: false,
        timings: Default::default(),
        status: 0,
        settling: false,
        unchecked: 0,
        upfront,
        system_prompt_reset: false,
        told: None,
        wants_array: wanted.face == Dialect::Gemini
            && stream
            && intake::query_param(session, "alt").as_deref() != Some("sse"),
        array: None,
        noted: wanted.endpoint != Endpoint::Responses,
        batch: false,
        raw: None,
        realtime: None,
        model: wanted.model,
        snapshot,
    }))
}

/// A realtime session: no body, an open end.
pub async fn realtime(
    gateway: &Arc<Gateway>,
    session: &Session,
    wanted: Wanted<'_>,
    plan: Plan,
) -> Result<Box<Call>, Fault> {
    let intake = Intake {
        body: bytes::Bytes::new(),
        peek: Default::default(),
        content_type: String::new(),
        permit: None,
    };
    let mut call = call(gateway, session, wanted, plan, intake).await?;
    call.peek = None;
    call.upfront = Usage::default();
    call.realtime = Some(Box::default());
    Ok(call)
}
