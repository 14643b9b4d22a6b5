//! How requests are taken and vendors asked: sizes, deadlines, networks.

use super::reader::Node;
use crate::tuning::Tuning;
use ipnet::IpNet;
use std::time::Duration;

/// Networks that are treated in another way than the rest of the world.
pub struct Networks {
    pub trusted_proxies: Vec<IpNet>,
    pub egress_allow: Vec<IpNet>,
}

/// `[server.limits]` and `[server.timeouts]`. `memory`: bytes that the process may use.
pub fn read(
    server: &Node<'_>,
    networks: Networks,
    relay_timeout: Option<u64>,
    memory: Option<u64>,
) -> Tuning {
    let default = Tuning::default();
    let limits = server.table("limits");
    let timeouts = server.table("timeouts");
    let bytes =
        |key: &str, fallback: usize| limits.int(key, 1024, 1 << 40).map_or(fallback, |value| value as usize);
    let ms = |key: &str, fallback: Duration| {
        timeouts.int(key, 1, 86_400_000).map_or(fallback, Duration::from_millis)
    };
    let upload_bytes = bytes("upload_bytes", default.upload_bytes);
    // A body is in memory up to twice while it is rewritten, and one of any size allowed has to find room.
    let quarter = memory.map_or(usize::MAX, |bytes| usize::try_from(bytes / 4).unwrap_or(usize::MAX));
    let buffered = default.buffered_bytes.min(quarter).max(upload_bytes);
    let tuning = Tuning {
        head_bytes: bytes("head_bytes", default.head_bytes),
        head_fields: limits.int("head_fields", 10, 250).map_or(default.head_fields, |value| value as usize),
        line_bytes: bytes("line_bytes", default.line_bytes),
        body_bytes: bytes("body_bytes", default.body_bytes),
        upload_bytes,
        buffered_bytes: bytes("buffered_bytes", buffered),
        head_deadline: limits.int("head_seconds", 1, 600).map_or(default.head_deadline, Duration::from_secs),
        body_deadline: limits.int("body_seconds", 1, 3600).map_or(default.body_deadline, Duration::from_secs),
        connect: ms("connect_ms", default.connect),
        first_byte: ms("first_byte_ms", default.first_byte),
        idle: ms("idle_ms", default.idle),
        total: match relay_timeout {
            // one-api's RELAY_TIMEOUT: the whole call, streaming included; 0 is none.
            Some(seconds) if seconds > 0 => Duration::from_secs(seconds),
            _ => ms("total_ms", default.total),
        },
        keepalive: ms("keepalive_ms", default.keepalive),
        taken: ms("write_ms", default.taken),
        abandoned: ms("drain_abandoned_ms", default.abandoned),
        abandoned_max: timeouts
            .int("drain_abandoned_max", 0, 100_000)
            .map_or(default.abandoned_max, |n| n as usize),
        trusted_proxies: networks.trusted_proxies,
        egress_allow: networks.egress_allow,
        connections_per_address: limits.int("connections_per_address", 0, 1 << 20).map(|most| most as usize),
        fsync: false,
        ..default
    };
    limits.only(&[
        "connections",
        "connections_per_address",
        "calls",
        "memory_bytes",
        "head_bytes",
        "head_fields",
        "line_bytes",
        "head_seconds",
        "body_bytes",
        "upload_bytes",
        "buffered_bytes",
        "body_seconds",
    ]);
    timeouts.only(&[
        "connect_ms",
        "first_byte_ms",
        "idle_ms",
        "total_ms",
        "keepalive_ms",
        "write_ms",
        "drain_abandoned_ms",
        "drain_abandoned_max",
    ]);
    tuning
}
