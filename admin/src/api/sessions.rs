//! A user's own sessions.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::Result;
use crate::guard::{AnyUser, Caller};
use actix_web::web;
use magic_store::sessions::mark;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Session {
    /// Names the session and opens nothing.
    id: String,
    ip: String,
    agent: String,
    created_time: i64,
    seen_time: i64,
    /// The one that asks.
    current: bool,
}

/// Where the account is signed in, the latest first. `id` names a session and opens nothing.
pub async fn list(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<Vec<Session>>> {
    let current = caller.session.as_ref().map(mark);
    let rows = deps.store.sessions(&caller.user).await?;
    let shown = rows.into_iter().map(|row| Session {
        current: current.as_ref() == Some(&row.id),
        id: row.id,
        ip: row.ip,
        agent: row.agent,
        created_time: row.created_time,
        seen_time: row.seen_time,
    });
    Ok(ok(shown.collect()))
}

pub async fn end(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<String>,
) -> Result<Answer<()>> {
    deps.store.delete_session_of(caller.user.id, &id).await?;
    Ok(done())
}

/// Ends every session but the one that asks (all, for an access token); how many.
pub async fn end_others(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<u64>> {
    Ok(ok(deps.store.delete_other_sessions(caller.user.id, caller.session.as_ref()).await?))
}
