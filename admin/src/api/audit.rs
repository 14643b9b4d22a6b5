//! The audit trail, for root.

use crate::Deps;
use crate::error::{Result, ok};
use crate::extract::{ListQuery, parameter};
use crate::guard::{Caller, Root};
use actix_web::{HttpRequest, HttpResponse, web};
use magic_store::audit::{AuditFilter, AuditRow};
use serde_json::{Value, json};

/// Rows of one export.
const EXPORT_MAX: i64 = 10_000;

fn shown(row: &AuditRow) -> Value {
    let e = &row.entry;
    json!({
        "id": row.id, "at_ms": e.at_ms, "user_id": e.user_id, "username": e.username, "ip": e.ip, "method": e.method,
        "path": e.path, "request_id": e.request_id, "status": e.status, "hash": row.hash,
        "detail": serde_json::from_str::<Value>(&e.detail).unwrap_or(Value::Null),
    })
}

/// `?user_id=&path=&start_timestamp=&end_timestamp=&cursor=`, newest first; `format=jsonl` gives lines.
pub async fn list(
    _caller: Caller<Root>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    let number =
        |name| parameter(&request, name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0).max(0);
    let filter = AuditFilter {
        user_id: number("user_id"),
        path: parameter(&request, "path").unwrap_or_default(),
        start_ms: number("start_timestamp").saturating_mul(1000),
        end_ms: number("end_timestamp").saturating_mul(1000),
        before: number("cursor"),
    };
    if parameter(&request, "format").as_deref() == Some("jsonl") {
        let rows = deps.store.audit_rows(filter, EXPORT_MAX).await?;
        let text: String = rows.iter().map(|row| shown(row).to_string() + "\n").collect();
        return Ok(HttpResponse::Ok().content_type("application/jsonl").body(text));
    }
    let rows = deps.store.audit_rows(filter, ListQuery::of(&request).page().limit).await?;
    let cursor = rows.last().map(|row| row.id);
    Ok(HttpResponse::Ok().json(json!({
        "success": true, "message": "", "data": rows.iter().map(shown).collect::<Vec<_>>(), "cursor": cursor,
    })))
}

/// Whether the chain is whole.
pub async fn verify(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let chain = deps.store.verify_audit().await?;
    Ok(ok(json!({ "ok": chain.broken_at.is_none(), "rows": chain.rows, "broken_at": chain.broken_at })))
}
