//! Accounts at vendors. Keys are sealed for the row and the host they may be sent to: a channel whose host
//! changes has no key any more.

use crate::capabilities::forget;
use crate::choice::{ChannelFilter, ORDERS};
use crate::db::{Arg, Row, Tx, TxError, args, sorted};
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store, bump, transaction};
use crate::users::Page;
use crate::{DB, keys, now, random_id, split_list};
use magic_domain::channel::{Channel, ChannelStatus, SECRET_CONFIG};
use magic_domain::ids::ChannelId;
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use std::collections::{BTreeMap, HashMap};

/// A row of a channel. Its key is not in it: only the last characters.
#[derive(Debug, Clone)]
pub struct ChannelRow {
    /// All that routing needs; `key`, `proxy` and the secrets of `config` are empty unless the row was loaded for the
    /// proxy.
    pub channel: Channel,
    pub key_tail: String,
    pub disabled_reason: String,
    pub created_time: i64,
    pub test_time: i64,
    pub response_time: i64,
    pub other: String,
    pub balance: f64,
    pub balance_updated_time: i64,
    pub used: Nano,
    pub owner: String,
    pub has_proxy: bool,
    /// How many keys it has, where it has several.
    pub key_count: i64,
    uid: String,
    key_sealed: String,
    proxy_sealed: String,
    /// The secrets of the config, by name; in `channel.config` they are blank.
    config_sealed: BTreeMap<String, String>,
}

/// A channel to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    pub channel: Channel,
    pub other: String,
}

const COLUMNS: &str = "id, uid, kind, key_sealed, key_tail, status, disabled_reason, name, weight, created_time, test_time, \
     response_time, base_url, other, balance, balance_updated_time, models, grps, used, model_mapping, priority, config, \
     system_prompt, tags, proxy_sealed, ca_pem, limits, timeouts, headers, params, owner, \
     (SELECT COUNT(*) FROM magic_channel_keys WHERE channel_id = magic_channels.id)";

fn read(row: &Row) -> Result<ChannelRow> {
    let system_prompt = row.text(22)?;
    let ca = row.text(25)?;
    let proxy_sealed = row.text(24)?;
    let mut config = config_of(&row.text(21)?);
    let config_sealed = take_secrets(&mut config);
    let json = |text: String| if text.is_empty() { "{}".to_owned() } else { text };
    Ok(ChannelRow {
        channel: Channel {
            id: ChannelId(row.int(0)?),
            kind: u16::try_from(row.int(2)?).unwrap_or(0),
            name: row.text(7)?,
            status: ChannelStatus::from(row.int(5)?),
            key: Secret::default(),
            key_id: 0,
            keys: vec![],
            base_url: row.text(12)?,
            models: split_list(&row.text(16)?),
            model_mapping: serde_json::from_str(&json(row.text(19)?)).unwrap_or_default(),
            groups: split_list(&row.text(17)?),
            priority: row.int(20)?,
            weight: u32::try_from(row.int(8)?).unwrap_or(0),
            tags: split_list(&row.text(23)?),
            system_prompt: (!system_prompt.is_empty()).then_some(system_prompt),
            proxy: None,
            ca_pem: (!ca.is_empty()).then_some(ca),
            limits: serde_json::from_str(&json(row.text(26)?)).unwrap_or_default(),
            timeouts: serde_json::from_str(&json(row.text(27)?)).unwrap_or_default(),
            headers: serde_json::from_str(&json(row.text(28)?)).unwrap_or_default(),
            params: serde_json::from_str(&json(row.text(29)?)).unwrap_or_default(),
            config,
        },
        uid: row.text(1)?,
        key_sealed: row.text(3)?,
        key_tail: row.text(4)?,
        disabled_reason: row.text(6)?,
        created_time: row.int(9)?,
        test_time: row.int(10)?,
        response_time: row.int(11)?,
        other: row.text(13)?,
        balance: row.real(14)?,
        balance_updated_time: row.int(15)?,
        used: Nano(row.int(18)?),
        has_proxy: !proxy_sealed.is_empty(),
        proxy_sealed,
        config_sealed,
        owner: row.text(30)?,
        key_count: row.int(31)?,
    })
}

/// one-api's `config`: a JSON object of strings (numbers and booleans are taken as their text).
pub fn config_of(text: &str) -> BTreeMap<String, String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let members = value.as_object().cloned().unwrap_or_default();
    members
        .into_iter()
        .filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Some((name, value.to_string())),
            _ => None,
        })
        .collect()
}

