//! Sign-in, the own account, and (for administrators) everybody's.

use crate::Deps;
use crate::answer::{Answer, Listed, done, list as listed, ok};
use crate::api::factors::{self, Proof};
use crate::error::{self, ApiError, Result, bad_request, conflict, forbidden, invalid, not_found};
use crate::extract::{Body, ListQuery, Query, limits};
use crate::guard::{
    Admin, AnyUser, COOKIE, Caller, Once, Who, client, critical, is_local, over_tls, own_page,
};
use crate::json::{self, User};
use crate::limit::Limiter;
use crate::lockout::Lockout;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::{HttpMessage, HttpRequest, web};
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use magic_domain::principal::{Role, user_status};
use magic_domain::secret::Secret;
use magic_store::enrol::Enrolled;
use magic_store::ledger::{AdjustKind, Change};
use magic_store::users::{NewUser, SignIn, UserChange, UserRow};
use magic_store::{FILE, password};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

fn cookie(request: &HttpRequest, id: &str) -> Cookie<'static> {
    Cookie::build(COOKIE, id.to_owned())
        .path("/")
        .http_only(true)
        .secure(over_tls(request))
        .same_site(SameSite::Strict)
        .max_age(Duration::days(7))
        .finish()
}

#[derive(Deserialize, ToSchema)]
pub struct SignInBody {
    /// The name, or the e-mail address.
    username: Option<String>,
    password: Option<String>,
    /// Six digits of the second factor, or a recovery code.
    totp: Option<String>,
    /// A passkey's answer to what the refusal without a second factor has asked.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

/// What a sign-in tells of the account.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    id: i64,
    username: String,
    display_name: String,
    role: i64,
    status: i64,
    /// Nothing else works until `PUT /api/user/self` has set a password.
    must_change_password: bool,
    csrf: String,
}

pub async fn login(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    lockout: web::Data<Arc<Lockout>>,
    Body(body): Body<SignInBody>,
) -> Result<Answer<SignedIn>> {
    critical(&request, &limiter)?;
    let (name, password) = (body.username.unwrap_or_default(), body.password.unwrap_or_default());
    if name.is_empty() || password.is_empty() || name.len() > 200 || password.len() > 1024 {
        return Err(bad_request("username and password are needed"));
    }
    let refused = || ApiError {
        message: "the name or the password is wrong, or the account is disabled".into(),
        ..error::unauthorised()
    };
    let (options, _) = deps.store.options().await?;
    if !options.bool("PasswordLoginEnabled") {
        return Err(forbidden("signing in with a password is switched off"));
    }
    let attempt = lockout.begin(&name)?;
    let user = match deps.store.sign_in(&name, Secret::new(password)).await {
        Ok(SignIn::Welcome(user)) => user,
        Ok(SignIn::Refused) => return Err(refused()),
        Err(error) => {
            attempt.unknown();
            return Err(error.into());
        }
    };
    if user.must_change && !is_local(&client(&request)) {
        // The password everybody knows opens nothing from outside.
        return Err(refused());
    }
    attempt.right();
    let proof = Proof { totp: body.totp, passkey: body.passkey };
    factors::second_factor(&request, &deps, &user, proof).await?;
    let (told, cookie) = welcome(&request, &deps, &user).await?;
    ok(told).with_cookie(&cookie)
}

/// A new session for an account that has proved itself: what a sign-in tells, and the cookie.
pub(crate) async fn welcome(
    request: &HttpRequest,
    deps: &Deps,
    user: &UserRow,
) -> Result<(SignedIn, Cookie<'static>)> {
    let agent = request.headers().get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or("");
    let (id, csrf) = deps.store.create_session(user, &client(request), agent).await?;
    request.extensions_mut().insert(Who::from(user));
    let told = SignedIn {
        id: user.id.0,
        username: user.username.clone(),
        display_name: user.display_name.clone(),
        role: user.role.into(),
        status: user.status,
        must_change_password: user.must_change,
        csrf,
    };
    Ok((told, cookie(request, id.expose())))
}

pub async fn logout(request: HttpRequest, deps: web::Data<Deps>) -> Result<Answer<()>> {
    if let Some(cookie) = request.cookie(COOKIE) {
        deps.store.delete_session(&Secret::new(cookie.value())).await?;
    }
    let mut gone = cookie(&request, "");
    gone.make_removal();
    done().with_cookie(&gone)
}

