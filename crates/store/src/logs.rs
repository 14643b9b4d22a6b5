//! The log: a row per call, with the arithmetic of its bill, and a row per change of a balance.

use crate::db::{Arg, Db, Engine, Row, Tx, TxError, args};
use crate::error::Result;
use crate::ledger::rows;
use crate::now;
use crate::run::{Inner, Store, transaction};
use magic_domain::books::Settlement;
use magic_domain::ids::UserId;
use magic_domain::money::{Nano, RATIO_ONE};
use magic_domain::price::Price;
use magic_domain::usage::Mark;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

/// Types as in one-api: 1 top-up, 2 consume, 3 manage, 4 system, 5 channel test.
pub const CONSUME: i64 = 2;
pub const TEST: i64 = 5;

/// A row of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    pub id: i64,
    pub user_id: i64,
    pub created_at: i64,
    pub kind: i64,
    pub content: String,
    pub username: String,
    pub token_name: String,
    pub model_name: String,
    pub quota: i64,
    pub cost: Nano,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub channel_id: i64,
    pub request_id: String,
    pub elapsed_time: i64,
    pub is_stream: bool,
    pub system_prompt_reset: bool,
    pub mark: String,
    pub status: i64,
    pub error: String,
    pub endpoint: String,
    /// JSON: attempts, timings, usage, rates, ratio, reservation.
    pub detail: String,
}

/// What rows are wanted; empty and zero mean "any".
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    pub user_id: Option<UserId>,
    pub kind: i64,
    pub start: i64,
    pub end: i64,
    pub username: String,
    pub token_name: String,
    pub model_name: String,
    pub channel: i64,
    pub request_id: String,
    /// Rows older than the one with this id: keyset paging.
    pub before: i64,
    /// The beginning of a text, or a type's number; looked for in the newest [`SEARCH_MAX`] rows.
    pub keyword: String,
}

pub(crate) const COLUMNS: &str = "user_id, created_at, type, content, username, token_name, model_name, quota, cost, prompt_tokens, \
     completion_tokens, channel_id, request_id, elapsed_time, is_stream, system_prompt_reset, mark, status, error, endpoint, detail";
pub(crate) const COUNT: usize = 21;

/// Texts are looked for in so many of the newest rows: no index helps there.
pub const SEARCH_MAX: i64 = 20_000;

/// A filter with more rows is not rare: they are not counted on.
const RARE_MAX: i64 = 20_000;

/// Totals are counted up to here; more is "10,000+".
pub const TOTAL_MAX: i64 = 10_000;

