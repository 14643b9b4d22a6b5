//! `fail_to_proxy`: the one place that turns a fault into bytes, in the caller's dialect.

use super::context::{Ctx, Refusal, Reply};
use super::route::Route;
use super::verdict;
use bytes::Bytes;
use magic_domain::fault::{Code, Fault};
use magic_wire::fault::{write_fault, write_fault_event, write_vendor_fault};
use pingora_error::Error;
use pingora_http::ResponseHeader;
use pingora_proxy::{FailToProxy, Session};

/// Writes the refusal, unless the answer is already on its way; then its stream gets an error event and ends.
pub async fn write(session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
    let gone = ctx.call.as_deref().is_some_and(|call| call.replay.gone());
    let committed = session.response_written().is_some_and(|head| !head.status.is_informational());
    if gone {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let refusal = ctx.refusal.take().unwrap_or_else(|| of_error(error, ctx));
    if committed {
        end_stream(session, &refusal.fault, ctx).await;
        ctx.refusal = Some(refusal);
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let status = refusal.fault.status;
    if let Some(call) = ctx.call.as_deref_mut() {
        call.status = status;
    }
    // A body that nobody read would be taken for the next request's head.
    let keep = ctx.call.is_some() && !ctx.passing;
    if !keep {
        // Said in the head, lest the caller send the next request into a connection that is about to close.
        session.set_keepalive(None);
        if let Some(call) = ctx.call.as_deref() {
            call.replay.close_after();
        }
    }
    let sent = answer(session, &refusal, ctx).await;
    ctx.refusal = Some(refusal);
    FailToProxy { error_code: status, can_reuse_downstream: sent && keep }
}

fn of_error(error: &Error, ctx: &Ctx) -> Refusal {
    if matches!(ctx.route, Route::Admin) {
        return Fault::new(Code::Overloaded, "the management service does not answer").into();
    }
    verdict::told(error).into()
}

async fn answer(session: &mut Session, refusal: &Refusal, ctx: &Ctx) -> bool {
    let id = ctx.id.to_string();
    let body = body(refusal, ctx, &id);
    let Ok(mut head) = ResponseHeader::build_no_case(refusal.fault.status, Some(8)) else { return false };
    let mut set = |name: &'static str, value: &str| head.insert_header(name, value).is_ok();
    let mut fine = set("content-type", "application/json")
        && set("content-length", &body.len().to_string())
        && set("x-request-id", &id)
        && set("x-oneapi-request-id", &id)
        && set("access-control-allow-origin", "*");
    if let Some(seconds) = refusal.fault.retry_after {
        fine = fine && set("retry-after", &seconds.to_string());
    }
    fine && session.write_response_header(Box::new(head), false).await.is_ok()
        && session.write_response_body(Some(body), true).await.is_ok()
}

fn body(refusal: &Refusal, ctx: &Ctx, id: &str) -> Bytes {
    let face = ctx.route.face();
    match &refusal.vendor {
        Some(vendor) => write_vendor_fault(face, vendor, &refusal.fault, id),
        None => write_fault(face, &refusal.fault, id),
    }
}

/// The answer broke off in the middle: a stream gets an error event, so that nobody takes it for whole. Other
/// answers are cut: their declared length or missing last chunk says the same.
async fn end_stream(session: &mut Session, fault: &Fault, ctx: &Ctx) {
    let Some(call) = ctx.call.as_deref() else { return };
    let streams = match &call.reply {
        Reply::Stream(_) => true,
        Reply::Coded(coded) => coded.streams(),
        _ => false,
    };
    if !streams {
        return session.as_downstream_mut().shutdown().await;
    }
    let event = write_fault_event(call.face, call.endpoint, fault, &ctx.id.to_string());
    if session.write_response_body(Some(event), true).await.is_err() {
        log::debug!("request {}: the caller left before the error event", ctx.id);
    }
}
