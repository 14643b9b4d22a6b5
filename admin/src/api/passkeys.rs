//! Passkeys: made and kept by the account, to sign in without a name (both factors in one), or after a password.

use crate::answer::{Answer, done, ok};
use crate::api::factors::{self, Proven, wanted};
use crate::api::{totp, users};
use crate::error::{ApiError, Result, bad_request, forbidden, invalid, not_found, too_many};
use crate::extract::Body;
use crate::guard::{Admin, AnyUser, Caller, client, critical, is_local, own_page};
use crate::limit::{Limiter, network};
use crate::lockout::Lockout;
use crate::webauthn::{self, Assertion, Site};
use crate::{Deps, audit};
use actix_web::{HttpRequest, web};
use magic_domain::ids::UserId;
use magic_domain::principal::user_status;
use magic_store::passkeys::{Ceremony, Counted};
use magic_store::users::UserRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

type Limits = web::Data<Arc<Limiter>>;

/// Sign-ins that a network may begin in 20 minutes: pages do so when they are opened, and nothing is guessed by it.
const BEGUN_MAX: u32 = 120;

/// What the browser is asked with.
#[derive(Serialize, ToSchema)]
pub struct Asked {
    /// For `navigator.credentials`, as `parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON` read it.
    #[serde(rename = "publicKey")]
    #[schema(value_type = Object)]
    public_key: Value,
}

#[derive(Serialize, ToSchema)]
pub struct Passkey {
    id: i64,
    name: String,
    /// The host that it works at.
    site: String,
    /// Its owner's other devices may have it too.
    synced: bool,
    created_time: i64,
    /// 0: never.
    used_time: i64,
}

impl From<magic_store::passkeys::Passkey> for Passkey {
    fn from(row: magic_store::passkeys::Passkey) -> Self {
        let magic_store::passkeys::Passkey { id, name, rp_id, synced, created_time, used_time, .. } = row;
        Passkey { id, name, site: rp_id, synced, created_time, used_time }
    }
}

fn refused() -> ApiError {
    wanted("passkey_wrong", "the passkey was not accepted; begin again")
}

async fn site(deps: &Deps, request: &HttpRequest) -> Result<Site> {
    Site::of(&deps.store.options().await?.0, request)
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    let count = name.chars().count();
    if !(1..=64).contains(&count) || name.chars().any(char::is_control) {
        return Err(invalid("a passkey's name has 1 to 64 characters"));
    }
    Ok(name.to_owned())
}

/// Begins to make a passkey. An account with a second factor shows it, another its password.
pub async fn begin(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    lockout: web::Data<Arc<Lockout>>,
    Body(body): Body<Proven>,
) -> Result<Answer<Asked>> {
    critical(&request, &limits)?;
    signed_in(&caller)?;
    let site = site(&deps, &request).await?;
    factors::prove(&request, &deps, &lockout, &caller.user, body).await?;
    let have = deps.store.passkeys(caller.user.id).await?;
    // The same for all of an account's: an authenticator then keeps one of them, not one beside the other.
    let handle = match have.first() {
        Some(passkey) => passkey.handle.clone(),
        None => magic_store::sessions::random()?.expose().to_owned(),
    };
    let whose = Some((caller.user.id, caller.user.epoch));
    let challenge = deps.store.challenge(Ceremony::Register, whose, &handle).await?;
    let public_key = site.creation(&caller.user, &handle, challenge.expose(), &have)?;
    Ok(ok(Asked { public_key }))
}

/// An access token is for machines; what it could add would outlive it.
fn signed_in(caller: &Caller<AnyUser>) -> Result<()> {
    match caller.session {
        Some(_) => Ok(()),
        None => Err(forbidden("passkeys are made in a browser that is signed in")),
    }
}

#[derive(Deserialize, ToSchema)]
pub struct NewPasskey {
    name: Option<String>,
    /// What `navigator.credentials.create()` gave, as its `toJSON()` says it.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub struct MadePasskey {
    #[serde(flatten)]
    passkey: Passkey,
    /// Of an account that had no second factor before: each good once in place of a passkey, shown this once.
    recovery_codes: Vec<String>,
}

/// Keeps the passkey that was begun.
pub async fn finish(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    Body(body): Body<NewPasskey>,
) -> Result<Answer<MadePasskey>> {
    critical(&request, &limits)?;
    signed_in(&caller)?;
    let name = checked_name(body.name.as_deref().unwrap_or("Passkey"))?;
    let answer = webauthn::registration(body.passkey.ok_or_else(|| bad_request("passkey is missing"))?)?;
    let site = site(&deps, &request).await?;
    let begun = deps.store.take_challenge(Ceremony::Register, &answer.challenge).await?;
    let begun = begun
        .filter(|begun| begun.user == Some(caller.user.id) && begun.epoch == caller.user.epoch)
        .ok_or_else(|| forbidden("the challenge is unknown, used, too old or another's: begin again"))?;
    let made = site.made(&answer, caller.user.id, &begun.handle, &name)?;
    let codes = totp::recovery_codes()?;
    let (row, first) = deps.store.add_passkey(made, codes.clone()).await?;
    let codes = if first { codes.iter().map(totp::grouped).collect() } else { Vec::new() };
    Ok(ok(MadePasskey { passkey: row.into(), recovery_codes: codes }))
}

