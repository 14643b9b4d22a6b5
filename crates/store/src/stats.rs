//! Sums of the log by minute, hour and day, so that charts and totals need not walk over it.
//!
//! They are made behind the log, in the order of its ids: how far they have come stands beside them and moves in the
//! same transaction, so that every row counts once, whoever wrote it (a call, an import, an older version). What they
//! have not reached yet is read from the log itself; an answer is the same whether a row is summed up already or not.

use crate::db::{Arg, Db, Engine, Row, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::ledger::{for_update, rows_with};
use crate::logs::{CONSUME, Lead, LogFilter};
use crate::now;
use crate::run::{Store, transaction};
use magic_domain::ids::UserId;
use magic_domain::money::Nano;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 86_400;

/// The steps, and for how many seconds their sums are kept: minutes two days, hours ninety, days for ever.
const STEPS: &[(i64, i64)] = &[(MINUTE, 2 * DAY), (HOUR, 90 * DAY), (DAY, i64::MAX)];

/// What a sum is of: by what the numbers and names of its rows tell apart.
mod of {
    pub const GROUP: i64 = 1;
    pub const MODEL: i64 = 2;
    pub const CHANNEL: i64 = 3;
    /// A user, the name of a token, and a model.
    pub const USER: i64 = 4;
    pub const ALL: [i64; 4] = [GROUP, MODEL, CHANNEL, USER];
}

/// Rows that are read from the log beside the sums at most; more, and the sums are too far behind.
const TAIL_MAX: i64 = 100_000;
/// Points of one chart at most.
const POINTS_MAX: usize = 20_000;

const COLUMNS: &str =
    "dim, step, num, slot, name, model, calls, failed, cost, prompt_tokens, completion_tokens";
const COUNT: usize = 11;

/// What calls add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub calls: i64,
    /// Those of them that were not billed because they failed.
    pub failed: i64,
    pub cost: Nano,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: Sums) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed = self.failed.saturating_add(other.failed);
        self.cost = self.cost.plus(other.cost);
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
    }

    fn read(row: &Row, at: usize) -> Result<Sums> {
        Ok(Sums {
            calls: row.int(at)?,
            failed: row.int(at + 1)?,
            cost: Nano(row.int(at + 2)?),
            prompt_tokens: row.int(at + 3)?,
            completion_tokens: row.int(at + 4)?,
        })
    }

    fn sql(engine: Engine) -> String {
        ["calls", "failed", "cost", "prompt_tokens", "completion_tokens"]
            .map(|name| engine.sum(name))
            .join(", ")
    }
}

/// What a row of the log is to the sums.
struct Call {
    id: i64,
    kind: i64,
    user: i64,
    at: i64,
    model: String,
    token: String,
    channel: i64,
    group: String,
    sums: Sums,
}

const CALL: &str = "id, type, user_id, created_at, model_name, token_name, channel_id, cost, prompt_tokens, completion_tokens, mark, detail";

impl Call {
    fn read(row: &Row) -> Result<Call> {
        #[derive(serde::Deserialize)]
        struct Detail {
            group: String,
        }
        let group = serde_json::from_str::<Detail>(&row.text(11)?).map(|detail| detail.group);
        Ok(Call {
            id: row.int(0)?,
            kind: row.int(1)?,
            user: row.int(2)?,
            at: row.int(3)?,
            model: row.text(4)?,
            token: row.text(5)?,
            channel: row.int(6)?,
            group: group.unwrap_or_default(),
            sums: Sums {
                calls: 1,
                failed: i64::from(row.text(10)? == "void"),
                cost: Nano(row.int(7)?),
                prompt_tokens: row.int(8)?,
                completion_tokens: row.int(9)?,
            },
        })
    }

    /// What it is counted under.
    fn keys(&self) -> [Key<'_>; 4] {
        let key = |dim, num, name, model| Key { dim, num, name, model };
        [
            key(of::GROUP, 0, self.group.as_str(), ""),
            key(of::MODEL, 0, "", self.model.as_str()),
            key(of::CHANNEL, self.channel, "", ""),
            key(of::USER, self.user, self.token.as_str(), self.model.as_str()),
        ]
    }
}

