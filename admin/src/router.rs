//! Every route on one page, with the role it needs; a test walks it and proves that nothing answers without.

use crate::Deps;
use crate::api::{
    accounts, audit, billing, channels, conformance, groups, logs, oauth, options, sessions, site, tokens,
    totp, upkeep, users, vouchers,
};
use crate::error::{ApiError, not_found};
use crate::extract::BODY_MAX;
use crate::guard;
use crate::limit::Limiter;
use crate::lockout::Lockout;
use crate::mailroom::Mailroom;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{self, Next};
use actix_web::{App, Error, HttpRequest, HttpResponse, ResponseError, body::MessageBody, web};
use std::sync::Arc;

/// Method, path, and who may call: `public`, `token` (a relay key), `user`, `admin` or `root`.
pub const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/api/status", "public"),
    ("GET", "/api/notice", "public"),
    ("GET", "/api/about", "public"),
    ("GET", "/api/home_page_content", "public"),
    ("GET", "/api/verification", "public"),
    ("GET", "/api/reset_password", "public"),
    ("POST", "/api/user/reset", "public"),
    ("POST", "/api/user/register", "public"),
    ("GET", "/api/oauth/email/bind", "user"),
    ("POST", "/api/user/login", "public"),
    ("GET", "/api/user/logout", "public"),
    ("GET", "/api/oauth/state", "public"),
    ("GET", "/api/oauth/oidc/start", "public"),
    ("GET", "/api/oauth/github", "public"),
    ("GET", "/api/oauth/oidc", "public"),
    ("GET", "/api/oauth/lark", "public"),
    ("GET", "/api/oauth/wechat", "public"),
    ("GET", "/api/oauth/wechat/bind", "user"),
    ("POST", "/api/oauth/totp", "public"),
    ("GET", "/api/user/totp", "user"),
    ("POST", "/api/user/totp", "user"),
    ("DELETE", "/api/user/totp", "user"),
    ("POST", "/api/user/totp/confirm", "user"),
    ("DELETE", "/api/user/{id}/totp", "admin"),
    ("GET", "/api/models", "user"),
    ("GET", "/api/user/self", "user"),
    ("PUT", "/api/user/self", "user"),
    ("DELETE", "/api/user/self", "user"),
    ("GET", "/api/user/dashboard", "user"),
    ("GET", "/api/user/token", "user"),
    ("POST", "/api/user/token", "user"),
    ("DELETE", "/api/user/token", "user"),
    ("GET", "/api/user/aff", "user"),
    ("GET", "/api/user/sessions", "user"),
    ("DELETE", "/api/user/sessions", "user"),
    ("DELETE", "/api/user/sessions/{id}", "user"),
    ("GET", "/api/user/available_models", "user"),
    ("GET", "/api/user", "admin"),
    ("POST", "/api/user", "admin"),
    ("PUT", "/api/user", "admin"),
    ("GET", "/api/user/search", "admin"),
    ("POST", "/api/user/manage", "admin"),
    ("GET", "/api/user/{id}", "admin"),
    ("DELETE", "/api/user/{id}", "admin"),
    ("POST", "/api/user/topup", "user"),
    ("POST", "/api/topup", "admin"),
    ("GET", "/api/redemption", "admin"),
    ("POST", "/api/redemption", "admin"),
    ("PUT", "/api/redemption", "admin"),
    ("GET", "/api/redemption/search", "admin"),
    ("GET", "/api/redemption/export", "admin"),
    ("GET", "/api/redemption/{id}", "admin"),
    ("DELETE", "/api/redemption/{id}", "admin"),
    ("GET", "/api/audit", "root"),
    ("GET", "/api/audit/verify", "root"),
    ("GET", "/dashboard/billing/subscription", "token"),
    ("GET", "/v1/dashboard/billing/subscription", "token"),
    ("GET", "/dashboard/billing/usage", "token"),
    ("GET", "/v1/dashboard/billing/usage", "token"),
    ("GET", "/api/token", "user"),
    ("POST", "/api/token", "user"),
    ("PUT", "/api/token", "user"),
    ("GET", "/api/token/search", "user"),
    ("GET", "/api/token/{id}", "user"),
    ("DELETE", "/api/token/{id}", "user"),
    ("GET", "/api/channel", "admin"),
    ("POST", "/api/channel", "admin"),
    ("PUT", "/api/channel", "admin"),
    ("GET", "/api/channel/search", "admin"),
    ("GET", "/api/channel/models", "admin"),
    ("GET", "/api/channel/types", "admin"),
    ("GET", "/api/channel/test", "admin"),
    ("GET", "/api/channel/test/{id}", "admin"),
    ("GET", "/api/channel/update_balance", "admin"),
    ("GET", "/api/channel/update_balance/{id}", "admin"),
    ("POST", "/api/channel/batch", "admin"),
    ("POST", "/api/channel/{id}/copy", "admin"),
    ("GET", "/api/channel/{id}/vendor_models", "admin"),
    ("DELETE", "/api/channel/disabled", "admin"),
    ("GET", "/api/channel/{id}", "admin"),
    ("DELETE", "/api/channel/{id}", "admin"),
    ("GET", "/api/channel/{id}/conformance", "admin"),
    ("POST", "/api/channel/{id}/conformance", "admin"),
    ("GET", "/api/option", "root"),
    ("PUT", "/api/option", "root"),
    ("POST", "/api/config/reload", "root"),
    ("GET", "/api/price", "admin"),
    ("PUT", "/api/price", "root"),
    ("DELETE", "/api/price", "root"),
    ("GET", "/api/group", "admin"),
    ("GET", "/api/log", "admin"),
    ("DELETE", "/api/log", "root"),
    ("GET", "/api/log/stat", "admin"),
    ("GET", "/api/log/search", "admin"),
    ("GET", "/api/log/export", "admin"),
    ("GET", "/api/log/self/search", "user"),
    ("GET", "/api/log/self/export", "user"),
    ("GET", "/api/log/explain/{id}", "user"),
    ("GET", "/api/log/self", "user"),
    ("GET", "/api/log/self/stat", "user"),
];