fn read(row: &Row) -> Result<LogRow> {
    Ok(LogRow {
        id: row.int(0)?,
        user_id: row.int(1)?,
        created_at: row.int(2)?,
        kind: row.int(3)?,
        content: row.text(4)?,
        username: row.text(5)?,
        token_name: row.text(6)?,
        model_name: row.text(7)?,
        quota: row.int(8)?,
        cost: Nano(row.int(9)?),
        prompt_tokens: row.int(10)?,
        completion_tokens: row.int(11)?,
        channel_id: row.int(12)?,
        request_id: row.text(13)?,
        elapsed_time: row.int(14)?,
        is_stream: row.bool(15)?,
        system_prompt_reset: row.bool(16)?,
        mark: row.text(17)?,
        status: row.int(18)?,
        error: row.text(19)?,
        endpoint: row.text(20)?,
        detail: row.text(21)?,
    })
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// One-api's line on how a bill came about, in its ratios.
fn explain(call: &Settlement) -> String {
    if call.closing.mark == Mark::Void {
        return format!("not billed: {}", call.closing.error);
    }
    if call.closing.unpriced {
        return "no price is set for the model: not billed".to_owned();
    }
    let price = Price { rates: call.closing.rates.clone(), ..Price::default() };
    let (model, completion) = price.to_ratio();
    let group = call.opening.ratio as f64 / RATIO_ONE as f64;
    format!("model ratio {model:.2}, group ratio {group:.2}, completion ratio {completion:.2}")
}

fn call_args(call: &Settlement) -> Vec<Arg> {
    let (opening, closing) = (&call.opening, &call.closing);
    let detail = json!({
        "model": opening.model, "group": opening.group, "ratio": opening.ratio, "reserved": opening.reserved,
        "usage": closing.usage, "rates": closing.rates, "price_version": closing.price_version,
        "unpriced": closing.unpriced, "attempts": closing.attempts, "timings": closing.timings, "ip": opening.ip,
        "prompt": (!opening.prompt.is_empty()).then_some(&opening.prompt),
    });
    args![
        opening.user_id.0,
        closing.at_ms / 1000,
        CONSUME,
        explain(call),
        &opening.username,
        &opening.token_name,
        &closing.model,
        closing.cost.to_quota_ceil(),
        closing.cost.0,
        int(closing.usage.input_total()),
        int(closing.usage.output_total()),
        closing.channel_id.map_or(0, |id| id.0),
        opening.id.to_string(),
        int(closing.timings.total),
        opening.stream,
        closing.system_prompt_reset,
        closing.mark.name(),
        i64::from(closing.status),
        closing.error.chars().take(190).collect::<String>(),
        opening.endpoint.name(),
        detail.to_string(),
    ]
}

/// Whether calls are to be logged (the option `LogConsumeEnabled`).
pub(crate) async fn wanted(db: &Db) -> Result<bool> {
    let row = db.one("SELECT value FROM magic_options WHERE name = 'LogConsumeEnabled'", vec![]).await?;
    Ok(row.map(|row| row.text(0)).transpose()?.is_none_or(|value| value == "true"))
}

pub(crate) async fn write_calls(tx: &mut Tx, calls: &[&Settlement]) -> Result<(), TxError> {
    let args = calls.iter().flat_map(|call| call_args(call)).collect();
    rows(tx, &format!("magic_logs ({COLUMNS})"), COUNT, args).await?;
    crate::prompts::write_calls(tx, calls).await
}

/// Writes calls to a database of their own, those that are not there yet.
pub(crate) async fn write_separately(db: &Db, calls: &[Settlement]) -> Result<()> {
    transaction!(db, |tx| {
        let marks = vec!["?"; calls.len()].join(", ");
        let ids: Vec<Arg> = calls.iter().map(|call| Arg::Text(call.opening.id.to_string())).collect();
        let known = tx
            .fetch(&format!("SELECT request_id FROM magic_logs WHERE request_id IN ({marks})"), ids)
            .await?;
        let known: HashSet<String> = known.iter().map(|row| row.text(0)).collect::<Result<_>>()?;
        let fresh: Vec<&Settlement> =
            calls.iter().filter(|call| !known.contains(&call.opening.id.to_string())).collect();
        if !fresh.is_empty() {
            write_calls(tx, &fresh).await?;
        }
    })
}

fn note_args(user: UserId, username: &str, kind: i64, content: &str, amount: Nano) -> Vec<Arg> {
    args![
        user.0,
        now(),
        kind,
        content,
        username,
        "",
        "",
        amount.to_quota(),
        amount.0,
        0,
        0,
        0,
        "",
        0,
        false,
        false,
        "",
        0,
        "",
        "",
        ""
    ]
}

/// A row about an account, in the transaction that changes it.
pub(crate) async fn write_note(
    tx: &mut Tx,
    user: UserId,
    username: &str,
    kind: i64,
    content: &str,
    amount: Nano,
) -> Result<(), TxError> {
    rows(tx, &format!("magic_logs ({COLUMNS})"), COUNT, note_args(user, username, kind, content, amount))
        .await
}

impl LogFilter {
    /// The filter as SQL. A name that somebody has now stands for the account, so that its index finds the rows.
    async fn prepared(mut self, inner: &Inner) -> Result<Prepared> {
        if self.user_id.is_none() && !self.username.is_empty() {
            let sql = "SELECT id FROM magic_users WHERE username = ?";
            if let Some(row) = inner.db.one(sql, args![&self.username]).await? {
                self.user_id = Some(UserId(row.int(0)?));
                self.username.clear();
            }
        }
        self.read_keyword();
        let engine = inner.logs.engine();
        // No index finds a text's beginning, or a name that nobody has now.
        let searching = !self.keyword.is_empty() || !self.username.is_empty();
        let lead = match (searching, engine) {
            (true, _) => Lead::None,
            (false, Engine::Sqlite) => self.rarest(&inner.logs).await?,
            (false, _) => Lead::Any,
        };
        let (mut sql, mut args) = self.condition(engine, lead);
        if searching {
            let newest = inner.logs.one("SELECT MAX(id) FROM magic_logs", vec![]).await?;
            let newest = newest.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            sql.push_str(" AND id > ?");
            args.push(Arg::Int(newest - SEARCH_MAX));
        }
        if !self.keyword.is_empty() {
            sql.push_str(" AND content LIKE ? ESCAPE '!'");
            args.push(Arg::Text(format!("{}%", crate::users::escape_like(&self.keyword))));
        }
        Ok(Prepared { filter: self, sql, args, searching })
    }

    /// A keyword that is a type's number, or has the form of a request's id, is one: their indexes find all rows.
    fn read_keyword(&mut self) {
        let keyword = self.keyword.as_str();
        if self.kind == 0
            && keyword.len() < 3
            && let Ok(kind) = keyword.parse()
        {
            self.kind = kind;
        } else if self.request_id.is_empty()
            && keyword.len() >= 20
            && keyword.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            self.request_id = self.keyword.clone();
        } else {
            return;
        }
        self.keyword.clear();
    }

    /// The columns that must have one value, those that usually have the fewest rows of a value first.
    fn equalities(&self) -> Vec<(&'static str, Arg)> {
        let mut all = Vec::new();
        let mut add = |wanted: bool, column: &'static str, arg: Arg| {
            if wanted {
                all.push((column, arg));
            }
        };
        add(!self.request_id.is_empty(), "request_id", Arg::from(&self.request_id));
        add(self.user_id.is_some(), "user_id", Arg::Int(self.user_id.map_or(0, |id| id.0)));
        add(self.channel != 0, "channel_id", Arg::Int(self.channel));
        add(!self.model_name.is_empty(), "model_name", Arg::from(&self.model_name));
        add(!self.token_name.is_empty(), "token_name", Arg::from(&self.token_name));
        add(!self.username.is_empty(), "username", Arg::from(&self.username));
        add(self.kind != 0, "type", Arg::Int(self.kind));
        all
    }

    /// SQLite takes any of several indexes, as it keeps no statistics: here is which of the filters has the fewest rows.
    async fn rarest(&self, logs: &Db) -> Result<Lead> {
        let all = self.equalities();
        let mut best = (i64::MAX, Lead::Any);
        if all.len() < 2 {
            return Ok(best.1);
        }
        for (column, arg) in all {
            let most = best.0.min(RARE_MAX);
            let sql =
                format!("SELECT COUNT(*) FROM (SELECT 1 FROM magic_logs WHERE {column} = ? LIMIT {most})");
            let count = logs.one(&sql, vec![arg]).await?.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            if count < best.0 {
                best = (count, Lead::Column(column));
            }
        }
        Ok(best.1)
    }

    /// The filter as SQL. `lead`: by what the rows are to be found.
    pub(crate) fn condition(&self, engine: Engine, lead: Lead) -> (String, Vec<Arg>) {
        let (mut sql, mut args) = ("1 = 1".to_owned(), Vec::new());
        for (column, arg) in self.equalities() {
            let column = match lead {
                Lead::Any => column.to_owned(),
                Lead::Column(leading) if leading == column => column.to_owned(),
                _ => engine.unindexed(column),
            };
            sql.push_str(&format!(" AND {column} = ?"));
            args.push(arg);
        }
        if self.start > 0 {
            sql.push_str(" AND created_at >= ?");
            args.push(Arg::Int(self.start));
        }
        if self.end > 0 {
            sql.push_str(" AND created_at <= ?");
            args.push(Arg::Int(self.end));
        }
        (sql, args)
    }
}

