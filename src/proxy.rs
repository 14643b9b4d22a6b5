//! The proxy: Pingora's filters in the order they run. Each is a table of contents; the work is in the
//! modules it names.

pub mod admit;
pub mod answer;
pub mod array;
pub mod aside;
pub mod attempt;
pub mod capture;
pub mod context;
pub mod count;
pub mod credential;
pub mod guard;
pub mod intake;
pub mod kept;
pub mod plan;
pub mod prompt;
pub mod raw;
pub mod realtime;
pub mod recode;
pub mod reject;
pub mod relay;
pub mod replay;
pub mod route;
mod seats;
pub mod settle;
pub mod verdict;
pub mod way;

use crate::acme;
use crate::edge::door;
use crate::faults;
use crate::gateway::Gateway;
use crate::overload::{self, Level};
use crate::sites;
use admit::Caller;
use async_trait::async_trait;
use bytes::Bytes;
use context::{Counted, Ctx, Refusal};
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::feature::Features;
use magic_domain::health::Outcome;
use magic_domain::ids::ChannelId;
use magic_wire::chat::Dialect;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use plan::Wanted;
use route::{Asked, Route};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The proxy's filters over the shared state.
pub struct Edge(pub Arc<Gateway>);

/// Ends the request with a fault that `fail_to_proxy` will write.
fn refuse<T>(ctx: &mut Ctx, refusal: impl Into<Refusal>) -> Result<T> {
    ctx.refusal = Some(refusal.into());
    Error::e_explain(ErrorType::Custom("Refused"), "the request is refused")
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(self.0.clone())
    }

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<()> {
        ctx.counted = Some(Counted::new(&self.0));
        door::head_complete(session);
        if self.0.overload.level() >= Level::Busy {
            session.set_keepalive(None);
        }
        let tuning = self.0.tuning.load();
        // While an answer is written nothing else of its call is looked at, the whole call's deadline neither.
        session.set_write_timeout(Some(tuning.taken));
        if let Err(fault) = guard::check(session, &tuning) {
            return refuse(ctx, fault);
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        faults::point("request", intake::header(session, "x-fault"));
        // Whatever site has the path: an authority is answered.
        if let Some(token) = session.req_header().uri.path().strip_prefix(acme::PROOFS)
            && let Some(proof) = self.0.proofs.load().get(token).cloned()
        {
            answer::text(session, ctx, proof).await?;
            return Ok(true);
        }
        if let Some(answered) = sites::enter(&self.0, session, ctx).await? {
            return Ok(answered);
        }
        ctx.route = route::route(&session.req_header().method, session.req_header().uri.path());
        if matches!(ctx.route, Route::Relay(_) | Route::Raw(..)) {
            ctx.trace = self.0.traces.begin(session.req_header());
        }
        match self.dispatch(session, ctx).await {
            Ok(answered) => Ok(answered),
            Err(Refused::Fault(fault)) => refuse(ctx, *fault),
            Err(Refused::Io(error)) => Err(error),
        }
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        ctx.passing = true;
        if let Some(visit) = &mut ctx.site {
            return sites::upstream::peer(&self.0, visit).await;
        }
        if ctx.call.is_none() {
            return admin_peer(&self.0, session.req_header().uri.path());
        }
        match attempt::next(ctx).await {
            Ok(peer) => {
                if let (Some(trace), Some(call)) = (&mut ctx.trace, ctx.call.as_deref()) {
                    trace.try_begins(call);
                }
                Ok(peer)
            }
            // What the last vendor said tells more than "nobody is left".
            Err(_) if ctx.refusal.is_some() => {
                Error::e_explain(ErrorType::Custom("Refused"), "no channel is left")
            }
            Err(fault) => refuse(ctx, fault),
        }
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        if let Some(visit) = &ctx.site {
            return sites::upstream::request(&self.0, session, visit, &ctx.id, request);
        }
        match ctx.call.as_deref() {
            Some(call) if call.raw.is_some() => raw::head(call, request)?,
            Some(call) => attempt::head(&self.0, call, request)?,
            None => return admin_head(session, request, ctx, &self.0),
        }
        if let Some(told) = ctx.trace.as_deref().and_then(|trace| trace.for_vendor()) {
            request.insert_header("traceparent", told)?;
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        if let Some(visit) = &mut ctx.site {
            return sites::upstream::body(visit, body.as_ref());
        }
        if ctx.call.as_deref().is_some_and(|call| call.realtime.is_some()) {
            faults::stall().await;
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        if ctx.call.is_none() {
            sites::upstream::answered(&self.0, session, ctx, head);
            // The management service's answers bear the request's number too; a site's are its own.
            return if ctx.site.is_none() { relay::head(ctx, head) } else { Ok(()) };
        }
        faults::point("answer", intake::header(session, "x-fault"));
        relay::head(ctx, head)
    }

    fn upstream_response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        if let Some(squeeze) = &mut ctx.squeeze {
            return squeeze.pass(body, end).map(|()| None);
        }
        if let Some(realtime) = ctx.call.as_deref_mut().and_then(|call| call.realtime.as_mut()) {
            if let Some(bytes) = body {
                realtime.push(bytes);
            }
            return Ok(None);
        }
        if end {
            faults::point("end", intake::header(session, "x-fault"));
        }
        relay::body(ctx, body, end).map(|()| None)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Ctx,
        mut error: Box<Error>,
    ) -> Box<Error> {
        if let Some(visit) = &mut ctx.site {
            sites::upstream::unreachable(visit, &mut error);
            return error;
        }
        // A kept connection on which no stream can be begun.
        if error.etype == ErrorType::H2Error && verdict::asks_again(ctx, &error) {
            error.set_retry(true);
            return error;
        }
        ctx.refusal = (ctx.call.is_some()).then(|| Refusal::from(verdict::told(&error)));
        verdict::conclude(ctx, 0, error.etype().as_str(), Outcome::Failure);
        error.set_retry(verdict::may_retry(ctx));
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        ctx: &mut Ctx,
        reused: bool,
    ) -> Box<Error> {
        if let Some(visit) = &mut ctx.site {
            sites::upstream::broken(session, visit, &mut error, reused);
            return error;
        }
        if error.etype == replay::EMPTY_ERROR
            && let Some(raised) = relay::empty_error(ctx)
        {
            error = raised;
        }
        if error.etype == verdict::VENDOR_ERROR && ctx.refusal.is_some() {
            let worth_it = error.retry();
            error.set_retry(worth_it && verdict::may_retry(ctx));
            return error;
        }
        if verdict::connection_was_dead(&mut error, reused) && verdict::asks_again(ctx, &error) {
            error.set_retry(true);
            return error;
        }
        if ctx.call.is_some() && error.etype != replay::CLIENT_GONE {
            ctx.refusal = Some(Refusal::from(verdict::told(&error)));
        }
        let ruling = verdict::of_error(&error);
        let why = error.etype().as_str().to_owned();
        verdict::conclude(ctx, 0, &why, ruling.outcome);
        error.set_retry(ruling.retry && verdict::may_retry(ctx));
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut Ctx) -> FailToProxy {
        if ctx.site.is_some() {
            return sites::fail(session, error, ctx).await;
        }
        reject::write(session, error, ctx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
        if error.is_none() {
            // An earlier try's: another channel did better.
            ctx.refusal = None;
        }
        let why = why(error, ctx);
        settle::at_end(ctx, why).await;
        capture::finish(ctx);
        let of_call = ctx.call.as_deref_mut().and_then(|call| call.slot.take());
        if let Some(slot) = of_call.or_else(|| ctx.site.as_deref_mut()?.slot.take()) {
            replay::restore(&mut session.downstream_session, &slot);
        }
        crate::event::count(ctx, session);
        crate::telemetry::finish(ctx, session, why);
        door::request_over(session);
        if !sites::over(ctx, session) {
            crate::event::write(ctx, session);
        }
    }

    /// Every failure is in the request's own event; Pingora's lines would say it again, with paths.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Ctx, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Ctx,
        _error: &Error,
        _context: pingora_proxy::ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

/// The word for a request that did not go well, for its row in the logs.
fn why(error: Option<&Error>, ctx: &Ctx) -> &'static str {
    if ctx.call.as_deref().is_some_and(|call| call.replay.gone()) {
        return "client_gone";
    }
    match (&ctx.refusal, error) {
        (Some(refusal), _) => refusal.fault.code.name(),
        (None, Some(error)) if error.etype == replay::CLIENT_GONE => "client_gone",
        (None, Some(_)) => "upstream_error",
        (None, None) => "",
    }
}

/// How a dispatch ends early.
enum Refused {
    Fault(Box<Fault>),
    Io(Box<Error>),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Refused::Fault(Box::new(fault))
    }
}
impl From<Box<Error>> for Refused {
    fn from(error: Box<Error>) -> Self {
        Refused::Io(error)
    }
}

impl Edge {
    /// True: the request has been answered here.
    async fn dispatch(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool, Refused> {
        match ctx.route.clone() {
            Route::Healthz => answer::healthz(session, ctx).await?,
            Route::Readyz => answer::readyz(session, ctx, &self.0).await?,
            Route::Metrics => {
                let (caller, _) = self.caller(session)?;
                answer::metrics(session, ctx, &self.0, &caller).await?;
            }
            Route::Admin => return Ok(answer::elsewhere(session, ctx, &self.0).await?),
            Route::Unknown => {
                let head = session.req_header();
                let message = format!("Invalid URL ({} {})", head.method, head.uri.path());
                return Err(Fault::new(Code::NotFound, message).into());
            }
            Route::Models(face) => {
                let (caller, _) = self.caller(session)?;
                let face = answer::face_of(session, face);
                answer::models(session, ctx, &self.0, &caller, face).await?;
            }
            Route::Model(face, name) => {
                let (caller, _) = self.caller(session)?;
                let model = answer::one_model(&self.0, &caller, &name, answer::face_of(session, face))?;
                answer::json(session, ctx, 200, &model).await?;
            }
            Route::Count(asked) => {
                let (caller, _) = self.caller(session)?;
                count::count(session, ctx, &self.0, &caller, &asked).await?;
            }
            Route::Kept(id, action) => {
                let (caller, _) = self.caller(session)?;
                kept::answer(session, ctx, &self.0, &caller, &id, action).await?;
            }
            Route::Raw(channel, path) => {
                let (caller, _) = self.caller(session)?;
                let path = match intake::query_for_vendor(session) {
                    Some(query) => format!("{path}?{query}"),
                    None => path,
                };
                let id = ChannelId(channel);
                ctx.call = Some(raw::call(&self.0, session, ctx.id, &caller, id, path).await?);
                return Ok(false);
            }
            Route::Relay(asked) => return self.relay(session, ctx, asked).await,
        }
        Ok(true)
    }

    fn caller(&self, session: &Session) -> Result<(Caller, credential::Presented), Fault> {
        let presented = credential::read(session.req_header())?;
        let presented = presented.resolved(|hash| self.0.principals.token(hash).is_some());
        let ip = crate::client::address(session, &self.0.tuning.load().trusted_proxies);
        let caller = admit::identify(&self.0, &presented, ip, crate::clock::seconds())?;
        Ok((caller, presented))
    }

    async fn relay(&self, session: &mut Session, ctx: &mut Ctx, asked: Asked) -> Result<bool, Refused> {
        let gateway = &self.0;
        let endpoint = asked.endpoint;
        gateway.overload.check_call()?;
        let (caller, presented) = self.caller(session)?;
        let seat = gateway.overload.queue.take(caller.user.id).await;
        ctx.seat = Some(seat.ok_or_else(overload::overloaded)?);
        if endpoint == Endpoint::Realtime {
            return self.realtime(session, ctx, &caller, presented).await;
        }
        let mut intake = intake::read(session, gateway, &asked).await?;
        gateway.overload.check_stream(intake.peek.stream || asked.stream == Some(true))?;
        let capture = capture::begin(gateway, &caller, &intake);
        if let Some(in_path) = &asked.model {
            intake.peek.model.get_or_insert_with(|| in_path.clone());
        }
        let prompt = prompt::apply(gateway, session, &asked, &mut intake, ctx.id).await?;
        let model = intake
            .peek
            .model
            .clone()
            .or_else(|| magic_wire::peek::default_model(endpoint).map(str::to_owned))
            .filter(|model| !model.is_empty())
            .ok_or_else(|| Fault::new(Code::InvalidRequest, "the request names no model").at("model"))?;
        admit::model_allowed(&caller, &model)?;
        let kept_by = match endpoint {
            Endpoint::Responses => kept::resume(gateway, caller.user.id, &mut intake).await?,
            _ => None,
        };
        let (face, pinned) = (asked.face, presented.channel);
        let needs = plan::needs(gateway, endpoint, &intake);
        let wanted =
            Wanted { id: ctx.id, caller: &caller, endpoint, face, model, pinned, kept_by, needs, prompt };
        let plan = plan::plan(gateway, &wanted)?;
        if caller.is_admin() && intake::header(session, "x-magic-explain") == Some("1") {
            answer::json(session, ctx, 200, &plan::explain(&plan, &wanted)).await?;
            return Ok(true);
        }
        let mut call = plan::call(gateway, session, wanted, plan, intake).await?;
        session.upstream_compression.adjust_decompression(true);
        let followers = gateway.followers.clone();
        call.replay.on_gone(move || {
            let permit = followers.try_acquire_owned().ok()?;
            Some(Box::new(permit) as replay::Permit)
        });
        call.batch = asked.batch;
        let tap = capture.as_ref().map(|capture| capture.tap());
        let (seat, how) = (&mut session.downstream_session, gateway.tuning.load().compression);
        call.slot = Some(replay::Replay::install(seat, call.replay.clone(), tap, how));
        call.capture = capture;
        ctx.call = Some(call);
        Ok(false)
    }

    async fn realtime(
        &self,
        session: &mut Session,
        ctx: &mut Ctx,
        caller: &Caller,
        presented: credential::Presented,
    ) -> Result<bool, Refused> {
        if !session.is_upgrade_req() {
            return Err(Fault::new(
                Code::InvalidRequest,
                "a realtime session is a WebSocket: send an Upgrade",
            )
            .into());
        }
        let model = intake::query_param(session, "model")
            .filter(|model| !model.is_empty())
            .ok_or_else(|| Fault::new(Code::InvalidRequest, "the query names no model").at("model"))?;
        admit::model_allowed(caller, &model)?;
        let wanted = Wanted {
            id: ctx.id,
            caller,
            endpoint: Endpoint::Realtime,
            face: Dialect::OpenAiChat,
            model,
            pinned: presented.channel,
            kept_by: None,
            needs: Features::default(),
            prompt: Default::default(),
        };
        // Pingora would end the session of a caller who says nothing for a minute.
        session.set_read_timeout(Some(self.0.tuning.load().total));
        let plan = plan::plan(&self.0, &wanted)?;
        let mut call = plan::realtime(&self.0, session, wanted, plan).await?;
        call.slot =
            Some(replay::Replay::install_tunnel(&mut session.downstream_session, call.replay.clone()));
        ctx.call = Some(call);
        Ok(false)
    }
}

/// What takes long before its first byte: a copy of the whole database is made first.
const SLOW: &str = "/api/backup/database";

fn admin_peer(gateway: &Gateway, path: &str) -> Result<Box<HttpPeer>> {
    let socket = gateway.admin_socket.to_string_lossy();
    let mut peer = HttpPeer::new_uds(&socket, false, String::new())?;
    peer.options.connection_timeout = Some(Duration::from_secs(2));
    let patience = if path.starts_with(SLOW) { 960 } else { 60 };
    peer.options.read_timeout = Some(Duration::from_secs(patience));
    peer.options.write_timeout = Some(Duration::from_secs(30));
    peer.options.idle_timeout = Some(Duration::from_secs(10));
    Ok(Box::new(peer))
}

/// The management service is told who asks by us alone: what the caller says of its own address is dropped.
fn admin_head(session: &Session, request: &mut RequestHeader, ctx: &Ctx, gateway: &Gateway) -> Result<()> {
    for name in ["forwarded", "x-forwarded-for", "x-real-ip", "x-magic-edge", "x-magic-client", "upgrade"] {
        request.remove_header(name);
    }
    let ip: IpAddr = crate::client::address(session, &gateway.tuning.load().trusted_proxies);
    let tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    request.insert_header("x-magic-edge", gateway.edge_secret.as_str())?;
    request.insert_header("x-magic-client", ip.to_string())?;
    request.insert_header("x-forwarded-proto", if tls { "https" } else { "http" })?;
    request.insert_header("x-request-id", ctx.id.to_string())?;
    Ok(())
}
