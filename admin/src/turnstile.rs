//! Cloudflare's question whether a person is there (oneapi.md §2.4). Whoever can't be asked about is refused.

use crate::error::{self, Result, forbidden};
use crate::guard::client;
use crate::{Deps, Outward};
use actix_web::HttpRequest;
use magic_domain::options::Options;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    turnstile: String,
}

/// Lets a request pass whose `turnstile` parameter Cloudflare vouches for, and every request while the check is
/// switched off.
///
/// # Errors
/// 403: there is no parameter, or it is not good. 503: Cloudflare can't be asked.
pub async fn check(deps: &Deps, options: &Options, request: &HttpRequest) -> Result<()> {
    if !options.bool("TurnstileCheckEnabled") {
        return Ok(());
    }
    let given = actix_web::web::Query::<Answer>::from_query(request.query_string());
    let given = given.map(|query| query.into_inner().turnstile).unwrap_or_default();
    if given.is_empty() || given.len() > 4096 {
        return Err(forbidden("the Turnstile check is missing"));
    }
    let secret = options.text("TurnstileSecretKey");
    let body = form(&[("secret", secret), ("response", &given), ("remoteip", &client(request))]);
    let call = Outward {
        method: "POST",
        url: deps.endpoints.turnstile.clone(),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: body.into_bytes(),
    };
    let answer = deps.live.outward(call).await.map_err(|error| {
        log::warn!("Turnstile can't be asked: {error}");
        error::unavailable("the Turnstile check can't be made now; try again")
    })?;
    let good = serde_json::from_slice::<Value>(&answer.body).is_ok_and(|answer| answer["success"] == true);
    if answer.status == 200 && good {
        return Ok(());
    }
    Err(forbidden("the Turnstile check failed; load the page again"))
}

fn form(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect::<Vec<_>>().join("&")
}

/// Everything but letters, digits and `-._~` as `%XX`.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
