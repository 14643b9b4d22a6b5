//! What anybody may read of the installation.

use crate::Deps;
use crate::answer::{Answer, ok};
use crate::error::Result;
use crate::webauthn::Site;
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

/// What a page needs before anybody is signed in.
#[derive(Serialize, ToSchema)]
pub struct SiteStatus {
    version: String,
    start_time: i64,
    /// Whether anybody may make an account with a password.
    registration: bool,
    /// Whether strangers see the models with their prices, and how they fare.
    catalogue: bool,
    status_page: bool,
    email_verification: bool,
    github_oauth: bool,
    github_client_id: String,
    lark_client_id: String,
    system_name: String,
    logo: String,
    footer_html: String,
    wechat_qrcode: String,
    wechat_login: bool,
    server_address: String,
    turnstile_check: bool,
    turnstile_site_key: String,
    top_up_link: String,
    chat_link: String,
    quota_per_unit: f64,
    display_in_currency: bool,
    oidc: bool,
    /// Passkeys can be made and used at this address.
    passkey_login: bool,
    oidc_client_id: String,
    oidc_well_known: String,
    oidc_authorization_endpoint: String,
    oidc_token_endpoint: String,
    oidc_userinfo_endpoint: String,
}

pub async fn status(request: HttpRequest, deps: web::Data<Deps>) -> Result<Answer<SiteStatus>> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(SiteStatus {
        version: format!("v{}", deps.version),
        start_time: deps.started,
        registration: options.bool("RegisterEnabled") && options.bool("PasswordRegisterEnabled"),
        catalogue: options.bool("CatalogueEnabled"),
        status_page: options.bool("StatusPageEnabled"),
        email_verification: options.bool("EmailVerificationEnabled"),
        github_oauth: options.bool("GitHubOAuthEnabled"),
        github_client_id: options.text("GitHubClientId").to_owned(),
        lark_client_id: options.text("LarkClientId").to_owned(),
        system_name: options.text("SystemName").to_owned(),
        logo: options.text("Logo").to_owned(),
        footer_html: options.text("Footer").to_owned(),
        wechat_qrcode: options.text("WeChatAccountQRCodeImageURL").to_owned(),
        wechat_login: options.bool("WeChatAuthEnabled"),
        server_address: options.text("ServerAddress").to_owned(),
        turnstile_check: options.bool("TurnstileCheckEnabled"),
        turnstile_site_key: options.text("TurnstileSiteKey").to_owned(),
        top_up_link: options.text("TopUpLink").to_owned(),
        chat_link: options.text("ChatLink").to_owned(),
        quota_per_unit: options.float("QuotaPerUnit"),
        display_in_currency: options.bool("DisplayInCurrencyEnabled"),
        oidc: options.bool("OidcEnabled"),
        passkey_login: Site::of(&options, &request).is_ok(),
        oidc_client_id: options.text("OidcClientId").to_owned(),
        oidc_well_known: options.text("OidcWellKnown").to_owned(),
        oidc_authorization_endpoint: options.text("OidcAuthorizationEndpoint").to_owned(),
        oidc_token_endpoint: options.text("OidcTokenEndpoint").to_owned(),
        oidc_userinfo_endpoint: options.text("OidcUserinfoEndpoint").to_owned(),
    }))
}

async fn text(deps: &Deps, key: &str) -> Result<Answer<String>> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(options.text(key).to_owned()))
}

pub async fn notice(deps: web::Data<Deps>) -> Result<Answer<String>> {
    text(&deps, "Notice").await
}

pub async fn about(deps: web::Data<Deps>) -> Result<Answer<String>> {
    text(&deps, "About").await
}

pub async fn home(deps: web::Data<Deps>) -> Result<Answer<String>> {
    text(&deps, "HomePageContent").await
}
