//! Where the process listens, and what it shows there.

use super::reader::Node;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: Option<Tls>,
    /// Each connection begins with a PROXY head, from a trusted proxy.
    pub proxy_protocol: bool,
    /// Browsers are sent to the HTTPS port; authorities are answered.
    pub redirect_https: bool,
}

impl Listen {
    pub fn plain(address: SocketAddr) -> Self {
        Listen { address, tls: None, proxy_protocol: false, redirect_https: false }
    }

    /// The certificate that is this listener's alone.
    pub fn own_pair(&self) -> Option<&Pair> {
        match &self.tls {
            Some(Tls::Own(pair)) => Some(pair),
            _ => None,
        }
    }
}

/// Which certificate a listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// The one for the name that is asked for.
    ByName,
    /// This one, where none is for the name that is asked for.
    Own(Pair),
}

/// A certificate chain and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The names it is shown for; empty: those that stand in it.
    pub hosts: Vec<String>,
}

const KEYS: &[&str] = &["address", "tls", "proxy_protocol", "redirect_https"];

/// `listen`: addresses, or tables.
pub(super) fn listen(server: &Node<'_>) -> Vec<Listen> {
    let parse =
        |text: &str| text.parse::<SocketAddr>().map_err(|_| format!("{text:?} is no address (0.0.0.0:3000)"));
    let tables = server.json("listen").and_then(|value| value.as_array().cloned()).unwrap_or_default();
    if tables.iter().any(serde_json::Value::is_string) || tables.is_empty() {
        return server.list("listen", parse).into_iter().map(Listen::plain).collect();
    }
    let mut listen = Vec::new();
    for node in server.tables("listen") {
        let address = node.text("address").unwrap_or_default();
        let tls = match node.json("tls") {
            Some(serde_json::Value::Bool(by_name)) => by_name.then_some(Tls::ByName),
            Some(_) => pair(&node.table("tls"), &["cert", "key"]).map(Tls::Own),
            None => None,
        };
        let listener = |address| Listen {
            tls,
            proxy_protocol: node.bool("proxy_protocol").unwrap_or(false),
            redirect_https: node.bool("redirect_https").unwrap_or(false),
            ..Listen::plain(address)
        };
        match parse(&address).map(listener) {
            Ok(listener) => {
                if listener.redirect_https && listener.tls.is_some() {
                    node.fault("redirect_https", "is for listeners without TLS");
                }
                if listener.proxy_protocol && !server.has("trusted_proxies") {
                    node.fault("proxy_protocol", "needs server.trusted_proxies: who may send a PROXY head");
                }
                listen.push(listener);
            }
            Err(what) => node.fault("address", what),
        }
        node.only(KEYS);
    }
    listen
}

/// `certificates`: pairs that are shown by name.
pub(super) fn certificates(server: &Node<'_>) -> Vec<Pair> {
    let pairs = server.tables("certificates").into_iter();
    pairs
        .filter_map(|node| {
            let hosts = node.list("hosts", host);
            Some(Pair { hosts, ..pair(&node, &["cert", "key", "hosts"])? })
        })
        .collect()
}

/// A host name, or one with `*.` in front.
pub(super) fn host(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is no host name (api.example.com, *.example.com)"))
    }
}

fn pair(node: &Node<'_>, known: &[&str]) -> Option<Pair> {
    node.only(known);
    let (Some(cert), Some(key)) = (node.path("cert"), node.path("key")) else {
        node.fault(if node.has("cert") { "key" } else { "cert" }, "both cert and key are needed");
        return None;
    };
    for (name, path) in [("cert", &cert), ("key", &key)] {
        if let Err(error) = std::fs::File::open(path) {
            node.fault(name, format!("{} can't be read: {error}", path.display()));
        }
    }
    Some(Pair { cert, key, hosts: Vec::new() })
}
