//! Channels with several keys: each is sealed like a channel's only one, and has a state of its own.

use crate::channels::{Sealed, sealed};
use crate::db::{Row, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::now;
use crate::run::{Inner, Store, bump, transaction};
use magic_domain::channel::{Channel, ChannelKey, ChannelStatus};
use magic_domain::ids::ChannelId;
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use std::collections::HashMap;

/// A channel has this many keys at most.
pub const KEYS_MAX: usize = 1000;

/// Said of a channel whose keys are all disabled.
const ALL_DISABLED: &str = "all of its keys are disabled";

/// One of several keys, without itself.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRow {
    pub id: i64,
    pub tail: String,
    pub status: ChannelStatus,
    pub reason: String,
    /// When the status changed last, in Unix seconds.
    pub changed_time: i64,
    pub used: Nano,
}

const COLUMNS: &str = "id, key_tail, status, reason, changed_time, used";

fn read(row: &Row) -> Result<KeyRow> {
    Ok(KeyRow {
        id: row.int(0)?,
        tail: row.text(1)?,
        status: ChannelStatus::from(row.int(2)?),
        reason: row.text(3)?,
        changed_time: row.int(4)?,
        used: Nano(row.int(5)?),
    })
}

/// Puts the keys of all channels where they belong. One that does not open is left out, loudly.
pub(crate) async fn load(inner: &Inner, channels: &mut HashMap<i64, (Channel, String)>) -> Result<()> {
    let sql = "SELECT id, channel_id, key_sealed, status FROM magic_channel_keys ORDER BY id";
    for row in &inner.db.fetch(sql, vec![]).await? {
        let Some((channel, here)) = channels.get_mut(&row.int(1)?) else { continue };
        match inner.vault.open(&row.text(2)?, here) {
            Ok(key) => {
                let status = ChannelStatus::from(row.int(3)?);
                channel.keys.push(ChannelKey { id: row.int(0)?, key, status });
            }
            Err(error) => log::error!("a key of channel {} is left out: {error}", channel.id),
        }
    }
    for (channel, _) in channels.values_mut() {
        show_one(channel);
    }
    Ok(())
}

/// What asks for a channel's key is given the first that is enabled, else the first that a person has not disabled.
pub(crate) fn show_one(channel: &mut Channel) {
    let with = |status| channel.keys.iter().find(|key| key.status == status);
    let first = with(ChannelStatus::Enabled).or_else(|| with(ChannelStatus::AutoDisabled));
    if let Some(key) = first.or(channel.keys.first()) {
        (channel.key, channel.key_id) = (key.key.clone(), key.id);
    }
}

pub(crate) async fn insert(
    tx: &mut Tx,
    inner: &Inner,
    channel: i64,
    here: &str,
    keys: &[Secret],
) -> std::result::Result<(), TxError> {
    for key in keys {
        tx.exec(
            "INSERT INTO magic_channel_keys (channel_id, key_sealed, key_tail, reason, changed_time) VALUES (?, ?, ?, '', ?)",
            args![channel, inner.vault.seal(key, here)?, key.tail(), now()],
        )
        .await?;
    }
    Ok(())
}

pub(crate) async fn forget(tx: &mut Tx, channel: i64) -> std::result::Result<(), TxError> {
    tx.exec("DELETE FROM magic_channel_keys WHERE channel_id = ?", args![channel]).await.map(|_| ())
}

/// Makes a channel's keys those of the configuration file: what stays keeps its state.
pub(crate) async fn sync(
    tx: &mut Tx,
    inner: &Inner,
    channel: i64,
    keys: &[ChannelKey],
) -> std::result::Result<(), TxError> {
    let here = sealed(tx, channel).await?.here;
    let rows = tx
        .fetch("SELECT id, key_sealed FROM magic_channel_keys WHERE channel_id = ?", args![channel])
        .await?;
    let mut fresh: Vec<Secret> = keys.iter().map(|key| key.key.clone()).collect();
    for row in &rows {
        let known = inner.vault.open(&row.text(1)?, &here).unwrap_or_default();
        match fresh.iter().position(|key| *key == known) {
            Some(at) => {
                fresh.remove(at);
            }
            None => {
                tx.exec("DELETE FROM magic_channel_keys WHERE id = ?", args![row.int(0)?]).await?;
            }
        }
    }
    insert(tx, inner, channel, &here, &fresh).await
}

