//! Vouchers: made, listed and exported by administrators, redeemed by users. The path is one-api's.

use crate::Deps;
use crate::answer::{Answer, Download, Listed, done, list as listed, ok};
use crate::api::tokens::StatusOnly;
use crate::error::{ApiError, Result, bad_request, invalid, not_found};
use crate::extract::{Body, ListQuery, Query, number};
use crate::guard::{Admin, AnyUser, Caller, Once, critical};
use crate::limit::Limiter;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use magic_store::StoreError;
use magic_store::users::Page;
use magic_store::vouchers::{NewVouchers, VoucherChange, VoucherFilter, VoucherRow, voucher_status};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// one-api's bounds (oneapi.md §2.11): bytes of a name, vouchers of one call.
const NAME_MAX: usize = 20;
const BATCH_MAX: i64 = 100;
/// Rows of one export.
const EXPORT_MAX: i64 = 10_000;

/// A voucher as one-api shows it. The code is given for as long as it can be redeemed; then only its ends.
#[derive(Serialize, ToSchema)]
pub struct Voucher {
    id: i64,
    /// Who made it.
    user_id: i64,
    key: String,
    /// 1 enabled, 2 disabled, 3 used.
    status: i64,
    name: String,
    quota: i64,
    created_time: i64,
    redeemed_time: i64,
    count: i64,
    redeemed_by: i64,
    /// Unix seconds; -1 never.
    expired_time: i64,
    /// In dollars, as decimal text.
    amount_usd: String,
    batch: String,
    owner: String,
}

