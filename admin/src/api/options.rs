//! Options and prices.

use crate::Deps;
use crate::error::{Result, bad_request, invalid, ok};
use crate::extract::{Members, object};
use crate::guard::{Admin, Caller, Root};
use actix_web::{HttpResponse, web};
use magic_domain::price::Price;
use serde_json::{Value, json};

/// Every option with its value in force; secrets are only said to be set.
pub async fn list(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let (options, owned) = deps.store.options().await?;
    let data: Vec<Value> = options
        .iter()
        .filter(|(def, _)| !def.secret)
        .map(|(def, value)| {
            let owner = if owned.iter().any(|name| name == def.key) { "file" } else { "db" };
            json!({ "key": def.key, "value": value, "owner": owner, "default": def.default })
        })
        .collect();
    Ok(ok(data))
}

pub async fn set(_caller: Caller<Root>, deps: web::Data<Deps>, body: web::Bytes) -> Result<HttpResponse> {
    let body = object(&body)?;
    let key = body.text("key")?.ok_or_else(|| bad_request("key is missing"))?;
    let value = match body.get("value") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => body["value"].to_string(),
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
    Ok(ok(Value::Null))
}

/// Reads the configuration file again: what has to wait for a restart, or every fault.
pub async fn reload_config(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    match deps.live.reload_config().await {
        Ok(waiting) => Ok(ok(json!({ "needs_restart": waiting }))),
        Err(faults) => Err(invalid(faults.join("\n"))),
    }
}

/// Prices set here or in the file, and the offered models that have none at all.
pub async fn prices(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let models: Vec<Value> = deps
        .store
        .models()
        .await?
        .iter()
        .map(|row| json!({ "model": row.name, "price": row.price, "owner": row.owner }))
        .collect();
    Ok(ok(json!({ "models": models, "unpriced": deps.live.unpriced() })))
}

/// `{"model": …, "price": {"rates": {"input": nano-dollars per 1M, …}, "tiers": […], "max_output": …}}`
pub async fn set_price(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let body = object(&body)?;
    let model =
        body.text("model")?.filter(|name| !name.is_empty()).ok_or_else(|| bad_request("model is missing"))?;
    let price = body.get("price").cloned().unwrap_or(Value::Null);
    let price: Price = serde_json::from_value(price).map_err(|error| invalid(format!("price: {error}")))?;
    let rates = price.rates.0.values().chain(price.tiers.iter().flat_map(|tier| tier.rates.0.values()));
    if price.rates.0.is_empty() || rates.into_iter().any(|rate| *rate < 0) {
        return Err(invalid("a price needs rates, none below zero"));
    }
    deps.store.set_model(&model, &price).await?;
    deps.live.reload().await?;
    Ok(ok(Value::Null))
}

pub async fn delete_price(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let model = object(&body)?.text("model")?.ok_or_else(|| bad_request("model is missing"))?;
    deps.store.delete_model(&model).await?;
    deps.live.reload().await?;
    Ok(ok(Value::Null))
}
