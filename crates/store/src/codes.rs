//! Codes that prove an e-mail address. They are in the database, so that the node that checks one need not be
//! the node that sent it; as digests, with an end; a new one takes the place of the old; each works once.

use crate::db::{Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::ledger::for_update;
use crate::run::{Store, transaction};
use crate::{digest, now};
use magic_domain::secret::Secret;

/// How long a code works, in seconds (oneapi.md §2.5).
pub const LIFETIME: i64 = 600;
/// Wrong guesses a short code stands.
const ATTEMPTS: i64 = 5;

/// What a code is for. A code of one purpose is nothing to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Registration with an address, or binding one: six digits to be typed.
    Address,
    /// A new password: a link with 256 bits of chance.
    Reset,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Address => "address",
            Purpose::Reset => "reset",
        }
    }

    /// Nobody guesses the long one; a bound would only let strangers kill it.
    fn attempts(self) -> i64 {
        match self {
            Purpose::Address => ATTEMPTS,
            Purpose::Reset => i64::MAX,
        }
    }

    fn make(self) -> Result<Secret> {
        match self {
            Purpose::Address => {
                let mut bytes = [0u8; 8];
                getrandom::fill(&mut bytes).map_err(|_| StoreError::Internal("no randomness".into()))?;
                Ok(Secret::new(format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000)))
            }
            Purpose::Reset => crate::sessions::random(),
        }
    }

    fn digest(self, email: &str, code: &str) -> String {
        digest(&format!("{}\n{email}\n{code}", self.name()))
    }
}

impl Store {
    /// Makes a code for an address (in lower case). An earlier one of that purpose is dead.
    pub async fn issue_code(&self, purpose: Purpose, email: &str) -> Result<Secret> {
        let code = purpose.make()?;
        let (email, hash) = (email.to_owned(), purpose.digest(email, code.expose()));
        self.run(move |inner| async move {
            inner.db.exec("DELETE FROM magic_codes WHERE expires_at < ?", args![now()]).await?;
            let sql = inner.db.engine().upsert(
                "magic_codes",
                &["purpose", "email"],
                &["code_hash", "attempts", "expires_at"],
            );
            inner.db.exec(&sql, args![purpose.name(), &email, hash, 0, now() + LIFETIME]).await
        })
        .await?;
        Ok(code)
    }

    /// Uses a code up. `false`: wrong, too old, used before, or guessed at too often.
    pub async fn take_code(&self, purpose: Purpose, email: &str, code: &str) -> Result<bool> {
        let (email, code) = (email.to_owned(), code.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| { take(tx, purpose, &email, &code).await? })
        })
        .await
    }
}

/// [`Store::take_code`] as part of what the code is taken for. On `false` the transaction has to be committed
/// all the same: the guess is counted in it.
pub(crate) async fn take(tx: &mut Tx, purpose: Purpose, email: &str, code: &str) -> Result<bool, TxError> {
    use subtle::ConstantTimeEq;
    let lock = for_update(tx.engine());
    let sql = format!(
        "SELECT code_hash, attempts, expires_at FROM magic_codes WHERE purpose = ? AND email = ?{lock}"
    );
    let Some(row) = tx.one(&sql, args![purpose.name(), email]).await? else { return Ok(false) };
    if row.int(2)? < now() || row.int(1)? >= purpose.attempts() {
        return Ok(false);
    }
    let stored = row.text(0)?;
    if bool::from(stored.as_bytes().ct_eq(purpose.digest(email, code).as_bytes())) {
        let sql = "DELETE FROM magic_codes WHERE purpose = ? AND email = ? AND code_hash = ?";
        return Ok(tx.exec(sql, args![purpose.name(), email, stored]).await? == 1);
    }
    // Only addresses that have an account get a reset code: a write here would take the time that tells so.
    if purpose.attempts() < i64::MAX {
        let sql = "UPDATE magic_codes SET attempts = attempts + 1 WHERE purpose = ? AND email = ?";
        tx.exec(sql, args![purpose.name(), email]).await?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::KeySources;
    use crate::{Bootstrap, Config, Dsn};

    #[tokio::test]
    async fn a_code_grows_old_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            dsn: Dsn::Sqlite(dir.path().join("magic.db")),
            log_dsn: None,
            max_connections: 1,
            redis: None,
            keys: KeySources { file: Some(dir.path().join("master.key")), ..KeySources::default() },
            bootstrap: Bootstrap::default(),
            follower: false,
        };
        let store = Store::open(config).await.unwrap();
        let age = |seconds: i64| {
            store.run(move |inner| async move {
                inner.db.exec("UPDATE magic_codes SET expires_at = expires_at - ?", args![seconds]).await
            })
        };
        for purpose in [Purpose::Address, Purpose::Reset] {
            let code = store.issue_code(purpose, "a@example.com").await.unwrap();
            age(LIFETIME + 1).await.unwrap();
            assert!(!store.take_code(purpose, "a@example.com", code.expose()).await.unwrap());
            let code = store.issue_code(purpose, "a@example.com").await.unwrap();
            age(LIFETIME - 30).await.unwrap();
            assert!(store.take_code(purpose, "a@example.com", code.expose()).await.unwrap());
        }
        let code = store.issue_code(Purpose::Reset, "a@example.com").await.unwrap();
        age(LIFETIME + 1).await.unwrap();
        store.issue_code(Purpose::Reset, "b@example.com").await.unwrap();
        let left = store.run(|inner| async move {
            inner.db.fetch("SELECT email, code_hash FROM magic_codes", vec![]).await
        });
        let left = left.await.unwrap();
        assert_eq!(
            (left.len(), left[0].text(0).unwrap().as_str()),
            (1, "b@example.com"),
            "old ones are cleared"
        );
        assert!(!left[0].text(1).unwrap().contains(code.expose()));
        store.close().await;
    }
}
