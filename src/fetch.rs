//! One exchange with a vendor outside the proxy's filters: a channel's test, a token, a step of the bridge. It
//! goes the channel's way: its proxy, its certificates, our resolver.

use crate::gateway::Gateway;
use crate::proxy::attempt;
use bytes::Bytes;
use http::Method;
use magic_domain::channel::Channel;
use magic_wire::vendors::{Base, Signing, Target};
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;

/// What is asked.
pub struct Ask<'a> {
    pub method: Method,
    pub target: &'a Target,
    /// Besides the target's own.
    pub headers: &'a [(String, String)],
    pub body: Bytes,
}

/// An exchange whose answer has begun.
pub struct Exchange {
    session: HttpSession<()>,
    pub status: u16,
}

#[expect(
    clippy::boxed_local,
    reason = "Pingora's errors come in boxes, and this is what they are mapped with"
)]
fn broken(error: Box<pingora_error::Error>) -> String {
    format!("the connection broke: {}", error.etype().as_str())
}

/// The target of an address that stands in a vendor's answer or in our own table.
pub fn target_of(base: Base, path_and_query: String) -> Target {
    let standard = base.port == if base.tls { 443 } else { 80 };
    let host_header = if standard { base.host.clone() } else { format!("{}:{}", base.host, base.port) };
    Target {
        tls: base.tls,
        host: base.host,
        port: base.port,
        host_header,
        path_and_query,
        headers: Vec::new(),
        signing: Signing::None,
        bridge: false,
    }
}

/// Sends the request the channel's way and reads the head of the answer.
pub async fn open(gateway: &Gateway, channel: &Channel, ask: Ask<'_>) -> Result<Exchange, String> {
    let timers = attempt::timers(gateway, channel);
    let peer = attempt::peer(gateway, channel, ask.target, &timers).await.map_err(|fault| fault.message)?;
    let own: Vec<(&str, &str)> =
        channel.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    exchange(peer.as_ref(), ask, &own).await
}

/// Sends the request to a peer; `last` are headers that win over all others.
pub async fn exchange(peer: &HttpPeer, ask: Ask<'_>, last: &[(&str, &str)]) -> Result<Exchange, String> {
    let connector = Connector::new(None);
    let (mut session, _) =
        connector.get_http_session(peer).await.map_err(|error| error.etype().as_str().to_owned())?;
    let path = ask.target.path_and_query.as_bytes();
    let mut head = RequestHeader::build(ask.method, path, None).map_err(broken)?;
    if matches!(session, HttpSession::H2(_)) {
        head.set_version(http::Version::HTTP_2);
    }
    let mut set = |name: &str, value: &str| head.insert_header(name.to_owned(), value).map_err(broken);
    set("host", &ask.target.host_header)?;
    set("accept-encoding", "identity")?;
    set("user-agent", concat!("magic/", env!("CARGO_PKG_VERSION")))?;
    if !ask.body.is_empty() {
        set("content-type", "application/json")?;
        set("content-length", &ask.body.len().to_string())?;
    }
    let given = ask.target.headers.iter().chain(ask.headers);
    for (name, value) in
        given.map(|(name, value)| (name.as_str(), value.as_str())).chain(last.iter().copied())
    {
        set(name, value)?;
    }
    session.write_request_header(Box::new(head)).await.map_err(broken)?;
    if !ask.body.is_empty() {
        session.write_request_body(ask.body, true).await.map_err(broken)?;
    }
    session.finish_request_body().await.map_err(broken)?;
    session.read_response_header().await.map_err(broken)?;
    let status = session.response_header().map_or(0, |head| head.status.as_u16());
    Ok(Exchange { session, status })
}

impl Exchange {
    /// A header of the answer.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.session.response_header()?.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the answer's body.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, String> {
        self.session.read_response_body().await.map_err(broken)
    }

    /// The whole body, up to `most` bytes.
    pub async fn body(&mut self, most: usize) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if body.len() + piece.len() > most {
                return Err("the answer is too long".into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}
