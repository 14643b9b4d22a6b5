//! An OpenID provider on a real socket: discovery, keys, and a token endpoint that checks what a careful
//! provider checks. Codes are issued by the test, as the authorization page would.

use crate::vendor::{Proto, Script, Seen, Vendor};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub const CLIENT: &str = "the-client";
pub const SECRET: &str = "the client's secret";

/// What the provider does with a code.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Claims that replace (or, when null, remove) the usual ones.
    pub claims: Value,
    /// The challenge the code was asked for with.
    pub challenge: Option<String>,
    /// Signed by a key that is not among the published ones.
    pub forged: bool,
}

/// The provider. It ends with its handle.
pub struct Oidc {
    pub vendor: Vendor,
    codes: Arc<Mutex<HashMap<String, Grant>>>,
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key")
}

fn token(key: &EcdsaKeyPair, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "1" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The members of a form; enough of percent-decoding for tests.
fn form(body: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(body).into_owned();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), decode(v))).collect()
}

/// Decodes percent-encoding.
pub fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], pair) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn known_client(seen: &Seen) -> bool {
    let basic = seen.headers.get("authorization").and_then(|text| text.strip_prefix("Basic "));
    let pair = basic.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let pair = String::from_utf8_lossy(&pair).into_owned();
    pair.split_once(':').is_some_and(|(id, secret)| decode(id) == CLIENT && decode(secret) == SECRET)
}

impl Oidc {
    /// A provider whose only client is [`CLIENT`].
    pub fn start() -> Oidc {
        let codes: Arc<Mutex<HashMap<String, Grant>>> = Arc::default();
        let (published, secret) = (key(), key());
        let address = Arc::new(OnceLock::<String>::new());
        let (own, grants) = (address.clone(), codes.clone());
        let vendor = Vendor::start(Proto::H1, move |seen| {
            let base = own.get().expect("an address");
            match seen.path.as_str() {
                "/.well-known/openid-configuration" => Script::json(
                    200,
                    json!({
                        "issuer": base, "authorization_endpoint": format!("{base}/authorize"),
                        "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/keys"),
                        "response_types_supported": ["code"], "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["ES256"],
                    })
                    .to_string(),
                ),
                "/keys" => {
                    let point = published.public_key().as_ref();
                    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
                    Script::json(
                        200,
                        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256",
                        "use": "sig", "kid": "1", "x": part(1..33), "y": part(33..65) }] })
                        .to_string(),
                    )
                }
                "/token" => {
                    let form = form(&seen.body);
                    let refuse = |why| Script::json(400, json!({ "error": why }).to_string());
                    if !known_client(seen) {
                        return refuse("invalid_client");
                    }
                    let code = form.get("code").cloned().unwrap_or_default();
                    let Some(grant) = grants.lock().remove(&code) else { return refuse("invalid_grant") };
                    let proof = form.get("code_verifier").map(|text| {
                        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
                        URL_SAFE_NO_PAD.encode(digest)
                    });
                    if grant.challenge != proof {
                        return refuse("invalid_grant");
                    }
                    let now =
                        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("time");
                    let mut claims = json!({ "iss": base, "aud": CLIENT, "sub": "subject", "iat": now.as_secs(),
                        "exp": now.as_secs() + 60 });
                    for (name, value) in grant.claims.as_object().into_iter().flatten() {
                        claims[name] = value.clone();
                    }
                    let signer = if grant.forged { &secret } else { &published };
                    Script::json(
                        200,
                        json!({ "access_token": "at", "token_type": "Bearer",
                        "id_token": token(signer, &claims) })
                        .to_string(),
                    )
                }
                _ => Script::json(404, "{}"),
            }
        });
        let _ = address.set(vendor.base_url());
        Oidc { vendor, codes }
    }

    /// Gives a code out, once redeemable.
    pub fn issue(&self, code: &str, grant: Grant) {
        self.codes.lock().insert(code.to_owned(), grant);
    }
}
