//! What one node changes is in force at the others: channels, prompts, bans, sessions, codes.

use super::{Fleet, SHARED, ask, login};
use crate::harness::{CUSTOMER_KEY, MODEL, World, customer, good, request};
use magic_testkit::client::{H1, h1};
use magic_testkit::db::{Engine, database, free_port, redis, redis_on};
use magic_testkit::smtp::MailServer;
use magic_testkit::vendor::Proto;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A code that one node has sent is good at the other.
#[tokio::test]
async fn a_mailed_code_is_good_on_every_node() {
    let server = MailServer::start(false);
    let database = database(Engine::Postgres);
    let env =
        vec![("SQL_DSN", database.dsn.clone()), ("SESSION_SECRET", "a secret of both nodes".to_owned())];
    let (one, other) = (World::with("", false, env.clone()), World::with("", false, env));
    let port = server.address.port().to_string();
    for (key, value) in [
        ("SMTPServer", "localhost"),
        ("SMTPPort", port.as_str()),
        ("SMTPFrom", "noreply@example.com"),
        ("EmailVerificationEnabled", "true"),
    ] {
        let set = one.api("PUT", "/api/option/", Some(json!({ "key": key, "value": value }))).await;
        assert_eq!(set.status, 200, "{}", set.text());
    }
    let asked = h1(one.gateway.address, "GET", "/api/verification?email=a@example.com", &[], b"").await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let code = server.take("a@example.com").await.code();
    let body = json!({ "username": "alice", "password": "password 1", "email": "a@example.com",
        "verification_code": code });
    let path = "/api/user/register";
    let made = h1(other.gateway.address, "POST", path, &[], body.to_string().as_bytes()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    other.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_changes_the_others_serve() {
    for engine in SHARED {
        for with_redis in [false, true] {
            let vendor = good(Proto::H1);
            let config = customer(1.0);
            let fleet = Fleet::open(engine, &config, with_redis.then(redis), 3);
            let chat = request(false);
            fleet.everywhere(&chat, "model_not_found").await;
            let mut took = Vec::new();
            let channel = json!({ "type": 8, "name": "m", "key": "sk-a", "models": MODEL, "base_url": vendor.base_url() });
            fleet.done(0, "POST", "/api/channel/", channel).await;
            took.push(("channel", fleet.everywhere(&chat, "200").await));
            let called = json!({ "model": "prompt:p", "messages": [] });
            assert_eq!(fleet.nodes[1].chat_as(CUSTOMER_KEY, &called).await.code(), "prompt_not_found");
            let prompt =
                json!({ "name": "p", "model": MODEL, "messages": [{ "role": "user", "content": "x" }] });
            fleet.done(1, "POST", "/api/prompt", prompt).await;
            took.push(("prompt", fleet.everywhere(&called, "200").await));
            let ban = json!({ "username": "customer", "action": "disable" });
            fleet.done(2, "POST", "/api/user/manage", ban).await;
            took.push(("ban", fleet.everywhere(&chat, "user_banned").await));
            let unban = json!({ "username": "customer", "action": "enable" });
            fleet.done(0, "POST", "/api/user/manage", unban).await;
            took.push(("end of the ban", fleet.everywhere(&chat, "200").await));
            println!("{engine:?}, Redis {with_redis}: {took:?}");
            fleet.nodes[0].verify();
        }
    }
}

/// An open page hears of what is changed on another node, and that calls go there too.
#[tokio::test(flavor = "multi_thread")]
async fn pages_hear_of_other_nodes() {
    let fleet = Fleet::open(Engine::Postgres, "", None, 2);
    let account = json!({ "username": "alice", "password": "password 1", "role": 10 });
    fleet.done(0, "POST", "/api/user/", account).await;
    let cookie = login(&fleet.nodes[0], "alice", "password 1").await;
    let mut page = H1::connect(fleet.nodes[0].gateway.address).await;
    page.send("GET", "/api/events", &[("cookie", &cookie)], b"").await;
    assert!(page.read_until("event: shared\ndata: true").await);
    fleet.done(1, "PUT", "/api/group/gold", json!({ "ratio": 2 })).await;
    assert!(page.read_until("data: everything").await);
}

/// Sessions are rows: what ends one ends it everywhere at once, whether Redis is there or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_is_over_everywhere() {
    for engine in SHARED {
        let (url, server) = redis_on(free_port());
        let fleet = Fleet::open(engine, "", Some(&url), 3);
        for (name, paused) in [("alice", false), ("bob", true)] {
            if paused {
                server.signal("STOP");
            }
            let account = json!({ "username": name, "password": "password 1" });
            fleet.done(0, "POST", "/api/user/", account).await;
            let promote = json!({ "username": name, "action": "promote" });
            fleet.done(0, "POST", "/api/user/manage", promote).await;
            let mut sessions = Vec::new();
            for node in &fleet.nodes {
                sessions.push(login(node, name, "password 1").await);
            }
            let everywhere = async |path: &str, wanted: &[u16]| {
                for (node, session) in fleet.nodes.iter().zip(&sessions) {
                    let began = Instant::now();
                    let told = ask(node, session, "GET", path, &Value::Null).await;
                    assert!(wanted.contains(&told.status), "{name} {path}: {}", told.text());
                    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits for Redis");
                }
            };
            everywhere("/api/user/", &[200]).await;
            // Demoted on one node: an administrator nowhere.
            let demote = json!({ "username": name, "action": "demote" });
            fleet.done(1, "POST", "/api/user/manage", demote).await;
            everywhere("/api/user/", &[401, 403]).await;
            // A new password, set on another: the sessions of before are over.
            let mut again = Vec::new();
            for node in &fleet.nodes {
                again.push(login(node, name, "password 1").await);
            }
            let change = json!({ "password": "password 2", "original_password": "password 1" });
            let set = ask(&fleet.nodes[2], &again[2], "PUT", "/api/user/self", &change).await;
            assert_eq!(set.status, 200, "{}", set.text());
            for (node, session) in fleet.nodes.iter().zip(&again).take(2) {
                let told = ask(node, session, "GET", "/api/user/self", &Value::Null).await;
                assert_eq!(told.status, 401, "{name}: {}", told.text());
            }
            login(&fleet.nodes[0], name, "password 2").await;
        }
        server.signal("CONT");
    }
}
