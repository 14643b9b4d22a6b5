//! What anybody may read of the installation.

use crate::Deps;
use crate::error::{Result, ok};
use actix_web::{HttpResponse, web};
use serde_json::json;

pub async fn status(deps: web::Data<Deps>) -> Result<HttpResponse> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(json!({
        "version": format!("v{}", deps.version),
        "start_time": deps.started,
        "email_verification": options.bool("EmailVerificationEnabled"),
        "github_oauth": options.bool("GitHubOAuthEnabled"),
        "github_client_id": options.text("GitHubClientId"),
        "lark_client_id": options.text("LarkClientId"),
        "system_name": options.text("SystemName"),
        "logo": options.text("Logo"),
        "footer_html": options.text("Footer"),
        "wechat_qrcode": options.text("WeChatAccountQRCodeImageURL"),
        "wechat_login": options.bool("WeChatAuthEnabled"),
        "server_address": options.text("ServerAddress"),
        "turnstile_check": options.bool("TurnstileCheckEnabled"),
        "turnstile_site_key": options.text("TurnstileSiteKey"),
        "top_up_link": options.text("TopUpLink"),
        "chat_link": options.text("ChatLink"),
        "quota_per_unit": options.float("QuotaPerUnit"),
        "display_in_currency": options.bool("DisplayInCurrencyEnabled"),
        "oidc": options.bool("OidcEnabled"),
        "oidc_client_id": options.text("OidcClientId"),
        "oidc_well_known": options.text("OidcWellKnown"),
        "oidc_authorization_endpoint": options.text("OidcAuthorizationEndpoint"),
        "oidc_token_endpoint": options.text("OidcTokenEndpoint"),
        "oidc_userinfo_endpoint": options.text("OidcUserinfoEndpoint"),
    })))
}

async fn text(deps: &Deps, key: &str) -> Result<HttpResponse> {
    let (options, _) = deps.store.options().await?;
    Ok(ok(options.text(key)))
}

pub async fn notice(deps: web::Data<Deps>) -> Result<HttpResponse> {
    text(&deps, "Notice").await
}

pub async fn about(deps: web::Data<Deps>) -> Result<HttpResponse> {
    text(&deps, "About").await
}

pub async fn home(deps: web::Data<Deps>) -> Result<HttpResponse> {
    text(&deps, "HomePageContent").await
}

/// What stands at `/` while there is no dashboard in the binary: it says so.
pub fn front() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(
        "<!doctype html><html lang=en><meta charset=utf-8><title>MAGIC</title>\
         <style>body{font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>\
         <h1>MAGIC is running</h1><p>The gateway answers under <code>/v1</code>, the management API under <code>/api</code>. \
         This build has no dashboard.</p></html>",
    )
}
