//! Sending callers elsewhere: from a plain listener to HTTPS, from a site to another address; and HSTS, which
//! makes browsers go there by themselves.

use super::host;
use super::refuse::refuse;
use super::table::within;
use crate::edge::door::Conn;
use crate::gateway::Gateway;
use http::header::{LOCATION, STRICT_TRANSPORT_SECURITY};
use pingora_error::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// What a plain listener still answers: authorities that prove a name, and those who ask whether we live.
const PLAIN: &[&str] = &["/.well-known/acme-challenge", "/healthz", "/readyz"];

/// Answers with the HTTPS address, where the listener sends callers there. True: it did.
pub async fn to_https(gateway: &Gateway, session: &mut Session) -> Result<bool> {
    if !Conn::of(session).is_some_and(|conn| conn.redirect) {
        return Ok(false);
    }
    let head = session.req_header();
    if PLAIN.iter().any(|plain| within(head.uri.path(), plain)) {
        return Ok(false);
    }
    let Some((name, _)) = host::authority(head).and_then(host::split) else {
        refuse(session, 400, "the request names no host that could be asked over HTTPS", &[]).await?;
        return Ok(true);
    };
    let port = match gateway.tuning.load().https_port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let to = format!("https://{name}{port}{}", if path.starts_with('/') { path } else { "/" });
    refuse(session, 308, "this is answered over HTTPS only", &[(LOCATION.as_str(), &to)]).await?;
    Ok(true)
}

/// Answers with the address a site has moved to. `below` is what of the path is below the site's.
pub async fn elsewhere(
    gateway: &Gateway,
    session: &mut Session,
    to: &str,
    status: u16,
    below: &str,
) -> Result<()> {
    let query = session.req_header().uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let to = format!("{}{below}{query}", to.trim_end_matches('/'));
    let seconds = gateway.tuning.load().hsts_seconds;
    let hsts = format!("max-age={seconds}");
    let more = [(LOCATION.as_str(), to.as_str()), (STRICT_TRANSPORT_SECURITY.as_str(), hsts.as_str())];
    let said = if seconds > 0 && tls(session) { &more[..] } else { &more[..1] };
    refuse(session, status, "this has moved", said).await
}

/// Whether the caller speaks TLS with us.
pub fn tls(session: &Session) -> bool {
    session.digest().is_some_and(|digest| digest.ssl_digest.is_some())
}

/// Says that the host is asked over HTTPS only, in answers over TLS; a server's own word on it stands.
pub fn hsts(session: &Session, head: &mut ResponseHeader, gateway: &Gateway) {
    let seconds = gateway.tuning.load().hsts_seconds;
    let whole = !head.status.is_informational();
    if seconds > 0 && whole && tls(session) && !head.headers.contains_key(STRICT_TRANSPORT_SECURITY) {
        let _ = head.insert_header(STRICT_TRANSPORT_SECURITY, format!("max-age={seconds}"));
    }
}
