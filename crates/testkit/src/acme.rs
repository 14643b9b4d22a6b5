//! A certificate authority: Let's Encrypt's own test server, Pebble, with a name server that sends it here.

use crate::db::{Server, free_port, guarded_server};
use std::net::TcpStream;
use std::path::PathBuf;

/// A running Pebble.
pub struct Pebble {
    /// Its directory.
    pub directory: String,
    /// The certificate that its own TLS is checked with.
    pub ca: PathBuf,
    _servers: [Server; 2],
    _dir: tempfile::TempDir,
}

/// Starts one that asks for proofs at these ports of this machine, and issues certificates that live for so many
/// seconds. `None`: it is not installed.
pub fn pebble(http_port: u16, tls_port: u16, seconds: u64) -> Option<Pebble> {
    let installed = |name: &str| std::path::Path::new("/usr/bin").join(name).exists();
    if !installed("pebble") || !installed("pebble-challtestsrv") {
        return None;
    }
    let (names, names_management) = (free_port(), free_port());
    let command = format!(
        "/usr/bin/pebble-challtestsrv -defaultIPv6 '' -defaultIPv4 127.0.0.1 -dns01 127.0.0.1:{names} -http01 '' -https01 '' \
         -tlsalpn01 '' -management 127.0.0.1:{names_management}"
    );
    let dns = guarded_server("magic-names", "", &command, &|| {
        TcpStream::connect(("127.0.0.1", names_management)).is_ok()
    });
    let dir = tempfile::Builder::new().prefix("magic-pebble").tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let (cert, key, config) = (at("cert.pem"), at("key.pem"), at("config.json"));
    std::fs::write(&cert, crate::vendor::ca_pem()).expect("a file");
    std::fs::write(&key, crate::vendor::key_pem()).expect("a file");
    let (port, management) = (free_port(), free_port());
    let settings = serde_json::json!({ "pebble": {
        "listenAddress": format!("127.0.0.1:{port}"), "managementListenAddress": format!("127.0.0.1:{management}"),
        "certificate": cert, "privateKey": key, "httpPort": http_port, "tlsPort": tls_port,
        "ocspResponderURL": "", "externalAccountBindingRequired": false, "certificateValidityPeriod": seconds,
    }});
    std::fs::write(&config, settings.to_string()).expect("a file");
    let command = format!("/usr/bin/pebble -config {} -dnsserver 127.0.0.1:{names}", config.display());
    let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    let server = guarded_server("magic-pebble-log", "PEBBLE_VA_NOSLEEP=1", &command, &ready);
    Some(Pebble {
        directory: format!("https://localhost:{port}/dir"),
        ca: cert,
        _servers: [server, dns],
        _dir: dir,
    })
}
