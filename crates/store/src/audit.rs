//! The audit trail: who changed what, from where, and when. Each row holds the digest of the one before it, so
//! that a row that is changed or taken out later breaks the chain (SR-33). Secrets are never in it: callers
//! hand in what is fit to be kept for ever.

use crate::db::{Arg, Row, args, beginning};
use crate::error::{Result, StoreError};
use crate::run::{Store, transaction};
use crate::{digest, ledger};
use std::time::Duration;

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// 0: nobody was signed in.
    pub user_id: i64,
    pub username: String,
    pub ip: String,
    pub method: String,
    pub path: String,
    pub request_id: String,
    /// The status of the answer.
    pub status: i64,
    /// JSON, without secrets.
    pub detail: String,
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: i64,
    pub entry: Entry,
    pub hash: String,
    prev_hash: String,
}

/// Which rows are wanted; empty and zero mean "any".
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub user_id: i64,
    /// The beginning of a path.
    pub path: String,
    pub start_ms: i64,
    pub end_ms: i64,
    /// Rows before this id: keyset paging.
    pub before: i64,
}

/// What the chain's check gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub rows: i64,
    /// The id of the first row that does not follow from the one before it.
    pub broken_at: Option<i64>,
}

const COLUMNS: &str =
    "id, at_ms, user_id, username, ip, method, path, request_id, status, detail, prev_hash, hash";
/// Appends that meet each other, on other nodes, are tried again so often.
const TRIES: usize = 20;

fn read(row: &Row) -> Result<AuditRow> {
    Ok(AuditRow {
        id: row.int(0)?,
        entry: Entry {
            at_ms: row.int(1)?,
            user_id: row.int(2)?,
            username: row.text(3)?,
            ip: row.text(4)?,
            method: row.text(5)?,
            path: row.text(6)?,
            request_id: row.text(7)?,
            status: row.int(8)?,
            detail: row.text(9)?,
        },
        prev_hash: row.text(10)?,
        hash: row.text(11)?,
    })
}

fn link(prev: &str, id: i64, entry: &Entry) -> Result<String> {
    let text = serde_json::to_string(&(prev, id, entry));
    Ok(digest(&text.map_err(|error| StoreError::Internal(error.to_string()))?))
}

/// Whether there is truly no row after `id`, though the head says so.
async fn self_ended(inner: &crate::run::Inner, id: i64) -> Result<bool> {
    let sql = "SELECT id FROM magic_audit WHERE id > ? LIMIT 1";
    Ok(inner.db.one(sql, args![id]).await?.is_none())
}

/// `id:hash`, as the head is kept.
fn split(head: &str) -> (i64, String) {
    let (id, hash) = head.split_once(':').unwrap_or(("0", ""));
    (id.parse().unwrap_or(0), hash.to_owned())
}

impl Store {
    /// Appends an entry.
    pub async fn audit(&self, entry: Entry) -> Result<()> {
        self.run(move |inner| async move {
            for _ in 0..TRIES {
                let done: Result<()> = transaction!(inner.db, |tx| {
                    // The head is the lock of all who append, and tells when the newest rows are taken away.
                    let lock = ledger::for_update(tx.engine());
                    let sql = format!("SELECT value FROM magic_state WHERE name = 'audit_head'{lock}");
                    let head = tx.one(&sql, vec![]).await?.map(|row| row.text(0)).transpose()?;
                    let (last, prev) = head.as_deref().map_or((0, String::new()), split);
                    let id = last + 1;
                    let hash = link(&prev, id, &entry)?;
                    let sql = format!(
                        "INSERT INTO magic_audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    );
                    let args = args![
                        id,
                        entry.at_ms,
                        entry.user_id,
                        &entry.username,
                        &entry.ip,
                        &entry.method,
                        &entry.path,
                        &entry.request_id,
                        entry.status,
                        &entry.detail,
                        &prev,
                        &hash
                    ];
                    tx.exec(&sql, args).await?;
                    let sql = match head {
                        Some(_) => "UPDATE magic_state SET value = ? WHERE name = 'audit_head'",
                        None => "INSERT INTO magic_state (value, name) VALUES (?, 'audit_head')",
                    };
                    tx.exec(sql, args![format!("{id}:{hash}")]).await?;
                });
                match done {
                    // Another node appended the very first row at this moment.
                    Err(StoreError::Conflict(_)) => {}
                    other => return other,
                }
            }
            Err(StoreError::Unavailable("too many append to the audit trail at once".into()))
        })
        .await
    }

    /// A page of the trail, newest first.
    pub async fn audit_rows(&self, filter: AuditFilter, limit: i64) -> Result<Vec<AuditRow>> {
        self.list(move |inner| async move {
            let (mut parts, mut args) = (vec!["1 = 1"], Vec::new());
            let begins = inner.db.engine().begins("path");
            if !filter.path.is_empty() {
                parts.push(&begins);
                args.extend(beginning(&filter.path));
            }
            let mut add = |wanted: bool, part: &'static str, arg: Arg| {
                if wanted {
                    parts.push(part);
                    args.push(arg);
                }
            };
            add(filter.user_id != 0, "user_id = ?", Arg::Int(filter.user_id));
            add(filter.start_ms > 0, "at_ms >= ?", Arg::Int(filter.start_ms));
            add(filter.end_ms > 0, "at_ms <= ?", Arg::Int(filter.end_ms));
            add(filter.before > 0, "id < ?", Arg::Int(filter.before));
            args.push(Arg::Int(limit));
            let sql = format!(
                "SELECT {COLUMNS} FROM magic_audit WHERE {} ORDER BY id DESC LIMIT ?",
                parts.join(" AND ")
            );
            inner.db.fetch(&sql, args).await?.iter().map(read).collect()
        })
        .await
    }

    /// Follows the chain from its first row to its last.
    pub async fn verify_audit(&self) -> Result<Chain> {
        self.run_for(Duration::from_secs(600), |inner| async move {
            let mut chain = Chain { rows: 0, broken_at: None };
            let (mut after, mut prev) = (0, String::new());
            let sql = format!("SELECT {COLUMNS} FROM magic_audit WHERE id > ? ORDER BY id LIMIT 1000");
            loop {
                let rows = inner.db.fetch(&sql, args![after]).await?;
                if rows.is_empty() {
                    let sql = "SELECT value FROM magic_state WHERE name = 'audit_head'";
                    let head = inner.db.one(sql, vec![]).await?.map(|row| row.text(0)).transpose()?;
                    let (last, hash) = head.as_deref().map_or((0, String::new()), split);
                    // A living gateway may have appended in between: only a head that was passed counts.
                    if last == after && hash != prev || last > after && self_ended(&inner, after).await? {
                        chain.broken_at = Some(after + 1);
                    }
                    return Ok(chain);
                }
                for row in &rows {
                    let row = read(row)?;
                    let follows = row.id == after + 1
                        && row.prev_hash == prev
                        && row.hash == link(&prev, row.id, &row.entry)?;
                    if !follows {
                        chain.broken_at = Some(row.id);
                        return Ok(chain);
                    }
                    chain.rows += 1;
                    (after, prev) = (row.id, row.hash);
                }
            }
        })
        .await
    }
}
