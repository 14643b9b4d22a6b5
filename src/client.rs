//! The caller's address: the connection's, or what a trusted proxy says of it (SR-27).

use ipnet::IpNet;
use pingora_proxy::Session;
use std::net::{IpAddr, Ipv4Addr};

/// The address of the caller of a request.
pub fn address(session: &Session, trusted: &[IpNet]) -> IpAddr {
    let peer = session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
    if trusted.is_empty() {
        return peer;
    }
    let forwarded: Vec<&str> = session
        .req_header()
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    rightmost_untrusted(peer, &forwarded, trusted)
}

/// Walks the chain from our side outwards for as long as the hops are trusted.
fn rightmost_untrusted(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer;
    for hop in forwarded.iter().rev() {
        if !is_trusted(client) {
            break;
        }
        match hop.parse::<IpAddr>() {
            Ok(ip) => client = ip.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(rightmost_untrusted(ip("192.0.2.1"), &["1.1.1.1"], &trusted), ip("192.0.2.1"));
        assert_eq!(rightmost_untrusted(ip("10.0.0.1"), &["1.1.1.1", "192.0.2.9"], &trusted), ip("192.0.2.9"));
        assert_eq!(rightmost_untrusted(ip("10.0.0.1"), &["1.1.1.1", "10.0.0.2"], &trusted), ip("1.1.1.1"));
        assert_eq!(rightmost_untrusted(ip("10.0.0.1"), &["rubbish"], &trusted), ip("10.0.0.1"));
    }
}
