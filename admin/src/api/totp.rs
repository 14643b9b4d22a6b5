//! Second factors: codes of an authenticator (RFC 6238: SHA-1, 6 digits, 30 seconds, one step early or late),
//! and recovery codes, each good once.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::api::factors::{self, Proof, Proven, judged};
use crate::api::users;
use crate::error::{Result, bad_request, conflict, forbidden, invalid, not_found};
use crate::extract::Body;
use crate::guard::{Admin, AnyUser, Caller, critical};
use crate::limit::Limiter;
use crate::lockout::Lockout;
use actix_web::{HttpRequest, web};
use magic_domain::ids::UserId;
use magic_domain::secret::Secret;
use magic_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

/// The step whose code it is, if it is one.
pub(crate) fn step_of(base32: &Secret, text: &str) -> Result<Option<i64>> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let now = u64::try_from(chrono::Utc::now().timestamp()).unwrap_or_default();
    let step = machine(base32, "", "account")?.check(text, now);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// A recovery code without the hyphens and blanks that people add.
pub(crate) fn recovery_of(text: &str) -> Option<Secret> {
    let bare: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    (bare.len() == RECOVERY_LENGTH).then(|| Secret::new(bare.to_ascii_uppercase()))
}

#[derive(Serialize, ToSchema)]
pub struct FactorStatus {
    active: bool,
    /// How many passkeys the account has.
    passkeys: usize,
    /// How many are left.
    recovery_codes: i64,
}

/// Whether the own account has a second factor, and how many recovery codes are left.
pub async fn status(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<FactorStatus>> {
    let factor = deps.store.totp(caller.user.id).await?.filter(|factor| factor.active);
    Ok(ok(FactorStatus {
        active: factor.is_some(),
        passkeys: deps.store.passkeys(caller.user.id).await?.len(),
        recovery_codes: deps.store.recovery_codes(caller.user.id).await?,
    }))
}

/// What an authenticator is set up with.
#[derive(Serialize, ToSchema)]
pub struct Seedling {
    /// Base32.
    secret: String,
    /// `otpauth://…`, for a QR code.
    url: String,
}

/// Begins to set a second factor up: `{"password"}` when the account has one, or one of its passkeys. Not active
/// until confirmed.
pub async fn begin(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    lockout: web::Data<Arc<Lockout>>,
    Body(body): Body<Proven>,
) -> Result<Answer<Seedling>> {
    critical(&request, &limits)?;
    factors::prove(&request, &deps, &lockout, &caller.user, body).await?;
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
pub struct FirstCode {
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct CodeBody {
    code: Option<String>,
    /// A recovery code, where one may stand instead.
    recovery: Option<String>,
    /// A passkey's answer, where one may stand instead.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
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
    Body(body): Body<FirstCode>,
) -> Result<Answer<RecoveryCodes>> {
    critical(&request, &limits)?;
    let code = body.code.ok_or_else(|| bad_request("code is missing"))?;
    let factor = deps.store.totp(caller.user.id).await?.filter(|factor| !factor.active);
    let factor = factor.ok_or_else(|| conflict("no second factor is being set up"))?;
    let codes = recovery_codes()?;
    let step = step_of(&factor.secret, code.trim())?;
    judged(deps.store.totp_activate(caller.user.id, step, codes.clone()).await?)?;
    Ok(ok(RecoveryCodes { recovery_codes: codes.iter().map(grouped).collect() }))
}

/// New recovery codes.
pub(crate) fn recovery_codes() -> Result<Vec<Secret>> {
    (0..RECOVERY_CODES).map(|_| Ok(Secret::new(chance::<10>()?.to_base32()))).collect()
}

/// A recovery code as it is shown.
pub(crate) fn grouped(code: &Secret) -> String {
    let parts: Vec<&str> = (0..RECOVERY_LENGTH).step_by(4).map(|at| &code.expose()[at..at + 4]).collect();
    parts.join("-")
}

/// `{"code"}`, `{"recovery"}` or `{"passkey"}`: takes the own second factor away.
pub async fn remove(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    Body(body): Body<CodeBody>,
) -> Result<Answer<()>> {
    critical(&request, &limits)?;
    let proof = Proof { totp: body.code.or(body.recovery), passkey: body.passkey };
    factors::second_factor(&request, &deps, &caller.user, proof).await?;
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
