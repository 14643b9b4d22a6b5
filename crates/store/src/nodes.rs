//! Who is running: each process writes a row every few seconds. All times are the database's, so that a node whose
//! clock is wrong is not taken for dead.

use crate::db::{Engine, args};
use crate::error::{Result, StoreError};
use crate::run::{Store, transaction};
use magic_domain::money::Nano;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// A node that was seen within so many seconds is alive.
pub const ALIVE: i64 = 20;
/// A node that was not seen for so many seconds is forgotten.
const FORGOTTEN: i64 = 86_400;

/// What a node says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beat {
    /// The life of the process.
    pub id: String,
    pub name: String,
    pub version: String,
    /// Seconds since it started.
    pub uptime: i64,
    pub data: NodeState,
}

/// How a node fares. Nodes of other versions may say more, or less.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeState {
    /// Calls answered per second, over about the last ten.
    pub requests_per_second: f64,
    /// Requests that are open.
    pub in_flight: u64,
    /// Bytes of the journal that are not in the database yet.
    pub journal_lag_bytes: u64,
    /// Memory in use. 0: not known.
    pub rss_bytes: u64,
    /// When the first of its certificates ends, in Unix seconds.
    pub certificate_until: Option<i64>,
    /// The number of the newest change that is in force there.
    pub in_force: i64,
    /// It takes no new calls: it ends.
    pub ending: bool,
    /// It does what is done once for all nodes.
    pub on_duty: bool,
    /// Redis is meant to be there and is not, as far as it knows.
    pub redis_away: bool,
}

/// A node as the database knows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeRow {
    pub id: String,
    pub name: String,
    pub version: String,
    /// Unix seconds, by the database's clock.
    pub started: i64,
    pub seen_at: i64,
    /// Seconds since then, by the database's clock.
    pub silent: i64,
    pub data: NodeState,
    /// Somebody has asked that no more be sent there.
    pub resting: bool,
    /// Its journal has been declared lost.
    pub lost: bool,
    /// What it has set aside of users' balances.
    pub leased: Nano,
}

/// What a node has to know of the others, and of itself, each second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watch {
    /// Rises with every change of what nodes keep in memory.
    pub version: i64,
    /// No more shall be sent to it.
    pub resting: bool,
    /// Its journal has been declared lost.
    pub lost: bool,
    /// How many nodes are alive.
    pub nodes: u32,
    /// How many of its batches of finished calls the database has.
    pub batches: i64,
}

pub(crate) fn clock(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "CAST(strftime('%s', 'now') AS INTEGER)",
        Engine::MySql => "CAST(UNIX_TIMESTAMP() AS SIGNED)",
        // Not the transaction's beginning.
        Engine::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
    }
}

/// A question that took longer tells the time too vaguely.
const VAGUE: std::time::Duration = std::time::Duration::from_millis(400);

impl Store {
    /// How far the database's clock is ahead of this machine's, in milliseconds. `None`: the answer took too long to
    /// tell. A file's clock is the machine's.
    pub async fn clock_ahead(&self) -> Result<Option<i64>> {
        self.run(move |inner| async move {
            let sql = match inner.db.engine() {
                Engine::Sqlite => return Ok(Some(0)),
                Engine::MySql => "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
                Engine::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
            };
            let asked = (std::time::Instant::now(), chrono::Utc::now().timestamp_millis());
            let Some(row) = inner.db.one(sql, vec![]).await? else { return Ok(None) };
            let took = asked.0.elapsed();
            let middle = asked.1 + i64::try_from(took.as_millis() / 2).unwrap_or(0);
            Ok((took <= VAGUE).then_some(row.int(0)? - middle))
        })
        .await
    }

    /// Writes a node's row, and forgets those that have not been seen for a day.
    pub async fn beat(&self, beat: Beat) -> Result<()> {
        self.run(move |inner| async move {
            let now = clock(inner.db.engine());
            let Beat { id, name, version, uptime, data } = &beat;
            let data = serde_json::to_string(data).map_err(|error| StoreError::Internal(error.to_string()))?;
            let update = format!("UPDATE magic_nodes SET seen_at = {now}, data = ? WHERE id = ?");
            if inner.db.exec(&update, args![&data, id]).await? == 0 {
                let insert = format!(
                    "INSERT INTO magic_nodes (id, name, version, started, seen_at, data) VALUES (?, ?, ?, {now} - ?, {now}, ?)"
                );
                match inner.db.exec(&insert, args![id, name, version, *uptime, data]).await {
                    // MySQL counts a row that says the same as before as not changed.
                    Err(StoreError::Conflict(_)) => 0,
                    other => other?,
                };
            }
            // One that still has something set aside is not forgotten: a person decides.
            let sql = format!(
                "DELETE FROM magic_nodes WHERE seen_at < {now} - ? AND NOT EXISTS \
                 (SELECT 1 FROM magic_leases l WHERE l.epoch = magic_nodes.id AND l.amount > 0)"
            );
            inner.db.exec(&sql, args![FORGOTTEN]).await.map(|_| ())
        })
        .await
    }

    /// Takes a node's row away: it ends.
    pub async fn forget_node(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.run(move |inner| async move {
            inner.db.exec("DELETE FROM magic_nodes WHERE id = ?", args![id]).await.map(|_| ())
        })
        .await
    }

