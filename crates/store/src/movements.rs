//! The ledger as people read it: one movement per event, newest first.

use crate::db::{Arg, Db, Engine, Row, args};
use crate::error::{Result, StoreError};
use crate::now;
use crate::run::{Store, transaction};
use crate::verify::Check;
use magic_domain::money::Nano;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What events there are: those of calls, then those of moves by hand.
pub const KINDS: &[&str] =
    &["settle", "void", "overrun", "opening", "adjust", "topup", "gift", "voucher", "loss", "found"];

/// Which movements are wanted; empty and zero mean "any".
#[derive(Debug, Clone, Default)]
pub struct MovementFilter {
    pub user_id: i64,
    /// One of [`KINDS`].
    pub kind: String,
    pub request_id: String,
    /// Movements before this id: keyset paging.
    pub before: i64,
}

/// An event of the ledger with what it moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub id: i64,
    pub request_id: String,
    pub kind: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// 0: nobody's, or not known.
    pub user_id: i64,
    /// Empty when nobody has that id any more.
    pub username: String,
    /// What the user's balance gained.
    pub amount: Nano,
    /// The account on the other side; empty where nothing was moved.
    pub against: String,
    /// What was set aside for a call.
    pub reserved: Nano,
    /// What was noted with a move by hand.
    pub note: String,
}

/// What a proof of the books said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Unix seconds.
    pub ended_at: i64,
    pub checks: Vec<Outcome>,
}

/// A [`Check`] that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub name: String,
    pub what: String,
    pub ok: bool,
    pub detail: String,
}

impl From<Check> for Outcome {
    fn from(check: Check) -> Self {
        let Check { name, what, ok, detail } = check;
        Outcome { name: name.to_owned(), what: what.to_owned(), ok, detail }
    }
}

/// What all accounts have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balances {
    pub users: i64,
    pub sum: Nano,
}

const COLUMNS: &str = "id, request_id, phase, at_ms, user_id, reserved, detail";

/// Events that do not say whose they are.
fn ownerless(engine: Engine) -> String {
    let sql = "SELECT id, request_id, phase FROM magic_ledger_events WHERE user_id IS NULL";
    // In the order of the index that finds them: otherwise PostgreSQL reads past all that do.
    let order = if engine == Engine::Postgres { " ORDER BY user_id, phase, id" } else { "" };
    format!("{sql}{order} LIMIT ?")
}

/// The condition of a filter, and its arguments, for one kind. Each form has an index that gives the order too.
fn condition(filter: &MovementFilter, kind: &str) -> (String, Vec<Arg>) {
    let (mut parts, mut args) = (vec!["1 = 1"], Vec::new());
    let mut add = |wanted: bool, part: &'static str, arg: Arg| {
        if wanted {
            parts.push(part);
            args.push(arg);
        }
    };
    add(!filter.request_id.is_empty(), "request_id = ?", Arg::from(&filter.request_id));
    add(filter.user_id != 0, "user_id = ?", Arg::Int(filter.user_id));
    add(!kind.is_empty(), "phase = ?", Arg::from(kind));
    add(filter.before > 0, "id < ?", Arg::Int(filter.before));
    (parts.join(" AND "), args)
}

/// The statement for a page of one kind, or of all (empty).
fn statement(filter: &MovementFilter, kind: &str, limit: i64) -> (String, Vec<Arg>) {
    let (condition, mut args) = condition(filter, kind);
    args.push(Arg::Int(limit));
    let sql = format!("SELECT {COLUMNS} FROM magic_ledger_events WHERE {condition} ORDER BY id DESC LIMIT ?");
    (sql, args)
}

async fn events(db: &Db, filter: &MovementFilter, limit: i64) -> Result<Vec<Row>> {
    let by_user_alone = filter.user_id != 0 && filter.kind.is_empty() && filter.request_id.is_empty();
    if !by_user_alone {
        let (sql, args) = statement(filter, &filter.kind, limit);
        return db.fetch(&sql, args).await;
    }
    // A few rows of each kind by the index of users and kinds: an index of users alone would be one more for
    // every call to keep.
    let mut rows = Vec::new();
    for kind in KINDS {
        let (sql, args) = statement(filter, kind, limit);
        for row in db.fetch(&sql, args).await? {
            rows.push((row.int(0)?, row));
        }
    }
    rows.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// What events moved: the account and amount of each entry, by request and phase.
async fn entries(db: &Db, ids: &[String]) -> Result<HashMap<(String, String), Vec<(String, i64)>>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    let Some(last) = ids.last() else { return Ok(found) };
    // Padded to a power of two, so that few texts of the statement are prepared.
    let mut all: Vec<Arg> = ids.iter().map(Arg::from).collect();
    all.resize(ids.len().next_power_of_two(), Arg::from(last));
    let marks = vec!["?"; all.len()].join(", ");
    let sql = format!(
        "SELECT request_id, phase, account, amount FROM magic_ledger_entries WHERE request_id IN ({marks})"
    );
    for row in db.fetch(&sql, all).await? {
        found.entry((row.text(0)?, row.text(1)?)).or_default().push((row.text(2)?, row.int(3)?));
    }
    Ok(found)
}

