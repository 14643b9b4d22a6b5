//! The log and its sums.

use crate::Deps;
use crate::answer::{Answer, Download, Listed, list, ok};
use crate::api::captures;
use crate::error::{Result, bad_request, invalid, not_found};
use crate::extract::{Query, number, page_of};
use crate::guard::{Admin, AnyUser, Caller};
use crate::json::{self, Log};
use actix_web::{HttpResponse, web};
use magic_domain::ids::UserId;
use magic_domain::money::{Nano, RATIO_ONE};
use magic_domain::principal::Role;
use magic_store::logs::{CONSUME, LogFilter, TOTAL_MAX};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Which rows; what is not given chooses all.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(default)]
pub struct LogQuery {
    /// 1 top-up, 2 consumption, 3 management, 4 system, 5 a channel's test.
    #[serde(deserialize_with = "number")]
    r#type: Option<i64>,
    /// Unix seconds.
    #[serde(deserialize_with = "number")]
    start_timestamp: Option<i64>,
    #[serde(deserialize_with = "number")]
    end_timestamp: Option<i64>,
    username: String,
    token_name: String,
    model_name: String,
    #[serde(deserialize_with = "number")]
    channel: Option<i64>,
    request_id: String,
    /// The id of the last row that was seen.
    #[serde(deserialize_with = "number")]
    cursor: Option<i64>,
    keyword: String,
}

impl LogQuery {
    fn filter(self, own: Option<UserId>) -> LogFilter {
        LogFilter {
            user_id: own,
            kind: self.r#type.unwrap_or(0),
            start: self.start_timestamp.unwrap_or(0),
            end: self.end_timestamp.unwrap_or(0),
            username: if own.is_some() { String::new() } else { self.username },
            token_name: self.token_name,
            model_name: self.model_name,
            channel: if own.is_some() { 0 } else { self.channel.unwrap_or(0) },
            request_id: self.request_id,
            before: self.cursor.unwrap_or(0),
            keyword: self.keyword,
        }
    }
}

/// `own`: for the one whose rows they are.
async fn rows(deps: &Deps, filter: LogFilter, (offset, limit): (i64, i64), own: bool) -> Result<Listed<Log>> {
    let (rows, total) = deps.store.logs(filter, offset, limit).await?;
    Ok(list(rows.iter().map(|row| json::log(row, own)).collect(), total, TOTAL_MAX))
}

/// one-api's search: the newest hundred.
const FOUND: (i64, i64) = (0, 100);

/// The page of a list of logs, beside its filters.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct PageQuery {
    /// The page, from 0.
    #[serde(deserialize_with = "number")]
    p: Option<i64>,
    /// Rows of a page: 10 unless given, 100 at most.
    #[serde(deserialize_with = "number")]
    page_size: Option<i64>,
}

impl PageQuery {
    fn span(&self) -> (i64, i64) {
        let page = page_of(self.p, self.page_size);
        (page.offset, page.limit)
    }
}

pub async fn search(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
) -> Result<Listed<Log>> {
    rows(&deps, query.filter(None), FOUND, false).await
}