/// What a row of the sums is of: a dimension and, as it has them, the number of a user or channel, the name of a token
/// or group, and a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'c> {
    dim: i64,
    num: i64,
    name: &'c str,
    model: &'c str,
}

/// Which sums answer a filter; `None` is any.
#[derive(Debug, Clone, Default, PartialEq)]
struct Shape {
    dim: i64,
    num: Option<i64>,
    name: Option<String>,
    model: Option<String>,
}

impl Shape {
    /// `None`: no sums tell such rows apart.
    fn of(filter: &LogFilter) -> Option<Shape> {
        let LogFilter {
            user_id, token_name, model_name, channel, username, request_id, before, keyword, ..
        } = filter;
        if *before != 0 || [username, request_id, keyword].iter().any(|text| !text.is_empty()) {
            return None;
        }
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let shape = Shape { name: some(token_name), model: some(model_name), ..Shape::default() };
        match (user_id, channel) {
            (Some(user), 0) => Some(Shape { dim: of::USER, num: Some(user.0), ..shape }),
            (None, 0) if shape.name.is_some() => None,
            (None, 0) if shape.model.is_some() => Some(Shape { dim: of::MODEL, num: Some(0), ..shape }),
            (None, 0) => Some(Shape { dim: of::GROUP, num: Some(0), ..shape }),
            (None, channel) if shape == Shape::default() => {
                Some(Shape { dim: of::CHANNEL, num: Some(*channel), ..shape })
            }
            _ => None,
        }
    }

    fn has(&self, key: &Key<'_>) -> bool {
        key.dim == self.dim
            && self.num.is_none_or(|num| num == key.num)
            && self.name.as_ref().is_none_or(|name| name == key.name)
            && self.model.as_ref().is_none_or(|model| model == key.model)
    }

    fn condition(&self) -> (String, Vec<Arg>) {
        let (mut sql, mut args) = ("dim = ?".to_owned(), args![self.dim]);
        let mut add = |column: &str, value: Option<Arg>| {
            if let Some(value) = value {
                sql.push_str(&format!(" AND {column} = ?"));
                args.push(value);
            }
        };
        add("num", self.num.map(Arg::Int));
        add("name", self.name.as_ref().map(Arg::from));
        add("model", self.model.as_ref().map(Arg::from));
        (sql, args)
    }
}

/// A span of time, from its first second up to before its end: of whole slots of a step, or (0) of single rows.
type Span = (i64, i64, i64);

/// Splits a span into whole days, whole hours, and what is left at the ends. Hours that are kept no more are rows.
fn cover(from: i64, to: i64, steps: &[i64], hours_since: i64, out: &mut Vec<Span>) {
    if from >= to {
        return;
    }
    let Some((step, finer)) = steps.split_first() else { return out.push((0, from, to)) };
    let first =
        from.div_euclid(*step).saturating_add(i64::from(from.rem_euclid(*step) != 0)).saturating_mul(*step);
    let last = to.div_euclid(*step).saturating_mul(*step);
    if first >= last || (*step == HOUR && first < hours_since) {
        return cover(from, to, finer, hours_since, out);
    }
    cover(from, first, finer, hours_since, out);
    out.push((*step, first, last));
    cover(last, to, finer, hours_since, out);
}

