//! OpenAI's old billing addresses, for clients that show a balance (oneapi.md §3.13). The caller is a token, not
//! an account; the amounts are the token's, or its user's, as the option `DisplayTokenStatEnabled` says.

use crate::Deps;
use crate::error::ApiError;
use crate::guard::bearer;
use actix_web::{HttpRequest, HttpResponse, web};
use magic_domain::money::Nano;
use magic_domain::options::Options;
use magic_domain::principal::{token_status, user_status};
use magic_domain::secret::Secret;
use magic_store::tokens::TokenRow;
use magic_store::users::UserRow;
use serde_json::json;

/// What one-api says of a token without a limit, in dollars.
const UNLIMITED: f64 = 100_000_000.0;

/// OpenAI's shape of an error: these callers are its clients.
fn refusal(status: u16, code: &str, message: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status).json(json!({
        "error": { "message": message, "type": "magic_error", "param": null, "code": code },
    }))
}

struct Account {
    token: TokenRow,
    user: UserRow,
    options: Options,
}

async fn account(request: &HttpRequest, deps: &Deps) -> Result<Account, HttpResponse> {
    let invalid = || refusal(401, "invalid_api_key", "the API key is not valid");
    let away = |error| {
        let error = ApiError::from(error);
        refusal(error.status, error.code, &error.message)
    };
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

/// What there was altogether, used and not.
pub async fn subscription(request: HttpRequest, deps: web::Data<Deps>) -> HttpResponse {
    let account = match account(&request, &deps).await {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let (token, user) = (&account.token, &account.user);
    let (limit, until) = match account.by_token() {
        true if token.unlimited => (UNLIMITED, token.expired_time),
        true => (account.amount(token.remain.plus(token.used)), token.expired_time),
        false => (account.amount(user.balance.plus(user.used)), 0),
    };
    HttpResponse::Ok().json(json!({
        "object": "billing_subscription", "has_payment_method": true, "soft_limit_usd": limit,
        "hard_limit_usd": limit, "system_hard_limit_usd": limit, "access_until": until.max(0),
    }))
}

/// What has been used, in hundredths.
pub async fn usage(request: HttpRequest, deps: web::Data<Deps>) -> HttpResponse {
    let account = match account(&request, &deps).await {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let used = if account.by_token() { account.token.used } else { account.user.used };
    HttpResponse::Ok().json(json!({ "object": "list", "total_usage": account.amount(used) * 100.0 }))
}
