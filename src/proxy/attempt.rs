//! `upstream_peer` and `upstream_request_filter`: the next candidate, its body, its address, its head.

mod body;
mod head;
mod peer;
mod pictures;

pub use body::{embed_ask, moved, written};
pub use head::head;
pub use peer::{peer, timers};

use super::context::{Call, Ctx, Current, Reply};
use super::route::canonical_path;
use super::way::Way;
use crate::gateway::Gateway;
use crate::limits::{Asking, Meter, Place, Reached, admit, calendar};
use magic_domain::channel::Channel;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::limits::{Day, Scope};
use magic_wire::WireError;
use magic_wire::chat::Losses;
use magic_wire::vendors::outbound;
use pingora_core::upstreams::peer::HttpPeer;
use std::sync::Arc;
use std::time::Instant;

/// Takes the next candidate and makes it the current try.
pub async fn next(ctx: &mut Ctx) -> Result<Box<HttpPeer>, Fault> {
    let gateway = ctx.gateway.clone();
    let elapsed = ctx.elapsed_ms();
    let Some(call) = ctx.call.as_deref_mut() else {
        return Err(Fault::new(Code::InternalError, "a request without a call"));
    };
    // A channel that is asked again has its place for this.
    if let Some(before) = &mut call.current {
        before.place = None;
        call.ticket.serve(None);
    }
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
        place = Some(Arc::new(seated(call, gateway, &channel, &state.meter, now_ms).map_err(|_| busy())?));
        // Two calls may have seen the same half-open channel: one of them probes it.
        let only = call.candidates.len() == 1;
        if !state.health.lock().claim(now_ms) && !only {
            return Err(busy());
        }
    }
    let channel = match call.snapshot.keyring(channel.id) {
        Some(keyring) => keyring.next(now_ms, call.candidates.len() == 1).ok_or_else(busy)?,
        None => channel,
    };
    let model = channel.upstream_model(&call.model).to_owned();
    let misfit = |error: WireError| {
        log::warn!("channel {} can't be called: {}", channel.id, error.message);
        Fault::new(Code::NoAvailableChannel, "the channel is not set up for this call")
    };
    let Some(outbound) = outbound(channel.kind, call.endpoint, call.face, &model) else {
        return Err(misfit(WireError::new("its type can't serve this call")));
    };
    let passes =
        outbound.dialect == call.face && outbound.endpoint == call.endpoint && outbound.side.is_none();
    let path = canonical_path(outbound.endpoint);
    let way = match call.query.as_ref().filter(|_| passes) {
        _ if call.raw.is_some() => {
            let path = call.raw.as_deref().unwrap_or_default();
            Way::new(&channel, outbound, &model, path, false).map(Arc::new)
        }
        None => call.snapshot.ways.get(&channel, outbound, &model, path, call.stream),
        Some(query) => {
            Way::new(&channel, outbound, &model, &format!("{path}?{query}"), call.stream).map(Arc::new)
        }
    }
    .map_err(misfit)?;
    let mut lost = Losses::default();
    let rope = match (passes, outbound.endpoint) {
        (true, _) => body::passed(call, &channel, &model, outbound)?,
        (false, Endpoint::Chat | Endpoint::Responses) => {
            body::translated(call, gateway, &channel, &model, outbound, &mut lost).await?
        }
        (false, _) => body::aside(call, &channel, &model, outbound)?,
    };
    if !lost.0.is_empty() {
        gateway.metrics.lost(call.face, outbound.dialect, &lost.0);
    }
    lost.0.extend(call.prompt_lost.0.iter().cloned());
    let mut signed =
        crate::credentials::sign(gateway, &channel, &way.target, &rope).await.map_err(|error| {
            log::warn!("channel {} can't sign a call: {error}", channel.id);
            Fault::new(Code::NoAvailableChannel, "the channel's credential is of no use now")
        })?;
    signed.path_and_query = signed.path_and_query.or_else(|| body::elsewhere(call, &model, outbound, &way));
    let timers = timers(gateway, &channel);
    let peer = peer(gateway, &channel, &way.target, &timers).await?;
    if let Some(place) = &place {
        place.keep();
        call.ticket.serve((!channel.limits.is_none()).then(|| place.clone()));
    }
    call.replay.load(rope, timers);
    call.reply = Reply::Waiting;
    call.tries += 1;
    call.timings.admitted.get_or_insert(elapsed);
    call.current = Some(Current {
        channel,
        upstream_model: model,
        started: Instant::now(),
        way,
        outbound,
        passes,
        signed,
        lost,
        recorded: false,
        place,
    });
    Ok(peer)
}

/// Takes the call's place at a channel; whatever stops the try before it is under way gives it up again.
fn seated(
    call: &Call,
    gateway: &Gateway,
    channel: &Channel,
    meter: &Arc<Meter>,
    now_ms: u64,
) -> Result<Place, Reached> {
    if channel.limits.is_none() {
        return Ok(meter.pass());
    }
    let day = if channel.limits.budgets.is_none() { Day::default() } else { calendar::today() };
    let seat = gateway.meters.seat_at(Scope::Channel(channel.id), meter.clone(), &channel.limits, day);
    let asking = Asking { now_ms, tokens: call.ticket.tokens, money: call.ticket.opening.reserved, day };
    let (mut places, _) = admit(&[seat], &asking)?;
    Ok(places.pop().unwrap_or_else(|| meter.pass()))
}
