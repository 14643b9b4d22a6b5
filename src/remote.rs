//! Asking a running gateway's management API from the command line.

use bytes::Bytes;
use http::Method;
use magic_domain::secret::Secret;
use magic_wire::vendors::{Base, base};
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use serde_json::Value;
use std::time::Duration;

/// Longest answer that is read, in bytes.
const ANSWER_MAX: usize = 16 << 20;
/// How long a connection may take, and how long an answer: a conformance check takes most of a minute.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(75);

/// A gateway and who asks it.
pub struct Remote {
    base: Base,
    url: String,
    token: Secret,
}

impl Remote {
    /// A gateway by its URL, and an access token of an account there.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(url: &str, token: Secret) -> Result<Remote, String> {
        let base = base(url).map_err(|_| format!("{url:?} is not the URL of a gateway"))?;
        Ok(Remote { base, url: url.trim_end_matches('/').to_owned(), token })
    }

    /// The `data` of an answer; `None` where there is no such thing (404).
    ///
    /// # Errors
    /// One line for people: the gateway is not there, refuses the token, or says what is wrong.
    pub async fn call(&self, method: Method, path: &str) -> Result<Option<Value>, String> {
        let answer = tokio::time::timeout(ANSWER, self.exchange(method, path)).await;
        let (status, body) = answer.map_err(|_| format!("{} does not answer in time", self.url))??;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = value["message"].as_str().unwrap_or("it says nothing more").to_owned();
        match status {
            200 => Ok(Some(value["data"].clone())),
            404 if value["code"] == "not_found" => Ok(None),
            401 => Err(format!("{} refuses the access token: {said}. {HOW}", self.url)),
            403 => Err(format!("{}: {said}", self.url)),
            _ => Err(format!("{} answers with status {status}: {said}", self.url)),
        }
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<(u16, Vec<u8>), String> {
        let lost = |error: Box<pingora_error::Error>| {
            format!("{} can't be asked: {}", self.url, error.etype().as_str())
        };
        let Base { tls, host, port, path: prefix } = &self.base;
        let name = host.trim_matches(['[', ']']);
        let mut found = tokio::net::lookup_host((name, *port))
            .await
            .map_err(|_| format!("{} can't be found", self.url))?;
        let address = found.next().ok_or_else(|| format!("{} can't be found", self.url))?;
        let mut peer = HttpPeer::new(address, *tls, name.to_owned());
        peer.options.connection_timeout = Some(CONNECT);
        peer.options.total_connection_timeout = Some(CONNECT * 2);
        peer.options.read_timeout = Some(ANSWER);
        peer.options.alpn = ALPN::H1;
        let (mut session, _) = Connector::new(None).get_http_session(&peer).await.map_err(lost)?;
        let path = format!("{prefix}{path}");
        let mut head = RequestHeader::build(method.clone(), path.as_bytes(), None).map_err(lost)?;
        let mut set = |name: &'static str, value: &str| head.insert_header(name, value).map_err(lost);
        set("host", &format!("{host}:{port}"))?;
        set("accept", "application/json")?;
        set("authorization", self.token.expose())?;
        if method == Method::POST {
            set("content-length", "0")?;
        }
        session.write_request_header(Box::new(head)).await.map_err(lost)?;
        session.finish_request_body().await.map_err(lost)?;
        session.read_response_header().await.map_err(lost)?;
        let status = session.response_header().map_or(0, |head| head.status.as_u16());
        let mut body = Vec::new();
        while let Some(piece) = session.read_response_body().await.map_err(lost)? {
            let piece: Bytes = piece;
            if body.len() + piece.len() > ANSWER_MAX {
                return Err(format!("the answer of {} is too long", self.url));
            }
            body.extend_from_slice(&piece);
        }
        Ok((status, body))
    }
}

/// How a person gets an access token.
pub const HOW: &str = "Sign in as an administrator and make one with POST /api/user/token (it is shown once; an older one \
     ends), then set MAGIC_ACCESS_TOKEN to it";
