//! Claude in others' clouds: the same request, with what the cloud has in its URL taken out and what Anthropic
//! has in headers put in. Members keep their order and their bytes.

use crate::WireError;
use crate::json::{Members, object};
use bytes::Bytes;

/// Where Claude runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// AWS Bedrock's InvokeModel.
    Bedrock,
    /// Google Vertex AI.
    Vertex,
}

impl Cloud {
    const fn version(self) -> &'static str {
        match self {
            Cloud::Bedrock => "bedrock-2023-05-31",
            Cloud::Vertex => "vertex-2023-10-16",
        }
    }

    /// What is taken out: Bedrock has whether the answer streams in its URL, and the tier in a header.
    const fn without(self) -> &'static [&'static str] {
        match self {
            Cloud::Bedrock => &["model", "stream", "service_tier"],
            Cloud::Vertex => &["model"],
        }
    }
}

/// A request of Anthropic's as a cloud wants it. `betas`: what Anthropic has in the header `anthropic-beta`; those
/// that stand in the body already stay there.
pub fn host(body: &[u8], cloud: Cloud, betas: &[&str]) -> Result<Bytes, WireError> {
    let mut members = Members::of_body(body)?;
    for name in cloud.without() {
        members.take(name);
    }
    // The version is the cloud's; a caller who names one speaks to it already.
    members.take("anthropic_version");
    let mut named = members.texts("anthropic_beta")?;
    for beta in betas.iter().map(|beta| beta.trim()).filter(|beta| !beta.is_empty()) {
        if !named.iter().any(|known| known == beta) {
            named.push(beta.to_owned());
        }
    }
    let text = object(|o| {
        o.text("anthropic_version", cloud.version());
        if !named.is_empty() {
            o.list("anthropic_beta", |l| named.iter().for_each(|beta| l.item().text(beta)));
        }
        members.rest().iter().for_each(|(name, value)| o.json(name, value));
    });
    Ok(Bytes::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn hosted(body: &str, cloud: Cloud, betas: &[&str]) -> String {
        String::from_utf8(host(body.as_bytes(), cloud, betas).unwrap().to_vec()).unwrap()
    }

    const BODY: &str = r#"{ "z": 1.50, "model": "claude-x", "messages": [ {"role":"user", "content":"h\u00ef \/"} ],
        "stream" : true, "service_tier":"auto", "n":12345678901234567890123, "a": null}"#;

    #[test]
    fn a_cloud_gets_what_its_url_does_not_say() {
        assert_eq!(
            hosted(BODY, Cloud::Bedrock, &[]),
            r#"{"anthropic_version":"bedrock-2023-05-31","z":1.50,"messages":[ {"role":"user", "content":"h\u00ef \/"} ],"n":12345678901234567890123,"a":null}"#
        );
        assert_eq!(
            hosted(BODY, Cloud::Vertex, &[]),
            r#"{"anthropic_version":"vertex-2023-10-16","z":1.50,"messages":[ {"role":"user", "content":"h\u00ef \/"} ],"stream":true,"service_tier":"auto","n":12345678901234567890123,"a":null}"#
        );
        assert_eq!(
            hosted(r#"{"model":"m"}"#, Cloud::Bedrock, &[]),
            r#"{"anthropic_version":"bedrock-2023-05-31"}"#
        );
    }

    #[test]
    fn betas_are_named_once() {
        let body = r#"{"anthropic_beta":["a"],"anthropic_version":"x","max_tokens":1}"#;
        assert_eq!(
            hosted(body, Cloud::Bedrock, &["b", " a", ""]),
            r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"],"max_tokens":1}"#
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in ["", "[]", "{", r#"{"a":1,"a":2}"#, r#"{"anthropic_beta":"x"}"#] {
            assert!(host(body.as_bytes(), Cloud::Vertex, &[]).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn the_other_members_stay(key in "[a-z_]{1,8}", text in ".{0,30}", number in any::<i64>()) {
            let mut body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": text}]});
            body[format!("x_{key}")] = number.into();
            let after: Value = serde_json::from_str(&hosted(&body.to_string(), Cloud::Bedrock, &[])).unwrap();
            let members = body.as_object_mut().unwrap();
            members.remove("model");
            members.remove("stream");
            members.insert("anthropic_version".to_owned(), "bedrock-2023-05-31".into());
            prop_assert_eq!(after, body);
        }

        #[test]
        fn any_bytes_are_a_request_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = host(&bytes, Cloud::Bedrock, &["b"]);
        }
    }
}
