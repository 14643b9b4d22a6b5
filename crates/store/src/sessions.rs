//! Browser sessions: opaque ids, stored as digests; they end when they are idle, old, or their account has
//! moved on.

use crate::db::args;
use crate::error::{Result, StoreError};
use crate::run::Store;
use crate::users::UserRow;
use crate::{digest, now};
use magic_domain::ids::UserId;
use magic_domain::secret::Secret;

/// Idle and absolute lifetime, in seconds (SR-10).
const IDLE: i64 = 12 * 3600;
const LIFETIME: i64 = 7 * 86_400;

/// A session that was found.
#[derive(Debug, Clone)]
pub struct Session {
    pub user: UserRow,
    pub csrf: String,
}

/// 64 hex digits of chance.
pub(crate) fn random() -> Result<Secret> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Internal("no randomness".into()))?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

impl Store {
    /// Begins a session: its id (for the cookie) and its token against forged requests.
    pub async fn create_session(&self, user: &UserRow, ip: &str, agent: &str) -> Result<(Secret, String)> {
        let (id, csrf) = (random()?, random()?);
        let hash = digest(id.expose());
        let agent: String = agent.chars().take(200).collect();
        let (user, epoch, ip, token) = (user.id.0, user.epoch, ip.to_owned(), csrf.expose().to_owned());
        self.run(move |inner| async move {
            inner
                .db
                .exec(
                    "INSERT INTO magic_sessions (id_hash, user_id, epoch, csrf, created_time, seen_time, ip, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    args![hash, user, epoch, token, now(), now(), ip, agent],
                )
                .await?;
            let sql = "DELETE FROM magic_sessions WHERE created_time < ? OR seen_time < ?";
            inner.db.exec(sql, args![now() - LIFETIME, now() - IDLE]).await
        })
        .await?;
        Ok((id, csrf.expose().to_owned()))
    }

    /// The session of an id, while it lives and its account has not moved on since.
    pub async fn session(&self, id: &Secret) -> Result<Option<Session>> {
        let hash = digest(id.expose());
        let found = self
            .run(move |inner| async move {
                let sql = "SELECT user_id, epoch, csrf, created_time, seen_time FROM magic_sessions WHERE id_hash = ?";
                let Some(row) = inner.db.one(sql, args![&hash]).await? else { return Ok(None) };
                let (created, seen) = (row.int(3)?, row.int(4)?);
                if created + LIFETIME < now() || seen + IDLE < now() {
                    return Ok(None);
                }
                if seen + 60 < now() {
                    let sql = "UPDATE magic_sessions SET seen_time = ? WHERE id_hash = ?";
                    inner.db.exec(sql, args![now(), &hash]).await?;
                }
                Ok(Some((UserId(row.int(0)?), row.int(1)?, row.text(2)?)))
            })
            .await?;
        let Some((user, epoch, csrf)) = found else { return Ok(None) };
        Ok(self.user(user).await?.filter(|user| user.epoch == epoch).map(|user| Session { user, csrf }))
    }

    pub async fn delete_session(&self, id: &Secret) -> Result<()> {
        let hash = digest(id.expose());
        self.run(move |inner| async move {
            inner.db.exec("DELETE FROM magic_sessions WHERE id_hash = ?", args![hash]).await.map(|_| ())
        })
        .await
    }
}