fn routes(config: &mut web::ServiceConfig) {
    use web::{delete, get, post, put};
    config
        .route("/api/status", get().to(site::status))
        .route("/api/notice", get().to(site::notice))
        .route("/api/about", get().to(site::about))
        .route("/api/home_page_content", get().to(site::home))
        .route("/api/oauth/state", get().to(oauth::state))
        .route("/api/oauth/oidc/start", get().to(oauth::oidc_start))
        .route("/api/oauth/github", get().to(oauth::github))
        .route("/api/oauth/oidc", get().to(oauth::oidc))
        .route("/api/oauth/lark", get().to(oauth::lark))
        .route("/api/oauth/wechat", get().to(oauth::wechat))
        .route("/api/oauth/wechat/bind", get().to(oauth::wechat_bind))
        .route("/api/oauth/totp", post().to(totp::redeem))
        .route("/api/user/totp", get().to(totp::status))
        .route("/api/user/totp", post().to(totp::begin))
        .route("/api/user/totp", delete().to(totp::remove))
        .route("/api/user/totp/confirm", post().to(totp::confirm))
        .route("/api/user/{id}/totp", delete().to(totp::reset))
        .route("/api/models", get().to(channels::known_models))
        .route("/api/verification", get().to(accounts::verification))
        .route("/api/reset_password", get().to(accounts::reset_password))
        .route("/api/user/reset", post().to(accounts::reset))
        .route("/api/user/register", post().to(accounts::register))
        .route("/api/oauth/email/bind", get().to(accounts::bind_email))
        .route("/api/user/login", post().to(users::login))
        .route("/api/user/logout", get().to(users::logout))
        .route("/api/user/self", get().to(users::me))
        .route("/api/user/self", put().to(users::update_me))
        .route("/api/user/self", delete().to(users::delete_me))
        .route("/api/user/dashboard", get().to(logs::dashboard))
        .route("/api/user/token", get().to(users::access_token))
        .route("/api/user/token", post().to(users::access_token))
        .route("/api/user/token", delete().to(users::revoke_access_token))
        .route("/api/user/aff", get().to(accounts::aff))
        .route("/api/user/sessions", get().to(sessions::list))
        .route("/api/user/sessions", delete().to(sessions::end_others))
        .route("/api/user/sessions/{id}", delete().to(sessions::end))
        .route("/api/user/available_models", get().to(users::available_models))
        .route("/api/user/search", get().to(users::list))
        .route("/api/user/manage", post().to(users::manage))
        .route("/api/user/topup", post().to(vouchers::redeem))
        .route("/api/user", get().to(users::list))
        .route("/api/user", post().to(users::create))
        .route("/api/user", put().to(users::update))
        .route("/api/user/{id}", get().to(users::one))
        .route("/api/user/{id}", delete().to(users::delete))
        .route("/api/topup", post().to(users::topup))
        .route("/api/redemption/search", get().to(vouchers::list))
        .route("/api/redemption/export", get().to(vouchers::export))
        .route("/api/redemption", get().to(vouchers::list))
        .route("/api/redemption", post().to(vouchers::create))
        .route("/api/redemption", put().to(vouchers::update))
        .route("/api/redemption/{id}", get().to(vouchers::one))
        .route("/api/redemption/{id}", delete().to(vouchers::delete))
        .route("/api/audit", get().to(audit::list))
        .route("/api/audit/verify", get().to(audit::verify))
        .route("/dashboard/billing/subscription", get().to(billing::subscription))
        .route("/v1/dashboard/billing/subscription", get().to(billing::subscription))
        .route("/dashboard/billing/usage", get().to(billing::usage))
        .route("/v1/dashboard/billing/usage", get().to(billing::usage))
        .route("/api/token/search", get().to(tokens::list))
        .route("/api/token", get().to(tokens::list))
        .route("/api/token", post().to(tokens::create))
        .route("/api/token", put().to(tokens::update))
        .route("/api/token/{id}", get().to(tokens::one))
        .route("/api/token/{id}", delete().to(tokens::delete))
        .route("/api/channel/search", get().to(channels::list))
        .route("/api/channel/models", get().to(channels::openai_models))
        .route("/api/channel/types", get().to(channels::types))
        .route("/api/channel/test", get().to(upkeep::test_all))
        .route("/api/channel/update_balance", get().to(upkeep::balances))
        .route("/api/channel/update_balance/{id}", get().to(upkeep::balance))
        .route("/api/channel/batch", post().to(upkeep::batch))
        .route("/api/channel/{id}/copy", post().to(upkeep::copy))
        .route("/api/channel/{id}/vendor_models", get().to(upkeep::vendor_models))
        .route("/api/channel/test/{id}", get().to(channels::test))
        .route("/api/channel/disabled", delete().to(channels::delete_disabled))
        .route("/api/channel", get().to(channels::list))
        .route("/api/channel", post().to(channels::create))
        .route("/api/channel", put().to(channels::update))
        .route("/api/channel/{id}", get().to(channels::one))
        .route("/api/channel/{id}", delete().to(channels::delete))
        .route("/api/channel/{id}/conformance", get().to(conformance::known))
        .route("/api/channel/{id}/conformance", post().to(conformance::check))
        .route("/api/option", get().to(options::list))
        .route("/api/option", put().to(options::set))
        .route("/api/config/reload", post().to(options::reload_config))
        .route("/api/price", get().to(options::prices))
        .route("/api/price", put().to(options::set_price))
        .route("/api/price", delete().to(options::delete_price))
        .route("/api/group", get().to(groups::list))
        .route("/api/log", get().to(logs::all))
        .route("/api/log", delete().to(logs::delete))
        .route("/api/log/stat", get().to(logs::stat))
        .route("/api/log/search", get().to(logs::search))
        .route("/api/log/export", get().to(logs::export_all))
        .route("/api/log/self/search", get().to(logs::my_search))
        .route("/api/log/self/export", get().to(logs::export_mine))
        .route("/api/log/explain/{id}", get().to(logs::explain))
        .route("/api/log/self", get().to(logs::mine))
        .route("/api/log/self/stat", get().to(logs::my_stat));
}

