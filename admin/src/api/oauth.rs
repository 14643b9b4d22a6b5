//! Signing in, or binding an account, by GitHub, OIDC, Lark or WeChat. A flow belongs to the browser that
//! began it: its state is good once, for ten minutes, with the cookie that came with it.

use crate::answer::{Answer, ok, said};
use crate::api::{factors, users};
use crate::error::{ApiError, Result, banned, conflict, forbidden, unauthorised};
use crate::extract::Query;
use crate::guard::{AnyUser, Caller, client, critical, is_local, over_tls, own_page, visitor};
use crate::limit::Limiter;
use crate::{Deps, oidc, provider};
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::{HttpRequest, web};
use magic_domain::money::Nano;
use magic_domain::options::Options;
use magic_domain::principal::user_status;
use magic_domain::secret::Secret;
use magic_store::StoreError;
use magic_store::signin::{Begun, External, Identity, Pending, Purpose, STATE_LIFETIME};
use magic_store::users::{NewUser, UserRow};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// The cookie that ties a flow to its browser.
const COOKIE: &str = "oauth";

/// What a provider sends the browser back with.
#[derive(Deserialize, Default, IntoParams)]
#[serde(default)]
pub struct Back {
    code: String,
    state: String,
}

/// Who was signed in; null when the account was bound to the one that is.
#[derive(Serialize, ToSchema)]
pub struct Arrival(Option<users::SignedIn>);

type Limits = web::Data<Arc<Limiter>>;

/// Lax: the browser comes back from another site. Only our own routes see it, no script does.
pub(crate) fn browser_cookie(request: &HttpRequest, value: &str) -> Cookie<'static> {
    Cookie::build(COOKIE, value.to_owned())
        .path("/api")
        .http_only(true)
        .secure(over_tls(request))
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(STATE_LIFETIME))
        .finish()
}

/// The secret of this browser's flow; empty without one, which no flow has.
pub(crate) fn browser(request: &HttpRequest) -> Secret {
    Secret::new(request.cookie(COOKIE).map(|cookie| cookie.value().to_owned()).unwrap_or_default())
}

async fn begin(request: &HttpRequest, deps: &Deps, proof: bool) -> Result<Begun> {
    let user = visitor(request).await?.map(|user| (user.id, user.epoch));
    Ok(deps.store.begin_flow(Purpose::Flow, user, proof).await?)
}

/// A new state for a flow whose authorization URL the caller builds.
pub async fn state(request: HttpRequest, deps: web::Data<Deps>, limits: Limits) -> Result<Answer<String>> {
    critical(&request, &limits)?;
    let begun = begin(&request, &deps, false).await?;
    ok(begun.state.expose().to_owned()).with_cookie(&browser_cookie(&request, begun.browser.expose()))
}

/// Where the browser has to go.
#[derive(Serialize, ToSchema)]
pub struct Departure {
    url: String,
    state: String,
}

/// Begins a flow with OIDC: the whole authorization URL, with state, nonce and an S256 challenge.
pub async fn oidc_start(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
) -> Result<Answer<Departure>> {
    critical(&request, &limits)?;
    let (options, _) = deps.store.options().await?;
    let begun = begin(&request, &deps, true).await?;
    let url = oidc::authorization_url(&deps, &options, &begun).await?;
    let departure = Departure { url, state: begun.state.expose().to_owned() };
    ok(departure).with_cookie(&browser_cookie(&request, begun.browser.expose()))
}

/// What every way back has in common: the limit, a code, and a state of this browser, now used up.
async fn back(
    request: &HttpRequest,
    deps: &Deps,
    limits: &Limiter,
    back: &Back,
) -> Result<(Pending, Options)> {
    critical(request, limits)?;
    if back.state.len() > 128 {
        return Err(mismatch());
    }
    let state = Secret::new(back.state.as_str());
    let flow = deps.store.take_flow(Purpose::Flow, &state, &browser(request)).await?.ok_or_else(mismatch)?;
    checked_code(back)?;
    Ok((flow, deps.store.options().await?.0))
}

