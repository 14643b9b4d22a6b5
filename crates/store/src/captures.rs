//! Bodies of calls, where an operator and a token's owner want them kept: redacted by whoever hands them in, sealed
//! here, beside the log in its database, and for a limited time.

use crate::db::{Arg, Row, args};
use crate::error::Result;
use crate::logs::delete_older;
use crate::run::{Inner, Store};
use crate::users::Page;
use magic_domain::ids::{TokenId, UserId};
use magic_domain::principal::user_status;
use magic_domain::secret::Secret;
use std::time::Duration;

/// Captures that are looked at, or deleted, in one statement.
const PIECE: usize = 500;

/// A body as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// Redacted.
    pub text: String,
    /// How long it was, whatever of it is kept.
    pub bytes: i64,
    /// Its end is missing.
    pub truncated: bool,
}

/// A call's bodies, to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCapture {
    pub request_id: String,
    pub user: UserId,
    pub token: TokenId,
    /// Unix seconds.
    pub at: i64,
    pub request: Body,
    pub answer: Body,
}

/// What lists tell of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureRow {
    pub request_id: String,
    pub user: UserId,
    pub token: TokenId,
    pub at: i64,
    /// Bytes it takes up.
    pub size: i64,
    pub request_bytes: i64,
    pub answer_bytes: i64,
}

/// A capture, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub row: CaptureRow,
    pub request: Body,
    pub answer: Body,
}

const COLUMNS: &str = "request_id, user_id, token_id, created_at, size, request_bytes, answer_bytes";

fn read(row: &Row) -> Result<CaptureRow> {
    Ok(CaptureRow {
        request_id: row.text(0)?,
        user: UserId(row.int(1)?),
        token: TokenId(row.int(2)?),
        at: row.int(3)?,
        size: row.int(4)?,
        request_bytes: row.int(5)?,
        answer_bytes: row.int(6)?,
    })
}

/// Where a sealed body belongs.
pub(crate) fn place(request_id: &str, part: &str) -> String {
    format!("captures/{request_id}/{part}")
}

fn owned_by(user: UserId, token: Option<TokenId>) -> (String, Vec<Arg>) {
    match token {
        Some(token) => ("user_id = ? AND token_id = ?".to_owned(), args![user.0, token.0]),
        None => ("user_id = ?".to_owned(), args![user.0]),
    }
}

/// Deletes the captures of a user, or of a token, that is gone. A log's database of its own may be away: what is
/// left then is found by [`Store::prune_captures`].
pub(crate) async fn forget(store: &Store, user: UserId, token: Option<TokenId>) {
    if let Err(error) = store.delete_captures(user, token).await {
        log::warn!("captures of user {user} could not be deleted yet: {error}");
    }
}

/// Those of `ids` that are not among the rows a query gives.
async fn missing(inner: &Inner, sql: &str, ids: &[i64]) -> Result<Vec<i64>> {
    let marks = vec!["?"; ids.len()].join(", ");
    let args = ids.iter().map(|id| Arg::Int(*id)).collect();
    let rows = inner.db.fetch(&format!("{sql} ({marks})"), args).await?;
    let there: Vec<i64> = rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    Ok(ids.iter().copied().filter(|id| !there.contains(id)).collect())
}

/// Captures of tokens or users that are gone.
async fn orphans(inner: &Inner, column: &str, living: &str) -> Result<u64> {
    let (mut last, mut count) = (i64::MIN, 0);
    loop {
        let sql = format!(
            "SELECT DISTINCT {column} FROM magic_captures WHERE {column} > ? ORDER BY {column} LIMIT {PIECE}"
        );
        let ids = inner.logs.fetch(&sql, args![last]).await?;
        let ids: Vec<i64> = ids.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        let Some(end) = ids.last() else { return Ok(count) };
        last = *end;
        for gone in missing(inner, living, &ids).await? {
            let sql = format!("DELETE FROM magic_captures WHERE {column} = ?");
            count += inner.logs.exec(&sql, args![gone]).await?;
        }
    }
}

/// Deletes the oldest until the rest is within `most` bytes.
async fn shrink(inner: &Inner, most: i64) -> Result<u64> {
    let sum = format!("SELECT {} FROM magic_captures", inner.logs.engine().sum("size"));
    let total = inner.logs.one(&sum, vec![]).await?;
    let mut over = total.map(|row| row.int(0)).transpose()?.unwrap_or(0).saturating_sub(most);
    let mut count = 0;
    while over > 0 {
        let sql = format!("SELECT id, size FROM magic_captures ORDER BY id LIMIT {PIECE}");
        let mut last = None;
        for row in &inner.logs.fetch(&sql, vec![]).await? {
            if over <= 0 {
                break;
            }
            last = Some(row.int(0)?);
            over -= row.int(1)?;
        }
        let Some(last) = last else { break };
        count += inner.logs.exec("DELETE FROM magic_captures WHERE id <= ?", args![last]).await?;
    }
    Ok(count)
}

