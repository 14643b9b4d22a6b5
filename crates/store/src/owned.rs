//! Objects that the configuration file declares: put into the database under its ownership, so that everything
//! else treats them as any other; taken out again when the file no longer names them.

use crate::channels::{self, NewChannel};
use crate::db::args;
use crate::error::{Result, StoreError};
use crate::run::{Store, bump, transaction};
use crate::tokens::NewToken;
use crate::{FILE, now, password, random_id};
use magic_domain::limits::Limits;
use magic_domain::money::Nano;
use magic_domain::price::Price;
use magic_domain::prompt::Document;
use magic_domain::secret::Secret;
use std::collections::BTreeMap;
use std::time::Duration;

/// A user the file declares. Their balance is set when they are first made; later it is the books' business.
#[derive(Debug, Clone, Default)]
pub struct OwnedUser {
    pub username: String,
    pub password: Option<Secret>,
    pub role: i64,
    pub group: String,
    pub email: String,
    pub display_name: String,
    pub balance: Nano,
    pub limits: Limits,
}

/// A token the file declares, for a user by name.
#[derive(Debug, Clone)]
pub struct OwnedToken {
    pub user: String,
    pub token: NewToken,
}

/// Everything a file declares.
#[derive(Debug, Clone, Default)]
pub struct Owned {
    pub channels: Vec<NewChannel>,
    pub users: Vec<OwnedUser>,
    pub tokens: Vec<OwnedToken>,
    pub options: BTreeMap<String, String>,
    pub models: BTreeMap<String, Price>,
    /// Checked.
    pub prompts: Vec<Document>,
}

