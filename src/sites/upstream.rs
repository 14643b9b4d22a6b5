//! Requests to a site's servers, filter by filter: the peer, the head that is sent, the body's limit, the head
//! that comes back, and whether another server is tried.

use super::servers::{Server, Servers};
use super::{Kind, Visit, redirect, squeeze};
use crate::gateway::Gateway;
use crate::proxy::context::Ctx;
use bytes::Bytes;
use http::Method;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::time::Duration;

/// How long a connection to a server is kept for the next request. Most servers keep theirs longer.
const KEPT: Duration = Duration::from_secs(30);

fn down<T>(visit: &mut Visit, status: u16, why: &'static str) -> Result<T> {
    visit.refusal = Some((status, why));
    Error::e_explain(ErrorType::Custom("Refused"), why)
}

/// `upstream_peer`: the next server.
pub async fn peer(gateway: &Gateway, visit: &mut Visit) -> Result<Box<HttpPeer>> {
    let site = visit.site.clone();
    let Kind::Servers(servers) = &site.kind else { return down(visit, 500, "the site has no servers") };
    loop {
        visit.release();
        let Some(at) = servers.pick(visit.tried) else {
            return down(visit, 502, "no server of this site can be reached");
        };
        visit.server = Some(at);
        visit.tries += 1;
        let Some(server) = servers.list.get(at) else { return down(visit, 500, "the site has no servers") };
        match gateway.resolver.resolve(&server.conf.host, server.conf.port).await {
            Ok(address) => return Ok(Box::new(to(servers, server, address))),
            Err(error) => {
                log::warn!(target: "magic::sites", "{error}");
                visit.tried |= 1 << at;
                servers.rest(at);
            }
        }
    }
}

/// The peer at an address.
pub fn to(servers: &Servers, server: &Server, address: std::net::SocketAddr) -> HttpPeer {
    let conf = &servers.conf;
    let name = server.conf.host.trim_matches(['[', ']']).to_owned();
    let mut peer = HttpPeer::new(address, server.conf.tls, name);
    let options = &mut peer.options;
    options.alpn = ALPN::H1;
    options.connection_timeout = Some(conf.connect);
    options.total_connection_timeout = Some(conf.connect * 2);
    options.read_timeout = Some(conf.idle);
    options.write_timeout = Some(conf.idle);
    options.idle_timeout = Some(KEPT);
    if server.conf.tls {
        options.ca.clone_from(&servers.roots);
        peer.group_key = servers.group;
    }
    peer
}

/// `upstream_request_filter`: what the server is told. Hop-by-hop fields are gone already.
pub fn request(
    gateway: &Gateway,
    session: &Session,
    visit: &Visit,
    ctx_id: &magic_domain::ids::RequestId,
    head: &mut RequestHeader,
) -> Result<()> {
    let Kind::Servers(servers) = &visit.site.kind else { return Ok(()) };
    let host = super::host::authority(session.req_header()).unwrap_or("").to_owned();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let path =
        if servers.conf.strip_path { path.get(visit.site.conf.path.len()..).unwrap_or("/") } else { path };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let uri = path.parse().map_err(|error| {
        Error::because(ErrorType::InvalidHTTPHeader, "the address can't be passed on", error)
    })?;
    head.set_uri(uri);
    // Callers don't say who they are; we do. Some servers take an underscore for a dash.
    let spoofed: Vec<_> = head.headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in spoofed {
        head.remove_header(&name);
    }
    let ip = crate::client::address(session, &gateway.tuning.load().trusted_proxies).to_string();
    head.insert_header("x-forwarded-for", ip.as_str())?;
    head.insert_header("x-real-ip", ip.as_str())?;
    head.insert_header("x-forwarded-proto", if redirect::tls(session) { "https" } else { "http" })?;
    head.insert_header("x-forwarded-host", host.as_str())?;
    head.insert_header("x-request-id", ctx_id.to_string())?;
    match visit.asked() {
        Some((_, server)) if !servers.conf.keep_host || host.is_empty() => {
            head.insert_header("host", server.authority.as_str())?
        }
        _ => head.insert_header("host", host)?,
    }
    for (name, value) in &servers.conf.headers {
        head.insert_header(name.clone(), value.clone())?;
    }
    Ok(())
}

