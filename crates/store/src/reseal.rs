//! A new master key, while everything runs: each stored secret is sealed anew, row by row, and only where nobody
//! has changed it meanwhile (SR-21).

use crate::channels::{config_place, host_of, place as channel_place};
use crate::db::{Row, args};
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store, bump, transaction};
use crate::vault::Vault;
use crate::{captures, certificates, settings, totp, vouchers};
use std::time::Duration;

/// Rows of one piece.
const PIECE: i64 = 500;
/// The same, where each may have a megabyte.
const PIECE_OF_BODIES: i64 = 16;
/// One run takes this long at most: a million secrets.
const DEADLINE: Duration = Duration::from_secs(3600);

/// A column of secrets: what is read of a row (its number, the sealed text, and what its place is made of).
struct Column {
    table: &'static str,
    /// The number that rows are walked by, if it is not `id`.
    id: &'static str,
    sealed: &'static str,
    select: &'static str,
    place: fn(&Row) -> Result<String>,
    /// It is in the log's database.
    logs: bool,
}

/// Where a channel's key belongs: `kind`, `base_url` and `uid` from a column on.
fn of_channel(row: &Row, from: usize) -> Result<String> {
    let kind = u16::try_from(row.int(from)?).unwrap_or_default();
    Ok(channel_place(&row.text(from + 2)?, &host_of(kind, &row.text(from + 1)?)))
}

const COLUMNS: &[Column] = &[
    Column {
        table: "magic_channels",
        id: "id",
        sealed: "key_sealed",
        select: "SELECT id, key_sealed, kind, base_url, uid FROM magic_channels",
        place: |row| of_channel(row, 2),
        logs: false,
    },
    Column {
        table: "magic_channels",
        id: "id",
        sealed: "proxy_sealed",
        select: "SELECT id, proxy_sealed, uid FROM magic_channels",
        place: |row| Ok(channel_place(&row.text(2)?, "proxy")),
        logs: false,
    },
    Column {
        table: "magic_channel_keys",
        id: "id",
        sealed: "key_sealed",
        select: "SELECT k.id, k.key_sealed, c.kind, c.base_url, c.uid FROM magic_channel_keys k \
             JOIN magic_channels c ON c.id = k.channel_id",
        place: |row| of_channel(row, 2),
        logs: false,
    },
    Column {
        table: "magic_vouchers",
        id: "id",
        sealed: "code_sealed",
        select: "SELECT id, code_sealed, code_hash FROM magic_vouchers",
        place: |row| Ok(vouchers::place(&row.text(2)?)),
        logs: false,
    },
    Column {
        table: "magic_totp",
        id: "user_id",
        sealed: "secret_sealed",
        select: "SELECT user_id, secret_sealed FROM magic_totp",
        place: |row| Ok(totp::place(row.int(0)?)),
        logs: false,
    },
    Column {
        table: "magic_acme_accounts",
        id: "id",
        sealed: "credentials_sealed",
        select: "SELECT id, credentials_sealed, directory FROM magic_acme_accounts",
        place: |row| Ok(certificates::account_place(&row.text(2)?)),
        logs: false,
    },
    Column {
        table: "magic_certificates",
        id: "id",
        sealed: "key_sealed",
        select: "SELECT id, key_sealed, host FROM magic_certificates",
        place: |row| Ok(certificates::key_place(&row.text(2)?)),
        logs: false,
    },
    Column {
        table: "magic_captures",
        id: "id",
        sealed: "request_sealed",
        select: "SELECT id, request_sealed, request_id FROM magic_captures",
        place: |row| Ok(captures::place(&row.text(2)?, "request")),
        logs: true,
    },
    Column {
        table: "magic_captures",
        id: "id",
        sealed: "answer_sealed",
        select: "SELECT id, answer_sealed, request_id FROM magic_captures",
        place: |row| Ok(captures::place(&row.text(2)?, "answer")),
        logs: true,
    },
];

