//! Getting an account and getting back into one: registration, addresses, new passwords, invitations. No answer
//! here, nor the time it takes, tells whether an address has an account.

use super::users::{checked_name, checked_password, enrolled};
use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::{Result, bad_request, conflict, forbidden, invalid, too_many};
use crate::extract::{Body, Query};
use crate::guard::{AnyUser, Caller, critical, own_page};
use crate::limit::Limiter;
use crate::lockout::Lockout;
use crate::mail::{Letter, Part, address, domain_allowed};
use crate::mailroom::Mailroom;
use crate::turnstile;
use actix_web::{HttpRequest, web};
use magic_domain::money::Nano;
use magic_domain::options::Options;
use magic_domain::secret::Secret;
use magic_store::codes::{LIFETIME, Purpose};
use magic_store::users::NewUser;
use magic_store::{FILE, digest, tokens};
use openidconnect::url::form_urlencoded::byte_serialize;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Mails to one address in ten minutes, whoever asks for them.
const MAILS: u32 = 5;
/// Length of a password that is made for somebody.
const MADE: usize = 16;

/// An address that mail goes to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct AddressQuery {
    email: String,
    /// Turnstile's answer, where the check is on.
    turnstile: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct ProofQuery {
    email: String,
    /// The mailed code.
    code: String,
}

fn letter(title: String, parts: Vec<Part>) -> Letter {
    Letter { title, parts }
}

fn minutes() -> String {
    format!("It works for {} minutes, and once.", LIFETIME / 60)
}

/// What both mail-sending routes check before anything else: it is the same for known and unknown addresses.
async fn asked_for_mail(
    request: &HttpRequest,
    deps: &Deps,
    limiter: &Limiter,
    query: &AddressQuery,
) -> Result<(String, Options)> {
    critical(request, limiter)?;
    let email = address(&query.email).ok_or_else(|| invalid("email must be an e-mail address"))?;
    let (options, _) = deps.store.options().await?;
    turnstile::check(deps, &options, request, &query.turnstile).await?;
    limiter.take("mail", &digest(&email), MAILS, 600).map_err(too_many)?;
    Ok((email, options))
}

/// Mails a code that proves an address; its owner is told instead where the address has an account.
pub async fn verification(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    mailroom: web::Data<Arc<Mailroom>>,
    query: Query<AddressQuery>,
) -> Result<Answer<()>> {
    let (email, options) = asked_for_mail(&request, &deps, &limiter, &query).await?;
    if options.bool("EmailDomainRestrictionEnabled")
        && !domain_allowed(&email, options.text("EmailDomainWhitelist"))
    {
        return Err(invalid("addresses of that domain are not taken"));
    }
    let (store, system) = (deps.store.clone(), options.text("SystemName").to_owned());
    mailroom.post("a verification mail", async move {
        // Made for known addresses too, and sent to nobody: wrong guesses then take as long for both.
        let code = store.issue_code(Purpose::Address, &email).await?;
        let letter = if store.email_in_use(&email).await? {
            let text = format!(
                "Somebody asked to use this address at {system}, where it has an account already. If it was you, sign in, or ask for a new password. If not, there is nothing to do."
            );
            letter(format!("Your address is known to {system}"), vec![Part::Text(text)])
        } else {
            let parts = vec![
                Part::Text("This code proves that the address is yours:".into()),
                Part::Code(code.expose().to_owned()),
                Part::Text(format!("{} If you did not ask for it, do nothing.", minutes())),
            ];
            letter(format!("Your code for {system}"), parts)
        };
        Ok(Some((email, letter)))
    })?;
    Ok(done())
}

/// Mails a link for a new password, if an account has the address.
pub async fn reset_password(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    mailroom: web::Data<Arc<Mailroom>>,
    query: Query<AddressQuery>,
) -> Result<Answer<()>> {
    let (email, options) = asked_for_mail(&request, &deps, &limiter, &query).await?;
    let (store, system) = (deps.store.clone(), options.text("SystemName").to_owned());
    let site = options.text("ServerAddress").trim_end_matches('/').to_owned();
    mailroom.post("a reset mail", async move {
        let Some(user) = store.resettable(&email).await? else { return Ok(None) };
        let token = store.issue_code(Purpose::Reset, &email).await?;
        let escaped: String = byte_serialize(email.as_bytes()).collect();
        let url = format!("{site}/user/reset?email={escaped}&token={}", token.expose());
        let parts = vec![
            Part::Text(format!("Somebody asked for a new password for your account {}.", user.username)),
            Part::Link { label: "Set a new password".into(), url },
            Part::Text(format!("{} If you did not ask for it, do nothing.", minutes())),
        ];
        Ok(Some((email, letter(format!("A new password for {system}"), parts))))
    })?;
    Ok(done())
}

#[derive(Deserialize, ToSchema)]
pub struct ResetBody {
    email: Option<String>,
    /// Of the mailed link.
    token: Option<String>,
    /// Without one, one is made and returned.
    password: Option<String>,
}