/// A channel none of whose keys is enabled is disabled; one that was is enabled with its key. Whether it is
/// disabled now, and was not before.
async fn settle(tx: &mut Tx, channel: i64) -> std::result::Result<bool, TxError> {
    let sql = "SELECT COUNT(*) FROM magic_channel_keys WHERE channel_id = ? AND status = 1";
    let enabled = tx.one(sql, args![channel]).await?.map(|row| row.int(0)).transpose()?.unwrap_or(0);
    let changed = if enabled == 0 {
        let sql = "UPDATE magic_channels SET status = 3, disabled_reason = ? WHERE id = ? AND status = 1";
        tx.exec(sql, args![ALL_DISABLED, channel]).await?
    } else {
        let sql = "UPDATE magic_channels SET status = 1, disabled_reason = '' WHERE id = ? AND status = 3 AND disabled_reason = ?";
        tx.exec(sql, args![channel, ALL_DISABLED]).await?;
        0
    };
    bump(tx).await?;
    Ok(changed > 0)
}

impl Store {
    /// The keys of a channel that has several.
    pub async fn channel_keys(&self, channel: ChannelId) -> Result<Vec<KeyRow>> {
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_channel_keys WHERE channel_id = ? ORDER BY id");
            inner.db.fetch(&sql, args![channel.0]).await?.iter().map(read).collect()
        })
        .await
    }

    /// Adds keys to a channel. The one it has alone becomes the first of them.
    pub async fn add_channel_keys(&self, channel: ChannelId, keys: Vec<Secret>) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let Sealed { here, key } = sealed(tx, channel.0).await?;
                let count = "SELECT COUNT(*) FROM magic_channel_keys WHERE channel_id = ?";
                let count = tx.one(count, args![channel.0]).await?.map(|row| row.int(0)).transpose()?;
                let count = usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX);
                if count.saturating_add(keys.len()) >= KEYS_MAX {
                    return Err(StoreError::Invalid(format!("a channel has {KEYS_MAX} keys at most")).into());
                }
                let alone = inner.vault.open(&key, &here)?;
                if !alone.is_empty() {
                    insert(tx, &inner, channel.0, &here, &[alone]).await?;
                    let nothing = inner.vault.seal(&Secret::default(), &here)?;
                    let sql = "UPDATE magic_channels SET key_sealed = ?, key_tail = '' WHERE id = ?";
                    tx.exec(sql, args![nothing, channel.0]).await?;
                }
                insert(tx, &inner, channel.0, &here, &keys).await?;
                settle(tx, channel.0).await?;
            })
        })
        .await
    }

    /// Enables or disables one of several keys by hand.
    pub async fn set_channel_key(&self, channel: ChannelId, key: i64, status: ChannelStatus) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "UPDATE magic_channel_keys SET status = ?, reason = '', changed_time = ? WHERE id = ? AND channel_id = ?";
                if tx.exec(sql, args![i64::from(status), now(), key, channel.0]).await? == 0 {
                    return Err(StoreError::NotFound("key").into());
                }
                settle(tx, channel.0).await?;
            })
        })
        .await
    }

    /// Deletes one of several keys; the last can't be.
    pub async fn delete_channel_key(&self, channel: ChannelId, key: i64) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let lock = crate::ledger::for_update(tx.engine());
                let sql = format!("SELECT id FROM magic_channel_keys WHERE channel_id = ?{lock}");
                let rows = tx.fetch(&sql, args![channel.0]).await?;
                let ids = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<i64>>>()?;
                if !ids.contains(&key) {
                    return Err(StoreError::NotFound("key").into());
                }
                if ids.len() == 1 {
                    return Err(StoreError::Invalid("a channel's last key can't be deleted".into()).into());
                }
                tx.exec("DELETE FROM magic_channel_keys WHERE id = ?", args![key]).await?;
                settle(tx, channel.0).await?;
            })
        })
        .await
    }

    /// Disables one of several keys automatically, and with the last one the channel. Whether the key was
    /// enabled, and whether the channel is disabled now.
    pub async fn auto_disable_key(&self, channel: ChannelId, key: i64, why: &str) -> Result<(bool, bool)> {
        let why = why.to_owned();
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "UPDATE magic_channel_keys SET status = 3, reason = ?, changed_time = ? \
                           WHERE id = ? AND channel_id = ? AND status = 1";
                let changed = tx.exec(sql, args![&why, now(), key, channel.0]).await? > 0;
                let channel_too = changed && settle(tx, channel.0).await?;
                (changed, channel_too)
            })
        })
        .await
    }

    /// Enables a key that was disabled automatically and has passed a test, and its channel with it.
    pub async fn auto_enable_key(&self, channel: ChannelId, key: i64) -> Result<bool> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "UPDATE magic_channel_keys SET status = 1, reason = '', changed_time = ? \
                           WHERE id = ? AND channel_id = ? AND status = 3";
                let changed = tx.exec(sql, args![now(), key, channel.0]).await? > 0;
                if changed {
                    settle(tx, channel.0).await?;
                }
                changed
            })
        })
        .await
    }
}
