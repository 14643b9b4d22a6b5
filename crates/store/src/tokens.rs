//! API keys of users.

use crate::db::{Arg, Row, Tx, TxError, args, beginning, sorted};
use crate::error::{Result, StoreError};
use crate::run::{Store, bump, transaction};
use crate::users::Page;
use crate::{DB, next_second, now, split_list};
use magic_domain::channel::Limits;
use magic_domain::ids::{TokenId, UserId};
use magic_domain::money::Nano;
use magic_domain::principal::{OldKey, Token, token_status};
use magic_domain::secret::Secret;

/// A row of a token, without its key.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRow {
    pub id: TokenId,
    pub user_id: UserId,
    pub key_prefix: String,
    pub key_tail: String,
    pub status: i64,
    pub name: String,
    pub created_time: i64,
    pub accessed_time: i64,
    pub expired_time: i64,
    pub remain: Nano,
    pub unlimited: bool,
    pub used: Nano,
    pub models: String,
    pub subnet: String,
    pub groups: String,
    pub limits: Limits,
    pub owner: String,
    hash: [u8; 32],
    old_hash: [u8; 32],
    pub old_tail: String,
    old_until: i64,
    /// What its calls say and are told is kept, where the operator allows it.
    pub capture: bool,
}

/// A new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub user_id: UserId,
    pub name: String,
    pub expired_time: i64,
    pub remain: Nano,
    pub unlimited: bool,
    pub models: String,
    pub subnet: String,
    pub groups: String,
    pub limits: Limits,
    pub capture: bool,
    /// A key of the caller's choosing (an initial or imported one); else one is made.
    pub key: Option<Secret>,
}

impl Default for NewToken {
    fn default() -> Self {
        Self {
            user_id: UserId(0),
            name: String::new(),
            expired_time: -1,
            remain: Nano::ZERO,
            unlimited: false,
            models: String::new(),
            subnet: String::new(),
            groups: String::new(),
            limits: Limits::default(),
            capture: false,
            key: None,
        }
    }
}

/// What may change in a token; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TokenChange {
    pub status: Option<i64>,
    pub name: Option<String>,
    pub expired_time: Option<i64>,
    pub remain: Option<Nano>,
    pub unlimited: Option<bool>,
    pub models: Option<String>,
    pub subnet: Option<String>,
    pub groups: Option<String>,
    pub limits: Option<Limits>,
    pub capture: Option<bool>,
}

const COLUMNS: &str = "id, user_id, key_prefix, key_tail, status, name, created_time, accessed_time, expired_time, \
     remain, unlimited, used, models, subnet, grps, limits, owner, key_hash, \
     old_hash, old_tail, old_until, capture";

fn read(row: &Row) -> Result<TokenRow> {
    Ok(TokenRow {
        id: TokenId(row.int(0)?),
        user_id: UserId(row.int(1)?),
        key_prefix: row.text(2)?,
        key_tail: row.text(3)?,
        status: row.int(4)?,
        name: row.text(5)?,
        created_time: row.int(6)?,
        accessed_time: row.int(7)?,
        expired_time: row.int(8)?,
        remain: Nano(row.int(9)?),
        unlimited: row.bool(10)?,
        used: Nano(row.int(11)?),
        models: row.text(12)?,
        subnet: row.text(13)?,
        groups: row.text(14)?,
        limits: crate::users::limits(row, 15)?,
        owner: row.text(16)?,
        hash: unhex(&row.text(17)?),
        old_hash: unhex(&row.text(18)?),
        old_tail: row.text(19)?,
        old_until: row.int(20)?,
        capture: row.bool(21)?,
    })
}

fn unhex(text: &str) -> [u8; 32] {
    let mut out = [0u8; 32];
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        let text = std::str::from_utf8(pair).unwrap_or("0");
        *byte = u8::from_str_radix(text, 16).unwrap_or(0);
    }
    out
}

impl TokenRow {
    /// What the proxy keeps, under the SHA-256 of the key.
    pub fn principal(&self) -> ([u8; 32], Token) {
        let token = Token {
            id: self.id,
            user_id: self.user_id,
            name: self.name.clone(),
            status: self.status,
            expired_time: self.expired_time,
            unlimited_quota: self.unlimited,
            models: split_list(&self.models),
            subnets: split_list(&self.subnet),
            groups: split_list(&self.groups),
            limits: self.limits.clone(),
            old_key: self.old_key(now()),
            capture: self.capture,
        };
        (self.hash, token)
    }

    /// The key before the last rotation, while it still works.
    pub fn old_key(&self, now: i64) -> Option<OldKey> {
        (self.old_until > now).then_some(OldKey { hash: self.old_hash, until: self.old_until })
    }

