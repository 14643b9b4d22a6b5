//! Closings: what a call used, what it costs, and how it ended. Every way out of a request ends here, once.

use super::context::{Call, Ctx, Reply};
use crate::gateway::Gateway;
use crate::limits::calendar;
use crate::tokens;
use magic_domain::books::{Attempt, Closing};
use magic_domain::endpoint::Endpoint;
use magic_domain::limits::{Day, Scope};
use magic_domain::money::Nano;
use magic_domain::price::{Rates, bill};
use magic_domain::usage::{Bucket, Mark, Usage};
use std::sync::Arc;

/// Completes a vendor's report with what only we know: the call itself, characters, pictures.
fn complete(mut usage: Usage, call: &Call, images: u64) -> Usage {
    usage.set(Bucket::Request, 1);
    if usage.get(Bucket::Character) == 0 {
        usage.set(Bucket::Character, call.upfront.get(Bucket::Character));
    }
    if usage.get(Bucket::Image) == 0 && call.upfront.get(Bucket::Image) > 0 {
        usage.set(Bucket::Image, if images > 0 { images } else { call.upfront.get(Bucket::Image) });
    }
    usage
}

/// The closing of a call as it stands, priced for the channel of the current try.
pub fn closing(call: &Call, usage: Usage, mark: Mark, error: &str, elapsed_ms: u64) -> Closing {
    let (channel_id, model, kind) = match &call.current {
        Some(current) => (Some(current.channel.id), current.upstream_model.clone(), current.channel.kind),
        None => (None, call.model.clone(), 0),
    };
    let catalogue = &call.snapshot.table.catalogue;
    let price = catalogue.price(&model, kind);
    let rates = price.map_or_else(Rates::default, |price| price.rates_for(usage.input_total()).clone());
    let mut cost = match mark {
        Mark::Void => Nano::ZERO,
        _ => bill(&rates, &usage, call.ticket.opening.ratio),
    };
    if mark == Mark::EstimatedPartial {
        // A guess about a cut answer never costs more than was agreed to.
        cost = cost.min(call.ticket.opening.reserved);
    }
    let mut timings = call.timings;
    timings.total = elapsed_ms;
    let budgets = budgets(call);
    Closing {
        key_id: call.current.as_ref().map_or(0, |current| current.channel.key_id),
        id: call.ticket.opening.id,
        at_ms: crate::clock::millis(),
        channel_id,
        model,
        mark,
        usage: if mark == Mark::Void { Usage::default() } else { usage },
        rates,
        price_version: catalogue.version,
        unpriced: price.is_none() && mark != Mark::Void,
        cost,
        status: call.status,
        error: error.to_owned(),
        attempts: attempts(call),
        timings,
        system_prompt_reset: call.system_prompt_reset,
        day: if budgets.is_empty() { Day::default() } else { calendar::today() },
        budgets,
    }
}

/// The objects whose budgets a call counts against: its caller's, and its channel.
fn budgets(call: &Call) -> Vec<String> {
    let mut budgets = call.ticket.budgets.clone();
    let channel = call.current.as_ref().map(|current| &current.channel);
    if let Some(channel) = channel.filter(|channel| !channel.limits.budgets.is_none()) {
        budgets.push(Scope::Channel(channel.id).to_string());
    }
    budgets
}

/// The tries so far, with the one under way.
fn attempts(call: &Call) -> Vec<Attempt> {
    let mut attempts = call.attempts.clone();
    if let Some(current) = call.current.as_ref().filter(|current| !current.recorded) {
        attempts.push(Attempt {
            channel_id: current.channel.id,
            status: call.status,
            ms: current.started.elapsed().as_millis() as u64,
            error: String::new(),
        });
    }
    attempts
}

/// Settles with the vendor's own numbers. Returns the cost.
pub fn reported(call: &Call, gateway: &Gateway, usage: Usage, images: u64, elapsed_ms: u64) -> Nano {
    let closing = closing(call, complete(usage, call, images), Mark::Reported, "", elapsed_ms);
    let cost = closing.cost;
    call.ticket.settle(closing, gateway.routing.now_ms());
    cost
}

/// Nothing was delivered: nothing is owed.
pub fn void(call: &Call, gateway: &Gateway, error: &str, elapsed_ms: u64) {
    if !call.ticket.settled() {
        let closing = closing(call, Usage::default(), Mark::Void, error, elapsed_ms);
        call.ticket.settle(closing, gateway.routing.now_ms());
    }
}