async fn state(db: &Db, name: &str) -> Result<i64> {
    let row = db.one("SELECT value FROM magic_state WHERE name = ?", args![name]).await?;
    Ok(row.map(|row| row.text(0)).transpose()?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// The rows that are not summed up yet; `None` where they are too many.
async fn tail(db: &Db, upto: i64) -> Result<Option<Vec<Call>>> {
    let newest = db.one("SELECT MAX(id) FROM magic_logs", vec![]).await?;
    if newest.map(|row| row.int(0)).transpose()?.unwrap_or(0).saturating_sub(upto) > TAIL_MAX {
        return Ok(None);
    }
    let sql = format!("SELECT {CALL} FROM magic_logs WHERE id > ? ORDER BY id LIMIT {TAIL_MAX}");
    let rows = db.fetch(&sql, args![upto]).await?;
    let calls = rows.iter().map(Call::read).collect::<Result<Vec<_>>>()?;
    Ok(Some(calls.into_iter().filter(|call| call.kind == CONSUME).collect()))
}

/// What the calls of a filter cost, from the sums and from the rows that no sum holds; `None`: only the log knows.
pub(crate) async fn cost(db: &Db, filter: &LogFilter) -> Result<Option<Nano>> {
    let Some(shape) = Shape::of(filter) else { return Ok(None) };
    // While they are read the sums may move on: then they are read again.
    for _ in 0..3 {
        let upto = state(db, "stats_upto").await?;
        let Some(tail) = tail(db, upto).await? else { return Ok(None) };
        let sum = summed(db, filter, &shape, upto).await?;
        if state(db, "stats_upto").await? == upto {
            let to = if filter.end > 0 { filter.end } else { i64::MAX };
            let new = tail.iter().filter(|call| {
                call.at >= filter.start && call.at <= to && call.keys().iter().any(|key| shape.has(key))
            });
            return Ok(Some(new.fold(sum, |sum, call| sum.plus(call.sums.cost))));
        }
    }
    Ok(None)
}

async fn summed(db: &Db, filter: &LogFilter, shape: &Shape, upto: i64) -> Result<Nano> {
    // Rows from before the log was last cleared are in the sums still, but not in the log, unless they have come in
    // later: those times are the log's.
    let since = state(db, "logs_since").await?.max(0);
    let end = if filter.end > 0 { filter.end.saturating_add(1) } else { i64::MAX };
    let mut spans = Vec::new();
    if filter.start < since {
        spans.push((0, filter.start.max(0), since.min(end)));
    }
    let hours_since = now() - 90 * DAY + HOUR;
    cover(filter.start.max(since).max(0), end, &[DAY, HOUR], hours_since, &mut spans);
    let mut sum = Nano::ZERO;
    for (step, from, to) in spans {
        let (sql, args) = if step == 0 {
            let filter = LogFilter { kind: CONSUME, start: 0, end: 0, ..filter.clone() };
            let (condition, mut args) = filter.condition(db.engine(), Lead::Any);
            args.extend(args![from, to, upto]);
            let cost = db.engine().sum("cost");
            let times = "created_at >= ? AND created_at < ? AND id <= ?";
            (format!("SELECT {cost} FROM magic_logs WHERE {condition} AND {times}"), args)
        } else {
            let (condition, mut args) = shape.condition();
            args.extend(args![step, from, to]);
            let cost = db.engine().sum("cost");
            let times = "step = ? AND slot >= ? AND slot < ?";
            (format!("SELECT {cost} FROM magic_stats WHERE {condition} AND {times}"), args)
        };
        let row = db.one(&sql, args).await?;
        sum = sum.plus(Nano(row.map(|row| row.int(0)).transpose()?.unwrap_or(0)));
    }
    Ok(sum)
}

/// A user's days by day and model, billed calls only, as [`Store::usage_by_day`]; `None`: only the log knows.
pub(crate) async fn days(db: &Db, user: UserId, since: i64) -> Result<Option<BTreeMap<(i64, String), Sums>>> {
    if state(db, "logs_since").await? > since {
        return Ok(None);
    }
    let chart = Chart { by: By::Model, step: DAY, from: since, to: i64::MAX, top: 10_000, own: Some(user) };
    let Some(points) = chart.points(db).await? else { return Ok(None) };
    Ok(Some(points.into_iter().map(|((slot, _, name), sums)| ((slot / DAY, name), sums)).collect()))
}

/// What a chart is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Model,
    User,
    Token,
    Channel,
    Group,
}

/// A chart: sums by time and by what it is split by.
#[derive(Debug, Clone, Copy)]
pub struct Chart {
    pub by: By,
    /// [`MINUTE`], [`HOUR`] or [`DAY`].
    pub step: i64,
    /// Unix seconds; slots that begin from here up to before `to`.
    pub from: i64,
    pub to: i64,
    /// So many of the dearest over the whole time, and those with new calls.
    pub top: i64,
    /// One user's alone: by model or token.
    pub own: Option<UserId>,
}

/// When a slot begins, and what it is of: the number of a user (also a token's) or a channel, and a name.
type Points = BTreeMap<(i64, i64, String), Sums>;

impl Chart {
    /// Which sums it is made of, and what tells its lines apart: the number, and the text that names the line.
    fn parts(&self) -> (Shape, &'static str) {
        let num = self.own.map(|user| user.0);
        let (dim, num, text) = match (self.by, self.own) {
            (By::Model, Some(_)) => (of::USER, num, "model"),
            (By::Model, None) => (of::MODEL, Some(0), "model"),
            (By::Token, _) => (of::USER, num, "name"),
            (By::User, _) => (of::USER, num, "''"),
            (By::Channel, _) => (of::CHANNEL, None, "''"),
            (By::Group, _) => (of::GROUP, Some(0), "name"),
        };
        (Shape { dim, num, ..Shape::default() }, text)
    }

    /// `None`: the sums are too far behind.
    async fn points(&self, db: &Db) -> Result<Option<Points>> {
        for _ in 0..3 {
            let upto = state(db, "stats_upto").await?;
            let Some(tail) = tail(db, upto).await? else { return Ok(None) };
            let mut points = self.summed(db).await?;
            if state(db, "stats_upto").await? != upto {
                continue;
            }
            let (shape, text) = self.parts();
            for call in &tail {
                let slot = call.at.div_euclid(self.step) * self.step;
                if slot < self.from || slot >= self.to {
                    continue;
                }
                for key in call.keys().iter().filter(|key| shape.has(key)) {
                    let name = match text {
                        "model" => key.model,
                        "name" => key.name,
                        _ => "",
                    };
                    // An own chart by model is of one user; the number says nothing more.
                    points.entry((slot, key.num, name.to_owned())).or_default().add(call.sums);
                }
            }
            return Ok(Some(points));
        }
        Ok(None)
    }

    async fn summed(&self, db: &Db) -> Result<Points> {
        let (shape, text) = self.parts();
        let (condition, mut args) = shape.condition();
        let condition = format!("{condition} AND step = ? AND slot >= ? AND slot < ?");
        args.extend(args![self.step, self.from, self.to]);
        let rows = format!(
            "SELECT slot, num, {text} AS name, calls, failed, cost, prompt_tokens, completion_tokens FROM magic_stats WHERE {condition}"
        );
        // First who they are: over all the time that is one pass, and the points of a few are found by their numbers.
        let sql = format!(
            "SELECT num, name FROM ({rows}) AS r GROUP BY num, name ORDER BY SUM(cost) DESC, SUM(calls) DESC, num, name LIMIT ?"
        );
        let mut first = args.clone();
        first.push(Arg::Int(self.top));
        let top = db.fetch(&sql, first).await?;
        let top = top.iter().map(|row| Ok((row.int(0)?, row.text(1)?))).collect::<Result<BTreeSet<_>>>()?;
        if top.is_empty() {
            return Ok(Points::new());
        }
        let mut chosen = format!("{rows} AND num IN ({})", vec!["?"; top.len()].join(", "));
        args.extend(top.iter().map(|(num, _)| Arg::Int(*num)));
        if text != "''" {
            chosen.push_str(&format!(" AND {text} IN ({})", vec!["?"; top.len()].join(", ")));
            args.extend(top.iter().map(|(_, name)| Arg::from(name)));
        }
        let sums = Sums::sql(db.engine());
        let sql = format!(
            "SELECT slot, num, name, {sums} FROM ({chosen}) AS s GROUP BY slot, num, name LIMIT {}",
            POINTS_MAX + 1
        );
        let rows = db.fetch(&sql, args).await?;
        if rows.len() > POINTS_MAX {
            return Err(StoreError::Invalid(format!(
                "that would be more than {POINTS_MAX} points: ask for less time, longer steps, or fewer lines"
            )));
        }
        let mut points = Points::new();
        for row in &rows {
            let line = (row.int(1)?, row.text(2)?);
            if top.contains(&line) {
                points.insert((row.int(0)?, line.0, line.1), Sums::read(row, 3)?);
            }
        }
        Ok(points)
    }
}

/// What some rows of the log add to the sums, by what, step and slot: always in one order, so that nodes that add at
/// the same time wait for each other and never for themselves.
type Added<'c> = BTreeMap<(Key<'c>, i64, i64), Sums>;

