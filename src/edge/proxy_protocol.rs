//! HAProxy's PROXY protocol, versions 1 and 2: a balancer in front says who connected to it.

use ppp::{HeaderResult, PartialResult, v1, v2};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer heads are refused. Version 2 may carry extensions (a certificate's names, for example).
const HEAD_MAX: usize = 4096;
/// The longest line of version 1.
const V1_MAX: usize = 107;

/// Reads the head from the front of a connection. The address it names (`None`: the balancer speaks for itself, as
/// in a health check), and what came after it.
///
/// # Errors
/// The connection does not begin with a head, in words for the log.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Option<SocketAddr>, Vec<u8>), String> {
    let mut bytes = Vec::with_capacity(256);
    loop {
        let began = bytes.len();
        bytes.resize((began + 256).min(HEAD_MAX), 0);
        let Some(room) = bytes.get_mut(began..).filter(|room| !room.is_empty()) else {
            return Err("its PROXY head is too long".into());
        };
        let read = stream.read(room).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("it ended before its PROXY head did".into());
        }
        bytes.truncate(began + read);
        if let Some(parsed) = parse(&bytes) {
            let (address, length) = parsed?;
            return Ok((address, bytes.split_off(length)));
        }
    }
}

/// `None`: there has to come more.
fn parse(bytes: &[u8]) -> Option<Result<(Option<SocketAddr>, usize), String>> {
    // The parser takes half an address of version 1 for a wrong one: it gets whole lines.
    let unfinished = bytes.len() < V1_MAX && !bytes.contains(&b'\n');
    if unfinished && bytes.first() == Some(&b'P') {
        return None;
    }
    let result = HeaderResult::parse(bytes);
    if result.is_incomplete() && bytes.first() != Some(&b'P') {
        return None;
    }
    Some(match result {
        HeaderResult::V1(Ok(head)) => Ok((of_v1(&head), head.header.len())),
        HeaderResult::V2(Ok(head)) => Ok((of_v2(&head), head.len())),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => {
            Err("it does not begin with a PROXY head".to_owned())
        }
    })
}

fn of_v1(head: &v1::Header<'_>) -> Option<SocketAddr> {
    match head.addresses {
        v1::Addresses::Tcp4(at) => Some((at.source_address, at.source_port).into()),
        v1::Addresses::Tcp6(at) => Some((at.source_address, at.source_port).into()),
        v1::Addresses::Unknown => None,
    }
}

fn of_v2(head: &v2::Header<'_>) -> Option<SocketAddr> {
    if head.command == v2::Command::Local {
        return None;
    }
    match head.addresses {
        v2::Addresses::IPv4(at) => Some((at.source_address, at.source_port).into()),
        v2::Addresses::IPv6(at) => Some((at.source_address, at.source_port).into()),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2() -> Vec<u8> {
        let to: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let from: SocketAddr = "198.51.100.7:4000".parse().unwrap();
        let command = v2::Version::Two | v2::Command::Proxy;
        v2::Builder::with_addresses(command, v2::Protocol::Stream, (from, to)).build().unwrap()
    }

    #[tokio::test]
    async fn both_versions_are_read_in_any_pieces() {
        for head in [b"PROXY TCP4 198.51.100.7 192.0.2.1 4000 443\r\n".to_vec(), version_2()] {
            for cut in 1..head.len() {
                let mut all = head.clone();
                all.extend_from_slice(b"GET / HTTP/1.1\r\n");
                let (first, second) = all.split_at(cut);
                let mut stream = first.chain(second);
                let (address, rest) = read(&mut stream).await.unwrap();
                assert_eq!(address, Some("198.51.100.7:4000".parse().unwrap()), "{cut}");
                let mut all = rest;
                stream.read_to_end(&mut all).await.unwrap();
                assert_eq!(all, b"GET / HTTP/1.1\r\n");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_head_is_refused() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 9000]].concat();
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"PROXY", &long, b"\r\n\r\n\0\r\nQUIT\n\x99\0\0\0"]
        {
            assert!(read(&mut &bytes[..]).await.is_err(), "{bytes:?}");
        }
        assert_eq!(read(&mut &b"PROXY UNKNOWN\r\nx"[..]).await, Ok((None, b"x".to_vec())));
    }
}
