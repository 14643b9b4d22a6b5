//! Users: names and secrets must be nobody else's, balances enter the ledger, a fresh root makes room.

use super::source::{I, Old, T};
use super::{Run, money, remember, settle};
use crate::db::{Arg, args};
use crate::error::Result;
use crate::ledger::post_move;
use crate::run::transaction;
use crate::{DB, digest};
use magic_domain::money::Nano;
use magic_domain::principal::user_status;
use magic_domain::secret::Secret;

const ROOT: i64 = 100;

impl Run {
    pub(super) async fn users(&mut self) -> Result<()> {
        let wanted = [
            ("id", I),
            ("username", T),
            ("password", T),
            ("display_name", T),
            ("role", I),
            ("status", I),
            ("email", T),
            ("github_id", T),
            ("wechat_id", T),
            ("lark_id", T),
            ("oidc_id", T),
            ("access_token", T),
            ("quota", I),
            ("used_quota", I),
            ("request_count", I),
            ("group", T),
            ("aff_code", T),
            ("inviter_id", I),
        ];
        // Who was invited by somebody that comes later.
        let mut later = Vec::new();
        for old in self.source.all("users", &wanted).await? {
            let id = old.int("id");
            if self.seen("user", id) {
                continue;
            }
            self.user(id, &old).await?;
            if old.int("inviter_id") > id {
                later.push((id, old.int("inviter_id")));
            }
        }
        for (id, inviter) in later {
            if let (Some(id), Some(inviter), false) =
                (self.map.get(&("user", id)), self.map.get(&("user", inviter)), self.dry)
            {
                let sql = "UPDATE magic_users SET inviter_id = ? WHERE id = ?";
                self.inner.db.exec(sql, args![*inviter, *id]).await?;
            }
        }
        Ok(())
    }

    /// The fresh root account that nobody has used: its place is the imported root's.
    async fn unused_root(&self) -> Result<Option<i64>> {
        let sql = "SELECT id FROM magic_users WHERE role = 100 AND must_change = 1 AND request_count = 0 ORDER BY id LIMIT 1";
        self.inner.db.one(sql, vec![]).await?.map(|row| row.int(0)).transpose()
    }

    /// Whether an account has the value, other than the one that is about to be replaced.
    async fn taken(&self, column: &str, value: &str, but: Option<i64>) -> Result<bool> {
        let sql = format!("SELECT id FROM magic_users WHERE {column} = ? AND id <> ?");
        Ok(!value.is_empty() && self.inner.db.one(&sql, args![value, but.unwrap_or(0)]).await?.is_some())
    }