    /// What a node looks at each second, in one question.
    pub async fn watch(&self, node: &str) -> Result<Watch> {
        let node = node.to_owned();
        self.run(move |inner| async move {
            let now = clock(inner.db.engine());
            let sql = format!(
                "SELECT s.value, n.resting, l.epoch, (SELECT COUNT(*) FROM magic_nodes a WHERE a.seen_at >= {now} - {ALIVE}), \
                 COALESCE(p.batches, 0) FROM magic_state s LEFT JOIN magic_nodes n ON n.id = ? \
                 LEFT JOIN magic_lost l ON l.epoch = ? LEFT JOIN magic_posted p ON p.epoch = ? WHERE s.name = 'version'"
            );
            let row = inner.db.one(&sql, args![&node, &node, &node]).await?;
            let Some(row) = row else { return Ok(Watch::default()) };
            Ok(Watch {
                version: row.text(0)?.parse().unwrap_or(0),
                resting: row.bool(1)?,
                lost: !row.text(2)?.is_empty(),
                nodes: u32::try_from(row.int(3)?).unwrap_or(1),
                batches: row.int(4)?,
            })
        })
        .await
    }

    /// Asks a node to send callers elsewhere, or to take them again. False: there is no such node.
    pub async fn rest_node(&self, id: &str, resting: bool) -> Result<bool> {
        let id = id.to_owned();
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                tx.exec("UPDATE magic_nodes SET resting = ? WHERE id = ?", args![resting, &id]).await?;
                tx.announce().await?;
                tx.one("SELECT id FROM magic_nodes WHERE id = ?", args![&id]).await?.is_some()
            })
        })
        .await
    }

    /// Takes a duty for so many seconds, or goes on with it. False: another node has it.
    pub async fn hold_duty(&self, name: &str, node: &str, seconds: i64) -> Result<bool> {
        let (name, node) = (name.to_owned(), node.to_owned());
        self.run(move |inner| async move {
            let now = clock(inner.db.engine());
            let update = format!(
                "UPDATE magic_duties SET node = ?, until = {now} + ? WHERE name = ? AND (node = ? OR until < {now})"
            );
            let arguments = || args![&node, seconds, &name, &node];
            inner.db.exec(&update, arguments()).await?;
            let holder = "SELECT node FROM magic_duties WHERE name = ?";
            if let Some(row) = inner.db.one(holder, args![&name]).await? {
                return Ok(row.text(0)? == node);
            }
            let insert = format!("INSERT INTO magic_duties (name, node, until) VALUES (?, ?, {now} + ?)");
            match inner.db.exec(&insert, args![&name, &node, seconds]).await {
                Ok(_) => Ok(true),
                // Another was faster.
                Err(StoreError::Conflict(_)) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The nodes, the oldest first; 1,000 at most. Those that have something set aside and are not known otherwise
    /// have no name.
    pub async fn nodes(&self) -> Result<Vec<NodeRow>> {
        self.list(|inner| async move {
            let now = clock(inner.db.engine());
            let sql = format!(
                "SELECT id, name, version, started, seen_at, {now} - seen_at, data, resting FROM magic_nodes \
                 ORDER BY started, id LIMIT 1000"
            );
            let rows = inner.db.fetch(&sql, vec![]).await?;
            let sum = inner.db.engine().sum("amount");
            let sql = format!(
                "SELECT epoch, {sum} FROM magic_leases WHERE scope = 'user' AND amount > 0 GROUP BY epoch \
                 ORDER BY epoch LIMIT 1000"
            );
            let mut leases = HashMap::new();
            for row in inner.db.fetch(&sql, vec![]).await? {
                leases.insert(row.text(0)?, Nano(row.int(1)?));
            }
            let sql = "SELECT epoch FROM magic_lost ORDER BY at DESC LIMIT 10000";
            let lost = inner.db.fetch(sql, vec![]).await?;
            let lost = lost.iter().map(|row| row.text(0)).collect::<Result<HashSet<_>>>()?;
            let known = rows
                .iter()
                .map(|row| {
                    let id = row.text(0)?;
                    Ok(NodeRow {
                        resting: row.bool(7)?,
                        lost: lost.contains(&id),
                        leased: leases.remove(&id).unwrap_or(Nano::ZERO),
                        id,
                        name: row.text(1)?,
                        version: row.text(2)?,
                        started: row.int(3)?,
                        seen_at: row.int(4)?,
                        silent: row.int(5)?,
                        data: serde_json::from_str(&row.text(6)?).unwrap_or_default(),
                    })
                })
                .collect::<Result<Vec<NodeRow>>>();
            let mut all = known?;
            // Of an older version, or dead before its first word.
            let mut others: Vec<NodeRow> = leases
                .into_iter()
                .map(|(id, leased)| NodeRow {
                    lost: lost.contains(&id),
                    leased,
                    id,
                    silent: i64::MAX,
                    ..NodeRow::default()
                })
                .collect();
            others.sort_by(|a, b| a.id.cmp(&b.id));
            all.extend(others);
            Ok(all)
        })
        .await
    }
}
