//! Where a try connects to, and how.

use super::super::replay::Timers;
use crate::gateway::Gateway;
use crate::tunnel::Tunnel;
use magic_domain::channel::Channel;
use magic_domain::fault::{Code, Fault};
use pingora_core::protocols::{ALPN, TcpKeepalive};
use pingora_core::upstreams::peer::HttpPeer;
use std::sync::Arc;
use std::time::Duration;

/// Connections kept to a vendor carry at most this many calls at once over HTTP/2. Pingora's default is one.
const H2_STREAMS: usize = 100;

/// Bytes of an answer that a vendor may send ahead of its caller's reading: 1.3 MB a second over 100 ms, and what a caller
/// who does not read can make this hold.
const H2_STREAM_AHEAD: u32 = 128 << 10;
/// All streams of a connection may be so far ahead at once, and leave room: whoever does not read holds up no other. By
/// default one stream may be ahead by all that its connection may (8 MiB).
const H2_AHEAD: u32 = H2_STREAM_AHEAD * (H2_STREAMS as u32 + 1);
/// A connection of HTTP/2 whose other end says nothing to this is given up after 5 seconds, and its calls are tried
/// elsewhere: else all further calls to the vendor would join those that wait on it. As often as vendors' own clients ask.
const H2_PING: Duration = Duration::from_secs(30);
/// What the kernel finds out: a vendor that thinks for minutes looks like one whose connection a firewall has forgotten, and
/// firewalls forget connections on which nothing is said.
const TCP_ALIVE: TcpKeepalive = TcpKeepalive {
    idle: Duration::from_secs(30),
    interval: Duration::from_secs(10),
    count: 3,
    user_timeout: Duration::from_secs(30),
};
/// An idle connection to a vendor is kept this long.
const KEEP_IDLE: Duration = Duration::from_secs(60);

pub fn timers(gateway: &Gateway, channel: &Channel) -> Timers {
    let tuning = gateway.tuning.load();
    let own = |ms: Option<u64>, default: Duration| ms.map_or(default, Duration::from_millis);
    Timers {
        first_byte: own(channel.timeouts.first_byte_ms, tuning.first_byte),
        idle: own(channel.timeouts.idle_ms, tuning.idle),
        total: own(channel.timeouts.total_ms, tuning.total),
        keepalive: tuning.keepalive,
        abandoned: tuning.abandoned,
    }
}

pub async fn peer(
    gateway: &Gateway,
    channel: &Channel,
    target: &magic_wire::vendors::Target,
    timers: &Timers,
) -> Result<Box<HttpPeer>, Fault> {
    if target.bridge {
        let mut peer = HttpPeer::new_uds(&gateway.bridge_socket.to_string_lossy(), false, String::new())
            .map_err(|_| Fault::new(Code::InternalError, "the bridge can't be reached"))?;
        peer.options.connection_timeout = Some(Duration::from_secs(2));
        return Ok(Box::new(peer));
    }
    let connect = channel.timeouts.connect_ms.map_or(gateway.tuning.load().connect, Duration::from_millis);
    let tunnel = match channel.proxy.as_deref().filter(|url| !url.is_empty()) {
        Some(url) => Some(Tunnel::new(url, &target.host, target.port, connect).map_err(|error| {
            log::warn!("channel {}: {error}", channel.id);
            Fault::new(Code::NoAvailableChannel, "the channel is not set up for this call")
        })?),
        None => None,
    };
    let address = match &tunnel {
        // Never dialled: the tunnel goes to its proxy. It keeps the pool's keys of different vendors apart.
        Some(_) => std::net::SocketAddr::from(([0, 0, 0, 0], target.port)),
        None => gateway.resolver.resolve(&target.host, target.port).await.map_err(|error| {
            log::warn!("channel {}: {error}", channel.id);
            Fault::new(Code::UpstreamError, "the vendor can't be reached")
        })?,
    };
    let sni = target.host.trim_matches(['[', ']']).to_owned();
    let mut peer = HttpPeer::new(address, target.tls, sni);
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect * 2);
    // Backstops: the replay session's timers are the ones that count.
    // In a WebSocket both may be silent until somebody speaks.
    let silence = match call_is_upgrade(target) {
        true => timers.total,
        false => timers.first_byte.max(timers.idle) + Duration::from_secs(5),
    };
    options.read_timeout = Some(silence);
    options.write_timeout = Some(silence);
    options.idle_timeout = Some(KEEP_IDLE);
    options.tcp_keepalive = Some(TCP_ALIVE);
    options.h2_ping_interval = Some(H2_PING);
    options.max_h2_streams = H2_STREAMS;
    options.h2_stream_window_size = Some(H2_STREAM_AHEAD);
    options.h2_connection_window_size = Some(H2_AHEAD);
    if target.tls {
        options.alpn = ALPN::H2H1;
    }
    if call_is_upgrade(target) {
        options.alpn = ALPN::H1;
    }
    let mut group = 0u64;
    if let Some(pem) = channel.ca_pem.as_deref().filter(|pem| !pem.is_empty())
        && let Some((id, roots)) = gateway.roots(pem)
    {
        options.ca = Some(roots);
        group ^= id;
    }
    if let Some(tunnel) = tunnel {
        group ^= tunnel.identity();
        options.custom_l4 = Some(Arc::new(tunnel));
    }
    // Neither CA, ALPN nor tunnel is part of Pingora's pool key; this is.
    peer.group_key = group ^ u64::from(call_is_upgrade(target));
    Ok(Box::new(peer))
}

fn call_is_upgrade(target: &magic_wire::vendors::Target) -> bool {
    target.path_and_query.contains("/realtime")
}
