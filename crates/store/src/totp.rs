//! Second factors: sealed secrets, the step that was used last, recovery codes as digests, and the count of
//! wrong attempts. What a code is, the caller knows; here is what it is worth.

use crate::db::{Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::ledger::for_update;
use crate::run::{Store, transaction};
use crate::{digest, now};
use magic_domain::ids::UserId;
use magic_domain::secret::Secret;

/// Wrong codes an account may see in [`WINDOW`] seconds.
pub const WRONG_MAX: i64 = 5;
/// Seconds.
pub const WINDOW: i64 = 300;

/// A second factor.
#[derive(Debug, Clone)]
pub struct Totp {
    /// In base32.
    pub secret: Secret,
    /// False: being set up.
    pub active: bool,
}

/// What a caller has shown.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The step whose code it is, if it is one.
    pub step: Option<i64>,
    /// The text as a recovery code, normalised.
    pub recovery: Option<Secret>,
}

/// What it was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Right,
    /// Wrong, or used before.
    Wrong,
    /// Not looked at: too many were wrong. Seconds to wait.
    Wait(i64),
}

pub(crate) fn place(user: i64) -> String {
    format!("magic_totp/{user}/secret")
}

/// Bound to the account: the same code of two accounts has two digests.
pub(crate) fn recovery_hash(user: UserId, code: &Secret) -> String {
    digest(&format!("{}:{}", user.0, code.expose()))
}

/// Takes an account's second factor away.
pub(crate) async fn forget(tx: &mut Tx, user: UserId) -> Result<(), TxError> {
    tx.exec("DELETE FROM magic_totp WHERE user_id = ?", args![user.0]).await?;
    drop_spare_codes(tx, user).await
}

/// Recovery codes go with the last second factor.
pub(crate) async fn drop_spare_codes(tx: &mut Tx, user: UserId) -> Result<(), TxError> {
    let sql = "DELETE FROM magic_totp_recovery WHERE user_id = ? \
         AND NOT EXISTS (SELECT 1 FROM magic_totp WHERE user_id = ? AND active = 1) \
         AND NOT EXISTS (SELECT 1 FROM magic_passkeys WHERE user_id = ?)";
    tx.exec(sql, args![user.0, user.0, user.0]).await.map(|_| ())
}

/// Gives an account these recovery codes in place of those it had.
pub(crate) async fn keep_codes(tx: &mut Tx, user: UserId, hashes: &[String]) -> Result<(), TxError> {
    tx.exec("DELETE FROM magic_totp_recovery WHERE user_id = ?", args![user.0]).await?;
    for hash in hashes {
        let sql = "INSERT INTO magic_totp_recovery (user_id, code_hash) VALUES (?, ?)";
        tx.exec(sql, args![user.0, hash]).await?;
    }
    Ok(())
}

impl Store {
    /// The second factor of an account, active or being set up.
    pub async fn totp(&self, user: UserId) -> Result<Option<Totp>> {
        self.run(move |inner| async move {
            let sql = "SELECT secret_sealed, active FROM magic_totp WHERE user_id = ?";
            let Some(row) = inner.db.one(sql, args![user.0]).await? else { return Ok(None) };
            Ok(Some(Totp { secret: inner.vault.open(&row.text(0)?, &place(user.0))?, active: row.bool(1)? }))
        })
        .await
    }

    /// Keeps a secret that is not active yet. `Conflict`: one is active.
    pub async fn totp_begin(&self, user: UserId, secret: Secret) -> Result<()> {
        self.run(move |inner| async move {
            let sealed = inner.vault.seal(&secret, &place(user.0))?;
            transaction!(inner.db, |tx| {
                let lock = for_update(tx.engine());
                let sql =
                    format!("SELECT active, wrong, wrong_since FROM magic_totp WHERE user_id = ?{lock}");
                let row = tx.one(&sql, args![user.0]).await?;
                let mut count = (0, 0);
                if let Some(row) = row {
                    if row.bool(0)? {
                        return Err(StoreError::Conflict("a second factor is active already".into()).into());
                    }
                    // Beginning again does not buy new attempts.
                    count = (row.int(1)?, row.int(2)?);
                }
                let columns =
                    ["secret_sealed", "active", "last_step", "wrong", "wrong_since", "created_time"];
                let sql = tx.engine().upsert("magic_totp", &["user_id"], &columns);
                tx.exec(&sql, args![user.0, &sealed, 0i64, 0i64, count.0, count.1, now()]).await?;
            })
        })
        .await
    }

