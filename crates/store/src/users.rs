//! Accounts.

use crate::db::{Arg, Row, args, beginning, sorted};
use crate::error::{Result, StoreError};
use crate::ledger::{AdjustKind, Change};
use crate::run::{Store, bump, transaction};
use crate::{digest, password, random_id};
use magic_domain::ids::UserId;
use magic_domain::limits::Limits;
use magic_domain::money::Nano;
use magic_domain::principal::{Role, User, user_status};
use magic_domain::secret::Secret;

/// A row of an account, without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRow {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
    pub role: Role,
    pub status: i64,
    pub email: String,
    pub github_id: String,
    pub wechat_id: String,
    pub lark_id: String,
    pub oidc_id: String,
    pub access_token_tail: String,
    pub balance: Nano,
    pub used: Nano,
    pub request_count: i64,
    pub group: String,
    pub aff_code: String,
    pub inviter_id: i64,
    pub epoch: i64,
    pub must_change: bool,
    pub owner: String,
    pub created_time: i64,
    pub limits: Limits,
}

pub(crate) const COLUMNS: &str = "id, username, display_name, role, status, email, github_id, wechat_id, lark_id, oidc_id, \
     access_token_tail, balance, used, request_count, grp, aff_code, inviter_id, epoch, must_change, owner, created_time, limits";

pub(crate) fn read(row: &Row) -> Result<UserRow> {
    Ok(UserRow {
        id: UserId(row.int(0)?),
        username: row.text(1)?,
        display_name: row.text(2)?,
        role: Role::from(row.int(3)?),
        status: row.int(4)?,
        email: row.text(5)?,
        github_id: row.text(6)?,
        wechat_id: row.text(7)?,
        lark_id: row.text(8)?,
        oidc_id: row.text(9)?,
        access_token_tail: row.text(10)?,
        balance: Nano(row.int(11)?),
        used: Nano(row.int(12)?),
        request_count: row.int(13)?,
        group: row.text(14)?,
        aff_code: row.text(15)?,
        inviter_id: row.int(16)?,
        epoch: row.int(17)?,
        must_change: row.bool(18)?,
        owner: row.text(19)?,
        created_time: row.int(20)?,
        limits: limits(row, 21)?,
    })
}

/// Limits as they are stored; none where there are none.
pub(crate) fn limits(row: &Row, at: usize) -> Result<Limits> {
    Ok(serde_json::from_str(&row.text(at)?).unwrap_or_default())
}

impl UserRow {
    /// What the proxy keeps.
    pub fn principal(&self) -> User {
        User {
            id: self.id,
            username: self.username.clone(),
            role: self.role,
            status: self.status,
            group: self.group.clone(),
            limits: self.limits.clone(),
        }
    }
}

/// A new account.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    pub username: String,
    pub password: Option<Secret>,
    pub display_name: String,
    pub role: i64,
    pub email: String,
    pub group: String,
    /// A gift of the system.
    pub balance: Nano,
    /// The inviter's code. One that nobody has, or a disabled account, is no inviter.
    pub invited_by: String,
    /// What an inviter brings to the new account, and what the inviter is given.
    pub invitee_gift: Nano,
    pub inviter_gift: Nano,
    /// With a token called `default`, unlimited, that never expires (oneapi.md §2.7).
    pub default_token: bool,
}

/// What may change in an account; `None` stays. Zero and empty are values.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub display_name: Option<String>,
    pub role: Option<Role>,
    pub status: Option<i64>,
    pub email: Option<String>,
    pub group: Option<String>,
    pub balance: Option<Nano>,
    pub limits: Option<Limits>,
}

/// How a list is ordered, and which part of it is wanted.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub offset: i64,
    pub limit: i64,
    /// A column of the list's own choosing; anything else is newest first.
    pub order: String,
}

/// The outcome of a sign-in by password.
#[derive(Debug, Clone, PartialEq)]
pub enum SignIn {
    Welcome(Box<UserRow>),
    /// Wrong name, wrong password, disabled or deleted: one answer for all.
    Refused,
}

impl Store {
    pub async fn user(&self, id: UserId) -> Result<Option<UserRow>> {
        self.user_where("id = ?", args![id.0]).await
    }

    pub async fn user_by_name(&self, username: &str) -> Result<Option<UserRow>> {
        self.user_where("username = ?", args![username]).await
    }

    /// The account an access token belongs to.
    pub async fn user_by_access_token(&self, token: &Secret) -> Result<Option<UserRow>> {
        self.user_where("access_token_hash = ?", args![digest(token.expose())]).await
    }

