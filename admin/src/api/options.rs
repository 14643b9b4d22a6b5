//! Options.

use crate::Deps;
use crate::answer::{Answer, done, ok};
use crate::error::{Result, bad_request, invalid};
use crate::extract::Body;
use crate::guard::{Caller, Root};
use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct OptionValue {
    key: &'static str,
    value: String,
    /// `file`: set in the configuration file, and changed there.
    owner: &'static str,
    default: &'static str,
}

/// Every option with its value in force; secrets are only said to be set.
pub async fn list(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<Vec<OptionValue>>> {
    let (options, owned) = deps.store.options().await?;
    let shown = options.iter().filter(|(def, _)| !def.secret).map(|(def, value)| OptionValue {
        key: def.key,
        value: value.to_owned(),
        owner: if owned.iter().any(|name| name == def.key) { "file" } else { "db" },
        default: def.default,
    });
    Ok(ok(shown.collect()))
}

#[derive(Deserialize, ToSchema)]
pub struct OptionBody {
    key: String,
    /// Text as in one-api, or what the text would say: a number, true or false, an object.
    value: Option<Value>,
}

pub async fn set(
    _caller: Caller<Root>,
    deps: web::Data<Deps>,
    Body(body): Body<OptionBody>,
) -> Result<Answer<()>> {
    let key = body.key;
    let value = match body.value {
        Some(Value::String(text)) => text,
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => value.to_string(),
        _ => return Err(bad_request("value is missing")),
    };
    let (options, _) = deps.store.options().await?;
    for (switch, needed, what) in [
        ("GitHubOAuthEnabled", "GitHubClientId", "the GitHub client id"),
        ("WeChatAuthEnabled", "WeChatServerAddress", "the address of the WeChat server"),
        ("TurnstileCheckEnabled", "TurnstileSiteKey", "the Turnstile site key"),
        ("EmailDomainRestrictionEnabled", "EmailDomainWhitelist", "the list of domains"),
    ] {
        if key == switch && value == "true" && options.text(needed).is_empty() {
            return Err(invalid(format!("{switch} can't be switched on before {what} is set")));
        }
    }
    if key == "Theme" && !matches!(value.as_str(), "default" | "berry" | "air") {
        return Err(invalid("Theme must be default, berry or air"));
    }
    deps.store.set_option(&key, &value).await?;
    deps.live.reload().await?;
    Ok(done())
}

#[derive(Serialize, ToSchema)]
pub struct Reloaded {
    /// The settings that changed and are read at start only.
    needs_restart: Vec<String>,
}

/// Reads the configuration file again: what has to wait for a restart, or every fault.
pub async fn reload_config(_caller: Caller<Root>, deps: web::Data<Deps>) -> Result<Answer<Reloaded>> {
    match deps.live.reload_config().await {
        Ok(needs_restart) => Ok(ok(Reloaded { needs_restart })),
        Err(faults) => Err(invalid(faults.join("\n"))),
    }
}