/// Which columns of a filter may find its rows by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    Any,
    Column(&'static str),
    None,
}

/// A filter as SQL.
struct Prepared {
    filter: LogFilter,
    sql: String,
    args: Vec<Arg>,
    /// For a text, through the newest rows: in the order in which they were written, so that a walk ends early.
    searching: bool,
}

/// Rows of a condition, newest first, from where the filter's walk stands.
async fn page(logs: &Db, prepared: Prepared, offset: i64, limit: i64) -> Result<Vec<LogRow>> {
    let Prepared { filter, sql: mut condition, mut args, searching } = prepared;
    if filter.before > 0 && searching {
        condition.push_str(" AND id < ?");
        args.push(Arg::Int(filter.before));
    } else if filter.before > 0 {
        let sql = "SELECT created_at FROM magic_logs WHERE id = ?";
        match logs.one(sql, args![filter.before]).await? {
            Some(row) => {
                let at = row.int(0)?;
                condition.push_str(" AND created_at <= ? AND (created_at < ? OR id < ?)");
                args.extend(args![at, at, filter.before]);
            }
            // Deleted meanwhile: its id still tells where it was, but for rows taken over from elsewhere.
            None => {
                condition.push_str(" AND id < ?");
                args.push(Arg::Int(filter.before));
            }
        }
    }
    args.extend(args![limit, offset]);
    let order = if searching { "id DESC" } else { "created_at DESC, id DESC" };
    let sql =
        format!("SELECT id, {COLUMNS} FROM magic_logs WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?");
    logs.fetch(&sql, args).await?.iter().map(read).collect()
}