    /// Makes the factor that is being set up the account's, with these recovery codes. The code counts as used.
    pub async fn totp_activate(
        &self,
        user: UserId,
        step: Option<i64>,
        recovery: Vec<Secret>,
    ) -> Result<Verdict> {
        self.run(move |inner| async move {
            let hashes: Vec<String> = recovery.iter().map(|code| recovery_hash(user, code)).collect();
            transaction!(inner.db, |tx| {
                let verdict = judge(tx, user, false, step).await?;
                if verdict == Verdict::Right {
                    tx.exec("UPDATE magic_totp SET active = 1 WHERE user_id = ?", args![user.0]).await?;
                    keep_codes(tx, user, &hashes).await?;
                    crate::passkeys::drop_begun(tx, user).await?;
                }
                verdict
            })
        })
        .await
    }

    /// Uses a code of the active factor up. A right recovery code counts even while others have to wait: it can't
    /// be guessed, and it is what the owner has left when somebody else uses the attempts up.
    pub async fn totp_spend(&self, user: UserId, shown: Shown) -> Result<Verdict> {
        self.run(move |inner| async move {
            let hash = shown.recovery.as_ref().map(|code| recovery_hash(user, code));
            transaction!(inner.db, |tx| {
                let sql = "DELETE FROM magic_totp_recovery WHERE user_id = ? AND code_hash = ?";
                let spent = match &hash {
                    Some(hash) => tx.exec(sql, args![user.0, hash]).await? == 1,
                    None => false,
                };
                if spent { Verdict::Right } else { judge(tx, user, true, shown.step).await? }
            })
        })
        .await
    }

    /// Recovery codes that an account has left.
    pub async fn recovery_codes(&self, user: UserId) -> Result<i64> {
        self.run(move |inner| async move {
            let sql = "SELECT COUNT(*) FROM magic_totp_recovery WHERE user_id = ?";
            let row = inner.db.one(sql, args![user.0]).await?;
            Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
        })
        .await
    }

    /// Takes the second factor away; whether there was one.
    pub async fn totp_remove(&self, user: UserId) -> Result<bool> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "SELECT user_id FROM magic_totp WHERE user_id = ?";
                let was = tx.one(sql, args![user.0]).await?.is_some();
                forget(tx, user).await?;
                was
            })
        })
        .await
    }

    /// Whether the account can be signed in to with a password.
    pub async fn has_password(&self, user: UserId) -> Result<bool> {
        self.run(move |inner| async move {
            let row =
                inner.db.one("SELECT password_hash FROM magic_users WHERE id = ?", args![user.0]).await?;
            Ok(row.map(|row| row.text(0)).transpose()?.is_some_and(|hash| !hash.is_empty()))
        })
        .await
    }
}

/// A code is right once, and later codes only: the row is locked, so that two at once are judged in turn.
async fn judge(tx: &mut Tx, user: UserId, active: bool, step: Option<i64>) -> Result<Verdict, TxError> {
    let lock = for_update(tx.engine());
    let sql = format!(
        "SELECT last_step, wrong, wrong_since FROM magic_totp WHERE user_id = ? AND active = ?{lock}"
    );
    let Some(row) = tx.one(&sql, args![user.0, active]).await? else { return Ok(Verdict::Wrong) };
    let (last, wrong, since) = (row.int(0)?, row.int(1)?, row.int(2)?);
    let now = now();
    let fresh = since + WINDOW <= now;
    if !fresh && wrong >= WRONG_MAX {
        return Ok(Verdict::Wait((since + WINDOW - now).max(1)));
    }
    if let Some(step) = step.filter(|step| *step > last) {
        let sql = "UPDATE magic_totp SET last_step = ?, wrong = 0, wrong_since = 0 WHERE user_id = ?";
        tx.exec(sql, args![step, user.0]).await?;
        return Ok(Verdict::Right);
    }
    let (wrong, since) = if fresh { (1, now) } else { (wrong + 1, since) };
    tx.exec(
        "UPDATE magic_totp SET wrong = ?, wrong_since = ? WHERE user_id = ?",
        args![wrong, since, user.0],
    )
    .await?;
    Ok(Verdict::Wrong)
}