impl Store {
    /// Keeps a capture; false: the token, its owner or the owner's wish is gone meanwhile.
    pub async fn keep_capture(&self, new: NewCapture) -> Result<bool> {
        self.run(move |inner| async move {
            let sql = "SELECT t.id FROM magic_tokens t JOIN magic_users u ON u.id = t.user_id \
                 WHERE t.id = ? AND t.user_id = ? AND t.capture <> 0 AND u.status <> ?";
            let wanted = inner.db.one(sql, args![new.token.0, new.user.0, user_status::DELETED]).await?;
            if wanted.is_none() {
                return Ok(false);
            }
            let seal = |body: &Body, part: &str| {
                inner.vault.seal(&Secret::new(body.text.as_str()), &place(&new.request_id, part))
            };
            let (request, answer) = (seal(&new.request, "request")?, seal(&new.answer, "answer")?);
            let size = i64::try_from(request.len() + answer.len()).unwrap_or(i64::MAX);
            let sql = format!(
                "INSERT INTO magic_captures ({COLUMNS}, request_truncated, answer_truncated, request_sealed, \
                 answer_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            );
            let args = args![
                &new.request_id,
                new.user.0,
                new.token.0,
                new.at,
                size,
                new.request.bytes,
                new.answer.bytes,
                new.request.truncated,
                new.answer.truncated,
                request,
                answer
            ];
            inner.logs.exec(&sql, args).await?;
            Ok(true)
        })
        .await
    }

    /// A user's captures since a time, newest first, and how many there are.
    pub async fn captures(
        &self,
        user: UserId,
        token: Option<TokenId>,
        since: i64,
        page: Page,
    ) -> Result<(Vec<CaptureRow>, i64)> {
        self.list(move |inner| async move {
            let (condition, mut args) = owned_by(user, token);
            let condition = format!("{condition} AND created_at >= ?");
            args.push(Arg::Int(since));
            let sql = format!("SELECT COUNT(*) FROM magic_captures WHERE {condition}");
            let total = inner.logs.one(&sql, args.clone()).await?;
            let total = total.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            args.extend(args![page.limit, page.offset]);
            let sql = format!(
                "SELECT {COLUMNS} FROM magic_captures WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?"
            );
            let rows = inner.logs.fetch(&sql, args).await?;
            Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
        })
        .await
    }

    /// Whose capture a request has, if it has one since that time.
    pub async fn capture_owner(&self, request_id: &str, since: i64) -> Result<Option<UserId>> {
        let id = request_id.to_owned();
        self.run(move |inner| async move {
            let sql = "SELECT user_id FROM magic_captures WHERE request_id = ? AND created_at >= ?";
            let row = inner.logs.one(sql, args![id, since]).await?;
            row.map(|row| row.int(0).map(UserId)).transpose()
        })
        .await
    }

    /// The capture of a request, opened. Of another's than `user`'s there is none.
    pub async fn capture(&self, request_id: &str, user: UserId) -> Result<Option<Capture>> {
        let id = request_id.to_owned();
        self.run(move |inner| async move {
            let sql = format!(
                "SELECT {COLUMNS}, request_truncated, answer_truncated, request_sealed, answer_sealed \
                 FROM magic_captures WHERE request_id = ? AND user_id = ?"
            );
            let Some(row) = inner.logs.one(&sql, args![&id, user.0]).await? else { return Ok(None) };
            let open = |at: usize, part: &str| -> Result<String> {
                let text = inner.vault.open(&row.text(at)?, &place(&id, part))?;
                Ok(text.expose().to_owned())
            };
            let told = read(&row)?;
            let request =
                Body { text: open(9, "request")?, bytes: told.request_bytes, truncated: row.bool(7)? };
            let answer =
                Body { text: open(10, "answer")?, bytes: told.answer_bytes, truncated: row.bool(8)? };
            Ok(Some(Capture { row: told, request, answer }))
        })
        .await
    }

    /// Deletes the capture of a user's request; whether there was one.
    pub async fn delete_capture(&self, request_id: &str, user: UserId) -> Result<bool> {
        let id = request_id.to_owned();
        self.run(move |inner| async move {
            let sql = "DELETE FROM magic_captures WHERE request_id = ? AND user_id = ?";
            inner.logs.exec(sql, args![id, user.0]).await.map(|gone| gone > 0)
        })
        .await
    }

    /// Deletes a user's captures, or those of one of their tokens; how many.
    pub async fn delete_captures(&self, user: UserId, token: Option<TokenId>) -> Result<u64> {
        self.run_for(Duration::from_secs(60), move |inner| async move {
            let (condition, args) = owned_by(user, token);
            inner.logs.exec(&format!("DELETE FROM magic_captures WHERE {condition}"), args).await
        })
        .await
    }

    /// Deletes captures from before a time, those of tokens and users that are gone, and the oldest beyond `most`
    /// bytes; how many.
    pub async fn prune_captures(&self, before: i64, most: i64) -> Result<u64> {
        self.run_for(Duration::from_secs(120), move |inner| async move {
            let mut count = delete_older(&inner.logs, "magic_captures", before).await?;
            count += orphans(&inner, "token_id", "SELECT id FROM magic_tokens WHERE id IN").await?;
            let living =
                format!("SELECT id FROM magic_users WHERE status <> {} AND id IN", user_status::DELETED);
            count += orphans(&inner, "user_id", &living).await?;
            Ok(count + shrink(&inner, most).await?)
        })
        .await
    }
}
