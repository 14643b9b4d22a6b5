//! Fetching what a caller's request points at (SR-24): a picture at an address, for a vendor that takes only its
//! bytes. Callers name the address, so only globally routable ones are connected to, on the web's own ports, and
//! the address that was looked at is the one that is connected to.

use crate::fetch::{Ask, exchange, target_of};
use crate::gateway::Gateway;
use bytes::Bytes;
use http::Method;
use magic_wire::vendors::base;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// All hops together take this long at most.
const DEADLINE: Duration = Duration::from_secs(10);
const REDIRECTS_MAX: usize = 3;
const BYTES_MAX: usize = 20 << 20;

/// What was found at an address: its bytes, and what they are by their beginning.
pub struct Found {
    pub mime: &'static str,
    pub bytes: Vec<u8>,
}

/// Fetches a picture or a PDF.
pub async fn fetch(gateway: &Gateway, url: &str) -> Result<Found, String> {
    match tokio::time::timeout(DEADLINE, follow(gateway, url)).await {
        Ok(found) => found,
        Err(_) => Err("it did not arrive in time".into()),
    }
}

async fn follow(gateway: &Gateway, url: &str) -> Result<Found, String> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        match hop(gateway, &url).await? {
            Hop::Found(found) => return Ok(found),
            Hop::Elsewhere(next) => url = next,
        }
    }
    Err("it moves on and on".into())
}

enum Hop {
    Found(Found),
    Elsewhere(String),
}

async fn hop(gateway: &Gateway, url: &str) -> Result<Hop, String> {
    let address = base(url).map_err(|_| "the address is malformed".to_owned())?;
    let allowed = gateway.tuning.load().egress_allow.clone();
    let place =
        gateway.resolver.resolve(&address.host, address.port).await.map_err(|error| error.to_string())?;
    let ours = allowed.iter().any(|net| net.contains(&place.ip()));
    let web = matches!((address.tls, address.port), (true, 443) | (false, 80));
    let reachable = ours || (web && is_global(place.ip()));
    if !reachable {
        // The same words whatever is there: nobody learns our network from them.
        return Err("the address is not one of the public web".into());
    }
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
    let path = path.split('#').next().unwrap_or("/");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let (tls, host) = (address.tls, address.host.trim_matches(['[', ']']).to_owned());
    let origin = format!("{}://{}", if tls { "https" } else { "http" }, url_authority(rest));
    let target = target_of(address, path);
    let mut peer = HttpPeer::new(place, tls, host);
    peer.options.connection_timeout = Some(Duration::from_secs(5));
    peer.options.total_connection_timeout = Some(DEADLINE);
    peer.options.read_timeout = Some(DEADLINE);
    let ask = Ask { method: Method::GET, target: &target, headers: &[], body: Bytes::new() };
    let mut answer = exchange(&peer, ask, &[]).await?;
    match answer.status {
        200 => {
            let bytes = answer.body(BYTES_MAX).await?;
            let mime = kind_of(&bytes).ok_or("there is neither a picture nor a PDF")?;
            Ok(Hop::Found(Found { mime, bytes }))
        }
        301 | 302 | 303 | 307 | 308 => {
            let next = answer.header("location").ok_or("it moves nowhere")?;
            let absolute = next.starts_with("http://") || next.starts_with("https://");
            match (absolute, next.starts_with('/')) {
                (true, _) => Ok(Hop::Elsewhere(next.to_owned())),
                (false, true) => Ok(Hop::Elsewhere(format!("{origin}{next}"))),
                (false, false) => Err("it moves to an address that can't be read".into()),
            }
        }
        status => Err(format!("status {status}")),
    }
}

fn url_authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// The kinds that vendors take, by their first bytes; what a server calls them does not count.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        _ => return None,
    })
}

/// Whether an address is reached over the public internet (IANA's special-purpose registries).
pub fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    // Only what IANA has given out for the internet; within it, what carries an IPv4 address, tunnels or examples.
    let [a, b, ..] = ip.segments();
    let given_out = (0x2000..0x4000).contains(&a);
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || a == 0x3fff;
    given_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_global() {
        for special in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "100::1",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_global(special.parse().unwrap()), "{special}");
        }
        for public in
            ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860::8888"]
        {
            assert!(is_global(public.parse().unwrap()), "{public}");
        }
    }
}
