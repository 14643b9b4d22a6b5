//! A user's own sessions.

use crate::Deps;
use crate::error::{Result, ok};
use crate::guard::{AnyUser, Caller};
use actix_web::{HttpResponse, web};
use magic_store::sessions::mark;
use serde_json::{Value, json};

/// Where the account is signed in, the latest first. `id` names a session and opens nothing.
pub async fn list(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let current = caller.session.as_ref().map(mark);
    let rows = deps.store.sessions(&caller.user).await?;
    let data: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.id, "ip": row.ip, "agent": row.agent, "created_time": row.created_time,
                "seen_time": row.seen_time, "current": current.as_ref() == Some(&row.id),
            })
        })
        .collect();
    Ok(ok(data))
}

pub async fn end(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<String>,
) -> Result<HttpResponse> {
    deps.store.delete_session_of(caller.user.id, &id).await?;
    Ok(ok(Value::Null))
}

/// Ends every session but the one that asks (all, for an access token); how many.
pub async fn end_others(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    Ok(ok(deps.store.delete_other_sessions(caller.user.id, caller.session.as_ref()).await?))
}
