//! Zhipu's token: a JWT made of a key of the form `id.secret`.

use super::mac;
use crate::WireError;
use crate::json::object;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The token that stands for a key from `now` on for `seconds`, both in unix seconds; the vendor counts in
/// milliseconds.
pub fn token(key: &str, now: i64, seconds: u32) -> Result<String, WireError> {
    let parts = key.split_once('.').filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
    let Some((id, secret)) = parts.filter(|(_, secret)| !secret.contains('.')) else {
        // The key itself is never told.
        return Err(WireError::new("the channel's key must have the form id.secret"));
    };
    let ends = now.saturating_add(i64::from(seconds));
    let payload = object(|o| {
        o.text("api_key", id);
        o.int("exp", ends.saturating_mul(1000));
        o.int("timestamp", now.saturating_mul(1000));
    });
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","sign_type":"SIGN"}"#);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(mac(secret.as_bytes(), text.as_bytes()));
    Ok(format!("{text}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_token_says_who_and_until_when() {
        let token = token("abc.s3cr3t", 1_785_000_000, 600).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let read =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        assert_eq!(read(parts[0]), json!({"alg": "HS256", "sign_type": "SIGN"}));
        let expected =
            json!({"api_key": "abc", "exp": 1_785_000_600_000i64, "timestamp": 1_785_000_000_000i64});
        assert_eq!(read(parts[1]), expected);
        // From a computation apart from this one (Python's hashlib and hmac).
        assert_eq!(parts[2], "L-jg8ecRnHdoHDrsfaja-Jc6a3M1EMrywGlwOQBoLVs");
        assert_eq!(parts.len(), 3);
    }

    #[test]
    fn another_key_is_refused_and_not_told() {
        for key in ["", "k1k2", ".k1k2", "k1k2.", "k1.k2.k3"] {
            let error = token(key, 0, 60).unwrap_err();
            assert!(!error.message.contains("k1"), "{key}");
        }
    }
}
