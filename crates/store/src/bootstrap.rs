//! The first start: the vault's key and the first account.

use crate::db::{Db, args};
use crate::error::Result;
use crate::run::{bump, transaction};
use crate::vault::{self, KeySources, Vault};
use crate::{DB, digest, now, password, random_id};
use magic_domain::money::Nano;
use magic_domain::secret::Secret;

/// What the first account is made with (`INITIAL_ROOT_…`).
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// None: `123456`, which only opens the "set a new password" step.
    pub root_password: Option<Secret>,
    /// A key for the first token, without `sk-`.
    pub root_token: Option<Secret>,
    pub root_access_token: Option<Secret>,
}

/// one-api's balance of root, in quota.
const ROOT_QUOTA: i64 = 500_000_000_000_000;

pub(crate) async fn unlock(db: &Db, keys: &KeySources) -> Result<Vault> {
    let row = db.one("SELECT value FROM magic_state WHERE name = 'vault_check'", vec![]).await?;
    let check = row.map(|row| row.text(0)).transpose()?;
    let vault = vault::unlock(keys, check.as_deref())?;
    if check.is_none() {
        let value = vault.check_value()?;
        let sql = "INSERT INTO magic_state (name, value) VALUES ('vault_check', ?)";
        if db.exec(sql, args![value]).await.is_err() {
            // Another node was first: its key has to be ours.
            let row = db.one("SELECT value FROM magic_state WHERE name = 'vault_check'", vec![]).await?;
            let check = row.map(|row| row.text(0)).transpose()?;
            return vault::unlock(keys, check.as_deref());
        }
    }
    Ok(vault)
}

pub(crate) async fn first_account(db: &Db, bootstrap: &Bootstrap) -> Result<()> {
    if db.one("SELECT id FROM magic_users LIMIT 1", vec![]).await?.is_some() {
        return Ok(());
    }
    let given = bootstrap.root_password.as_ref().filter(|password| !password.is_empty());
    let hash = password::hash(given.map_or("123456", Secret::expose))?;
    let access = bootstrap.root_access_token.as_ref().filter(|token| !token.is_empty());
    let balance = Nano::from_quota(ROOT_QUOTA);
    let made: Result<()> = transaction!(db, |tx| {
        let id = tx
            .insert(
                "INSERT INTO magic_users (username, password_hash, display_name, role, status, email, github_id, wechat_id, \
                 lark_id, oidc_id, access_token_hash, access_token_tail, balance, grp, aff_code, must_change, owner, created_time) \
                 VALUES ('root', ?, 'Root User', 100, 1, '', '', '', '', '', ?, ?, ?, 'default', '', ?, ?, ?)",
                args![
                    &hash,
                    access.map(|token| digest(token.expose())),
                    access.map(Secret::tail).unwrap_or_default(),
                    balance.0,
                    given.is_none(),
                    DB,
                    now()
                ],
            )
            .await?;
        crate::ledger::post_move(tx, &random_id(), "opening", id, balance, "adjustment", "first account")
            .await?;
        if let Some(token) = bootstrap.root_token.as_ref().filter(|token| !token.is_empty()) {
            let key = token.expose().strip_prefix("sk-").unwrap_or(token.expose());
            crate::tokens::insert(
                tx,
                &crate::tokens::NewToken {
                    user_id: magic_domain::ids::UserId(id),
                    name: "Initial Root Token".into(),
                    unlimited: true,
                    key: Some(Secret::new(key)),
                    ..Default::default()
                },
                DB,
            )
            .await?;
        }
        bump(tx).await?;
    });
    match made {
        // Another node was first.
        Err(crate::StoreError::Conflict(_)) => Ok(()),
        other => other,
    }
}
