//! One line per request of a site.

use super::host;
use crate::proxy::context::Ctx;
use pingora_proxy::Session;

/// Writes the line of a finished request.
pub fn write(ctx: &Ctx, session: &Session) {
    let head = session.req_header();
    let path = head.uri.path();
    if !log::log_enabled!(target: "magic::access", log::Level::Info) || path == "/healthz" {
        return;
    }
    let mut room: host::Room = [0; 256];
    let status = session.response_written().map_or(0, |head| head.status.as_u16());
    let client = crate::client::address(session, &ctx.gateway.tuning.load().trusted_proxies);
    log::info!(
        target: "magic::access",
        "request.id={} method={} host={} path={} status={status} bytes={} duration_ms={} client={client}",
        ctx.id,
        head.method,
        host::of(head, &mut room).unwrap_or("-"),
        path.escape_debug(),
        session.body_bytes_sent(),
        ctx.started.elapsed().as_millis(),
    );
}