fn added(calls: &[Call], now: i64) -> Added<'_> {
    let mut added = Added::new();
    for call in calls.iter().filter(|call| call.kind == CONSUME) {
        for (step, kept) in STEPS {
            let slot = call.at.div_euclid(*step) * step;
            if slot < now.saturating_sub(*kept) {
                continue;
            }
            for key in call.keys() {
                added.entry((key, *step, slot)).or_default().add(call.sums);
            }
        }
    }
    added
}

/// What makes an insert of sums an addition to those that are there.
fn adding(engine: Engine) -> String {
    let names = ["calls", "failed", "cost", "prompt_tokens", "completion_tokens"];
    let all = |set: fn(&str) -> String| names.map(set).join(", ");
    match engine {
        Engine::MySql => {
            format!(" ON DUPLICATE KEY UPDATE {}", all(|name| format!("{name} = {name} + VALUES({name})")))
        }
        _ => format!(
            " ON CONFLICT (dim, step, num, slot, name, model) DO UPDATE SET {}",
            all(|name| format!("{name} = magic_stats.{name} + excluded.{name}"))
        ),
    }
}

async fn add(tx: &mut Tx, added: &Added<'_>) -> Result<(), TxError> {
    let args = added.iter().flat_map(|((key, step, slot), sums)| {
        let Key { dim, num, name, model } = *key;
        let Sums { calls, failed, cost, prompt_tokens, completion_tokens } = sums;
        args![
            dim,
            *step,
            num,
            *slot,
            name,
            model,
            *calls,
            *failed,
            cost.0,
            *prompt_tokens,
            *completion_tokens
        ]
    });
    let tail = adding(tx.engine());
    rows_with(tx, &format!("magic_stats ({COLUMNS})"), COUNT, args.collect(), &tail).await
}

