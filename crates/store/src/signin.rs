//! Signing in by others: states that bind a flow to the browser that began it, and accounts found, made or
//! bound by what somebody else calls them.

use crate::db::{Tx, TxError, args};
use crate::enrol::insert;
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store, bump, transaction};
use crate::sessions::random;
use crate::users::{COLUMNS, NewUser, UserRow, read};
use crate::{digest, now, random_id};
use magic_domain::ids::UserId;
use magic_domain::secret::Secret;

/// How long a state is good for, in seconds.
pub const STATE_LIFETIME: i64 = 600;
/// Longest id of somebody else's that is taken, in bytes (MySQL's key).
pub const ID_MAX: usize = 191;

/// Who vouches for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    GitHub,
    Oidc,
    Lark,
    WeChat,
}

impl Provider {
    /// As in paths and in the names of new accounts.
    pub fn name(self) -> &'static str {
        match self {
            Provider::GitHub => "github",
            Provider::Oidc => "oidc",
            Provider::Lark => "lark",
            Provider::WeChat => "wechat",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Provider::GitHub => "github_id",
            Provider::Oidc => "oidc_id",
            Provider::Lark => "lark_id",
            Provider::WeChat => "wechat_id",
        }
    }
}

/// What a state stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The way to a provider and back.
    Flow,
    /// A provider has vouched; the second factor is missing.
    SecondFactor,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Flow => "flow",
            Purpose::SecondFactor => "totp",
        }
    }
}

/// A flow that has begun. `state` goes through the provider; `browser` stays in the cookie.
#[derive(Debug, Clone)]
pub struct Begun {
    pub state: Secret,
    pub browser: Secret,
    /// Empty without PKCE.
    pub verifier: Secret,
    pub nonce: String,
}

/// What is known of a flow that comes back.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    /// Whose account the flow is for: the one to bind, or the one whose second factor is missing.
    pub user: Option<UserId>,
    /// The account's epoch when the flow began.
    pub epoch: i64,
    /// Empty when the caller built the authorization URL without it.
    pub verifier: Secret,
    /// Empty likewise.
    pub nonce: String,
}

/// What a provider says of a caller.
#[derive(Debug, Clone)]
pub struct Identity {
    pub provider: Provider,
    /// Stable and never given to another.
    pub id: String,
    /// What one-api has stored instead; replaced by `id` when it is met.
    pub former: Option<String>,
    /// A name to use for a new account if it is free.
    pub username: Option<String>,
    pub display_name: String,
    /// Only an address that the provider has verified.
    pub email: Option<String>,
}

/// The outcome of a sign-in by a provider.
#[derive(Debug, Clone, PartialEq)]
pub enum External {
    /// The account, which may be disabled.
    Known(Box<UserRow>),
    Made(Box<UserRow>),
    /// Nobody has it, and no account may be made.
    Unknown,
}

fn place(state_hash: &str) -> String {
    format!("magic_oauth_states/{state_hash}/verifier")
}

impl Store {
    /// Begins a flow, for the account `user` (with its epoch) if there is one. `proof`: with PKCE and a nonce.
    pub async fn begin_flow(
        &self,
        purpose: Purpose,
        user: Option<(UserId, i64)>,
        proof: bool,
    ) -> Result<Begun> {
        let begun = Begun {
            state: random()?,
            browser: random()?,
            verifier: if proof { random()? } else { Secret::default() },
            nonce: if proof { random()?.expose().to_owned() } else { String::new() },
        };
        let kept = begun.clone();
        self.run(move |inner| async move {
            let hash = digest(kept.state.expose());
            let sealed = inner.vault.seal(&kept.verifier, &place(&hash))?;
            let (user, epoch) = user.map_or((0, 0), |(id, epoch)| (id.0, epoch));
            inner.db.exec("DELETE FROM magic_oauth_states WHERE expires_at < ?", args![now()]).await?;
            let sql = "INSERT INTO magic_oauth_states (state_hash, browser_hash, purpose, user_id, epoch, verifier_sealed, \
                 nonce, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
            let browser = digest(kept.browser.expose());
            let until = now() + STATE_LIFETIME;
            inner.db.exec(sql, args![hash, browser, purpose.name(), user, epoch, sealed, &kept.nonce, until]).await
        })
        .await?;
        Ok(begun)
    }

