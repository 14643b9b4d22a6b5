//! The certificates of this process, by the name that a caller asks for. A handshake reads memory alone; who finds a
//! new certificate (in a file, from an authority) swaps the whole table.

use crate::settings::{Listen, Pair};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The protocol in which an authority asks for the proof of TLS-ALPN-01 (RFC 8737).
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// A certificate with its key, ready for handshakes.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub key: Arc<CertifiedKey>,
    /// The names it is good for, in lower case.
    pub names: Vec<String>,
    /// From when, and until when, in Unix seconds.
    pub since: i64,
    pub until: i64,
}

impl Loaded {
    /// # Errors
    /// In words: it is no PEM, or the two do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Loaded, String> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the certificate can't be read: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("the private key can't be read: {error}"))?;
        let first = chain.first().ok_or("there is no certificate in the file")?;
        let (names, since, until) = describe(first).ok_or("the certificate is malformed")?;
        let key = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| format!("certificate and key don't fit: {error}"))?;
        Ok(Loaded { key: Arc::new(key), names, since, until })
    }

    fn read(pair: &Pair) -> Result<Loaded, String> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("{} can't be read: {error}", path.display()))
        };
        let (chain, key) = (read(&pair.cert)?, read(&pair.key)?);
        let loaded = Loaded::from_pem(&chain, &key);
        let mut loaded = loaded.map_err(|error| format!("{}: {error}", pair.cert.display()))?;
        if !pair.hosts.is_empty() {
            loaded.names.clone_from(&pair.hosts);
        }
        Ok(loaded)
    }
}

