//! Second factors: codes of an authenticator (RFC 6238: SHA-1, 6 digits, 30 seconds, one step early or late),
//! and recovery codes, each good once.

use crate::answer::{Answer, done, ok};
use crate::api::{oauth, users};
use crate::error::{ApiError, Result, bad_request, conflict, forbidden, invalid, not_found, too_many};
use crate::extract::Body;
use crate::guard::{Admin, AnyUser, Caller, critical};
use crate::limit::Limiter;
use crate::lockout::Lockout;
use crate::{Deps, error};
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::ids::UserId;
use magic_domain::principal::user_status;
use magic_domain::secret::Secret;
use magic_store::StoreError;
use magic_store::signin::Purpose;
use magic_store::totp::{Shown, Verdict};
use magic_store::users::{SignIn, UserRow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use totp_rs::{Algorithm, Builder, Secret as Seed, Totp};
use utoipa::ToSchema;

type Limits = web::Data<Arc<Limiter>>;

/// How many recovery codes there are, and the characters of each: 80 bits of chance in base32.
const RECOVERY_CODES: usize = 10;
const RECOVERY_LENGTH: usize = 16;

fn chance<const N: usize>() -> Result<Seed> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Internal("no randomness".into()))?;
    Ok(Seed::from(bytes.to_vec()))
}

fn machine(base32: &Secret, issuer: &str, account: &str) -> Result<Totp> {
    let broken = |_| StoreError::Internal("a second factor's secret can't be used".into());
    let seed = Seed::try_from_base32(base32.expose())
        .map_err(|_| StoreError::Internal("a second factor's secret is not base32".into()))?;
    // A colon would end the label of the URL.
    let clean = |text: &str| text.replace(':', " ");
    let issuer = Some(clean(issuer)).filter(|issuer| !issuer.trim().is_empty());
    let built = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(seed)
        .with_account_name(clean(account))
        .with_issuer(issuer)
        .build();
    Ok(built.map_err(broken)?)
}

fn step_of(base32: &Secret, text: &str) -> Result<Option<i64>> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let now = u64::try_from(chrono::Utc::now().timestamp()).unwrap_or_default();
    let step = machine(base32, "", "account")?.check(text, now);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// A recovery code without the hyphens and blanks that people add.
fn recovery_of(text: &str) -> Option<Secret> {
    let bare: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    (bare.len() == RECOVERY_LENGTH).then(|| Secret::new(bare.to_ascii_uppercase()))
}

fn wanted(code: &'static str, message: &str) -> ApiError {
    ApiError { code, message: message.into(), ..error::unauthorised() }
}

fn judged(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Right => Ok(()),
        Verdict::Wrong => Err(wanted("totp_wrong", "the code is wrong, or was used before")),
        Verdict::Wait(seconds) => Err(too_many(u64::try_from(seconds).unwrap_or(1))),
    }
}

/// Asks for the second factor of an account that has one; `shown` is the caller's code.
///
/// # Errors
/// 401 `totp_required` without a code, 401 `totp_wrong`, 429 after five wrong ones in five minutes.
pub(crate) async fn second_factor(deps: &Deps, user: UserId, shown: Option<String>) -> Result<()> {
    let Some(factor) = deps.store.totp(user).await?.filter(|factor| factor.active) else { return Ok(()) };
    let Some(text) = shown.filter(|text| !text.is_empty()) else {
        return Err(wanted("totp_required", "a code of the second factor is needed: totp"));
    };
    let text = text.trim();
    let shown = Shown { step: step_of(&factor.secret, text)?, recovery: recovery_of(text) };
    judged(deps.store.totp_spend(user, shown).await?)
}

/// The answer when a provider has vouched and the second factor is missing: a ticket for
/// `POST /api/oauth/totp`, good in this browser for ten minutes. `None`: there is no second factor.
pub(crate) async fn ticket<T>(
    request: &HttpRequest,
    deps: &Deps,
    user: &UserRow,
) -> Result<Option<Answer<T>>> {
    if !deps.store.totp(user.id).await?.is_some_and(|factor| factor.active) {
        return Ok(None);
    }
    let begun = deps.store.begin_flow(Purpose::SecondFactor, Some((user.id, user.epoch)), false).await?;
    let response = HttpResponse::Unauthorized().json(json!({
        "success": false, "code": "totp_required", "message": "a code of the second factor is needed",
        "data": { "ticket": begun.state.expose() },
    }));
    let cookie = oauth::browser_cookie(request, begun.browser.expose());
    Answer::instead(response).with_cookie(&cookie).map(Some)
}

#[derive(Deserialize, ToSchema)]
pub struct TicketBody {
    ticket: Option<String>,
    totp: Option<String>,
}

