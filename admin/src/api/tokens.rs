//! A user's own tokens.

use crate::Deps;
use crate::answer::{Answer, Listed, done, list as listed, ok};
use crate::error::{Result, bad_request, conflict, invalid, not_found};
use crate::extract::{Body, ListQuery, Query, limits};
use crate::guard::{AnyUser, Caller};
use crate::json::{self, Token};
use actix_web::web;
use magic_domain::ids::TokenId;
use magic_domain::money::Nano;
use magic_domain::principal::token_status;
use magic_domain::secret::Secret;
use magic_store::tokens::{NewToken, TokenChange, TokenRow};
use magic_store::{FILE, split_list};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// The longest time that an old key works on after a rotation.
const OVERLAP_MAX: i64 = 7 * 86_400;

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

pub async fn list(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<Token>> {
    let (rows, total) = deps.store.tokens(caller.user.id, query.page(), query.keyword).await?;
    Ok(listed(rows.iter().map(|row| json::token(row, now())).collect(), total, i64::MAX))
}

async fn find(caller: &Caller<AnyUser>, deps: &Deps, id: i64) -> Result<TokenRow> {
    deps.store.token(caller.user.id, TokenId(id)).await?.ok_or_else(|| not_found("token"))
}

pub async fn one(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<Token>> {
    Ok(ok(json::token(&find(&caller, &deps, *id).await?, now())))
}

/// What a token's owner sets; only what is named changes.
#[derive(Deserialize, ToSchema)]
pub struct TokenBody {
    /// Of the token to be changed.
    id: Option<i64>,
    /// 1 enabled, 2 disabled.
    status: Option<i64>,
    name: Option<String>,
    /// Unix seconds; -1 never.
    expired_time: Option<i64>,
    remain_quota: Option<i64>,
    unlimited_quota: Option<bool>,
    models: Option<String>,
    subnet: Option<String>,
    groups: Option<String>,
    #[schema(value_type = Option<Object>)]
    limits: Option<Value>,
    /// Keep the bodies of its calls, while the option `BodyCaptureEnabled` allows it.
    capture: Option<bool>,
}

/// The fields a body may set, checked.
fn fields(body: TokenBody) -> Result<TokenChange> {
    let name = body.name;
    if name.as_ref().is_some_and(|name| name.len() > 30) {
        return Err(invalid("a token's name may have 30 bytes"));
    }
    let subnet = body.subnet;
    for net in split_list(subnet.as_deref().unwrap_or("")) {
        if net.parse::<ipnet::IpNet>().is_err() {
            return Err(invalid(format!("{net} is no network such as 10.0.0.0/8")));
        }
    }
    let remain = body.remain_quota;
    if remain.is_some_and(|quota| !(-1..=i64::MAX / 2000).contains(&quota)) {
        return Err(invalid("remain_quota is out of range"));
    }
    Ok(TokenChange {
        status: None,
        name,
        expired_time: body.expired_time,
        remain: remain.map(|quota| Nano::from_quota(quota.max(0))),
        unlimited: body.unlimited_quota,
        models: body.models,
        subnet,
        groups: body.groups,
        limits: limits(body.limits)?,
        capture: body.capture,
    })
}

/// Makes a token. The whole key is in `data.key`, this once.
pub async fn create(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Body(body): Body<TokenBody>,
) -> Result<Answer<Token>> {
    let change = fields(body)?;
    let new = NewToken {
        user_id: caller.user.id,
        name: change.name.unwrap_or_default(),
        // one-api makes one that never expires of a zero: forms send it for "not set".
        expired_time: change.expired_time.filter(|time| *time != 0).unwrap_or(-1),
        remain: change.remain.unwrap_or_default(),
        unlimited: change.unlimited.unwrap_or(false),
        models: change.models.unwrap_or_default(),
        subnet: change.subnet.unwrap_or_default(),
        groups: change.groups.unwrap_or_default(),
        limits: change.limits.unwrap_or_default(),
        capture: change.capture.unwrap_or(false),
        key: None,
    };
    let (row, key) = deps.store.create_token(new).await?;
    Ok(ok(with_key(&deps, &row, &key)))
}

/// Puts a token in force, and shows it with its key.
fn with_key(deps: &Deps, row: &TokenRow, key: &Secret) -> Token {
    let (hash, token) = row.principal();
    deps.live.put_token(hash, token);
    Token { key: format!("sk-{}", key.expose()), ..json::token(row, now()) }
}

/// With anything in `status_only`, nothing but the status changes.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct StatusOnly {
    status_only: Option<String>,
}

impl StatusOnly {
    pub fn is_set(&self) -> bool {
        self.status_only.as_ref().is_some_and(|text| !text.is_empty())
    }
}

pub async fn update(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    only: Query<StatusOnly>,
    Body(body): Body<TokenBody>,
) -> Result<Answer<Token>> {
    let id = body.id.ok_or_else(|| bad_request("id is missing"))?;
    let before = find(&caller, &deps, id).await?;
    if before.owner == FILE {
        return Err(conflict("this token is declared in the configuration file"));
    }
    let status = body.status.filter(|status| (1..=4).contains(status));
    let mut change = if only.is_set() { TokenChange::default() } else { fields(body)? };
    change.status = status;
    if change.status == Some(token_status::ENABLED) {
        let expires = change.expired_time.unwrap_or(before.expired_time);
        let unlimited = change.unlimited.unwrap_or(before.unlimited);
        let remain = change.remain.unwrap_or(before.remain);
        if expires != -1 && expires <= now() {
            return Err(invalid("the token has expired: set a later expiry before it is enabled"));
        }
        if !unlimited && !remain.is_positive() && before.status == token_status::EXHAUSTED {
            return Err(invalid("the token's quota is used up: raise it before it is enabled"));
        }
    }
    if change.remain.is_some() || change.unlimited.is_some() {
        deps.live.recall_token(before.id).await;
    }
    let row = deps.store.update_token(caller.user.id, TokenId(id), change).await?;
    let (hash, token) = row.principal();
    deps.live.put_token(hash, token);
    Ok(ok(json::token(&row, now())))
}

#[derive(Deserialize, ToSchema)]
pub struct Rotation {
    /// How long the old key works on: 0, unless given, to 604,800.
    overlap_seconds: Option<i64>,
}

/// Gives the token another key: whole in `data.key`, this once.
pub async fn rotate(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
    Body(body): Body<Rotation>,
) -> Result<Answer<Token>> {
    let overlap = body.overlap_seconds.unwrap_or(0);
    if !(0..=OVERLAP_MAX).contains(&overlap) {
        return Err(invalid(format!("overlap_seconds must be between 0 and {OVERLAP_MAX}")));
    }
    let before = find(&caller, &deps, *id).await?;
    if before.owner == FILE {
        return Err(conflict("this token is declared in the configuration file"));
    }
    let (row, key) = deps.store.rotate_token(caller.user.id, before.id, overlap).await?;
    Ok(ok(with_key(&deps, &row, &key)))
}

pub async fn delete(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<()>> {
    let before = find(&caller, &deps, *id).await?;
    if before.owner == FILE {
        return Err(conflict("this token is declared in the configuration file"));
    }
    deps.live.remove_token(before.id);
    deps.live.recall_token(before.id).await;
    deps.store.delete_token(caller.user.id, before.id).await?;
    Ok(done())
}