/// What a base URL's secret is bound to: scheme, host and port.
pub(crate) fn host_of(kind: u16, base_url: &str) -> String {
    let base = base_url.trim().to_ascii_lowercase();
    let end = base.find("://").map_or(0, |at| at + 3);
    let host = base[end..].split(['/', '?', '#']).next().unwrap_or("");
    if host.is_empty() { format!("type:{kind}") } else { format!("{}{host}", &base[..end]) }
}

pub(crate) fn place(uid: &str, host: &str) -> String {
    format!("magic_channels/{uid}/{host}")
}

/// Bound to the host like the key: they are credentials of the same account.
pub(crate) fn config_place(uid: &str, name: &str, host: &str) -> String {
    place(uid, &format!("config/{name}/{host}"))
}

/// Takes the secrets out of a config as it is stored; blanks stay where they were.
fn take_secrets(config: &mut BTreeMap<String, String>) -> BTreeMap<String, String> {
    let taken = SECRET_CONFIG.iter().filter_map(|name| {
        let value = config.get_mut(*name).filter(|value| !value.is_empty())?;
        Some(((*name).to_owned(), std::mem::take(value)))
    });
    taken.collect()
}

/// The secrets of a row's config. Rows of earlier versions hold them as they are.
fn opened_config(inner: &Inner, row: &ChannelRow) -> Result<BTreeMap<String, String>> {
    let host = host_of(row.channel.kind, &row.channel.base_url);
    let open = |(name, stored): (&String, &String)| {
        let value = match stored.starts_with("v1:") {
            true => inner.vault.open(stored, &config_place(&row.uid, name, &host))?.expose().to_owned(),
            false => stored.clone(),
        };
        Ok((name.clone(), value))
    };
    row.config_sealed.iter().map(open).collect()
}

fn sealed_config(inner: &Inner, c: &Channel, uid: &str) -> Result<BTreeMap<String, String>> {
    let host = host_of(c.kind, &c.base_url);
    let mut config = c.config.clone();
    for (name, value) in take_secrets(&mut config) {
        let sealed = inner.vault.seal(&Secret::new(value), &config_place(uid, &name, &host))?;
        config.insert(name, sealed);
    }
    Ok(config)
}

fn values(inner: &Inner, new: &NewChannel, uid: &str) -> Result<Vec<Arg>> {
    let c = &new.channel;
    let json = |value: serde_json::Result<String>| value.map_err(|e| StoreError::Internal(e.to_string()));
    let here = place(uid, &host_of(c.kind, &c.base_url));
    let proxy = Secret::new(c.proxy.clone().unwrap_or_default());
    // One of several keys is kept with the others.
    let key = if c.keys.is_empty() { c.key.clone() } else { Secret::default() };
    Ok(args![
        i64::from(c.kind),
        inner.vault.seal(&key, &here)?,
        key.tail(),
        i64::from(c.status),
        &c.name,
        i64::from(c.weight),
        &c.base_url,
        &new.other,
        c.models.join(","),
        c.groups.join(","),
        json(serde_json::to_string(&c.model_mapping))?,
        c.priority,
        json(serde_json::to_string(&sealed_config(inner, c, uid)?))?,
        c.system_prompt.clone().unwrap_or_default(),
        c.tags.join(","),
        inner.vault.seal(&proxy, &place(uid, "proxy"))?,
        c.ca_pem.clone().unwrap_or_default(),
        json(serde_json::to_string(&c.limits))?,
        json(serde_json::to_string(&c.timeouts))?,
        json(serde_json::to_string(&c.headers))?,
        json(serde_json::to_string(&c.params))?,
    ])
}

const VALUE_COLUMNS: &str = "kind, key_sealed, key_tail, status, name, weight, base_url, other, models, grps, model_mapping, \
     priority, config, system_prompt, tags, proxy_sealed, ca_pem, limits, timeouts, headers, params";

