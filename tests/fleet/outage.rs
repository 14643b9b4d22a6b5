//! What Redis may do without anybody's noticing: hang, end, forget everything, hold nonsense.

use super::{Fleet, SHARED};
use crate::harness::{CUSTOMER_KEY, World, channel, customer, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::{Engine, Server, database, free_port, redis_on};
use magic_testkit::relay::Relay;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Says something to a Redis; its answer.
fn say(port: u16, words: &str) -> String {
    let mut on = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    on.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    on.write_all(format!("{words}\r\n").as_bytes()).unwrap();
    let mut told = [0u8; 1024];
    let read = on.read(&mut told).unwrap();
    String::from_utf8_lossy(&told[..read]).into_owned()
}

async fn ready(fleet: &Fleet, at: usize) -> Value {
    let told = h1(fleet.nodes[at].gateway.address, "GET", "/readyz", &[], b"").await;
    assert_eq!(told.status, 200, "{}", told.text());
    told.json()["status"].clone()
}

async fn until_ready(fleet: &Fleet, wanted: &str) -> Duration {
    let began = Instant::now();
    for at in 0..fleet.nodes.len() {
        while ready(fleet, at).await != wanted {
            assert!(began.elapsed() < Duration::from_secs(30), "node {at} is not {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    began.elapsed()
}

/// Calls of one load.
const CALLS: usize = 300;

/// What was going on, half of the calls within, 99 of 100 within.
type Told = Mutex<Vec<(String, Duration, Duration)>>;

/// Calls on all nodes, some at a time, that must all succeed; how many.
async fn load(fleet: &Fleet, what: &str, told: &Told) -> usize {
    let mut took = Vec::new();
    for _ in 0..CALLS / 30 {
        let calls = (0..30).map(async |at| {
            let began = Instant::now();
            let answer = fleet.nodes[at % 3].chat_as(CUSTOMER_KEY, &request(at % 2 == 0)).await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            began.elapsed()
        });
        took.extend(futures::future::join_all(calls).await);
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    assert!(p99 < Duration::from_secs(5), "{what}: {p99:?}");
    told.lock().unwrap().push((what.to_owned(), took[took.len() / 2], p99));
    took.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_what_redis_does() {
    for engine in SHARED {
        let vendor = good(Proto::H1);
        let port = free_port();
        let (url, server) = redis_on(port);
        let limits = "[[groups]]\nname = \"default\"\nratio = 1\n";
        let config = [channel("a", &vendor, ""), customer(10.0), limits.to_owned()].concat();
        let fleet = Fleet::open(engine, &config, Some(&url), 3);
        until_ready(&fleet, "ok").await;
        let told = Told::default();
        let mut made = load(&fleet, "Redis is there", &told).await;

        server.signal("STOP");
        let noticed = until_ready(&fleet, "degraded").await;
        println!("{engine:?}: a hanging Redis is told after {noticed:?}");
        made += load(&fleet, "Redis hangs", &told).await;
        made += banned_and_not(&fleet).await;
        server.signal("CONT");
        until_ready(&fleet, "ok").await;

        let flushed = async {
            for _ in 0..20 {
                assert!(say(port, "FLUSHALL").starts_with("+OK"));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        made += tokio::join!(load(&fleet, "Redis forgets everything", &told), flushed).0;
        for key in ["magic:changes", "magic:counts", "magic"] {
            assert!(say(port, &format!("LPUSH {key} nonsense")).starts_with(':'));
        }
        for channel in ["magic:changes", "magic:counts"] {
            assert!(
                say(port, &format!("PUBLISH {channel} \"\\xff\\x00nonsense that no node has said\""))
                    .starts_with(':')
            );
            assert!(say(port, &format!("PUBLISH {channel} x")).starts_with(':'));
        }
        made += load(&fleet, "Redis holds nonsense", &told).await;
        made += banned_and_not(&fleet).await;

        drop(server);
        until_ready(&fleet, "degraded").await;
        made += load(&fleet, "Redis is gone", &told).await;
        let (_, again): (String, Server) = redis_on(port);
        until_ready(&fleet, "ok").await;
        made += load(&fleet, "Redis is back", &told).await;
        made += banned_and_not(&fleet).await;
        drop(again);

        // Ten tokens in, five out, to the nano-dollar: 2.25 quota each.
        fleet.nodes[0].logs(100).await;
        let (end, wanted) =
            (Instant::now() + Duration::from_secs(30), 5_000_000 - (made as i64 * 9).div_euclid(4));
        loop {
            let left = fleet.quota("customer").await;
            if left == wanted || left == wanted - 1 {
                break;
            }
            assert!(
                Instant::now() < end,
                "{engine:?}: {left} is left instead of {wanted}, after {made} calls"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(vendor.hits(), made);
        fleet.nodes[0].verify();
        println!("{engine:?}: {:?}", told.into_inner().unwrap());
    }
}

/// A ban and its end, made on one node, bite on all; the calls that were paid for on the way.
async fn banned_and_not(fleet: &Fleet) -> usize {
    let mut paid = 0;
    for (action, wanted) in [("disable", 403), ("enable", 200)] {
        let change = json!({ "username": "customer", "action": action });
        fleet.done(0, "POST", "/api/user/manage", change).await;
        for node in &fleet.nodes {
            let began = Instant::now();
            loop {
                let status = node.chat_as(CUSTOMER_KEY, &request(false)).await.status;
                paid += usize::from(status == 200);
                if status == wanted {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "{action}: {status}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    paid
}

/// F29: a node that is cut off from the database does not believe for ever what it knows of keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_stops_when_keys_may_have_been_taken_back() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let (database, vendor) = (database(engine), good(Proto::H1));
        let (relay, dsn) = Relay::before(&database.dsn);
        let config =
            ["[database]\nmax_staleness_seconds = 2\n", &channel("a", &vendor, ""), &customer(1.0)].concat();
        let start = |dsn: &str| {
            let env =
                vec![("SQL_DSN", dsn.to_owned()), ("SESSION_SECRET", "a secret of all nodes".to_owned())];
            World::with(config.clone(), false, env)
        };
        let whole = start(&database.dsn);
        let apart = start(&dsn);
        let short = request(false);
        let call = |world: &World| {
            let at = world.gateway.address;
            let body = short.to_string();
            async move {
                let bearer = format!("Bearer {CUSTOMER_KEY}");
                h1(at, "POST", "/v1/chat/completions", &[("authorization", &bearer)], body.as_bytes()).await
            }
        };
        let until = Instant::now() + Duration::from_secs(40);
        let nodes = loop {
            let told = whole.api("GET", "/api/node/", None).await.json();
            match told["data"].as_array() {
                Some(nodes) if nodes.len() == 2 => break nodes.clone(),
                _ => assert!(Instant::now() < until, "the nodes do not see each other: {told}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        // A node that hears of its drain has counted the nodes.
        for (what, wanted) in [("drain", 503), ("resume", 200)] {
            for node in &nodes {
                let path = format!("/api/node/{}/{what}", node["id"].as_str().unwrap());
                assert_eq!(whole.api("POST", &path, None).await.status, 200);
            }
            while h1(apart.gateway.address, "GET", "/readyz", &[], b"").await.status != wanted {
                assert!(Instant::now() < until, "{what} is not heard of");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        assert_eq!(call(&apart).await.status, 200);
        relay.cut();
        let refused = loop {
            let answer = call(&apart).await;
            if answer.status != 200 {
                break answer;
            }
            assert!(Instant::now() < until, "{engine:?}: it goes on for ever");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!((refused.status, refused.code().as_str()), (503, "quota_authority_unavailable"));
        assert_eq!(h1(apart.gateway.address, "GET", "/readyz", &[], b"").await.status, 503);
        assert_eq!(call(&whole).await.status, 200);
        let ban = json!({ "username": "customer", "action": "disable" });
        assert_eq!(whole.api("POST", "/api/user/manage", Some(ban)).await.status, 200);
        relay.mend();
        let mended = Instant::now();
        let first = loop {
            match call(&apart).await {
                answer if answer.status == 503 => {
                    assert!(mended.elapsed() < Duration::from_secs(10), "{engine:?}: it stays so")
                }
                answer => break answer,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(first.code(), "user_banned", "{engine:?}: what was changed meanwhile counts at once");
        apart.verify();
    }
}
