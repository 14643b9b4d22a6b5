//! Calls that the management service makes on operators' behalf: sign-in providers, Turnstile, payment and push
//! services, balances. Only URLs that root has set, or our own defaults, are called; redirects are not followed.

use crate::fetch::{Ask, exchange, target_of};
use crate::gateway::Gateway;
use bytes::Bytes;
use http::Method;
use magic_admin::{Outward, OutwardAnswer};
use magic_wire::vendors::base;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::IpAddr;
use std::time::Duration;

/// One call takes this long at most, as long as one-api allows its sign-in providers, doubled.
const DEADLINE: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// Makes the call.
///
/// # Errors
/// One line without the URL's query: it may hold a secret.
pub async fn call(gateway: &Gateway, outward: Outward) -> Result<OutwardAnswer, String> {
    match tokio::time::timeout(DEADLINE, go(gateway, outward)).await {
        Ok(answer) => answer,
        Err(_) => Err("no answer in time".into()),
    }
}

async fn go(gateway: &Gateway, outward: Outward) -> Result<OutwardAnswer, String> {
    let address = base(&outward.url).map_err(|error| error.to_string())?;
    let place =
        gateway.resolver.resolve(&address.host, address.port).await.map_err(|error| error.to_string())?;
    if is_metadata(place.ip()) {
        return Err("the address is link-local: clouds keep their secrets there".into());
    }
    let rest = outward.url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]).split('#').next().unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let (tls, host) = (address.tls, address.host.trim_matches(['[', ']']).to_owned());
    let target = target_of(address, path);
    let mut peer = HttpPeer::new(place, tls, host);
    peer.options.connection_timeout = Some(Duration::from_secs(5));
    peer.options.total_connection_timeout = Some(DEADLINE);
    peer.options.read_timeout = Some(DEADLINE);
    peer.options.alpn = ALPN::H1;
    let mut headers = outward.headers;
    if outward.method != "GET" && outward.body.is_empty() {
        headers.push(("content-length".into(), "0".into()));
    }
    let method = Method::from_bytes(outward.method.as_bytes()).map_err(|error| error.to_string())?;
    let ask = Ask { method, target: &target, headers: &headers, body: Bytes::from(outward.body) };
    let mut answer = exchange(&peer, ask, &[]).await?;
    Ok(OutwardAnswer { status: answer.status, body: answer.body(ANSWER_MAX).await? })
}

fn is_metadata(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