pub(crate) async fn insert(
    tx: &mut Tx,
    inner: &Inner,
    new: &NewChannel,
    owner: &str,
) -> Result<i64, TxError> {
    let uid = random_id();
    let mut all = args![&uid, now(), owner, ""];
    all.extend(values(inner, new, &uid)?);
    let marks = vec!["?"; all.len()].join(", ");
    let sql = format!(
        "INSERT INTO magic_channels (uid, created_time, owner, disabled_reason, {VALUE_COLUMNS}) VALUES ({marks})"
    );
    let id = tx.insert(&sql, all).await?;
    let keys: Vec<Secret> = new.channel.keys.iter().map(|key| key.key.clone()).collect();
    let here = place(&uid, &host_of(new.channel.kind, &new.channel.base_url));
    keys::insert(tx, inner, id, &here, &keys).await?;
    Ok(id)
}

/// Where a channel's keys are sealed for, and its only one as it is stored.
pub(crate) struct Sealed {
    pub here: String,
    pub key: String,
}

/// Of a channel, locked.
pub(crate) async fn sealed(tx: &mut Tx, id: i64) -> Result<Sealed, TxError> {
    let lock = crate::ledger::for_update(tx.engine());
    let sql = format!("SELECT uid, kind, base_url, key_sealed FROM magic_channels WHERE id = ?{lock}");
    let row = tx.one(&sql, args![id]).await?.ok_or(StoreError::NotFound("channel"))?;
    let kind = u16::try_from(row.int(1)?).unwrap_or(0);
    Ok(Sealed { here: place(&row.text(0)?, &host_of(kind, &row.text(2)?)), key: row.text(3)? })
}

/// Whether both are the same account, reached in the same way: what was found out about one holds for the other.
fn same_account(a: &Channel, b: &Channel) -> bool {
    // Several keys come and go; what one of them can do, the others can.
    let same_key = a.key == b.key || !a.keys.is_empty() || !b.keys.is_empty();
    a.kind == b.kind && a.base_url == b.base_url && same_key && a.config == b.config
}

/// Whether a channel is what it was when it was loaded, as far as findings about it go. `NotFound`: it is gone.
pub(crate) async fn is_still(tx: &mut Tx, inner: &Inner, loaded: &Channel) -> Result<bool, TxError> {
    // Locked, so that nobody changes it until this transaction has ended.
    let lock = crate::ledger::for_update(tx.engine());
    let sql = format!("SELECT {COLUMNS} FROM magic_channels WHERE id = ?{lock}");
    let row = tx.one(&sql, args![loaded.id.0]).await?.ok_or(StoreError::NotFound("channel"))?;
    Ok(same_account(&opened(inner, read(&row)?), loaded))
}

/// The channel of a row with its key; without one where it does not open.
fn opened(inner: &Inner, row: ChannelRow) -> Channel {
    let here = place(&row.uid, &host_of(row.channel.kind, &row.channel.base_url));
    let key = inner.vault.open(&row.key_sealed, &here).unwrap_or_default();
    let secrets = opened_config(inner, &row).unwrap_or_default();
    let mut channel = Channel { key, ..row.channel };
    channel.config.extend(secrets);
    channel
}

/// Writes every field. An empty key, or a secret of the config that is empty or missing, keeps the stored one, unless
/// the host has changed: then it is gone. What was found out about another account is forgotten.
pub(crate) async fn write(tx: &mut Tx, inner: &Inner, id: i64, new: &NewChannel) -> Result<(), TxError> {
    let sql = format!("SELECT {COLUMNS} FROM magic_channels WHERE id = ?");
    let row = tx.one(&sql, args![id]).await?.ok_or(StoreError::NotFound("channel"))?;
    let before = read(&row)?;
    let mut new = new.clone();
    let old_host = host_of(before.channel.kind, &before.channel.base_url);
    let new_host = host_of(new.channel.kind, &new.channel.base_url);
    if new.channel.key.is_empty() && old_host == new_host {
        new.channel.key = inner.vault.open(&before.key_sealed, &place(&before.uid, &old_host))?;
    }
    if old_host != new_host {
        keys::forget(tx, id).await?;
    } else {
        for (name, value) in opened_config(inner, &before)? {
            let kept = new.channel.config.entry(name).or_default();
            if kept.is_empty() {
                *kept = value;
            }
        }
    }
    let sets: Vec<String> =
        VALUE_COLUMNS.split(", ").map(|column| format!("{} = ?", column.trim())).collect();
    let mut all = values(inner, &new, &before.uid)?;
    let another = !same_account(&opened(inner, before.clone()), &new.channel);
    let reason =
        if new.channel.status == ChannelStatus::Enabled { "" } else { before.disabled_reason.as_str() };
    all.extend(args![reason, id]);
    tx.exec(&format!("UPDATE magic_channels SET {}, disabled_reason = ? WHERE id = ?", sets.join(", ")), all)
        .await?;
    // After the row is locked by its update: a check that ends just now is waited for, or finds another channel.
    if another {
        forget(tx, id).await?;
    }
    Ok(())
}