    async fn user_where(&self, condition: &'static str, args: Vec<Arg>) -> Result<Option<UserRow>> {
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_users WHERE {condition}");
            inner.db.one(&sql, args).await?.as_ref().map(read).transpose()
        })
        .await
    }

    /// Accounts that are not deleted. `keyword`: an id, or the beginning of a name or address.
    pub async fn users(&self, page: Page, keyword: Option<String>) -> Result<(Vec<UserRow>, i64)> {
        self.list(move |inner| async move {
            let order = match page.order.as_str() {
                "quota" | "balance" => "balance DESC, id DESC",
                "used_quota" | "used" => "used DESC, id DESC",
                "request_count" => "request_count DESC, id DESC",
                _ => "id DESC",
            };
            let mut condition = "status <> 3".to_owned();
            let mut args = Vec::new();
            if let Some(keyword) = keyword.filter(|keyword| !keyword.is_empty()) {
                let begins = |column| inner.db.engine().begins(column);
                condition.push_str(&format!(
                    " AND (id = ? OR {} OR {} OR {})",
                    begins("username"),
                    begins("email"),
                    begins("display_name")
                ));
                args.push(Arg::Int(keyword.parse().unwrap_or(-1)));
                // Addresses are kept in lower case.
                for text in [&keyword, &keyword.to_lowercase(), &keyword] {
                    args.extend(beginning(text));
                }
            }
            let total = inner
                .db
                .one(&format!("SELECT COUNT(*) FROM magic_users WHERE {condition}"), args.clone())
                .await?;
            let total = total.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            args.extend(args![page.limit, page.offset]);
            let sql = sorted("magic_users", COLUMNS, &condition, order);
            let rows = inner.db.fetch(&sql, args).await?;
            Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
        })
        .await
    }

    /// Hashes a password off the event loops, a few at a time.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String> {
        self.run(move |inner| async move {
            let _place = inner.hashing.acquire().await;
            let work = tokio::task::spawn_blocking(move || password::hash(password.expose()));
            work.await.map_err(|_| StoreError::Internal("hashing was cut off".into()))?
        })
        .await
    }

    /// Changes an account. A new password, role or status ends its sessions.
    pub async fn update_user(&self, id: UserId, change: UserChange) -> Result<UserRow> {
        let hash = match &change.password {
            Some(password) => Some(self.hash(password.clone()).await?),
            None => None,
        };
        self.run(move |inner| async move {
            let note = random_id();
            transaction!(inner.db, |tx| {
                let mut sets: Vec<&str> = Vec::new();
                let mut args: Vec<Arg> = Vec::new();
                let mut set = |column, value: Option<Arg>| {
                    if let Some(value) = value {
                        sets.push(column);
                        args.push(value);
                    }
                };
                set("username = ?", change.username.as_ref().map(Arg::from));
                set("display_name = ?", change.display_name.as_ref().map(Arg::from));
                set("email = ?", change.email.as_ref().map(|email| Arg::Text(email.to_lowercase())));
                set("grp = ?", change.group.as_ref().map(Arg::from));
                set("role = ?", change.role.map(|role| Arg::Int(role.into())));
                set("status = ?", change.status.map(Arg::Int));
                let limits = change.limits.as_ref().and_then(|limits| serde_json::to_string(limits).ok());
                set("limits = ?", limits.map(Arg::Text));
                set("password_hash = ?", hash.as_ref().map(Arg::from));
                if hash.is_some() {
                    sets.push("must_change = 0");
                }
                if hash.is_some() || change.role.is_some() || change.status.is_some() {
                    sets.push("epoch = epoch + 1");
                }
                if !sets.is_empty() {
                    args.push(Arg::Int(id.0));
                    tx.exec(&format!("UPDATE magic_users SET {} WHERE id = ?", sets.join(", ")), args)
                        .await?;
                }
                if let Some(balance) = change.balance {
                    let to = Change::To(balance);
                    let text = format!("balance set to ${}", balance.usd());
                    crate::ledger::adjust(tx, id, to, AdjustKind::Manual, &text, &note).await?;
                }
                bump(tx).await?;
                let row =
                    tx.one(&format!("SELECT {COLUMNS} FROM magic_users WHERE id = ?"), args![id.0]).await?;
                read(&row.ok_or(StoreError::NotFound("user"))?)?
            })
        })
        .await
    }

    /// Buries an account as one-api does: status 3, a name nobody has. Its rows stay, but for what was captured of
    /// its calls.
    pub async fn delete_user(&self, id: UserId) -> Result<()> {
        self.run(move |inner| async move {
            let name = format!("deleted_{}", random_id());
            transaction!(inner.db, |tx| {
                tx.exec(
                    "UPDATE magic_users SET status = ?, username = ?, access_token_hash = ?, epoch = epoch + 1 WHERE id = ?",
                    args![user_status::DELETED, &name, Option::<String>::None, id.0],
                )
                .await?;
                tx.exec("DELETE FROM magic_sessions WHERE user_id = ?", args![id.0]).await?;
                crate::passkeys::forget(tx, id).await?;
                crate::totp::forget(tx, id).await?;
                crate::views::forget(tx, id).await?;
                bump(tx).await?;
            })
        })
        .await?;
        crate::captures::forget(self, id, None).await;
        Ok(())
    }

    /// Makes a new access token; the old one is dead. Shown once.
    pub async fn new_access_token(&self, id: UserId) -> Result<Secret> {
        let token = Secret::new(random_id());
        let (hash, tail) = (digest(token.expose()), token.tail());
        self.run(move |inner| async move {
            let sql = "UPDATE magic_users SET access_token_hash = ?, access_token_tail = ? WHERE id = ?";
            inner.db.exec(sql, args![hash, tail, id.0]).await
        })
        .await?;
        Ok(token)
    }

    /// The access token is dead; there is none until another is made.
    pub async fn revoke_access_token(&self, id: UserId) -> Result<()> {
        self.run(move |inner| async move {
            let sql = "UPDATE magic_users SET access_token_hash = ?, access_token_tail = '' WHERE id = ?";
            inner.db.exec(sql, args![Option::<String>::None, id.0]).await.map(|_| ())
        })
        .await
    }

    /// Checks a name (or address) and a password. Takes as long for names nobody has.
    pub async fn sign_in(&self, name: &str, password: Secret) -> Result<SignIn> {
        let name = name.to_owned();
        let store = self.clone();
        let found = self
            .run(move |inner| async move {
                let sql = format!("SELECT {COLUMNS}, password_hash FROM magic_users WHERE username = ?");
                let mut row = inner.db.one(&sql, args![&name]).await?;
                if row.is_none() && name.contains('@') {
                    let sql = format!(
                        "SELECT {COLUMNS}, password_hash FROM magic_users WHERE email = ? AND status <> 3 ORDER BY id LIMIT 1"
                    );
                    row = inner.db.one(&sql, args![name.to_lowercase()]).await?;
                }
                let found = row.map(|row| Ok::<_, StoreError>((read(&row)?, row.text(22)?))).transpose()?;
                let stored = match &found {
                    Some((_, hash)) if !hash.is_empty() => hash.clone(),
                    _ => password::dummy().to_owned(),
                };
                let _place = inner.hashing.acquire().await;
                let checked = password.clone();
                let work = tokio::task::spawn_blocking(move || password::verify(checked.expose(), &stored));
                let (fits, old) =
                    work.await.map_err(|_| StoreError::Internal("hashing was cut off".into()))?;
                let user = found
                    .filter(|(user, _)| fits && user.status == user_status::ENABLED)
                    .map(|(user, _)| user);
                Ok((user, old, password))
            })
            .await?;
        let (Some(user), old, password) = found else { return Ok(SignIn::Refused) };
        if old {
            let hash = store.hash(password).await?;
            let id = user.id.0;
            let sql = "UPDATE magic_users SET password_hash = ? WHERE id = ?";
            store.run(move |inner| async move { inner.db.exec(sql, args![hash, id]).await }).await?;
        }
        Ok(SignIn::Welcome(Box::new(user)))
    }

    /// Every user as the proxy keeps them.
    pub async fn principals_users(&self) -> Result<Vec<User>> {
        self.run_for(std::time::Duration::from_secs(60), |inner| async move {
            let rows = inner
                .db
                .fetch("SELECT id, username, role, status, grp, limits FROM magic_users", vec![])
                .await?;
            rows.iter()
                .map(|row| {
                    Ok(User {
                        id: UserId(row.int(0)?),
                        username: row.text(1)?,
                        role: Role::from(row.int(2)?),
                        status: row.int(3)?,
                        group: row.text(4)?,
                        limits: limits(row, 5)?,
                    })
                })
                .collect()
        })
        .await
    }

    /// Sets root's password; for the local rescue.
    pub async fn reset_root_password(&self, password: Secret) -> Result<String> {
        let root = self.run(|inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_users WHERE role = 100 ORDER BY id LIMIT 1");
            inner.db.one(&sql, vec![]).await?.as_ref().map(read).transpose()
        });
        let root = root.await?.ok_or(StoreError::NotFound("root account"))?;
        let change =
            UserChange { password: Some(password), status: Some(user_status::ENABLED), ..Default::default() };
        // Whoever may write the database is root already; a lost second factor must not lock the owner out.
        self.totp_remove(root.id).await?;
        self.remove_passkeys(root.id).await?;
        self.update_user(root.id, change).await.map(|user| user.username)
    }
}

/// Escapes `%`, `_` and the escape itself, for `LIKE … ESCAPE '!'`.
pub(crate) fn escape_like(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c]))
        .collect()
}
