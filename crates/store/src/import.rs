//! Taking over a one-api database (or a fork's whose tables match): users with their passwords, tokens whose keys
//! stay valid, channels, vouchers, options and logs. Each object is written with its row in `magic_imports` in one
//! transaction, so that an import that broke off goes on where it stopped, and one that is run again changes
//! nothing. Balances enter the ledger as opening entries.

mod abilities;
mod channels;
mod identity;
mod logs;
mod objects;
mod source;
mod users;

use crate::db::{Engine, Tx, TxError, args};
use crate::dsn::Dsn;
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store, bump, transaction};
use magic_domain::money::Nano;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use source::Source;

/// What is to be taken over, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    pub from: Dsn,
    /// A database of their own for the logs.
    pub logs_from: Option<Dsn>,
    pub with_logs: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// It is another installation than those taken over before, whatever it looks like.
    pub another: bool,
}

/// Reads how people name one-api's database: its `SQL_DSN`, or the path of its SQLite file.
///
/// # Errors
/// What is wrong with it, in words that hold no password.
pub fn source_dsn(text: &str) -> Result<Dsn, String> {
    // A bare path is what people type.
    let dsn = match Path::new(text).is_file() {
        // No DSN has neither: somebody meant a file.
        false if !text.contains(['@', ':']) => return Err(format!("{text} is no file")),
        true => Dsn::Sqlite(text.into()),
        false => Dsn::parse(text, Path::new("one-api.db")).map_err(|error| error.to_string())?,
    };
    match &dsn {
        Dsn::Sqlite(path) if !path.is_file() => Err(format!("{} is no file", path.display())),
        _ => Ok(dsn),
    }
}

/// How many objects of a kind there were, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    pub found: u64,
    pub imported: u64,
    /// Taken over by an earlier run.
    pub already: u64,
    pub skipped: u64,
}

/// Something a person should know; never a secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub kind: &'static str,
    pub id: i64,
    pub name: String,
    pub what: String,
}

/// What an import found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub counts: BTreeMap<&'static str, Count>,
    pub findings: Vec<Finding>,
}

/// Told now and then how far it has come: the kind, how many of it, and of how many.
pub type Progress = Arc<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// Objects between two words about how far it has come.
const STRIDE: u64 = 1_000;

/// One run.
pub(crate) struct Run {
    inner: Arc<Inner>,
    source: Source,
    dry: bool,
    report: Report,
    progress: Progress,
    /// What has been taken over, of all runs: kind and old id to the new one.
    map: HashMap<(&'static str, i64), i64>,
}

/// Kinds, in the order in which they depend on each other.
pub const KINDS: &[&str] = &["user", "token", "channel", "voucher", "option", "log"];
/// The longest an import may take: ten million rows of logs.
const DEADLINE: Duration = Duration::from_secs(6 * 3600);

impl Store {
    /// Takes the database over.
    ///
    /// # Errors
    /// `Invalid`: it is no one-api database. Others as everywhere; what was taken over before an error stays, and
    /// the next run goes on from there.
    pub async fn import_one_api(&self, plan: Plan, progress: Progress) -> Result<Report> {
        self.run_for(DEADLINE, move |inner| async move {
            let mut source = Source::open(&plan.from).await?;
            if !source.has("users").await? || !source.has("tokens").await? || !source.has("channels").await? {
                return Err(StoreError::Invalid(
                    "this is no one-api database: the tables users, tokens and channels are missing".into(),
                ));
            }
            source.name = identity::name(&inner, &source, plan.another).await?;
            let map = known(&inner, &source.name).await?;
            let mut run = Run { inner, source, dry: plan.dry_run, report: Report::default(), progress, map };
            if !run.dry {
                make_room(&run.inner, &run.source).await?;
            }
            run.users().await?;
            run.tokens().await?;
            run.channels().await?;
            run.abilities().await?;
            run.vouchers().await?;
            run.options().await?;
            if plan.with_logs {
                let logs = Source::open(plan.logs_from.as_ref().unwrap_or(&plan.from)).await?;
                run.logs(&logs).await?;
                logs.close().await;
            }
            if !run.dry {
                let done: Result<()> = transaction!(run.inner.db, |tx| { bump(tx).await? });
                done?;
            }
            run.source.close().await;
            Ok(run.report)
        })
        .await
    }
}

async fn known(inner: &Inner, source: &str) -> Result<HashMap<(&'static str, i64), i64>> {
    let sql = "SELECT kind, old_id, new_id FROM magic_imports WHERE source = ?";
    let mut map = HashMap::new();
    for row in inner.db.fetch(sql, args![source]).await? {
        let kind = row.text(0)?;
        if let Some(kind) = KINDS.iter().find(|known| **known == kind) {
            map.insert((*kind, row.int(1)?), row.int(2)?);
        }
    }
    Ok(map)
}

/// Where what is taken over goes, and where it comes from.
const TABLES: &[(&str, &str)] = &[
    ("magic_users", "users"),
    ("magic_tokens", "tokens"),
    ("magic_channels", "channels"),
    ("magic_vouchers", "redemptions"),
];

/// Makes fresh rows come after every id that an old row may want to keep: otherwise a counter would hand out
/// later what a row was moved to before. Counters are never moved backwards.
async fn make_room(inner: &Inner, source: &Source) -> Result<()> {
    for (table, old) in TABLES {
        let highest = source.highest(old).await?;
        let row = inner.db.one(&format!("SELECT COALESCE(MAX(id), 0) FROM {table}"), vec![]).await?;
        if highest <= row.map(|row| row.int(0)).transpose()?.unwrap_or(0) {
            continue;
        }
        match inner.db.engine() {
            Engine::Sqlite => {
                let done: Result<()> = transaction!(inner.db, |tx| {
                    let raise = "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?";
                    if tx.exec(raise, args![highest, *table]).await? == 0 {
                        let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)";
                        tx.exec(sql, args![*table, highest]).await?;
                    }
                });
                done?;
            }
            Engine::Postgres => {
                let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
                let sql = format!(
                    "SELECT setval({sequence}, GREATEST({highest}, COALESCE(pg_sequence_last_value(CAST({sequence} AS regclass)), 1)))"
                );
                inner.db.fetch(&sql, vec![]).await?;
            }
            Engine::MySql => {
                inner
                    .db
                    .exec(&format!("ALTER TABLE {table} AUTO_INCREMENT = {}", highest + 1), vec![])
                    .await?;
            }
        }
    }
    Ok(())
}

