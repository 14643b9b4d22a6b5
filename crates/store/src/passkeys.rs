//! Passkeys: public keys, and the challenges that authenticators sign. What a signature is, the caller knows; here
//! is what it is worth. Challenges are in the database, so that any node can check what another has asked; as
//! digests, with an end; each works once.

use crate::db::{Row, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::ledger::for_update;
use crate::run::{Store, transaction};
use crate::sessions::random;
use crate::totp::{drop_spare_codes, keep_codes, recovery_hash};
use crate::{digest, now};
use magic_domain::ids::UserId;
use magic_domain::secret::Secret;

/// Passkeys an account may have.
pub const PASSKEYS_MAX: usize = 20;
/// How long a challenge is good for, in seconds.
pub const LIFETIME: i64 = 300;

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub id: i64,
    pub user: UserId,
    /// In base64url, like the key.
    pub credential_id: String,
    /// COSE.
    pub public_key: String,
    /// COSE's number.
    pub algorithm: i64,
    /// Of signatures; 0: the authenticator does not count.
    pub counter: i64,
    /// What authenticators know the account by.
    pub handle: String,
    /// The host that it belongs to.
    pub rp_id: String,
    pub name: String,
    /// A list, in JSON.
    pub transports: String,
    /// Its owner's other devices may have it too.
    pub synced: bool,
    /// Unix seconds.
    pub created_time: i64,
    /// Unix seconds; 0: never.
    pub used_time: i64,
}

/// What a challenge is for. One of one purpose is nothing to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceremony {
    /// A new passkey for an account.
    Register,
    /// A sign-in without a name: by whoever has a passkey.
    SignIn,
    /// The second factor of an account.
    Factor,
}

impl Ceremony {
    fn name(self) -> &'static str {
        match self {
            Ceremony::Register => "register",
            Ceremony::SignIn => "signin",
            Ceremony::Factor => "factor",
        }
    }
}

/// Whom a challenge was made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenged {
    /// `None`: anybody.
    pub user: Option<UserId>,
    /// The account's epoch at that time.
    pub epoch: i64,
    /// Of a new passkey.
    pub handle: String,
}

/// What a signature was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Right,
    /// The counter is not beyond this one: the authenticator may have been copied.
    Backwards(i64),
    /// The passkey was taken away meanwhile.
    Gone,
}

const COLUMNS: &str = "id, user_id, credential_id, public_key, algorithm, counter, handle, rp_id, name, transports, \
     synced, created_time, used_time";

fn read(row: &Row) -> Result<Passkey> {
    Ok(Passkey {
        id: row.int(0)?,
        user: UserId(row.int(1)?),
        credential_id: row.text(2)?,
        public_key: row.text(3)?,
        algorithm: row.int(4)?,
        counter: row.int(5)?,
        handle: row.text(6)?,
        rp_id: row.text(7)?,
        name: row.text(8)?,
        transports: row.text(9)?,
        synced: row.bool(10)?,
        created_time: row.int(11)?,
        used_time: row.int(12)?,
    })
}

/// Takes all of an account's passkeys away; how many.
pub(crate) async fn forget(tx: &mut Tx, user: UserId) -> Result<u64, TxError> {
    let gone = tx.exec("DELETE FROM magic_passkeys WHERE user_id = ?", args![user.0]).await?;
    drop_spare_codes(tx, user).await?;
    Ok(gone)
}

/// The account has another factor: what was begun with less than that to show is not gone on with.
pub(crate) async fn drop_begun(tx: &mut Tx, user: UserId) -> Result<(), TxError> {
    let sql = "DELETE FROM magic_passkey_challenges WHERE user_id = ? AND purpose = ?";
    tx.exec(sql, args![user.0, Ceremony::Register.name()]).await?;
    tx.exec("DELETE FROM magic_totp WHERE user_id = ? AND active = 0", args![user.0]).await.map(|_| ())
}

impl Store {
    /// Makes a challenge, for the account `user` (with its epoch) if there is one.
    pub async fn challenge(
        &self,
        ceremony: Ceremony,
        user: Option<(UserId, i64)>,
        handle: &str,
    ) -> Result<Secret> {
        let challenge = random()?;
        let (hash, handle) = (digest(challenge.expose()), handle.to_owned());
        self.run(move |inner| async move {
            let (user, epoch) = user.map_or((0, 0), |(id, epoch)| (id.0, epoch));
            inner.db.exec("DELETE FROM magic_passkey_challenges WHERE expires_at < ?", args![now()]).await?;
            let sql = "INSERT INTO magic_passkey_challenges (challenge_hash, purpose, user_id, epoch, handle, expires_at) \
                 VALUES (?, ?, ?, ?, ?, ?)";
            let until = now() + LIFETIME;
            inner.db.exec(sql, args![hash, ceremony.name(), user, epoch, handle, until]).await
        })
        .await?;
        Ok(challenge)
    }

