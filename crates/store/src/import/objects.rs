//! Tokens, vouchers and options: read, judge, write.

use super::source::{I, T};
use super::{Run, money, remember, settle};
use crate::db::args;
use crate::error::Result;
use crate::run::transaction;
use crate::tokens::NewToken;
use crate::vouchers::{Stored, voucher_status};
use crate::{DB, digest};
use magic_domain::ids::UserId;
use magic_domain::options;
use magic_domain::principal::token_status;
use magic_domain::secret::Secret;

impl Run {
    pub(super) async fn tokens(&mut self) -> Result<()> {
        let wanted = [
            ("id", I),
            ("user_id", I),
            ("key", T),
            ("status", I),
            ("name", T),
            ("created_time", I),
            ("accessed_time", I),
            ("expired_time", I),
            ("remain_quota", I),
            ("unlimited_quota", I),
            ("used_quota", I),
            ("models", T),
            ("subnet", T),
        ];
        for old in self.source.all("tokens", &wanted).await? {
            let (id, name) = (old.int("id"), old.text("name"));
            if self.seen("token", id) {
                continue;
            }
            let text = old.text("key");
            let key = text.strip_prefix("sk-").unwrap_or(&text).to_owned();
            if key.is_empty() {
                self.skip("token", id, &name, "it has no key");
                continue;
            }
            let Some(owner) = self.map.get(&("user", old.int("user_id"))).copied() else {
                self.skip("token", id, &name, format!("its user {} does not exist", old.int("user_id")));
                continue;
            };
            if key.contains('-') {
                self.find(
                    "token",
                    id,
                    &name,
                    "the key holds a hyphen: one-api itself could not be called with it",
                );
            }
            let hash = digest(&key);
            let here =
                self.inner.db.one("SELECT id FROM magic_tokens WHERE key_hash = ?", args![hash]).await?;
            if here.is_some() {
                self.skip("token", id, &name, "a token with this key exists here");
                continue;
            }
            if self.dry {
                self.done("token", id, id);
                continue;
            }
            let new = NewToken {
                user_id: UserId(owner),
                name,
                expired_time: old.int("expired_time"),
                remain: money(old.int("remain_quota")),
                unlimited: old.int("unlimited_quota") != 0,
                models: old.text("models"),
                subnet: old.text("subnet"),
                key: Some(Secret::new(key)),
                ..NewToken::default()
            };
            let (status, used) = (old.int("status"), money(old.int("used_quota").max(0)));
            let times = (old.int("created_time"), old.int("accessed_time"));
            let source = self.source.name.clone();
            let made: Result<i64> = transaction!(self.inner.db, |tx| {
                let (fresh, _) = crate::tokens::insert(tx, &new, DB).await?;
                let sql = "UPDATE magic_tokens SET status = ?, used = ?, created_time = ?, accessed_time = ? WHERE id = ?";
                tx.exec(
                    sql,
                    args![
                        if matches!(status, 1..=4) { status } else { token_status::DISABLED },
                        used.0,
                        times.0,
                        times.1,
                        fresh
                    ],
                )
                .await?;
                settle(tx, &source, "token", "magic_tokens", id, fresh).await?
            });
            self.done("token", id, made?);
        }
        Ok(())
    }

    pub(super) async fn vouchers(&mut self) -> Result<()> {
        let wanted = [
            ("id", I),
            ("user_id", I),
            ("key", T),
            ("status", I),
            ("name", T),
            ("quota", I),
            ("created_time", I),
            ("redeemed_time", I),
        ];
        for old in self.source.all("redemptions", &wanted).await? {
            let (id, name) = (old.int("id"), old.text("name"));
            if self.seen("voucher", id) {
                continue;
            }
            let code = Secret::new(old.text("key"));
            let status = old.int("status");
            if code.is_empty() || !matches!(status, voucher_status::ENABLED..=voucher_status::USED) {
                self.skip("voucher", id, &name, "it has no code, or no known state");
                continue;
            }
            let hash = digest(code.expose());
            let here =
                self.inner.db.one("SELECT id FROM magic_vouchers WHERE code_hash = ?", args![hash]).await?;
            if here.is_some() || old.int("quota") < 0 {
                self.skip("voucher", id, &name, "its code exists here, or its value is below zero");
                continue;
            }
            if self.dry {
                self.done("voucher", id, id);
                continue;
            }
            let source = self.source.name.clone();
            let new = Stored {
                code: &code,
                user_id: self.map.get(&("user", old.int("user_id"))).copied().unwrap_or(0),
                status,
                name: &name,
                amount: money(old.int("quota")),
                created_time: old.int("created_time"),
                expired_time: -1,
                redeemed_time: old.int("redeemed_time"),
                batch: "one-api",
            };
            let made: Result<i64> = transaction!(self.inner.db, |tx| {
                let fresh = crate::vouchers::insert(&self.inner, tx, &new).await?;
                settle(tx, &source, "voucher", "magic_vouchers", id, fresh).await?
            });
            self.done("voucher", id, made?);
        }
        Ok(())
    }

    /// Options that are not set here. A key's digest stands for the id it has not.
    pub(super) async fn options(&mut self) -> Result<()> {
        for old in self.source.all("options", &[("key", T), ("value", T)]).await? {
            let (key, mut value) = (old.text("key"), old.text("value"));
            let id = i64::from_str_radix(&digest(&key)[..15], 16).unwrap_or(0);
            if self.seen("option", id) {
                continue;
            }
            let Some(def) = options::find(&key) else {
                self.skip("option", 0, &key, "no such option here");
                continue;
            };
            // one-api: true only for the exact text.
            if def.kind == options::Kind::Bool && value != "true" {
                value = "false".into();
            }
            if let Err(what) = options::check(&key, &value) {
                self.skip("option", 0, &key, format!("left at its default: {what}"));
                continue;
            }
            let set = self.inner.db.one("SELECT name FROM magic_options WHERE name = ?", args![&key]).await?;
            if set.is_some() {
                self.skip("option", 0, &key, "is set here already");
                continue;
            }
            if self.dry {
                self.done("option", id, id);
                continue;
            }
            let source = self.source.name.clone();
            let stored = crate::settings::stored(&self.inner, def, &value)?;
            let made: Result<()> = transaction!(self.inner.db, |tx| {
                let sql = "INSERT INTO magic_options (name, value, owner) VALUES (?, ?, ?)";
                tx.exec(sql, args![&key, &stored, DB]).await?;
                remember(tx, &source, "option", id, id).await?;
            });
            made?;
            self.done("option", id, id);
        }
        Ok(())
    }
}
