//! Masters and slaves, who does what is done once, and nodes that are drained.

use super::{Fleet, SHARED, node};
use crate::harness::{CUSTOMER_KEY, MODEL, World, customer, good, request};
use magic_testkit::client::h1;
use magic_testkit::db::{Engine, database, sql};
use magic_testkit::process::run;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn on_duty(all: &[Value]) -> Vec<usize> {
    (0..all.len()).filter(|at| all[*at]["on_duty"] == true && all[*at]["live"] == true).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slave_waits_for_a_master_and_sends_browsers_away() {
    for engine in SHARED {
        let database = std::sync::Arc::new(database(engine));
        let early = database.clone();
        let slave = [("NODE_TYPE", "slave"), ("FRONTEND_BASE_URL", "https://magic.example.com/")];
        // What its file declares is for the masters' files to say.
        let slave = tokio::task::spawn_blocking(move || node(&early, &customer(5.0), None, &slave));
        let vendor = good(Proto::H1);
        let frontend = [("FRONTEND_BASE_URL", "https://elsewhere.example.com")];
        let master = node(&database, &customer(1.0), None, &frontend);
        let slave = slave.await.unwrap();
        let channel =
            json!({ "type": 8, "name": "m", "key": "sk-a", "models": MODEL, "base_url": vendor.base_url() });
        assert_eq!(slave.api("POST", "/api/channel/", Some(channel)).await.status, 200, "its API works");
        let end = Instant::now() + Duration::from_secs(20);
        for world in [&slave, &master] {
            while world.chat_as(CUSTOMER_KEY, &request(false)).await.status != 200 {
                assert!(Instant::now() < end);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        slave.logs(2).await;
        let users = slave.api("GET", "/api/user/search?keyword=customer", None).await.json();
        let quota = users["data"][0]["quota"].as_i64().unwrap();
        assert!(quota > 499_000 && quota < 500_000, "a dollar, not five: {quota}");
        let get = async |world: &World, path: &str| {
            let told = h1(world.gateway.address, "GET", path, &[], b"").await;
            (told.status, told.headers.get("location").cloned().unwrap_or_default())
        };
        for (path, to) in [
            ("/", "https://magic.example.com/"),
            ("/channels?q=a", "https://magic.example.com/channels?q=a"),
            ("/apis", "https://magic.example.com/apis"),
        ] {
            assert_eq!(get(&slave, path).await, (302, to.to_owned()));
            assert_ne!(get(&master, path).await.0, 302, "masters ignore it");
        }
        for path in ["/api/status", "/healthz", "/readyz"] {
            assert_eq!(get(&slave, path).await.0, 200, "{path}");
        }
        assert_eq!(get(&slave, "/v1/models").await.0, 401);
        assert_eq!(get(&slave, "/dashboard/billing/usage").await.0, 401);
        master.verify();
    }
}

#[tokio::test]
async fn a_slave_of_an_empty_database_and_a_wrong_secret_are_refused() {
    for engine in SHARED {
        let database = database(engine);
        let dir = tempfile::tempdir().unwrap();
        let start = |more: &[(&str, &str)]| {
            let mut env = vec![("SQL_DSN", database.dsn.as_str()), ("PORT", "1"), ("RUST_LOG", "warn")];
            env.extend_from_slice(more);
            run(env!("CARGO_BIN_EXE_magic"), dir.path(), &["ledger", "verify"], &env)
        };
        let (code, _, err) = start(&[("SESSION_SECRET", "right"), ("NODE_TYPE", "slave")]);
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("the database is empty, and a node with NODE_TYPE=slave"), "{err}");
        assert_eq!(start(&[("SESSION_SECRET", "right")]).0, 0);
        assert_eq!(start(&[("SESSION_SECRET", "right"), ("NODE_TYPE", "slave")]).0, 0);
        let (code, _, err) = start(&[("SESSION_SECRET", "wrong")]);
        assert_eq!((code, err.lines().count()), (1, 1), "{err}");
        assert!(err.contains("key") && !err.contains("wrong\""), "{err}");
    }
}

/// Of three masters and a slave one master has the duties; when it dies another has them, within a minute; one that
/// ends in order leaves them at once. The slave never has them.
#[tokio::test(flavor = "multi_thread")]
async fn one_master_does_what_is_done_once() {
    for engine in SHARED {
        let mut fleet = Fleet::open(engine, "", None, 3);
        let slave = node(&fleet.database, "", None, &[("NODE_TYPE", "slave")]);
        let all = fleet.until_listed("a duty", |all| all.len() == 4 && on_duty(all).len() == 1).await;
        assert_eq!(on_duty(&all), [0], "the first");
        let first = fleet.nodes.remove(0);
        let mut first = first;
        first.gateway.kill();
        sql(&fleet.database, "UPDATE magic_duties SET until = until - 60").await;
        let dead = all[0]["id"].clone();
        let others =
            |all: &[Value]| all.iter().filter(|node| node["id"] != dead).cloned().collect::<Vec<_>>();
        let all = fleet.until_listed("another", |all| on_duty(&others(all)).len() == 1).await;
        let holder = on_duty(&others(&all))[0];
        assert!(holder < 2, "never the slave: {all:?}");
        let mut holder = fleet.nodes.remove(holder);
        holder.gateway.signal("TERM");
        assert_eq!(holder.gateway.wait(), Some(0));
        let ended = Instant::now();
        let all = fleet.until_listed("the last master", |all| {
            let others = others(all);
            others.len() == 2 && on_duty(&others).len() == 1
        });
        let all = all.await;
        println!("{engine:?}: taken over after {:?}", ended.elapsed());
        assert_eq!(on_duty(&others(&all)), [0], "never the slave: {all:?}");
        drop(slave);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_node_is_not_ready_and_serves() {
    for engine in [Engine::MySql, Engine::Postgres, Engine::Sqlite] {
        let vendor = good(Proto::H1);
        let config = [crate::harness::channel("a", &vendor, ""), customer(1.0)].concat();
        let count = if engine == Engine::Sqlite { 1 } else { 2 };
        let fleet = Fleet::open(engine, &config, None, count);
        let last = count - 1;
        let all = fleet.until_listed("all nodes", |all| all.len() == count).await;
        let id = all[last]["id"].as_str().unwrap().to_owned();
        let ready = async |at: usize| {
            let told = h1(fleet.nodes[at].gateway.address, "GET", "/readyz", &[], b"").await;
            (told.status, told.json()["status"].as_str().unwrap().to_owned())
        };
        let until = async |wanted: (u16, &str)| {
            let began = Instant::now();
            while ready(last).await != (wanted.0, wanted.1.to_owned()) {
                assert!(began.elapsed() < Duration::from_secs(20), "not {wanted:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            began.elapsed()
        };
        until((200, "ok")).await;
        fleet.done(0, "POST", &format!("/api/node/{id}/drain"), Value::Null).await;
        let drained = until((503, "draining")).await;
        if count > 1 {
            assert_eq!(ready(0).await.0, 200, "the other");
        }
        assert_eq!(fleet.nodes[last].chat_as(CUSTOMER_KEY, &request(false)).await.status, 200);
        assert_eq!(fleet.nodes[last].chat_as(CUSTOMER_KEY, &request(true)).await.status, 200);
        assert_eq!(fleet.listed().await[last]["resting"], true);
        fleet.done(0, "POST", &format!("/api/node/{id}/resume"), Value::Null).await;
        let resumed = until((200, "ok")).await;
        println!("{engine:?}: drained after {drained:?}, resumed after {resumed:?}");
        assert_eq!(fleet.listed().await[last]["resting"], false);
        assert_eq!(fleet.nodes[0].api("POST", "/api/node/nobody/drain", None).await.status, 404);
    }
}
