//! iFlytek Spark's address: a WebSocket's, signed in its query.

use super::time::Moment;
use super::{mac, percent};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The address of a conversation at `now` in unix seconds. `host`: `spark-api.xf-yun.com`; `path`: `/v4.0/chat`.
/// It holds what lets anyone in for some minutes: not for logs.
pub fn url(host: &str, path: &str, key: &str, secret: &str, now: i64) -> String {
    let date = Moment::of(now).http();
    let text = format!("host: {host}\ndate: {date}\nGET {path} HTTP/1.1");
    let signature = STANDARD.encode(mac(secret.as_bytes(), text.as_bytes()));
    let authorization = STANDARD.encode(format!(
        "api_key=\"{key}\", algorithm=\"hmac-sha256\", headers=\"host date request-line\", signature=\"{signature}\""
    ));
    let mut out = format!("wss://{host}{path}");
    for (name, value) in [("?authorization=", authorization.as_str()), ("&date=", &date), ("&host=", host)] {
        out.push_str(name);
        percent(value.as_bytes(), false, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a computation apart from this one (Python's hashlib, hmac and urllib).
    #[test]
    fn an_address_is_signed() {
        let url = url("spark-api.xf-yun.com", "/v4.0/chat", "key", "s3cr3t", 1_785_000_000);
        assert_eq!(
            url,
            "wss://spark-api.xf-yun.com/v4.0/chat?authorization=YXBpX2tleT0ia2V5IiwgYWxnb3JpdGhtPSJobWFjLXNoYTI1NiIsIGhlYWRlcnM9Imhvc3QgZGF0ZSByZXF1ZXN0LWxpbmUiLCBzaWduYXR1cmU9IjhNMjVhS3lKNlJQNGsxUGlHYnVUcXRhRW1Ib1NqUDBuSm5rMk92R2lxRDA9Ig%3D%3D&date=Sat%2C%2025%20Jul%202026%2017%3A20%3A00%20GMT&host=spark-api.xf-yun.com"
        );
        assert!(!url.contains("s3cr3t"));
    }
}