    /// Uses a challenge up. `None`: unknown, for something else, too old, or used before.
    pub async fn take_challenge(&self, ceremony: Ceremony, challenge: &str) -> Result<Option<Challenged>> {
        let hash = digest(challenge);
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "SELECT user_id, epoch, handle FROM magic_passkey_challenges \
                     WHERE challenge_hash = ? AND purpose = ? AND expires_at >= ?";
                let row = tx.one(sql, args![&hash, ceremony.name(), now()]).await?;
                let sql = "DELETE FROM magic_passkey_challenges WHERE challenge_hash = ?";
                // Whoever deletes the row has it: a replay at the same moment finds nothing to delete.
                match (tx.exec(sql, args![&hash]).await?, row) {
                    (1, Some(row)) => {
                        let user = row.int(0)?;
                        let user = (user != 0).then_some(UserId(user));
                        Some(Challenged { user, epoch: row.int(1)?, handle: row.text(2)? })
                    }
                    _ => None,
                }
            })
        })
        .await
    }

    /// An account's passkeys, the oldest first.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<Passkey>> {
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_passkeys WHERE user_id = ? ORDER BY id");
            inner.db.fetch(&sql, args![user.0]).await?.iter().map(read).collect()
        })
        .await
    }

    /// The passkey of a credential's id, in base64url.
    pub async fn passkey_of(&self, credential_id: &str) -> Result<Option<Passkey>> {
        let hash = digest(credential_id);
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_passkeys WHERE credential_hash = ?");
            inner.db.one(&sql, args![hash]).await?.as_ref().map(read).transpose()
        })
        .await
    }

    /// Keeps a new passkey (its `id` and times are given here). An account that had no second factor gets these
    /// recovery codes with it: true. `Conflict`: somebody has that credential, or the account has enough.
    pub async fn add_passkey(&self, new: Passkey, recovery: Vec<Secret>) -> Result<(Passkey, bool)> {
        let credential = new.credential_id.clone();
        let first = self
            .run(move |inner| async move {
                let (hash, user) = (digest(&new.credential_id), new.user);
                let codes: Vec<String> = recovery.iter().map(|code| recovery_hash(user, code)).collect();
                transaction!(inner.db, |tx| {
                    // One at a time, so that none is one too many.
                    let lock = for_update(tx.engine());
                    let sql = format!("SELECT id FROM magic_users WHERE id = ?{lock}");
                    tx.one(&sql, args![user.0]).await?.ok_or(StoreError::NotFound("user"))?;
                    let sql = "SELECT id FROM magic_passkeys WHERE user_id = ?";
                    let count = tx.fetch(sql, args![user.0]).await?.len();
                    if count >= PASSKEYS_MAX {
                        let why = format!("an account has {PASSKEYS_MAX} passkeys at most");
                        return Err(StoreError::Conflict(why).into());
                    }
                    let sql = "SELECT id FROM magic_passkeys WHERE credential_hash = ?";
                    if tx.one(sql, args![&hash]).await?.is_some() {
                        return Err(StoreError::Conflict("the passkey is known already".into()).into());
                    }
                    let sql = "INSERT INTO magic_passkeys (user_id, credential_hash, credential_id, public_key, algorithm, \
                         counter, handle, rp_id, name, transports, synced, created_time, used_time) \
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)";
                    let values = args![
                        user.0,
                        &hash,
                        &new.credential_id,
                        &new.public_key,
                        new.algorithm,
                        new.counter,
                        &new.handle,
                        &new.rp_id,
                        &new.name,
                        &new.transports,
                        new.synced,
                        now()
                    ];
                    tx.exec(sql, values).await?;
                    let sql = "SELECT user_id FROM magic_totp WHERE user_id = ? AND active = 1";
                    let first = count == 0 && tx.one(sql, args![user.0]).await?.is_none();
                    if first {
                        keep_codes(tx, user, &codes).await?;
                    }
                    drop_begun(tx, user).await?;
                    first
                })
            })
            .await?;
        let kept = self.passkey_of(&credential).await?.ok_or(StoreError::NotFound("passkey"))?;
        Ok((kept, first))
    }

    /// Gives an account's passkey another name; whether there is one.
    pub async fn rename_passkey(&self, user: UserId, id: i64, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.run(move |inner| async move {
            let sql = "UPDATE magic_passkeys SET name = ? WHERE id = ? AND user_id = ?";
            Ok(inner.db.exec(sql, args![name, id, user.0]).await? == 1)
        })
        .await
    }

    /// Takes one of an account's passkeys away; whether there was one.
    pub async fn remove_passkey(&self, user: UserId, id: i64) -> Result<bool> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "DELETE FROM magic_passkeys WHERE id = ? AND user_id = ?";
                let was = tx.exec(sql, args![id, user.0]).await? == 1;
                drop_spare_codes(tx, user).await?;
                was
            })
        })
        .await
    }

    /// Takes all of an account's passkeys away; whether there were any.
    pub async fn remove_passkeys(&self, user: UserId) -> Result<bool> {
        self.run(move |inner| async move { transaction!(inner.db, |tx| { forget(tx, user).await? > 0 }) })
            .await
    }

    /// Counts a signature that was right otherwise. An authenticator that counts must have counted on.
    pub async fn count_passkey(&self, id: i64, counter: i64) -> Result<Counted> {
        self.run(move |inner| async move {
            // One statement: of two signatures with the same counter, one is right.
            let sql = "UPDATE magic_passkeys SET counter = ?, used_time = ? \
                 WHERE id = ? AND (counter < ? OR (counter = 0 AND ? = 0))";
            if inner.db.exec(sql, args![counter, now(), id, counter, counter]).await? == 1 {
                return Ok(Counted::Right);
            }
            let row = inner.db.one("SELECT counter FROM magic_passkeys WHERE id = ?", args![id]).await?;
            let last = row.map(|row| row.int(0)).transpose()?;
            Ok(last.map_or(Counted::Gone, Counted::Backwards))
        })
        .await
    }
}
