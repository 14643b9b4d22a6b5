//! How accounts come to be, and what proves that an address is theirs.

use crate::codes::{self, Purpose};
use crate::db::{Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::ledger::{AdjustKind, Change, adjust};
use crate::run::{Store, bump, transaction};
use crate::tokens::{NewToken, TokenRow};
use crate::users::{COLUMNS, NewUser, UserChange, UserRow, read};
use crate::{DB, FILE, now, random_id};
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use magic_domain::principal::user_status;
use magic_domain::secret::Secret;

/// Invitation codes that were taken already are drawn again this often.
const DRAWS: usize = 5;

/// An account that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    pub id: UserId,
    /// Its first token with the key, which is never shown again.
    pub token: Option<(TokenRow, Secret)>,
}

fn draw() -> String {
    random_id()[..8].to_owned()
}

const IN_USE: &str = "SELECT id FROM magic_users WHERE email = ? AND status <> 3 LIMIT 1";

async fn in_use(tx: &mut Tx, email: &str) -> Result<bool, TxError> {
    Ok(tx.one(IN_USE, args![email]).await?.is_some())
}

impl Store {
    /// Makes an account. `Conflict`: the name is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<UserId> {
        self.insert_user(new, None).await?.map(|made| made.id).ok_or(StoreError::NotFound("user"))
    }

    /// Makes an account with all that comes with it, in one transaction: gifts through the ledger, the
    /// inviter's reward, the first token. With a `code`, the address of `new` must be proven by it and nobody
    /// else's; `None`: it isn't. `Conflict`: the name is taken (then the code still works).
    pub async fn enrol(&self, new: NewUser, code: Option<Secret>) -> Result<Option<Enrolled>> {
        self.insert_user(new, code).await
    }

    async fn insert_user(&self, mut new: NewUser, code: Option<Secret>) -> Result<Option<Enrolled>> {
        let hash = match &new.password {
            Some(password) => self.hash(password.clone()).await?,
            None => String::new(),
        };
        new.email = new.email.to_lowercase();
        for _ in 0..DRAWS {
            let (job, hash, code) = (new.clone(), hash.clone(), code.clone());
            let made = self
                .run(move |inner| async move {
                    let ids = [random_id(), random_id(), random_id()];
                    transaction!(inner.db, |tx| {
                        let proven = match &code {
                            None => true,
                            Some(code) => {
                                codes::take(tx, Purpose::Address, &job.email, code.expose()).await?
                                    && !in_use(tx, &job.email).await?
                            }
                        };
                        if proven { Some(insert(tx, &job, &hash, &ids).await?) } else { None }
                    })
                })
                .await;
            match made {
                // Two indexes can object: to the name, or to the invitation code.
                Err(StoreError::Conflict(_)) if self.user_by_name(&new.username).await?.is_none() => {}
                Err(StoreError::Conflict(_)) => {
                    return Err(StoreError::Conflict("the username is taken".into()));
                }
                other => return other,
            }
        }
        Err(StoreError::Conflict("no invitation code is free; try again".into()))
    }

    /// Whether an account that is not deleted has the address (in lower case).
    pub async fn email_in_use(&self, email: &str) -> Result<bool> {
        let email = email.to_owned();
        self.run(move |inner| async move { Ok(inner.db.one(IN_USE, args![email]).await?.is_some()) }).await
    }

    /// The account that a reset by that address is for: the oldest enabled one. None where the configuration
    /// file sets its password.
    pub async fn resettable(&self, email: &str) -> Result<Option<UserRow>> {
        let email = email.to_owned();
        self.run(move |inner| async move {
            let sql = format!(
                "SELECT {COLUMNS} FROM magic_users WHERE email = ? AND status = ? ORDER BY id LIMIT 1"
            );
            let row = inner.db.one(&sql, args![&email, user_status::ENABLED]).await?;
            Ok(row.as_ref().map(read).transpose()?.filter(|user| user.owner != FILE))
        })
        .await
    }

    /// Sets the password of the address's account; the token is used up and every session ends. `None`: the
    /// token does not fit, or there is no such account.
    pub async fn reset_password(
        &self,
        email: &str,
        token: &str,
        password: Secret,
    ) -> Result<Option<UserRow>> {
        if !self.take_code(Purpose::Reset, email, token).await? {
            return Ok(None);
        }
        let Some(user) = self.resettable(email).await? else { return Ok(None) };
        let change = UserChange { password: Some(password), ..UserChange::default() };
        self.update_user(user.id, change).await.map(Some)
    }

    /// Gives an account an address that a code proves. `false`: it does not, or another has the address.
    pub async fn bind_email(&self, id: UserId, email: &str, code: &str) -> Result<bool> {
        let (email, code) = (email.to_owned(), code.to_owned());
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let fine =
                    codes::take(tx, Purpose::Address, &email, &code).await? && !in_use(tx, &email).await?;
                if fine {
                    let sql = "UPDATE magic_users SET email = ? WHERE id = ?";
                    tx.exec(sql, args![&email, id.0]).await?;
                }
                fine
            })
        })
        .await
    }

    /// The own invitation code; made where there is none yet.
    pub async fn aff_code(&self, id: UserId) -> Result<String> {
        for _ in 0..DRAWS {
            let user = self.user(id).await?.ok_or(StoreError::NotFound("user"))?;
            if !user.aff_code.is_empty() {
                return Ok(user.aff_code);
            }
            let set = self.run(move |inner| async move {
                let sql = "UPDATE magic_users SET aff_code = ? WHERE id = ? AND aff_code = ''";
                inner.db.exec(sql, args![draw(), id.0]).await
            });
            match set.await {
                Ok(_) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict("no invitation code is free; try again".into()))
    }
}

