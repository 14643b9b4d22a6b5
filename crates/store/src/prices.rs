//! Prices of models, what they were when, and what other prices would have cost.

use crate::db::{Db, Row, Tx, TxError, args};
use crate::error::{Result, StoreError};
use crate::logs::{CONSUME, LogFilter};
use crate::run::{Store, bump, transaction};
use crate::{DB, FILE};
use magic_domain::money::{Nano, RATIO_ONE};
use magic_domain::price::{Price, Rates, bill};
use magic_domain::usage::Usage;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The options that prices are made of.
const PRICING: &[&str] = &["ModelRatio", "CompletionRatio", "GroupRatio", "DefaultModelPrice"];
/// Rows of the log that one estimate reads, and of one piece of it.
const ROWS_MAX: u64 = 500_000;
const PIECE: i64 = 2000;

/// The price of a model that is set here or in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    pub name: String,
    pub price: Price,
    pub owner: String,
}

/// A change of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceChange {
    pub id: i64,
    pub at_ms: i64,
    /// A model, or `option:` and the option's name.
    pub subject: String,
    /// JSON of a price, or an option's value; empty: taken away.
    pub value: String,
    pub owner: String,
}

/// Other prices to reckon with: by the model as it is priced, by group.
#[derive(Debug, Clone, Default)]
pub struct Supposed {
    pub prices: BTreeMap<String, Price>,
    pub ratios: BTreeMap<String, f64>,
}

/// Calls and their cost, as it was and as it would have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    pub calls: u64,
    pub then: Nano,
    pub would: Nano,
}

/// What other prices would have cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    pub models: BTreeMap<String, Compared>,
    pub total: Compared,
    /// False: there are more rows than one estimate reads; the newest are in it.
    pub complete: bool,
}

/// Keeps a change, if it is one.
pub(crate) async fn record(tx: &mut Tx, subject: &str, value: &str, owner: &str) -> Result<(), TxError> {
    let last = "SELECT value FROM magic_price_history WHERE subject = ? ORDER BY id DESC LIMIT 1";
    let before = tx.one(last, args![subject]).await?.map(|row| row.text(0)).transpose()?.unwrap_or_default();
    if before != value {
        let sql = "INSERT INTO magic_price_history (at_ms, subject, value, owner) VALUES (?, ?, ?, ?)";
        tx.exec(sql, args![chrono::Utc::now().timestamp_millis(), subject, value, owner]).await?;
    }
    Ok(())
}

/// Keeps the change of an option that prices are made of.
pub(crate) async fn record_option(tx: &mut Tx, name: &str, value: &str, owner: &str) -> Result<(), TxError> {
    match PRICING.contains(&name) {
        true => record(tx, &format!("option:{name}"), value, owner).await,
        false => Ok(()),
    }
}

pub(crate) async fn models(db: &Db) -> Result<Vec<ModelRow>> {
    let rows = db.fetch("SELECT name, price, owner FROM magic_models ORDER BY name", vec![]).await?;
    let mut models = Vec::with_capacity(rows.len());
    for row in &rows {
        let name = row.text(0)?;
        match serde_json::from_str(&row.text(1)?) {
            Ok(price) => models.push(ModelRow { name, price, owner: row.text(2)? }),
            // Priced as unknown: refused for common users, never free.
            Err(error) => log::error!("the price of {name} can't be read: {error}"),
        }
    }
    Ok(models)
}

/// Of a log row's detail, what a bill is made of.
#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    group: String,
    #[serde(default)]
    ratio: i64,
    usage: Usage,
    #[serde(default)]
    rates: Rates,
}

/// What a logged call would have cost.
fn would(supposed: &Supposed, model: &str, cost: Nano, detail: &str) -> Nano {
    let Ok(detail) = serde_json::from_str::<Detail>(detail) else { return cost };
    let other = supposed.ratios.get(&detail.group);
    let ratio = other
        .map_or(Some(detail.ratio), |ratio| magic_domain::money::decimal_to_i64(*ratio, RATIO_ONE as f64));
    let ratio = ratio.unwrap_or(detail.ratio);
    match supposed.prices.get(model) {
        Some(price) => price.bill(&detail.usage, ratio),
        None if other.is_some() => bill(&detail.rates, &detail.usage, ratio),
        None => cost,
    }
}

impl Store {
    pub async fn models(&self) -> Result<Vec<ModelRow>> {
        self.run(|inner| async move { models(&inner.db).await }).await
    }

    pub async fn set_model(&self, name: &str, price: &Price) -> Result<()> {
        let text = serde_json::to_string(price).map_err(|error| StoreError::Internal(error.to_string()))?;
        let name = name.to_owned();
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let row = tx.one("SELECT owner FROM magic_models WHERE name = ?", args![&name]).await?;
                if row.map(|row| row.text(0)).transpose()?.as_deref() == Some(FILE) {
                    return Err(StoreError::Conflict(format!(
                        "the price of {name} is set in the configuration file"
                    ))
                    .into());
                }
                let sql = tx.engine().upsert("magic_models", &["name"], &["price", "owner"]);
                tx.exec(&sql, args![&name, &text, DB]).await?;
                record(tx, &name, &text, DB).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    pub async fn delete_model(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.run(move |inner| async move {
            transaction!(inner.db, |tx| {
                let sql = "DELETE FROM magic_models WHERE name = ? AND owner = 'db'";
                if tx.exec(sql, args![&name]).await? == 0 {
                    return Err(StoreError::NotFound("model").into());
                }
                record(tx, &name, "", DB).await?;
                bump(tx).await?;
            })
        })
        .await
    }

    /// Changes of prices, newest first; of one model or option, or of all; before the change with that id.
    pub async fn price_history(&self, subject: &str, before: i64, limit: i64) -> Result<Vec<PriceChange>> {
        let subject = subject.to_owned();
        self.list(move |inner| async move {
            let sql = "SELECT id, at_ms, subject, value, owner FROM magic_price_history \
                 WHERE (? = '' OR subject = ?) AND (? = 0 OR id < ?) ORDER BY id DESC LIMIT ?";
            let rows = inner.db.fetch(sql, args![&subject, &subject, before, before, limit]).await?;
            let read = |row: &Row| {
                Ok(PriceChange {
                    id: row.int(0)?,
                    at_ms: row.int(1)?,
                    subject: row.text(2)?,
                    value: row.text(3)?,
                    owner: row.text(4)?,
                })
            };
            rows.iter().map(read).collect()
        })
        .await
    }

    /// What the calls of a time would have cost at other prices. Units and the group's ratio are the logged ones;
    /// calls that were not billed stay so.
    pub async fn estimate(&self, start: i64, end: i64, supposed: Supposed) -> Result<Estimate> {
        let mut filter = LogFilter { kind: CONSUME, start, end, ..LogFilter::default() };
        let mut estimate = Estimate { complete: true, ..Estimate::default() };
        loop {
            let rows = self.log_page(filter.clone(), PIECE).await?;
            for row in &rows {
                let would = match row.mark.as_str() {
                    "void" => row.cost,
                    _ => would(&supposed, &row.model_name, row.cost, &row.detail),
                };
                for sum in [estimate.models.entry(row.model_name.clone()).or_default(), &mut estimate.total] {
                    sum.calls += 1;
                    sum.then = sum.then.plus(row.cost);
                    sum.would = sum.would.plus(would);
                }
            }
            filter.before = rows.last().map_or(0, |row| row.id);
            if (rows.len() as i64) < PIECE {
                return Ok(estimate);
            }
            if estimate.total.calls >= ROWS_MAX {
                estimate.complete = false;
                return Ok(estimate);
            }
        }
    }
}
