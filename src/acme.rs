//! Certificates from an authority: ordered in time by one node, shared through the database, proven and shown by all.

mod order;

use crate::edge::certificates::{Loaded, provider};
use crate::live::LiveGateway;
use crate::settings::Acme;
use magic_store::StoreError;
use magic_store::certificates::{Issued, Proof};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Below this path an authority asks for proofs (RFC 8555, 8.3).
pub const PROOFS: &str = "/.well-known/acme-challenge/";

/// Between two looks at what is due.
const LOOK: Duration = Duration::from_secs(5);
/// What a node has for an order. Others wait as long before they try after its death.
const ORDER: Duration = Duration::from_secs(300);
/// After a first failure. Let's Encrypt allows five failures per host and hour.
const PAUSE: i64 = 300;

/// Orders what is due, until the process ends.
pub async fn run(live: Arc<LiveGateway>) {
    loop {
        if let Some(acme) = &live.settings().acme {
            for host in &acme.hosts {
                if due(&live, host) {
                    order_one(&live, acme, host).await;
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A third of its time is left, or there is none.
fn due(live: &LiveGateway, host: &str) -> bool {
    let now = crate::clock::seconds();
    match live.gateway().certificates.issued_for(host) {
        Some((since, until)) => until.saturating_sub(now) <= until.saturating_sub(since) / 3,
        None => true,
    }
}

async fn order_one(live: &LiveGateway, acme: &Acme, host: &str) {
    let store = live.store();
    match store.begin_order(host, ORDER.as_secs() as i64).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return log::debug!("whether {host} is being ordered is not known: {error}"),
    }
    // Another node may have been faster.
    if load(live).await.is_ok() && !due(live, host) {
        return log::debug!("another node has ordered a certificate for {host}");
    }
    log::info!("a certificate for {host} is ordered");
    let ordered = tokio::time::timeout(ORDER, order::order(live, acme, host)).await;
    let kept = match ordered.unwrap_or_else(|_| Err("the authority took too long".into())) {
        Ok(issued) => store.keep_certificate(issued).await.map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    match kept {
        Ok(()) => log::info!("there is a new certificate for {host}"),
        Err(why) => {
            log::error!("no certificate for {host}: {why}");
            if let Err(error) = store.order_failed(host, &why, PAUSE).await {
                log::warn!("that could not be noted: {error}");
            }
        }
    }
    if let Err(error) = load(live).await {
        log::warn!("certificates could not be loaded: {error}");
    }
}

/// Takes what the database has of certificates and proofs into memory.
///
/// # Errors
/// The database is away.
pub async fn load(live: &LiveGateway) -> Result<(), StoreError> {
    let (issued, proofs) = tokio::try_join!(live.store().issued_certificates(), live.store().proofs())?;
    let gateway = live.gateway();
    let wanted = live.settings().acme.as_ref().map(|acme| acme.hosts.clone()).unwrap_or_default();
    let issued = issued.iter().filter(|kept| !kept.chain_pem.is_empty() && wanted.contains(&kept.host));
    let loaded = issued.filter_map(|kept| {
        let loaded = Loaded::from_pem(kept.chain_pem.as_bytes(), kept.key_pem.expose().as_bytes());
        loaded.inspect_err(|why| log::error!("the certificate for {} can't be used: {why}", kept.host)).ok()
    });
    gateway.certificates.issued(loaded.collect());
    let shown = proofs.iter().filter_map(|proof| Some((proof.host.clone(), certificate_of(proof)?)));
    gateway.certificates.prove(shown.collect());
    let by_token: HashMap<String, String> = proofs.into_iter().map(|p| (p.token, p.proof)).collect();
    gateway.proofs.store(Arc::new(by_token));
    Ok(())
}

/// The certificate that proves a host in a handshake (RFC 8737, 3).
fn certificate_of(proof: &Proof) -> Option<Arc<CertifiedKey>> {
    let mut params = CertificateParams::new(vec![proof.host.clone()]).ok()?;
    params.custom_extensions =
        vec![CustomExtension::new_acme_identifier(&Sha256::digest(proof.proof.as_bytes()))];
    let key = KeyPair::generate().ok()?;
    let certificate = params.self_signed(&key).ok()?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    // Whether the two fit is not asked: whoever parses the certificate refuses its extension, which is critical.
    let key = provider().key_provider.load_private_key(key).ok()?;
    Some(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}

/// What an order brings.
fn issued(host: &str, chain_pem: String, key_pem: String) -> Result<Issued, String> {
    let loaded = Loaded::from_pem(chain_pem.as_bytes(), key_pem.as_bytes())?;
    Ok(Issued {
        host: host.to_owned(),
        chain_pem,
        key_pem: magic_domain::secret::Secret::new(key_pem),
        until: loaded.until,
        failure: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_a_certificate() {
        let proof = Proof { host: "a.example.com".into(), token: "t".into(), proof: "t.key".into() };
        let shown = certificate_of(&proof).unwrap();
        // The digest is in it, as the extension wants it.
        let digest = Sha256::digest(b"t.key");
        assert!(shown.cert[0].windows(32).any(|window| window == digest.as_slice()));
    }
}
