//! Topping balances up: the shop outside (one-api's top-up link), Stripe and Epay.

use crate::answer::{Answer, Listed, done, list, ok};
use crate::error::{ApiError, Result, bad_request, invalid, not_found, too_many};
use crate::extract::{Body, ListQuery, Query};
use crate::guard::{Admin, AnyUser, Caller, client};
use crate::limit::{Limiter, network};
use crate::pay::{self, epay as epay_shop, stripe as stripe_shop};
use crate::{Deps, audit};
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::money::Nano;
use magic_domain::options::Options;
use magic_store::orders::{NewOrder, Order, Settled, order_status};
use openidconnect::url::form_urlencoded;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

/// Orders that one user may begin in ten minutes.
const BEGUN_MAX: u32 = 20;
/// Questions about open orders, and refused notifications that are put on record, per network and ten minutes.
const ASKED_MAX: u32 = 60;
/// Nano-dollars of a cent.
const CENT: i64 = 10_000_000;

/// An order, for its user and for administrators.
#[derive(Serialize, ToSchema)]
pub struct OrderView {
    /// The order's number.
    id: String,
    user_id: i64,
    provider: String,
    /// What the balance gets, in quota.
    quota: i64,
    amount_usd: String,
    /// What is to be paid.
    price: String,
    currency: String,
    /// 0 open, 1 paid, 2 given up.
    status: i64,
    created_time: i64,
    paid_time: i64,
}

fn shown(order: &Order) -> OrderView {
    OrderView {
        id: order.number.clone(),
        user_id: order.user_id,
        provider: order.provider.clone(),
        quota: order.amount.to_quota(),
        amount_usd: order.amount.usd().to_string(),
        price: pay::shown(order.price, &order.currency),
        currency: order.currency.clone(),
        status: order.status,
        created_time: order.created_ms / 1000,
        paid_time: order.paid_ms / 1000,
    }
}

#[derive(Serialize, ToSchema)]
pub struct Link {
    url: String,
    transaction_id: String,
}

