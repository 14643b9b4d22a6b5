//! Bodies of calls that their token's owner and the operator want kept. They are their owner's to read and to purge.
//! Root, who can switch everything on anyway, reads anybody's, and each time leaves an entry in the audit trail;
//! other administrators see that there is one, not what is in it.

use crate::Deps;
use crate::answer::{Answer, Listed, done, list as listed, ok};
use crate::audit;
use crate::error::{Result, not_found};
use crate::extract::{Query, number, page_of};
use crate::guard::{AnyUser, Caller};
use actix_web::{HttpRequest, web};
use magic_domain::ids::{TokenId, UserId};
use magic_domain::principal::Role;
use magic_store::captures::{self, CaptureRow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

/// What lists tell of a capture.
#[derive(Serialize, ToSchema)]
pub struct CaptureSummary {
    request_id: String,
    token_id: i64,
    /// Unix seconds.
    created_at: i64,
    /// Bytes it takes up.
    size: i64,
    /// How long the bodies were.
    request_bytes: i64,
    response_bytes: i64,
}

/// A call's bodies, without what is redacted.
#[derive(Serialize, ToSchema)]
pub struct Capture {
    request_id: String,
    user_id: i64,
    token_id: i64,
    /// Unix seconds.
    created_at: i64,
    request: CapturedBody,
    response: CapturedBody,
}

#[derive(Serialize, ToSchema)]
pub struct CapturedBody {
    body: String,
    /// How long it was.
    bytes: i64,
    /// Its end is not kept: it was longer than `BodyCaptureMaxBytes`.
    truncated: bool,
}

fn summary(row: &CaptureRow) -> CaptureSummary {
    CaptureSummary {
        request_id: row.request_id.clone(),
        token_id: row.token.0,
        created_at: row.at,
        size: row.size,
        request_bytes: row.request_bytes,
        response_bytes: row.answer_bytes,
    }
}

impl From<captures::Body> for CapturedBody {
    fn from(body: captures::Body) -> Self {
        CapturedBody { body: body.text, bytes: body.bytes, truncated: body.truncated }
    }
}

/// Whose capture a request has, if its time is not over.
pub async fn owner(deps: &Deps, request_id: &str) -> Result<Option<UserId>> {
    Ok(deps.store.capture_owner(request_id, since(deps).await?).await?)
}

async fn since(deps: &Deps) -> Result<i64> {
    let (options, _) = deps.store.options().await?;
    Ok(options.capture_since(chrono::Utc::now().timestamp()))
}

/// The owner of a capture that the caller may read. Others' do not exist for them.
async fn reachable(caller: &Caller<AnyUser>, deps: &Deps, request_id: &str) -> Result<UserId> {
    let owner = owner(deps, request_id).await?;
    let mine = |owner: &UserId| *owner == caller.user.id || caller.user.role >= Role::Root;
    owner.filter(mine).ok_or_else(|| not_found("capture"))
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct CaptureQuery {
    /// Of one token; without it, of all.
    #[serde(deserialize_with = "number")]
    token_id: Option<i64>,
    /// The page, from 0.
    #[serde(deserialize_with = "number")]
    p: Option<i64>,
    /// Rows of a page: 10 unless given, 100 at most.
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
}

pub async fn list(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<CaptureQuery>,
) -> Result<Listed<CaptureSummary>> {
    let (token, page) = (query.token_id.map(TokenId), page_of(query.p, query.page_size));
    let since = since(&deps).await?;
    let (rows, total) = deps.store.captures(caller.user.id, token, since, page).await?;
    Ok(listed(rows.iter().map(summary).collect(), total, i64::MAX))
}

pub async fn one(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    id: web::Path<String>,
) -> Result<Answer<Capture>> {
    let owner = reachable(&caller, &deps, &id).await?;
    if owner != caller.user.id {
        // First the entry: without one, nobody reads what is another's.
        audit::reading(&request, &deps, &caller.user, &json!({ "read_of_user": owner })).await?;
    }
    let found = deps.store.capture(&id, owner).await?.ok_or_else(|| not_found("capture"))?;
    Ok(ok(Capture {
        request_id: found.row.request_id,
        user_id: found.row.user.0,
        token_id: found.row.token.0,
        created_at: found.row.at,
        request: found.request.into(),
        response: found.answer.into(),
    }))
}

pub async fn delete(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<String>,
) -> Result<Answer<()>> {
    let owner = reachable(&caller, &deps, &id).await?;
    match deps.store.delete_capture(&id, owner).await? {
        true => Ok(done()),
        false => Err(not_found("capture")),
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct PurgeQuery {
    /// Of one token; without it, of all. What is no number is refused: it would mean all.
    token_id: Option<i64>,
}

pub async fn purge(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    query: Query<PurgeQuery>,
) -> Result<Answer<u64>> {
    Ok(ok(deps.store.delete_captures(caller.user.id, query.token_id.map(TokenId)).await?))
}
