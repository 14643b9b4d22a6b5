//! The one place that reads a caller's token from a request's head.

use crate::principals::KeyHash;
use magic_domain::fault::{Code, Fault};
use magic_domain::ids::ChannelId;
use magic_domain::secret::Secret;
use pingora_http::RequestHeader;
use sha2::{Digest, Sha256};

/// A token as it was presented.
#[derive(Debug)]
pub struct Presented {
    pub hash: KeyHash,
    /// `sk-KEY-CHANNELID`: administrators can pin a channel.
    pub channel: Option<ChannelId>,
    /// The key with what looks like a channel's number: a token may end that way.
    whole: Option<KeyHash>,
}

impl Presented {
    /// A token that ends in a number is one before it is a pinned channel.
    pub fn resolved(self, known: impl Fn(&KeyHash) -> bool) -> Presented {
        match self.whole {
            Some(hash) if known(&hash) => Presented { hash, channel: None, whole: None },
            _ => self,
        }
    }
}

/// Longest credential that is looked at: a token is 51 characters, a pinned one a few more.
const LONGEST: usize = 512;

/// Reads the token from `Authorization`, `x-api-key`, `x-goog-api-key`, `api-key` or `?key=`. Two that differ
/// are refused: one of them would have been ignored, and nobody could say which (SR: one extractor).
pub fn read(head: &RequestHeader) -> Result<Presented, Fault> {
    let mut found: Option<Secret> = None;
    let mut offer = |text: &str| -> Result<(), Fault> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            return Err(invalid());
        }
        match &found {
            Some(before) if before.expose() != text => {
                Err(Fault::new(Code::InvalidRequest, "the request carries two different API keys; send one"))
            }
            _ => {
                found = Some(Secret::new(text));
                Ok(())
            }
        }
    };
    for value in head.headers.get_all(http::header::AUTHORIZATION) {
        let text = value.to_str().map_err(|_| invalid())?;
        let token = match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
            // Bare keys are accepted, as in one-api; other schemes are not ours.
            Some(_) => return Err(invalid()),
            None if text.eq_ignore_ascii_case("bearer") => return Err(invalid()),
            None => text,
        };
        offer(token)?;
    }
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        for value in head.headers.get_all(name) {
            offer(value.to_str().map_err(|_| invalid())?)?;
        }
    }
    for value in head.headers.get_all("sec-websocket-protocol") {
        // Browsers can't set headers on a WebSocket; OpenAI's clients put the key here.
        let text = value.to_str().map_err(|_| invalid())?;
        for protocol in text.split(',') {
            if let Some(key) = protocol.trim().strip_prefix("openai-insecure-api-key.") {
                offer(key)?;
            }
        }
    }
    for pair in head.uri.query().unwrap_or("").split('&') {
        if let Some(value) = pair.strip_prefix("key=") {
            offer(&super::route::percent(value).ok_or_else(invalid)?)?;
        }
    }
    match found {
        Some(text) => Ok(parse(&text)),
        None => Err(Fault::new(
            Code::InvalidApiKey,
            "no API key was sent; put it in the Authorization header as \"Bearer sk-…\"",
        )),
    }
}

fn parse(text: &Secret) -> Presented {
    let text = text.expose();
    let text = text.strip_prefix("sk-").unwrap_or(text);
    let (key, channel) = match text.rsplit_once('-') {
        Some((key, channel)) if !key.is_empty() && !channel.is_empty() => match channel.parse::<i64>() {
            Ok(id) if channel.bytes().all(|byte| byte.is_ascii_digit()) => (key, Some(ChannelId(id))),
            _ => (text, None),
        },
        _ => (text, None),
    };
    let digest = |key: &str| -> KeyHash { Sha256::digest(key.as_bytes()).into() };
    Presented { hash: digest(key), channel, whole: channel.map(|_| digest(text)) }
}

/// What every key that is not ours gets, whatever is wrong with it.
pub fn invalid() -> Fault {
    Fault::new(Code::InvalidApiKey, "the API key is not valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut head = RequestHeader::build_no_case("POST", uri.as_bytes(), None).unwrap();
        for (name, value) in headers {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    fn hash(key: &str) -> KeyHash {
        Sha256::digest(key.as_bytes()).into()
    }

    #[test]
    fn every_place_gives_the_same_token() {
        for (uri, headers) in [
            ("/", vec![("authorization", "Bearer sk-abc")]),
            ("/", vec![("authorization", "bearer abc")]),
            ("/", vec![("authorization", "sk-abc")]),
            ("/", vec![("x-api-key", "sk-abc")]),
            ("/", vec![("x-goog-api-key", "abc")]),
            ("/", vec![("api-key", "sk-abc")]),
            ("/?alt=sse&key=sk-abc", vec![]),
            ("/", vec![("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-abc")]),
            ("/", vec![("authorization", "Bearer sk-abc"), ("x-api-key", "sk-abc")]),
        ] {
            let presented = read(&head(uri, &headers)).unwrap();
            assert_eq!((presented.hash, presented.channel), (hash("abc"), None), "{uri} {headers:?}");
        }
    }

    #[test]
    fn two_that_differ_are_refused() {
        let fault = read(&head("/", &[("authorization", "Bearer a"), ("x-api-key", "b")])).unwrap_err();
        assert_eq!(fault.code, Code::InvalidRequest);
        let fault =
            read(&head("/", &[("authorization", "Bearer a"), ("authorization", "Bearer b")])).unwrap_err();
        assert_eq!(fault.code, Code::InvalidRequest);
    }

    #[test]
    fn a_channel_can_be_pinned() {
        let presented = read(&head("/", &[("authorization", "Bearer sk-abc-17")])).unwrap();
        assert_eq!((presented.hash, presented.channel), (hash("abc"), Some(ChannelId(17))));
        let presented = read(&head("/", &[("authorization", "Bearer sk-a-b")])).unwrap();
        assert_eq!((presented.hash, presented.channel), (hash("a-b"), None));
    }

    #[test]
    fn nothing_else_is_a_token() {
        for headers in [
            vec![],
            vec![("authorization", "Bearer")],
            vec![("authorization", "Bearer ")],
            vec![("authorization", "Basic abc")],
            vec![("x-api-key", "")],
        ] {
            assert_eq!(read(&head("/", &headers)).unwrap_err().code, Code::InvalidApiKey, "{headers:?}");
        }
    }
}
