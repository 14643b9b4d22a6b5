//! OpenAI's old billing addresses, for clients that show a balance (oneapi.md §3.13). The caller is a token, not
//! an account; the amounts are the token's, or its user's, as the option `DisplayTokenStatEnabled` says.

use crate::Deps;
use crate::answer::{Bare, bare};
use crate::describe::{Access, Describe, Draft};
use crate::error::{self, ApiError};
use crate::guard::bearer;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use magic_domain::money::Nano;
use magic_domain::options::Options;
use magic_domain::principal::{token_status, user_status};
use magic_domain::secret::Secret;
use magic_store::tokens::TokenRow;
use magic_store::users::UserRow;
use serde::Serialize;
use serde_json::json;
use std::pin::Pin;
use utoipa::ToSchema;

/// What one-api says of a token without a limit, in dollars.
const UNLIMITED: f64 = 100_000_000.0;

/// OpenAI's shape of an error: these callers are its clients.
#[derive(Debug)]
pub struct Refusal(ApiError);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(json!({
            "error": { "message": self.0.message, "type": "magic_error", "param": null, "code": self.0.code },
        }))
    }
}

fn refusal(status: u16, code: &'static str, message: &str) -> Refusal {
    Refusal(error::make(status, code, message))
}

/// The account behind a relay key.
pub struct Account {
    token: TokenRow,
    user: UserRow,
    options: Options,
}

impl FromRequest for Account {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Refusal>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { account(&request).await })
    }
}

impl Describe for Account {
    fn describe(draft: &mut Draft) {
        draft.access = Access::Token;
    }
}

async fn account(request: &HttpRequest) -> Result<Account, Refusal> {
    let invalid = || refusal(401, "invalid_api_key", "the API key is not valid");
    let away = |error| Refusal(ApiError::from(error));
    let deps = request.app_data::<web::Data<Deps>>().ok_or_else(invalid)?;
    let text = bearer(request).ok_or_else(invalid)?;
    let key = text.strip_prefix("sk-").unwrap_or(&text);
    let key = Secret::new(key.split('-').next().unwrap_or(key));
    let token = deps.store.token_by_key(&key).await.map_err(away)?.ok_or_else(invalid)?;
    let user = deps.store.user(token.user_id).await.map_err(away)?.ok_or_else(invalid)?;
    if user.status != user_status::ENABLED {
        return Err(refusal(403, "user_banned", "this account is disabled"));
    }
    // A token that is used up may still ask how it came to that.
    match token.status_now(chrono::Utc::now().timestamp()) {
        token_status::ENABLED | token_status::EXHAUSTED => {}
        token_status::EXPIRED => return Err(refusal(401, "token_expired", "the token has expired")),
        _ => return Err(refusal(401, "token_disabled", "the token is disabled")),
    }
    let (options, _) = deps.store.options().await.map_err(away)?;
    Ok(Account { token, user, options })
}

impl Account {
    fn by_token(&self) -> bool {
        self.options.bool("DisplayTokenStatEnabled")
    }

    /// In dollars, or in quota where the operator does not show money.
    fn amount(&self, amount: Nano) -> f64 {
        let quota = amount.0 as f64 / 2000.0;
        match self.options.bool("DisplayInCurrencyEnabled") {
            true => quota / self.options.float("QuotaPerUnit").max(1.0),
            false => quota.round(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct Subscription {
    object: &'static str,
    has_payment_method: bool,
    soft_limit_usd: f64,
    hard_limit_usd: f64,
    system_hard_limit_usd: f64,
    /// Unix seconds; 0 without an end.
    access_until: i64,
}

/// What there was altogether, used and not.
pub async fn subscription(account: Account) -> Bare<Subscription> {
    let (token, user) = (&account.token, &account.user);
    let (limit, until) = match account.by_token() {
        true if token.unlimited => (UNLIMITED, token.expired_time),
        true => (account.amount(token.remain.plus(token.used)), token.expired_time),
        false => (account.amount(user.balance.plus(user.used)), 0),
    };
    bare(Subscription {
        object: "billing_subscription",
        has_payment_method: true,
        soft_limit_usd: limit,
        hard_limit_usd: limit,
        system_hard_limit_usd: limit,
        access_until: until.max(0),
    })
}

#[derive(Serialize, ToSchema)]
pub struct UsageTotal {
    object: &'static str,
    total_usage: f64,
}

/// What has been used, in hundredths.
pub async fn usage(account: Account) -> Bare<UsageTotal> {
    let used = if account.by_token() { account.token.used } else { account.user.used };
    bare(UsageTotal { object: "list", total_usage: account.amount(used) * 100.0 })
}