/// Counts on a blocking thread what the vendor did not report, settles, and returns the cost. The future owns
/// all it needs, so that it can be awaited by the replay session before the last bytes leave.
pub fn estimate(
    call: &mut Call,
    gateway: &Arc<Gateway>,
    mark: Mark,
    error: &'static str,
    elapsed_ms: u64,
) -> impl Future<Output = Nano> + Send + 'static + use<> {
    call.settling = true;
    collect_text(call);
    let text = std::mem::take(&mut call.text);
    let overflow = call.text_overflow;
    let (endpoint, body) = (call.endpoint, call.body.clone());
    let ticket = call.ticket.clone();
    let gateway = gateway.clone();
    let complete_from = complete(Usage::default(), call, 0);
    let base = closing(call, Usage::default(), mark, error, elapsed_ms);
    let catalogue = call.snapshot.table.catalogue.clone();
    let kind = call.current.as_ref().map_or(0, |current| current.channel.kind);
    let speech = endpoint == Endpoint::Speech;
    // Text formats of a transcription report nothing: 128 kbit/s is what speech is mostly uploaded at.
    let seconds = match endpoint {
        Endpoint::Transcriptions | Endpoint::Translations => (call.body.len() as u64).div_ceil(16_000),
        _ => 0,
    };
    let approximate = call.snapshot.table.hot.approximate_tokens;
    async move {
        let model = base.model.clone();
        let counted = tokio::task::spawn_blocking(move || {
            let counter = tokens::Counter { model: &model, approximate };
            if speech { Usage::default() } else { tokens::usage(endpoint, counter, &body, &text, overflow) }
        })
        .await
        .unwrap_or_default();
        let mut usage = complete_from;
        if seconds > 0 {
            usage.set(Bucket::Second, seconds);
        }
        for (bucket, units) in counted.parts() {
            usage.set(bucket, units);
        }
        let mut closing = base;
        if let Some(price) = catalogue.price(&closing.model, kind) {
            closing.rates = price.rates_for(usage.input_total()).clone();
        }
        closing.cost = bill(&closing.rates, &usage, ticket.opening.ratio);
        if mark == Mark::EstimatedPartial {
            closing.cost = closing.cost.min(ticket.opening.reserved);
        }
        closing.usage = usage;
        let cost = closing.cost;
        ticket.settle(closing, gateway.routing.now_ms());
        cost
    }
}

/// Moves what the stream's reader has collected to the call.
pub fn collect_text(call: &mut Call) {
    let (text, overflow) = match &mut call.reply {
        Reply::Stream(stream) => (stream.take_text(), stream.state().text_overflow),
        Reply::Coded(coded) => (std::mem::take(&mut coded.text), coded.text_overflow),
        _ => return,
    };
    call.text_overflow = overflow;
    if !call.left {
        // What came after the caller had left was not delivered.
        call.text.push_str(&text);
    }
}

/// A checkpoint: how the call would be settled if the process died now. By length, not by encoder.
pub fn checkpoint(call: &mut Call, elapsed_ms: u64) {
    let usage = running_usage(call);
    let closing = closing(call, usage, Mark::EstimatedPartial, "", elapsed_ms);
    call.ticket.check(closing);
}

fn running_usage(call: &Call) -> Usage {
    let (seen, bytes) = match &call.reply {
        Reply::Stream(stream) => (stream.state().usage, stream.state().text_bytes),
        Reply::Coded(coded) => (coded.usage, coded.text_bytes),
        _ => (None, call.text.len() as u64 + call.text_overflow),
    };
    let usage = seen.unwrap_or_else(|| {
        Usage::default()
            .with(Bucket::Input, tokens::guess(call.peek.as_ref().map_or(0, |peek| peek.prompt_bytes as u64)))
            .with(Bucket::Output, tokens::guess(bytes))
    });
    complete(usage, call, 0)
}

/// Whether any of the answer's content is with the caller.
fn delivered(call: &Call) -> bool {
    match &call.reply {
        Reply::Stream(stream) => stream.state().content && call.replay.committed(),
        Reply::Coded(coded) => coded.streams() && coded.content && call.replay.committed(),
        Reply::Opaque { bytes } => *bytes > 0 && call.replay.committed(),
        Reply::Hold(hold) => hold.released,
        Reply::Waiting | Reply::Error { .. } | Reply::Aside { .. } | Reply::Done => false,
    }
}

/// `logging`: the request is over. Settles what no filter has settled (the interrupted-stream rule).
pub async fn at_end(ctx: &mut Ctx, error: &'static str) {
    let elapsed = ctx.elapsed_ms();
    let gateway = ctx.gateway.clone();
    let Some(call) = ctx.call.as_deref_mut() else { return };
    if call.ticket.settled() {
        return;
    }
    if let Some(realtime) = call.realtime.take() {
        let usage = realtime.usage();
        if usage.is_zero() {
            void(call, &gateway, error, elapsed);
        } else {
            reported(call, &gateway, usage, 0, elapsed);
        }
        return;
    }
    if !delivered(call) {
        return void(call, &gateway, error, elapsed);
    }
    if let Some(usage) = call.reply.usage() {
        // The numbers were in before the end broke off.
        let closing = closing(call, complete(usage, call, 0), Mark::Reported, error, elapsed);
        call.ticket.settle(closing, gateway.routing.now_ms());
        return;
    }
    estimate(call, &gateway, Mark::EstimatedPartial, error, elapsed).await;
}

/// The context is dropped without `logging` (a panic, or a task cut off at shutdown): no time to count.
pub fn at_drop(call: &mut Call, gateway: &Gateway) {
    let elapsed = call.timings.total;
    if delivered(call) {
        let usage = running_usage(call);
        let closing = closing(call, usage, Mark::EstimatedPartial, "internal_error", elapsed);
        call.ticket.settle(closing, gateway.routing.now_ms());
    } else {
        void(call, gateway, "internal_error", elapsed);
    }
}
