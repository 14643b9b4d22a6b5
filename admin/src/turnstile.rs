//! Cloudflare's question whether a person is there (oneapi.md §2.4). Whoever can't be asked about is refused.

use crate::error::{self, Result, forbidden};
use crate::guard::client;
use crate::{Deps, Outward};
use actix_web::HttpRequest;
use magic_domain::options::Options;
use openidconnect::url::form_urlencoded;
use serde_json::Value;

/// Lets a request pass whose `turnstile` parameter Cloudflare vouches for, and every request while the check is
/// switched off.
///
/// # Errors
/// 403: there is no parameter, or it is not good. 503: Cloudflare can't be asked.
pub async fn check(deps: &Deps, options: &Options, request: &HttpRequest, given: &str) -> Result<()> {
    if !options.bool("TurnstileCheckEnabled") {
        return Ok(());
    }
    if given.is_empty() || given.len() > 4096 {
        return Err(forbidden("the Turnstile check is missing"));
    }
    let secret = options.text("TurnstileSecretKey");
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("secret", secret)
        .append_pair("response", given)
        .append_pair("remoteip", &client(request));
    let call = Outward {
        method: "POST",
        url: deps.endpoints.turnstile.clone(),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: form.finish().into_bytes(),
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
