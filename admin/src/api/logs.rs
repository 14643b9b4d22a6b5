//! The log and its sums.

use crate::Deps;
use crate::error::{Result, bad_request, invalid, list, not_found, ok};
use crate::extract::ListQuery;
use crate::guard::{Admin, AnyUser, Caller, Root};
use crate::json;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::ids::UserId;
use magic_domain::principal::Role;
use magic_store::logs::{CONSUME, LogFilter, TOTAL_MAX};
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
    keyword: Option<String>,
    format: Option<String>,
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
        keyword: text(&query.keyword),
    }
}

async fn page(request: &HttpRequest, deps: &Deps, own: Option<UserId>) -> Result<HttpResponse> {
    let page = ListQuery::of(request).page();
    let (rows, total) = deps.store.logs(filter(request, own), page.offset, page.limit).await?;
    let data: Vec<Value> = rows.iter().map(|row| json::log(row, own.is_some())).collect();
    Ok(list(data, total, TOTAL_MAX))
}

/// one-api's search: the newest hundred.
async fn found(request: &HttpRequest, deps: &Deps, own: Option<UserId>) -> Result<HttpResponse> {
    let (rows, total) = deps.store.logs(filter(request, own), 0, 100).await?;
    let data: Vec<Value> = rows.iter().map(|row| json::log(row, own.is_some())).collect();
    Ok(list(data, total, TOTAL_MAX))
}

pub async fn search(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    found(&request, &deps, None).await
}

pub async fn my_search(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    found(&request, &deps, Some(caller.user.id)).await
}

/// Rows of one piece of an export, and of a whole one.
const PIECE: i64 = 1000;
const EXPORT_MAX: usize = 1_000_000;
/// What a CSV export holds: numbers and short texts; `jsonl` has all.
const CSV: &[&str] = &[
    "id",
    "created_at",
    "type",
    "username",
    "token_name",
    "model_name",
    "quota",
    "cost_usd",
    "prompt_tokens",
    "completion_tokens",
    "channel",
    "request_id",
    "elapsed_time",
    "is_stream",
    "status",
    "mark",
    "error",
    "content",
];

fn line(row: &Value, csv: bool) -> String {
    if !csv {
        return format!("{row}\n");
    }
    let cell = |name: &&str| match &row[*name] {
        Value::String(text) => crate::csv::field(text),
        other => other.to_string(),
    };
    CSV.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
}

/// Streams the rows that the filters of the list choose, newest first.
fn export(request: &HttpRequest, deps: web::Data<Deps>, own: Option<UserId>) -> Result<HttpResponse> {
    let csv = match query(request).format.as_deref() {
        Some("csv") | None => true,
        Some("jsonl") => false,
        Some(_) => return Err(invalid("format must be csv or jsonl")),
    };
    let filter = filter(request, own);
    let head = if csv { CSV.join(",") + "\n" } else { String::new() };
    let start = (filter, EXPORT_MAX, Some(head));
    let pieces = futures::stream::unfold(start, move |(mut filter, left, head)| {
        let deps = deps.clone();
        async move {
            let mut text = head.unwrap_or_default();
            if left == 0 {
                return None;
            }
            let rows = match deps.store.log_page(filter.clone(), PIECE).await {
                Ok(rows) => rows,
                Err(error) => {
                    // The answer breaks off: nobody takes it for whole.
                    return Some((Err(std::io::Error::other(error.public())), (filter, 0, None)));
                }
            };
            if rows.is_empty() && text.is_empty() {
                return None;
            }
            let mine = own.is_some();
            text.extend(rows.iter().map(|row| line(&json::log(row, mine), csv)));
            filter.before = rows.last().map_or(filter.before, |row| row.id);
            let left = if rows.len() < PIECE as usize { 0 } else { left.saturating_sub(rows.len()) };
            Some((Ok::<_, std::io::Error>(web::Bytes::from(text)), (filter, left, None)))
        }
    });
    let (mime, name) = if csv { ("text/csv; charset=utf-8", "csv") } else { ("application/jsonl", "jsonl") };
    Ok(HttpResponse::Ok()
        .content_type(mime)
        .insert_header(("content-disposition", format!("attachment; filename=\"log.{name}\"")))
        .streaming(Box::pin(pieces)))
}

pub async fn export_all(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    export(&request, deps, None)
}

pub async fn export_mine(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    export(&request, deps, Some(caller.user.id))
}

/// A request by its id: what was tried, how long it took, and how its bill came about, line by line. Users are
/// told of their own.
pub async fn explain(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<String>,
) -> Result<HttpResponse> {
    let admin = caller.user.role >= Role::Admin;
    let own = (!admin).then_some(caller.user.id);
    let filter = LogFilter { user_id: own, kind: CONSUME, request_id: id.clone(), ..LogFilter::default() };
    let rows = deps.store.log_page(filter, 1).await?;
    let row = rows.first().ok_or_else(|| not_found("request"))?;
    let shown = json::log(row, !admin);
    let bill = bill(&shown["detail"], row.cost);
    let events = if admin { deps.store.ledger_of(&id).await? } else { Vec::new() };
    Ok(ok(value!({ "request": shown, "bill": bill, "ledger": events })))
}

/// The arithmetic of a bill: tokens × rate ÷ 1M for each bucket, the sum × the group's ratio.
fn bill(detail: &Value, cost: magic_domain::money::Nano) -> Value {
    let empty = serde_json::Map::new();
    let usage = detail["usage"].as_object().unwrap_or(&empty);
    let rates = detail["rates"].as_object().unwrap_or(&empty);
    let lines: Vec<Value> = usage
        .iter()
        .filter_map(|(bucket, count)| {
            let (count, rate) = (count.as_u64()?, rates.get(bucket).and_then(Value::as_i64).unwrap_or(0));
            let nano = i128::from(count) * i128::from(rate);
            Some(value!({
                "bucket": bucket, "count": count, "nano_usd_per_million": rate,
                "usd": nano as f64 / 1e15,
            }))
        })
        .collect();
    let ratio = detail["ratio"].as_i64().unwrap_or(0) as f64 / magic_domain::money::RATIO_ONE as f64;
    value!({
        "lines": lines, "group_ratio": ratio, "cost_usd": cost.usd().to_string(), "unpriced": detail["unpriced"],
        "reserved_usd": magic_domain::money::Nano(detail["reserved"].as_i64().unwrap_or(0)).usd().to_string(),
    })
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