pub async fn me(caller: Caller<AnyUser>) -> Result<Answer<User>> {
    Ok(ok(json::user(&caller.user)))
}

/// A name with an `@` could be somebody's address, and take their sign-ins by address.
pub(super) fn checked_name(name: &str) -> Result<()> {
    let count = name.chars().count();
    if count == 0 || count > 64 || name.chars().any(|c| c.is_control() || c == '@') || name.trim() != name {
        return Err(invalid("a username has 1 to 64 characters, no @, and no blank at either end"));
    }
    Ok(())
}

pub(super) fn checked_password(text: Option<String>) -> Result<Option<Secret>> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if !password::LENGTHS.contains(&text.chars().count()) => {
            Err(invalid("a password has 8 to 256 characters"))
        }
        other => Ok(other.map(Secret::new)),
    }
}

fn checked_text(text: Option<String>, key: &str, max: usize) -> Result<Option<String>> {
    if text.as_ref().is_some_and(|text| text.chars().count() > max) {
        return Err(invalid(format!("{key} may have {max} characters")));
    }
    Ok(text)
}

/// What an account may change of itself; nothing else.
#[derive(Deserialize, ToSchema)]
pub struct OwnChange {
    username: Option<String>,
    password: Option<String>,
    display_name: Option<String>,
}

/// Changes the own name, password or display name. Other sessions end with the old password.
pub async fn update_me(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    Body(body): Body<OwnChange>,
) -> Result<Answer<User>> {
    if caller.user.owner == FILE {
        return Err(conflict("this account is declared in the configuration file"));
    }
    let change = UserChange {
        username: body.username.filter(|name| !name.is_empty()),
        password: checked_password(body.password)?,
        display_name: checked_text(body.display_name, "display_name", 64)?,
        ..UserChange::default()
    };
    if let Some(name) = change.username.as_ref().filter(|name| **name != caller.user.username) {
        checked_name(name)?;
    }
    let new_password = change.password.is_some();
    let user = deps.store.update_user(caller.user.id, change).await?;
    deps.live.put_user(user.principal());
    let answer = ok(json::user(&user));
    if new_password && caller.session.is_some() {
        let (id, _) = deps.store.create_session(&user, &client(&request), "").await?;
        return answer.with_cookie(&cookie(&request, id.expose()));
    }
    Ok(answer)
}