impl Store {
    /// Makes channels, all or none.
    pub async fn create_channels(&self, new: Vec<NewChannel>) -> Result<Vec<ChannelId>> {
        self.run_for(std::time::Duration::from_secs(60), move |inner| async move {
            transaction!(inner.db, |tx| {
                let mut ids = Vec::with_capacity(new.len());
                for channel in &new {
                    ids.push(ChannelId(insert(tx, &inner, channel, DB).await?));
                }
                bump(tx).await?;
                ids
            })
        })
        .await
    }

    pub async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>> {
        self.run(move |inner| async move {
            let sql = format!("SELECT {COLUMNS} FROM magic_channels WHERE id = ?");
            inner.db.one(&sql, args![id.0]).await?.as_ref().map(read).transpose()
        })
        .await
    }

    /// A channel with its key and its proxy: to be written again, and to go nowhere else. `Conflict`: they can't be
    /// opened.
    pub async fn channel_with_secrets(&self, id: ChannelId) -> Result<Option<ChannelRow>> {
        let shut = |_| StoreError::Conflict("the channel's secrets can't be opened".into());
        let Some(row) = self.channel(id).await? else { return Ok(None) };
        let mut row = with_secrets(&self.inner, row).map_err(shut)?;
        let here = place(&row.uid, &host_of(row.channel.kind, &row.channel.base_url));
        row.channel = self
            .run(move |inner| async move {
                let id = row.channel.id.0;
                let mut one = HashMap::from([(id, (row.channel, here))]);
                keys::load(&inner, &mut one).await?;
                one.remove(&id).map(|(channel, _)| channel).ok_or(StoreError::NotFound("channel"))
            })
            .await?;
        Ok(Some(row))
    }

    /// A page of the channels that a filter chooses, and how many there are. `page.order`: see [`ORDERS`].
    pub async fn channels(&self, page: Page, filter: ChannelFilter) -> Result<(Vec<ChannelRow>, i64)> {
        self.list(move |inner| async move {
            let (condition, mut args) = filter.condition(inner.db.engine());
            let total = inner
                .db
                .one(&format!("SELECT COUNT(*) FROM magic_channels WHERE {condition}"), args.clone())
                .await?;
            let total = total.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            args.extend(args![page.limit, page.offset]);
            let order =
                ORDERS.iter().find(|(name, _)| *name == page.order).map_or("id DESC", |(_, sql)| *sql);
            let sql = sorted("magic_channels", COLUMNS, &condition, order);
            let rows = inner.db.fetch(&sql, args).await?;
            Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
        })
        .await
    }

