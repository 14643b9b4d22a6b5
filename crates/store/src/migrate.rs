//! Bringing a schema up to date: files in order, under a lock, each once. See `migrations/README.md`.

use crate::db::{Db, Engine, args};
use crate::error::{Result, StoreError};
use crate::now;
use crate::run::transaction;
use std::collections::HashSet;
use std::time::{Duration, Instant};

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
    (21, include_str!("../../../migrations/sqlite/0021_fleet.sql")),
    (22, include_str!("../../../migrations/sqlite/0022_posted.sql")),
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
    (21, include_str!("../../../migrations/mysql/0021_fleet.sql")),
    (22, include_str!("../../../migrations/mysql/0022_posted.sql")),
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
    (21, include_str!("../../../migrations/postgres/0021_fleet.sql")),
    (22, include_str!("../../../migrations/postgres/0022_posted.sql")),
];

/// Between two looks at whether somebody has made the schema.
const LOOK: Duration = Duration::from_millis(500);

fn files(engine: Engine) -> &'static [(i64, &'static str)] {
    match engine {
        Engine::Sqlite => SQLITE,
        Engine::MySql => MYSQL,
        Engine::Postgres => POSTGRES,
    }
}

/// Waits until others have brought the schema up to date, for a node that does not do it itself. A newer schema is as
/// good: changes expand before they contract.
///
/// # Errors
/// It is not after so long; what is missing, for the person who starts the node.
pub(crate) async fn wait(db: &Db, patience: Duration) -> Result<()> {
    let end = Instant::now() + patience;
    let mut told = false;
    while let Some(lack) = lack(db).await? {
        if Instant::now() > end {
            return Err(StoreError::Invalid(format!(
                "{lack}, and a node with NODE_TYPE=slave does not change that: start a master of this version first"
            )));
        }
        if !std::mem::replace(&mut told, true) {
            log::warn!("{lack}: waiting for a master to change that (this node has NODE_TYPE=slave)");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// What is missing for a node that changes nothing.
async fn lack(db: &Db) -> Result<Option<String>> {
    let files = files(db.engine());
    let wanted = files.last().map_or(0, |(version, _)| *version);
    let applied = match db.fetch("SELECT version FROM magic_schema", vec![]).await {
        Ok(rows) => rows.iter().map(|row| row.int(0)).collect::<Result<HashSet<i64>>>()?,
        Err(error @ StoreError::Unavailable(_)) => return Err(error),
        // There is no such table.
        Err(_) => return Ok(Some("the database is empty".into())),
    };
    if files.iter().any(|(version, _)| !applied.contains(version)) {
        let has = applied.iter().max().copied().unwrap_or(0);
        return Ok(Some(format!("the database's schema is at {has}, this version needs {wanted}")));
    }
    let begun = "SELECT s.value FROM magic_state s WHERE s.name = 'vault_check' AND EXISTS (SELECT 1 FROM magic_users)";
    match db.one(begun, vec![]).await? {
        Some(_) => Ok(None),
        None => Ok(Some("the database has no account yet".into())),
    }
}

pub(crate) async fn run(db: &Db) -> Result<()> {
    let files = files(db.engine());
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
