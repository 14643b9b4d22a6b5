//! Tencent Cloud's TC3-HMAC-SHA256, of a POST to the root.

use super::time::Moment;
use super::{digest, hex, mac};
use std::fmt;

/// Who signs.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub secret_id: &'a str,
    pub secret_key: &'a str,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// As the `host` header has it.
    pub host: &'a str,
    /// `hunyuan`.
    pub service: &'a str,
    /// `ChatCompletions`.
    pub action: &'a str,
    /// `2023-09-01`.
    pub version: &'a str,
    /// As the `content-type` header has it.
    pub content_type: &'a str,
    pub body: &'a [u8],
}

/// The headers that a request gets, at `now` in unix seconds.
pub fn sign(post: &Post<'_>, credentials: &Credentials<'_>, now: i64) -> Vec<(&'static str, String)> {
    let action = post.action.to_ascii_lowercase();
    let signed = [("content-type", post.content_type), ("host", post.host), ("x-tc-action", &action)];
    vec![
        ("authorization", authorization(post, &signed, credentials, now)),
        ("x-tc-action", post.action.to_owned()),
        ("x-tc-version", post.version.to_owned()),
        ("x-tc-timestamp", now.to_string()),
    ]
}

fn authorization(
    post: &Post<'_>,
    signed: &[(&str, &str)],
    credentials: &Credentials<'_>,
    now: i64,
) -> String {
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = "POST\n/\n\n".to_owned();
    signed.iter().for_each(|(name, value)| canonical.push_str(&format!("{name}:{value}\n")));
    canonical.push_str(&format!("\n{names}\n{}", digest(post.body)));
    let date = Moment::of(now).dashed();
    let scope = format!("{date}/{}/tc3_request", post.service);
    let text = format!("TC3-HMAC-SHA256\n{now}\n{scope}\n{}", digest(canonical.as_bytes()));
    let start = mac(format!("TC3{}", credentials.secret_key).as_bytes(), date.as_bytes());
    let key = [post.service, "tc3_request"].iter().fold(start, |key, step| mac(&key, step.as_bytes()));
    let signature = hex(&mac(&key, text.as_bytes()));
    let who = credentials.secret_id;
    format!("TC3-HMAC-SHA256 Credential={who}/{scope}, SignedHeaders={names}, Signature={signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Credentials<'_> = Credentials {
        secret_id: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        secret_key: "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
    };

    /// The example of Tencent's own documentation.
    #[test]
    fn tencents_example_comes_out() {
        let post = Post {
            host: "cvm.tencentcloudapi.com",
            service: "cvm",
            action: "DescribeInstances",
            version: "2017-03-12",
            content_type: "application/json; charset=utf-8",
            body:
                br#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#,
        };
        // The example leaves the action out of what it signs.
        let signed = [("content-type", post.content_type), ("host", post.host)];
        assert_eq!(
            authorization(&post, &signed, &WHO, 1_551_113_065),
            "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, \
             SignedHeaders=content-type;host, \
             Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
        );
        let headers = sign(&post, &WHO, 1_551_113_065);
        assert_eq!(
            headers[1..],
            [
                ("x-tc-action", "DescribeInstances".to_owned()),
                ("x-tc-version", "2017-03-12".to_owned()),
                ("x-tc-timestamp", "1551113065".to_owned()),
            ]
        );
    }

    /// From a computation apart from this one (Python's hashlib and hmac).
    #[test]
    fn a_chat_is_signed() {
        let post = Post {
            host: "hunyuan.tencentcloudapi.com",
            service: "hunyuan",
            action: "ChatCompletions",
            version: "2023-09-01",
            content_type: "application/json",
            body: r#"{"Model":"hunyuan-lite","Messages":[{"Role":"user","Content":"你好"}]}"#.as_bytes(),
        };
        let headers = sign(&post, &WHO, 1_785_000_000);
        assert!(
            headers[0]
                .1
                .contains("/2026-07-25/hunyuan/tc3_request, SignedHeaders=content-type;host;x-tc-action, ")
        );
        assert_eq!(
            headers[0].1.rsplit('=').next(),
            Some("030f2bb4faf97e7a01a9788e88a9ff5c774bb9b7e088146eebf9a9d162c4b27a")
        );
        assert!(!format!("{WHO:?}").contains("Gu5t"));
    }
}