/// `{"email", "token", "password"?}`: a new password by the mailed link. Without one, one is made and returned
/// in `data`, as by one-api. Every session of the account ends.
pub async fn reset(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    lockout: web::Data<Arc<Lockout>>,
    Body(body): Body<ResetBody>,
) -> Result<Answer<Option<String>>> {
    critical(&request, &limiter)?;
    let (given, token) = (body.email.unwrap_or_default(), body.token.unwrap_or_default());
    if given.is_empty() || token.is_empty() || token.len() > 256 {
        return Err(bad_request("email and token are needed"));
    }
    let (password, made) = match checked_password(body.password)? {
        Some(password) => (password, None),
        None => {
            let made: String = tokens::new_key()?.expose().chars().take(MADE).collect();
            (Secret::new(made.as_str()), Some(made))
        }
    };
    let wrong = || invalid("the link is wrong, too old, or was used already");
    let email = address(&given).ok_or_else(wrong)?;
    let user = deps.store.reset_password(&email, &token, password).await?.ok_or_else(wrong)?;
    lockout.forgive(&user.username);
    lockout.forgive(&email);
    Ok(ok(made))
}

#[derive(Deserialize, ToSchema)]
pub struct Registration {
    username: Option<String>,
    password: Option<String>,
    email: Option<String>,
    /// The mailed code, where addresses have to be proven.
    verification_code: Option<String>,
    /// Of the one who invited.
    aff_code: Option<String>,
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct Challenge {
    /// Turnstile's answer, where the check is on.
    turnstile: String,
}

#[derive(Serialize, ToSchema)]
pub struct Registered {
    id: i64,
    username: String,
    /// The key of the account's first token, shown this once.
    default_token: Option<String>,
}

/// `{"username", "password", "email"?, "verification_code"?, "aff_code"?}`: an account of one's own, as the options
/// allow. `data` holds the key of its first token, which is never shown again.
pub async fn register(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    challenge: Query<Challenge>,
    Body(body): Body<Registration>,
) -> Result<Answer<Registered>> {
    critical(&request, &limiter)?;
    let (options, _) = deps.store.options().await?;
    if !options.bool("RegisterEnabled") {
        return Err(forbidden("registration is switched off"));
    }
    if !options.bool("PasswordRegisterEnabled") {
        return Err(forbidden("registration with a password is switched off"));
    }
    turnstile::check(&deps, &options, &request, &challenge.turnstile).await?;
    let username = body.username.unwrap_or_default();
    checked_name(&username)?;
    let password = checked_password(body.password)?.ok_or_else(|| invalid("a password is needed"))?;
    // An address that nobody has proven is not kept.
    let (email, code) = if options.bool("EmailVerificationEnabled") {
        let email = address(&body.email.unwrap_or_default());
        let email = email.ok_or_else(|| invalid("email must be an e-mail address"))?;
        let code = body.verification_code.unwrap_or_default();
        (email, Some(Secret::new(code.trim())))
    } else {
        (String::new(), None)
    };
    let gift = |key| Nano::from_quota(options.int(key));
    let new = NewUser {
        display_name: username.clone(),
        username,
        password: Some(password),
        email,
        balance: gift("QuotaForNewUser"),
        invited_by: body.aff_code.filter(|code| code.len() <= 64).unwrap_or_default(),
        invitee_gift: gift("QuotaForInvitee"),
        inviter_gift: gift("QuotaForInviter"),
        default_token: true,
        ..NewUser::default()
    };
    let made = deps.store.enrol(new, code).await?;
    let made = made.ok_or_else(|| invalid("the verification code is wrong, too old, or was used already"))?;
    let (user, default_token) = enrolled(&deps, Some(made)).await?;
    Ok(ok(Registered { id: user.id.0, username: user.username, default_token }))
}

/// Gives the own account an address that a mailed code proves. The old address is told.
pub async fn bind_email(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    mailroom: web::Data<Arc<Mailroom>>,
    query: Query<ProofQuery>,
) -> Result<Answer<()>> {
    critical(&request, &limiter)?;
    if caller.session.is_some() {
        own_page(&request)?;
    }
    if caller.user.owner == FILE {
        return Err(conflict("this account is declared in the configuration file"));
    }
    let email = address(&query.email).ok_or_else(|| invalid("email must be an e-mail address"))?;
    if !deps.store.bind_email(caller.user.id, &email, query.code.trim()).await? {
        return Err(invalid("the code is wrong, too old, or was used already"));
    }
    let before = caller.user.email;
    if !before.is_empty() {
        let text = format!(
            "Your account {} has another e-mail address now. If that was not you, tell an administrator.",
            caller.user.username
        );
        let letter = letter("Your address was changed".into(), vec![Part::Text(text)]);
        // The change is made; there being too many mails does not undo it.
        let _ = mailroom.post("a notice", async move { Ok(Some((before, letter))) });
    }
    Ok(done())
}

/// The own invitation code.
pub async fn aff(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<String>> {
    Ok(ok(deps.store.aff_code(caller.user.id).await?))
}