impl Store {
    /// The newest row of the log. No row with this id or a lower one is still to come from a single node; where
    /// several write, one that was begun earlier may be committed later.
    pub async fn log_head(&self) -> Result<i64> {
        self.run(|inner| async move {
            let row = inner.logs.one("SELECT MAX(id) FROM magic_logs", vec![]).await?;
            Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
        })
        .await
    }

    /// Whether only one can write the log at a time, so that its rows come in the order of their ids.
    pub fn log_in_order(&self) -> bool {
        self.inner.logs.engine() == Engine::Sqlite
    }

    /// Sums up the next `limit` rows of the log, none above `safe`: how many there were.
    pub async fn sum_up(&self, safe: i64, limit: i64) -> Result<i64> {
        self.run_for(Duration::from_secs(60), move |inner| async move {
            transaction!(inner.logs, |tx| {
                let lock = for_update(tx.engine());
                let sql = format!("SELECT value FROM magic_state WHERE name = 'stats_upto'{lock}");
                let row = tx.one(&sql, vec![]).await?;
                let upto: i64 =
                    row.map(|row| row.text(0)).transpose()?.and_then(|text| text.parse().ok()).unwrap_or(0);
                if upto >= safe {
                    return Ok(0);
                }
                let sql =
                    format!("SELECT {CALL} FROM magic_logs WHERE id > ? AND id <= ? ORDER BY id LIMIT ?");
                let rows = tx.fetch(&sql, args![upto, safe, limit]).await?;
                let calls = rows.iter().map(Call::read).collect::<Result<Vec<_>>>()?;
                let count = i64::try_from(calls.len()).unwrap_or(i64::MAX);
                // Not all of a gap's end is known where there are more rows.
                let next = if count < limit { safe } else { calls.last().map_or(safe, |call| call.id) };
                add(tx, &added(&calls, now())).await?;
                let sql = "UPDATE magic_state SET value = ? WHERE name = 'stats_upto'";
                tx.exec(sql, args![next.to_string()]).await?;
                count
            })
        })
        .await
    }

