//! One function per kind of object: read, judge, write.

use super::source::{Form, Old, Source};
use super::{Run, remember, settle};
use crate::channels::{NewChannel, config_of};
use crate::db::{Arg, args};
use crate::error::{Result, StoreError};
use crate::ledger::{post_move, rows};
use crate::run::transaction;
use crate::tokens::NewToken;
use crate::vouchers::{Stored, voucher_status};
use crate::{DB, digest, split_list};
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::ids::{ChannelId, UserId};
use magic_domain::money::Nano;
use magic_domain::options;
use magic_domain::principal::{token_status, user_status};
use magic_domain::secret::Secret;
use std::collections::BTreeMap;

const I: Form = Form::Int;
const T: Form = Form::Text;
/// Rows of the log in one transaction.
const LOG_BATCH: i64 = 500;
const ROOT: i64 = 100;

/// Quota as money, bounded by what the ledger holds.
fn money(quota: i64) -> Nano {
    Nano::from_quota(quota.clamp(i64::MIN / 2000, i64::MAX / 2000))
}

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

    pub(super) async fn channels(&mut self) -> Result<()> {
        let wanted = [
            ("id", I),
            ("type", I),
            ("key", T),
            ("status", I),
            ("name", T),
            ("weight", I),
            ("created_time", I),
            ("test_time", I),
            ("response_time", I),
            ("base_url", T),
            ("other", T),
            ("balance", Form::Real),
            ("balance_updated_time", I),
            ("models", T),
            ("group", T),
            ("used_quota", I),
            ("model_mapping", T),
            ("priority", I),
            ("config", T),
            ("system_prompt", T),
        ];
        for old in self.source.all("channels", &wanted).await? {
            let (id, name) = (old.int("id"), old.text("name"));
            if self.seen("channel", id) {
                continue;
            }
            let Some(kind) = u16::try_from(old.int("type")).ok().filter(|kind| (1..=62).contains(kind))
            else {
                self.skip("channel", id, &name, format!("the type {} is unknown", old.int("type")));
                continue;
            };
            if kind > 51 {
                self.find(
                    "channel",
                    id,
                    &name,
                    format!("the type {kind} is none of one-api's: check what it is here"),
                );
            }
            let text = old.text("model_mapping");
            let mapping = match serde_json::from_str::<BTreeMap<String, String>>(&text) {
                Ok(mapping) => mapping,
                Err(_) => {
                    if !text.trim().is_empty() {
                        self.find(
                            "channel",
                            id,
                            &name,
                            "the model mapping is no JSON object of texts: left out",
                        );
                    }
                    BTreeMap::new()
                }
            };
            let mut config = config_of(&old.text("config"));
            let other = old.text("other");
            // oneapi.md §3.10: the older field stands in where the newer one is empty.
            let legacy = match kind {
                3 | 18 | 24 => Some("api_version"),
                17 => Some("plugin"),
                21 => Some("library_id"),
                _ => None,
            };
            if let Some(member) = legacy
                && !other.is_empty()
                && config.get(member).is_none_or(String::is_empty)
            {
                config.insert(member.into(), other.clone());
            }
            let mut groups = split_list(&old.text("group"));
            if groups.is_empty() {
                groups.push("default".into());
            }
            // one-api calls only what is 1.
            let status = match old.int("status") {
                1 => ChannelStatus::Enabled,
                2 => ChannelStatus::Disabled,
                3 => ChannelStatus::AutoDisabled,
                other => {
                    self.find(
                        "channel",
                        id,
                        &name,
                        format!("the state {other} is unknown: taken as disabled"),
                    );
                    ChannelStatus::Disabled
                }
            };
            let new = NewChannel {
                other,
                channel: Channel {
                    id: ChannelId(0),
                    kind,
                    name: name.clone(),
                    status,
                    key: Secret::new(old.text("key").trim()),
                    base_url: old.text("base_url").trim().to_owned(),
                    models: split_list(&old.text("models")),
                    model_mapping: mapping,
                    groups,
                    priority: old.int("priority"),
                    weight: u32::try_from(old.int("weight")).unwrap_or(0),
                    tags: vec![],
                    system_prompt: Some(old.text("system_prompt")).filter(|prompt| !prompt.is_empty()),
                    proxy: None,
                    ca_pem: None,
                    limits: Default::default(),
                    timeouts: Default::default(),
                    headers: BTreeMap::new(),
                    params: Default::default(),
                    config,
                },
            };
            if new.channel.models.is_empty() && kind != 43 {
                self.find("channel", id, &name, "it offers no model");
            }
            if self.dry {
                self.done("channel", id, id);
                continue;
            }
            let source = self.source.name.clone();
            let made: Result<i64> = transaction!(self.inner.db, |tx| {
                let fresh = crate::channels::insert(tx, &self.inner, &new, DB).await?;
                let sql = "UPDATE magic_channels SET created_time = ?, test_time = ?, response_time = ?, balance = ?, \
                     balance_updated_time = ?, used = ? WHERE id = ?";
                let values = args![
                    old.int("created_time"),
                    old.int("test_time"),
                    old.int("response_time"),
                    old.real("balance"),
                    old.int("balance_updated_time"),
                    money(old.int("used_quota").max(0)).0,
                    fresh
                ];
                tx.exec(sql, values).await?;
                settle(tx, &source, "channel", "magic_channels", id, fresh).await?
            });
            let made = made?;
            if made != id {
                self.find(
                    "channel",
                    id,
                    &name,
                    format!("has the id {made} here: keys that pin it must name that"),
                );
            }
            self.done("channel", id, made);
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

    /// Rows of the log, in pieces; how far it came stands in the database that holds them.
    pub(super) async fn logs(&mut self, from: &Source) -> Result<()> {
        let wanted = [
            ("id", I),
            ("user_id", I),
            ("created_at", I),
            ("type", I),
            ("content", T),
            ("username", T),
            ("token_name", T),
            ("model_name", T),
            ("quota", I),
            ("prompt_tokens", I),
            ("completion_tokens", I),
            ("channel_id", I),
            ("request_id", T),
            ("elapsed_time", I),
            ("is_stream", I),
            ("system_prompt_reset", I),
        ];
        let state = format!("import-logs:{}", self.source.name);
        let db = self.inner.logs.clone();
        let row = db.one("SELECT value FROM magic_state WHERE name = ?", args![&state]).await?;
        let mut mark = row.map(|row| row.text(0)).transpose()?;
        let mut after = mark.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        let before = u64::try_from(from.count("logs", after).await?).unwrap_or(0);
        self.count("log").found += before;
        self.count("log").already += before;
        loop {
            let old = from.rows("logs", &wanted, after, LOG_BATCH).await?;
            let Some(last) = old.last() else { return Ok(()) };
            after = last.int("id");
            let count = old.len() as u64;
            self.count("log").found += count;
            self.count("log").imported += count;
            if self.dry {
                continue;
            }
            let values: Vec<Arg> = old.iter().flat_map(|old| self.log(old)).collect();
            let next = after.to_string();
            let made: Result<()> = transaction!(db, |tx| {
                let into = format!("magic_logs ({})", crate::logs::COLUMNS);
                rows(tx, &into, crate::logs::COUNT, values.clone()).await?;
                // Only from where this run has read: another that runs beside it must not write the same rows.
                let moved = match &mark {
                    Some(mark) => {
                        let sql = "UPDATE magic_state SET value = ? WHERE name = ? AND value = ?";
                        tx.exec(sql, args![&next, &state, mark]).await?
                    }
                    None => {
                        let sql = "INSERT INTO magic_state (value, name) VALUES (?, ?)";
                        tx.exec(sql, args![&next, &state]).await?
                    }
                };
                if moved == 0 {
                    return Err(StoreError::Conflict("another import is under way".into()).into());
                }
            });
            made?;
            mark = Some(next);
        }
    }

    fn log(&self, old: &Old) -> Vec<Arg> {
        let mapped = |kind, id: i64| self.map.get(&(kind, id)).copied().unwrap_or(id);
        let short = |text: String, most: usize| text.chars().take(most).collect::<String>();
        args![
            mapped("user", old.int("user_id")),
            old.int("created_at"),
            old.int("type"),
            old.text("content"),
            short(old.text("username"), 190),
            short(old.text("token_name"), 190),
            short(old.text("model_name"), 190),
            old.int("quota"),
            money(old.int("quota")).0,
            old.int("prompt_tokens"),
            old.int("completion_tokens"),
            mapped("channel", old.int("channel_id")),
            short(old.text("request_id"), 120),
            old.int("elapsed_time"),
            old.int("is_stream") != 0,
            old.int("system_prompt_reset") != 0,
            "",
            if old.int("type") == 2 { 200 } else { 0 },
            "",
            "",
            r#"{"from":"one-api"}"#
        ]
    }
}