async fn admit(
    limiter: web::Data<Arc<Limiter>>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let deps = request.app_data::<web::Data<Deps>>().cloned();
    let admitted = match &deps {
        Some(deps) => guard::admit(request.request(), deps, limiter.get_ref()),
        None => Err(crate::error::unauthorised()),
    };
    match admitted {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => Ok(request.into_response(error.error_response()).map_into_right_body()),
    }
}

async fn nowhere(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.path().starts_with("/api") {
        return Err(not_found("this address"));
    }
    Ok(site::front())
}

/// What the service remembers between requests; every worker has the same.
#[derive(Clone)]
pub struct Memory {
    limiter: Arc<Limiter>,
    lockout: Arc<Lockout>,
    mailroom: Arc<Mailroom>,
}

impl Memory {
    pub fn new(deps: &Deps) -> Self {
        let mailroom = Arc::new(Mailroom::new(deps.store.clone()));
        Self { limiter: Arc::default(), lockout: Arc::default(), mailroom }
    }
}

/// Builds the service.
pub fn app(
    deps: Deps,
    memory: Memory,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let headers = middleware::DefaultHeaders::new()
        .add(("x-content-type-options", "nosniff"))
        .add(("referrer-policy", "no-referrer"))
        .add(("cache-control", "no-store"))
        .add((
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ));
    App::new()
        .app_data(web::Data::new(deps))
        .app_data(web::Data::new(memory.limiter))
        .app_data(web::Data::new(memory.lockout))
        .app_data(web::Data::new(memory.mailroom))
        .app_data(web::PayloadConfig::new(BODY_MAX))
        .wrap(middleware::from_fn(crate::audit::note))
        .wrap(middleware::from_fn(admit))
        .wrap(headers)
        // `/api/token/` and `/api/token` are the same; scripts of one-api use both.
        .wrap(middleware::NormalizePath::trim())
        .configure(routes)
        .default_service(web::to(nowhere))
}
