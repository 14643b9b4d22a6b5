//! Vouchers: made, listed and exported by administrators, redeemed by users. The path is one-api's.

use crate::Deps;
use crate::error::{self, ApiError, Result, bad_request, invalid, not_found, ok};
use crate::extract::{ListQuery, Members, object, parameter};
use crate::guard::{Admin, AnyUser, Caller, critical, idempotency_key};
use crate::limit::Limiter;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::money::Nano;
use magic_domain::secret::Secret;
use magic_store::StoreError;
use magic_store::users::Page;
use magic_store::vouchers::{NewVouchers, VoucherChange, VoucherFilter, VoucherRow, voucher_status};
use serde_json::{Map, Value, json as value};
use std::sync::Arc;

/// one-api's bounds (oneapi.md §2.11): bytes of a name, vouchers of one call.
const NAME_MAX: usize = 20;
const BATCH_MAX: i64 = 100;
/// Rows of one export.
const EXPORT_MAX: i64 = 10_000;

/// A voucher as one-api shows it. The code is given for as long as it can be redeemed; then only its ends.
fn shown(row: &VoucherRow) -> Value {
    let spent = row.status == voucher_status::USED;
    let code = row.code.as_ref().filter(|_| !spent).map(|code| code.expose().to_owned());
    value!({
        "id": row.id, "user_id": row.user_id, "key": code.unwrap_or_else(|| format!("{}…{}", row.prefix, row.tail)),
        "status": row.status, "name": row.name, "quota": row.amount.to_quota(), "created_time": row.created_time,
        "redeemed_time": row.redeemed_time, "count": 0, "redeemed_by": row.redeemed_by,
        "expired_time": row.expired_time, "amount_usd": row.amount.usd().to_string(), "batch": row.batch,
        "owner": row.owner,
    })
}

fn filter(request: &HttpRequest) -> VoucherFilter {
    VoucherFilter {
        keyword: parameter(request, "keyword").unwrap_or_default(),
        status: parameter(request, "status").and_then(|text| text.parse().ok()).unwrap_or(0),
        batch: parameter(request, "batch").unwrap_or_default(),
    }
}

pub async fn list(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    let (rows, total) = deps.store.vouchers(ListQuery::of(&request).page(), filter(&request)).await?;
    Ok(error::list(rows.iter().map(shown).collect::<Vec<_>>(), total, i64::MAX))
}

async fn find(deps: &Deps, id: i64) -> Result<VoucherRow> {
    deps.store.voucher(id).await?.ok_or_else(|| not_found("voucher"))
}

pub async fn one(_caller: Caller<Admin>, deps: web::Data<Deps>, id: web::Path<i64>) -> Result<HttpResponse> {
    Ok(ok(shown(&find(&deps, *id).await?)))
}

fn name(body: &Map<String, Value>) -> Result<Option<String>> {
    let name = body.text("name")?;
    if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > NAME_MAX) {
        return Err(invalid(format!("a voucher's name has 1 to {NAME_MAX} bytes")));
    }
    Ok(name)
}

fn amount(body: &Map<String, Value>) -> Result<Option<Nano>> {
    match body.int("quota")? {
        Some(quota) if !(1..=i64::MAX / 4000).contains(&quota) => {
            Err(invalid("quota must be above zero, and not out of range"))
        }
        other => Ok(other.map(Nano::from_quota)),
    }
}

fn expiry(body: &Map<String, Value>) -> Result<Option<i64>> {
    match body.int("expired_time")? {
        Some(time) if time < -1 => Err(invalid("expired_time is Unix seconds, or -1 for never")),
        // Zero is what forms send for "not set".
        Some(0) => Ok(Some(-1)),
        other => Ok(other),
    }
}

/// `{"name", "quota", "count", "expired_time"?}`: the codes.
pub async fn create(
    caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let body = object(&body)?;
    let count = body.int("count")?.unwrap_or(1);
    if !(1..=BATCH_MAX).contains(&count) {
        return Err(invalid(format!("count must be from 1 to {BATCH_MAX}")));
    }
    let new = NewVouchers {
        user_id: caller.user.id,
        name: name(&body)?.ok_or_else(|| invalid(format!("a voucher's name has 1 to {NAME_MAX} bytes")))?,
        amount: amount(&body)?.ok_or_else(|| bad_request("quota is missing"))?,
        count: usize::try_from(count).unwrap_or(1),
        expired_time: expiry(&body)?.unwrap_or(-1),
        idempotency_key: idempotency_key(&request)?,
    };
    let rows = deps.store.create_vouchers(new).await?;
    Ok(ok(rows.iter().filter_map(|row| row.code.as_ref()).map(Secret::expose).collect::<Vec<_>>()))
}

/// Changes name, quota and expiry, or with `status_only` the state.
pub async fn update(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let body = object(&body)?;
    let id = body.int("id")?.ok_or_else(|| bad_request("id is missing"))?;
    let status = body.int("status")?;
    if status.is_some_and(|status| !matches!(status, voucher_status::ENABLED | voucher_status::DISABLED)) {
        return Err(invalid("status must be 1 (enabled) or 2 (disabled)"));
    }
    let status_only = parameter(&request, "status_only").is_some_and(|text| !text.is_empty());
    let change = match status_only {
        true => VoucherChange { status, ..VoucherChange::default() },
        false => {
            VoucherChange { status, name: name(&body)?, amount: amount(&body)?, expired_time: expiry(&body)? }
        }
    };
    Ok(ok(shown(&deps.store.update_voucher(id, change).await?)))
}

pub async fn delete(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    id: web::Path<i64>,
) -> Result<HttpResponse> {
    deps.store.delete_voucher(*id).await?;
    Ok(ok(Value::Null))
}

/// `?format=csv|text`, with the filters of the list: codes that can still be redeemed, unless `status` says otherwise.
pub async fn export(
    _caller: Caller<Admin>,
    request: HttpRequest,
    deps: web::Data<Deps>,
) -> Result<HttpResponse> {
    let mut filter = filter(&request);
    if filter.status == 0 {
        filter.status = voucher_status::ENABLED;
    }
    let page = Page { offset: 0, limit: EXPORT_MAX, order: String::new() };
    let (rows, _) = deps.store.vouchers(page, filter).await?;
    let format = parameter(&request, "format").unwrap_or_else(|| "csv".into());
    let code = |row: &VoucherRow| shown(row)["key"].as_str().unwrap_or_default().to_owned();
    let (mime, text) = match format.as_str() {
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
    Ok(HttpResponse::Ok().content_type(mime).insert_header(("content-disposition", name)).body(text))
}

/// `{"key"}`: what it was worth, in quota.
pub async fn redeem(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    // Codes are 128 bits of chance, but those taken over from elsewhere may be shorter.
    critical(&request, &limiter)?;
    let code = object(&body)?.text("key")?.filter(|code| !code.trim().is_empty());
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
