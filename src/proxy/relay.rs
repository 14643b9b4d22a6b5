//! `upstream_response_filter` and `upstream_response_body_filter`: the vendor's answer on its way to the
//! caller. Same dialect on both sides: bytes pass as they are, usage is read as they pass.

mod foreign;
mod head;
mod passed;

pub use head::head;

use super::context::{Call, Ctx, Reply};
use super::replay::Late;
use super::settle;
use super::verdict::{self, VENDOR_ERROR};
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use magic_domain::endpoint::Endpoint;
use magic_domain::health::Outcome;
use magic_domain::money::Nano;
use magic_domain::usage::Mark;
use magic_wire::fault::{VendorFault, read_fault};
use pingora_error::{Error, Result};

/// An error's body is read this far.
const ERROR_MAX: usize = 64 << 10;
/// Content events between two checkpoints (reliability rule, "gateway crash").
const CHECK_EVERY: u64 = 64;

/// A piece of the body. `end` is set with the last one.
pub fn body(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool) -> Result<()> {
    let elapsed = ctx.elapsed_ms();
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    if data.as_ref().is_some_and(|data| !data.is_empty()) {
        call.timings.first_byte.get_or_insert(elapsed);
    }
    if !call.left && call.replay.gone() {
        settle::collect_text(call);
        call.left = true;
    }
    match &mut call.reply {
        Reply::Error { .. } => error(ctx, data, end),
        Reply::Hold(_) => passed::hold(ctx, data, end, elapsed),
        Reply::Stream(_) => passed::stream(ctx, data, end, elapsed),
        Reply::Coded(_) => foreign::recoded(ctx, data, end, elapsed),
        Reply::Aside { .. } => foreign::aside(ctx, data, end, elapsed),
        Reply::Opaque { bytes } => {
            *bytes += data.as_ref().map_or(0, |data| data.len() as u64);
            if end {
                finish_unreported(ctx, elapsed, Mark::Estimated);
                conclude_success(ctx);
            }
            Ok(())
        }
        Reply::Waiting | Reply::Done => Ok(()),
    }
}

fn error(ctx: &mut Ctx, data: &mut Option<Bytes>, end: bool) -> Result<()> {
    let Some(call) = ctx.call.as_deref_mut() else { return Ok(()) };
    let Reply::Error { status, retry_after, kind, body } = &mut call.reply else { return Ok(()) };
    if let Some(data) = data.take() {
        let room = ERROR_MAX - body.len().min(ERROR_MAX);
        body.extend_from_slice(&data[..data.len().min(room)]);
    }
    if !end && body.len() < ERROR_MAX {
        return Ok(());
    }
    let (status, retry_after) = (*status, *retry_after);
    let fault = fault_of(status, kind.as_deref(), body);
    Err(raise(ctx, status, fault, retry_after))
}

/// A vendor's error. AWS tells its kind in the head, and in the body the message alone.
fn fault_of(status: u16, kind: Option<&str>, body: &[u8]) -> VendorFault {
    let fault = read_fault(status, body);
    match kind {
        None => fault,
        Some(kind) => {
            let told = serde_json::json!({ "__type": kind, "message": fault.message });
            read_fault(status, told.to_string().as_bytes())
        }
    }
}

/// Turns a vendor's error into Pingora's, which leads to the next channel or to the caller.
pub fn raise(ctx: &mut Ctx, status: u16, fault: VendorFault, retry_after: Option<u64>) -> Box<Error> {
    let ruling = verdict::vendor_error(ctx, status, fault, retry_after);
    let mut error = Error::explain(VENDOR_ERROR, format!("the vendor answered {status}"));
    error.as_up();
    error.set_retry(ruling.retry);
    error
}

/// An answer with a status of an error and no body at all.
pub fn empty_error(ctx: &mut Ctx) -> Option<Box<Error>> {
    let call = ctx.call.as_deref()?;
    match &call.reply {
        Reply::Error { status, retry_after, kind, body } => {
            let (status, retry_after) = (*status, *retry_after);
            let fault = fault_of(status, kind.as_deref(), body);
            Some(raise(ctx, status, fault, retry_after))
        }
        _ => None,
    }
}

/// Endpoints whose price does not depend on a report.
fn unit_priced(call: &Call) -> bool {
    matches!(
        call.endpoint,
        Endpoint::Speech
            | Endpoint::ImageGenerations
            | Endpoint::ImageEdits
            | Endpoint::ImageVariations
            | Endpoint::Moderations
            | Endpoint::Raw
    )
}

fn unusable(why: &'static str) -> Box<Error> {
    let mut error = Error::explain(VENDOR_ERROR, why);
    error.as_up();
    error
}

/// Settles an answer without a report by our own count, before its last bytes leave.
fn finish_unreported(ctx: &mut Ctx, elapsed: u64, mark: Mark) {
    let gateway = ctx.gateway.clone();
    let Some(call) = ctx.call.as_deref_mut() else { return };
    if call.ticket.settled() || call.settling {
        return;
    }
    if unit_priced(call) {
        settle::reported(call, &gateway, Default::default(), 0, elapsed);
        return wait_for_disk(call, &gateway);
    }
    let work = settle::estimate(call, &gateway, mark, "", elapsed);
    call.replay
        .before_next(work.map(|cost: Nano| vec![("x-magic-cost-usd", cost.usd().to_string())]).boxed());
}

/// `[ledger] durability = "fsync"`: the last bytes wait until the closing is on the disk.
fn wait_for_disk(call: &Call, gateway: &crate::gateway::Gateway) {
    if !gateway.tuning.load().fsync {
        return;
    }
    let journal = call.ticket.books().journal().clone();
    call.replay.before_next(
        async move {
            let position = journal.position();
            let _ = tokio::task::spawn_blocking(move || journal.wait_durable(position)).await;
            Late::new()
        }
        .boxed(),
    );
}

fn conclude_success(ctx: &mut Ctx) {
    let status = ctx.call.as_deref().map_or(0, |call| call.status);
    verdict::conclude(ctx, status, "", Outcome::Success);
}

/// One piece of many; a single one is passed as it is.
fn join(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() == 1
        && let Some(only) = pieces.pop()
    {
        return only;
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}