pub async fn delete_me(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<()>> {
    if caller.user.role == Role::Root {
        return Err(forbidden("root can't be deleted"));
    }
    bury(&deps, &caller.user).await
}

/// A new access token for machines, shown once. The `GET` of one-api changes something, so a browser may only
/// send it from our own page.
pub async fn access_token(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<Answer<String>> {
    if caller.session.is_some() {
        own_page(&request)?;
    }
    Ok(ok(deps.store.new_access_token(caller.user.id).await?.expose().to_owned()))
}

/// The access token is dead; sessions live on.
pub async fn revoke_access_token(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<()>> {
    deps.store.revoke_access_token(caller.user.id).await?;
    Ok(done())
}

pub async fn available_models(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<Vec<String>>> {
    Ok(ok(deps.live.models_of(&caller.user.group)))
}

pub async fn list(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<User>> {
    let (rows, total) = deps.store.users(query.page(), query.keyword).await?;
    Ok(listed(rows.iter().map(json::user).collect(), total, i64::MAX))
}

/// The account, if the caller may act on it: their own, or one of lesser rights; root may act on all.
pub(crate) async fn reach(caller: &UserRow, deps: &Deps, id: UserId) -> Result<UserRow> {
    let user = deps.store.user(id).await?.filter(|user| user.status != user_status::DELETED);
    let user = user.ok_or_else(|| not_found("user"))?;
    if caller.role != Role::Root && user.role >= caller.role && user.id != caller.id {
        return Err(forbidden("the account has as many rights as yours, or more"));
    }
    Ok(user)
}

pub async fn one(caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<Answer<User>> {
    Ok(ok(json::user(&reach(&caller.user, &deps, UserId(*id)).await?)))
}

fn role_of(number: Option<i64>, caller: &UserRow) -> Result<Option<Role>> {
    let Some(number) = number else { return Ok(None) };
    let role = Role::from(number);
    if role == Role::Guest || role >= caller.role {
        return Err(forbidden("a role as high as one's own, or higher, can't be given"));
    }
    Ok(Some(role))
}

#[derive(Deserialize, ToSchema)]
pub struct NewAccount {
    username: Option<String>,
    password: Option<String>,
    display_name: Option<String>,
    /// 1 user, 10 administrator; below one's own.
    role: Option<i64>,
    email: Option<String>,
    group: Option<String>,
    #[schema(value_type = Option<Object>)]
    limits: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub struct MadeAccount {
    #[serde(flatten)]
    user: User,
    /// The key of the account's first token, shown this once.
    default_token: Option<String>,
}

pub async fn create(
    caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<NewAccount>,
) -> Result<Answer<MadeAccount>> {
    let username = body.username.unwrap_or_default();
    checked_name(&username)?;
    let password = checked_password(body.password)?.ok_or_else(|| invalid("a password is needed"))?;
    let (options, _) = deps.store.options().await?;
    let role = role_of(body.role, &caller.user)?.unwrap_or(Role::User);
    let new = NewUser {
        display_name: checked_text(body.display_name, "display_name", 64)?
            .unwrap_or_else(|| username.clone()),
        username,
        password: Some(password),
        role: role.into(),
        email: checked_text(body.email, "email", 100)?.unwrap_or_default(),
        group: body.group.unwrap_or_default(),
        balance: Nano::from_quota(options.int("QuotaForNewUser")),
        default_token: true,
        ..NewUser::default()
    };
    let limits = limits(body.limits)?;
    let (mut user, default_token) = enrolled(&deps, deps.store.enrol(new, None).await?).await?;
    if limits.is_some() {
        user = deps.store.update_user(user.id, UserChange { limits, ..UserChange::default() }).await?;
        deps.live.put_user(user.principal());
    }
    Ok(ok(MadeAccount { user: json::user(&user), default_token }))
}

/// Puts a new account and its first token in force; the row, and the token's key.
pub async fn enrolled(deps: &Deps, made: Option<Enrolled>) -> Result<(UserRow, Option<String>)> {
    let made = made.ok_or_else(|| not_found("user"))?;
    let user = deps.store.user(made.id).await?.ok_or_else(|| not_found("user"))?;
    deps.live.put_user(user.principal());
    let key = made.token.map(|(token, key)| {
        let (hash, principal) = token.principal();
        deps.live.put_token(hash, principal);
        format!("sk-{}", key.expose())
    });
    Ok((user, key))
}

fn quota(quota: Option<i64>) -> Result<Option<Nano>> {
    match quota {
        Some(quota) if !(0..=i64::MAX / 2000).contains(&quota) => Err(invalid("quota is out of range")),
        other => Ok(other.map(Nano::from_quota)),
    }
}

#[derive(Deserialize, ToSchema)]
pub struct AccountChange {
    id: i64,
    username: Option<String>,
    password: Option<String>,
    display_name: Option<String>,
    role: Option<i64>,
    /// 1 enabled, 2 disabled.
    status: Option<i64>,
    email: Option<String>,
    group: Option<String>,
    /// The new balance; the difference goes through the ledger.
    quota: Option<i64>,
    #[schema(value_type = Option<Object>)]
    limits: Option<Value>,
}

/// Changes an account. Only what the body names changes; zero and empty are values.
pub async fn update(
    caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<AccountChange>,
) -> Result<Answer<User>> {
    let before = reach(&caller.user, &deps, UserId(body.id)).await?;
    let change = UserChange {
        username: body.username.filter(|name| !name.is_empty() && *name != before.username),
        password: checked_password(body.password)?,
        display_name: checked_text(body.display_name, "display_name", 64)?,
        role: match body.role {
            Some(role) if Role::from(role) == before.role => None,
            role => role_of(role, &caller.user)?,
        },
        status: body.status.filter(|status| *status != before.status),
        email: checked_text(body.email, "email", 100)?,
        group: body.group.filter(|group| !group.is_empty()),
        balance: quota(body.quota)?.filter(|balance| balance.to_quota() != before.balance.to_quota()),
        limits: limits(body.limits)?.filter(|limits| *limits != before.limits),
    };
    let touches_identity = change.username.is_some()
        || change.password.is_some()
        || change.role.is_some()
        || change.group.is_some()
        || change.limits.is_some();
    if before.owner == FILE && touches_identity {
        return Err(conflict("this account is declared in the configuration file"));
    }
    if let Some(name) = &change.username {
        checked_name(name)?;
    }
    if change.status.is_some_and(|status| !matches!(status, user_status::ENABLED | user_status::BANNED)) {
        return Err(invalid("status must be 1 (enabled) or 2 (disabled)"));
    }
    if before.role == Role::Root && (change.status.is_some() || change.role.is_some()) {
        return Err(forbidden("root can't be disabled or demoted"));
    }
    if change.balance.is_some() {
        deps.live.recall_user(before.id).await;
    }
    let user = deps.store.update_user(before.id, change).await?;
    deps.live.put_user(user.principal());
    Ok(ok(json::user(&user)))
}

async fn bury(deps: &Deps, user: &UserRow) -> Result<Answer<()>> {
    if user.role == Role::Root {
        return Err(forbidden("root can't be deleted"));
    }
    if user.owner == FILE {
        return Err(conflict("this account is declared in the configuration file"));
    }
    deps.store.delete_user(user.id).await?;
    let mut principal = user.principal();
    principal.status = user_status::DELETED;
    deps.live.put_user(principal);
    deps.live.recall_user(user.id).await;
    Ok(done())
}

pub async fn delete(caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<Answer<()>> {
    let user = reach(&caller.user, &deps, UserId(*id)).await?;
    bury(&deps, &user).await
}

#[derive(Deserialize, ToSchema)]
pub struct Management {
    username: Option<String>,
    /// `disable`, `enable`, `delete`, `promote` or `demote`.
    action: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Managed {
    role: i64,
    status: i64,
}

/// one-api's `{"username", "action"}`.
pub async fn manage(
    caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<Management>,
) -> Result<Answer<Managed>> {
    let name = body.username.unwrap_or_default();
    let found = deps.store.user_by_name(&name).await?.ok_or_else(|| not_found("user"))?;
    let user = reach(&caller.user, &deps, found.id).await?;
    let root_only = || forbidden("only root can do that");
    let change = match body.action.as_deref() {
        Some("disable") => UserChange { status: Some(user_status::BANNED), ..UserChange::default() },
        Some("enable") => UserChange { status: Some(user_status::ENABLED), ..UserChange::default() },
        Some("delete") => {
            bury(&deps, &user).await?;
            return Ok(ok(Managed { role: user.role.into(), status: user_status::DELETED }));
        }
        Some("promote") if caller.user.role == Role::Root => {
            UserChange { role: Some(Role::Admin), ..UserChange::default() }
        }
        Some("demote") if caller.user.role == Role::Root => {
            UserChange { role: Some(Role::User), ..UserChange::default() }
        }
        Some("promote" | "demote") => return Err(root_only()),
        _ => return Err(bad_request("action must be disable, enable, delete, promote or demote")),
    };
    if user.role == Role::Root {
        return Err(forbidden("root can't be disabled, promoted or demoted"));
    }
    let user = deps.store.update_user(user.id, change).await?;
    deps.live.put_user(user.principal());
    Ok(ok(Managed { role: user.role.into(), status: user.status }))
}

#[derive(Deserialize, ToSchema)]
pub struct TopUp {
    user_id: i64,
    quota: Option<i64>,
    remark: Option<String>,
}

/// `{"user_id", "quota", "remark"?}`: for payment systems outside. With an `Idempotency-Key`, once per key.
pub async fn topup(
    caller: Caller<Admin>,
    deps: web::Data<Deps>,
    once: Once,
    Body(body): Body<TopUp>,
) -> Result<Answer<()>> {
    let id = body.user_id;
    let amount = quota(body.quota)?
        .filter(|amount| amount.is_positive())
        .ok_or_else(|| invalid("quota must be above zero"))?;
    let note = body.remark.filter(|text| !text.is_empty());
    let note = note.unwrap_or_else(|| format!("topped up by ${}", amount.usd()));
    match once.0 {
        Some(key) => {
            let key = format!("{}:{key}", caller.user.id.0);
            deps.store.top_up_once(UserId(id), amount, &note, &key).await?;
        }
        None => {
            deps.store.adjust(UserId(id), Change::By(amount), AdjustKind::TopUp, &note).await?;
        }
    }
    Ok(done())
}