/// Deletes rows of a table in steps; how many.
pub(crate) async fn delete_older(logs: &Db, table: &str, before: i64) -> Result<u64> {
    let mut total = 0;
    loop {
        // MySQL deletes with a limit; the others need the ids.
        let sql = format!("SELECT id FROM {table} WHERE created_at < ? ORDER BY id LIMIT 5000");
        let rows = logs.fetch(&sql, args![before]).await?;
        let Some(last) = rows.last() else { return Ok(total) };
        let sql = format!("DELETE FROM {table} WHERE created_at < ? AND id <= ?");
        total += logs.exec(&sql, args![before, last.int(0)?]).await?;
    }
}

impl Store {
    /// A page of the log, newest first, and how many rows there are (counted up to [`TOTAL_MAX`]).
    pub async fn logs(&self, filter: LogFilter, offset: i64, limit: i64) -> Result<(Vec<LogRow>, i64)> {
        self.list(move |inner| async move {
            let prepared = filter.prepared(&inner).await?;
            let sql = format!(
                "SELECT COUNT(*) FROM (SELECT 1 AS one FROM magic_logs WHERE {} LIMIT {TOTAL_MAX}) AS counted",
                prepared.sql
            );
            let total = inner.logs.one(&sql, prepared.args.clone()).await?;
            let total = total.map(|row| row.int(0)).transpose()?.unwrap_or(0);
            Ok((page(&inner.logs, prepared, offset, limit).await?, total))
        })
        .await
    }

    /// The next rows of a walk over the log, without counting; `before` is where it stands.
    pub async fn log_page(&self, filter: LogFilter, limit: i64) -> Result<Vec<LogRow>> {
        self.list(move |inner| async move {
            let prepared = filter.prepared(&inner).await?;
            page(&inner.logs, prepared, 0, limit).await
        })
        .await
    }

    /// The ledger's events of a request: phase, milliseconds, and what moved between which accounts.
    pub async fn ledger_of(&self, request_id: &str) -> Result<Vec<serde_json::Value>> {
        let id = request_id.to_owned();
        self.run(move |inner| async move {
            let sql = "SELECT e.phase, e.at_ms, n.account, n.amount FROM magic_ledger_events e JOIN magic_ledger_entries n \
                 ON n.request_id = e.request_id AND n.phase = e.phase WHERE e.request_id = ? ORDER BY e.id, n.account";
            let rows = inner.db.fetch(sql, args![id]).await?;
            rows.iter()
                .map(|row| {
                    Ok(json!({
                        "phase": row.text(0)?, "at_ms": row.int(1)?, "account": row.text(2)?, "amount_nano": row.int(3)?,
                    }))
                })
                .collect()
        })
        .await
    }

