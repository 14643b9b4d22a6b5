//! GitHub, Lark, a companion server for WeChat, and what all providers have in common: a code is exchanged for
//! an access token, and that for an identity.

use crate::error::{self, ApiError, Result, forbidden};
use crate::{Deps, Outward};
use magic_domain::options::Options;
use magic_store::signin::{Identity, Provider};
use openidconnect::url::form_urlencoded::byte_serialize;
use serde_json::{Value, json};

/// The provider can't be reached, or answers nonsense. `why` goes to the log only.
pub fn failed(provider: Provider, why: &str) -> ApiError {
    log::warn!("signing in with {} failed: {why}", provider.name());
    let message = "the sign-in provider can't be reached or does not answer as it should";
    error::make(502, "provider_failed", message)
}

/// The provider does not vouch for the caller.
pub fn refused(provider: Provider, why: &str) -> ApiError {
    log::info!("signing in with {} was refused: {why}", provider.name());
    forbidden("the sign-in provider does not confirm this code: begin again")
}

/// An option that must be set.
pub fn needed(options: &Options, key: &str) -> Result<String> {
    match options.text(key) {
        "" => Err(forbidden(format!("this way to sign in is not set up: {key} is missing"))),
        text => Ok(text.to_owned()),
    }
}

/// Where a provider sends the browser back to.
pub fn redirect_uri(options: &Options, provider: Provider) -> String {
    format!("{}/oauth/{}", options.text("ServerAddress").trim_end_matches('/'), provider.name())
}

/// One exchange whose answer is a JSON object, and its status.
pub async fn exchange(deps: &Deps, provider: Provider, call: Outward) -> Result<(u16, Value)> {
    let answer = deps.live.outward(call).await.map_err(|error| failed(provider, &error))?;
    let value = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    match answer.status {
        status @ 500.. => Err(failed(provider, &format!("status {status}"))),
        _ if !value.is_object() && !value.is_array() => Err(failed(provider, "the answer is no JSON")),
        status => Ok((status, value)),
    }
}

/// `Authorization: Bearer …`, when the token can be put into a header at all.
pub fn bearer(provider: Provider, token: &str) -> Result<(String, String)> {
    if token.is_empty() || token.len() > 16_384 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused(provider, "no access token"));
    }
    Ok(("authorization".into(), format!("Bearer {token}")))
}

async fn post(deps: &Deps, provider: Provider, url: &str, body: Value) -> Result<Value> {
    let headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
        // GitHub refuses calls without one.
        ("user-agent".to_owned(), "magic".to_owned()),
    ];
    let call = Outward { method: "POST", url: url.to_owned(), headers, body: body.to_string().into_bytes() };
    Ok(exchange(deps, provider, call).await?.1)
}

/// A call with an access token; anything but 200 is no identity.
pub async fn get_as(deps: &Deps, provider: Provider, url: &str, token: &str) -> Result<Value> {
    let headers = vec![
        bearer(provider, token)?,
        ("accept".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), "magic".to_owned()),
    ];
    let call = Outward { method: "GET", url: url.to_owned(), headers, body: Vec::new() };
    match exchange(deps, provider, call).await? {
        (200, value) => Ok(value),
        (status, _) => Err(refused(provider, &format!("status {status} for the account"))),
    }
}

/// A member that is text, or empty.
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

fn or<'v>(first: &'v str, second: &'v str) -> String {
    if first.is_empty() { second } else { first }.to_owned()
}

/// GitHub's login names change hands; its numbers do not. One-api has stored the names.
pub async fn github(deps: &Deps, options: &Options, code: &str) -> Result<Identity> {
    let provider = Provider::GitHub;
    if !options.bool("GitHubOAuthEnabled") {
        return Err(forbidden("signing in with GitHub is switched off"));
    }
    let body = json!({
        "client_id": needed(options, "GitHubClientId")?, "client_secret": options.text("GitHubClientSecret"),
        "code": code,
    });
    let answer = post(deps, provider, &deps.endpoints.github_token, body).await?;
    let token = text(&answer, "access_token").to_owned();
    let user = get_as(deps, provider, &deps.endpoints.github_user, &token).await?;
    let number = user["id"].as_u64().ok_or_else(|| failed(provider, "the account has no id"))?;
    // Names have letters, digits and hyphens: none can look like `id:…`.
    let login = Some(text(&user, "login").to_owned()).filter(|login| !login.contains(':'));
    let addresses = get_as(deps, provider, &format!("{}/emails", deps.endpoints.github_user), &token).await;
    Ok(Identity {
        provider,
        id: format!("id:{number}"),
        former: login,
        username: None,
        display_name: or(text(&user, "name"), "GitHub User"),
        email: addresses.ok().and_then(|list| primary(&list)),
    })
}

/// The address that GitHub says is verified and the account's main one.
fn primary(list: &Value) -> Option<String> {
    let fits = |entry: &&Value| entry["primary"] == true && entry["verified"] == true;
    list.as_array()?.iter().find(fits)?["email"].as_str().map(str::to_owned)
}

/// Lark says an address but not whether it is verified: it is not taken.
pub async fn lark(deps: &Deps, options: &Options, code: &str) -> Result<Identity> {
    let provider = Provider::Lark;
    let body = json!({
        "grant_type": "authorization_code", "client_id": needed(options, "LarkClientId")?,
        "client_secret": options.text("LarkClientSecret"), "code": code,
        "redirect_uri": redirect_uri(options, provider),
    });
    let answer = post(deps, provider, &deps.endpoints.lark_token, body).await?;
    let user = get_as(deps, provider, &deps.endpoints.lark_userinfo, text(&answer, "access_token")).await?;
    Ok(Identity {
        provider,
        id: text(&user, "open_id").to_owned(),
        former: None,
        username: None,
        display_name: or(text(&user, "name"), "Lark User"),
        email: None,
    })
}

/// The companion server that speaks with WeChat says who has typed the code.
pub async fn wechat(deps: &Deps, options: &Options, code: &str) -> Result<Identity> {
    let provider = Provider::WeChat;
    if !options.bool("WeChatAuthEnabled") {
        return Err(forbidden("signing in with WeChat is switched off"));
    }
    let server = needed(options, "WeChatServerAddress")?;
    let escaped: String = byte_serialize(code.as_bytes()).collect();
    let call = Outward {
        method: "GET",
        url: format!("{}/api/wechat/user?code={escaped}", server.trim_end_matches('/')),
        headers: vec![("authorization".into(), options.text("WeChatServerToken").to_owned())],
        body: Vec::new(),
    };
    let (_, answer) = exchange(deps, provider, call).await?;
    let id = text(&answer, "data");
    if answer["success"] != true || id.is_empty() {
        return Err(refused(provider, "the companion server does not know the code"));
    }
    Ok(Identity {
        provider,
        id: id.to_owned(),
        former: None,
        username: None,
        display_name: "WeChat User".into(),
        email: None,
    })
}
