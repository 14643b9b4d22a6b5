//! Certificates from Pebble, Let's Encrypt's own test server: ordered, shown, renewed, shared.

use crate::harness::World;
use magic_testkit::acme::{Pebble, pebble};
use magic_testkit::db::{Engine, database, free_port, text};
use magic_testkit::tls::shown;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const HOST: &str = "gateway.example.com";

fn config(pebble: &Pebble, challenge: &str) -> String {
    format!(
        "[server.acme]\nhosts = [\"{HOST}\"]\nemail = \"ops@example.com\"\ndirectory = \"{}\"\nca = {:?}\nchallenge = \"{challenge}\"\naccept_terms = true\n",
        pebble.directory, pebble.ca
    )
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn listener(port: u16, more: &str) -> String {
    format!(", {{ address = \"127.0.0.1:{port}\"{more} }}")
}

/// Waits until an address shows another certificate for the host than `before`.
async fn another(at: SocketAddr, before: Option<&Vec<u8>>) -> Vec<u8> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match shown(at, HOST).await {
            Ok(found) if Some(&found) != before => return found,
            other => assert!(Instant::now() < until, "{:?}", other.map(|_| "the same certificate")),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn started(http: u16, tls: u16, seconds: u64) -> Option<Pebble> {
    let started = pebble(http, tls, seconds);
    if started.is_none() {
        eprintln!("skipped: pebble is not installed");
    }
    started
}

#[tokio::test]
async fn a_certificate_is_ordered_kept_and_renewed() {
    for challenge in ["http-01", "tls-alpn-01"] {
        let (http, tls) = (free_port(), free_port());
        let Some(pebble) = started(http, tls, 20) else { return };
        let listeners = listener(http, "") + &listener(tls, ", tls = true");
        let mut world = World::listening(config(&pebble, challenge), false, vec![], &listeners);
        let first = another(address(tls), None).await;
        assert!(String::from_utf8_lossy(&first).contains(HOST), "{challenge}");
        // It is in the database: the next process shows it before it could have ordered one.
        world.restart();
        assert_eq!(shown(address(tls), HOST).await.unwrap(), first);
        // With a third of its time left another one is ordered; there is one at every moment.
        let until = Instant::now() + Duration::from_secs(60);
        while shown(address(tls), HOST).await.unwrap() == first {
            assert!(Instant::now() < until, "{challenge}: it is not renewed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The node that is asked for the proof is not the one that has ordered, and both show the certificate.
#[tokio::test]
async fn nodes_prove_for_each_other() {
    let (http, tls, other_tls) = (free_port(), free_port(), free_port());
    let Some(pebble) = started(http, tls, 3600) else { return };
    let database = database(Engine::Postgres);
    let env =
        vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of both nodes".to_owned())];
    // This one knows nothing of the authority, and has the port that it asks.
    let asked = World::listening("", false, env.clone(), &listener(http, ""));
    let listeners = listener(other_tls, ", tls = true");
    let orders = World::listening(config(&pebble, "http-01"), false, env.clone(), &listeners);
    let found = another(address(other_tls), None).await;
    drop(asked);
    let listeners = listener(tls, ", tls = true");
    let _third = World::listening(config(&pebble, "http-01"), false, env, &listeners);
    assert_eq!(another(address(tls), None).await, found, "one certificate for all");
    orders.verify();
}

#[tokio::test]
async fn an_authority_that_refuses_is_told_of_and_tried_later() {
    let (http, tls) = (free_port(), free_port());
    let Some(pebble) = started(http, tls, 3600) else { return };
    // Nobody answers at the port that it asks.
    let listeners = listener(tls, ", tls = true");
    let database = database(Engine::Postgres);
    let env = vec![("SQL_DSN", database.dsn.clone())];
    let world = World::listening(config(&pebble, "http-01"), false, env, &listeners);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let sql = "SELECT failures || ' ' || (busy_until - CAST(EXTRACT(EPOCH FROM now()) AS BIGINT)) || ' ' || failure \
             FROM magic_certificates";
        let row = text(&database, sql).await.unwrap_or_default();
        if let Some((wait, failure)) = row.strip_prefix("1 ").and_then(|rest| rest.split_once(' ')) {
            assert!(failure.contains("connection refused"), "{failure}");
            assert!((250..=300).contains(&wait.parse::<i64>().unwrap()), "{wait}");
            break;
        }
        assert!(Instant::now() < until, "{row:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Without a certificate handshakes fail, and nothing else.
    assert!(shown(address(tls), HOST).await.is_err());
    assert_eq!(world.api("GET", "/api/status", None).await.status, 200);
    let told = world.api("GET", "/api/alerts", None).await.json();
    let alerts = told["data"]["alerts"].as_array().unwrap();
    let alert = alerts.iter().find(|alert| alert["kind"] == "certificate_failing").unwrap();
    assert_eq!((&alert["name"], &alert["severity"]), (&HOST.into(), &"bad".into()), "{told}");
    assert!(alert["detail"].as_str().unwrap().contains("connection refused"), "{told}");
}