/// Fields that say where a request comes from.
fn is_ours(name: &str) -> bool {
    let begins = |text: &str| {
        let same = |(a, b): (u8, u8)| if a == b'_' { b == b'-' } else { a == b };
        name.len() >= text.len() && name.bytes().zip(text.bytes()).all(same)
    };
    begins("x-forwarded-")
        || (name.len() == 9 && (begins("forwarded") || begins("x-real-ip")))
        || name == "x-request-id"
}

/// `request_body_filter`: counts.
pub fn body(visit: &mut Visit, piece: Option<&Bytes>) -> Result<()> {
    visit.body += piece.map_or(0, |piece| piece.len() as u64);
    let Kind::Servers(servers) = &visit.site.kind else { return Ok(()) };
    if visit.body > servers.conf.body_bytes {
        return down(visit, 413, "the request's body is too long");
    }
    Ok(())
}

/// `upstream_response_filter`: the head of an answer that is no vendor's, a server's or the management service's,
/// on its way to the caller.
pub fn answered(gateway: &Gateway, session: &Session, ctx: &mut Ctx, head: &mut ResponseHeader) {
    redirect::hsts(session, head, gateway);
    let how = gateway.tuning.load().compression;
    ctx.squeeze = match ctx.site {
        Some(_) => squeeze::begin(session, head, &how),
        None => squeeze::begin_ours(session, head, &how),
    };
}

/// `fail_to_connect`: nothing was sent, so another server may be asked whatever the request is.
pub fn unreachable(visit: &mut Visit, error: &mut Error) {
    visit.refusal = Some(match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => {
            (504, "the server did not answer in time")
        }
        _ => (502, "the server can't be reached"),
    });
    let site = visit.site.clone();
    if let (Kind::Servers(servers), Some(at)) = (&site.kind, visit.server) {
        visit.tried |= 1 << at;
        servers.rest(at);
        error.set_retry((visit.tried.count_ones() as usize) < servers.list.len());
    } else {
        error.set_retry(false);
    }
}

/// `error_while_proxy`: another try only where the server can't have done anything yet, or doing it twice is the
/// same as once.
pub fn broken(session: &Session, visit: &mut Visit, error: &mut Error, reused: bool) {
    let committed = session.response_written().is_some_and(|head| !head.status.is_informational());
    let ours = visit.refusal.is_some() || *error.esource() == ErrorSource::Downstream;
    if !ours {
        visit.refusal = Some(match error.etype() {
            ErrorType::ReadTimedout | ErrorType::WriteTimedout => (504, "the server did not answer in time"),
            _ => (502, "the server's answer broke off"),
        });
    }
    let safe = matches!(session.req_header().method, Method::GET | Method::HEAD | Method::OPTIONS)
        && !session.as_ref().retry_buffer_truncated()
        && !session.is_upgrade_req();
    let late = matches!(error.etype(), ErrorType::ReadTimedout | ErrorType::WriteTimedout);
    let retry = !committed
        && !ours
        && safe
        && !late
        && visit.tries <= 1 + visit.tried.count_ones() + u32::from(reused);
    let site = visit.site.clone();
    let Kind::Servers(servers) = &site.kind else { return error.set_retry(false) };
    // A kept connection that the server has closed says nothing about the server.
    if let Some(at) = visit.server
        && !reused
    {
        visit.tried |= 1 << at;
    }
    let left = (visit.tried.count_ones() as usize) < servers.list.len();
    error.set_retry(retry && left);
    if retry && left {
        visit.refusal = None;
        visit.body = 0;
    }
}
