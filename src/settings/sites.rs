//! `server.sites` and `server.compression`: other sites behind the same door.

use super::listen::host;
use super::reader::Node;
use crate::sites::conf::{Balance, Compression, Conf, FilesConf, Kind, ServerConf, ServersConf};
use crate::sites::servers::SERVERS_MAX;
use http::{HeaderName, HeaderValue};
use magic_wire::vendors::base;
use std::time::Duration;

const FILES: &[&str] = &["root", "index", "fallback", "cache_seconds", "immutable", "memory_bytes"];
const SERVERS: &[&str] = &[
    "upstreams",
    "balance",
    "health",
    "health_seconds",
    "health_down",
    "health_up",
    "rest_seconds",
    "strip_path",
    "host",
    "headers",
    "ca",
    "body_bytes",
    "connect_ms",
    "idle_ms",
];
const REDIRECT: &[&str] = &["redirect", "status"];

/// The sites, in the order of the file.
pub(super) fn sites(server: &Node<'_>) -> Vec<Conf> {
    let mut sites: Vec<Conf> = Vec::new();
    for node in server.tables("sites") {
        let hosts = node.list("hosts", host);
        let path = path(&node);
        let kinds: Vec<&str> =
            ["root", "upstreams", "redirect"].into_iter().filter(|key| node.has(key)).collect();
        let own = match kinds.as_slice() {
            ["root"] => FILES,
            ["upstreams"] => SERVERS,
            ["redirect"] => REDIRECT,
            [_, second, ..] => {
                node.fault(second, "a site is one of root, upstreams and redirect");
                continue;
            }
            _ => {
                node.fault("root", "a site needs one of root (a folder), upstreams (servers) and redirect");
                continue;
            }
        };
        node.only(&[&["hosts", "path"], own].concat());
        let kind = match kinds.first() {
            Some(&"root") => files(&node),
            Some(&"upstreams") => servers(&node),
            _ => redirect(&node),
        };
        let Some(kind) = kind else { continue };
        let twice = |other: &&Conf| {
            let shared = other.hosts.iter().any(|host| hosts.contains(host));
            other.path == path && (shared || (other.hosts.is_empty() && hosts.is_empty()))
        };
        if sites.iter().find(twice).is_some() {
            node.fault(
                if hosts.is_empty() { "path" } else { "hosts" },
                "another site has the same host and path",
            );
        }
        sites.push(Conf { hosts, path, kind });
    }
    sites
}

/// The path a site begins at, without the slash at its end.
fn path(node: &Node<'_>) -> String {
    let path = node.text("path").unwrap_or_else(|| "/".into());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    if !path.starts_with('/')
        || !path.bytes().all(plain)
        || path.contains("//")
        || path.split('/').any(|s| s == "..")
    {
        node.fault("path", "must begin with a slash, and have no characters that would need escapes");
    }
    path.trim_end_matches('/').to_owned()
}

fn files(node: &Node<'_>) -> Option<Kind> {
    let root = node.path("root")?;
    if !root.is_dir() {
        node.fault("root", format!("{} is no folder that can be read", root.display()));
    }
    // A name below the root, as a request would have it.
    let name = |key: &str| {
        let name = node.text(key)?;
        match crate::sites::path::name(&name) {
            Ok(sound) if !sound.folder => Some(sound.path),
            _ => {
                node.fault(key, "must be the name of a file below root");
                None
            }
        }
    };
    let prefix = |text: &str| match text.trim_matches('/') {
        "" => Err("must be paths below root, like /assets/".to_owned()),
        prefix => Ok(prefix.to_owned()),
    };
    Some(Kind::Files(FilesConf {
        index: name("index").unwrap_or_else(|| "index.html".into()),
        fallback: name("fallback"),
        cache_seconds: node.int("cache_seconds", 0, 31_536_000),
        immutable: node.list("immutable", prefix),
        memory_bytes: node.int("memory_bytes", 0, 1 << 34).map_or(16 << 20, |bytes| bytes as usize),
        root,
    }))
}

