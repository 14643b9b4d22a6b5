//! Answers of the Responses API that callers may come back to: those of vendors that keep none, whole; of the
//! others only which channel has them.

use crate::db::args;
use crate::error::Result;
use crate::now;
use crate::run::Store;
use magic_domain::ids::{ChannelId, UserId};

/// How long an answer is kept, in seconds: 30 days, as OpenAI keeps its own.
const KEPT: i64 = 30 * 86_400;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptResponse {
    /// `resp_…`.
    pub id: String,
    pub user: UserId,
    pub channel: ChannelId,
    /// The list of items that were asked, the turns before included; empty where the vendor keeps it.
    pub input: String,
    /// The answer itself; empty where the vendor keeps it.
    pub response: String,
}

impl Store {
    /// Keeps an answer. Another with the same id is replaced only if it is the same user's.
    pub async fn keep_response(&self, kept: KeptResponse) -> Result<()> {
        self.run(move |inner| async move {
            let sql = "DELETE FROM magic_responses WHERE (id = ? AND user_id = ?) OR created_time < ?";
            inner.db.exec(sql, args![&kept.id, kept.user.0, now() - KEPT]).await?;
            let sql = "INSERT INTO magic_responses (id, user_id, channel_id, created_time, input, response) VALUES (?, ?, ?, ?, ?, ?)";
            let row = args![&kept.id, kept.user.0, kept.channel.0, now(), &kept.input, &kept.response];
            inner.db.exec(sql, row).await.map(|_| ())
        })
        .await
    }

    /// The answer, where it is the user's own.
    pub async fn kept_response(&self, id: &str, user: UserId) -> Result<Option<KeptResponse>> {
        let id = id.to_owned();
        self.run(move |inner| async move {
            let sql = "SELECT channel_id, input, response FROM magic_responses WHERE id = ? AND user_id = ? AND created_time >= ?";
            let Some(row) = inner.db.one(sql, args![&id, user.0, now() - KEPT]).await? else { return Ok(None) };
            Ok(Some(KeptResponse {
                channel: ChannelId(row.int(0)?),
                input: row.text(1)?,
                response: row.text(2)?,
                id,
                user,
            }))
        })
        .await
    }

    /// Forgets the answer; true if there was one.
    pub async fn forget_response(&self, id: &str, user: UserId) -> Result<bool> {
        let id = id.to_owned();
        self.run(move |inner| async move {
            let sql = "DELETE FROM magic_responses WHERE id = ? AND user_id = ?";
            inner.db.exec(sql, args![&id, user.0]).await.map(|gone| gone > 0)
        })
        .await
    }
}
