//! Baidu Wenxin's access tokens: two keys for a token that lives a month.

use super::kept::Fresh;
use crate::fetch::{Ask, open, target_of};
use crate::gateway::Gateway;
use bytes::Bytes;
use magic_domain::channel::Channel;
use magic_wire::vendors::{Pair, home};
use serde_json::Value;
use std::time::Duration;

const ANSWER_MAX: usize = 64 << 10;

/// Asks the channel's own host for a token.
pub async fn fetch(gateway: &Gateway, channel: &Channel, pair: &Pair) -> Result<Fresh, String> {
    let address = home(channel).map_err(|error| error.message)?;
    let fine = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    if !fine(&pair.id) || !fine(pair.secret.expose()) {
        return Err("the keys have characters that Baidu's never have".into());
    }
    let path = format!(
        "{}/oauth/2.0/token?grant_type=client_credentials&client_id={}&client_secret={}",
        address.path,
        pair.id,
        pair.secret.expose()
    );
    let target = target_of(address, path);
    let ask =
        Ask { method: http::Method::POST, target: &target, headers: &[], body: Bytes::from_static(b"{}") };
    let mut answer = open(gateway, channel, ask).await?;
    let told: Value = serde_json::from_slice(&answer.body(ANSWER_MAX).await?).unwrap_or_default();
    match told["access_token"].as_str().filter(|token| !token.is_empty() && fine(token)) {
        Some(token) => Ok(Fresh {
            token: token.to_owned(),
            lives: Duration::from_secs(told["expires_in"].as_u64().unwrap_or(3600)),
        }),
        None => {
            let why = told["error_description"].as_str().unwrap_or("no token in the answer");
            Err(format!("the token was refused: {why}"))
        }
    }
}
