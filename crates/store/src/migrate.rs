//! Bringing a schema up to date: files in order, under a lock, each once. See `migrations/README.md`.

use crate::db::{Db, Engine, args};
use crate::error::{Result, StoreError};
use crate::now;
use crate::run::transaction;

const SQLITE: &[(i64, &str)] = &[
    (1, include_str!("../../../migrations/sqlite/0001_first.sql")),
    (2, include_str!("../../../migrations/sqlite/0002_responses.sql")),
    (3, include_str!("../../../migrations/sqlite/0003_capabilities.sql")),
    (4, include_str!("../../../migrations/sqlite/0004_vouchers.sql")),
    (5, include_str!("../../../migrations/sqlite/0005_accounts.sql")),
    (6, include_str!("../../../migrations/sqlite/0006_signin.sql")),
    (7, include_str!("../../../migrations/sqlite/0007_import.sql")),
    (8, include_str!("../../../migrations/sqlite/0008_log_indexes.sql")),
    (9, include_str!("../../../migrations/sqlite/0009_reminders.sql")),
    (10, include_str!("../../../migrations/sqlite/0010_prompts.sql")),
    (11, include_str!("../../../migrations/sqlite/0011_limits.sql")),
    (12, include_str!("../../../migrations/sqlite/0012_stats.sql")),
    (13, include_str!("../../../migrations/sqlite/0013_orders.sql")),
    (14, include_str!("../../../migrations/sqlite/0014_price_history.sql")),
    (15, include_str!("../../../migrations/sqlite/0015_passkeys.sql")),
    (16, include_str!("../../../migrations/sqlite/0016_capture.sql")),
    (17, include_str!("../../../migrations/sqlite/0017_addresses.sql")),
    (18, include_str!("../../../migrations/sqlite/0018_ledger_and_nodes.sql")),
    (19, include_str!("../../../migrations/sqlite/0019_views.sql")),
    (20, include_str!("../../../migrations/sqlite/0020_certificates.sql")),
];
const MYSQL: &[(i64, &str)] = &[
    (1, include_str!("../../../migrations/mysql/0001_first.sql")),
    (2, include_str!("../../../migrations/mysql/0002_responses.sql")),
    (3, include_str!("../../../migrations/mysql/0003_capabilities.sql")),
    (4, include_str!("../../../migrations/mysql/0004_vouchers.sql")),
    (5, include_str!("../../../migrations/mysql/0005_accounts.sql")),
    (6, include_str!("../../../migrations/mysql/0006_signin.sql")),
    (7, include_str!("../../../migrations/mysql/0007_import.sql")),
    (8, include_str!("../../../migrations/mysql/0008_log_indexes.sql")),
    (9, include_str!("../../../migrations/mysql/0009_reminders.sql")),
    (10, include_str!("../../../migrations/mysql/0010_prompts.sql")),
    (11, include_str!("../../../migrations/mysql/0011_limits.sql")),
    (12, include_str!("../../../migrations/mysql/0012_stats.sql")),
    (13, include_str!("../../../migrations/mysql/0013_orders.sql")),
    (14, include_str!("../../../migrations/mysql/0014_price_history.sql")),
    (15, include_str!("../../../migrations/mysql/0015_passkeys.sql")),
    (16, include_str!("../../../migrations/mysql/0016_capture.sql")),
    (17, include_str!("../../../migrations/mysql/0017_addresses.sql")),
    (18, include_str!("../../../migrations/mysql/0018_ledger_and_nodes.sql")),
    (19, include_str!("../../../migrations/mysql/0019_views.sql")),
    (20, include_str!("../../../migrations/mysql/0020_certificates.sql")),
];
const POSTGRES: &[(i64, &str)] = &[
    (1, include_str!("../../../migrations/postgres/0001_first.sql")),
    (2, include_str!("../../../migrations/postgres/0002_responses.sql")),
    (3, include_str!("../../../migrations/postgres/0003_capabilities.sql")),
    (4, include_str!("../../../migrations/postgres/0004_vouchers.sql")),
    (5, include_str!("../../../migrations/postgres/0005_accounts.sql")),
    (6, include_str!("../../../migrations/postgres/0006_signin.sql")),
    (7, include_str!("../../../migrations/postgres/0007_import.sql")),
    (8, include_str!("../../../migrations/postgres/0008_log_indexes.sql")),
    (9, include_str!("../../../migrations/postgres/0009_reminders.sql")),
    (10, include_str!("../../../migrations/postgres/0010_prompts.sql")),
    (11, include_str!("../../../migrations/postgres/0011_limits.sql")),
    (12, include_str!("../../../migrations/postgres/0012_stats.sql")),
    (13, include_str!("../../../migrations/postgres/0013_orders.sql")),
    (14, include_str!("../../../migrations/postgres/0014_price_history.sql")),
    (15, include_str!("../../../migrations/postgres/0015_passkeys.sql")),
    (16, include_str!("../../../migrations/postgres/0016_capture.sql")),
    (17, include_str!("../../../migrations/postgres/0017_addresses.sql")),
    (18, include_str!("../../../migrations/postgres/0018_ledger_and_nodes.sql")),
    (19, include_str!("../../../migrations/postgres/0019_views.sql")),
    (20, include_str!("../../../migrations/postgres/0020_certificates.sql")),
];