impl Run {
    fn count(&mut self, kind: &'static str) -> &mut Count {
        self.report.counts.entry(kind).or_default()
    }

    fn find(&mut self, kind: &'static str, id: i64, name: &str, what: impl Into<String>) {
        self.report.findings.push(Finding { kind, id, name: name.to_owned(), what: what.into() });
    }

    /// Counts an object; true: it has been taken over before.
    fn seen(&mut self, kind: &'static str, id: i64) -> bool {
        self.count(kind).found += 1;
        let found = self.count(kind).found;
        if found.is_multiple_of(STRIDE) {
            (self.progress)(kind, found, 0);
        }
        let already = self.map.contains_key(&(kind, id));
        if already {
            self.count(kind).already += 1;
        }
        already
    }

    fn skip(&mut self, kind: &'static str, id: i64, name: &str, what: impl Into<String>) {
        self.count(kind).skipped += 1;
        self.find(kind, id, name, what);
    }

    fn done(&mut self, kind: &'static str, old: i64, new: i64) {
        self.map.insert((kind, old), new);
        self.count(kind).imported += 1;
    }
}

/// Quota as money, bounded by what the ledger holds.
fn money(quota: i64) -> Nano {
    Nano::from_quota(quota.clamp(i64::MIN / 2000, i64::MAX / 2000))
}

/// Gives a fresh row its old id back where nobody has it, and notes it in the map; the id it has then.
pub(crate) async fn settle(
    tx: &mut Tx,
    source: &str,
    kind: &str,
    table: &str,
    old: i64,
    new: i64,
) -> Result<i64, TxError> {
    let mut id = new;
    if old > 0 && old != new {
        let free = tx.one(&format!("SELECT id FROM {table} WHERE id = ?"), args![old]).await?.is_none();
        if free {
            tx.exec(&format!("UPDATE {table} SET id = ? WHERE id = ?"), args![old, new]).await?;
            id = old;
        }
    }
    remember(tx, source, kind, old, id).await?;
    Ok(id)
}

pub(crate) async fn remember(
    tx: &mut Tx,
    source: &str,
    kind: &str,
    old: i64,
    new: i64,
) -> Result<(), TxError> {
    let sql = "INSERT INTO magic_imports (source, kind, old_id, new_id) VALUES (?, ?, ?, ?)";
    tx.exec(sql, args![source, kind, old, new]).await.map(|_| ())
}