/// The user of an account `user:7:available`.
fn user_of(account: &str) -> Option<i64> {
    account.strip_prefix("user:")?.split(':').next()?.parse().ok()
}

fn movement(row: &Row, entries: &[(String, i64)]) -> Result<Movement> {
    let mine = entries.iter().find(|(account, _)| user_of(account).is_some());
    let other = entries.iter().find(|(account, _)| user_of(account).is_none());
    let detail: serde_json::Value = serde_json::from_str(&row.text(6)?).unwrap_or_default();
    let known = row.int(4)?;
    Ok(Movement {
        id: row.int(0)?,
        request_id: row.text(1)?,
        kind: row.text(2)?,
        at_ms: row.int(3)?,
        user_id: if known != 0 { known } else { mine.and_then(|(name, _)| user_of(name)).unwrap_or(0) },
        username: String::new(),
        amount: Nano(mine.map_or(0, |(_, amount)| *amount)),
        against: other.map(|(account, _)| account.clone()).unwrap_or_default(),
        reserved: Nano(row.int(5)?),
        note: detail["note"].as_str().unwrap_or_default().to_owned(),
    })
}

async fn name_users(db: &Db, movements: &mut [Movement]) -> Result<()> {
    let mut names: BTreeMap<i64, String> =
        movements.iter().map(|movement| (movement.user_id, String::new())).collect();
    let ids: Vec<Arg> = names.keys().map(|id| Arg::Int(*id)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let sql =
        format!("SELECT id, username FROM magic_users WHERE id IN ({})", vec!["?"; ids.len()].join(", "));
    for row in db.fetch(&sql, ids).await? {
        names.insert(row.int(0)?, row.text(1)?);
    }
    for movement in movements {
        movement.username = names.get(&movement.user_id).cloned().unwrap_or_default();
    }
    Ok(())
}

impl Store {
    /// A page of the ledger, newest first. By user, rows that were written by an older version are there once
    /// [`Store::follow_owners`] has come to them.
    ///
    /// # Errors
    /// `Invalid`: there is no such kind.
    pub async fn movements(&self, filter: MovementFilter, limit: i64) -> Result<Vec<Movement>> {
        if !filter.kind.is_empty() && !KINDS.contains(&filter.kind.as_str()) {
            return Err(StoreError::Invalid(format!("kind must be one of {}", KINDS.join(", "))));
        }
        self.list(move |inner| async move {
            let rows = events(&inner.db, &filter, limit).await?;
            let mut ids = rows.iter().map(|row| row.text(1)).collect::<Result<Vec<_>>>()?;
            ids.sort();
            ids.dedup();
            let moved = entries(&inner.db, &ids).await?;
            let mut all = Vec::with_capacity(rows.len());
            for row in &rows {
                let of = moved.get(&(row.text(1)?, row.text(2)?));
                all.push(movement(row, of.map_or(&[], Vec::as_slice))?);
            }
            name_users(&inner.db, &mut all).await?;
            Ok(all)
        })
        .await
    }

    /// How many accounts there are, and what they have together.
    pub async fn balances(&self) -> Result<Balances> {
        self.list(|inner| async move {
            let sum = inner.db.engine().sum("balance");
            let row = inner.db.one(&format!("SELECT COUNT(*), {sum} FROM magic_users"), vec![]).await?;
            let Some(row) = row else { return Ok(Balances { users: 0, sum: Nano::ZERO }) };
            Ok(Balances { users: row.int(0)?, sum: Nano(row.int(1)?) })
        })
        .await
    }

    /// [`Store::verify`] within a time; the outcome is kept for [`Store::last_verified`].
    ///
    /// # Errors
    /// `Unavailable`: it took longer. What it has begun at the database ends by the database's own deadline.
    pub async fn verify_within(&self, deadline: Duration) -> Result<Verified> {
        let checks = tokio::time::timeout(deadline, self.verify())
            .await
            .map_err(|_| StoreError::Unavailable("the books could not be read in time".into()))??;
        let verified = Verified { ended_at: now(), checks: checks.into_iter().map(Outcome::from).collect() };
        let text =
            serde_json::to_string(&verified).map_err(|error| StoreError::Internal(error.to_string()))?;
        self.run(move |inner| async move {
            let upsert = inner.db.engine().upsert("magic_state", &["name"], &["value"]);
            inner.db.exec(&upsert, args!["ledger_verified", text]).await
        })
        .await?;
        Ok(verified)
    }

    /// What the last proof of the books said, on whichever node.
    pub async fn last_verified(&self) -> Result<Option<Verified>> {
        self.run(|inner| async move {
            let sql = "SELECT value FROM magic_state WHERE name = 'ledger_verified'";
            let row = inner.db.one(sql, vec![]).await?;
            let text = row.map(|row| row.text(0)).transpose()?;
            Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
        })
        .await
    }

    /// Notes whose events are that do not say so, up to `limit`; how many there were.
    ///
    /// # Errors
    /// `Slow`: they could not be found in time; that says nothing of the database.
    pub async fn follow_owners(&self, limit: i64) -> Result<u64> {
        let owners = self.list(move |inner| async move {
            let rows = inner.db.fetch(&ownerless(inner.db.engine()), args![limit]).await?;
            let ids = rows.iter().map(|row| row.text(1)).collect::<Result<Vec<_>>>()?;
            let moved = entries(&inner.db, &ids).await?;
            let mut owners: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
            for row in &rows {
                let of = moved.get(&(row.text(1)?, row.text(2)?)).map_or(&[][..], Vec::as_slice);
                let owner = of.iter().find_map(|(account, _)| user_of(account)).unwrap_or(0);
                owners.entry(owner).or_default().push(row.int(0)?);
            }
            Ok(owners)
        });
        let owners = owners.await?;
        if owners.is_empty() {
            return Ok(0);
        }
        self.run(move |inner| async move {
            let done: Result<()> = transaction!(inner.db, |tx| {
                for (owner, ids) in &owners {
                    for ids in ids.chunks(100) {
                        let marks = vec!["?"; ids.len()].join(", ");
                        let mut all = args![*owner];
                        all.extend(ids.iter().map(|id| Arg::Int(*id)));
                        let sql = format!("UPDATE magic_ledger_events SET user_id = ? WHERE id IN ({marks})");
                        tx.exec(&sql, all).await?;
                    }
                }
            });
            done?;
            Ok(owners.values().map(|ids| ids.len() as u64).sum())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsn::Dsn;
    use crate::ledger::rows;
    use magic_testkit::db::{ENGINES, database};
    use std::path::Path;

    async fn plan(db: &Db, (sql, args): (String, Vec<Arg>)) -> String {
        let (explain, at) = match db.engine() {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Engine::MySql => ("EXPLAIN FORMAT=JSON", 0),
            Engine::Postgres => ("EXPLAIN", 0),
        };
        let rows = db.fetch(&format!("{explain} {sql}"), args).await.unwrap();
        rows.iter().map(|row| row.text(at).unwrap()).collect::<Vec<_>>().join("\n")
    }

    /// Whatever is asked for, an index finds it and gives the order: a page of a long ledger costs what a page costs.
    #[tokio::test]
    async fn every_page_is_found_by_an_index() {
        for engine in ENGINES {
            let database = database(*engine);
            let dsn = Dsn::parse(&database.dsn, Path::new("")).unwrap();
            let db = Db::open(&dsn, 2, crate::notice::Bells::default()).await.unwrap();
            crate::migrate::run(&db).await.unwrap();
            let done: Result<()> = transaction!(db, |tx| {
                let mut all = Vec::new();
                for n in 0..6_400i64 {
                    let kind = if n % 800 == 0 { "topup" } else { "settle" };
                    all.extend(args![format!("r{n}"), kind, n, 0, 0, "", n % 100 + 1]);
                }
                let into = "magic_ledger_events (request_id, phase, at_ms, reserved, price_version, detail, user_id)";
                rows(tx, into, 7, all).await?
            });
            done.unwrap();
            let analyze = if db.engine() == Engine::MySql { "ANALYZE TABLE" } else { "ANALYZE" };
            db.fetch(&format!("{analyze} magic_ledger_events"), vec![]).await.unwrap();
            let told = plan(&db, (ownerless(db.engine()), args![500])).await;
            let sorts = ["USE TEMP B-TREE", "filesort", "Sort"].iter().any(|word| told.contains(word));
            assert!(told.contains("magic_ledger_events_user") && !sorts, "{engine:?}: {told}");
            let of = |user_id, kind: &str, request_id: &str| MovementFilter {
                user_id,
                kind: kind.into(),
                request_id: request_id.into(),
                before: 6_000,
            };
            for (filter, kind, index) in [
                (of(3, "topup", ""), "topup", "magic_ledger_events_user"),
                (of(3, "", ""), "settle", "magic_ledger_events_user"),
                (of(0, "topup", ""), "topup", "magic_ledger_events_phase"),
                (of(0, "", "r7"), "", ""),
                (of(0, "", ""), "", ""),
            ] {
                let told = plan(&db, statement(&filter, kind, 5)).await;
                let sorts = ["USE TEMP B-TREE", "filesort", "Sort"].iter().any(|word| told.contains(word));
                let scans = told.contains("Seq Scan") || told.contains("\"access_type\": \"ALL\"");
                let by_request = !filter.request_id.is_empty();
                assert!(
                    told.contains(index) && (by_request || !sorts) && !scans,
                    "{engine:?} {filter:?}: {told}"
                );
            }
        }
    }
}