/// The cryptography that all of TLS is done with.
pub fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// A certificate's names, its beginning and its end.
fn describe(der: &[u8]) -> Option<(Vec<String>, i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names: Vec<String> = Vec::new();
    if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push(name.to_ascii_lowercase());
            }
        }
    }
    let validity = certificate.validity();
    Some((names, validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// What tells whether a file has changed.
type Stamp = (SystemTime, u64, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}

/// A pair of files that is kept up with.
struct Files {
    pair: Pair,
    seen: Option<(Stamp, Stamp)>,
    loaded: Loaded,
    /// What was said of the files last; said once.
    refused: Option<String>,
}

impl Files {
    fn new(pair: Pair) -> Result<Files, String> {
        let seen = stamp(&pair.cert).zip(stamp(&pair.key));
        let loaded = Loaded::read(&pair)?;
        Ok(Files { pair, seen, loaded, refused: None })
    }

    /// Whether there is another certificate now.
    fn look(&mut self) -> bool {
        let now = stamp(&self.pair.cert).zip(stamp(&self.pair.key));
        if now == self.seen {
            return false;
        }
        match Loaded::read(&self.pair) {
            Ok(loaded) => {
                // Read after the stamps: what changes in between is seen the next time.
                (self.seen, self.loaded, self.refused) = (now, loaded, None);
                log::info!("the certificate {} is in force", self.pair.cert.display());
                true
            }
            Err(why) => {
                if self.refused.as_ref() != Some(&why) {
                    log::warn!("the certificate in force stays: {why}");
                }
                self.refused = Some(why);
                false
            }
        }
    }
}

/// What handshakes read.
#[derive(Default)]
struct Table {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// `*.example.com` under `example.com`.
    wild: HashMap<String, Arc<CertifiedKey>>,
    /// Of listeners that have one of their own, by their place in the configuration.
    own: HashMap<usize, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
    until: Option<i64>,
}

impl Table {
    fn add(&mut self, loaded: &Loaded) {
        for name in &loaded.names {
            let (names, name) = match name.strip_prefix("*.") {
                Some(parent) => (&mut self.wild, parent),
                None => (&mut self.exact, name.as_str()),
            };
            names.entry(name.to_owned()).or_insert_with(|| loaded.key.clone());
        }
        self.first.get_or_insert_with(|| loaded.key.clone());
        self.until = Some(self.until.map_or(loaded.until, |until| until.min(loaded.until)));
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.exact.get(name).or_else(|| self.wild.get(name.split_once('.')?.1))
    }
}

/// Where certificates come from.
#[derive(Default)]
struct Sources {
    files: Vec<Files>,
    own: Vec<(usize, Files)>,
    issued: Vec<Loaded>,
}

/// Every certificate of the process.
#[derive(Default)]
pub struct Certificates {
    table: ArcSwap<Table>,
    sources: Mutex<Sources>,
    /// Proofs for authorities, by name.
    proofs: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    /// Takes the certificates that the configuration names, in place of those it named before. Blocks: it reads files.
    ///
    /// # Errors
    /// In words, which files can't be used; then nothing has changed.
    pub fn configure(&self, listen: &[Listen], pairs: &[Pair]) -> Result<(), String> {
        let files = pairs.iter().cloned().map(Files::new).collect::<Result<Vec<_>, _>>()?;
        let own = listen.iter().enumerate().filter_map(|(at, listen)| Some((at, listen.own_pair()?.clone())));
        let own = own.map(|(at, pair)| Ok((at, Files::new(pair)?))).collect::<Result<Vec<_>, String>>()?;
        let mut sources = self.sources.lock();
        (sources.files, sources.own) = (files, own);
        self.publish(&sources);
        Ok(())
    }

    /// Looks whether files have changed. Blocks.
    pub fn look(&self) {
        let mut sources = self.sources.lock();
        let mut changed = false;
        for files in &mut sources.files {
            changed |= files.look();
        }
        for (_, files) in &mut sources.own {
            changed |= files.look();
        }
        if changed {
            self.publish(&sources);
        }
    }

    /// Takes the certificates that an authority has issued, in place of those before. Files win over them.
    pub fn issued(&self, issued: Vec<Loaded>) {
        let mut sources = self.sources.lock();
        sources.issued = issued;
        self.publish(&sources);
    }

    /// From when and until when the certificate is good that an authority has issued for a host.
    pub fn issued_for(&self, host: &str) -> Option<(i64, i64)> {
        let sources = self.sources.lock();
        let found = sources.issued.iter().find(|loaded| loaded.names.iter().any(|name| name == host));
        found.map(|loaded| (loaded.since, loaded.until))
    }

    /// Takes the proofs that authorities may ask for now.
    pub fn prove(&self, proofs: HashMap<String, Arc<CertifiedKey>>) {
        self.proofs.store(Arc::new(proofs));
    }

    /// When the first of them ends, in Unix seconds.
    pub fn until(&self) -> Option<i64> {
        self.table.load().until
    }

    fn publish(&self, sources: &Sources) {
        let mut table = Table::default();
        sources.files.iter().for_each(|files| table.add(&files.loaded));
        for (at, files) in &sources.own {
            table.add(&files.loaded);
            table.own.insert(*at, files.loaded.key.clone());
        }
        sources.issued.iter().for_each(|loaded| table.add(loaded));
        self.table.store(Arc::new(table));
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}

/// The certificates as one listener shows them.
#[derive(Debug)]
pub struct ForListener {
    pub certificates: Arc<Certificates>,
    /// Its place in the configuration.
    pub at: usize,
}

impl ResolvesServerCert for ForListener {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        if hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_TLS)) {
            return self.certificates.proofs.load().get(&name?).cloned();
        }
        let table = self.certificates.table.load();
        let named = name.and_then(|name| table.find(&name).cloned());
        named.or_else(|| table.own.get(&self.at).cloned()).or_else(|| table.first.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(names: &[&str]) -> (String, String) {
        let made =
            rcgen::generate_simple_self_signed(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        let made = made.unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn pair(dir: &Path, name: &str, names: &[&str]) -> Pair {
        let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        let made = pem(names);
        std::fs::write(&cert, made.0).unwrap();
        std::fs::write(&key, made.1).unwrap();
        Pair { cert, key, hosts: vec![] }
    }

    #[test]
    fn names_find_their_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let certificates = Certificates::default();
        let pairs =
            [pair(dir.path(), "a", &["a.example.com"]), pair(dir.path(), "b", &["*.example.com", "B.org"])];
        certificates.configure(&[], &pairs).unwrap();
        let table = certificates.table.load();
        let found = |name: &str| table.find(name).map(|key| key.cert.clone());
        let (a, b) = (found("a.example.com").unwrap(), found("x.example.com").unwrap());
        assert!(a != b && found("b.org") == Some(b));
        assert!(found("example.com").is_none() && found("x.y.example.com").is_none());
    }

    #[test]
    fn half_a_change_is_no_change() {
        let dir = tempfile::tempdir().unwrap();
        let certificates = Certificates::default();
        let old = pair(dir.path(), "a", &["a"]);
        certificates.configure(&[], std::slice::from_ref(&old)).unwrap();
        let shown = || certificates.table.load().find("a").unwrap().cert.clone();
        let before = shown();
        let (cert, key) = pem(&["a"]);
        std::fs::write(&old.cert, &cert[..cert.len() / 2]).unwrap();
        certificates.look();
        assert_eq!(shown(), before, "half a file");
        std::fs::write(&old.cert, &cert).unwrap();
        certificates.look();
        assert_eq!(shown(), before, "the key of another certificate");
        std::fs::write(&old.key, &key).unwrap();
        certificates.look();
        assert_ne!(shown(), before);
    }
}
