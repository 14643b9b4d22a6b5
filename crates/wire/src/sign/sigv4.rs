//! AWS Signature Version 4, of a POST.

use super::time::Moment;
use super::{digest, hex, mac, percent};
use std::fmt;

/// Who signs.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub access_key: &'a str,
    pub secret: &'a str,
    /// Of credentials that last for a session.
    pub token: Option<&'a str>,
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
    /// As the request line has it: encoded already. It has no query.
    pub path: &'a str,
    pub region: &'a str,
    /// `bedrock`.
    pub service: &'a str,
    /// As the `content-type` header has it, where the request has one.
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
}

/// The headers that a request gets, at `now` in unix seconds. Every service but S3 encodes the path that is
/// signed once more.
pub fn sign(post: &Post<'_>, credentials: &Credentials<'_>, now: i64) -> Vec<(&'static str, String)> {
    let moment = Moment::of(now);
    let (date, stamp) = (moment.date(), moment.stamp());
    let mut signed: Vec<(&str, &str)> = Vec::new();
    signed.extend(post.content_type.map(|kind| ("content-type", kind)));
    signed.push(("host", post.host));
    signed.push(("x-amz-date", &stamp));
    signed.extend(credentials.token.map(|token| ("x-amz-security-token", token)));
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = "POST\n".to_owned();
    percent(if post.path.is_empty() { "/" } else { post.path }.as_bytes(), true, &mut canonical);
    canonical.push_str("\n\n");
    for (name, value) in &signed {
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        canonical.push_str(&format!("{name}:{value}\n"));
    }
    canonical.push_str(&format!("\n{names}\n{}", digest(post.body)));
    let scope = format!("{date}/{}/{}/aws4_request", post.region, post.service);
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", digest(canonical.as_bytes()));
    let signature = hex(&mac(&key(credentials.secret, &date, post.region, post.service), text.as_bytes()));
    let who = credentials.access_key;
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={who}/{scope}, SignedHeaders={names}, Signature={signature}");
    let mut headers = vec![("authorization", authorization), ("x-amz-date", stamp.clone())];
    headers.extend(credentials.token.map(|token| ("x-amz-security-token", token.to_owned())));
    headers
}

fn key(secret: &str, date: &str, region: &str, service: &str) -> [u8; 32] {
    let start = mac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    [region, service, "aws4_request"].iter().fold(start, |key, step| mac(&key, step.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_440_938_160;
    const WHO: Credentials<'_> = Credentials {
        access_key: "AKIDEXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        token: None,
    };
    const POST: Post<'_> = Post {
        host: "example.amazonaws.com",
        path: "/",
        region: "us-east-1",
        service: "service",
        content_type: None,
        body: b"",
    };

    fn signature(headers: &[(&str, String)]) -> String {
        let (_, value) = headers.iter().find(|(name, _)| *name == "authorization").unwrap();
        value.rsplit('=').next().unwrap().to_owned()
    }

    #[test]
    fn the_key_is_the_one_in_awss_example() {
        assert_eq!(
            hex(&key(WHO.secret, "20150830", "us-east-1", "iam")),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    /// AWS's published test suite: post-vanilla, post-x-www-form-urlencoded, post-sts-header-before.
    #[test]
    fn awss_test_vectors_come_out() {
        let plain = sign(&POST, &WHO, NOW);
        assert_eq!(
            plain,
            [
                (
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, \
                     Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
                        .to_owned()
                ),
                ("x-amz-date", "20150830T123600Z".to_owned()),
            ]
        );
        let form =
            Post { content_type: Some("application/x-www-form-urlencoded"), body: b"Param1=value1", ..POST };
        assert_eq!(
            signature(&sign(&form, &WHO, NOW)),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let session = sign(&POST, &Credentials { token: Some(token), ..WHO }, NOW);
        assert_eq!(signature(&session), "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
        assert_eq!(session.last().unwrap(), &("x-amz-security-token", token.to_owned()));
    }

    /// From a computation apart from this one (Python's hashlib and hmac).
    #[test]
    fn a_path_that_is_encoded_is_encoded_again() {
        let post = Post {
            host: "bedrock-runtime.eu-central-1.amazonaws.com",
            path: "/model/us.anthropic.claude-opus-4-6-v1%3A0/converse-stream",
            region: "eu-central-1",
            service: "bedrock",
            content_type: Some("application/json"),
            body: r#"{"messages":[{"role":"user","content":[{"text":"grüß"}]}]}"#.as_bytes(),
        };
        assert_eq!(
            signature(&sign(&post, &WHO, 1_785_000_000)),
            "be8388529fc40707e7c3c3fc0f4c44c9df1413a9c338a481025f486df46c827e"
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let who = Credentials { token: Some("session"), ..WHO };
        let text = format!("{who:?}");
        assert!(!text.contains("wJalr") && !text.contains("session"));
    }
}