async fn column(inner: &Inner, vault: &Vault, column: &Column) -> Result<u64> {
    let Column { table, id, sealed, select, place, logs } = column;
    let (db, piece) = if *logs { (&inner.logs, PIECE_OF_BODIES) } else { (&inner.db, PIECE) };
    let joined = if select.contains(" JOIN ") { "k.id" } else { id };
    let page = format!("{select} WHERE {joined} > ? ORDER BY {joined} LIMIT ?");
    let change = format!("UPDATE {table} SET {sealed} = ? WHERE {id} = ? AND {sealed} = ?");
    let (mut last, mut count) = (i64::MIN, 0);
    loop {
        let rows = db.fetch(&page, args![last, piece]).await?;
        for row in &rows {
            last = row.int(0)?;
            let before = row.text(1)?;
            if let Some(now) = vault.resealed(&before, &place(row)?)? {
                count += db.exec(&change, args![now, last, before]).await?;
            }
        }
        if (rows.len() as i64) < piece {
            return Ok(count);
        }
    }
}

/// Options whose values are secrets.
async fn options(inner: &Inner, vault: &Vault) -> Result<u64> {
    let mut count = 0;
    for row in &inner.db.fetch("SELECT name, value FROM magic_options", vec![]).await? {
        let (name, before) = (row.text(0)?, row.text(1)?);
        if !magic_domain::options::find(&name).is_some_and(|def| def.secret) {
            continue;
        }
        if let Some(now) = vault.resealed(&before, &settings::place(&name))? {
            let sql = "UPDATE magic_options SET value = ? WHERE name = ? AND value = ?";
            count += inner.db.exec(sql, args![now, name, before]).await?;
        }
    }
    Ok(count)
}

/// Secrets inside the configs of channels: each has a place of its own.
async fn configs(inner: &Inner, vault: &Vault) -> Result<u64> {
    let sql =
        "SELECT id, config, kind, base_url, uid FROM magic_channels WHERE config LIKE '%\"v1:%' ORDER BY id";
    let mut count = 0;
    for row in &inner.db.fetch(sql, vec![]).await? {
        let before = row.text(1)?;
        let host = host_of(u16::try_from(row.int(2)?).unwrap_or_default(), &row.text(3)?);
        let Ok(mut config) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&before)
        else {
            continue;
        };
        let mut changed = false;
        for (name, value) in &mut config {
            let Some(sealed) = value.as_str().filter(|text| text.starts_with("v1:")) else { continue };
            if let Some(now) = vault.resealed(sealed, &config_place(&row.text(4)?, name, &host))? {
                (*value, changed) = (now.into(), true);
            }
        }
        if changed {
            let now = serde_json::Value::Object(config).to_string();
            let sql = "UPDATE magic_channels SET config = ? WHERE id = ? AND config = ?";
            count += inner.db.exec(sql, args![now, row.int(0)?, before]).await?;
        }
    }
    Ok(count)
}

async fn all(inner: &Inner, vault: &Vault) -> Result<u64> {
    let mut count = options(inner, vault).await? + configs(inner, vault).await?;
    for one in COLUMNS {
        count += column(inner, vault, one).await?;
    }
    Ok(count)
}

impl Store {
    /// Seals every stored secret with `MAGIC_MASTER_KEY_NEXT`, which is the master key from then on; how many were
    /// sealed anew. Nodes that have both keys notice nothing: they open both, and seal with the new one as soon as
    /// they hear of the change. Run again, it sees to what was sealed with the old key in between.
    ///
    /// # Errors
    /// `Invalid`: there is no key to come.
    pub async fn rotate_master_key(&self) -> Result<u64> {
        self.run_for(DEADLINE, |inner| async move {
            let Some(vault) = inner.vault.with_next() else {
                let again = inner.vault.has_next();
                let missing = "MAGIC_MASTER_KEY_NEXT is not set: it holds the key to come";
                return if again {
                    all(&inner, &inner.vault).await
                } else {
                    Err(StoreError::Invalid(missing.into()))
                };
            };
            let before = all(&inner, &vault).await?;
            let check = vault.check_value()?;
            transaction!(inner.db, |tx| {
                let sql = "UPDATE magic_state SET value = ? WHERE name = 'vault_check'";
                tx.exec(sql, args![&check]).await?;
                bump(tx).await?;
            })?;
            inner.vault.follow(&check);
            Ok(before + all(&inner, &vault).await?)
        })
        .await
    }
}
