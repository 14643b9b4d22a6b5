//! Certificates of channels' own authorities.

use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{WrappedX509, parse_x509};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;
use x509_parser::prelude::FromDer;

/// The certificates of a PEM text, for a peer that trusts them instead of the system's. `None` when there
/// is none in it, or one that is malformed.
pub fn roots(pem: &str) -> Option<Arc<CaType>> {
    let mut roots = Vec::new();
    for item in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let der = item.ok()?.to_vec();
        // Pingora's own parser panics on a certificate that is none.
        x509_parser::certificate::X509Certificate::from_der(&der).ok()?;
        roots.push(WrappedX509::new(der, parse_x509));
    }
    (!roots.is_empty()).then(|| Arc::from(roots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_and_rubbish_is_not() {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert_eq!(roots(&key.cert.pem()).unwrap().len(), 1);
        assert!(roots("").is_none());
        assert!(roots("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_none());
    }
}
