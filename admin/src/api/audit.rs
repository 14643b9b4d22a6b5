//! The audit trail, for root.

use crate::Deps;
use crate::answer::{Answer, Walk, kept, ok, walk};
use crate::error::Result;
use crate::extract::{Query, number};
use crate::guard::{Caller, Root};
use actix_web::{HttpResponse, web};
use magic_store::audit::{AuditFilter, AuditRow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Rows of one export.
const EXPORT_MAX: i64 = 10_000;

/// A change: who, from where, what.
#[derive(Serialize, ToSchema)]
pub struct AuditEntry {
    id: i64,
    /// Unix milliseconds.
    at_ms: i64,
    user_id: i64,
    username: String,
    ip: String,
    method: String,
    path: String,
    request_id: String,
    status: i64,
    /// Of this entry and the one before it.
    hash: String,
    /// The request, secrets only by name.
    detail: Value,
}

fn shown(row: &AuditRow) -> AuditEntry {
    let e = &row.entry;
    AuditEntry {
        id: row.id,
        at_ms: e.at_ms,
        user_id: e.user_id,
        username: e.username.clone(),
        ip: e.ip.clone(),
        method: e.method.clone(),
        path: e.path.clone(),
        request_id: e.request_id.clone(),
        status: e.status,
        hash: row.hash.clone(),
        detail: kept(&e.detail),
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct AuditQuery {
    #[serde(deserialize_with = "number")]
    user_id: Option<i64>,
    /// What the path begins with.
    path: Option<String>,
    /// Unix seconds.
    #[serde(deserialize_with = "number")]
    start_timestamp: Option<i64>,
    #[serde(deserialize_with = "number")]
    end_timestamp: Option<i64>,
    /// The id of the last entry that was seen.
    #[serde(deserialize_with = "number")]
    cursor: Option<i64>,
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
    /// `jsonl` gives lines, up to 10,000.
    format: Option<String>,
}

/// `?user_id=&path=&start_timestamp=&end_timestamp=&cursor=`, newest first; `format=jsonl` gives lines.
pub async fn list(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Query(query): Query<AuditQuery>,
) -> Result<Walk<AuditEntry>> {
    let above = |number: Option<i64>| number.unwrap_or(0).max(0);
    let filter = AuditFilter {
        user_id: above(query.user_id),
        path: query.path.unwrap_or_default(),
        start_ms: above(query.start_timestamp).saturating_mul(1000),
        end_ms: above(query.end_timestamp).saturating_mul(1000),
        before: above(query.cursor),
    };
    if query.format.as_deref() == Some("jsonl") {
        let rows = deps.store.audit_rows(filter, EXPORT_MAX).await?;
        let line = |row| serde_json::to_string(&shown(row)).unwrap_or_default() + "\n";
        let text: String = rows.iter().map(line).collect();
        return Ok(Walk::instead(HttpResponse::Ok().content_type("application/jsonl").body(text)));
    }
    let rows = deps.store.audit_rows(filter, query.page_size.unwrap_or(10).clamp(1, 100)).await?;
    let cursor = rows.last().map(|row| row.id);
    Ok(walk(rows.iter().map(shown).collect(), cursor))
}

#[derive(Serialize, ToSchema)]
pub struct Chain {
    ok: bool,
    rows: i64,
    /// The first entry that does not fit.
    broken_at: Option<i64>,
}

/// Whether the chain is whole.
pub async fn verify(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<Chain>> {
    let chain = deps.store.verify_audit().await?;
    Ok(ok(Chain { ok: chain.broken_at.is_none(), rows: chain.rows, broken_at: chain.broken_at }))
}
