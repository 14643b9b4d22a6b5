//! The keys of a channel that has several. They are written and never read: what is shown is their last characters.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::api::channels;
use crate::error::{Result, bad_request, conflict, invalid};
use crate::extract::{Body, Pair};
use crate::guard::{Admin, Caller};
use crate::json::Health;
use actix_web::web;
use magic_domain::channel::{ChannelKey, ChannelStatus};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;
use magic_store::FILE;
use magic_store::keys::KEYS_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A list of keys, else the lines of a text.
pub(super) fn given(list: Option<Vec<String>>, lines: Option<String>) -> Result<Vec<Secret>> {
    let lines = list.unwrap_or_else(|| lines.unwrap_or_default().lines().map(str::to_owned).collect());
    let mut keys: Vec<Secret> = Vec::new();
    for key in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        let key = Secret::new(key);
        if keys.contains(&key) {
            return Err(invalid("a key is given twice"));
        }
        keys.push(key);
    }
    match keys.len() {
        count if count > KEYS_MAX => Err(invalid(format!("a channel has {KEYS_MAX} keys at most"))),
        _ => Ok(keys),
    }
}

/// Keys as a new channel has them.
pub(super) fn fresh(keys: Vec<Secret>) -> Vec<ChannelKey> {
    keys.into_iter().map(|key| ChannelKey { id: 0, key, status: ChannelStatus::Enabled }).collect()
}

async fn of_database(deps: &Deps, id: i64) -> Result<ChannelId> {
    if channels::find(deps, id).await?.owner == FILE {
        return Err(conflict("this channel is declared in the configuration file"));
    }
    Ok(ChannelId(id))
}

/// One of several keys of a channel.
#[derive(Serialize, ToSchema)]
pub struct ShownKey {
    id: i64,
    /// Its last characters.
    tail: String,
    /// 1 enabled, 2 disabled by a person, 3 disabled by itself.
    status: i64,
    /// Why it was disabled.
    reason: String,
    /// When the status changed last, in Unix seconds.
    changed_time: i64,
    used_quota: i64,
    health: Health,
}

async fn shown(deps: &Deps, id: ChannelId) -> Result<Answer<Vec<ShownKey>>> {
    let keys = deps.store.channel_keys(id).await?;
    let rows = keys.into_iter().map(|key| {
        let (state, reason) = deps.live.key_health(id, key.id);
        ShownKey {
            id: key.id,
            tail: key.tail,
            status: key.status.into(),
            reason: key.reason,
            changed_time: key.changed_time,
            used_quota: key.used.to_quota_ceil(),
            health: Health { state, reason },
        }
    });
    Ok(ok(rows.collect()))
}

async fn changed(deps: &Deps, id: ChannelId) -> Result<Answer<Vec<ShownKey>>> {
    deps.live.reload().await?;
    shown(deps, id).await
}

/// The keys, each with its state. Empty where the channel has but one.
pub async fn list(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<Vec<ShownKey>>> {
    channels::find(&deps, *id).await?;
    shown(&deps, ChannelId(*id)).await
}

#[derive(Deserialize, ToSchema)]
pub struct MoreKeys {
    keys: Vec<String>,
}

/// Adds keys; the one that the channel has alone becomes the first of them.
pub async fn add(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
    Body(body): Body<MoreKeys>,
) -> Result<Answer<Vec<ShownKey>>> {
    let id = of_database(&deps, *id).await?;
    let keys = given(Some(body.keys), None)?;
    if keys.is_empty() {
        return Err(bad_request("keys is empty"));
    }
    deps.store.add_channel_keys(id, keys).await?;
    changed(&deps, id).await
}

#[derive(Deserialize, ToSchema)]
pub struct KeyStatus {
    /// 1 enabled, 2 disabled.
    status: i64,
}

pub async fn set(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Pair(id, key): Pair,
    Body(body): Body<KeyStatus>,
) -> Result<Answer<Vec<ShownKey>>> {
    let id = of_database(&deps, id).await?;
    let status = match body.status {
        1 => ChannelStatus::Enabled,
        2 => ChannelStatus::Disabled,
        _ => return Err(invalid("status must be 1 (enabled) or 2 (disabled)")),
    };
    deps.store.set_channel_key(id, key, status).await?;
    changed(&deps, id).await
}

pub async fn delete(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Pair(id, key): Pair,
) -> Result<Answer<Vec<ShownKey>>> {
    let id = of_database(&deps, id).await?;
    deps.store.delete_channel_key(id, key).await?;
    changed(&deps, id).await
}