/// Writes an account and all that comes with it; `ids` are the ledger events of its gifts.
pub(crate) async fn insert(
    tx: &mut Tx,
    new: &NewUser,
    hash: &str,
    ids: &[String; 3],
) -> Result<Enrolled, TxError> {
    let inviter = if new.invited_by.is_empty() {
        None
    } else {
        let sql = "SELECT id FROM magic_users WHERE aff_code = ? AND status = ?";
        tx.one(sql, args![&new.invited_by, user_status::ENABLED]).await?.map(|row| row.int(0)).transpose()?
    };
    let id = tx
        .insert(
            "INSERT INTO magic_users (username, password_hash, display_name, role, status, email, github_id, wechat_id, \
             lark_id, oidc_id, access_token_hash, access_token_tail, balance, grp, aff_code, inviter_id, owner, created_time) \
             VALUES (?, ?, ?, ?, 1, ?, '', '', '', '', ?, '', 0, ?, ?, ?, ?, ?)",
            args![
                &new.username,
                hash,
                &new.display_name,
                if new.role == 0 { 1 } else { new.role },
                &new.email,
                Option::<String>::None,
                if new.group.is_empty() { "default" } else { new.group.as_str() },
                draw(),
                inviter.unwrap_or(0),
                DB,
                now()
            ],
        )
        .await?;
    let mut gifts = vec![(id, new.balance, "new account", &ids[0])];
    if let Some(inviter) = inviter {
        gifts.push((id, new.invitee_gift, "invited by another account", &ids[1]));
        gifts.push((inviter, new.inviter_gift, "invited a new account", &ids[2]));
    }
    for (to, amount, why, event) in gifts {
        if amount > Nano::ZERO {
            adjust(tx, UserId(to), Change::By(amount), AdjustKind::Gift, why, event).await?;
        }
    }
    let token = if new.default_token {
        let token =
            NewToken { user_id: UserId(id), name: "default".into(), unlimited: true, ..NewToken::default() };
        Some(crate::tokens::create(tx, &token).await?)
    } else {
        None
    };
    bump(tx).await?;
    Ok(Enrolled { id: UserId(id), token })
}
