//! Looks after the servers of sites: asks each for its health path, every few seconds.

use super::servers::Servers;
use super::{Kind, Site, upstream};
use crate::gateway::Gateway;
use http::Method;
use pingora_core::connectors::http::Connector;
use pingora_http::RequestHeader;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A server that has not answered by then is not well.
const DEADLINE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(250);

/// Runs until the process ends.
pub async fn run(gateway: Arc<Gateway>) {
    let connector = Arc::new(Connector::<()>::new(None));
    let mut due: HashMap<usize, (Weak<Site>, Instant)> = HashMap::new();
    loop {
        tokio::time::sleep(TICK).await;
        // Sites that are gone are forgotten.
        due.retain(|_, (site, _)| site.strong_count() > 0);
        let mut checks = JoinSet::new();
        for site in gateway.sites.with_servers() {
            let Kind::Servers(servers) = &site.kind else { continue };
            if servers.conf.health.is_none() {
                continue;
            }
            let now = Instant::now();
            let (_, next) =
                due.entry(Arc::as_ptr(&site) as usize).or_insert_with(|| (Arc::downgrade(&site), now));
            if *next > now {
                continue;
            }
            *next = now + servers.conf.health_every;
            for at in 0..servers.list.len() {
                let (site, gateway, connector) = (site.clone(), gateway.clone(), connector.clone());
                checks.spawn(async move {
                    let Kind::Servers(servers) = &site.kind else { return };
                    let fine = tokio::time::timeout(DEADLINE, check(&gateway, &connector, servers, at)).await;
                    servers.checked(at, fine.ok().flatten().is_some());
                });
            }
        }
        while checks.join_next().await.is_some() {}
    }
}

/// Asks one server; `None` where it is not well.
async fn check(gateway: &Gateway, connector: &Connector<()>, servers: &Servers, at: usize) -> Option<()> {
    let (server, path) = (servers.list.get(at)?, servers.conf.health.as_deref()?);
    let address = gateway.resolver.resolve(&server.conf.host, server.conf.port).await.ok()?;
    let peer = upstream::to(servers, server, address);
    let (mut session, _) = connector.get_http_session(&peer).await.ok()?;
    let mut head = RequestHeader::build(Method::GET, path.as_bytes(), Some(4)).ok()?;
    head.insert_header("host", server.authority.as_str()).ok()?;
    head.insert_header("user-agent", concat!("magic/", env!("CARGO_PKG_VERSION"))).ok()?;
    head.insert_header("connection", "close").ok()?;
    session.write_request_header(Box::new(head)).await.ok()?;
    session.finish_request_body().await.ok()?;
    session.read_response_header().await.ok()?;
    let status = session.response_header()?.status;
    (status.is_success() || status.is_redirection()).then_some(())
}
