//! One structured event per relayed request: enough to read alone, nothing that is secret.

use crate::proxy::context::Ctx;
use crate::proxy::route::Route;
use pingora_proxy::Session;

/// Writes the event of a finished request.
pub fn write(ctx: &Ctx, session: &Session) {
    if matches!(ctx.route, Route::Admin | Route::Healthz | Route::Readyz)
        || !log::log_enabled!(log::Level::Info)
    {
        return;
    }
    let status = session.response_written().map_or(0, |head| head.status.as_u16());
    let error = ctx.refusal.as_ref().map_or("", |refusal| refusal.fault.code.name());
    let total = ctx.started.elapsed().as_millis();
    match ctx.call.as_deref() {
        Some(call) => log::info!(
            target: "magic::request",
            "request.id={} endpoint={} model={} prompt={} stream={} user.id={} token.id={} channel.id={} tries={} status={status} \
             first_byte_ms={} duration_ms={total} error={error}",
            ctx.id,
            call.endpoint.name(),
            call.model,
            call.ticket.opening.prompt,
            call.stream,
            call.ticket.opening.user_id,
            call.ticket.opening.token_id,
            call.current.as_ref().map_or(0, |current| current.channel.id.0),
            call.tries,
            call.timings.first_byte.unwrap_or(0),
        ),
        None => log::info!(
            target: "magic::request",
            "request.id={} status={status} duration_ms={total} error={error}", ctx.id
        ),
    }
}
