//! The second factor, where it is asked for: after a password, after a provider's word, and before what would change
//! who can sign in. Which ones there are: codes (`totp.rs`) and passkeys (`passkeys.rs`).

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::api::{oauth, passkeys, totp, users};
use crate::error::{self, ApiError, Result, forbidden, too_many};
use crate::extract::Body;
use crate::guard::critical;
use crate::limit::Limiter;
use crate::lockout::Lockout;
use crate::webauthn::Site;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::principal::user_status;
use magic_domain::secret::Secret;
use magic_store::passkeys::{Ceremony, Passkey};
use magic_store::signin::Purpose;
use magic_store::totp::{Shown, Verdict};
use magic_store::users::{SignIn, UserRow};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// What a caller shows of a second factor.
#[derive(Default)]
pub(crate) struct Proof {
    pub totp: Option<String>,
    pub passkey: Option<Value>,
}

/// What a caller shows before the ways to sign in change: a second factor of an account that has one, else its
/// password.
#[derive(Default, Deserialize, ToSchema)]
pub struct Proven {
    /// Of an account that has one, and no second factor.
    password: Option<String>,
    /// Six digits of the second factor, or a recovery code.
    totp: Option<String>,
    /// A passkey's answer to what the refusal without a second factor has asked.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

pub(crate) fn wanted(code: &'static str, message: &str) -> ApiError {
    ApiError { code, message: message.into(), ..error::unauthorised() }
}

pub(crate) fn judged(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Right => Ok(()),
        Verdict::Wrong => Err(wanted("totp_wrong", "the code is wrong, or was used before")),
        Verdict::Wait(seconds) => Err(too_many(u64::try_from(seconds).unwrap_or(1))),
    }
}

/// The second factors that an account has.
pub(super) struct Factors {
    /// The secret of its codes.
    codes: Option<Secret>,
    passkeys: Vec<Passkey>,
}

impl Factors {
    pub(super) async fn of(deps: &Deps, user: &UserRow) -> Result<Option<Factors>> {
        let codes = deps.store.totp(user.id).await?.filter(|factor| factor.active);
        let passkeys = deps.store.passkeys(user.id).await?;
        let any = codes.is_some() || !passkeys.is_empty();
        Ok(any.then(|| Factors { codes: codes.map(|factor| factor.secret), passkeys }))
    }

    /// The refusal without one: which there are, and what a passkey is asked.
    async fn wanted(&self, request: &HttpRequest, deps: &Deps, user: &UserRow) -> Result<ApiError> {
        let (code, message) = match self.codes {
            Some(_) => ("totp_required", "a code of the second factor is needed: totp"),
            None => ("passkey_required", "a passkey is needed: passkey, or a recovery code: totp"),
        };
        let mut refusal = wanted(code, message);
        let kinds = [("totp", self.codes.is_some()), ("passkey", !self.passkeys.is_empty())];
        let kinds: Vec<&str> = kinds.iter().filter(|(_, has)| *has).map(|(kind, _)| *kind).collect();
        refusal.data = json!({ "factors": kinds });
        if !self.passkeys.is_empty() {
            let (options, _) = deps.store.options().await?;
            match Site::of(&options, request) {
                Ok(site) => {
                    let whose = Some((user.id, user.epoch));
                    let challenge = deps.store.challenge(Ceremony::Factor, whose, "").await?;
                    refusal.data["publicKey"] = site.request(challenge.expose(), &self.passkeys)?;
                }
                // The account keeps its factor; its owner is told why it can't be used here.
                Err(why) => refusal.message = format!("{message}; {}", why.message),
            }
        }
        Ok(refusal)
    }