fn servers(node: &Node<'_>) -> Option<Kind> {
    let server = |text: &str| match base(text) {
        Ok(address) if address.path.is_empty() => Ok(ServerConf::from(address)),
        Ok(_) => Err(format!("{text:?} has a path: servers are asked for what the caller asked for")),
        Err(_) => Err(format!("{text:?} is no server (http://127.0.0.1:8080)")),
    };
    let list = node.list("upstreams", server);
    if list.is_empty() || list.len() > SERVERS_MAX {
        node.fault("upstreams", format!("must be 1 to {SERVERS_MAX} servers"));
    }
    let balance = match node.text("balance").as_deref() {
        None | Some("round_robin") => Balance::RoundRobin,
        Some("least_connections") => Balance::LeastConnections,
        Some(_) => {
            node.fault("balance", "must be \"round_robin\" or \"least_connections\"");
            Balance::RoundRobin
        }
    };
    let keep_host = match node.text("host").as_deref() {
        None | Some("keep") => true,
        Some("upstream") => false,
        Some(_) => {
            node.fault("host", "must be \"keep\" or \"upstream\"");
            true
        }
    };
    let health = node.text("health");
    if health
        .as_ref()
        .is_some_and(|path| !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        node.fault("health", "must be a path, like /healthz");
    }
    let mut headers = Vec::new();
    for (name, value) in node.map("headers") {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) if !HOP_BY_HOP.contains(&name.as_str()) => headers.push((name, value)),
            _ => node.fault("headers", format!("{name} can't be set")),
        }
    }
    let seconds = |key: &str, fallback: u64| Duration::from_secs(node.int(key, 1, 3600).unwrap_or(fallback));
    let ms =
        |key: &str, fallback: u64| Duration::from_millis(node.int(key, 1, 86_400_000).unwrap_or(fallback));
    let times = |key: &str| node.int(key, 1, 100).map_or(2, |times| times as u32);
    Some(Kind::Servers(Box::new(ServersConf {
        servers: list,
        balance,
        health,
        health_every: seconds("health_seconds", 5),
        health_down: times("health_down"),
        health_up: times("health_up"),
        rest: seconds("rest_seconds", 10),
        strip_path: node.bool("strip_path").unwrap_or(false),
        keep_host,
        headers,
        ca: authority(node),
        body_bytes: node.int("body_bytes", 0, 1 << 40).unwrap_or(64 << 20),
        connect: ms("connect_ms", 5_000),
        idle: ms("idle_ms", 90_000),
    })))
}

/// What frames a message is not the configuration's.
const HOP_BY_HOP: &[&str] =
    &["connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "host"];

/// `ca`: the PEM, or the file it is in.
fn authority(node: &Node<'_>) -> Option<String> {
    let said = node.text("ca")?;
    let pem = if said.contains("-----BEGIN") {
        said
    } else {
        match std::fs::read_to_string(&said) {
            Ok(pem) => pem,
            Err(error) => {
                node.fault("ca", format!("{said} can't be read: {error}"));
                return None;
            }
        }
    };
    if crate::tls::roots(&pem).is_none() {
        node.fault("ca", "holds no certificate in PEM");
    }
    Some(pem)
}

fn redirect(node: &Node<'_>) -> Option<Kind> {
    let to = node.text("redirect")?;
    if base(&to).is_err() || to.contains(['?', '#']) {
        node.fault("redirect", "must be an http:// or https:// address without a query");
    }
    let status = match node.int("status", 301, 308) {
        None => 308,
        Some(status @ (301 | 302 | 307 | 308)) => status as u16,
        Some(_) => {
            node.fault("status", "must be 301, 302, 307 or 308");
            308
        }
    };
    Some(Kind::Redirect { to, status })
}

/// `compression` and what belongs to it.
pub(super) fn compression(server: &Node<'_>) -> Compression {
    let default = Compression::default();
    let level =
        |key: &str, most: u64, fallback: u32| server.int(key, 1, most).map_or(fallback, |level| level as u32);
    Compression {
        on: server.bool("compression").unwrap_or(default.on),
        min_bytes: server.int("compression_min_bytes", 0, 1 << 30).unwrap_or(default.min_bytes),
        gzip_level: level("gzip_level", 9, default.gzip_level),
        // Higher ones take too long beside streams: files can be compressed by them beforehand.
        brotli_level: level("brotli_level", 6, default.brotli_level),
        zstd_level: level("zstd_level", 9, default.zstd_level as u32) as i32,
    }
}
