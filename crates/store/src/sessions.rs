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

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its [`mark`].
    pub id: String,
    pub ip: String,
    pub agent: String,
    pub created_time: i64,
    pub seen_time: i64,
}

/// Hex digits of a mark.
const MARK: usize = 16;

/// What a session is called in lists: the beginning of its id's digest, which opens nothing.
pub fn mark(id: &Secret) -> String {
    digest(id.expose()).chars().take(MARK).collect()
}

/// 64 hex digits of chance.
pub fn random() -> Result<Secret> {
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

    /// The sessions of an account that live, the latest first.
    pub async fn sessions(&self, user: &UserRow) -> Result<Vec<SessionRow>> {
        let (user, epoch) = (user.id.0, user.epoch);
        self.run(move |inner| async move {
            let sql = "SELECT id_hash, ip, agent, created_time, seen_time FROM magic_sessions \
                       WHERE user_id = ? AND epoch = ? AND created_time >= ? AND seen_time >= ? \
                       ORDER BY seen_time DESC, id_hash LIMIT 200";
            let rows = inner.db.fetch(sql, args![user, epoch, now() - LIFETIME, now() - IDLE]).await?;
            let read = |row: &crate::db::Row| {
                Ok(SessionRow {
                    id: row.text(0)?.chars().take(MARK).collect(),
                    ip: row.text(1)?,
                    agent: row.text(2)?,
                    created_time: row.int(3)?,
                    seen_time: row.int(4)?,
                })
            };
            rows.iter().map(read).collect()
        })
        .await
    }

    /// Ends the session of an account with that [`mark`]. `NotFound`: it has none such.
    pub async fn delete_session_of(&self, user: UserId, mark: &str) -> Result<()> {
        if mark.len() != MARK || !mark.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(StoreError::NotFound("session"));
        }
        let like = format!("{}%", mark.to_ascii_lowercase());
        self.run(move |inner| async move {
            let sql = "DELETE FROM magic_sessions WHERE user_id = ? AND id_hash LIKE ?";
            match inner.db.exec(sql, args![user.0, like]).await? {
                0 => Err(StoreError::NotFound("session")),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Ends every session of an account but one; how many.
    pub async fn delete_other_sessions(&self, user: UserId, keep: Option<&Secret>) -> Result<u64> {
        let keep = keep.map(|id| digest(id.expose())).unwrap_or_default();
        self.run(move |inner| async move {
            let sql = "DELETE FROM magic_sessions WHERE user_id = ? AND id_hash <> ?";
            inner.db.exec(sql, args![user.0, keep]).await
        })
        .await
    }
}