    /// Looks at a state of this browser without using it up.
    pub async fn flow(&self, purpose: Purpose, state: &Secret, browser: &Secret) -> Result<Option<Pending>> {
        let (hash, browser) = (digest(state.expose()), digest(browser.expose()));
        self.run(move |inner| async move {
            let row = inner.db.one(FLOW, args![&hash, browser, purpose.name(), now()]).await?;
            row.map(|row| pending(&inner, &row, &hash)).transpose()
        })
        .await
    }

    /// Uses a state up. `None`: unknown, another browser's, too old, or used before.
    pub async fn take_flow(
        &self,
        purpose: Purpose,
        state: &Secret,
        browser: &Secret,
    ) -> Result<Option<Pending>> {
        let (hash, browser) = (digest(state.expose()), digest(browser.expose()));
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let row = tx.one(FLOW, args![&hash, &browser, purpose.name(), now()]).await?;
                let gone = tx.exec(
                    "DELETE FROM magic_oauth_states WHERE state_hash = ? AND browser_hash = ?",
                    args![&hash, &browser],
                );
                // Whoever deletes the row has it: a replay at the same moment finds nothing to delete.
                match (gone.await?, row) {
                    (1, Some(row)) => Some(pending(&inner, &row, &hash)?),
                    _ => None,
                }
            })
        })
        .await
    }

    /// Finds the account of an identity, or makes one from `template` (whose name and address are filled in
    /// here). Nobody's address is taken over.
    pub async fn sign_in_by(&self, identity: Identity, template: Option<NewUser>) -> Result<External> {
        fits(&identity)?;
        self.run(move |inner| async move {
            let note = random_id();
            transaction!(inner.db, |tx| {
                lock(tx).await?;
                match (holder(tx, &identity).await?, &template) {
                    (Some(user), _) => External::Known(Box::new(user)),
                    (None, None) => External::Unknown,
                    (None, Some(template)) => {
                        let user = make(tx, &identity, template, &note).await?;
                        External::Made(Box::new(user))
                    }
                }
            })
        })
        .await
    }

    /// Gives an identity to an account. `Conflict`: somebody else has it.
    pub async fn bind(&self, user: UserId, identity: Identity) -> Result<UserRow> {
        fits(&identity)?;
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                lock(tx).await?;
                if holder(tx, &identity).await?.is_some_and(|holder| holder.id != user) {
                    return Err(StoreError::Conflict("it is bound to another account already".into()).into());
                }
                let column = identity.provider.column();
                let sql = format!("UPDATE magic_users SET {column} = ? WHERE id = ? AND status = 1");
                tx.exec(&sql, args![&identity.id, user.0]).await?;
                bump(tx).await?;
                by_id(tx, user).await?
            })
        })
        .await
    }
}

const FLOW: &str = "SELECT user_id, epoch, verifier_sealed, nonce FROM magic_oauth_states \
     WHERE state_hash = ? AND browser_hash = ? AND purpose = ? AND expires_at >= ?";

fn pending(inner: &Inner, row: &crate::db::Row, hash: &str) -> Result<Pending> {
    let user = row.int(0)?;
    Ok(Pending {
        user: (user != 0).then_some(UserId(user)),
        epoch: row.int(1)?,
        verifier: inner.vault.open(&row.text(2)?, &place(hash))?,
        nonce: row.text(3)?,
    })
}

fn fits(identity: &Identity) -> Result<()> {
    let id = &identity.id;
    if id.is_empty() || id.len() > ID_MAX || id.chars().any(char::is_control) {
        return Err(StoreError::Invalid("the provider's id for the account can't be used".into()));
    }
    Ok(())
}