    /// Writes a channel whole. An empty key keeps the stored one, unless the host has changed.
    pub async fn update_channel(&self, id: ChannelId, new: NewChannel) -> Result<ChannelRow> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                write(tx, &inner, id.0, &new).await?;
                bump(tx).await?;
                let row = tx
                    .one(&format!("SELECT {COLUMNS} FROM magic_channels WHERE id = ?"), args![id.0])
                    .await?;
                read(&row.ok_or(StoreError::NotFound("channel"))?)?
            })
        })
        .await
    }

    /// Disables a channel automatically; one that a person disabled stays theirs. True: it was enabled before.
    pub async fn auto_disable_channel(&self, id: ChannelId, reason: &str) -> Result<bool> {
        let reason = reason.to_owned();
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql =
                    "UPDATE magic_channels SET status = 3, disabled_reason = ? WHERE id = ? AND status = 1";
                let changed = tx.exec(sql, args![&reason, id.0]).await? > 0;
                if changed {
                    bump(tx).await?;
                }
                changed
            })
        })
        .await
    }

    /// Enables a channel that was disabled automatically. True: it was.
    pub async fn auto_enable_channel(&self, id: ChannelId) -> Result<bool> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql =
                    "UPDATE magic_channels SET status = 1, disabled_reason = '' WHERE id = ? AND status = 3";
                let changed = tx.exec(sql, args![id.0]).await? > 0;
                if changed {
                    bump(tx).await?;
                }
                changed
            })
        })
        .await
    }

    /// Remembers how long a test took (0: it failed), and notes it in the log.
    pub async fn channel_tested(
        &self,
        id: ChannelId,
        ok: bool,
        model: &str,
        seconds: f64,
        said: &str,
    ) -> Result<()> {
        let ms = (seconds * 1000.0) as i64;
        self.run(move |inner| async move {
            let sql = "UPDATE magic_channels SET test_time = ?, response_time = ? WHERE id = ?";
            inner.db.exec(sql, args![now(), if ok { ms.max(1) } else { 0 }, id.0]).await.map(|_| ())
        })
        .await?;
        let word = if ok { "succeeded" } else { "failed" };
        self.log_test(id.0, model, ms, &format!("channel test {word}: {said}")).await
    }

    /// Remembers a balance that the vendor told, in the vendor's currency.
    pub async fn channel_balance(&self, id: ChannelId, balance: f64) -> Result<()> {
        self.run(move |inner| async move {
            let sql = "UPDATE magic_channels SET balance = ?, balance_updated_time = ? WHERE id = ?";
            inner.db.exec(sql, args![balance, now(), id.0]).await.map(|_| ())
        })
        .await
    }

    pub async fn delete_channel(&self, id: ChannelId) -> Result<()> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                if tx.exec("DELETE FROM magic_channels WHERE id = ?", args![id.0]).await? == 0 {
                    return Err(StoreError::NotFound("channel").into());
                }
                forget(tx, id.0).await?;
                keys::forget(tx, id.0).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    /// Deletes the channels that are disabled, by whomever; how many.
    pub async fn delete_disabled_channels(&self) -> Result<u64> {
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let count = tx
                    .exec("DELETE FROM magic_channels WHERE status IN (2, 3) AND owner = 'db'", vec![])
                    .await?;
                let gone =
                    "DELETE FROM magic_capabilities WHERE channel_id NOT IN (SELECT id FROM magic_channels)";
                tx.exec(gone, vec![]).await?;
                let gone =
                    "DELETE FROM magic_channel_keys WHERE channel_id NOT IN (SELECT id FROM magic_channels)";
                tx.exec(gone, vec![]).await?;
                bump(tx).await?;
                count
            })
        })
        .await
    }
}

/// Every channel with its secrets opened. One that does not open is left out, loudly: the others must serve.
pub(crate) async fn load(inner: &Inner) -> Result<Vec<Channel>> {
    let rows = inner.db.fetch(&format!("SELECT {COLUMNS} FROM magic_channels"), vec![]).await?;
    let mut channels = HashMap::with_capacity(rows.len());
    for row in &rows {
        let row = read(row)?;
        let id = row.channel.id;
        let here = place(&row.uid, &host_of(row.channel.kind, &row.channel.base_url));
        match with_secrets(inner, row) {
            Ok(row) => {
                channels.insert(id.0, (row.channel, here));
            }
            Err(error) => log::error!("channel {id} is left out: {error}"),
        }
    }
    keys::load(inner, &mut channels).await?;
    Ok(channels.into_values().map(|(channel, _)| channel).collect())
}

/// The row with its key and its proxy opened.
fn with_secrets(inner: &Inner, mut row: ChannelRow) -> Result<ChannelRow> {
    let here = place(&row.uid, &host_of(row.channel.kind, &row.channel.base_url));
    row.channel.key = inner.vault.open(&row.key_sealed, &here)?;
    let proxy = inner.vault.open(&row.proxy_sealed, &place(&row.uid, "proxy"))?;
    row.channel.proxy = (!proxy.is_empty()).then(|| proxy.expose().to_owned());
    let secrets = opened_config(inner, &row)?;
    row.channel.config.extend(secrets);
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_scheme_host_and_port() {
        assert_eq!(host_of(1, "https://API.openai.com/v1"), host_of(1, "https://api.openai.com"));
        assert_ne!(host_of(1, "https://api.openai.com"), host_of(1, "http://api.openai.com"));
        assert_ne!(host_of(1, "https://api.openai.com"), host_of(1, "https://api.openai.com:444"));
        assert_ne!(host_of(1, ""), host_of(2, ""));
    }

    #[test]
    fn one_apis_config_is_read() {
        let config = config_of(r#"{"api_version":"v1","n":1,"x":null}"#);
        assert_eq!(config.get("api_version").map(String::as_str), Some("v1"));
        assert_eq!(config.len(), 2);
        assert!(config_of("").is_empty());
    }
}