/// The own passkeys, the oldest first.
pub async fn list(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<Vec<Passkey>>> {
    let rows = deps.store.passkeys(caller.user.id).await?;
    Ok(ok(rows.into_iter().map(Passkey::from).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct NewName {
    name: Option<String>,
}

/// Gives an own passkey another name.
pub async fn rename(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
    Body(body): Body<NewName>,
) -> Result<Answer<()>> {
    let name = checked_name(&body.name.unwrap_or_default())?;
    match deps.store.rename_passkey(caller.user.id, *id, &name).await? {
        true => Ok(done()),
        false => Err(not_found("passkey")),
    }
}

/// Takes an own passkey away: with a second factor, which may be that very passkey.
pub async fn remove(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    lockout: web::Data<Arc<Lockout>>,
    id: web::Path<i64>,
    Body(body): Body<Proven>,
) -> Result<Answer<()>> {
    critical(&request, &limits)?;
    if !deps.store.passkeys(caller.user.id).await?.iter().any(|passkey| passkey.id == *id) {
        return Err(not_found("passkey"));
    }
    factors::prove(&request, &deps, &lockout, &caller.user, body).await?;
    deps.store.remove_passkey(caller.user.id, *id).await?;
    Ok(done())
}

/// For an administrator: takes all passkeys of a lesser account away. One's own go one by one.
pub async fn reset(caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<Answer<()>> {
    let user = users::reach(&caller.user, &deps, UserId(*id)).await?;
    if user.id == caller.user.id {
        return Err(forbidden("one's own passkeys are taken away one by one: /api/user/self/passkeys"));
    }
    match deps.store.remove_passkeys(user.id).await? {
        true => Ok(done()),
        false => Err(not_found("passkey")),
    }
}

/// Begins a sign-in by whoever has a passkey.
pub async fn sign_in_begin(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
) -> Result<Answer<Asked>> {
    let place = network(&client(&request));
    limits.take("passkey", &place, BEGUN_MAX, 1200).map_err(too_many)?;
    own_page(&request)?;
    let site = site(&deps, &request).await?;
    let challenge = deps.store.challenge(Ceremony::SignIn, None, "").await?;
    Ok(ok(Asked { public_key: site.request(challenge.expose(), &[])? }))
}

#[derive(Deserialize, ToSchema)]
pub struct PasskeySignIn {
    /// What `navigator.credentials.get()` gave, as its `toJSON()` says it.
    #[schema(value_type = Option<Object>)]
    passkey: Option<Value>,
}

/// Signs in by a passkey alone: the authenticator has made sure of its owner, so that it counts as both factors.
/// There is nothing to guess, and so no account has to wait for it: strangers can't keep an owner out.
pub async fn sign_in(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limits: Limits,
    Body(body): Body<PasskeySignIn>,
) -> Result<Answer<users::SignedIn>> {
    critical(&request, &limits)?;
    // Nobody is signed in to an account of somebody else's choosing.
    own_page(&request)?;
    let answer = webauthn::assertion(body.passkey.ok_or_else(|| bad_request("passkey is missing"))?)?;
    deps.store.take_challenge(Ceremony::SignIn, &answer.challenge).await?.ok_or_else(refused)?;
    let user = proved(&request, &deps, &answer, None).await?;
    let (told, cookie) = users::welcome(&request, &deps, &user).await?;
    ok(told).with_cookie(&cookie)
}

/// The second factor of `user` by a passkey.
pub(crate) async fn second(request: &HttpRequest, deps: &Deps, user: &UserRow, answer: Value) -> Result<()> {
    let answer = webauthn::assertion(answer)?;
    let begun = deps.store.take_challenge(Ceremony::Factor, &answer.challenge).await?;
    begun.filter(|begun| begun.user == Some(user.id) && begun.epoch == user.epoch).ok_or_else(refused)?;
    proved(request, deps, &answer, Some(user)).await.map(|_| ())
}

/// The account whose passkey has signed. `whose`: it has to be this one's, and a password came before.
async fn proved(
    request: &HttpRequest,
    deps: &Deps,
    answer: &Assertion,
    whose: Option<&UserRow>,
) -> Result<UserRow> {
    let site = site(deps, request).await?;
    let passkey = deps.store.passkey_of(&answer.id()?).await?.ok_or_else(refused)?;
    if whose.is_some_and(|user| user.id != passkey.user) {
        return Err(refused());
    }
    let counter = site.signed(answer, &passkey, whose.is_some())?.ok_or_else(refused)?;
    let user = deps.store.user(passkey.user).await?.ok_or_else(refused)?;
    if user.status != user_status::ENABLED || (user.must_change && !is_local(&client(request))) {
        return Err(refused());
    }
    match deps.store.count_passkey(passkey.id, counter).await? {
        Counted::Right => Ok(user),
        Counted::Gone => Err(refused()),
        Counted::Backwards(last) => {
            log::warn!("passkey {} counts {counter} after {last}: it may have been copied", passkey.id);
            let detail = json!({ "refused": "the counter of a passkey went backwards", "passkey_id": passkey.id,
                "counter": counter, "last": last });
            audit::refusal(request, deps, Some(&user), 401, &detail).await;
            Err(refused())
        }
    }
}