/// `{"ticket", "totp"}`: finishes a sign-in by a provider. A wrong code leaves the ticket good.
pub async fn redeem(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    Body(body): Body<TicketBody>,
) -> Result<Answer<users::SignedIn>> {
    critical(&request, &limits)?;
    let gone = || forbidden("the ticket is unknown, used, too old or another browser's: begin again");
    let state = Secret::new(body.ticket.filter(|text| text.len() <= 128).ok_or_else(gone)?);
    let browser = oauth::browser(&request);
    let flow = deps.store.flow(Purpose::SecondFactor, &state, &browser).await?.ok_or_else(gone)?;
    let user = deps.store.user(flow.user.ok_or_else(gone)?).await?.ok_or_else(gone)?;
    if user.status != user_status::ENABLED || user.epoch != flow.epoch {
        return Err(gone());
    }
    second_factor(&deps, user.id, body.totp).await?;
    deps.store.take_flow(Purpose::SecondFactor, &state, &browser).await?.ok_or_else(gone)?;
    let (told, cookie) = users::welcome(&request, &deps, &user).await?;
    ok(told).with_cookie(&cookie)
}

#[derive(Serialize, ToSchema)]
pub struct FactorStatus {
    active: bool,
    /// How many are left.
    recovery_codes: i64,
}

/// Whether the own account has a second factor, and how many recovery codes are left.
pub async fn status(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<FactorStatus>> {
    let factor = deps.store.totp(caller.user.id).await?.filter(|factor| factor.active);
    Ok(ok(FactorStatus {
        active: factor.is_some(),
        recovery_codes: factor.map_or(0, |factor| factor.recovery),
    }))
}

#[derive(Deserialize, ToSchema)]
pub struct PasswordBody {
    /// Of an account that has one.
    password: Option<String>,
}

/// What an authenticator is set up with.
#[derive(Serialize, ToSchema)]
pub struct Seedling {
    /// Base32.
    secret: String,
    /// `otpauth://…`, for a QR code.
    url: String,
}

/// Begins to set a second factor up: `{"password"}` when the account has one. Not active until confirmed.
pub async fn begin(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    lockout: web::Data<Arc<Lockout>>,
    Body(body): Body<PasswordBody>,
) -> Result<Answer<Seedling>> {
    critical(&request, &limits)?;
    let password = body.password;
    if deps.store.has_password(caller.user.id).await? {
        let password = password.filter(|text| !text.is_empty() && text.len() <= 1024);
        let password = password.ok_or_else(|| forbidden("the account's password is needed"))?;
        // Guessed here as slowly as at the sign-in.
        let attempt = lockout.begin(&caller.user.username)?;
        match deps.store.sign_in(&caller.user.username, Secret::new(password)).await {
            Ok(SignIn::Welcome(user)) if user.id == caller.user.id => attempt.right(),
            Ok(_) => return Err(forbidden("the password is wrong")),
            Err(error) => {
                attempt.unknown();
                return Err(error.into());
            }
        }
    }
    let (options, _) = deps.store.options().await?;
    let secret = Secret::new(chance::<20>()?.to_base32());
    let url = machine(&secret, options.text("SystemName"), &caller.user.username)?.to_url();
    let url = url.map_err(|_| invalid("the username can't stand in an authenticator"))?;
    deps.store.totp_begin(caller.user.id, secret.clone()).await.map_err(|error| match error {
        StoreError::Conflict(why) => conflict(why),
        other => other.into(),
    })?;
    Ok(ok(Seedling { secret: secret.expose().to_owned(), url }))
}

#[derive(Deserialize, ToSchema)]
pub struct CodeBody {
    code: Option<String>,
    /// A recovery code, where one may stand instead.
    recovery: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each good once, shown this once.
    recovery_codes: Vec<String>,
}

/// `{"code"}`: makes the factor active. The recovery codes are shown this once.
pub async fn confirm(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    Body(body): Body<CodeBody>,
) -> Result<Answer<RecoveryCodes>> {
    critical(&request, &limits)?;
    let code = body.code.ok_or_else(|| bad_request("code is missing"))?;
    let factor = deps.store.totp(caller.user.id).await?.filter(|factor| !factor.active);
    let factor = factor.ok_or_else(|| conflict("no second factor is being set up"))?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        codes.push(Secret::new(chance::<10>()?.to_base32()));
    }
    let step = step_of(&factor.secret, code.trim())?;
    judged(deps.store.totp_activate(caller.user.id, step, codes.clone()).await?)?;
    let grouped = |code: &Secret| {
        let parts: Vec<&str> = (0..RECOVERY_LENGTH).step_by(4).map(|at| &code.expose()[at..at + 4]).collect();
        parts.join("-")
    };
    Ok(ok(RecoveryCodes { recovery_codes: codes.iter().map(grouped).collect() }))
}

/// `{"code"}` or `{"recovery"}`: takes the own second factor away.
pub async fn remove(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    Body(body): Body<CodeBody>,
) -> Result<Answer<()>> {
    critical(&request, &limits)?;
    second_factor(&deps, caller.user.id, body.code.or(body.recovery)).await?;
    deps.store.totp_remove(caller.user.id).await?;
    Ok(done())
}

/// For an administrator: takes the second factor of a lesser account away. One's own needs its code.
pub async fn reset(caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<Answer<()>> {
    let user = users::reach(&caller.user, &deps, UserId(*id)).await?;
    if user.id == caller.user.id {
        return Err(forbidden("one's own second factor is taken away with its code: DELETE /api/user/totp"));
    }
    if !deps.store.totp_remove(user.id).await? {
        return Err(not_found("second factor"));
    }
    Ok(done())
}
