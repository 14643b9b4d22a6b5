//! Access tokens for service accounts (RFC 7523: a signed claim is exchanged for a token).

use super::kept::Fresh;
use crate::fetch::{Ask, open, target_of};
use crate::gateway::Gateway;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use magic_domain::channel::Channel;
use magic_wire::vendors::{Google, base};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long a claim is good for, in seconds: the longest Google takes.
const LIVES: i64 = 3600;
const ANSWER_MAX: usize = 64 << 10;

#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    token_uri: String,
}

/// Exchanges the account's claim for a token. What is no service account is a token already.
pub async fn fetch(gateway: &Gateway, channel: &Channel, google: &Google) -> Result<Fresh, String> {
    let credential = google.credential.expose();
    if !credential.starts_with('{') {
        return Ok(Fresh { token: credential.to_owned(), lives: Duration::from_secs(3600) });
    }
    let account: Account =
        serde_json::from_str(credential).map_err(|_| "the service account's JSON is malformed".to_owned())?;
    let url = token_url(channel, &account)?;
    let claim = claim(&account, &url, crate::clock::seconds())?;
    let address = base(&url).map_err(|error| error.message)?;
    let path = address.path.clone();
    let target = target_of(address, path);
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let body = Bytes::from(format!("grant_type={grant}&assertion={claim}"));
    let form = [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let ask = Ask { method: http::Method::POST, target: &target, headers: &form, body };
    let mut answer = open(gateway, channel, ask).await?;
    let body = answer.body(ANSWER_MAX).await?;
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    match told["access_token"].as_str() {
        Some(token) if answer.status == 200 && !token.is_empty() => Ok(Fresh {
            token: token.to_owned(),
            lives: Duration::from_secs(told["expires_in"].as_u64().unwrap_or(3600)),
        }),
        _ => {
            let why = told["error_description"].as_str().or(told["error"].as_str()).unwrap_or("");
            Err(format!("the token was refused with status {}: {why}", answer.status))
        }
    }
}

/// Key files come from people: an address in one is asked only if it is Google's. An administrator may name
/// another in the channel's settings.
fn token_url(channel: &Channel, account: &Account) -> Result<String, String> {
    if let Some(own) = channel.config.get("token_url").filter(|own| !own.is_empty()) {
        return Ok(own.clone());
    }
    if account.token_uri.is_empty() {
        return Ok(TOKEN_URL.to_owned());
    }
    let address = base(&account.token_uri).map_err(|error| error.message)?;
    if address.tls && address.host.ends_with(".googleapis.com") {
        Ok(account.token_uri.clone())
    } else {
        Err("the service account names an address for tokens that is not Google's".into())
    }
}

fn claim(account: &Account, audience: &str, now: i64) -> Result<String, String> {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let claims = json!({
        "iss": account.client_email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + LIVES,
    });
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let bad = || "the service account's private key can't be read".to_owned();
    let der = PrivatePkcs8KeyDer::from_pem_slice(account.private_key.as_bytes()).map_err(|_| bad())?;
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| bad())?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &ring::rand::SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| bad())?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
