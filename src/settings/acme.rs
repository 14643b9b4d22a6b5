//! `[server.acme]`: certificates that are ordered from an authority.

use super::listen::host;
use super::reader::Node;
use magic_domain::secret::Secret;
use std::path::PathBuf;

/// See `config/magic.example.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// A certificate is ordered for each.
    pub hosts: Vec<String>,
    pub email: Option<String>,
    /// The address of the authority's directory.
    pub directory: String,
    /// The authority's own certificates are checked against this file instead of the system's.
    pub ca: Option<PathBuf>,
    pub challenge: Challenge,
    /// Who we are to authorities that know their customers: an id, and a key in base64url.
    pub external_account: Option<(String, Secret)>,
}

/// How it is proven that a host is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// A file at port 80.
    Http01,
    /// A handshake at port 443.
    TlsAlpn01,
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
const KEYS: &[&str] =
    &["hosts", "email", "directory", "ca", "challenge", "accept_terms", "eab_key_id", "eab_hmac_key"];

pub(super) fn acme(server: &Node<'_>) -> Option<Acme> {
    let node = server.table("acme");
    node.only(KEYS);
    if !server.has("acme") {
        return None;
    }
    let hosts = node.list("hosts", |text| match text.starts_with("*.") {
        true => Err(format!("{text:?} can't be proven here: authorities want a DNS record for names with *")),
        false => host(text),
    });
    if hosts.is_empty() {
        node.fault("hosts", "which host names are certificates wanted for?");
    }
    if node.bool("accept_terms") != Some(true) {
        node.fault("accept_terms", "must be true: the authority has terms of service");
    }
    let directory = match node.text("directory").as_deref() {
        None | Some("letsencrypt") => LETS_ENCRYPT.to_owned(),
        Some("letsencrypt-staging") => STAGING.to_owned(),
        Some(url) => {
            if !url.starts_with("https://") {
                node.fault(
                    "directory",
                    "must be \"letsencrypt\", \"letsencrypt-staging\" or an https:// address",
                );
            }
            url.to_owned()
        }
    };
    let challenge = match node.text("challenge").as_deref() {
        None | Some("tls-alpn-01") => Challenge::TlsAlpn01,
        Some("http-01") => Challenge::Http01,
        Some(_) => {
            node.fault("challenge", "must be \"tls-alpn-01\" or \"http-01\"");
            Challenge::TlsAlpn01
        }
    };
    let external_account = match (node.text("eab_key_id"), node.text("eab_hmac_key")) {
        (Some(id), Some(key)) => Some((id, Secret::new(key))),
        (None, None) => None,
        _ => {
            node.fault("eab_key_id", "eab_key_id and eab_hmac_key belong together");
            None
        }
    };
    let (email, ca) = (node.text("email").filter(|email| !email.is_empty()), node.path("ca"));
    Some(Acme { hosts, email, directory, ca, challenge, external_account })
}