    /// What calls cost in sum.
    pub async fn log_cost(&self, filter: LogFilter) -> Result<Nano> {
        self.list(move |inner| async move {
            let prepared = LogFilter { kind: CONSUME, ..filter }.prepared(&inner).await?;
            if let Some(cost) = crate::stats::cost(&inner.logs, &prepared.filter).await? {
                return Ok(cost);
            }
            let (sum, condition) = (inner.logs.engine().sum("cost"), &prepared.sql);
            let sql = format!("SELECT {sum} FROM magic_logs WHERE {condition}");
            let row = inner.logs.one(&sql, prepared.args).await?;
            Ok(Nano(row.map(|row| row.int(0)).transpose()?.unwrap_or(0)))
        })
        .await
    }

    /// Deletes rows older than a time, in steps, so that nobody waits for long; how many.
    pub async fn delete_logs(&self, before: i64) -> Result<u64> {
        // What is still to come has not been cleared.
        let before = before.min(now() + 1);
        self.run_for(Duration::from_secs(120), move |inner| async move {
            let known =
                inner.logs.one("SELECT value FROM magic_state WHERE name = 'logs_since'", vec![]).await?;
            let known =
                known.map(|row| row.text(0)).transpose()?.and_then(|text| text.parse().ok()).unwrap_or(0);
            // What was cleared once stays cleared, whatever is cleared next.
            let upsert = inner.logs.engine().upsert("magic_state", &["name"], &["value"]);
            inner.logs.exec(&upsert, args!["logs_since", before.max(known).to_string()]).await?;
            delete_older(&inner.logs, "magic_prompt_calls", before).await?;
            delete_older(&inner.logs, "magic_captures", before).await?;
            delete_older(&inner.logs, "magic_logs", before).await
        })
        .await
    }

    /// Notes a channel test (log type 5).
    pub async fn log_test(&self, channel: i64, model: &str, elapsed_ms: i64, content: &str) -> Result<()> {
        let mut row = note_args(UserId(0), "", TEST, content, Nano::ZERO);
        row[6] = Arg::from(model);
        row[11] = Arg::Int(channel);
        row[13] = Arg::Int(elapsed_ms);
        self.run(move |inner| async move {
            transaction!(inner.logs, |tx| {
                rows(tx, &format!("magic_logs ({COLUMNS})"), COUNT, row.clone()).await?
            })
        })
        .await
    }

    /// A user's calls of the last days, by day and model: day (UTC), model, calls, cost, prompt and completion tokens.
    pub async fn usage_by_day(
        &self,
        user: UserId,
        since: i64,
    ) -> Result<Vec<(String, String, i64, Nano, i64, i64)>> {
        self.list(move |inner| async move {
            let shown = |day: i64| {
                let day = chrono::DateTime::from_timestamp(day * 86_400, 0).unwrap_or_default();
                day.format("%Y-%m-%d").to_string()
            };
            if let Some(days) = crate::stats::days(&inner, user, since).await? {
                let billed = days.into_iter().filter(|(_, sums)| sums.calls > sums.failed);
                let row = |((day, model), sums): ((i64, String), crate::stats::Sums)| {
                    (shown(day), model, sums.calls - sums.failed, sums.cost, sums.prompt_tokens, sums.completion_tokens)
                };
                return Ok(billed.map(row).collect());
            }
            let engine = inner.logs.engine();
            let sql = format!(
                "SELECT created_at / 86400 AS day, model_name, COUNT(*), {}, {}, {} FROM magic_logs \
                 WHERE user_id = ? AND type = 2 AND created_at >= ? AND mark <> 'void' GROUP BY day, model_name ORDER BY day, model_name",
                engine.sum("cost"),
                engine.sum("prompt_tokens"),
                engine.sum("completion_tokens"),
            );
            let sql = match engine {
                Engine::MySql => sql.replace("created_at / 86400", "created_at DIV 86400"),
                _ => sql,
            };
            let rows = inner.logs.fetch(&sql, args![user.0, since]).await?;
            rows.iter()
                .map(|row| {
                    Ok((shown(row.int(0)?), row.text(1)?, row.int(2)?, Nano(row.int(3)?), row.int(4)?, row.int(5)?))
                })
                .collect()
        })
        .await
    }
}
