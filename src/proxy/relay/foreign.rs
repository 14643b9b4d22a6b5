//! Answers that pass through a codec: chats of other dialects, embeddings and rerank in a vendor's own words.

use super::super::context::{Ctx, Reply};
use super::super::replay::Late;
use super::super::{kept, settle, verdict};
use super::{CHECK_EVERY, conclude_success, finish_unreported, join, raise, unusable, wait_for_disk};
use bytes::Bytes;
use futures::FutureExt;
use magic_domain::health::Outcome;
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use magic_wire::chat::Dialect;
use magic_wire::fault::{hidden, write_fault_event};
use pingora_error::Result;

/// Embeddings written anew are held up to this size.
const ASIDE_MAX: usize = 64 << 20;

/// [`stream`] and [`hold`] for answers that pass through a codec.
pub(super) fn recoded(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Coded(coded) = &mut call.reply else { return Ok(()) };
    let before = coded.events;
    let pushed = match data.take().filter(|chunk| !chunk.is_empty()) {
        Some(chunk) => coded.push(chunk),
        None => Ok(Bytes::new()),
    };
    let finished = pushed.and_then(|out| if end { Ok(join(vec![out, coded.finish()?])) } else { Ok(out) });
    let mut out = match finished {
        Ok(out) => out,
        Err(error) => {
            log::warn!("request {}: the vendor's answer can't be read: {}", ctx.id, error.message);
            return Err(unusable("the vendor's answer can't be read"));
        }
    };
    call.unchecked += coded.events - before;
    let (content, whole, streams) = (coded.content, coded.whole, coded.streams());
    let usage = coded.usage.or(call.told);
    let fault = coded.fault.clone();
    let faulty = fault.is_some();
    if let Some(fault) = fault
        && (!content || !streams)
        && !call.replay.committed()
    {
        let status = fault.class.status();
        return Err(raise(ctx, status, fault, None));
    }
    if end && !whole && !faulty && !streams {
        return Err(unusable("the vendor's answer is cut off"));
    }
    if faulty && !content {
        settle::void(call, &ctx.gateway, "upstream_error", elapsed);
    } else if end && !call.ticket.settled() && !call.settling {
        let truncated = !whole && !faulty;
        match usage {
            // What an interrupted stream reported may be its beginning only: the interrupted-stream rule
            // bills what was delivered.
            Some(usage) if whole && !faulty => {
                let cost = settle::reported(call, &ctx.gateway, usage, 0, elapsed);
                if !streams {
                    call.replay.late_header("x-magic-cost-usd", cost.usd().to_string());
                }
            }
            _ if truncated && !content => settle::void(call, &ctx.gateway, "upstream_error", elapsed),
            _ => {
                let cut = truncated || faulty || call.left;
                let mark = if cut { Mark::EstimatedPartial } else { Mark::Estimated };
                let why = match cut {
                    true if call.left => "client_gone",
                    true => "upstream_error",
                    false => "",
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
            let event = write_fault_event(call.face, call.endpoint, &fault, &ctx.id.to_string());
            out = join(vec![out, event]);
        }
        wait_for_disk(call, &ctx.gateway);
    } else if call.unchecked >= CHECK_EVERY {
        call.unchecked = 0;
        settle::checkpoint(call, elapsed);
    }
    if end && whole && call.face == Dialect::OpenAiResponses {
        kept::keep(call, &ctx.gateway, &out);
    }
    if let Some(array) = &mut call.array {
        out = array.push(out, end);
    }
    if end && !streams && call.array.is_none() {
        call.replay.known_length(out.len());
    }
    if !out.is_empty() {
        *data = Some(out);
    }
    if end {
        let outcome = if faulty || !whole { Outcome::Failure } else { Outcome::Success };
        let why = if outcome == Outcome::Success { "" } else { "the stream broke off" };
        let status = ctx.call.as_deref().map_or(0, |call| call.status);
        verdict::conclude(ctx, status, why, outcome);
    }
    Ok(())
}

/// Embeddings and rerank, held until they are whole and written in OpenAI's shape.
pub(super) fn aside(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool, elapsed: u64) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Aside { body } = &mut call.reply else { return Ok(()) };
    if let Some(piece) = data.take() {
        if body.len() + piece.len() > ASIDE_MAX {
            return Err(unusable("the vendor's answer is too long"));
        }
        body.extend_from_slice(&piece);
    }
    if !end {
        return Ok(());
    }
    let body = std::mem::take(body);
    call.reply = Reply::Done;
    let written = match super::super::aside::write(call, &body) {
        Ok(written) => written,
        Err(error) => {
            if let Some(fault) = hidden(&body) {
                let status = fault.class.status();
                return Err(raise(ctx, status, fault, None));
            }
            log::warn!("request {}: the vendor's answer can't be read: {}", ctx.id, error.message);
            return Err(unusable("the vendor's answer can't be read"));
        }
    };
    match written.usage.or(call.told) {
        Some(usage) => {
            let cost = settle::reported(call, &ctx.gateway, usage, 0, elapsed);
            call.replay.late_header("x-magic-cost-usd", cost.usd().to_string());
            wait_for_disk(call, &ctx.gateway);
        }
        None => finish_unreported(ctx, elapsed, Mark::Estimated),
    }
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    call.replay.known_length(written.body.len());
    *data = Some(written.body);
    conclude_success(ctx);
    Ok(())
}