pub(crate) async fn run(db: &Db) -> Result<()> {
    let files = match db.engine() {
        Engine::Sqlite => SQLITE,
        Engine::MySql => MYSQL,
        Engine::Postgres => POSTGRES,
    };
    db.exec(
        "CREATE TABLE IF NOT EXISTS magic_schema (version BIGINT PRIMARY KEY, checksum VARCHAR(64) NOT NULL, applied_at BIGINT NOT NULL)",
        vec![],
    )
    .await
    .or_else(raced)?;
    for (version, sql) in files {
        apply(db, *version, sql).await?;
    }
    Ok(())
}

/// Two nodes that make the first table at once: one of them is told that it exists.
fn raced(error: StoreError) -> Result<u64> {
    match error {
        StoreError::Conflict(_) => Ok(0),
        StoreError::Internal(text) if text.contains("already exists") => Ok(0),
        other => Err(other),
    }
}

async fn apply(db: &Db, version: i64, sql: &str) -> Result<()> {
    let checksum = crate::digest(sql);
    transaction!(db, |tx| {
        match tx.engine() {
            // BEGIN IMMEDIATE is the lock.
            Engine::Sqlite => {}
            Engine::Postgres => {
                tx.exec("LOCK TABLE magic_schema IN EXCLUSIVE MODE", vec![]).await?;
            }
            Engine::MySql => {
                let got = tx.one("SELECT CAST(GET_LOCK('magic_schema', 60) AS SIGNED)", vec![]).await?;
                if got.map(|row| row.int(0)).transpose()? != Some(1) {
                    return Err(StoreError::Unavailable("another node is migrating the schema".into()).into());
                }
            }
        }
        let known = tx.one("SELECT checksum FROM magic_schema WHERE version = ?", args![version]).await?;
        match known.map(|row| row.text(0)).transpose()? {
            Some(before) if before == checksum => {}
            Some(_) => {
                return Err(StoreError::Invalid(format!(
                    "migration {version} of the database differs from this program's: it was made by another version"
                ))
                .into());
            }
            None => {
                for statement in statements(sql) {
                    tx.exec(&statement, vec![]).await?;
                }
                tx.exec(
                    "INSERT INTO magic_schema (version, checksum, applied_at) VALUES (?, ?, ?)",
                    args![version, &checksum, now()],
                )
                .await?;
                if version == 1 {
                    tx.exec("INSERT INTO magic_state (name, value) VALUES ('version', '1')", vec![]).await?;
                }
            }
        }
        if tx.engine() == Engine::MySql {
            tx.fetch("SELECT CAST(RELEASE_LOCK('magic_schema') AS SIGNED)", vec![]).await?;
        }
    })
}

/// The statements of a file: separated by semicolons at line ends; comments dropped.
fn statements(sql: &str) -> Vec<String> {
    let bare: String =
        sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    bare.split(";\n").map(|s| s.trim().trim_end_matches(';').to_owned()).filter(|s| !s.is_empty()).collect()
}
