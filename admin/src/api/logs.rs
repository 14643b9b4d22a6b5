//! The log and its sums.

use crate::Deps;
use crate::error::{Result, bad_request, list, ok};
use crate::extract::ListQuery;
use crate::guard::{Admin, AnyUser, Caller, Root};
use crate::json;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::ids::UserId;
use magic_store::logs::{LogFilter, TOTAL_MAX};
use serde::Deserialize;
use serde_json::{Value, json as value};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    r#type: Option<String>,
    start_timestamp: Option<String>,
    end_timestamp: Option<String>,
    username: Option<String>,
    token_name: Option<String>,
    model_name: Option<String>,
    channel: Option<String>,
    request_id: Option<String>,
    cursor: Option<String>,
    target_timestamp: Option<String>,
}

fn query(request: &HttpRequest) -> Query {
    web::Query::<Query>::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default()
}

fn number(text: &Option<String>) -> i64 {
    text.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn filter(request: &HttpRequest, own: Option<UserId>) -> LogFilter {
    let query = query(request);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    LogFilter {
        user_id: own,
        kind: number(&query.r#type),
        start: number(&query.start_timestamp),
        end: number(&query.end_timestamp),
        username: if own.is_some() { String::new() } else { text(&query.username) },
        token_name: text(&query.token_name),
        model_name: text(&query.model_name),
        channel: if own.is_some() { 0 } else { number(&query.channel) },
        request_id: text(&query.request_id),
        before: number(&query.cursor),
    }
}

async fn page(request: &HttpRequest, deps: &Deps, own: Option<UserId>) -> Result<HttpResponse> {
    let page = ListQuery::of(request).page();
    let (rows, total) = deps.store.logs(filter(request, own), page.offset, page.limit).await?;
    let data: Vec<Value> = rows.iter().map(|row| json::log(row, own.is_some())).collect();
    Ok(list(data, total, TOTAL_MAX))
}

async fn sum(request: &HttpRequest, deps: &Deps, own: Option<UserId>) -> Result<HttpResponse> {
    let cost = deps.store.log_cost(filter(request, own)).await?;
    Ok(ok(value!({ "quota": cost.to_quota_ceil(), "cost_usd": cost.usd().to_string() })))
}

pub async fn all(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    page(&request, &deps, None).await
}

pub async fn mine(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    page(&request, &deps, Some(caller.user.id)).await
}

pub async fn stat(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    sum(&request, &deps, None).await
}

pub async fn my_stat(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    sum(&request, &deps, Some(caller.user.id)).await
}

pub async fn delete(
    _caller: Caller<Root>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    let before = number(&query(&request).target_timestamp);
    if before <= 0 {
        return Err(bad_request("target_timestamp is missing"));
    }
    Ok(ok(deps.store.delete_logs(before).await?))
}

/// The last seven days by day and model, with one-api's capitalised names.
pub async fn dashboard(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<HttpResponse> {
    let today = chrono::Utc::now().timestamp() / 86_400 * 86_400;
    let rows = deps.store.usage_by_day(caller.user.id, today - 6 * 86_400).await?;
    let data: Vec<Value> = rows
        .into_iter()
        .map(|(day, model, calls, cost, prompt, completion)| {
            value!({
                "Day": day, "ModelName": model, "RequestCount": calls, "Quota": cost.to_quota_ceil(),
                "PromptTokens": prompt, "CompletionTokens": completion,
            })
        })
        .collect();
    Ok(ok(if data.is_empty() { Value::Null } else { Value::from(data) }))
}