/// The option `TopUpLink` with one-api's three parameters: `username`, `user_id` and `transaction_id`. The shop
/// answers with `POST /api/topup`, with the transaction as its `Idempotency-Key`.
pub async fn link(caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<Link>> {
    let (options, _) = deps.store.options().await?;
    let base = options.text("TopUpLink").trim();
    if base.is_empty() {
        return Err(not_found("a top-up link"));
    }
    let transaction_id = uuid::Uuid::new_v4().to_string();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("username", &caller.user.username)
        .append_pair("user_id", &caller.user.id.0.to_string())
        .append_pair("transaction_id", &transaction_id)
        .finish();
    let (base, fragment) =
        base.split_once('#').map_or((base, String::new()), |(base, f)| (base, format!("#{f}")));
    let joint = if base.contains('?') { '&' } else { '?' };
    Ok(ok(Link { url: format!("{base}{joint}{query}{fragment}"), transaction_id }))
}

/// A way to pay.
#[derive(Serialize, ToSchema)]
pub struct Offer {
    /// `stripe` or `epay`.
    provider: &'static str,
    /// Where the provider has several, one has to be chosen.
    methods: Vec<String>,
    currency: String,
    /// What a dollar of balance costs.
    price: f64,
}

#[derive(Serialize, ToSchema)]
pub struct Offers {
    min_usd: i64,
    max_usd: i64,
    providers: Vec<Offer>,
    top_up_link: bool,
}

fn bounds(options: &Options) -> (i64, i64) {
    let min = options.int("PayMinUsd").max(0);
    // Nano-dollars in an `i64` end at nine billions.
    (min, options.int("PayMaxUsd").clamp(min, 1_000_000))
}

pub async fn offers(_caller: Caller<AnyUser>, deps: web::Data<Deps>) -> Result<Answer<Offers>> {
    let (options, _) = deps.store.options().await?;
    let stripe = stripe_shop::Config::of(&options, &deps.endpoints).map(|config| Offer {
        provider: stripe_shop::NAME,
        methods: vec![],
        currency: config.currency,
        price: config.unit,
    });
    let epay = epay_shop::Config::of(&options).map(|config| Offer {
        provider: epay_shop::NAME,
        methods: config.methods,
        currency: epay_shop::CURRENCY.into(),
        price: config.unit,
    });
    let (min_usd, max_usd) = bounds(&options);
    let top_up_link = !options.text("TopUpLink").is_empty();
    Ok(ok(Offers { min_usd, max_usd, providers: stripe.into_iter().chain(epay).collect(), top_up_link }))
}

#[derive(Deserialize, ToSchema)]
pub struct Wish {
    /// `stripe` or `epay`.
    provider: String,
    /// What the balance is to get, to the cent.
    amount_usd: f64,
    /// Of the provider's, where it has several.
    method: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Begun {
    order: OrderView,
    /// Where the browser has to go.
    url: String,
}

/// Makes an order and asks the provider for its checkout. The price is ours, never the caller's.
pub async fn begin(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    Body(wish): Body<Wish>,
) -> Result<Answer<Begun>> {
    let (options, _) = deps.store.options().await?;
    let (min, max) = bounds(&options);
    let cents = (wish.amount_usd * 100.0).round();
    if (wish.amount_usd * 100.0 - cents).abs() > 1e-6
        || !(min as f64 * 100.0..=max as f64 * 100.0).contains(&cents)
    {
        return Err(invalid(format!("amount_usd must be from {min} to {max}, to the cent")));
    }
    let amount = Nano(cents as i64 * CENT);
    let stripe =
        stripe_shop::Config::of(&options, &deps.endpoints).filter(|_| wish.provider == stripe_shop::NAME);
    let epay = epay_shop::Config::of(&options).filter(|_| wish.provider == epay_shop::NAME);
    let (provider, currency, unit) = match (&stripe, &epay) {
        (Some(config), _) => (stripe_shop::NAME, config.currency.clone(), config.unit),
        (_, Some(config)) => (epay_shop::NAME, epay_shop::CURRENCY.to_owned(), config.unit),
        _ => return Err(not_found("the payment provider")),
    };
    let method = wish.method.unwrap_or_default();
    if let Some(config) = &epay
        && !config.methods.contains(&method)
    {
        return Err(invalid(format!("method must be one of {}", config.methods.join(", "))));
    }
    let price = pay::price(amount, unit, &currency).filter(|_| amount.is_positive());
    let price = price.ok_or_else(|| invalid("the amount is out of range"))?;
    limiter.take("pay", &caller.user.id.0.to_string(), BEGUN_MAX, 600).map_err(too_many)?;
    let new = NewOrder { user_id: caller.user.id, provider, amount, currency, price };
    let order = deps.store.create_order(new).await?;
    let url = match (stripe, epay) {
        (Some(config), _) => {
            let (reference, url) = config.open(deps.live.as_ref(), &options, &order).await?;
            deps.store.name_order(&order.number, &reference).await?;
            url
        }
        (_, Some(config)) => config.link(&options, &order, &method),
        _ => return Err(not_found("the payment provider")),
    };
    Ok(ok(Begun { order: shown(&order), url }))
}

pub async fn mine(
    caller: Caller<AnyUser>,
    deps: web::Data<Deps>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<OrderView>> {
    let (rows, total) = deps.store.orders(Some(caller.user.id), query.page()).await?;
    Ok(list(rows.iter().map(shown).collect(), total, i64::MAX))
}

pub async fn all(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<OrderView>> {
    let (rows, total) = deps.store.orders(None, query.page()).await?;
    Ok(list(rows.iter().map(shown).collect(), total, i64::MAX))
}

/// An own order. While it is open its provider is asked: the browser is often back before the notification.
pub async fn one(
    caller: Caller<AnyUser>,
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    id: web::Path<String>,
) -> Result<Answer<OrderView>> {
    let order = deps.store.order(&id).await?.filter(|order| order.user_id == caller.user.id.0);
    let order = order.ok_or_else(|| not_found("order"))?;
    if order.status == order_status::OPEN && asking(&request, &limiter).is_ok() {
        match asked(&deps, &order).await {
            Ok(Some(Settled::Credited(order))) => return Ok(ok(shown(&order))),
            Ok(_) => {}
            Err(error) => log::warn!("order {} could not be asked about: {error}", order.number),
        }
    }
    Ok(ok(shown(&order)))
}

fn asking(request: &HttpRequest, limiter: &Limiter) -> Result<()> {
    limiter.take("pay-ask", &network(&client(request)), ASKED_MAX, 600).map_err(too_many)
}

async fn asked(deps: &Deps, order: &Order) -> Result<Option<Settled>> {
    let (options, _) = deps.store.options().await?;
    pay::check(&deps.store, deps.live.as_ref(), &deps.endpoints, &options, order).await
}

/// A notification that is not believed: on record, as long as there are not too many of them.
async fn refused(request: &HttpRequest, deps: &Deps, limiter: &Limiter, why: &str) -> ApiError {
    log::warn!("a payment notification is refused: {why}");
    if limiter.take("pay-refused", &network(&client(request)), ASKED_MAX, 600).is_ok() {
        audit::refusal(request, deps, None, 400, &json!({ "refused": why })).await;
    }
    ApiError { code: "payment_refused", ..bad_request(why) }
}

/// Stripe's notification. What it tells of other things than payments is taken and has no effect.
pub async fn stripe(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    body: web::Bytes,
) -> Result<Answer<()>> {
    let (options, _) = deps.store.options().await?;
    let config =
        stripe_shop::Config::of(&options, &deps.endpoints).ok_or_else(|| not_found("this address"))?;
    let signature = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok());
    let told = config.notified(signature.unwrap_or_default(), &body, chrono::Utc::now().timestamp());
    let Some(payment) = (match told {
        Ok(payment) => payment,
        Err(why) => return Err(refused(&request, &deps, &limiter, why).await),
    }) else {
        return Ok(done());
    };
    match deps.store.settle_order(payment).await? {
        Settled::Refused(why) => Err(refused(&request, &deps, &limiter, why).await),
        _ => Ok(done()),
    }
}

/// The answer that Epay looks for; anything else, and it comes again.
fn taken() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("success")
}

/// Epay's notification, as a form.
pub async fn epay(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let (options, _) = deps.store.options().await?;
    let config = epay_shop::Config::of(&options).ok_or_else(|| not_found("this address"))?;
    let parameters: epay_shop::Parameters = form_urlencoded::parse(&body).into_owned().collect();
    let told = match config.notified(&parameters) {
        Ok(told) => told,
        Err(why) => return Err(refused(&request, &deps, &limiter, why).await),
    };
    let Some(payment) = told else { return Ok(taken()) };
    match deps.store.settle_order(payment).await? {
        Settled::Refused(why) => Err(refused(&request, &deps, &limiter, why).await),
        _ => Ok(taken()),
    }
}

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct Named {
    out_trade_no: String,
}

/// Many Epay shops notify by `GET`, which changes nothing by itself here: the shop is asked about the order
/// instead, and its answer counts.
pub async fn epay_asked(
    request: HttpRequest,
    deps: web::Data<Deps>,
    limiter: web::Data<Arc<Limiter>>,
    query: Query<Named>,
) -> Result<HttpResponse> {
    let (options, _) = deps.store.options().await?;
    epay_shop::Config::of(&options).ok_or_else(|| not_found("this address"))?;
    asking(&request, &limiter)?;
    let order = deps.store.order(&query.out_trade_no).await?;
    let order = order.filter(|order| order.provider == epay_shop::NAME).ok_or_else(|| not_found("order"))?;
    if order.status == order_status::PAID {
        return Ok(taken());
    }
    match asked(&deps, &order).await? {
        Some(Settled::Credited(_) | Settled::Before(_)) => Ok(taken()),
        Some(Settled::Refused(why)) => Err(refused(&request, &deps, &limiter, why).await),
        None => Err(refused(&request, &deps, &limiter, "the shop does not say that the order is paid").await),
    }
}