pub async fn my_search(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
) -> Result<Listed<Log>> {
    rows(&deps, query.filter(Some(caller.user.id)), FOUND, true).await
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

fn line(row: &Log, csv: bool) -> String {
    let row = serde_json::to_value(row).unwrap_or_default();
    if !csv {
        return format!("{row}\n");
    }
    let cell = |name: &&str| match &row[*name] {
        Value::String(text) => crate::csv::field(text),
        other => other.to_string(),
    };
    CSV.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct FormatQuery {
    /// `csv`, unless `jsonl` is given.
    format: Option<String>,
}

/// Streams the rows that the filters of the list choose, newest first.
fn export(
    query: LogQuery,
    format: &FormatQuery,
    deps: web::Data<Deps>,
    own: Option<UserId>,
) -> Result<Download> {
    let csv = match format.format.as_deref() {
        Some("csv") | None => true,
        Some("jsonl") => false,
        Some(_) => return Err(invalid("format must be csv or jsonl")),
    };
    let filter = query.filter(own);
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
    let response = HttpResponse::Ok()
        .content_type(mime)
        .insert_header(("content-disposition", format!("attachment; filename=\"log.{name}\"")))
        .streaming(Box::pin(pieces));
    Ok(Download(response))
}

pub async fn export_all(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
    format: Query<FormatQuery>,
) -> Result<Download> {
    export(query, &format, deps, None)
}

pub async fn export_mine(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
    format: Query<FormatQuery>,
) -> Result<Download> {
    export(query, &format, deps, Some(caller.user.id))
}

/// A request with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct Explanation {
    request: Log,
    bill: Bill,
    /// The ledger's events, for administrators.
    #[schema(value_type = Vec<Object>)]
    ledger: Vec<Value>,
    /// Its bodies are kept: `GET /api/capture/{id}`.
    captured: bool,
}

/// The arithmetic of a bill: tokens × rate ÷ 1M for each bucket, the sum × the group's ratio.
#[derive(Serialize, ToSchema)]
pub struct Bill {
    lines: Vec<BillLine>,
    group_ratio: f64,
    cost_usd: String,
    unpriced: Value,
    reserved_usd: String,
}

#[derive(Serialize, ToSchema)]
pub struct BillLine {
    bucket: String,
    count: u64,
    nano_usd_per_million: i64,
    usd: f64,
}

/// A request by its id: what was tried, how long it took, and how its bill came about, line by line. Users are
/// told of their own.
pub async fn explain(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    id: web::Path<String>,
) -> Result<Answer<Explanation>> {
    let admin = caller.user.role >= Role::Admin;
    let own = (!admin).then_some(caller.user.id);
    let filter = LogFilter { user_id: own, kind: CONSUME, request_id: id.clone(), ..LogFilter::default() };
    let rows = deps.store.log_page(filter, 1).await?;
    let row = rows.first().ok_or_else(|| not_found("request"))?;
    let request = json::log(row, !admin);
    let bill = bill(&request.detail, row.cost);
    let ledger = if admin { deps.store.ledger_of(&id).await? } else { Vec::new() };
    let captured = captures::owner(&deps, &id).await?.is_some();
    Ok(ok(Explanation { request, bill, ledger, captured }))
}

fn bill(detail: &Value, cost: Nano) -> Bill {
    let empty = serde_json::Map::new();
    let usage = detail["usage"].as_object().unwrap_or(&empty);
    let rates = detail["rates"].as_object().unwrap_or(&empty);
    let lines = usage.iter().filter_map(|(bucket, count)| {
        let (count, rate) = (count.as_u64()?, rates.get(bucket).and_then(Value::as_i64).unwrap_or(0));
        let nano = i128::from(count) * i128::from(rate);
        Some(BillLine { bucket: bucket.clone(), count, nano_usd_per_million: rate, usd: nano as f64 / 1e15 })
    });
    Bill {
        lines: lines.collect(),
        group_ratio: detail["ratio"].as_i64().unwrap_or(0) as f64 / RATIO_ONE as f64,
        cost_usd: cost.usd().to_string(),
        unpriced: detail["unpriced"].clone(),
        reserved_usd: Nano(detail["reserved"].as_i64().unwrap_or(0)).usd().to_string(),
    }
}

#[derive(Serialize, ToSchema)]
pub struct LogSum {
    quota: i64,
    cost_usd: String,
}

async fn sum(deps: &Deps, filter: LogFilter) -> Result<Answer<LogSum>> {
    let cost = deps.store.log_cost(filter).await?;
    Ok(ok(LogSum { quota: cost.to_quota_ceil(), cost_usd: cost.usd().to_string() }))
}

pub async fn all(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
    pages: Query<PageQuery>,
) -> Result<Listed<Log>> {
    rows(&deps, query.filter(None), pages.span(), false).await
}

pub async fn mine(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
    pages: Query<PageQuery>,
) -> Result<Listed<Log>> {
    rows(&deps, query.filter(Some(caller.user.id)), pages.span(), true).await
}

pub async fn stat(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
) -> Result<Answer<LogSum>> {
    sum(&deps, query.filter(None)).await
}

pub async fn my_stat(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<LogQuery>,
) -> Result<Answer<LogSum>> {
    sum(&deps, query.filter(Some(caller.user.id))).await
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct Until {
    /// Rows before it go; Unix seconds.
    #[serde(deserialize_with = "number")]
    target_timestamp: Option<i64>,
}

pub async fn delete(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    query: Query<Until>,
) -> Result<Answer<u64>> {
    let before = query.target_timestamp.unwrap_or(0);
    if before <= 0 {
        return Err(bad_request("target_timestamp is missing"));
    }
    Ok(ok(deps.store.delete_logs(before).await?))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct UsageDay {
    day: String,
    model_name: String,
    request_count: i64,
    quota: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
}

/// The last seven days by day and model, with one-api's capitalised names; null where there is nothing.
pub async fn dashboard(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
) -> Result<Answer<Option<Vec<UsageDay>>>> {
    let today = chrono::Utc::now().timestamp() / 86_400 * 86_400;
    let rows = deps.store.usage_by_day(caller.user.id, today - 6 * 86_400).await?;
    let days = rows.into_iter().map(|(day, model_name, calls, cost, prompt, completion)| UsageDay {
        day,
        model_name,
        request_count: calls,
        quota: cost.to_quota_ceil(),
        prompt_tokens: prompt,
        completion_tokens: completion,
    });
    let days: Vec<UsageDay> = days.collect();
    Ok(ok(Some(days).filter(|days| !days.is_empty())))
}