    /// The status as it is now: expired and exhausted are views of time and quota.
    pub fn status_now(&self, now: i64) -> i64 {
        if self.status != token_status::ENABLED {
            self.status
        } else if self.expired_time != -1 && self.expired_time <= now {
            token_status::EXPIRED
        } else if !self.unlimited && self.remain.0 <= 0 {
            token_status::EXHAUSTED
        } else {
            self.status
        }
    }
}

/// A key of 48 characters of chance (more than 256 bits).
pub fn new_key() -> Result<Secret> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut key = String::with_capacity(48);
    let mut bytes = [0u8; 64];
    while key.len() < 48 {
        getrandom::fill(&mut bytes).map_err(|_| StoreError::Internal("no randomness".into()))?;
        for byte in bytes {
            // Without the bytes above 247 every character is equally likely.
            if byte < 248 && key.len() < 48 {
                key.push(char::from(ALPHABET[usize::from(byte) % 62]));
            }
        }
    }
    Ok(Secret::new(key))
}

/// What lists show of a key's beginning; nothing of a short one.
fn prefix_of(key: &str) -> String {
    if key.len() >= 16 { key.chars().take(4).collect() } else { String::new() }
}

pub(crate) async fn insert(tx: &mut Tx, new: &NewToken, owner: &str) -> Result<(i64, Secret), TxError> {
    let key = match &new.key {
        Some(key) => key.clone(),
        None => new_key()?,
    };
    let text = key.expose();
    if text.is_empty() {
        return Err(StoreError::Invalid("a key can't be empty".into()).into());
    }
    let hash = crate::digest(text);
    let limits = serde_json::to_string(&new.limits).unwrap_or_default();
    let id = tx
        .insert(
            "INSERT INTO magic_tokens (user_id, key_hash, key_prefix, key_tail, status, name, created_time, accessed_time, \
             expired_time, remain, unlimited, models, subnet, grps, limits, owner, capture) \
             VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            args![
                new.user_id.0,
                hash,
                prefix_of(text),
                key.tail(),
                &new.name,
                now(),
                now(),
                new.expired_time,
                new.remain.0,
                new.unlimited,
                &new.models,
                &new.subnet,
                &new.groups,
                limits,
                owner,
                new.capture
            ],
        )
        .await?;
    Ok((id, key))
}

/// [`insert`] of a user's own, with the row as it is then.
pub(crate) async fn create(tx: &mut Tx, new: &NewToken) -> Result<(TokenRow, Secret), TxError> {
    let (id, key) = insert(tx, new, DB).await?;
    let row = tx.one(&format!("SELECT {COLUMNS} FROM magic_tokens WHERE id = ?"), args![id]).await?;
    Ok((read(&row.ok_or(StoreError::NotFound("token"))?)?, key))
}

