//! What the configuration says of sites.

use http::{HeaderName, HeaderValue};
use magic_wire::vendors::Base;
use std::path::PathBuf;
use std::time::Duration;

/// A site of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conf {
    /// Names it is for, in lower case, some with `*.` in front; none: every host.
    pub hosts: Vec<String>,
    /// Where it begins, without a slash at the end; empty: everywhere.
    pub path: String,
    pub kind: Kind,
}

/// What a site consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Files(FilesConf),
    Servers(Box<ServersConf>),
    /// Callers are sent to this address, with the rest of the path and the query.
    Redirect {
        to: String,
        status: u16,
    },
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesConf {
    pub root: PathBuf,
    /// The file that answers for a folder.
    pub index: String,
    /// The file that answers for what is not there: the page of an application that does its own routing.
    pub fallback: Option<String>,
    /// How long callers may keep what is no page.
    pub cache_seconds: Option<u64>,
    /// Below these paths a name carries a digest of its content: kept for ever.
    pub immutable: Vec<String>,
    /// Files are kept in memory, up to so many bytes together; none that is longer than a sixteenth of it.
    pub memory_bytes: usize,
}

/// HTTP servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServersConf {
    pub servers: Vec<ServerConf>,
    pub balance: Balance,
    /// The path that is asked for to see whether a server works.
    pub health: Option<String>,
    pub health_every: Duration,
    /// So many failures in a row take a server out, so many successes bring it back.
    pub health_down: u32,
    pub health_up: u32,
    /// How long a server that could not be connected to is left alone.
    pub rest: Duration,
    /// The site's own path is taken off.
    pub strip_path: bool,
    /// Servers are told the host that the caller asked for.
    pub keep_host: bool,
    /// Set on every request, over what the caller sent.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// PEM of the authority that signs the servers' certificates.
    pub ca: Option<String>,
    pub body_bytes: u64,
    pub connect: Duration,
    /// Between two pieces of an answer, and before the first.
    pub idle: Duration,
}

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConf {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl From<Base> for ServerConf {
    fn from(base: Base) -> ServerConf {
        ServerConf { tls: base.tls, host: base.host, port: base.port }
    }
}

impl ServerConf {
    /// Host and port, as a `host` header says it.
    pub fn authority(&self) -> String {
        let standard = self.port == if self.tls { 443 } else { 80 };
        if standard { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// Which server is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    RoundRobin,
    LeastConnections,
}

/// How answers are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    pub on: bool,
    pub min_bytes: u64,
    pub gzip_level: u32,
    pub brotli_level: u32,
    pub zstd_level: i32,
}

impl Default for Compression {
    fn default() -> Self {
        Self { on: true, min_bytes: 1024, gzip_level: 5, brotli_level: 4, zstd_level: 3 }
    }
}
