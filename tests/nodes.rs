//! Who is running: a node is there while it lives, marked when it is silent, gone when it has ended.

use crate::harness::{World, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::{Database, Engine, database, sql};
use magic_testkit::process::ROOT_PASSWORD;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn world(database: &Database, config: &str) -> World {
    let env = vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of all".to_owned())];
    World::with(config, false, env)
}

async fn nodes(world: &World) -> Vec<Value> {
    nodes_as(world, &world.cookie().await).await
}

async fn nodes_as(world: &World, cookie: &str) -> Vec<Value> {
    let answer = h1(world.gateway.address, "GET", "/api/node", &[("cookie", cookie)], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

/// The nodes, once they are as wanted.
async fn until(world: &World, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(30);
    // One session for all: signing in is limited.
    let cookie = world.cookie().await;
    loop {
        let all = nodes_as(world, &cookie).await;
        if wanted(&all) {
            return all;
        }
        assert!(Instant::now() < end, "{what}: {all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_live_fall_silent_and_end() {
    for engine in [Engine::MySql, Engine::Postgres] {
        let database = database(engine);
        let one = world(&database, "");
        let mut other = world(&database, "");
        let both = until(&one, "two nodes", |all| all.len() == 2).await;
        for node in &both {
            assert_eq!((&node["live"], &node["version"]), (&json!(true), &json!(env!("CARGO_PKG_VERSION"))));
            assert!(node["rss_bytes"].as_u64().unwrap() > 1 << 20, "{node}");
            assert!(!node["name"].as_str().unwrap().is_empty() && node["ending"] == false, "{node}");
            let (started, seen) = (node["started"].as_i64().unwrap(), node["seen_at"].as_i64().unwrap());
            assert!(started > 1_700_000_000 && seen >= started, "{node}");
        }
        // One that does not end in order stays, and is told from the living by its silence.
        other.gateway.kill();
        let dead = both[1]["id"].as_str().unwrap().to_owned();
        sql(&database, &format!("UPDATE magic_nodes SET seen_at = seen_at - 60 WHERE id = '{dead}'")).await;
        let told = until(&one, "a silent node", |all| all.iter().any(|node| node["live"] == false)).await;
        assert_eq!((told.len(), &told[1]["id"]), (2, &json!(dead)), "{told:?}");
        // The same machine again: another life. It ends in order, and its row with it.
        other.restart();
        until(&one, "a third life", |all| all.len() == 3).await;
        other.gateway.signal("TERM");
        assert_eq!(other.gateway.wait(), Some(0));
        let left = nodes(&one).await;
        assert_eq!(left.len(), 2, "{left:?}");
    }
}

#[tokio::test]
async fn a_node_tells_of_its_load_and_only_administrators_ask() {
    let vendor = good(Proto::H1);
    let world = World::new(
        crate::harness::channel("a", &vendor, "")
            + "[[users]]\nname = \"alice\"\npassword = \"a password 1\"\n",
    );
    // A rate is of the last ten seconds: somebody has to call while it is looked at.
    let (cookie, end) = (world.cookie().await, Instant::now() + Duration::from_secs(30));
    let told = loop {
        assert_eq!(world.chat(&request(false)).await.status, 200);
        let all = nodes_as(&world, &cookie).await;
        if all.iter().any(|node| node["requests_per_second"].as_f64().unwrap() > 0.0) {
            break all;
        }
        assert!(Instant::now() < end, "no rate: {all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(told.len() == 1 && told[0]["in_force"].as_i64().unwrap() > 0, "{told:?}");
    let login = |name: &str, password: &str| json!({ "username": name, "password": password }).to_string();
    for (body, status) in [(login("alice", "a password 1"), 403), (login("root", ROOT_PASSWORD), 200)] {
        let answer = h1(world.gateway.address, "POST", "/api/user/login", &[], body.as_bytes()).await;
        let cookie = answer.headers["set-cookie"].split(';').next().unwrap().to_owned();
        let answer = h1(world.gateway.address, "GET", "/api/node", &[("cookie", &cookie)], b"").await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
