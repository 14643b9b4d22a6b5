//! Where requests enter sites and leave them: the few calls that the proxy's filters make.

use super::refuse::refuse;
use super::{Kind, Visit, access, conf, host, path, redirect};
use crate::gateway::Gateway;
use crate::proxy::context::Ctx;
use crate::proxy::replay::{Handle, Replay, Timers};
use http::header::CONTENT_LENGTH;
use pingora_error::{Error, Result};
use pingora_proxy::{FailToProxy, Session};
use std::time::Duration;

/// How long the caller of a WebSocket may say nothing.
const LISTENING: Duration = Duration::from_secs(86_400);

/// Called before anything else looks at a request's path. `None`: it is for the gateway itself; `Some(true)`: it
/// has been answered; `Some(false)`: a server of the site is to be asked.
pub async fn enter(gateway: &Gateway, session: &mut Session, ctx: &mut Ctx) -> Result<Option<bool>> {
    if redirect::to_https(gateway, session).await? {
        return Ok(Some(true));
    }
    if gateway.sites.is_empty() {
        return Ok(None);
    }
    let head = session.req_header();
    let mut room: host::Room = [0; 256];
    let Some(site) = gateway.sites.find(host::of(head, &mut room), head.uri.path()) else { return Ok(None) };
    ctx.site = Some(Box::new(Visit::new(site.clone())));
    if let Kind::Files(files) = &site.kind {
        let asked = head.uri.path().to_owned();
        files.serve(gateway, session, ctx, site.below(&asked)).await?;
        return Ok(Some(true));
    }
    let asked = head.uri.path();
    if path::climbs(asked) || !asked.starts_with('/') {
        refuse(session, 400, "the address is malformed", &[]).await?;
        return Ok(Some(true));
    }
    match &site.conf.kind {
        conf::Kind::Redirect { to, status } => {
            let below = site.below(asked).to_owned();
            redirect::elsewhere(gateway, session, to, *status, &below).await?;
            Ok(Some(true))
        }
        conf::Kind::Servers(servers) => {
            let said =
                head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            if said.is_some_and(|length| length > servers.body_bytes) {
                refuse(session, 413, "the request's body is too long", &[]).await?;
                return Ok(Some(true));
            }
            session.set_write_timeout(Some(servers.idle));
            // A WebSocket's caller may listen for hours: the server's silence is what ends it.
            let upgrade = session.is_upgrade_req();
            session.set_read_timeout(Some(if upgrade { LISTENING } else { servers.idle }));
            if upgrade && session.is_body_empty() {
                let shared = Handle::new(Timers::of(&gateway.tuning.load()));
                let slot = Replay::install_tunnel(&mut session.downstream_session, shared);
                if let Some(visit) = &mut ctx.site {
                    visit.slot = Some(slot);
                }
            }
            Ok(Some(false))
        }
        conf::Kind::Files(_) => Ok(None),
    }
}

/// `fail_to_proxy` for a site: a line that says why, unless an answer is on its way; then that is cut.
pub async fn fail(session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
    let refusal = ctx.site.as_ref().and_then(|visit| visit.refusal);
    let committed = session.response_written().is_some_and(|head| !head.status.is_informational());
    if committed {
        session.as_downstream_mut().shutdown().await;
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let (status, why) = match (refusal, error.esource()) {
        (Some(refusal), _) => refusal,
        (None, pingora_error::ErrorSource::Downstream) => (400, "the request is malformed or broke off"),
        (None, _) => (502, "the server did not answer"),
    };
    session.set_keepalive(None);
    if let Err(error) = refuse(session, status, why, &[]).await {
        log::debug!("the caller of a site left before its answer: {error}");
    }
    FailToProxy { error_code: status, can_reuse_downstream: false }
}

/// `logging`: the request is over. False: it was not a site's.
pub fn over(ctx: &mut Ctx, session: &Session) -> bool {
    ctx.squeeze = None;
    let Some(visit) = &mut ctx.site else { return false };
    visit.release();
    access::write(ctx, session);
    true
}