fn shown(row: &VoucherRow) -> Voucher {
    let spent = row.status == voucher_status::USED;
    let code = row.code.as_ref().filter(|_| !spent).map(|code| code.expose().to_owned());
    Voucher {
        id: row.id,
        user_id: row.user_id,
        key: code.unwrap_or_else(|| format!("{}…{}", row.prefix, row.tail)),
        status: row.status,
        name: row.name.clone(),
        quota: row.amount.to_quota(),
        created_time: row.created_time,
        redeemed_time: row.redeemed_time,
        count: 0,
        redeemed_by: row.redeemed_by,
        expired_time: row.expired_time,
        amount_usd: row.amount.usd().to_string(),
        batch: row.batch.clone(),
        owner: row.owner.clone(),
    }
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
pub struct VoucherQuery {
    #[serde(deserialize_with = "number")]
    status: Option<i64>,
    /// Vouchers that were made together.
    batch: String,
    /// `csv`, unless `text` is given; of an export.
    format: Option<String>,
}

fn filter(query: &VoucherQuery, keyword: Option<String>) -> VoucherFilter {
    VoucherFilter {
        keyword: keyword.unwrap_or_default(),
        status: query.status.unwrap_or(0),
        batch: query.batch.clone(),
    }
}

pub async fn list(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(page): Query<ListQuery>,
    query: Query<VoucherQuery>,
) -> Result<Listed<Voucher>> {
    let (rows, total) = deps.store.vouchers(page.page(), filter(&query, page.keyword)).await?;
    Ok(listed(rows.iter().map(shown).collect(), total, i64::MAX))
}

async fn find(deps: &Deps, id: i64) -> Result<VoucherRow> {
    deps.store.voucher(id).await?.ok_or_else(|| not_found("voucher"))
}

pub async fn one(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<Answer<Voucher>> {
    Ok(ok(shown(&find(&deps, *id).await?)))
}

fn name(name: Option<String>) -> Result<Option<String>> {
    if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > NAME_MAX) {
        return Err(invalid(format!("a voucher's name has 1 to {NAME_MAX} bytes")));
    }
    Ok(name)
}

fn amount(quota: Option<i64>) -> Result<Option<Nano>> {
    match quota {
        Some(quota) if !(1..=i64::MAX / 4000).contains(&quota) => {
            Err(invalid("quota must be above zero, and not out of range"))
        }
        other => Ok(other.map(Nano::from_quota)),
    }
}

fn expiry(time: Option<i64>) -> Result<Option<i64>> {
    match time {
        Some(time) if time < -1 => Err(invalid("expired_time is Unix seconds, or -1 for never")),
        // Zero is what forms send for "not set".
        Some(0) => Ok(Some(-1)),
        other => Ok(other),
    }
}

#[derive(Deserialize, ToSchema)]
pub struct NewBatch {
    /// 1 to 20 bytes.
    name: Option<String>,
    quota: Option<i64>,
    /// 1 to 100.
    count: Option<i64>,
    expired_time: Option<i64>,
}

/// `{"name", "quota", "count", "expired_time"?}`: the codes.
pub async fn create(
    caller: Caller<Admin>,
    deps: web::Data<Deps>,
    once: Once,
    Body(body): Body<NewBatch>,
) -> Result<Answer<Vec<String>>> {
    let count = body.count.unwrap_or(1);
    if !(1..=BATCH_MAX).contains(&count) {
        return Err(invalid(format!("count must be from 1 to {BATCH_MAX}")));
    }
    let new = NewVouchers {
        user_id: caller.user.id,
        name: name(body.name)?
            .ok_or_else(|| invalid(format!("a voucher's name has 1 to {NAME_MAX} bytes")))?,
        amount: amount(body.quota)?.ok_or_else(|| bad_request("quota is missing"))?,
        count: usize::try_from(count).unwrap_or(1),
        expired_time: expiry(body.expired_time)?.unwrap_or(-1),
        idempotency_key: once.0,
    };
    let rows = deps.store.create_vouchers(new).await?;
    Ok(ok(rows.iter().filter_map(|row| row.code.as_ref()).map(|code| code.expose().to_owned()).collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct VoucherBody {
    id: i64,
    /// 1 enabled, 2 disabled.
    status: Option<i64>,
    name: Option<String>,
    quota: Option<i64>,
    expired_time: Option<i64>,
}

/// Changes name, quota and expiry, or with `status_only` the state.
pub async fn update(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    only: Query<StatusOnly>,
    Body(body): Body<VoucherBody>,
) -> Result<Answer<Voucher>> {
    let status = body.status;
    if status.is_some_and(|status| !matches!(status, voucher_status::ENABLED | voucher_status::DISABLED)) {
        return Err(invalid("status must be 1 (enabled) or 2 (disabled)"));
    }
    let change = match only.is_set() {
        true => VoucherChange { status, ..VoucherChange::default() },
        false => VoucherChange {
            status,
            name: name(body.name)?,
            amount: amount(body.quota)?,
            expired_time: expiry(body.expired_time)?,
        },
    };
    Ok(ok(shown(&deps.store.update_voucher(body.id, change).await?)))
}

pub async fn delete(_caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<Answer<()>> {
    deps.store.delete_voucher(*id).await?;
    Ok(done())
}

/// `?format=csv|text`, with the filters of the list: codes that can still be redeemed, unless `status` says otherwise.
pub async fn export(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(page): Query<ListQuery>,
    query: Query<VoucherQuery>,
) -> Result<Download> {
    let mut filter = filter(&query, page.keyword);
    if filter.status == 0 {
        filter.status = voucher_status::ENABLED;
    }
    let page = Page { offset: 0, limit: EXPORT_MAX, order: String::new() };
    let (rows, _) = deps.store.vouchers(page, filter).await?;
    let format = query.format.as_deref().unwrap_or("csv");
    let code = |row: &VoucherRow| shown(row).key;
    let (mime, text) = match format {
        "text" => ("text/plain; charset=utf-8", rows.iter().map(|row| code(row) + "\n").collect::<String>()),
        "csv" => {
            let head = "id,name,code,amount_usd,quota,status,created_time,expired_time,redeemed_time,batch\n";
            let line = |row: &VoucherRow| {
                format!(
                    "{},{},{},{},{},{},{},{},{},{}\n",
                    row.id,
                    crate::csv::field(&row.name),
                    code(row),
                    row.amount.usd(),
                    row.amount.to_quota(),
                    row.status,
                    row.created_time,
                    row.expired_time,
                    row.redeemed_time,
                    row.batch
                )
            };
            ("text/csv; charset=utf-8", head.to_owned() + &rows.iter().map(line).collect::<String>())
        }
        _ => return Err(invalid("format must be csv or text")),
    };
    let name = format!("attachment; filename=\"vouchers.{}\"", if format == "csv" { "csv" } else { "txt" });
    let response =
        HttpResponse::Ok().content_type(mime).insert_header(("content-disposition", name)).body(text);
    Ok(Download(response))
}

#[derive(Deserialize, ToSchema)]
pub struct CodeOf {
    /// The voucher's code.
    key: Option<String>,
}

/// `{"key"}`: what it was worth, in quota.
pub async fn redeem(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    Body(body): Body<CodeOf>,
) -> Result<Answer<i64>> {
    // Codes are 128 bits of chance, but those taken over from elsewhere may be shorter.
    critical(&request, &limiter)?;
    let code = body.key.filter(|code| !code.trim().is_empty());
    let code = code.ok_or_else(|| bad_request("key is missing"))?;
    if code.len() > 256 {
        return Err(not_found("voucher"));
    }
    let amount =
        deps.store.redeem(caller.user.id, &Secret::new(code)).await.map_err(|error| match error {
            StoreError::Conflict(_) => ApiError { code: "voucher_unusable", ..ApiError::from(error) },
            other => other.into(),
        })?;
    Ok(ok(amount.to_quota()))
}
