//! Options and prices.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::{Result, bad_request, invalid};
use crate::extract::Body;
use crate::guard::{Admin, Caller, Root};
use actix_web::web;
use magic_domain::price::Price;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct OptionValue {
    key: &'static str,
    value: String,
    /// `file`: set in the configuration file, and changed there.
    owner: &'static str,
    default: &'static str,
}

/// Every option with its value in force; secrets are only said to be set.
pub async fn list(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<Vec<OptionValue>>> {
    let (options, owned) = deps.store.options().await?;
    let shown = options.iter().filter(|(def, _)| !def.secret).map(|(def, value)| OptionValue {
        key: def.key,
        value: value.to_owned(),
        owner: if owned.iter().any(|name| name == def.key) { "file" } else { "db" },
        default: def.default,
    });
    Ok(ok(shown.collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct OptionBody {
    key: String,
    /// Text as in one-api, or what the text would say: a number, true or false, an object.
    value: Option<Value>,
}

pub async fn set(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Body(body): Body<OptionBody>,
) -> Result<Answer<()>> {
    let key = body.key;
    let value = match body.value {
        Some(Value::String(text)) => text,
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => value.to_string(),
        _ => return Err(bad_request("value is missing")),
    };
    let (options, _) = deps.store.options().await?;
    for (switch, needed, what) in [
        ("GitHubOAuthEnabled", "GitHubClientId", "the GitHub client id"),
        ("WeChatAuthEnabled", "WeChatServerAddress", "the address of the WeChat server"),
        ("TurnstileCheckEnabled", "TurnstileSiteKey", "the Turnstile site key"),
        ("EmailDomainRestrictionEnabled", "EmailDomainWhitelist", "the list of domains"),
    ] {
        if key == switch && value == "true" && options.text(needed).is_empty() {
            return Err(invalid(format!("{switch} can't be switched on before {what} is set")));
        }
    }
    if key == "Theme" && !matches!(value.as_str(), "default" | "berry" | "air") {
        return Err(invalid("Theme must be default, berry or air"));
    }
    deps.store.set_option(&key, &value).await?;
    deps.live.reload().await?;
    Ok(done())
}

#[derive(Serialize, ToSchema)]
pub struct Reloaded {
    /// The settings that changed and are read at start only.
    needs_restart: Vec<String>,
}

/// Reads the configuration file again: what has to wait for a restart, or every fault.
pub async fn reload_config(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<Reloaded>> {
    match deps.live.reload_config().await {
        Ok(needs_restart) => Ok(ok(Reloaded { needs_restart })),
        Err(faults) => Err(invalid(faults.join("\n"))),
    }
}

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
pub async fn prices(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Answer<Prices>> {
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
pub async fn set_price(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Body(body): Body<PriceBody>,
) -> Result<Answer<()>> {
    let model = body.model.filter(|name| !name.is_empty()).ok_or_else(|| bad_request("model is missing"))?;
    let price: Price = serde_json::from_value(body.price.unwrap_or_default())
        .map_err(|error| invalid(format!("price: {error}")))?;
    let rates = price.rates.0.values().chain(price.tiers.iter().flat_map(|tier| tier.rates.0.values()));
    if price.rates.0.is_empty() || rates.into_iter().any(|rate| *rate < 0) {
        return Err(invalid("a price needs rates, none below zero"));
    }
    deps.store.set_model(&model, &price).await?;
    deps.live.reload().await?;
    Ok(done())
}

#[derive(Deserialize, ToSchema)]
pub struct ModelName {
    model: String,
}

pub async fn delete_price(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    body: Body<ModelName>,
) -> Result<Answer<()>> {
    deps.store.delete_model(&body.model).await?;
    deps.live.reload().await?;
    Ok(done())
}
