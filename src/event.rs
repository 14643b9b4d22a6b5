//! One structured event per relayed request: enough to read alone, nothing that is secret. And the same in numbers.

use crate::metrics::{Billed, Finished};
use crate::proxy::context::Ctx;
use crate::proxy::route::Route;
use pingora_proxy::Session;

fn status(session: &Session) -> u16 {
    session.response_written().map_or(0, |head| head.status.as_u16())
}

/// Counts a finished request.
pub fn count(ctx: &Ctx, session: &Session) {
    let calls = &ctx.gateway.metrics.calls;
    if let Some(refusal) = &ctx.refusal {
        calls.refused(refusal.fault.code);
    }
    let Some(call) = ctx.call.as_deref() else { return };
    calls.finished(&Finished {
        endpoint: call.endpoint,
        status: status(session),
        stream: call.stream,
        model: &call.model,
        first_byte: call.timings.first_byte,
        total: ctx.elapsed_ms(),
        billed: call.ticket.billed().unwrap_or_default(),
    });
}

/// Writes the event of a finished request.
pub fn write(ctx: &Ctx, session: &Session) {
    if matches!(ctx.route, Route::Admin | Route::Healthz | Route::Readyz)
        || !log::log_enabled!(log::Level::Info)
    {
        return;
    }
    let (status, total) = (status(session), ctx.elapsed_ms());
    let error = ctx.refusal.as_ref().map_or("", |refusal| refusal.fault.code.name());
    let Some(call) = ctx.call.as_deref() else {
        log::info!(
            target: "magic::request",
            "request.id":% = ctx.id, status = status, duration_ms = total, error = error; ""
        );
        return;
    };
    let Billed { input, output, nano, .. } = call.ticket.billed().unwrap_or_default();
    let opening = &call.ticket.opening;
    log::info!(
        target: "magic::request",
        "request.id":% = ctx.id,
        endpoint = call.endpoint.name(),
        model = call.model.as_str(),
        prompt = opening.prompt.as_str(),
        stream = call.stream,
        "user.id" = opening.user_id.0,
        "token.id" = opening.token_id.0,
        "channel.id" = call.current.as_ref().map_or(0, |current| current.channel.id.0),
        tries = call.tries,
        status = status,
        input_tokens = input,
        output_tokens = output,
        cost_usd = nano as f64 / 1e9,
        ttft_ms = call.timings.first_byte.unwrap_or(0),
        duration_ms = total,
        error = error;
        ""
    );
}
