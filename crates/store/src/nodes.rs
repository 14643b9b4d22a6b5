//! Who is running: each process writes a row every few seconds. All times are the database's, so that a node whose
//! clock is wrong is not taken for dead.

use crate::db::{Engine, args};
use crate::error::{Result, StoreError};
use crate::run::Store;
use serde::{Deserialize, Serialize};

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
}

/// A node as the database knows it.
#[derive(Debug, Clone, PartialEq)]
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
}

pub(crate) fn clock(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "CAST(strftime('%s', 'now') AS INTEGER)",
        Engine::MySql => "CAST(UNIX_TIMESTAMP() AS SIGNED)",
        // Not the transaction's beginning.
        Engine::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
    }
}

impl Store {
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
            let sql = format!("DELETE FROM magic_nodes WHERE seen_at < {now} - ?");
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

    /// The nodes, the oldest first; 1,000 at most.
    pub async fn nodes(&self) -> Result<Vec<NodeRow>> {
        self.list(|inner| async move {
            let now = clock(inner.db.engine());
            let sql = format!(
                "SELECT id, name, version, started, seen_at, {now} - seen_at, data FROM magic_nodes \
                 ORDER BY started, id LIMIT 1000"
            );
            let rows = inner.db.fetch(&sql, vec![]).await?;
            rows.iter()
                .map(|row| {
                    Ok(NodeRow {
                        id: row.text(0)?,
                        name: row.text(1)?,
                        version: row.text(2)?,
                        started: row.int(3)?,
                        seen_at: row.int(4)?,
                        silent: row.int(5)?,
                        data: serde_json::from_str(&row.text(6)?).unwrap_or_default(),
                    })
                })
                .collect()
        })
        .await
    }
}
