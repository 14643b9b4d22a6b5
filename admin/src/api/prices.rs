//! Prices of models: what they are, what they were when, and what others would have cost.

use crate::Deps;
use crate::answer::{Answer, Walk, done, kept, ok, walk};
use crate::error::{Result, bad_request, invalid};
use crate::extract::{Body, Query, number};
use crate::guard::{Admin, Caller, Root};
use actix_web::web;
use magic_domain::price::Price;
use magic_store::prices::{Compared, Supposed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Serialize, ToSchema)]
pub struct ModelPrice {
    model: String,
    #[schema(value_type = Object)]
    price: Price,
    owner: String,
}

#[derive(Serialize, ToSchema)]
pub struct Prices {
    models: Vec<ModelPrice>,
    /// Offered, and without any price.
    unpriced: Vec<String>,
}

/// Prices set here or in the file, and the offered models that have none at all.
pub async fn list(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Prices>> {
    let models = deps
        .store
        .models()
        .await?
        .into_iter()
        .map(|row| ModelPrice { model: row.name, price: row.price, owner: row.owner })
        .collect();
    Ok(ok(Prices { models, unpriced: deps.live.unpriced() }))
}

#[derive(Deserialize, ToSchema)]
pub struct PriceBody {
    model: Option<String>,
    #[schema(value_type = Option<Object>)]
    price: Option<Value>,
}

/// `{"model": …, "price": {"rates": {"input": nano-dollars per 1M, …}, "tiers": […], "max_output": …}}`
pub async fn set(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Body(body): Body<PriceBody>,
) -> Result<Answer<()>> {
    let model = body.model.filter(|name| !name.is_empty()).ok_or_else(|| bad_request("model is missing"))?;
    let price: Price = serde_json::from_value(body.price.unwrap_or_default())
        .map_err(|error| invalid(format!("price: {error}")))?;
    deps.store.set_model(&model, &price).await?;
    deps.live.reload().await?;
    Ok(done())
}

#[derive(Deserialize, ToSchema)]
pub struct ModelName {
    model: String,
}

pub async fn delete(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    body: Body<ModelName>,
) -> Result<Answer<()>> {
    deps.store.delete_model(&body.model).await?;
    deps.live.reload().await?;
    Ok(done())
}

/// A price that can be billed by.
fn checked(price: Value) -> Result<Price> {
    let price: Price = serde_json::from_value(price).map_err(|error| invalid(format!("price: {error}")))?;
    let mut rates = price.rates.0.values().chain(price.tiers.iter().flat_map(|tier| tier.rates.0.values()));
    if price.rates.0.is_empty() || rates.any(|rate| *rate < 0) {
        return Err(invalid("a price needs rates, none below zero"));
    }
    Ok(price)
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct HistoryQuery {
    /// A model, or `option:` and the name of an option that prices are made of; all unless given.
    model: String,
    /// The id of the last change that was seen.
    #[serde(deserialize_with = "number")]
    cursor: Option<i64>,
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
}

/// A change of a price.
#[derive(Serialize, ToSchema)]
pub struct PastPrice {
    id: i64,
    /// Unix milliseconds.
    at_ms: i64,
    model: String,
    /// The price, or the option's value, from then on; null: taken away.
    price: Value,
    owner: String,
}

pub async fn history(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    query: Query<HistoryQuery>,
) -> Result<Walk<PastPrice>> {
    let limit = query.page_size.unwrap_or(10).clamp(1, 100);
    let rows = deps.store.price_history(&query.model, query.cursor.unwrap_or(0).max(0), limit).await?;
    let cursor = rows.last().map(|row| row.id);
    let shown = rows.into_iter().map(|row| PastPrice {
        id: row.id,
        at_ms: row.at_ms,
        price: kept(&row.value),
        model: row.subject,
        owner: row.owner,
    });
    Ok(walk(shown.collect(), cursor))
}

/// Other prices, and the time whose calls they are tried on.
#[derive(Deserialize, ToSchema)]
pub struct EstimateBody {
    /// Unix seconds; a week ago unless given.
    start_timestamp: Option<i64>,
    /// Unix seconds; now unless given.
    end_timestamp: Option<i64>,
    /// By model, each as in `PUT /api/price`.
    #[schema(value_type = Option<Object>)]
    prices: Option<BTreeMap<String, Value>>,
    /// By group.
    #[schema(value_type = Option<Object>)]
    group_ratios: Option<BTreeMap<String, f64>>,
}

#[derive(Serialize, ToSchema)]
pub struct ModelEstimate {
    model: String,
    calls: u64,
    then_usd: String,
    would_usd: String,
}

#[derive(Serialize, ToSchema)]
pub struct EstimateView {
    calls: u64,
    /// What was billed, and what would have been, in dollars.
    then_usd: String,
    would_usd: String,
    models: Vec<ModelEstimate>,
    /// False: there are more calls than are looked at; the newest are in it.
    complete: bool,
}

/// What the last week (or another time) would have cost at other prices. Changes nothing.
pub async fn estimate(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<EstimateBody>,
) -> Result<Answer<EstimateView>> {
    let mut supposed = Supposed { ratios: body.group_ratios.unwrap_or_default(), ..Supposed::default() };
    if supposed.ratios.values().any(|ratio| !(0.0..=1e6).contains(ratio)) {
        return Err(invalid("a group ratio is from 0 to a million"));
    }
    for (model, price) in body.prices.unwrap_or_default() {
        supposed.prices.insert(model, checked(price)?);
    }
    let end = body.end_timestamp.unwrap_or_else(|| chrono::Utc::now().timestamp());
    let start = body.start_timestamp.unwrap_or_else(|| end.saturating_sub(7 * 86_400));
    if start < 0 || end < start {
        return Err(invalid("start_timestamp must come before end_timestamp"));
    }
    let estimate = deps.store.estimate(start, end, supposed).await?;
    let row = |(model, sum): (String, Compared)| ModelEstimate {
        model,
        calls: sum.calls,
        then_usd: sum.then.usd().to_string(),
        would_usd: sum.would.usd().to_string(),
    };
    Ok(ok(EstimateView {
        calls: estimate.total.calls,
        then_usd: estimate.total.then.usd().to_string(),
        would_usd: estimate.total.would.usd().to_string(),
        models: estimate.models.into_iter().map(row).collect(),
        complete: estimate.complete,
    }))
}
