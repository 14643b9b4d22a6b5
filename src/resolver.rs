//! Names of vendors to addresses: asynchronous, cached, never blocking an event loop. While a name can't be
//! resolved, the last good answer serves for ten minutes more.

use hickory_resolver::TokioResolver;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Answers live this long whatever their TTL says: connections are pooled per address, and an address that
/// changes with every answer would never be reused.
const FRESH: Duration = Duration::from_secs(60);
/// How long an old answer may stand in for a failing look-up.
const STALE: Duration = Duration::from_secs(600);
const DEADLINE: Duration = Duration::from_secs(5);
/// Names kept at most; more means that somebody generates them.
const NAMES_MAX: usize = 4096;

struct Entry {
    addresses: Vec<IpAddr>,
    at: Instant,
    next: AtomicUsize,
}

/// The cache.
#[derive(Default)]
pub struct Resolver {
    entries: RwLock<HashMap<String, Arc<Entry>>>,
    resolver: OnceCell<Option<TokioResolver>>,
}

/// A name that has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {0} can't be resolved")]
pub struct Unresolved(pub String);

impl Resolver {
    /// An address of `host`. Literal addresses are returned as they are; names with several are used in turn
    /// by `turn` (0 for the first try; retries pass another number).
    pub async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, Unresolved> {
        let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = literal.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, port));
        }
        let known = self.entries.read().get(host).cloned();
        if let Some(entry) = &known
            && entry.at.elapsed() < FRESH
        {
            return Ok(SocketAddr::new(entry.pick(), port));
        }
        match self.look_up(host).await {
            Some(addresses) => {
                let entry = Arc::new(Entry { addresses, at: Instant::now(), next: AtomicUsize::new(0) });
                let ip = entry.pick();
                let mut entries = self.entries.write();
                if entries.len() >= NAMES_MAX {
                    entries.clear();
                }
                entries.insert(host.to_owned(), entry);
                Ok(SocketAddr::new(ip, port))
            }
            None => match known {
                Some(entry) if entry.at.elapsed() < STALE => {
                    log::warn!("the name {host} can't be resolved now; its last address is used");
                    Ok(SocketAddr::new(entry.pick(), port))
                }
                _ => Err(Unresolved(host.to_owned())),
            },
        }
    }

    async fn look_up(&self, host: &str) -> Option<Vec<IpAddr>> {
        // `localhost` and names of /etc/hosts are the system's business; hickory reads the same files.
        let resolver = self
            .resolver
            .get_or_init(|| async { TokioResolver::builder_tokio().ok().map(|builder| builder.build()) })
            .await;
        let from_dns = async {
            let answer =
                tokio::time::timeout(DEADLINE, resolver.as_ref()?.lookup_ip(host)).await.ok()?.ok()?;
            Some(answer.iter().collect::<Vec<_>>())
        };
        let addresses = match from_dns.await {
            Some(addresses) if !addresses.is_empty() => addresses,
            _ => self.ask_system(host).await?,
        };
        // IPv4 first: a host without an IPv6 route is far more common than one without IPv4.
        let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
        let ordered = if v4.is_empty() { v6 } else { v4 };
        (!ordered.is_empty()).then_some(ordered)
    }

    /// The system's resolver on a blocking thread: knows what hickory does not (nsswitch).
    async fn ask_system(&self, host: &str) -> Option<Vec<IpAddr>> {
        let answer = tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host, 0))).await.ok()?.ok()?;
        Some(answer.map(|address| address.ip()).collect())
    }
}

impl Entry {
    fn pick(&self) -> IpAddr {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len().max(1);
        self.addresses.get(index).copied().unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literal_addresses_need_no_resolver() {
        let resolver = Resolver::default();
        let address = resolver.resolve("127.0.0.1", 443).await.unwrap();
        assert_eq!(address.to_string(), "127.0.0.1:443");
        assert_eq!(resolver.resolve("[::1]", 80).await.unwrap().to_string(), "[::1]:80");
    }

    #[tokio::test]
    async fn localhost_is_known_and_cached() {
        let resolver = Resolver::default();
        let address = resolver.resolve("localhost", 1).await.unwrap();
        assert!(address.ip().is_loopback());
        assert!(resolver.entries.read().contains_key("localhost"));
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_an_error() {
        let resolver = Resolver::default();
        assert!(resolver.resolve("no-such-host.invalid", 1).await.is_err());
    }
}
