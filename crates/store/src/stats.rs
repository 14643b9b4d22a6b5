//! Sums of the log by minute, hour and day, so that charts and totals need not walk over it.
//!
//! They are made behind the log, in the order of its ids: how far they have come stands beside them and moves in the
//! same transaction, so that every row counts once, whoever wrote it (a call, an import, an older version). What they
//! have not reached yet is read from the log itself; an answer is the same whether a row is summed up already or not.

mod adding;
mod chart;
mod kept;
mod total;

pub(crate) use chart::days;
pub use chart::{By, Chart, Point};
pub(crate) use kept::Kept;
pub(crate) use total::cost;

use crate::db::{Arg, Db, Engine, Row, args};
use crate::error::Result;
use crate::logs::{CONSUME, LogFilter};
use magic_domain::money::Nano;

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

async fn state(db: &Db, name: &str) -> Result<i64> {
    let row = db.one("SELECT value FROM magic_state WHERE name = ?", args![name]).await?;
    Ok(row.map(|row| row.text(0)).transpose()?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// The newest row of the log.
async fn head(db: &Db) -> Result<i64> {
    let row = db.one("SELECT MAX(id) FROM magic_logs", vec![]).await?;
    Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
}

/// The rows that are not summed up yet; `None` where they are too many.
async fn tail(db: &Db, upto: i64) -> Result<Option<Vec<Call>>> {
    if head(db).await?.saturating_sub(upto) > TAIL_MAX {
        return Ok(None);
    }
    let sql = format!("SELECT {CALL} FROM magic_logs WHERE id > ? ORDER BY id LIMIT {TAIL_MAX}");
    let rows = db.fetch(&sql, args![upto]).await?;
    let calls = rows.iter().map(Call::read).collect::<Result<Vec<_>>>()?;
    Ok(Some(calls.into_iter().filter(|call| call.kind == CONSUME).collect()))
}
