//! Answers in OpenAI's dialect on both sides: held whole, or followed as they stream.

use super::super::context::{Ctx, Hold, Reply};
use super::super::replay::Late;
use super::super::{kept, settle, verdict};
use super::{
    CHECK_EVERY, conclude_success, finish_unreported, join, raise, unit_priced, unusable, wait_for_disk,
};
use bytes::Bytes;
use futures::FutureExt;
use magic_domain::health::Outcome;
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use magic_wire::fault::write_fault_event;
use magic_wire::reply::{StreamOptions, StreamReply};
use pingora_error::Result;

/// Answers up to this size are held until they are whole.
const HOLD_MAX: usize = 2 << 20;

pub(super) fn hold(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Hold(held) = &mut call.reply else { return Ok(()) };
    if call.stream && held.held == 0 && data.as_ref().is_some_and(|chunk| is_events(chunk)) {
        // A stream under another name.
        let options = StreamOptions { strip_usage: call.ask_usage, ..StreamOptions::default() };
        call.reply = Reply::Stream(Box::new(StreamReply::new(call.endpoint, options)));
        call.replay.late_header("content-type", "text/event-stream".to_owned());
        return stream(ctx, data, end, elapsed);
    }
    if let Some(chunk) = data.take().filter(|chunk| !chunk.is_empty()) {
        if held.json {
            held.meter.push(&chunk);
        } else if !call.left {
            let text = String::from_utf8_lossy(&chunk);
            let room = (64usize << 10).saturating_sub(call.text.len());
            if text.len() <= room {
                call.text.push_str(&text);
            } else {
                call.text_overflow += text.len() as u64;
            }
        }
        held.held += chunk.len();
        if held.released {
            *data = Some(chunk);
        } else {
            held.chunks.push(chunk);
            if held.held > HOLD_MAX {
                held.released = true;
                *data = Some(join(std::mem::take(&mut held.chunks)));
            }
        }
    }
    if !end {
        return Ok(());
    }
    let Reply::Hold(held) = std::mem::replace(&mut call.reply, Reply::Done) else { return Ok(()) };
    let Hold { meter, chunks, released, json, .. } = *held;
    let outcome = meter.finish();
    if let Some(fault) = outcome.error.filter(|_| json && !released) {
        // 200 with an error in it: nothing was delivered.
        let status = fault.class.status();
        return Err(raise(ctx, status, fault, None));
    }
    if json && outcome.broken && !released {
        return Err(unusable("the vendor's answer is cut off or no JSON"));
    }
    let reported = outcome.usage.or_else(|| unit_priced(call).then(Default::default));
    let want_header = !released;
    match reported {
        Some(usage) => {
            let cost = settle::reported(call, &ctx.gateway, usage, outcome.images, elapsed);
            if want_header {
                call.replay.late_header("x-magic-cost-usd", cost.usd().to_string());
            }
            wait_for_disk(call, &ctx.gateway);
        }
        None => finish_unreported(ctx, elapsed, Mark::Estimated),
    }
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    if !released {
        let whole = join(chunks);
        if !call.noted
            && let Some(id) = kept::id_in(&whole)
        {
            call.noted = true;
            kept::note(call, &ctx.gateway, id);
        }
        call.replay.known_length(whole.len());
        *data = Some(whole);
    }
    conclude_success(ctx);
    Ok(())
}

fn is_events(chunk: &[u8]) -> bool {
    [&b"data:"[..], b"event:", b": "].iter().any(|start| chunk.starts_with(start))
}

pub(super) fn stream(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Stream(stream) = &mut call.reply else { return Ok(()) };
    let mut out: Vec<Bytes> = Vec::new();
    let before = stream.state().events;
    if !call.noted
        && let Some(id) = data.as_deref().and_then(kept::id_in)
    {
        call.noted = true;
        kept::note(call, &ctx.gateway, id);
    }
    let Reply::Stream(stream) = &mut call.reply else { return Ok(()) };
    if let Some(chunk) = data.take().filter(|chunk| !chunk.is_empty())
        && let Err(error) = stream.push(chunk, &mut out)
    {
        log::warn!("request {}: the vendor's stream can't be read: {}", ctx.id, error.message);
        return Err(unusable("the vendor's stream can't be read"));
    }
    if end {
        stream.finish(&mut out);
    }
    let state = stream.state();
    call.unchecked += state.events - before;
    let (terminal, content, usage) = (state.terminal, state.content, state.usage);
    let failed = state.fault.clone();
    if let Some(fault) = failed
        && !content
        && !call.replay.committed()
    {
        let status = fault.class.status();
        return Err(raise(ctx, status, fault, None));
    }
    let faulty = state.fault.is_some();
    if faulty && !content {
        settle::void(call, &ctx.gateway, "upstream_error", elapsed);
    } else if (terminal || end) && !call.ticket.settled() && !call.settling {
        let truncated = end && !terminal && !faulty;
        match usage {
            Some(usage) => {
                settle::reported(call, &ctx.gateway, usage, 0, elapsed);
            }
            None if truncated && !content => settle::void(call, &ctx.gateway, "upstream_error", elapsed),
            None => {
                let (mark, why) = match truncated || faulty || call.left {
                    true => {
                        (Mark::EstimatedPartial, if call.left { "client_gone" } else { "upstream_error" })
                    }
                    false => (Mark::Estimated, ""),
                };
                let work = settle::estimate(call, &ctx.gateway, mark, why, elapsed);
                call.replay.before_next(work.map(|_: Nano| Late::new()).boxed());
            }
        }
        if truncated {
            let fault = magic_domain::fault::Fault::new(
                magic_domain::fault::Code::UpstreamError,
                "the vendor's stream broke off",
            );
            out.push(write_fault_event(call.face, call.endpoint, &fault, &ctx.id.to_string()));
        }
        wait_for_disk(call, &ctx.gateway);
    } else if call.unchecked >= CHECK_EVERY {
        call.unchecked = 0;
        settle::checkpoint(call, elapsed);
    }
    if !out.is_empty() {
        *data = Some(join(out));
    }
    if terminal || end {
        let outcome = if faulty || !terminal { Outcome::Failure } else { Outcome::Success };
        let why = if outcome == Outcome::Success { "" } else { "the stream broke off" };
        let status = ctx.call.as_deref().map_or(0, |call| call.status);
        verdict::conclude(ctx, status, why, outcome);
    }
    Ok(())
}
