//! Channels: the key goes into the vault, what one-api keeps in older places into its own.

use super::source::{Form, I, T};
use super::{Run, money, settle};
use crate::channels::{NewChannel, config_of};
use crate::db::args;
use crate::error::Result;
use crate::run::transaction;
use crate::{DB, split_list};
use magic_domain::channel::{Channel, ChannelStatus};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;
use std::collections::BTreeMap;

impl Run {
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
                    key_id: 0,
                    keys: vec![],
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
}