impl Store {
    /// Makes a token. The key is returned once and never again.
    pub async fn create_token(&self, new: NewToken) -> Result<(TokenRow, Secret)> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let made = create(tx, &new).await?;
                bump(tx).await?;
                made
            })
        })
        .await
    }

    /// A token of a user. Of another's there is none.
    pub async fn token(&self, user: UserId, id: TokenId) -> Result<Option<TokenRow>> {
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_tokens WHERE id = ? AND user_id = ?");
            inner.db.one(&sql, args![id.0, user.0]).await?.as_ref().map(read).transpose()
        })
        .await
    }

    /// The token of a key (without `sk-`).
    pub async fn token_by_key(&self, key: &Secret) -> Result<Option<TokenRow>> {
        let hash = crate::digest(key.expose());
        self.run(move |inner| async move {
            let condition = "key_hash = ? OR (old_hash = ? AND old_until > ?)";
            let sql = format!("SELECT {COLUMNS} FROM magic_tokens WHERE {condition}");
            inner.db.one(&sql, args![&hash, &hash, now()]).await?.as_ref().map(read).transpose()
        })
        .await
    }

    /// A user's tokens. `keyword`: the beginning of a name.
    pub async fn tokens(
        &self,
        user: UserId,
        page: Page,
        keyword: Option<String>,
    ) -> Result<(Vec<TokenRow>, i64)> {
        self.list(move |inner| async move {
            let order = match page.order.as_str() {
                "remain_quota" => "unlimited DESC, remain DESC, id DESC",
                "used_quota" => "used DESC, id DESC",
                _ => "id DESC",
            };
            let mut condition = "user_id = ?".to_owned();
            let mut args = args![user.0];
            if let Some(keyword) = keyword.filter(|keyword| !keyword.is_empty()) {
                condition.push_str(" AND ");
                condition.push_str(&inner.db.engine().begins("name"));
                args.extend(beginning(&keyword));
            }
            let total = inner
                .db
                .one(&format!("SELECT COUNT(*) FROM magic_tokens WHERE {condition}"), args.clone())
                .await?;
            let total = total.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            args.extend(args![page.limit, page.offset]);
            let sql = sorted("magic_tokens", COLUMNS, &condition, order);
            let rows = inner.db.fetch(&sql, args).await?;
            Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
        })
        .await
    }

    pub async fn update_token(&self, user: UserId, id: TokenId, change: TokenChange) -> Result<TokenRow> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let mut sets: Vec<&str> = Vec::new();
                let mut args: Vec<Arg> = Vec::new();
                let mut set = |column, value: Option<Arg>| {
                    if let Some(value) = value {
                        sets.push(column);
                        args.push(value);
                    }
                };
                set("status = ?", change.status.map(Arg::Int));
                set("name = ?", change.name.as_ref().map(Arg::from));
                set("expired_time = ?", change.expired_time.map(Arg::Int));
                set("remain = ?", change.remain.map(|remain| Arg::Int(remain.0)));
                set("unlimited = ?", change.unlimited.map(Arg::from));
                set("models = ?", change.models.as_ref().map(Arg::from));
                set("subnet = ?", change.subnet.as_ref().map(Arg::from));
                set("grps = ?", change.groups.as_ref().map(Arg::from));
                let limits = change.limits.as_ref().and_then(|limits| serde_json::to_string(limits).ok());
                set("limits = ?", limits.map(Arg::Text));
                set("capture = ?", change.capture.map(Arg::from));
                if !sets.is_empty() {
                    args.extend(args![id.0, user.0]);
                    let sql =
                        format!("UPDATE magic_tokens SET {} WHERE id = ? AND user_id = ?", sets.join(", "));
                    tx.exec(&sql, args).await?;
                    bump(tx).await?;
                }
                let sql = format!("SELECT {COLUMNS} FROM magic_tokens WHERE id = ? AND user_id = ?");
                let row = tx.one(&sql, args![id.0, user.0]).await?;
                read(&row.ok_or(StoreError::NotFound("token"))?)?
            })
        })
        .await
    }

    /// Gives a token another key. The one it has works on for at least `overlap` seconds; one from an earlier rotation is
    /// dead at once. The key is returned once and never again.
    pub async fn rotate_token(&self, user: UserId, id: TokenId, overlap: i64) -> Result<(TokenRow, Secret)> {
        let key = new_key()?;
        let made = key.clone();
        let row = self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = format!("SELECT {COLUMNS} FROM magic_tokens WHERE id = ? AND user_id = ?");
                let before = tx.one(&sql, args![id.0, user.0]).await?.ok_or(StoreError::NotFound("token"))?;
                let (hash, tail) = (before.text(17)?, before.text(3)?);
                let lives = overlap > 0;
                tx.exec(
                    "UPDATE magic_tokens SET key_hash = ?, key_prefix = ?, key_tail = ?, old_hash = ?, old_tail = ?, \
                     old_until = ? WHERE id = ? AND user_id = ?",
                    args![
                        crate::digest(made.expose()),
                        prefix_of(made.expose()),
                        made.tail(),
                        lives.then_some(hash),
                        lives.then_some(tail),
                        if lives { next_second() + overlap } else { 0 },
                        id.0,
                        user.0
                    ],
                )
                .await?;
                bump(tx).await?;
                read(&tx.one(&sql, args![id.0, user.0]).await?.ok_or(StoreError::NotFound("token"))?)?
            })
        });
        Ok((row.await?, key))
    }

    /// Deletes a token, and what was captured of its calls.
    pub async fn delete_token(&self, user: UserId, id: TokenId) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "DELETE FROM magic_tokens WHERE id = ? AND user_id = ?";
                if tx.exec(sql, args![id.0, user.0]).await? == 0 {
                    return Err(StoreError::NotFound("token").into());
                }
                tx.exec("DELETE FROM magic_leases WHERE scope = 'token' AND owner_id = ?", args![id.0])
                    .await?;
                bump(tx).await?;
            })
        })
        .await?;
        crate::captures::forget(self, user, Some(id)).await;
        Ok(())
    }

    /// Every token as the proxy keeps them.
    pub async fn principals_tokens(&self) -> Result<Vec<([u8; 32], Token)>> {
        self.run_for(std::time::Duration::from_secs(60), |inner| async move {
            let rows = inner.db.fetch(&format!("SELECT {COLUMNS} FROM magic_tokens"), vec![]).await?;
            rows.iter().map(|row| read(row).map(|token| token.principal())).collect()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_48_characters_and_differ() {
        let (a, b) = (new_key().unwrap(), new_key().unwrap());
        assert_eq!(a.expose().len(), 48);
        assert!(a.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(a, b);
    }
}