/// One identity at a time: two first sign-ins at once make one account. Taken before any other row, so that
/// nobody waits in a circle.
async fn lock(tx: &mut Tx) -> Result<(), TxError> {
    let lock = crate::ledger::for_update(tx.engine());
    tx.one(&format!("SELECT value FROM magic_state WHERE name = 'identities'{lock}"), vec![]).await?;
    Ok(())
}

async fn by_id(tx: &mut Tx, id: UserId) -> Result<UserRow, TxError> {
    let row = tx.one(&format!("SELECT {COLUMNS} FROM magic_users WHERE id = ?"), args![id.0]).await?;
    Ok(read(&row.ok_or(StoreError::NotFound("user"))?)?)
}

/// The live account that has the identity. One that is known by the former id gets the stable one.
async fn holder(tx: &mut Tx, identity: &Identity) -> Result<Option<UserRow>, TxError> {
    let column = identity.provider.column();
    let sql =
        format!("SELECT {COLUMNS} FROM magic_users WHERE {column} = ? AND status <> 3 ORDER BY id LIMIT 1");
    if let Some(row) = tx.one(&sql, args![&identity.id]).await? {
        return Ok(Some(read(&row)?));
    }
    let Some(former) = identity.former.as_ref().filter(|former| !former.is_empty()) else { return Ok(None) };
    let Some(row) = tx.one(&sql, args![former]).await? else { return Ok(None) };
    let user = read(&row)?;
    tx.exec(&format!("UPDATE magic_users SET {column} = ? WHERE id = ?"), args![&identity.id, user.id.0])
        .await?;
    Ok(Some(by_id(tx, user.id).await?))
}

async fn make(tx: &mut Tx, identity: &Identity, template: &NewUser, note: &str) -> Result<UserRow, TxError> {
    let new = NewUser {
        username: free_name(tx, identity).await?,
        display_name: identity.display_name.chars().take(64).collect(),
        email: free_email(tx, identity.email.as_deref()).await?,
        password: None,
        ..template.clone()
    };
    let ids = [note.to_owned(), crate::random_id(), crate::random_id()];
    let id = insert(tx, &new, "", &ids).await?.id;
    let sql = format!("UPDATE magic_users SET {} = ? WHERE id = ?", identity.provider.column());
    tx.exec(&sql, args![&identity.id, id.0]).await?;
    by_id(tx, id).await
}

async fn taken(tx: &mut Tx, name: &str) -> Result<bool, TxError> {
    Ok(tx.one("SELECT id FROM magic_users WHERE username = ?", args![name]).await?.is_some())
}

/// The provider's name for the caller if it is free and can't be taken for an address; else `github_17`.
async fn free_name(tx: &mut Tx, identity: &Identity) -> Result<String, TxError> {
    let plain = |name: &&String| {
        let fits = (1..=64).contains(&name.chars().count());
        fits && !name.contains('@') && !name.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    if let Some(name) = identity.username.as_ref().filter(plain)
        && !taken(tx, name).await?
    {
        return Ok(name.clone());
    }
    let row = tx.one("SELECT MAX(id) FROM magic_users", vec![]).await?;
    let highest = row.map(|row| row.int(0)).transpose()?.unwrap_or(0);
    for number in highest + 1..highest + 100 {
        let name = format!("{}_{number}", identity.provider.name());
        if !taken(tx, &name).await? {
            return Ok(name);
        }
    }
    Ok(format!("{}_{}", identity.provider.name(), random_id()))
}

async fn free_email(tx: &mut Tx, email: Option<&str>) -> Result<String, TxError> {
    let Some(email) = email.filter(|email| plausible(email)) else { return Ok(String::new()) };
    let sql = "SELECT id FROM magic_users WHERE email = ? AND status <> 3";
    let used = tx.one(sql, args![email.to_lowercase()]).await?.is_some();
    Ok(if used { String::new() } else { email.to_owned() })
}

fn plausible(email: &str) -> bool {
    email.len() <= 100
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
}
