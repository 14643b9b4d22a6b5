//! Who asks: a session's cookie or an access token, read once per request. Deny by default: a handler that
//! wants a caller names the role it needs in its signature.

use crate::describe::{Access, Describe, Draft};
use crate::error::{ApiError, banned, forbidden, too_many, unauthorised};
use crate::limit::{Limiter, network};
use crate::{Deps, error};
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use magic_domain::principal::{Role, user_status};
use magic_domain::secret::Secret;
use magic_store::users::UserRow;
use std::marker::PhantomData;
use std::sync::Arc;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};

/// The session's cookie.
pub const COOKIE: &str = "session";

/// A role a handler needs.
pub trait Needs: 'static {
    const ROLE: Role;
    const ACCESS: Access;
}
pub struct AnyUser;
pub struct Admin;
pub struct Root;
impl Needs for AnyUser {
    const ROLE: Role = Role::User;
    const ACCESS: Access = Access::User;
}
impl Needs for Admin {
    const ROLE: Role = Role::Admin;
    const ACCESS: Access = Access::Admin;
}
impl Needs for Root {
    const ROLE: Role = Role::Root;
    const ACCESS: Access = Access::Root;
}

/// A caller who may do what the handler does.
pub struct Caller<N: Needs> {
    pub user: UserRow,
    /// The session, when it was one.
    pub session: Option<Secret>,
    _needs: PhantomData<N>,
}

/// The caller's address, as the proxy says.
pub fn client(request: &HttpRequest) -> String {
    let header = request.headers().get("x-magic-client").and_then(|value| value.to_str().ok());
    header.unwrap_or("unknown").to_owned()
}

/// Whether the caller's connection to the proxy (or to what stands before it) is over TLS.
pub fn over_tls(request: &HttpRequest) -> bool {
    request.headers().get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

/// Whether the address is loopback or private: where the first password may be used from.
pub fn is_local(ip: &str) -> bool {
    match ip.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => false,
    }
}

/// A cookie alone does not change anything: the browser must say that the request comes from our own page.
fn same_origin(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = header("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (header("origin"), header("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        // Not a browser: nothing forges requests for it.
        (None, _) => true,
        _ => false,
    }
}

fn without_scheme(text: &str) -> &str {
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        _ => text,
    }
}

/// The bare text of `Authorization`, with or without `Bearer`.
pub fn bearer(request: &HttpRequest) -> Option<String> {
    let text = request.headers().get("authorization")?.to_str().ok()?;
    Some(without_scheme(text).trim().to_owned()).filter(|text| (1..=256).contains(&text.len()))
}

/// For a `GET` that changes something: a browser may only send it from our own page.
pub fn own_page(request: &HttpRequest) -> Result<(), ApiError> {
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    match site {
        Some("same-origin") | None => Ok(()),
        Some(_) => Err(forbidden("the request does not come from this site")),
    }
}

/// The caller of a public route, if they are signed in. A session that has ended is nobody.
pub async fn visitor(request: &HttpRequest) -> Result<Option<UserRow>, ApiError> {
    if request.headers().get("authorization").is_none() && request.cookie(COOKIE).is_none() {
        return Ok(None);
    }
    match identify(request.clone(), Role::User).await {
        Ok((user, _)) => Ok(Some(user)),
        Err(error) if error.status == 401 => Ok(None),
        Err(error) => Err(error),
    }
}

async fn identify(request: HttpRequest, needed: Role) -> Result<(UserRow, Option<Secret>), ApiError> {
    let Some(deps) = request.app_data::<web::Data<Deps>>() else { return Err(unauthorised()) };
    let authorization =
        request.headers().get("authorization").map(|value| value.to_str().unwrap_or("").to_owned());
    let (user, session) = if let Some(text) = authorization {
        let token = without_scheme(&text);
        if token.is_empty() || token.len() > 256 {
            return Err(unauthorised());
        }
        let user = deps.store.user_by_access_token(&Secret::new(token)).await?;
        (
            user.ok_or_else(|| error::ApiError {
                message: "the access token is not valid".into(),
                ..unauthorised()
            })?,
            None,
        )
    } else {
        let cookie = request.cookie(COOKIE).ok_or_else(unauthorised)?;
        let id = Secret::new(cookie.value());
        let found = deps.store.session(&id).await?.ok_or_else(unauthorised)?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) && !same_origin(&request) {
            return Err(forbidden("the request does not come from this site"));
        }
        (found.user, Some(id))
    };
    if user.status != user_status::ENABLED {
        return Err(banned());
    }
    if user.must_change
        && !(request.path() == "/api/user/self" && matches!(*request.method(), Method::PUT | Method::GET))
    {
        return Err(forbidden("set a new password first: PUT /api/user/self with {\"password\": …}"));
    }
    if user.role < needed {
        return Err(forbidden("this needs more rights than the account has"));
    }
    Ok((user, session))
}

