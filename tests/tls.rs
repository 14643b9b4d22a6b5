//! Certificates from files: by name, and changed while handshakes go on.

use crate::harness::World;
use magic_testkit::db::free_port;
use magic_testkit::tls::shown;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Made {
    cert: String,
    key: String,
    der: Vec<u8>,
}

fn made(names: &[&str]) -> Made {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let der = made.cert.der().to_vec();
    Made { cert: made.cert.pem(), key: made.signing_key.serialize_pem(), der }
}

fn write(dir: &Path, name: &str, made: &Made) {
    std::fs::write(dir.join(format!("{name}.pem")), &made.cert).unwrap();
    std::fs::write(dir.join(format!("{name}.key")), &made.key).unwrap();
}

fn pair(dir: &Path, name: &str) -> String {
    format!("cert = {:?}, key = {:?}", dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")))
}

async fn becomes(at: SocketAddr, name: &str, wanted: &Made) {
    let until = Instant::now() + Duration::from_secs(20);
    while shown(at, name).await.unwrap() != wanted.der {
        assert!(Instant::now() < until, "{name} still shows another one");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_name_has_its_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<(&str, Made)> = vec![
        ("a", made(&["a.example.com"])),
        ("wild", made(&["*.example.org"])),
        ("own", made(&["own.example.com"])),
    ];
    all.iter().for_each(|(name, made)| write(dir.path(), name, made));
    let der = |name: &str| all.iter().find(|(n, _)| *n == name).unwrap().1.der.clone();
    let (by_name, own) = (free_port(), free_port());
    let listeners = format!(
        ", {{ address = \"127.0.0.1:{by_name}\", tls = true }}, {{ address = \"127.0.0.1:{own}\", tls = {{ {} }} }}",
        pair(dir.path(), "own")
    );
    let table = |name: &str, more: &str| {
        format!("[[server.certificates]]\n{}\n{more}\n", pair(dir.path(), name).replace(", key", "\nkey"))
    };
    let config = table("a", "") + &table("wild", "hosts = [\"*.example.org\", \"b.example.com\"]");
    let world = World::listening(config, false, vec![], &listeners);
    let (by_name, own): (SocketAddr, SocketAddr) =
        (([127, 0, 0, 1], by_name).into(), ([127, 0, 0, 1], own).into());
    for (at, name, wanted) in [
        (by_name, "a.example.com", "a"),
        (by_name, "A.Example.Com", "a"),
        (by_name, "x.example.org", "wild"),
        (by_name, "b.example.com", "wild"),
        (by_name, "own.example.com", "own"),
        (by_name, "nobody.example.net", "a"),
        (own, "nobody.example.net", "own"),
        (own, "a.example.com", "a"),
    ] {
        assert_eq!(shown(at, name).await.unwrap(), der(wanted), "{name}");
    }
    // Another file for a name, without a restart; a name is added by the configuration.
    let renewed = made(&["a.example.com"]);
    write(dir.path(), "a", &renewed);
    becomes(by_name, "a.example.com", &renewed).await;
    let file = world.dir.path().join("magic.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("b.example.com", "c.example.com");
    std::fs::write(&file, text).unwrap();
    becomes(by_name, "c.example.com", &all[1].1).await;
    becomes(by_name, "b.example.com", &renewed).await;
    // A file that is gone changes nothing.
    std::fs::remove_file(dir.path().join("a.pem")).unwrap();
    assert_eq!(world.api("POST", "/api/config/reload", None).await.status, 422);
    assert_eq!(shown(by_name, "a.example.com").await.unwrap(), renewed.der);
}

/// Certificates change all the time, the two files one after the other: no handshake fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handshake_fails_while_certificates_change() {
    let seconds: u64 = std::env::var("MAGIC_TEST_ROTATION").map_or(6, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a", &made(&["localhost"]));
    let port = free_port();
    let listeners = format!(", {{ address = \"127.0.0.1:{port}\", tls = {{ {} }} }}", pair(dir.path(), "a"));
    let _world = World::listening("", false, vec![], &listeners);
    let at: SocketAddr = ([127, 0, 0, 1], port).into();
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (stop, count) = (stop.clone(), count.clone());
            tokio::spawn(async move {
                let mut seen = std::collections::HashSet::new();
                while !stop.load(Ordering::Relaxed) {
                    seen.insert(shown(at, "localhost").await.unwrap());
                    count.fetch_add(1, Ordering::Relaxed);
                }
                seen
            })
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut written = 0;
    while Instant::now() < end {
        write(dir.path(), "a", &made(&["localhost"]));
        written += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = std::collections::HashSet::new();
    for caller in callers {
        seen.extend(caller.await.unwrap());
    }
    eprintln!("{} handshakes, {} certificates of {written} seen", count.load(Ordering::Relaxed), seen.len());
    assert!(seen.len() > 2, "{}", seen.len());
}
