//! Charts: sums by time and by what they are split by.

use super::kept::Made;
use super::{Call, DAY, Shape, Sums, head, of, state, tail};
use crate::db::{Arg, Db, args};
use crate::error::{Result, StoreError};
use crate::run::{Inner, Store};
use magic_domain::ids::UserId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Points of one chart at most.
const POINTS_MAX: usize = 20_000;
/// Rows that are added to the sums of a chart that was kept; when there are more, it is made anew.
const SINCE_MAX: i64 = 5_000;

/// What a chart is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    Model,
    User,
    Token,
    Channel,
    Group,
}

/// A chart: sums by time and by what it is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chart {
    pub by: By,
    /// [`MINUTE`], [`HOUR`] or [`DAY`].
    pub step: i64,
    /// Unix seconds; slots that begin from here up to before `to`.
    pub from: i64,
    pub to: i64,
    /// So many of the dearest over the whole time.
    pub top: i64,
    /// One user's alone: by model or token.
    pub own: Option<UserId>,
}

/// When a slot begins, and what it is of: the number of a user (also a token's) or a channel, and a name.
pub(crate) type Points = BTreeMap<(i64, i64, String), Sums>;

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

    /// The points, and whether they are all: `false` where the sums are too far behind.
    async fn points(self, inner: &Inner) -> Result<(Points, bool)> {
        let db = &inner.logs;
        // Slots are whole: all times within the last one ask for the same.
        let to = self.to.saturating_add(self.step - 1).div_euclid(self.step).saturating_mul(self.step);
        let chart = Chart { to, ..self };
        let fresh = |upto: i64| async move { Ok(head(db).await?.saturating_sub(upto) <= SINCE_MAX) };
        let (upto, summed) = inner.charts.get(chart, fresh, chart.made(db)).await?;
        let tail = tail(db, upto).await?;
        let mut points = Arc::unwrap_or_clone(summed);
        chart.extend(&mut points, tail.as_deref().unwrap_or_default());
        Ok((points, tail.is_some()))
    }

    /// The sums, and how far they had come.
    async fn made(self, db: &Db) -> Result<Made> {
        let mut upto = state(db, "stats_upto").await?;
        for _ in 0..3 {
            let points = self.summed(db).await?;
            let now = state(db, "stats_upto").await?;
            if now == upto {
                return Ok((upto, Arc::new(points)));
            }
            upto = now;
        }
        Err(StoreError::Slow)
    }

    /// Adds rows that are not summed up yet. Where there are as many lines as were asked for, others stay out: of them
    /// these rows are not all there is.
    fn extend(&self, points: &mut Points, tail: &[Call]) {
        let (shape, text) = self.parts();
        let lines: BTreeSet<(i64, String)> =
            points.keys().map(|(_, num, name)| (*num, name.clone())).collect();
        let full = lines.len() >= usize::try_from(self.top).unwrap_or(usize::MAX);
        for call in tail {
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
                let line = (key.num, name.to_owned());
                if !full || lines.contains(&line) {
                    points.entry((slot, line.0, line.1)).or_default().add(call.sums);
                }
            }
        }
    }

    async fn summed(self, db: &Db) -> Result<Points> {
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

/// A user's days by day and model, billed calls only, as [`Store::usage_by_day`]; `None`: only the log knows.
pub(crate) async fn days(
    inner: &Inner,
    user: UserId,
    since: i64,
) -> Result<Option<BTreeMap<(i64, String), Sums>>> {
    if state(&inner.logs, "logs_since").await? > since {
        return Ok(None);
    }
    let chart = Chart { by: By::Model, step: DAY, from: since, to: i64::MAX, top: 10_000, own: Some(user) };
    let (points, whole) = chart.points(inner).await?;
    let by_day = |((slot, _, name), sums): ((i64, i64, String), Sums)| ((slot / DAY, name), sums);
    Ok(whole.then(|| points.into_iter().map(by_day).collect()))
}

impl Store {
    /// A chart, and whether it is whole: while a large log is summed up for the first time it is not.
    pub async fn chart(&self, chart: Chart) -> Result<(Vec<Point>, bool)> {
        self.list(move |inner| async move {
            let (points, whole) = chart.points(&inner).await?;
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