/// Who a request turned out to come from; kept with it for the audit trail.
#[derive(Debug, Clone)]
pub struct Who {
    pub id: i64,
    pub username: String,
}

impl From<&UserRow> for Who {
    fn from(user: &UserRow) -> Self {
        Who { id: user.id.0, username: user.username.clone() }
    }
}

/// What [`authenticate`] has found out.
#[derive(Clone)]
struct Known {
    user: UserRow,
    session: Option<Secret>,
}

/// Finds out who asks, before anything else of a request is read: what a stranger sends is not looked at.
pub async fn authenticate(request: &HttpRequest, access: Access) -> Result<(), ApiError> {
    let needed = match access {
        // A relay key's handler reads it itself.
        Access::Public | Access::Token => return Ok(()),
        Access::User => Role::User,
        Access::Admin => Role::Admin,
        Access::Root => Role::Root,
    };
    let (user, session) = identify(request.clone(), needed).await?;
    request.extensions_mut().insert(Who::from(&user));
    request.extensions_mut().insert(Known { user, session });
    Ok(())
}

impl<N: Needs> FromRequest for Caller<N> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<Known>().cloned();
        let known = known.filter(|known| known.user.role >= N::ROLE).ok_or_else(unauthorised);
        std::future::ready(known.map(|Known { user, session }| Caller { user, session, _needs: PhantomData }))
    }
}

impl<N: Needs> Describe for Caller<N> {
    fn describe(draft: &mut Draft) {
        draft.access = N::ACCESS;
    }
}

/// What every request passes: it came through the proxy, and its address has calls left.
pub fn admit(request: &HttpRequest, deps: &Deps, limiter: &Arc<Limiter>) -> Result<(), ApiError> {
    use subtle::ConstantTimeEq;
    let proof = request.headers().get("x-magic-edge").map(|value| value.as_bytes()).unwrap_or_default();
    if !bool::from(proof.ct_eq(deps.edge_secret.as_bytes())) {
        return Err(forbidden("the management service is only reached through the gateway"));
    }
    // A page of the dashboard is a dozen files; whoever opens some must not run out of calls.
    let (mark, max) = match request.path().starts_with("/api") || request.path().contains("/billing/") {
        true => ("api", deps.api_rate),
        false => ("page", deps.api_rate.saturating_mul(5)),
    };
    limiter.take(mark, &client(request), max, 180).map_err(too_many)
}

/// The stricter limit of sign-in and its like: 20 in 20 minutes per network.
pub fn critical(request: &HttpRequest, limiter: &Limiter) -> Result<(), ApiError> {
    let client = client(request);
    if client == "127.0.0.1" || client == "::1" {
        return limiter.take("critical", &client, 200, 1200).map_err(too_many);
    }
    limiter.take("critical", &network(&client), 20, 1200).map_err(too_many)
}

/// The `Idempotency-Key` of a money route.
pub struct Once(pub Option<String>);

impl FromRequest for Once {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        std::future::ready(match request.headers().get("idempotency-key").map(|value| value.to_str()) {
            None => Ok(Once(None)),
            Some(Ok(key)) if (1..=200).contains(&key.len()) => Ok(Once(Some(key.to_owned()))),
            Some(_) => Err(error::bad_request("Idempotency-Key has 1 to 200 characters")),
        })
    }
}

impl Describe for Once {
    fn describe(draft: &mut Draft) {
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("The same key is carried out once"))
            .schema(Some(<String as utoipa::PartialSchema>::schema()));
        draft.parameters.push(parameter.build());
    }
}