fn mismatch() -> ApiError {
    forbidden("the state is unknown, used, too old or another browser's: begin again")
}

fn checked_code(back: &Back) -> Result<()> {
    if back.code.is_empty() || back.code.len() > 4096 {
        return Err(forbidden("the provider sent no code: begin again"));
    }
    Ok(())
}

pub async fn github(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    query: Query<Back>,
) -> Result<Answer<Arrival>> {
    let (flow, options) = back(&request, &deps, &limits, &query).await?;
    let identity = provider::github(&deps, &options, &query.code).await?;
    finish(&request, &deps, &options, &flow, identity).await
}

pub async fn oidc(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    query: Query<Back>,
) -> Result<Answer<Arrival>> {
    let (flow, options) = back(&request, &deps, &limits, &query).await?;
    let identity = oidc::identity(&deps, &options, &query.code, &flow).await?;
    finish(&request, &deps, &options, &flow, identity).await
}

pub async fn lark(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    query: Query<Back>,
) -> Result<Answer<Arrival>> {
    let (flow, options) = back(&request, &deps, &limits, &query).await?;
    let identity = provider::lark(&deps, &options, &query.code).await?;
    finish(&request, &deps, &options, &flow, identity).await
}

/// The code is typed in, not carried by a redirect: one-api's clients send no state. Then the request must come
/// from our own page, so that nobody is signed in to an account of somebody else's choosing.
pub async fn wechat(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    query: Query<Back>,
) -> Result<Answer<Arrival>> {
    let (flow, options) = if query.state.is_empty() {
        critical(&request, &limits)?;
        own_page(&request)?;
        checked_code(&query)?;
        (Pending::default(), deps.store.options().await?.0)
    } else {
        back(&request, &deps, &limits, &query).await?
    };
    let identity = provider::wechat(&deps, &options, &query.code).await?;
    finish(&request, &deps, &options, &flow, identity).await
}

pub async fn wechat_bind(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    query: Query<Back>,
) -> Result<Answer<Arrival>> {
    critical(&request, &limits)?;
    if caller.session.is_some() {
        own_page(&request)?;
    }
    checked_code(&query)?;
    let (options, _) = deps.store.options().await?;
    let identity = provider::wechat(&deps, &options, &query.code).await?;
    bind(&deps, &caller.user, identity).await
}

async fn bind(deps: &Deps, user: &UserRow, identity: Identity) -> Result<Answer<Arrival>> {
    let user = deps.store.bind(user.id, identity).await.map_err(|error| match error {
        StoreError::Conflict(why) => conflict(why),
        other => other.into(),
    })?;
    deps.live.put_user(user.principal());
    Ok(said("bind", Arrival(None)))
}

/// The provider has vouched: binds, signs in, or makes an account.
async fn finish(
    request: &HttpRequest,
    deps: &Deps,
    options: &Options,
    flow: &Pending,
    identity: Identity,
) -> Result<Answer<Arrival>> {
    if let Some(wanted) = flow.user {
        // Whoever began to bind must still be signed in: a session that was ended meanwhile binds nothing.
        let caller = visitor(request).await?.filter(|user| user.id == wanted && user.epoch == flow.epoch);
        return bind(deps, &caller.ok_or_else(unauthorised)?, identity).await;
    }
    let template = options
        .bool("RegisterEnabled")
        .then(|| NewUser { balance: Nano::from_quota(options.int("QuotaForNewUser")), ..NewUser::default() });
    let user = match deps.store.sign_in_by(identity, template).await? {
        External::Known(user) => user,
        External::Made(user) => {
            deps.live.put_user(user.principal());
            user
        }
        External::Unknown => {
            return Err(forbidden("nobody has this account, and registration is switched off"));
        }
    };
    if user.status != user_status::ENABLED || (user.must_change && !is_local(&client(request))) {
        return Err(banned());
    }
    if let Some(asked) = factors::ticket(request, deps, &user).await? {
        return Ok(asked);
    }
    let (told, cookie) = users::welcome(request, deps, &user).await?;
    ok(Arrival(Some(told))).with_cookie(&cookie)
}