    async fn judge(&self, request: &HttpRequest, deps: &Deps, user: &UserRow, proof: Proof) -> Result<()> {
        if let Some(answer) = proof.passkey {
            return passkeys::second(request, deps, user, answer).await;
        }
        let Some(text) = proof.totp.filter(|text| !text.is_empty()) else {
            return Err(self.wanted(request, deps, user).await?);
        };
        let text = text.trim();
        let step = self.codes.as_ref().map(|secret| totp::step_of(secret, text)).transpose()?.flatten();
        let shown = Shown { step, recovery: totp::recovery_of(text) };
        judged(deps.store.totp_spend(user.id, shown).await?)
    }
}

/// Asks for the second factor of an account that has one.
///
/// # Errors
/// 401 `totp_required` or `passkey_required` without one (`data`: `factors`, and `publicKey` for a passkey), 401
/// `totp_wrong` or `passkey_wrong`, 429 after five wrong codes in five minutes.
pub(crate) async fn second_factor(
    request: &HttpRequest,
    deps: &Deps,
    user: &UserRow,
    proof: Proof,
) -> Result<()> {
    match Factors::of(deps, user).await? {
        Some(factors) => factors.judge(request, deps, user, proof).await,
        None => Ok(()),
    }
}

/// Has the caller prove again who they are: a session alone does not change how an account is signed in to.
///
/// # Errors
/// Those of [`second_factor`]; 403 without the password, 429 while the account waits.
pub(crate) async fn prove(
    request: &HttpRequest,
    deps: &Deps,
    lockout: &Lockout,
    user: &UserRow,
    shown: Proven,
) -> Result<()> {
    if let Some(factors) = Factors::of(deps, user).await? {
        // The password alone would be a way around the factor.
        let proof = Proof { totp: shown.totp, passkey: shown.passkey };
        return factors.judge(request, deps, user, proof).await;
    }
    if !deps.store.has_password(user.id).await? {
        return Ok(());
    }
    let password = shown.password.filter(|text| !text.is_empty() && text.len() <= 1024);
    let password = password.ok_or_else(|| forbidden("the account's password is needed"))?;
    // Guessed here as slowly as at the sign-in.
    let attempt = lockout.begin(&user.username)?;
    match deps.store.sign_in(&user.username, Secret::new(password)).await {
        Ok(SignIn::Welcome(found)) if found.id == user.id => attempt.right(),
        Ok(_) => return Err(forbidden("the password is wrong")),
        Err(error) => {
            attempt.unknown();
            return Err(error.into());
        }
    }
    Ok(())
}

/// The answer when a provider has vouched and the second factor is missing: a ticket for
/// `POST /api/oauth/totp`, good in this browser for ten minutes. `None`: there is no second factor.
pub(crate) async fn ticket<T>(
    request: &HttpRequest,
    deps: &Deps,
    user: &UserRow,
) -> Result<Option<Answer<T>>> {
    let Some(factors) = Factors::of(deps, user).await? else { return Ok(None) };
    let mut refusal = factors.wanted(request, deps, user).await?;
    let begun = deps.store.begin_flow(Purpose::SecondFactor, Some((user.id, user.epoch)), false).await?;
    refusal.data["ticket"] = begun.state.expose().into();
    let cookie = oauth::browser_cookie(request, begun.browser.expose());
    Answer::instead(refused(&refusal)).with_cookie(&cookie).map(Some)
}

fn refused(error: &ApiError) -> HttpResponse {
    actix_web::ResponseError::error_response(error)
}

#[derive(Deserialize, ToSchema)]
pub struct TicketBody {
    ticket: Option<String>,
    totp: Option<String>,
    /// A passkey's answer to what came with the ticket.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

/// `{"ticket", "totp"}` or `{"ticket", "passkey"}`: finishes a sign-in by a provider. A wrong code leaves the ticket
/// good.
pub async fn redeem(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: web::Data<Arc<Limiter>>,
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
    second_factor(&request, &deps, &user, Proof { totp: body.totp, passkey: body.passkey }).await?;
    deps.store.take_flow(Purpose::SecondFactor, &state, &browser).await?.ok_or_else(gone)?;
    let (told, cookie) = users::welcome(&request, &deps, &user).await?;
    ok(told).with_cookie(&cookie)
}