impl Store {
    /// Makes the database agree with the file, all or nothing. A name that the database owns already is a
    /// conflict; `root` can be declared by nobody.
    pub async fn apply_owned(&self, owned: Owned) -> Result<()> {
        // argon2 takes its time: hashed before the transaction, and only where the password is new.
        let mut hashes: BTreeMap<String, String> = BTreeMap::new();
        for user in &owned.users {
            let Some(given) = user.password.clone() else { continue };
            let name = user.username.clone();
            let hash = self
                .run(move |inner| async move {
                    let row = inner
                        .db
                        .one("SELECT password_hash FROM magic_users WHERE username = ?", args![&name])
                        .await?;
                    let stored = row.map(|row| row.text(0)).transpose()?.unwrap_or_default();
                    let work = tokio::task::spawn_blocking(move || {
                        match password::verify(given.expose(), &stored) {
                            (true, false) => Ok(stored),
                            _ => password::hash(given.expose()),
                        }
                    });
                    work.await.map_err(|_| StoreError::Internal("hashing was cut off".into()))?
                })
                .await?;
            hashes.insert(user.username.clone(), hash);
        }
        self.run_for(Duration::from_secs(60), move |inner| async move {
            transaction!(inner.db, |tx| {
                let conflict = |what: &str, name: &str| {
                    StoreError::Conflict(format!("{what} {name:?} of the configuration file exists in the database already"))
                };
                // Channels, by name.
                let rows = tx.fetch("SELECT id, name, owner FROM magic_channels", vec![]).await?;
                let mut gone: BTreeMap<String, i64> = BTreeMap::new();
                for row in &rows {
                    if row.text(2)? == FILE {
                        gone.insert(row.text(1)?, row.int(0)?);
                    }
                }
                for channel in &owned.channels {
                    match gone.remove(&channel.channel.name) {
                        Some(id) => {
                            let status = tx.one("SELECT status FROM magic_channels WHERE id = ?", args![id]).await?;
                            let status = status.map(|row| row.int(0)).transpose()?.unwrap_or(1);
                            let mut channel = channel.clone();
                            if status == 3 && i64::from(channel.channel.status) == 1 {
                                // Disabled automatically: the file does not know better.
                                channel.channel.status = status.into();
                            }
                            channels::write(tx, &inner, id, &channel).await?;
                            crate::keys::sync(tx, &inner, id, &channel.channel.keys).await?;
                        }
                        None => {
                            channels::insert(tx, &inner, channel, FILE).await?;
                        }
                    }
                }
                for id in gone.values() {
                    tx.exec("DELETE FROM magic_channels WHERE id = ?", args![*id]).await?;
                    crate::capabilities::forget(tx, *id).await?;
                    crate::keys::forget(tx, *id).await?;
                }
                // Users, by name.
                let rows = tx.fetch("SELECT id, username FROM magic_users WHERE owner = ?", args![FILE]).await?;
                let mut gone: BTreeMap<String, i64> = BTreeMap::new();
                for row in &rows {
                    gone.insert(row.text(1)?, row.int(0)?);
                }
                for user in &owned.users {
                    let hash = hashes.get(&user.username).cloned().unwrap_or_default();
                    let group = if user.group.is_empty() { "default" } else { user.group.as_str() };
                    let role = if user.role == 0 { 1 } else { user.role };
                    let limits = serde_json::to_string(&user.limits).unwrap_or_default();
                    if let Some(id) = gone.remove(&user.username) {
                        tx.exec(
                            "UPDATE magic_users SET epoch = CASE WHEN password_hash = ? THEN epoch ELSE epoch + 1 END, password_hash = ?, \
                             role = ?, grp = ?, email = ?, display_name = ?, limits = ?, status = CASE WHEN status = 3 THEN 1 ELSE status END WHERE id = ?",
                            args![&hash, &hash, role, group, &user.email, &user.display_name, limits, id],
                        )
                        .await?;
                        continue;
                    }
                    let known = tx.one("SELECT id FROM magic_users WHERE username = ?", args![&user.username]).await?;
                    if known.is_some() {
                        return Err(conflict("user", &user.username).into());
                    }
                    let id = tx
                        .insert(
                            "INSERT INTO magic_users (username, password_hash, display_name, role, status, email, github_id, wechat_id, \
                             lark_id, oidc_id, access_token_tail, balance, grp, aff_code, owner, created_time, limits) \
                             VALUES (?, ?, ?, ?, 1, ?, '', '', '', '', '', ?, ?, ?, ?, ?, ?)",
                            args![
                                &user.username, &hash, &user.display_name, role, &user.email, user.balance.0, group,
                                random_id()[..8].to_owned(), FILE, now(), limits
                            ],
                        )
                        .await?;
                    if user.balance.0 != 0 {
                        let note = "opening balance of the configuration file";
                        crate::ledger::post_move(tx, &random_id(), "opening", id, user.balance, "adjustment", note).await?;
                    }
                }
                for id in gone.values() {
                    // Their books stay; they can't call or sign in any more.
                    tx.exec("UPDATE magic_users SET status = 2, epoch = epoch + 1 WHERE id = ?", args![*id]).await?;
                }
                // Tokens, by key.
                let rows = tx.fetch("SELECT id, key_hash FROM magic_tokens WHERE owner = ?", args![FILE]).await?;
                let mut gone: BTreeMap<String, i64> = BTreeMap::new();
                for row in &rows {
                    gone.insert(row.text(1)?, row.int(0)?);
                }
                for owned in &owned.tokens {
                    let row = tx.one("SELECT id FROM magic_users WHERE username = ?", args![&owned.user]).await?;
                    let Some(row) = row else {
                        return Err(StoreError::Invalid(format!("a token of the configuration file names the unknown user {:?}", owned.user)).into());
                    };
                    let mut token = owned.token.clone();
                    token.user_id = magic_domain::ids::UserId(row.int(0)?);
                    let key = token.key.as_ref().map(|key| key.expose().strip_prefix("sk-").unwrap_or(key.expose()).to_owned());
                    let key = key.ok_or_else(|| StoreError::Invalid("a token of the configuration file has no key".into()))?;
                    let hash = crate::digest(&key);
                    token.key = Some(Secret::new(key));
                    match gone.remove(&hash) {
                        Some(id) => {
                            let limits = serde_json::to_string(&token.limits).unwrap_or_default();
                            tx.exec(
                                "UPDATE magic_tokens SET user_id = ?, name = ?, expired_time = ?, unlimited = ?, models = ?, subnet = ?, grps = ?, limits = ?, capture = ? WHERE id = ?",
                                args![
                                    token.user_id.0, &token.name, token.expired_time, token.unlimited, &token.models,
                                    &token.subnet, &token.groups, limits, token.capture, id
                                ],
                            )
                            .await?;
                        }
                        None => {
                            let known = tx.one("SELECT id FROM magic_tokens WHERE key_hash = ?", args![&hash]).await?;
                            if known.is_some() {
                                return Err(conflict("token", &token.name).into());
                            }
                            crate::tokens::insert(tx, &token, FILE).await?;
                        }
                    }
                }
                for id in gone.values() {
                    tx.exec("DELETE FROM magic_tokens WHERE id = ?", args![*id]).await?;
                }
                // Options and models: the file's stand over the database's, which come back when the file lets go.
                tx.exec("DELETE FROM magic_options WHERE owner = ?", args![FILE]).await?;
                for (name, open) in &owned.options {
                    let sql = tx.engine().upsert("magic_options", &["name"], &["value", "owner"]);
                    let value = match magic_domain::options::find(name) {
                        Some(def) => crate::settings::stored(&inner, def, open)?,
                        None => open.clone(),
                    };
                    tx.exec(&sql, args![name, value, FILE]).await?;
                    crate::prices::record_option(tx, name, open, FILE).await?;
                }
                tx.exec("DELETE FROM magic_models WHERE owner = ?", args![FILE]).await?;
                for (name, price) in &owned.models {
                    let text = serde_json::to_string(price).map_err(|error| StoreError::Internal(error.to_string()))?;
                    let sql = tx.engine().upsert("magic_models", &["name"], &["price", "owner"]);
                    tx.exec(&sql, args![name, &text, FILE]).await?;
                    crate::prices::record(tx, name, &text, FILE).await?;
                }
                crate::prompts::apply_owned(tx, &owned.prompts).await?;
                bump(tx).await?;
            })
        })
        .await
    }
}