    async fn user(&mut self, id: i64, old: &Old) -> Result<()> {
        let old_name = old.text("username");
        let mut username = old_name.clone();
        let mut role = match old.int("role") {
            role @ (1 | 10 | 100) => role,
            other => {
                self.find(
                    "user",
                    id,
                    &old_name,
                    format!("the role {other} is unknown: taken as a common user"),
                );
                1
            }
        };
        let replaced = if role == ROOT { self.unused_root().await? } else { None };
        if role == ROOT && replaced.is_none() {
            self.find("user", id, &old_name, "a root account is in use here: taken as an administrator");
            role = 10;
        }
        if username.is_empty() {
            username = format!("user_{id}");
            self.find("user", id, &old_name, format!("no username: called {username}"));
        }
        if self.taken("username", &username, replaced).await? {
            let base = username.clone();
            let mut number = 2;
            while self.taken("username", &username, replaced).await? {
                username = format!("{base}_{number}");
                number += 1;
            }
            self.find("user", id, &old_name, format!("the username is taken here: called {username}"));
        }
        let access = old.text("access_token");
        let mut access_hash = (!access.is_empty()).then(|| digest(&access));
        if let Some(hash) = &access_hash
            && self.taken("access_token_hash", hash, replaced).await?
        {
            self.find("user", id, &old_name, "the access token exists here: left out");
            access_hash = None;
        }
        let mut aff_code = old.text("aff_code");
        if self.taken("aff_code", &aff_code, replaced).await? {
            aff_code = String::new();
            self.find(
                "user",
                id,
                &old_name,
                "the invitation code exists here: a new one is made when asked for",
            );
        }
        let mut balance = money(old.int("quota"));
        if balance.0 < 0 {
            self.find(
                "user",
                id,
                &old_name,
                format!("the balance of {} quota is below zero: opened with 0", old.int("quota")),
            );
            balance = Nano::ZERO;
        }
        let password = old.text("password");
        if !password.is_empty() && !password.starts_with("$2") {
            self.find(
                "user",
                id,
                &old_name,
                "the password's hash is of an unknown kind: it has to be set anew",
            );
        }
        let status = old.int("status");
        let status = if matches!(status, 1..=3) {
            status
        } else {
            self.find("user", id, &old_name, format!("the state {status} is unknown: taken as disabled"));
            user_status::BANNED
        };
        if self.dry {
            self.done("user", id, id);
            return Ok(());
        }
        let group =
            Some(old.text("group")).filter(|group| !group.is_empty()).unwrap_or_else(|| "default".into());
        let inviter = self.map.get(&("user", old.int("inviter_id"))).copied().unwrap_or(0);
        let tail = Secret::new(access.clone()).tail();
        let tail = if access_hash.is_some() { tail } else { String::new() };
        let columns = [
            ("username", Arg::from(&username)),
            ("password_hash", Arg::from(&password)),
            ("display_name", Arg::from(old.text("display_name"))),
            ("role", Arg::Int(role)),
            ("status", Arg::Int(status)),
            ("email", Arg::from(old.text("email").to_lowercase())),
            ("github_id", Arg::from(old.text("github_id"))),
            ("wechat_id", Arg::from(old.text("wechat_id"))),
            ("lark_id", Arg::from(old.text("lark_id"))),
            ("oidc_id", Arg::from(old.text("oidc_id"))),
            ("access_token_hash", Arg::from(access_hash)),
            ("access_token_tail", Arg::from(tail)),
            ("used", Arg::Int(money(old.int("used_quota").max(0)).0)),
            ("request_count", Arg::Int(old.int("request_count").max(0))),
            ("grp", Arg::from(group)),
            ("aff_code", Arg::from(aff_code)),
            ("inviter_id", Arg::Int(inviter)),
            ("must_change", Arg::Int(0)),
        ];
        let source = self.source.name.clone();
        let event = format!("import-{source}-user-{id}");
        let new: Result<i64> = transaction!(self.inner.db, |tx| {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let mut values: Vec<Arg> = columns.iter().map(|(_, value)| value.clone()).collect();
            match replaced {
                Some(here) => {
                    let row = tx.one("SELECT balance FROM magic_users WHERE id = ?", args![here]).await?;
                    let before = row.map(|row| row.int(0)).transpose()?.unwrap_or(0);
                    let sets: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
                    values.extend(args![balance.0, here]);
                    let sql = format!(
                        "UPDATE magic_users SET {}, balance = ?, epoch = epoch + 1 WHERE id = ?",
                        sets.join(", ")
                    );
                    tx.exec(&sql, values).await?;
                    let delta = Nano(balance.0 - before);
                    post_move(tx, &event, "opening", here, delta, "adjustment", "taken over from one-api")
                        .await?;
                    remember(tx, &source, "user", id, here).await?;
                    here
                }
                None => {
                    let sql = format!(
                        "INSERT INTO magic_users ({}, balance, owner, created_time) VALUES ({}, ?, ?, ?)",
                        names.join(", "),
                        vec!["?"; names.len()].join(", ")
                    );
                    values.extend(args![balance.0, DB, crate::now()]);
                    let fresh = tx.insert(&sql, values).await?;
                    let new = settle(tx, &source, "user", "magic_users", id, fresh).await?;
                    if balance.0 != 0 {
                        let note = "taken over from one-api";
                        post_move(tx, &event, "opening", new, balance, "adjustment", note).await?;
                    }
                    new
                }
            }
        });
        let new = new?;
        if new != id {
            self.find("user", id, &old_name, format!("has the id {new} here"));
        }
        self.done("user", id, new);
        Ok(())
    }
}