    /// Deletes the sums that are kept no longer, an hour's or a day's at a time; how many.
    pub async fn prune_sums(&self) -> Result<u64> {
        self.run_for(Duration::from_secs(60), |inner| async move {
            let mut total = 0;
            for (step, kept) in STEPS.iter().filter(|(_, kept)| *kept != i64::MAX) {
                let before = now() - kept;
                for dim in of::ALL {
                    loop {
                        let sql = "SELECT MIN(slot) FROM magic_stats WHERE dim = ? AND step = ?";
                        let first = inner.logs.one(sql, args![dim, *step]).await?;
                        let first = first.map(|row| row.int(0)).transpose()?;
                        let Some(first) = first.filter(|first| *first > 0 && *first < before) else { break };
                        let sql = "DELETE FROM magic_stats WHERE dim = ? AND step = ? AND slot < ?";
                        let until = before.min(first + step * 24);
                        total += inner.logs.exec(sql, args![dim, *step, until]).await?;
                    }
                }
            }
            Ok(total)
        })
        .await
    }

    /// A chart, and whether it is whole: while a large log is summed up for the first time it is not.
    pub async fn chart(&self, chart: Chart) -> Result<(Vec<Point>, bool)> {
        self.run_for(Duration::from_secs(10), move |inner| async move {
            let (points, whole) = match chart.points(&inner.logs).await? {
                Some(points) => (points, true),
                None => (chart.summed(&inner.logs).await?, false),
            };
            let names = match chart.by {
                By::User | By::Token => names(&inner.db, "magic_users", "username", &points).await?,
                By::Channel => names(&inner.db, "magic_channels", "name", &points).await?,
                By::Model | By::Group => BTreeMap::new(),
            };
            let point = |((slot, id, name), sums): ((i64, i64, String), Sums)| Point {
                slot,
                id,
                owner: names.get(&id).cloned().unwrap_or_default(),
                name,
                sums,
            };
            Ok((points.into_iter().map(point).collect(), whole))
        })
        .await
    }
}

/// A point of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When its slot begins, Unix seconds.
    pub slot: i64,
    /// Of a user (also a token's) or a channel; else 0.
    pub id: i64,
    /// What the user or channel is called now; empty when it is gone.
    pub owner: String,
    /// Of a model, a token or a group.
    pub name: String,
    pub sums: Sums,
}

async fn names(db: &Db, table: &str, column: &str, points: &Points) -> Result<BTreeMap<i64, String>> {
    let ids: BTreeSet<i64> = points.keys().map(|(_, id, _)| *id).collect();
    let mut names = BTreeMap::new();
    for ids in ids.into_iter().collect::<Vec<_>>().chunks(500) {
        let marks = vec!["?"; ids.len()].join(", ");
        let sql = format!("SELECT id, {column} FROM {table} WHERE id IN ({marks})");
        for row in db.fetch(&sql, ids.iter().copied().map(Arg::Int).collect()).await? {
            names.insert(row.int(0)?, row.text(1)?);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_covered_once_by_the_longest_steps() {
        for (from, to) in
            [(0, i64::MAX), (5, 10), (3_599, 7_201), (100, 400_000), (86_400, 172_800), (90_000, 90_000)]
        {
            let mut spans = Vec::new();
            cover(from, to, &[DAY, HOUR], 0, &mut spans);
            let mut at = from;
            for (step, first, last) in &spans {
                assert_eq!(*first, at, "{spans:?}");
                assert!(
                    last > first && (*step == 0 || (first % step, last % step) == (0, 0))
                        || *last == i64::MAX / DAY * DAY
                );
                at = *last;
            }
            assert_eq!(at, to.max(from), "{spans:?}");
            let single: i64 = spans.iter().filter(|(step, ..)| *step == 0).map(|(_, a, b)| b - a).sum();
            assert!(single < 2 * DAY || to < DAY, "{spans:?}");
        }
    }

    #[test]
    fn hours_that_are_gone_are_rows() {
        let mut spans = Vec::new();
        cover(HOUR, 3 * DAY + HOUR, &[DAY, HOUR], 2 * DAY, &mut spans);
        assert_eq!(spans, [(0, HOUR, DAY), (DAY, DAY, 3 * DAY), (HOUR, 3 * DAY, 3 * DAY + HOUR)]);
    }
}
